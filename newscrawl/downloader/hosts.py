"""Keep requests and redirects on the outlet's hosts."""

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.discovery import outlet_spider


class ExactHostMiddleware:
    """Downloader middleware: refuses requests to hosts that are not the outlet's.

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
        """Raise IgnoreRequest for a request, or its redirect, to another host."""
        spider = outlet_spider(self.crawler)
        host = urlparse_cached(request).hostname
        if spider and host not in spider.requested_hosts():
            self.crawler.stats.inc_value("newscrawl/offsite")
            if "redirect_urls" in request.meta:
                self.crawler.stats.inc_value(f"newscrawl/offsite/{host}")
            raise IgnoreRequest(f"offsite: {host}")
