"""Downloader middlewares: allowed hosts, refused pages, and inline posts.

Recording, replay, robots.txt and throttling are in ``newscrawl.downloader``.
"""

import json
from contextlib import suppress
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.discovery import outlet_spider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.exceptions import RefusedError


class ExactHostMiddleware:
    """Refuses requests and redirects to all hosts but the outlet's, with or without ``www.``.

    Scrapy's OffsiteMiddleware allows subdomains, but those of an outlet are other sites
    (``elections2024.thehill.com``). It also allows requests with ``dont_filter``, and drops others
    without an error.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Take the host from the spider with the first request."""
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build for a crawl."""
        return cls(crawler)

    def process_request(self, request: Request) -> None:
        """Raise IgnoreRequest for a request that leaves the spider's ``host``."""
        spider = outlet_spider(self.crawler)
        host = urlparse_cached(request).hostname
        if spider and host not in (spider.host, f"www.{spider.host}"):
            self.crawler.stats.inc_value("newscrawl/offsite")
            raise IgnoreRequest(f"offsite: {host}")


class RefusalMiddleware:
    """Replaces requests for pages that the site refuses, as PageAccess decides."""

    def __init__(self, access: PageAccess) -> None:
        """Let ``access`` decide."""
        self.access = access

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build for a crawl."""
        return cls(PageAccess.of(crawler))

    def process_request(self, request: Request) -> Request | None:
        """Return what replaces a request that would be refused. Raises RefusedError."""
        return self.access.before(request)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        """Return the response, or what replaces it if it is a refusal. Raises RefusedError."""
        return self.access.after(request, response)

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return the request in place of one that was refused just before it was sent."""
        if isinstance(exception, RefusedError):
            with suppress(RefusedError):
                return self.access.replacement(request, str(exception))
        return None


class InlinePostMiddleware:
    """Answers the request for a post with the inline post of its listing; nothing is sent."""

    def process_request(self, request: Request) -> Response | None:
        """Return the response, or None to send the request."""
        task = ArticleTask.of(request)
        if task is None or task.post is None:
            return None
        body = json.dumps(task.post).encode()
        headers = {"Content-Type": "application/json"}
        return TextResponse(request.url, 200, headers, body, flags=["inline"], request=request)
