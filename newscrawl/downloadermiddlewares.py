"""Downloader middlewares of our own: hosts, refused pages, and answers that are here already.

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
    """Refuses requests, redirects among them, to any host that is not the outlet's own.

    Scrapy's OffsiteMiddleware lets subdomains of an allowed domain pass, but an outlet's are other
    sites (``elections2024.thehill.com``); it lets pass what is not to be filtered; and what it
    drops is dropped without a word. Only ``www.`` is the outlet itself.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Learn the host from the spider when the first request comes."""
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
    """Replaces requests for pages that the site refuses; PageAccess decides which, and by what."""

    def __init__(self, access: PageAccess) -> None:
        """Ask ``access``."""
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
        """Return what replaces a request that was refused just before it was sent."""
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
