"""Downloader middlewares of our own: hosts, refused pages, and answers that are here already.

Recording and replay are in ``warc``, robots.txt and pauses in ``manners``.
"""

import json
from collections.abc import Mapping
from typing import Any, Self

from scrapy import Request, Spider
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.offsite import OffsiteMiddleware
from scrapy.http import Response, TextResponse
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.exceptions import RefusedError
from newscrawl.refusal import PageDoor, refusal
from newscrawl.run import Run


class ExactHostMiddleware(OffsiteMiddleware):
    """Drops requests, redirects among them, to any host that is not the outlet's own.

    Scrapy's middleware lets subdomains of an allowed domain pass, but an outlet's subdomains are
    other sites (``elections2024.thehill.com``). Only ``www.`` is the outlet itself.
    """

    def should_follow(self, request: Request, spider: Spider) -> bool:
        """Say whether a request stays at the spider's ``host``."""
        host = spider.host  # type: ignore[attr-defined]
        return urlparse_cached(request).hostname in (host, f"www.{host}")


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

    def _otherwise(self, request: Request, reason: str) -> Request:
        spider: Any = self.crawler.spider
        candidate = request.meta.get("candidate")
        if candidate is None or spider.wanted.fetch != "auto" or not spider.rest:
            raise RefusedError(reason)
        post: Request = spider.post_request(candidate)
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
