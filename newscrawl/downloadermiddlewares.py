"""Downloader middlewares of our own: hosts, refused pages, and answers that are here already.

Recording, replay, robots.txt and throttling are in ``newscrawl.downloader``.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response, TextResponse
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.downloader.circuit_breaker import PageDoor
from newscrawl.downloader.walls import refusal
from newscrawl.exceptions import RefusedError
from newscrawl.extensions.run import Run


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
        spider: Any = self.crawler.spider
        host = urlparse_cached(request).hostname
        if host not in (spider.host, f"www.{spider.host}"):
            self.crawler.stats.inc_value("newscrawl/offsite")
            raise IgnoreRequest(f"offsite: {host}")


class RefusalMiddleware:
    """Sees when the site refuses its pages, and asks its REST interface instead.

    With ``fetch=auto`` a refused article is asked for by REST at once; after a few refusals in a
    row the door is closed, and no page is asked for any more (see ``refusal``). A request of a
    page says so in its ``meta``: ``page``; ``probe`` is the one that tries a closed door.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Find the run when the first request comes."""
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build for a crawl."""
        return cls(crawler)

    @property
    def door(self) -> PageDoor:
        """The crawl's memory of refusals."""
        door = Run.of(self.crawler).door
        assert door is not None
        return door

    def process_request(self, request: Request) -> Request | None:
        """Return a request to REST in place of one that would be refused. Raises RefusedError."""
        if not request.meta.get("page") or not self.door.closed or request.meta.get("probe"):
            return None
        # A probe is under way: what cannot go by REST waits for its outcome.
        if self.door.probing and not self._has_rest(request):
            return None
        return self._otherwise(request, self.door.reason)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        """Return a page that came, or a request to REST when it did not. Raises RefusedError."""
        if not request.meta.get("page"):
            return response
        if reason := refusal(response):
            self.door.refused(reason)
            self.crawler.stats.inc_value(f"newscrawl/refused/{reason}")
            return self._otherwise(request, reason)
        if response.status < 500 and response.status != 429:
            self.door.answered()
        return response

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return a request to REST for one that waited while the door was closed."""
        if isinstance(exception, RefusedError) and self._has_rest(request):
            return self._otherwise(request, str(exception))
        return None

    def _has_rest(self, request: Request) -> bool:
        spider: Any = self.crawler.spider
        return "candidate" in request.meta and spider.wanted.fetch == "auto" and bool(spider.rest)

    def _otherwise(self, request: Request, reason: str) -> Request:
        spider: Any = self.crawler.spider
        if not self._has_rest(request):
            raise RefusedError(reason)
        post: Request = spider.post_request(request.meta["candidate"])
        return post.replace(errback=request.errback, priority=request.priority, dont_filter=True)


class CarriedMiddleware:
    """Answers the request of a post with what a listing carried of it; nothing is sent.

    ``meta["carried"]`` holds the post.
    """

    def process_request(self, request: Request) -> Response | None:
        """Return the answer, or None to ask the network."""
        post: Mapping[str, Any] | None = request.meta.get("carried")
        if post is None:
            return None
        body = json.dumps(post).encode()
        headers = {"Content-Type": "application/json"}
        return TextResponse(request.url, 200, headers, body, flags=["carried"], request=request)
