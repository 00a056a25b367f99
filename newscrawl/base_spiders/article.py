"""ArticleSpider: from listings to candidates to requests to records, for every outlet.

An outlet's own file declares its addresses, sections and page layout; see ``spiders/hill.py``.
The spider yields a request for every article that it sees. A spider middleware drops requests for
articles that earlier crawls have published.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request, signals
from scrapy.http import Response

from newscrawl.archives.archives import ArchiveReading
from newscrawl.archives.engine import OneProcess
from newscrawl.archives.plan import ArchiveFile
from newscrawl.base_spiders.reading import ReadingSpider
from newscrawl.discovery import Discovery
from newscrawl.discovery.archive import Archive
from newscrawl.discovery.feeds import Feeds
from newscrawl.discovery.links import Listing
from newscrawl.discovery.post_lists import PostLists
from newscrawl.discovery.presence import Presence
from newscrawl.discovery.sitemap import Sitemaps
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.discovery.wordpress import WordPress
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.extensions.run import Run
from newscrawl.extraction.outlet import Outlet
from newscrawl.items import Article
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.known_articles import KnownArticles
from newscrawl.storage.rejected import REJECTED_FILE
from newscrawl.storage.runs import is_run_name, run_folder
from newscrawl.storage.warc import Counts

_METHODS: Mapping[str, type[Discovery]] = {
    "feeds": Feeds,
    "sitemap": Sitemaps,
    "api": WordPress,
}
"""The discovery methods beside ``links``, by their names in ``discover``."""


class ArticleSpider(ReadingSpider):
    """Base of the outlets' spiders: follows listings to articles, and reads the articles.

    ``Outlet`` has the declarations of an outlet, and turns its pages into records.
    """

    def __init__(self, /, **kwargs: Any) -> None:
        """Take the spider arguments."""
        super().__init__(**kwargs)
        self._rest_requests: dict[str, Request] | None = None

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints that earlier runs saved. Raises RuntimeError when there is no run."""
        return Run.of(self.crawler).checkpoints

    @property
    def archives(self) -> dict[str, Counts]:
        """The counts of each file of ``archive``, by its path; part of ``run.json``."""
        return Run.of(self.crawler).archives

    @property
    def known_articles(self) -> KnownArticles:
        """The outlet's articles in the ledger. Raises RuntimeError when there is no run."""
        return Run.of(self.crawler).known_articles

    @property
    def access(self) -> PageAccess:
        """The object that decides whether pages are requested."""
        return PageAccess.of(self.crawler)

    @classmethod
    def maker(cls) -> Callable[[], Outlet]:
        """Return a function that returns the outlet, in any process."""
        return cls

    async def start(self) -> AsyncIterator[Request]:
        """Yield the first requests of each discovery method, then articles that are due."""
        if self.arguments.archive:
            if self.reading is None:
                files = [ArchiveFile(it) for it in self.arguments.archive]
                self.reading = ArchiveReading(files, OneProcess(), self.given["archive"])
            await self.reading.read(self.crawler, self.maker())
            return
        for request in self._first_requests():
            if self.arguments.reread and self.crawler.engine.needs_backout():
                # Requests contain the recorded pages: keep few of them in memory.
                await self.crawler.signals.wait_for(signals.scheduler_empty)
            yield request
            await asyncio.sleep(0)

    def _first_requests(self) -> Iterator[Request]:
        arguments = self.arguments
        if arguments.reread:
            yield from Archive(self, self._to_reread()).start()
            return
        if self.access.is_probe_due and arguments.fetch != "api":
            yield self.links.probe()
        names = dict.fromkeys(arguments.discover)
        if self.access.uses_rest and "links" in names:
            # Pages are refused: REST replaces all listings from the start.
            self._rest_requests = {}
            names = dict.fromkeys("api" if name == "links" else name for name in names)
        for name in names:
            method = self.links if name == "links" else _METHODS[name](self)
            yield from method.start()
        if not (arguments.sections or arguments.tags):
            yield from self._due_requests()
        # Methods that list changes only do not show that an article is gone.
        if not self.is_revisiting and Run.of(self.crawler).is_full:
            yield from Presence(self).start()
        if self.rest and Run.of(self.crawler).is_full and not {"api", "sitemap"} & names.keys():
            yield from Presence(self).appeared()

    def _to_reread(self) -> Sequence[str]:
        """Return the paths of the files that are read again."""
        output = Run.of(self.crawler).output
        return [
            str(run_folder(output, self.name, it) / REJECTED_FILE) if is_run_name(it) else it
            for it in self.arguments.reread
        ]

    def _due_requests(self) -> Iterator[Request]:
        """Yield requests for articles that are due, whether a listing shows them or not."""
        due = Run.of(self.crawler).known_articles.due(revisits=self.is_revisiting)
        by_rest = "api" in self.arguments.discover or self.access.uses_rest
        if by_rest and self.arguments.fetch in ("auto", "api"):
            yield from PostLists(self).articles_by_id(due)
        else:
            yield from map(self.article_request, due)

    @property
    def is_revisiting(self) -> bool:
        """Whether young articles are requested again: not where REST lists what has changed."""
        by_pages = "links" in self.arguments.discover and not self.access.uses_rest
        return by_pages or not self.rest

    def listing_fallback(self, path: str) -> Callable[[], Request | None] | None:
        """Return a function that returns the request in place of a refused listing, or None."""
        return partial(self._list_by_rest, path) if self.has_fallback else None

    def _list_by_rest(self, path: str) -> Request | None:
        """Return the request for posts in place of refused listings, once for each taxonomy."""
        if "api" in self.arguments.discover:
            return None
        if self._rest_requests is None:
            self._rest_requests = WordPress(self).first_requests()
        taxonomy = "tags" if self.is_tag(f"/{path.strip('/')}/") else "categories"
        everything = self._rest_requests.pop("", None)
        return everything or self._rest_requests.pop(taxonomy, None)

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Article | Request]:
        """Read a response as an article or a listing, by its address: for ``scrapy parse``."""
        candidate = self.candidate(response.url)
        if candidate is None:
            yield from self.links.parse(response, Listing(urlsplit(response.url).path, 1))
            return
        assert response.request is not None
        request = ArticleTask(candidate=candidate).on(response.request)
        yield from self.parse_article(response.replace(request=request))
