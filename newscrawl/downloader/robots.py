"""robots.txt as RFC 9309 wants it, with Crawl-delay."""

import logging
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.downloader.walls import refusal

logger = logging.getLogger(__name__)

_NOTHING_ALLOWED = b"User-agent: *\nDisallow: /\n"


class RobotsMiddleware(RobotsTxtMiddleware):
    """Scrapy's own, for what it leaves open: RFC 9309, and Crawl-delay.

    A robots.txt that the site does not give now (429, 5xx, no answer) holds rules that are
    unknown, not empty: it was asked for again by the retry middleware, and then nothing is
    allowed. One that is not there (any other 4xx) holds none.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Raise NotConfigured when robots.txt is not to be obeyed."""
        super().__init__(crawler)
        self._unknown: set[str] = set()

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        walled = response.status == 200 and refusal(response)
        if response.status == 429 or response.status >= 500 or walled:
            self._is_unknown(netloc, f"http {response.status}")
            response = response.replace(body=_NOTHING_ALLOWED)
        elif response.status >= 400:
            response = response.replace(body=b"")
        await super()._parse_robots(response, netloc, request)
        parser = self._parsers[netloc]
        agent = self._robotstxt_useragent or self._default_useragent
        if isinstance(parser, RobotParser) and (delay := parser.crawl_delay(agent)):
            self._slow_down(urlparse_cached(request).hostname or "", delay)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        self._is_unknown(netloc, type(exc).__name__)
        super()._robots_error(exc, netloc)

    def _is_unknown(self, netloc: str, why: str) -> None:
        self._unknown.add(netloc)
        logger.error("The rules of %s are unknown (robots.txt: %s): nothing is asked", netloc, why)

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        """Raise IgnoreRequest for what the rules forbid, and while they are unknown."""
        if urlparse_cached(request).netloc in self._unknown:
            raise IgnoreRequest("robots.txt unknown")
        super().process_request_2(rp, request)

    def _slow_down(self, host: str, delay: float) -> None:
        """Leave at least ``delay`` seconds between two requests, whatever AutoThrottle thinks."""
        engine: Any = self.crawler.engine
        downloader = engine.downloader
        delay = max(delay, self.crawler.settings.getfloat("DOWNLOAD_DELAY"))
        logger.info("%s asks for %g seconds between requests (Crawl-delay)", host, delay)
        self.crawler.stats.set_value("newscrawl/crawl_delay", delay)
        # Without jitter, which would go below; for the slots to come and for the one that is.
        downloader.per_slot_settings[host] = {"delay": delay, "concurrency": 1, "jitter": 0}
        if slot := downloader.slots.get(host):
            slot.delay, slot.jitter, slot.concurrency = delay, 0.0, 1
        if throttle := self.crawler.get_extension(AutoThrottle):
            throttle.mindelay = max(throttle.mindelay, delay)
            throttle.maxdelay = max(throttle.maxdelay, delay)
