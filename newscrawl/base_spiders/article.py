"""ArticleSpider: from listings to candidates to requests to records, for every outlet.

An outlet's own file says what its addresses, sections and pages look like; see
``spiders/hill.py``. What is known from earlier crawls is not the spider's business: it asks for
every article that it sees, and a spider middleware stops what needs no asking.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from parsel import Selector
from scrapy import Request, Spider
from scrapy.http import Response, TextResponse

from newscrawl.base_spiders import arguments
from newscrawl.base_spiders.outlet import Outlet, post_of
from newscrawl.discovery import ARTICLE_PRIORITY, Discovery
from newscrawl.discovery.archive import Archive
from newscrawl.discovery.feeds import Bylines, Feeds
from newscrawl.discovery.links import Links
from newscrawl.discovery.sitemap import Sitemap
from newscrawl.discovery.wordpress import Terms, WordPress, post_address
from newscrawl.downloader.browser import can_render, rendered
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extraction.dates import utc
from newscrawl.extraction.loaders import Page, parsed
from newscrawl.items import Article, Candidate
from newscrawl.storage import warc

# A live page turns over to older entries at most so often.
_ENTRY_PAGES = 100


class ArticleSpider(Outlet, Spider):
    """Base of the outlets' spiders: follows listings to articles, and reads the articles.

    What an outlet declares, and how its pages become records, is in ``Outlet``.
    """

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        """Take the spider arguments (DESIGN §6). With a wrong one, ``refusal`` says why."""
        super().__init__(name)
        # Scrapyd's own argument says which of its jobs this is.
        self.job: str | None = kwargs.pop("_job", None)
        self.given = {key: str(value) for key, value in kwargs.items()}
        self.refusal: str | None = None
        self.wanted = arguments.Arguments()
        try:
            self.wanted = arguments.read(kwargs, self.sections, self.is_tag)
        except ArgumentError as error:
            self.refusal = str(error)
        # Links repeat from page to page; what they mean does not change.
        self.candidate: Callable[[str], Candidate | None] = lru_cache(maxsize=100_000)(
            self.find_candidate
        )
        self.pages_closed = False
        self.links = Links(self)
        self.bylines = Bylines(self)
        self.terms = Terms(self)

    ways: ClassVar[Mapping[str, type[Discovery]]] = {
        "feeds": Feeds,
        "sitemap": Sitemap,
        "api": WordPress,
    }
    """The ways to articles beside ``links``; what stands in ``discover``."""

    async def start(self) -> AsyncIterator[Request]:
        """Ask by every wanted way, or read the archive."""
        for way in self._discoveries():
            for request in way.start():
                yield request
                await asyncio.sleep(0)

    def _discoveries(self) -> Iterator[Discovery]:
        if self.wanted.archive:
            yield Archive(self)
            return
        names = [
            # Where pages are refused, REST lists what links would have led to.
            "api" if name == "links" and self.pages_closed else name
            for name in self.wanted.discover
        ]
        for name in dict.fromkeys(names):
            yield self.links if name == "links" else self.ways[name](self)

    def owed_requests(self, candidates: Sequence[Candidate]) -> Iterator[Request]:
        """Return the requests for articles that earlier runs owe."""
        by_rest = "api" in self.wanted.discover or self.pages_closed
        if by_rest and self.wanted.fetch in ("auto", "api"):
            yield from WordPress(self).owed(candidates)
        else:
            yield from map(self.article_request, candidates)

    def listing_paths(self) -> Iterable[str]:
        """Return the paths of the listings that the crawl was asked to read, as written."""
        written = {section.strip("/"): section for section in self.sections}
        wanted = (*self.wanted.sections, *self.wanted.tags)
        return [f"/{written.get(path, f'{path}/')}" for path in wanted or written]

    def parse_article(self, response: Response) -> Iterator[Article | Request]:
        """Read an article, then follow what its page links to.

        Raises UnreadableError for an answer that is not an article; its message is the reason.
        """
        candidate: Candidate = response.meta["candidate"]
        if response.body.lstrip()[:1] == b"{":
            yield self._post(response, post_of(response.body), candidate)
            return
        selector = parsed(response)
        assert isinstance(response, TextResponse)
        page = self._best_page(selector, response, candidate)
        if page.unfilled and self._asks_again(response):
            again = response.request.replace(dont_filter=True)  # type: ignore[union-attr]
            again.meta["plain"] = response
            yield self._rendered_article(again)
            return
        article = page.article
        if article.id == candidate.id:
            yield article
        elif "archived" in response.meta:
            raise UnreadableError("archived under another article's address")
        else:
            # The address leads elsewhere: what is there is an article of its own.
            if other := self.candidate(article.url):
                yield self.article_request(other)
            raise UnreadableError("address of another article")
        if "archived" not in response.meta and "links" in self.wanted.discover:
            yield from self.links.around(selector, response.url)

    async def parse_post(self, response: Response) -> AsyncIterator[Article]:
        """Read an article as the REST interface gives it, with its authors from the feed.

        Raises UnreadableError for an answer that is no post of this article.
        """
        candidate: Candidate = response.meta["candidate"]
        authors = await self.bylines.of(candidate) or candidate.credited
        yield await self.read_post(response, replace(candidate, authors=authors))

    async def read_post(self, response: Response, candidate: Candidate) -> Article:
        """Return the article of a REST answer, which names no authors; those of ``candidate``.

        Raises UnreadableError for an answer that is no post of this article.
        """
        post = post_of(response.body)
        await self.terms.complete([post])
        return self._post(response, post, candidate)

    def _best_page(self, selector: Selector, response: TextResponse, candidate: Candidate) -> Page:
        """Return the page; the plain one where a browser was asked for more and got no more."""
        plain: TextResponse | None = response.meta.get("plain")
        if plain is None:
            return self._page(selector, response, candidate)
        with suppress(UnreadableError):
            page = self._page(selector, response, candidate)
            if not page.unfilled:
                return page
        self.crawler.stats.inc_value("newscrawl/downloader/browser/plain_instead")
        return self._page(parsed(plain), plain, candidate)

    def _asks_again(self, response: Response) -> bool:
        """Say whether a live page without entries is asked for once more, through the browser."""
        if self.wanted.fetch != "auto" or {"archived", "playwright"} & response.meta.keys():
            return False
        # Where the browser fails, the plain page comes here a second time.
        asked = response.meta.setdefault("asked_browser", can_render(self.crawler))
        response.meta["asked_browser"] = False
        return bool(asked)

    def _rendered_article(self, request: Request) -> Request:
        entries = self.reader.entries
        return rendered(
            request,
            items=entries.entry if entries else "a[href]",
            container=self.reader.live if entries else "",
            more=self.older_entries,
            clicks=_ENTRY_PAGES,
        )

    def listing_request(self, request: Request, pages: int) -> Request:
        """Return the request of a listing's page as ``fetch`` wants it.

        ``pages`` is how often its "Load more" may be clicked.
        """
        if self.wanted.fetch != "browser":
            return request
        return rendered(request, items="a[href]", more=self.load_more, clicks=pages)

    def _page(self, selector: Selector, response: TextResponse, candidate: Candidate) -> Page:
        page = self.read_article(selector, response.url, candidate, self.crawler.stats)
        self._provenance(page.article, response, "browser" if _is_rendered(response) else "page")
        return page

    def _post(self, response: Response, post: Mapping[str, Any], candidate: Candidate) -> Article:
        article = self.read_article_post(post, candidate, self.crawler.stats)
        self._provenance(article, response, "api")
        return article

    def _provenance(self, article: Article, response: Response, source: str) -> None:
        archived: warc.Entry | None = response.meta.get("archived")
        article.source = "archive" if archived else source
        asked = response.meta.get("told_by") or response.request.url  # type: ignore[union-attr]
        article.source_url = archived.url if archived else asked
        article.date_fetched = archived.date if archived else utc(datetime.now(UTC))

    def article_request(
        self, candidate: Candidate, post: Mapping[str, Any] | None = None, told_by: str = ""
    ) -> Request:
        """Return the request for an article, by the way that ``fetch`` wants.

        ``post`` is the article itself, when the listing at ``told_by`` carried it.
        """
        if post is not None:
            request = self.post_request(candidate)
            request.meta.update(carried=post, told_by=told_by)
            return request
        if self.wanted.fetch == "api":
            return self.post_request(candidate)
        request = Request(
            candidate.url,
            self.parse_article,
            meta={"candidate": candidate, "page": True},
            priority=ARTICLE_PRIORITY,
            # The books know what was asked; a redirect to an address that was is none the less due.
            dont_filter=True,
        )
        return self._rendered_article(request) if self.wanted.fetch == "browser" else request

    def post_request(self, candidate: Candidate) -> Request:
        """Return the request for an article by the REST interface."""
        return Request(
            post_address(self, candidate.id),
            self.parse_post,
            meta={"candidate": candidate},
            priority=ARTICLE_PRIORITY,
            dont_filter=True,
        )


def _is_rendered(response: Response) -> bool:
    return bool(response.meta.get("playwright"))
