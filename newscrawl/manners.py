"""Manners: robots.txt with its Crawl-delay, and the site's wish to be asked later.

Scrapy obeys robots.txt, retries and slows down by itself; here is what it does not do.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.retry import RetryMiddleware
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.settings import BaseSettings
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.exceptions import StoppingError
from newscrawl.refusal import refusal
from newscrawl.run import Run

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
        if response.status == 429 or response.status >= 500 or refusal(response) == "bot wall":
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
        if delay <= self.crawler.settings.getfloat("DOWNLOAD_DELAY"):
            return
        logger.info("%s asks for %g seconds between requests (Crawl-delay)", host, delay)
        self.crawler.stats.set_value("newscrawl/crawl_delay", delay)
        # Without jitter, which would go below; for the slots to come and for the one that is.
        downloader.per_slot_settings[host] = {"delay": delay, "concurrency": 1, "jitter": 0}
        if slot := downloader.slots.get(host):
            slot.delay, slot.jitter, slot.concurrency = delay, 0.0, 1
        if throttle := self.crawler.get_extension(AutoThrottle):
            throttle.mindelay = max(throttle.mindelay, delay)
            throttle.maxdelay = max(throttle.maxdelay, delay)


class PatientRetryMiddleware(RetryMiddleware):
    """Scrapy's own, but it waits before it asks again: as the site says, or longer each time.

    While it waits nothing else is sent to the site. A site that asks for more patience than a run
    has ends the run, and later runs keep away until then.
    """

    def __init__(self, settings: BaseSettings) -> None:
        """Take the pauses from the settings, in seconds. Raises NotConfigured without retries."""
        super().__init__(settings)
        self.first_pause = settings.getfloat("NEWSCRAWL_PAUSE_SECONDS")
        self.longest_pause = settings.getfloat("NEWSCRAWL_LONGEST_PAUSE_SECONDS")
        self._until = 0.0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Read the settings."""
        return super().from_crawler(crawler)

    async def process_request(self, request: Request) -> None:
        """Hold a request back while the site wants to be left alone. Raises StoppingError."""
        while time.monotonic() < self._until:
            if self._is_stopping():
                raise StoppingError("the run ends")
            await asyncio.sleep(min(1.0, max(0.0, self._until - time.monotonic())))

    def process_response(
        self, request: Request, response: Response, spider: Any = None
    ) -> Request | Response:
        """Return the request for another try, after a pause, or the answer as it is."""
        told = response.headers.get("Retry-After")
        if response.status == 429 or (response.status == 503 and told):
            tries = request.meta.get("retry_times", 0)
            seconds = retry_after(told.decode("latin-1")) if told else None
            if seconds is None:
                seconds = self.first_pause * 2**tries
            if seconds > self.longest_pause:
                Run.of(self.crawler).wait(seconds)
                raise StoppingError("asked to wait")
            if tries < self.max_retry_times and not request.meta.get("dont_retry"):
                self._pause(seconds, response)
        return super().process_response(request, response)

    def _pause(self, seconds: float, response: Response) -> None:
        self._until = max(self._until, time.monotonic() + seconds)
        self.crawler.stats.inc_value("newscrawl/pauses")
        logger.warning(
            "Asked to slow down (http %d): nothing is asked for %.0f seconds",
            response.status,
            seconds,
        )

    def _is_stopping(self) -> bool:
        # Ctrl-C, or a close reason of our own.
        engine: Any = self.crawler.engine
        return not self.crawler.crawling or engine._slot is None or engine._slot.closing is not None


def retry_after(text: str) -> float | None:
    """Return how many seconds a Retry-After header asks for, a number or a date; else None.

    >>> retry_after("120"), retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after("soon")
    (120.0, 0.0, None)
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
