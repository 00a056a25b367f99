"""ArticleSpider: from listings to candidates to requests to records, for every outlet.

An outlet's own file says what its addresses, sections and pages look like; see
``spiders/hill.py``. What is known from earlier crawls is not the spider's business: it asks for
every article that it sees, and a spider middleware stops what needs no asking.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, ClassVar
from urllib.parse import urlsplit

from parsel import Selector
from scrapy import Request, signals
from scrapy.http import Response, TextResponse

from newscrawl.base_spiders import arguments
from newscrawl.discovery import ARTICLE_PRIORITY, Arguments, Discovery, OutletSpider
from newscrawl.discovery.archive import Archive
from newscrawl.discovery.bylines import Bylines
from newscrawl.discovery.feeds import Feeds
from newscrawl.discovery.links import Links, Listing
from newscrawl.discovery.presence import Presence
from newscrawl.discovery.rest import Terms, post_address
from newscrawl.discovery.sitemap import Sitemap
from newscrawl.discovery.tasks import ArticleTask, Begun
from newscrawl.discovery.wordpress import WordPress
from newscrawl.downloader.browser.installed import can_render
from newscrawl.downloader.browser.rendering import rendered
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extensions.run import Run
from newscrawl.extraction.dates import utc
from newscrawl.extraction.loaders import Page, joined, parsed
from newscrawl.extraction.outlet import post_of
from newscrawl.extraction.urls import page_key
from newscrawl.items import Article, Candidate
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.known_articles import KnownArticles
from newscrawl.storage.warc import Counts

# A live page turns over to older entries at most so often.
_ENTRY_PAGES = 100
# An article of more pages is taken for a site that links them without end.
_MOST_PAGES = 50


class ArticleSpider(OutletSpider):
    """Base of the outlets' spiders: follows listings to articles, and reads the articles.

    What an outlet declares, and how its pages become records, is in ``Outlet``.
    """

    def __init__(self, /, **kwargs: Any) -> None:
        """Take the spider arguments (docs/reference/arguments.md); ``refusal`` holds the error.

        Scrapy's own, ``name``, would rename the outlet: it is a wrong argument.
        """
        super().__init__()
        # Scrapyd's own argument says which of its jobs this is.
        self.job: str | None = kwargs.pop("_job", None)
        self.given = {key: str(value) for key, value in kwargs.items()}
        self.refusal: str | None = None
        self.wanted = Arguments()
        try:
            self.wanted = arguments.read(kwargs, self)
        except ArgumentError as error:
            self.refusal = str(error)
        # Links repeat from page to page; what they mean does not change.
        self.candidate: Callable[[str], Candidate | None] = lru_cache(maxsize=100_000)(
            self.find_candidate
        )
        self._rest_requests: dict[str, Request] | None = None
        self.links = Links(self)
        self.bylines = Bylines(self)
        self.terms = Terms(self)

    ways: ClassVar[Mapping[str, type[Discovery]]] = {
        "feeds": Feeds,
        "sitemap": Sitemap,
        "api": WordPress,
    }
    """The ways to articles beside ``links``; what stands in ``discover``."""

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints that earlier runs saved. Raises RuntimeError when there is no run."""
        return Run.of(self.crawler).checkpoints

    @property
    def archives(self) -> dict[str, Counts]:
        """What was found in each file of ``archive``, by its path; part of ``run.json``."""
        return Run.of(self.crawler).archives

    @property
    def known_articles(self) -> KnownArticles:
        """What the ledger knows of articles. Raises RuntimeError when there is no run."""
        return Run.of(self.crawler).known_articles

    @property
    def access(self) -> PageAccess:
        """What decides whether pages are requested."""
        return PageAccess.of(self.crawler)

    def refuse(self, sentence: str) -> None:
        """Prevent the crawl from starting; ``sentence`` says why."""
        self.refusal = sentence

    async def start(self) -> AsyncIterator[Request]:
        """Request what the discovery methods want, then the articles that are due."""
        for request in self._first_requests():
            if self.wanted.archive and self.crawler.engine.needs_backout():
                # Requests hold what was recorded: few of them at a time.
                await self.crawler.signals.wait_for(signals.scheduler_empty)
            yield request
            await asyncio.sleep(0)

    def _first_requests(self) -> Iterator[Request]:
        wanted = self.wanted
        if wanted.archive:
            yield from Archive(self).start()
            return
        if self.access.is_probe_due and wanted.fetch != "api":
            yield self.links.probe()
        names = dict.fromkeys(wanted.discover)
        if self.access.uses_rest and "links" in names:
            # REST lists what links would lead to: it replaces all listings from the start.
            self._rest_requests = {}
            names = dict.fromkeys("api" if name == "links" else name for name in names)
        for name in names:
            method = self.links if name == "links" else self.ways[name](self)
            yield from method.start()
        if not (wanted.sections or wanted.tags):
            yield from self._due_requests()
        # Methods that list changes only would not miss an article.
        if not self.is_revisiting and Run.of(self.crawler).is_full:
            yield from Presence(self).start()

    def _due_requests(self) -> Iterator[Request]:
        """Yield requests for articles that are due, whether a listing shows them or not."""
        due = Run.of(self.crawler).due_articles(revisits=self.is_revisiting)
        by_rest = "api" in self.wanted.discover or self.access.uses_rest
        if by_rest and self.wanted.fetch in ("auto", "api"):
            yield from WordPress(self).due(due)
        else:
            yield from map(self.article_request, due)

    @property
    def is_revisiting(self) -> bool:
        """Whether young articles are requested again: not where REST lists what has changed."""
        by_pages = "links" in self.wanted.discover and not self.access.uses_rest
        return by_pages or not self.rest

    def listing_fallback(self, path: str) -> Callable[[], Request | None] | None:
        """Return what gives the request that replaces a refused listing; None if nothing does."""
        return partial(self._list_by_rest, path) if self.has_fallback else None

    def _list_by_rest(self, path: str) -> Request | None:
        """Return the request for the posts of a refused listing, once for all alike."""
        if "api" in self.wanted.discover:
            return None
        if self._rest_requests is None:
            self._rest_requests = WordPress(self).first_requests()
        taxonomy = "tags" if self.is_tag(f"/{path.strip('/')}/") else "categories"
        everything = self._rest_requests.pop("", None)
        return everything or self._rest_requests.pop(taxonomy, None)

    def parse(self, response: Response, **kwargs: Any) -> Iterator[Article | Request]:
        """Read a response as what its address says: for ``scrapy parse``, which tells no more."""
        candidate = self.candidate(response.url)
        if candidate is None:
            yield from self.links.parse(response, Listing(urlsplit(response.url).path, 1))
            return
        assert response.request is not None
        request = ArticleTask(candidate=candidate).on(response.request)
        yield from self.parse_article(response.replace(request=request))

    def listing_paths(self) -> Iterable[str]:
        """Return the paths of the listings that the crawl was asked to read, as written."""
        written = {section.strip("/"): section for section in self.sections}
        wanted = (*self.wanted.sections, *self.wanted.tags)
        return [f"/{written.get(path, f'{path}/')}" for path in wanted or written]

    def parse_article(self, response: Response) -> Iterator[Article | Request]:
        """Read an article, then follow what its page links to.

        Raises UnreadableError for an answer that is not an article; its message is the reason.
        """
        task = ArticleTask.required(response)
        candidate = task.candidate
        if response.body.lstrip()[:1] == b"{":
            yield self._post(response, post_of(response.body), candidate)
            return
        selector = parsed(response)
        assert isinstance(response, TextResponse)
        page = self._best_page(selector, response, task)
        if page.unfilled and self._needs_browser(response, task):
            assert response.request is not None
            # Only the task: the rest of its meta is of the first request.
            meta = {"article": replace(task, plain=response)}
            again = response.request.replace(meta=meta, dont_filter=True)
            yield self._rendered_article(again)
            return
        article = page.article
        if article.id == candidate.id:
            yield self._whole(response, page, task)
        elif task.capture:
            raise UnreadableError("archived under another article's address")
        else:
            # The address leads elsewhere: what is there is an article of its own.
            if other := self.candidate(article.url):
                yield self.article_request(other)
            raise UnreadableError("address of another article")
        if not task.capture and "links" in self.wanted.discover and self.wanted.follow:
            yield from self.links.around(selector, response.url)

    def _whole(self, response: Response, page: Page, task: ArticleTask) -> Article | Request:
        """Return the article, or the request for its next page where it is divided into several.

        Raises UnreadableError for a page that is not the one that was asked, or one too many.
        """
        begun = task.begun or Begun(page.article, (), 0)
        if task.begun:
            if page_key(response.url) not in map(page_key, begun.pages):
                raise UnreadableError(f"page {begun.read + 1} leads elsewhere")
            joined(begun.article, [page.article])
        pages = tuple(dict.fromkeys((*begun.pages, *page.further)))
        if len(pages) == begun.read:
            return begun.article
        if task.capture:
            # An archive answers for one address; whether it has the others is not known here.
            self.crawler.stats.inc_value("newscrawl/not_whole")
            self.logger.warning("Only the first page of %s is read", response.url)
            return begun.article
        if begun.read == _MOST_PAGES:
            raise UnreadableError("too many pages")
        begun = Begun(begun.article, pages, begun.read + 1)
        request = Request(
            pages[begun.read - 1],
            self.parse_article,
            priority=ARTICLE_PRIORITY,
            dont_filter=True,
        )
        request = task.on(request, begun=begun, plain=None, known=None)
        return self._rendered_article(request) if self.wanted.fetch == "browser" else request

    async def parse_post(self, response: Response) -> AsyncIterator[Article]:
        """Read an article as the REST interface gives it, with its authors from elsewhere.

        Raises UnreadableError for an answer that is no post of this article.
        """
        candidate = ArticleTask.required(response).candidate
        post = post_of(response.body)
        authors = await self.bylines.of(candidate, post)
        yield await self.read_post(response, replace(candidate, authors=authors))

    async def read_post(self, response: Response, candidate: Candidate) -> Article:
        """Return the article of a REST answer, which names no authors; those of ``candidate``.

        Raises UnreadableError for an answer that is no post of this article.
        """
        post = post_of(response.body)
        await self.terms.complete([post])
        return self._post(response, post, candidate)

    def _best_page(self, selector: Selector, response: TextResponse, task: ArticleTask) -> Page:
        """Return the page; the plain one if the browser was asked for entries and got none."""
        if task.plain is None or not _is_rendered(response):
            return self._page(selector, response, task.candidate)
        with suppress(UnreadableError):
            page = self._page(selector, response, task.candidate)
            if not page.unfilled:
                return page
        self.crawler.stats.inc_value("newscrawl/downloader/browser/plain_instead")
        return self._page(parsed(task.plain), task.plain, task.candidate)

    def _needs_browser(self, response: Response, task: ArticleTask) -> bool:
        """Say whether a live page without entries is requested again, through the browser."""
        if self.wanted.fetch != "auto" or task.capture or task.plain or _is_rendered(response):
            return False
        return can_render(self.crawler)

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
        task = ArticleTask.required(response)
        assert response.request is not None
        if task.capture:
            article.source, article.source_url = "archive", task.capture.url
            article.date_fetched = task.capture.date
        else:
            article.source = source
            article.source_url = task.source_listing or response.request.url
            article.date_fetched = utc(datetime.now(UTC))

    def article_request(
        self,
        candidate: Candidate,
        post: Mapping[str, Any] | None = None,
        source_listing: str = "",
    ) -> Request:
        """Return the request for an article, as ``fetch`` requires.

        ``post`` is its inline post, if the listing at ``source_listing`` has one.
        """
        if post is not None or self.wanted.fetch == "api":
            return self.post_request(candidate, post, source_listing)
        fallback = self.post_request if self.has_fallback else None
        request = Request(
            candidate.url,
            self.parse_article,
            meta={"article": ArticleTask(candidate=candidate, is_page=True, fallback=fallback)},
            priority=ARTICLE_PRIORITY,
            # The books know what was asked; a redirect to an address that was is none the less due.
            dont_filter=True,
        )
        return self._rendered_article(request) if self.wanted.fetch == "browser" else request

    def post_request(
        self,
        candidate: Candidate,
        post: Mapping[str, Any] | None = None,
        source_listing: str = "",
    ) -> Request:
        """Return the request for an article's post of the REST interface."""
        task = ArticleTask(candidate=candidate, post=post, source_listing=source_listing)
        return Request(
            post_address(self, candidate.id),
            self.parse_post,
            meta={"article": task},
            priority=ARTICLE_PRIORITY,
            dont_filter=True,
        )


def _is_rendered(response: Response) -> bool:
    return bool(response.meta.get("playwright"))
