"""``discover=sitemap``: the sitemap's index, the files of single days, and what changed in them."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import LISTING_PRIORITY, OutletSpider
from newscrawl.discovery.backward import Backward
from newscrawl.discovery.sitemap_files import Entry, read_sitemap
from newscrawl.discovery.tasks import ListingTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc

_INDEX = "sitemap"  # the name under which a run remembers that it has read the index
_OLDEST = 30 * 366  # days
_LATE = 60  # days that an index which has not changed may hide changes of
_DEPTH = 5  # of indexes in indexes; the protocol allows one

# A whole sitemap may come with one of these (Metro Sitemap); so does a day without articles.
_MISSING = (404, 410)


class Sitemap:
    """Reads the files of today and yesterday, those that changed, and older ones now and then.

    The index may give each file a time of change. Metro Sitemap gives the day itself, or nothing,
    so a correction or a late article in an older file goes unsaid: such a file is read again at
    growing intervals, up to half its age. Between ``since`` and ``until`` the days' files are
    requested by date, the newest first, listed or not.
    """

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self._asked: set[str] = set()
        self._days: deque[str] = deque()
        self._read: set[str] = set()
        self._any_readable = False
        day = re.sub(r"\\\{.*?\\\}", r"\\d{1,4}", re.escape(outlet.sitemap_day))
        self._day_address = re.compile(f"https?://[^/]+{day}" if outlet.sitemap_day else "(?!)")

    def start(self) -> Iterator[Request]:
        """Yield the newest days and the index, or every day between ``since`` and ``until``."""
        arguments = self.outlet.arguments
        if arguments.since:
            yield from self._backfill(arguments.since, arguments.until or utc(datetime.now(UTC)))
            return
        for day in sorted(set(self._dates(datetime.now(UTC)))):
            yield from self._file(self._address(day))
        url = f"https://{self.outlet.host}{self.outlet.sitemap}"
        self._asked.add(url)
        # Days that the index does not list are there all the same.
        meta = {"listing": ListingTask(name=url), "handle_httpstatus_list": [304, *_MISSING]}
        priority = LISTING_PRIORITY - 1
        yield Request(url, self.parse_index, meta=meta, priority=priority, dont_filter=True)

    def _dates(self, moment: datetime) -> tuple[date, date]:
        """Return the dates of a moment: days begin by the outlet's clock, or by everybody's."""
        return moment.astimezone(self.outlet.zone).date(), moment.astimezone(UTC).date()

    def _address(self, day: date) -> str:
        return f"https://{self.outlet.host}{self.outlet.sitemap_day.format(day)}"

    @cached_property
    def _days_back(self) -> dict[str, int]:
        """The age in days of each day's file, by its address, back to the web's beginnings."""
        today = min(self._dates(datetime.now(UTC)))
        return {self._address(today - timedelta(back)): back for back in range(_OLDEST)}

    def _older(self, url: str, modified: str | None, depth: int = 0) -> Iterator[Request]:
        """Request the file of an older day if it has changed, or if the time for a look has come.

        A first run takes the news of today; the older files are looked at from then on.
        """
        checkpoints = self.outlet.checkpoints
        hours = 24.0 * self._days_back[url]
        pauses = (max(hours / 8, 6), min(max(hours / 2, 6), 720))
        known = checkpoints.read(url)
        now = datetime.now(UTC)
        if known is None and checkpoints.read(_INDEX) is None:
            # Not all of them at the same time.
            pause = pauses[0] * (1 + self._days_back[url] % 8 / 8)
            due = utc(now + timedelta(hours=pause))
            checkpoints.save(url, position=modified, pause=pauses[0], due=due)
        elif known is None or (modified and known.position != modified):
            yield from self._file(url, modified, depth=depth)
        elif (known.due or "") <= utc(now):
            yield from self._file(url, modified, depth=depth, pauses=pauses)

    def _file(
        self,
        url: str,
        position: str | None = None,
        day: str = "",
        depth: int = 0,
        pauses: tuple[float, float] | None = None,
    ) -> Iterator[Request]:
        if url in self._asked:
            return
        self._asked.add(url)
        # A backfill asks for a day once; there is nothing to compare with.
        task = ListingTask(name="" if day else url, position=position, pauses=pauses)
        # A day's file that is missing or empty is a day without articles.
        is_day = self._day_address.fullmatch(url) is not None
        yield Request(
            url,
            self.parse,
            cb_kwargs={"day": day, "depth": depth, "may_be_empty": is_day},
            meta={"listing": task, "handle_httpstatus_list": _MISSING},
            priority=LISTING_PRIORITY,
            dont_filter=True,
        )

    def parse_index(self, response: Response) -> Iterator[Request]:
        """Ask for the files that changed. Raises UnreadableError."""
        checkpoints = self.outlet.checkpoints
        yesterday = self._dates(datetime.now(UTC) - timedelta(days=1))
        listed: set[str] = set()
        failed: UnreadableError | None = None
        if response.status != 304:
            try:
                yield from self._follow(response, 0, listed)
                checkpoints.save(_INDEX)
            except UnreadableError as error:
                failed = error
        for url in map(self._address, yesterday):
            yield from self._file(url)
        _ = self._followed_since  # the first run saves it
        if response.status == 304:
            for url, back in self._days_back.items():
                if 1 < back < _LATE and (known := checkpoints.read(url)):
                    yield from self._older(url, known.position)
        if failed:
            raise failed

    def parse(
        self, response: Response, day: str, depth: int, may_be_empty: bool
    ) -> Iterator[Request]:
        """Ask for what a file lists. Raises UnreadableError; what was readable is asked."""
        if response.body.strip() or not may_be_empty:
            try:
                yield from self._follow(response, depth, set())
            except UnreadableError as error:
                if not (may_be_empty and str(error) == f"http {response.status}"):
                    raise
        if day:
            self._read.add(day)
            self._go_back()

    def _go_back(self) -> None:
        """Note how far a backfill has come. Raises UnreadableError when it found nothing at all."""
        if not (self._any_readable or self._backward.is_resumed):
            # Days may be empty, but all of them are not: the site has its sitemaps elsewhere.
            if len(self._read) == len(self._days):
                raise UnreadableError("no sitemap of any day")
            return
        while self._days and self._days[0] in self._read:
            self._backward.reached(self._days.popleft())
        if not self._days:
            self._backward.finished()

    def _follow(self, response: Response, depth: int, listed: set[str]) -> Iterator[Request]:
        """Ask for the articles and files that a file lists; the files are noted in ``listed``.

        Raises UnreadableError.
        """
        checkpoints = self.outlet.checkpoints
        listed_any = False
        first = checkpoints.read(_INDEX) is None
        recent = utc(datetime.now(UTC) - timedelta(days=2))
        try:
            for entry in read_sitemap(response.body, response.url):
                listed_any = self._any_readable = True
                if not entry.is_sitemap:
                    yield from self._article(entry, response.url)
                    continue
                listed.add(entry.url)
                if self._days_back.get(entry.url, 0) > 1:
                    yield from self._older(entry.url, entry.modified, depth + 1)
                    continue
                known = checkpoints.read(entry.url)
                if known and entry.modified and known.position == entry.modified:
                    continue
                if first and entry.modified and entry.modified < recent:
                    # The first run takes the news of today; what changes from now on is seen.
                    checkpoints.save(entry.url, position=entry.modified)
                elif self.outlet.on_site(entry.url):
                    if depth == _DEPTH:
                        raise UnreadableError("indexes in indexes without end")
                    yield from self._file(entry.url, entry.modified, depth=depth + 1)
        except UnreadableError as error:
            if response.status != 200 and not listed_any:
                raise UnreadableError(f"http {response.status}") from error
            raise
        self._any_readable = True

    @cached_property
    def _followed_since(self) -> str:
        """When the outlet's sitemap was read for the first time."""
        saved = self.outlet.checkpoints.read(f"{_INDEX} since")
        since = (saved.position if saved else None) or utc(datetime.now(UTC))
        if not saved:
            self.outlet.checkpoints.save(f"{_INDEX} since", position=since)
        return since

    def _is_old_news(self, identity: str, entry: Entry, source: str) -> bool:
        """Say whether an older day's article is none of ours: there before we followed the site."""
        if self._days or self._days_back.get(source, 0) < 2:
            return False
        if (entry.modified or "") >= self._followed_since:
            return False
        return self.outlet.known_articles.get(identity) is None

    def _article(self, entry: Entry, source: str) -> Iterator[Request]:
        candidate = self.outlet.candidate(entry.url)
        if candidate and self._is_old_news(candidate.id, entry, source):
            return
        if candidate and self._is_wanted(candidate.url):
            yield self.outlet.article_request(
                replace(
                    candidate,
                    modified=entry.modified,
                    published=entry.published,
                    headline=entry.headline,
                    language=entry.language,
                )
            )

    def _is_wanted(self, url: str) -> bool:
        sections = self.outlet.arguments.sections
        path = urlsplit(url).path
        return not sections or any(path.startswith(f"/{section}/") for section in sections)

    def _backfill(self, since: str, until: str) -> Iterator[Request]:
        last = max(self._dates(datetime.fromisoformat(until)))
        first = min(self._dates(datetime.fromisoformat(since)))
        self._backward = Backward(self.outlet, "sitemap", f"{last}")
        days = [f"{last - timedelta(days=back)}" for back in range((last - first).days + 1)]
        # The newest day that is done may have been read before it was over.
        self._days.extend(day for day in days if not self._backward.is_done(day))
        if not self._days:
            self._backward.finished()
        for day in tuple(self._days):
            yield from self._file(self._address(date.fromisoformat(day)), day=day)
