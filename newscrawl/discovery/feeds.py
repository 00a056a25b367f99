"""``discover=feeds``: the site's feed and those of sections and tags; bylines for REST posts."""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import LISTING_PRIORITY, OutletSpider
from newscrawl.discovery.feed_files import FEEDS, items
from newscrawl.discovery.markup import Document
from newscrawl.discovery.tasks import ListingTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.names import author_names
from newscrawl.items import Author, Candidate

logger = logging.getLogger(__name__)

# Hours that a section's feed is left alone while it brings nothing new, at first and at most.
_PAUSES = (1, 24)


class Feeds:
    """Reads feeds: links, times of publication and change, and authors; never the text."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet

    def start(self) -> Iterator[Request]:
        """Yield the feed of the whole site and that of every section, or those that are wanted."""
        wanted = self.outlet.wanted
        if not (wanted.sections or wanted.tags):
            url = f"https://{self.outlet.host}{self.outlet.feed}"
            yield self._request(ListingTask(name=url))
        for path in self.outlet.listing_paths():
            url = f"https://{self.outlet.host}{path.rstrip('/')}/feed/"
            yield self._request(ListingTask(name=url, pauses=_PAUSES))

    def _request(self, task: ListingTask) -> Request:
        return Request(
            task.name,
            self.parse,
            meta={"listing": task},
            priority=LISTING_PRIORITY,
            dont_filter=True,
        )

    def parse(self, response: Response) -> Iterator[Request]:
        """Ask for the articles of a feed. Raises UnreadableError; what was readable is asked."""
        for candidate in read_feed(response, self.outlet):
            yield self.outlet.article_request(candidate)


def read_feed(response: Response, outlet: OutletSpider) -> Iterator[Candidate]:
    """Yield the articles of a feed, in its order.

    Raises UnreadableError for what is no feed, and at the end of one that is cut or broken.
    """
    try:
        document = Document(response.body, FEEDS)
    except UnreadableError as error:
        raise UnreadableError("not a feed") from error
    for item in items(document, response.url):
        candidate = next(filter(None, map(outlet.candidate, item.links)), None)
        if candidate:
            authors = dict.fromkeys(name for text in item.authors for name in author_names(text))
            yield replace(
                candidate,
                modified=item.modified,
                published=item.published,
                authors=tuple(map(Author, authors)),
                headline=item.headline,
            )
    if not document.is_whole:
        raise UnreadableError("broken feed")


class Bylines:
    """Who wrote what, as the site's feed tells it: REST names no authors.

    The feed is asked at most once, and only when somebody wants to know.
    """

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self._authors: dict[str, tuple[Author, ...]] = {}
        self._lock = asyncio.Lock()
        self._asked = False

    async def of(self, candidate: Candidate) -> tuple[Author, ...]:
        """Return an article's authors; none when neither its listing nor the feed names them."""
        if candidate.authors or not self.outlet.feed:
            return candidate.authors
        async with self._lock:
            if not self._asked:
                self._asked = True
                await self._ask()
        return self._authors.get(candidate.id, ())

    async def _ask(self) -> None:
        request = Request(f"https://{self.outlet.host}{self.outlet.feed}")
        engine = self.outlet.crawler.engine
        assert engine is not None
        try:
            response = await engine.download_async(request)
            for it in read_feed(response, self.outlet):
                self._authors[it.id] = it.authors
        except Exception as error:  # whatever it is, articles go on without
            reason = str(error) or type(error).__name__
            self.outlet.crawler.stats.inc_value("newscrawl/no_bylines")
            logger.warning("No bylines from the feed: %s", reason)
