"""``discover=sitemap``: indexes of sitemaps, the files of single days, and what changed in them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.sitemap_days import DayBackfill, DayFiles
from newscrawl.discovery.sitemap_files import Entry, read_sitemap
from newscrawl.discovery.sitemap_news import SitemapNews
from newscrawl.discovery.tasks import ListingTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc
from newscrawl.extraction.sources import NewsSitemap, Sitemap

_LATE = 60  # days; files younger than this may change although the index does not
_DEPTH = 5  # of indexes in indexes; the protocol allows one

# Metro Sitemap sends these for a day without articles, and may send them with a whole sitemap.
_MISSING = (404, 410)


class Sitemaps:
    """Reads the sitemaps of an outlet, and its news sitemaps."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""
        self.outlet = outlet

    def start(self) -> Iterator[Request]:
        """Yield the first requests of each sitemap."""
        sources = [it for it in self.outlet.sources if isinstance(it, Sitemap | NewsSitemap)]
        requested: set[str] = set()
        for source in sources:
            name = "sitemap" if source == sources[0] else f"sitemap {source.url}"
            yield from SitemapFiles(self.outlet, source, name, requested).start()


class SitemapFiles:
    """Reads a sitemap: of an index the files that changed, and of days also the newest files.

    The index may give each file a time of change. Metro Sitemap gives the day itself, or nothing:
    the index does not show a correction or a late article in an older file. Such a file is read
    again at growing intervals, up to half its age. Between ``since`` and ``until`` the days' files
    are requested by date, the newest first, whether the index lists them or not. Where there are
    none, all files are read that have changed after ``since``.
    """

    def __init__(
        self,
        outlet: OutletSpider,
        source: Sitemap | NewsSitemap,
        name: str,
        requested: set[str],
    ) -> None:
        """Prepare; ``name`` is the checkpoint that says that the source was read.

        ``requested`` are the addresses of the files that no source requests again.
        """
        self.outlet = outlet
        self._url = outlet.absolute(source.url)
        self._name = name
        self._is_first = outlet.checkpoints.read(name) is None
        self._days = DayFiles(outlet, source.day if isinstance(source, Sitemap) else "")
        self._news = SitemapNews(
            outlet, self._days, first=self._is_first, only=isinstance(source, NewsSitemap)
        )
        self._backfill: DayBackfill | None = None
        self._requested = requested
        self._any_readable = False

    def start(self) -> Iterator[Request]:
        """Yield the newest days and the index, or every day between ``since`` and ``until``."""
        arguments = self.outlet.arguments
        if arguments.since and self._days.exist:
            self._backfill = DayBackfill(self._days, arguments.since, arguments.until)
            for day in tuple(self._backfill.days):
                yield from self._file(self._days.address(date.fromisoformat(day)), day=day)
            return
        for today in self._days.addresses(datetime.now(UTC)):
            yield from self._file(today)
        self._requested.add(self._url)
        # Without an index there may be files of days.
        statuses, priority = (304, *_MISSING), ListingTask.priority - 1
        task = ListingTask(name=self._url)
        yield task.request(self._url, self.parse_index, statuses=statuses, priority=priority)

    def _older(self, url: str, modified: str | None, depth: int = 0) -> Iterator[Request]:
        """Request the file of an older day if it has changed or is due for a look.

        A first run takes today's articles only, and sets the times of the first looks.
        """
        checkpoints = self.outlet.checkpoints
        age = self._days.ages[url]
        hours = 24.0 * age
        pauses = (max(hours / 8, 6), min(max(hours / 2, 6), 720))
        known = checkpoints.read(url)
        now = datetime.now(UTC)
        if known is None and self._is_first:
            # Spread the first looks.
            pause = pauses[0] * (1 + age % 8 / 8)
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
        if url in self._requested:
            return
        self._requested.add(url)
        # A backfill reads a day's file once: it needs no checkpoint.
        task = ListingTask(name="" if day else url, position=position, pauses=pauses)
        # A day without articles may have an empty file, or none.
        is_day = self._days.is_address(url)
        yield task.request(
            url, self.parse, statuses=_MISSING, day=day, depth=depth, may_be_empty=is_day
        )

    def parse_index(self, response: Response) -> Iterator[Request]:
        """Request the files that changed. Raises UnreadableError."""
        checkpoints = self.outlet.checkpoints
        yesterday = datetime.now(UTC) - timedelta(days=1)
        failed: UnreadableError | None = None
        if response.status != 304:
            try:
                yield from self._follow(response, 0)
                if not self.outlet.arguments.since:
                    checkpoints.save(self._name)
            except UnreadableError as error:
                failed = error
        for url in self._days.addresses(yesterday):
            yield from self._file(url)
        _ = self._news.followed_since  # the first run saves it
        if response.status == 304:
            for url, age in self._days.ages.items():
                if 1 < age < _LATE and (known := checkpoints.read(url)):
                    yield from self._older(url, known.position)
        if failed:
            raise failed

    def parse(
        self, response: Response, day: str, depth: int, may_be_empty: bool
    ) -> Iterator[Request]:
        """Request what a file lists, then raise UnreadableError if it could not be read whole."""
        if response.body.strip() or not may_be_empty:
            try:
                yield from self._follow(response, depth)
            except UnreadableError as error:
                if not (may_be_empty and str(error) == f"http {response.status}"):
                    raise
        if day and self._backfill:
            self._backfill.read(day, any_readable=self._any_readable)

    def _follow(self, response: Response, depth: int) -> Iterator[Request]:
        """Request the articles and files that a file lists. Raises UnreadableError."""
        listed_any = is_ours = False
        try:
            for entry in read_sitemap(response.body, response.url):
                listed_any = self._any_readable = True
                is_ours = is_ours or self.outlet.on_site(entry.url) is not None
                if not entry.is_sitemap:
                    yield from self._article(entry, response.url)
                    continue
                if self._days.ages.get(entry.url, 0) > 1:
                    yield from self._older(entry.url, entry.modified, depth + 1)
                    continue
                if self.outlet.on_site(entry.url) and self._news.has_file(entry):
                    if depth == _DEPTH:
                        raise UnreadableError("indexes in indexes without end")
                    yield from self._file(entry.url, entry.modified, depth=depth + 1)
            if listed_any and not is_ours:
                raise UnreadableError("only links to other sites")
        except UnreadableError as error:
            if response.status != 200 and not listed_any:
                raise UnreadableError(f"http {response.status}") from error
            raise
        self._any_readable = True

    def _article(self, entry: Entry, source: str) -> Iterator[Request]:
        candidate = self.outlet.candidate(entry.url)
        if candidate is None or not self._is_in_sections(candidate.url):
            return
        if self._news.has_article(candidate.id, entry, source):
            yield self.outlet.article_request(
                replace(
                    candidate,
                    modified=entry.modified,
                    published=entry.published,
                    headline=entry.headline,
                    language=entry.language,
                )
            )

    def _is_in_sections(self, url: str) -> bool:
        sections = self.outlet.arguments.sections
        path = urlsplit(url).path
        return not sections or any(path.startswith(f"/{section}/") for section in sections)
