"""Downloader middlewares of our own (recording and replay are in ``warc``)."""

from scrapy import Request, Spider
from scrapy.downloadermiddlewares.offsite import OffsiteMiddleware
from scrapy.utils.httpobj import urlparse_cached


class ExactHostMiddleware(OffsiteMiddleware):
    """Drops requests, redirects among them, to any host that is not the outlet's own.

    Scrapy's middleware lets subdomains of an allowed domain pass, but an outlet's subdomains are
    other sites (``elections2024.thehill.com``). Only ``www.`` is the outlet itself.
    """

    def should_follow(self, request: Request, spider: Spider) -> bool:
        """Say whether a request stays at the spider's ``host``."""
        host = spider.host  # type: ignore[attr-defined]
        return urlparse_cached(request).hostname in (host, f"www.{host}")
