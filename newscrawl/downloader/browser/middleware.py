"""Downloader middleware: the page without rendering, if rendering fails."""

import logging

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse

from newscrawl.discovery.tasks import ArticleTask
from newscrawl.downloader.browser.rendering import not_rendered
from newscrawl.exceptions import BrowserMissingError

logger = logging.getLogger(__name__)


class PlainAnswerMiddleware:
    """Downloader middleware: if the browser fails, use the page as it was read without it.

    The request's task contains that page.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Count in the crawl's stats."""
        self._stats = crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "PlainAnswerMiddleware":
        """Build from a crawler."""
        return cls(crawler)

    def process_exception(self, request: Request, exception: Exception) -> Response | None:
        """Return the page without rendering, if rendering failed."""
        task = ArticleTask.of(request)
        if task is None or task.plain is None:
            return None
        if not isinstance(exception, BrowserMissingError):
            logger.warning(
                "Could not render %s, reading it without a browser: %s", request.url, exception
            )
        return self._answer(request, task.plain)

    def process_response(self, request: Request, response: Response) -> Response:
        """Return the page without rendering, if the browser got another status than 200."""
        task = ArticleTask.of(request)
        if task and task.plain and response.status != 200:
            return self._answer(request, task.plain)
        return response

    def _answer(self, request: Request, plain: TextResponse) -> Response:
        self._stats.inc_value("newscrawl/downloader/browser/plain_instead")
        return plain.replace(request=not_rendered(request))
