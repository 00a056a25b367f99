"""ReadingSpider: from the response of an article's page or post to its record."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from parsel import Selector
from scrapy import Request
from scrapy.http import Response, TextResponse

from newscrawl.archives.reading import captured_page
from newscrawl.base_spiders.requests import RequestingSpider
from newscrawl.discovery.bylines import Bylines
from newscrawl.discovery.links import Links
from newscrawl.discovery.tasks import ArticleTask, FirstPages, source_of
from newscrawl.discovery.terms import TermNames
from newscrawl.downloader.browser.installed import can_render
from newscrawl.downloader.recordings import FurtherPages
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.extraction.loaders import Page, joined, parsed
from newscrawl.extraction.outlet import is_post, post_of
from newscrawl.extraction.urls import absolute_url, page_key
from newscrawl.items import Article, Candidate
from newscrawl.storage.capture import Capture
from newscrawl.storage.rejected import READ_BY_FALLBACK, REASON, SOURCE

# An article with more pages is taken for a site whose next pages never end.
_MOST_PAGES = 50


class ReadingSpider(RequestingSpider):
    """A spider that reads articles: pages, rendered pages, posts and captures."""

    def __init__(self, /, **kwargs: Any) -> None:
        """Take the spider arguments."""
        super().__init__(**kwargs)
        self.links = Links(self)
        self.bylines = Bylines(self)
        self.terms = TermNames(self)

    @cached_property
    def further_pages(self) -> FurtherPages:
        """Finder of the recorded further pages of articles that are read again."""
        return FurtherPages(self.crawler.settings.getint("DOWNLOAD_MAXSIZE"))

    def parse_article(self, response: Response) -> Iterator[Article | Request]:
        """Read an article, then follow what its page links to.

        Raises UnreadableError for a response that is not an article; its message is the reason.
        """
        task = ArticleTask.required(response)
        candidate = task.candidate
        if task.capture:
            page = self._reread(response, task.capture, candidate)
            yield self._whole(response, page, task)
            return
        if is_post(response.body):
            yield self._post(response, post_of(response.body), candidate)
            return
        selector = parsed(response)
        assert isinstance(response, TextResponse)
        page = self._best_page(selector, response, task)
        if page.unfilled and self._needs_browser(response, task):
            assert response.request is not None
            # The other keys of its meta belong to the first request.
            meta = {"article": replace(task, plain=response)}
            again = response.request.replace(meta=meta, dont_filter=True)
            yield self.rendered_article(again)
            return
        article = page.article
        if self.identified_by == "page" and self.is_provisional(article.id):
            raise UnreadableError("the page does not name its number")
        if article.id == candidate.id or self.is_provisional(candidate.id):
            yield self._whole(response, page, task)
        else:
            # The address leads to another article, which is requested by itself.
            yield self.article_request(Candidate(article.id, article.url))
            raise UnreadableError("address of another article")
        if "links" in self.arguments.discover and self.arguments.follow:
            yield from self.links.around(selector, response.url)

    def _reread(self, response: Response, capture: Capture, candidate: Candidate) -> Page:
        """Return the page of a response that was kept. Raises UnreadableError."""
        page = captured_page(self, response, candidate, self.crawler.stats)
        article = page.article
        article.source = source_of(response)
        article.source_url = absolute_url(capture.url) or capture.url
        article.date_fetched = capture.date
        why = (response.headers.get(REASON) or b"").decode("latin-1")
        is_exact = article.extraction != Generic.name and not page.further
        if why == READ_BY_FALLBACK and is_exact:
            self.replaced.add(article.id)
        if SOURCE not in response.headers:
            # A recorded response, unlike one that was rejected, may have a record.
            key = (article.id, capture.date, article.date_modified)
            article.date_fetched = self.known_articles.date_of_record(*key)
        return page

    def _whole(self, response: Response, page: Page, task: ArticleTask) -> Article | Request:
        """Return the article, or the request for its next page if the article has several pages.

        Raises UnreadableError for another page than the requested one, and for too many pages.
        """
        first = task.first_pages or FirstPages(page.article, (), 0)
        if task.first_pages:
            if page_key(response.url) not in map(page_key, first.pages):
                raise UnreadableError(f"page {first.read + 1} leads elsewhere")
            joined(first.article, [page.article])
        pages = tuple(dict.fromkeys((*first.pages, *page.further)))
        if len(pages) == first.read:
            return first.article
        if first.read == _MOST_PAGES:
            raise UnreadableError("too many pages")
        url, first = pages[first.read], FirstPages(first.article, pages, first.read + 1)
        task = replace(task, first_pages=first, plain=None, known=None)
        if task.capture:
            return self._captured(task, task.capture, url)
        request = task.request(url, self.parse_article)
        return self.rendered_article(request) if self.arguments.fetch == "browser" else request

    def _captured(self, task: ArticleTask, before: Capture, url: str) -> Request:
        """Return the request for the next page of a captured article. Raises UnreadableError."""
        if (capture := self.further_pages.after(before, url)) is None:
            # The site may have the page: the article is requested again.
            raise UnreadableError("only the first page")
        request = replace(task, capture=capture).request(url, self.parse_article)
        request.meta["dont_obey_robotstxt"] = True
        return request

    async def parse_post(self, response: Response) -> AsyncIterator[Article]:
        """Read an article from its post; its authors are from other sources.

        Raises UnreadableError for a response that is no post of this article.
        """
        post = post_of(response.body)
        candidate = self.numbered(ArticleTask.required(response).candidate, post)
        authors = await self.bylines.of(candidate, post)
        yield await self.read_post(response, replace(candidate, authors=authors))

    async def read_post(self, response: Response, candidate: Candidate) -> Article:
        """Return the article of a post, with the authors of ``candidate``.

        Raises UnreadableError for a response that is no post of this article.
        """
        post = post_of(response.body)
        await self.terms.complete([post])
        return self._post(response, post, candidate)

    def _best_page(self, selector: Selector, response: TextResponse, task: ArticleTask) -> Page:
        """Return the page; the plain one if the browser found no entries."""
        if task.plain is None or not _is_rendered(response):
            return self._page(selector, response, task.candidate)
        with suppress(UnreadableError):
            page = self._page(selector, response, task.candidate)
            if not page.unfilled:
                return page
        self.crawler.stats.inc_value("newscrawl/downloader/browser/plain_instead")
        return self._page(parsed(task.plain), task.plain, task.candidate)

    def _needs_browser(self, response: Response, task: ArticleTask) -> bool:
        """Return whether a live page without entries is requested again, through the browser."""
        if self.arguments.fetch != "auto" or task.plain or _is_rendered(response):
            return False
        return can_render(self.crawler)

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
        article.source = source
        article.source_url = task.source_listing or response.request.url
        article.date_fetched = utc(datetime.now(UTC))


def _is_rendered(response: Response) -> bool:
    return bool(response.meta.get("playwright"))
