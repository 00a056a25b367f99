"""RequestingSpider: the spider arguments, and how listings and articles are requested."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from scrapy import Request
from scrapy.http import Response

from newscrawl.archives.archives import ArchiveReading
from newscrawl.base_spiders import arguments
from newscrawl.discovery import Arguments, OutletSpider
from newscrawl.discovery.rest import post_address
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.downloader.browser.rendering import rendered
from newscrawl.exceptions import ArgumentError
from newscrawl.items import Article, Candidate

# Clicks on "older entries" of a live page at most.
_ENTRY_PAGES = 100


class RequestingSpider(OutletSpider):
    """A spider that makes requests as its arguments require; subclasses read the responses."""

    def __init__(self, /, **kwargs: Any) -> None:
        """Take the spider arguments (docs/reference/arguments.md); ``start_error`` holds the error.

        Scrapy's own, ``name``, would rename the outlet: it is a wrong argument.
        """
        super().__init__()
        of_scrapyd = {name: kwargs.pop(name, None) for name in arguments.OF_SCRAPYD}
        self.job: str | None = of_scrapyd["_job"]
        self.reading: ArchiveReading | None = kwargs.pop("_reading", None)
        """The reading of archives for this outlet and others, if the crawl is a part of one."""
        self.given = {key: str(value) for key, value in kwargs.items()}
        self.arguments = Arguments()
        self.replaced: set[str] = set()
        try:
            self.arguments = arguments.parse(kwargs, self)
            if self.reading:
                names = tuple(it.name for it in self.reading.files)
                self.arguments = replace(self.arguments, archive=names)
                self.given["archive"] = self.reading.given
        except ArgumentError as error:
            self.prevent_start(str(error))
        # The same links are on many pages.
        self.candidate: Callable[[str], Candidate | None] = lru_cache(maxsize=100_000)(
            self.find_candidate
        )

    def listing_request(self, request: Request, pages: int) -> Request:
        """Return the request of a listing's page as ``fetch`` requires.

        ``pages`` is how often its "Load more" may be clicked.
        """
        if self.arguments.fetch != "browser":
            return request
        return rendered(request, items="a[href]", more=self.load_more, clicks=pages)

    def parse_article(self, response: Response) -> Iterator[Article | Request]:
        """Read an article's page."""
        raise NotImplementedError

    def parse_post(self, response: Response) -> AsyncIterator[Article]:
        """Read an article's post of the REST interface."""
        raise NotImplementedError

    def article_request(
        self,
        candidate: Candidate,
        post: Mapping[str, Any] | None = None,
        source_listing: str = "",
    ) -> Request:
        """Return the request for an article, as ``fetch`` requires.

        ``post`` is its inline post, if the listing at ``source_listing`` has one.
        """
        if post is not None or self.arguments.fetch == "api":
            return self.post_request(candidate, post, source_listing)
        fallback = self.post_request if self.has_fallback else None
        task = ArticleTask(candidate=candidate, is_page=True, fallback=fallback)
        request = task.request(candidate.url, self.parse_article)
        return self.rendered_article(request) if self.arguments.fetch == "browser" else request

    def post_request(
        self,
        candidate: Candidate,
        post: Mapping[str, Any] | None = None,
        source_listing: str = "",
    ) -> Request:
        """Return the request for an article's post of the REST interface."""
        task = ArticleTask(candidate=candidate, post=post, source_listing=source_listing)
        return task.request(post_address(self, candidate), self.parse_post)

    def rendered_article(self, request: Request) -> Request:
        """Return an article's request through the browser, with all entries of live pages."""
        entries = self.reader.entries
        return rendered(
            request,
            items=entries.entry if entries else "a[href]",
            container=self.reader.live if entries else "",
            more=self.older_entries,
            clicks=_ENTRY_PAGES,
        )
