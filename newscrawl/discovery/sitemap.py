"""``discover=sitemap``: the sitemap's index, the files of single days, and what changed in them."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from urllib.parse import urlsplit

from lxml import etree
from scrapy import Request
from scrapy.http import Response
from scrapy.utils.gz import gunzip

from newscrawl.discovery import LISTING_PRIORITY, Outlet
from newscrawl.discovery.backward import Backward
from newscrawl.exceptions import UnreadableError
from newscrawl.extensions.run import Run
from newscrawl.extraction.processors import clean_text, iso_date, utc
from newscrawl.extraction.urls import clean_url

# The protocol's own limit (sitemaps.org), and how large a file may become when unpacked.
_MOST_ENTRIES = 50_000
_MOST_BYTES = 64 * 1024 * 1024

_INDEX = "sitemap"  # the name under which a run remembers that it has read the index


@dataclass(frozen=True, slots=True)
class Entry:
    """One address of a sitemap: when it changed and was published, in the record's form."""

    url: str
    modified: str | None = None
    published: str | None = None


def read_sitemap(body: bytes) -> Iterator[Entry]:
    """Yield the entries of a sitemap or of an index of sitemaps, gzip or not.

    Entities are not resolved. Raises UnreadableError for what is no sitemap, and after the last
    readable entry of one that is broken or longer than the protocol allows.
    """
    if body[:2] == b"\x1f\x8b":
        try:
            body = gunzip(body, max_size=_MOST_BYTES)
        except Exception as error:  # Scrapy's error for too much is not public
            raise UnreadableError("broken gzip") from error
    events = etree.iterparse(
        BytesIO(body), events=("end",), resolve_entities=False, no_network=True, recover=True
    )
    count = 0
    values: dict[str, str] = {}
    # The last entry of a file that was cut may be cut as well.
    last: Entry | None = None
    try:
        for _, element in events:
            name = etree.QName(element).localname if isinstance(element.tag, str) else ""
            if name in ("loc", "lastmod", "publication_date"):
                # A picture's or a video's address is deeper than the page's own.
                values.setdefault(name, clean_text(element.text or ""))
            elif name in ("url", "sitemap"):
                count += 1
                if count > _MOST_ENTRIES:
                    raise UnreadableError("sitemap of more than 50,000 entries")
                if last:
                    yield last
                url = clean_url(values.get("loc", ""))
                times = (values.get("lastmod", ""), values.get("publication_date", ""))
                last = Entry(url, *map(iso_date, times)) if url else None
                values = {}
                element.clear()
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except etree.XMLSyntaxError as error:
        raise UnreadableError("broken sitemap" if count else "not a sitemap") from error
    root = etree.QName(events.root).localname if events.root is not None else ""
    if root not in ("urlset", "sitemapindex"):
        raise UnreadableError("not a sitemap")
    if any(it.level_name in ("ERROR", "FATAL") for it in events.error_log):
        raise UnreadableError("broken sitemap")
    if last:
        yield last


class Sitemap:
    """Reads the files of the newest days, and of those in which something changed.

    Which these are the index tells: every file has a time of change there, and one that an
    earlier run has read at that time is left alone. Between ``since`` and ``until`` the days'
    files are asked by date, the newest first, listed or not.
    """

    def __init__(self, outlet: Outlet) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self._asked: set[str] = set()
        self._days: deque[str] = deque()
        self._read: set[str] = set()

    def start(self) -> Iterator[Request]:
        """Yield the newest days and the index, or every day between ``since`` and ``until``."""
        wanted = self.outlet.wanted
        if wanted.since:
            yield from self._backfill(wanted.since, wanted.until or utc(datetime.now(UTC)))
            return
        for day in sorted(set(self._dates(datetime.now(UTC)))):
            yield from self._file(self._address(day))
        url = f"https://{self.outlet.host}{self.outlet.sitemap}"
        # Days that the index does not list are there all the same.
        meta = {"listing": url, "handle_httpstatus_list": [304, 404, 410]}
        priority = LISTING_PRIORITY - 1
        yield Request(url, self.parse_index, meta=meta, priority=priority, dont_filter=True)

    def _dates(self, moment: datetime) -> tuple[date, date]:
        """Return the dates of a moment: days begin by the outlet's clock, or by everybody's."""
        return moment.astimezone(self.outlet.zone).date(), moment.astimezone(UTC).date()

    def _address(self, day: date) -> str:
        return f"https://{self.outlet.host}{self.outlet.sitemap_day.format(day)}"

    def _file(self, url: str, position: str | None = None, day: str = "") -> Iterator[Request]:
        if url not in self._asked:
            self._asked.add(url)
            yield Request(
                url,
                self.parse,
                cb_kwargs={"day": day},
                # A backfill asks for a day once; there is nothing to compare with.
                meta={"position": position} if day else {"listing": url, "position": position},
                priority=LISTING_PRIORITY,
                dont_filter=True,
            )

    def parse_index(self, response: Response) -> Iterator[Request]:
        """Ask for the files that changed. Raises UnreadableError."""
        run = Run.of(self.outlet.crawler)
        yesterday = self._dates(datetime.now(UTC) - timedelta(days=1))
        if response.status != 200:
            for url in map(self._address, yesterday):
                # What stands in an index that has not changed has not changed either.
                known = run.recall(url)
                if response.status != 304 or not (known and known.position):
                    yield from self._file(url)
            if response.status != 304:
                raise UnreadableError(f"http {response.status}")
            return
        listed = set()
        first = run.recall(_INDEX) is None
        recent = utc(datetime.now(UTC) - timedelta(days=2))
        for entry in read_sitemap(response.body):
            listed.add(entry.url)
            known = run.recall(entry.url)
            if known and entry.modified and known.position == entry.modified:
                continue
            if first and entry.modified and entry.modified < recent:
                # The first run takes the news of today; what changes from now on is seen.
                run.remember(entry.url, position=entry.modified)
            elif self.outlet.on_site(entry.url):
                yield from self._file(entry.url, entry.modified)
        for url in map(self._address, yesterday):
            if url not in listed:
                yield from self._file(url)
        run.remember(_INDEX)

    def parse(self, response: Response, day: str) -> Iterator[Request]:
        """Ask for the articles of a file. Raises UnreadableError; what was readable is asked."""
        for entry in read_sitemap(response.body):
            candidate = self.outlet.candidate(entry.url)
            if candidate and self._is_wanted(candidate.url):
                yield self.outlet.article_request(
                    replace(candidate, modified=entry.modified, published=entry.published)
                )
        if day:
            self._read.add(day)
            while self._days and self._days[0] in self._read:
                self._backward.reached(self._days.popleft())
            if not self._days:
                self._backward.finished()

    def _is_wanted(self, url: str) -> bool:
        sections = self.outlet.wanted.sections
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
