"""Manners: robots.txt with its Crawl-delay, and the site's wish to be asked later.

Scrapy obeys robots.txt, retries and slows down by itself; here is what it does not do.
"""

import asyncio
import logging
import math
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from weakref import WeakKeyDictionary

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.browser import BrowserDownloadHandler
from newscrawl.exceptions import BrokenEncodingError, RefusedError, StoppingError
from newscrawl.refusal import refusal
from newscrawl.run import Run

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 30 * 86_400.0  # seconds; whoever says more does not mean it
_NOTHING_ALLOWED = b"User-agent: *\nDisallow: /\n"


class Patience:
    """How long a site wants to be left alone: what every request of a crawl waits for."""

    def __init__(self, crawler: Crawler) -> None:
        """Be ready at once."""
        self._crawler = crawler
        self._until = 0.0
        self._in_a_row = 0
        settings = crawler.settings
        self._first = settings.getfloat("NEWSCRAWL_PAUSE_SECONDS")
        self._longest = settings.getfloat("NEWSCRAWL_LONGEST_PAUSE_SECONDS")

    @classmethod
    def of(cls, crawler: Crawler) -> "Patience":
        """Return the patience of a crawl."""
        return _PATIENCE.setdefault(crawler, cls(crawler))

    def heed(self, response: Response) -> None:
        """Pause when an answer asks for it: as long as it says, or longer each time.

        A site that asks for more patience than a run has ends the run, and later runs keep away
        until then. Raises StoppingError.
        """
        told = response.headers.get("Retry-After")
        if response.status != 429 and not (response.status == 503 and told):
            self._in_a_row = 0
            return
        seconds = retry_after(told.decode("latin-1")) if told else None
        # Answers to what was under way together are one wish.
        self._in_a_row += time.monotonic() >= self._until
        if seconds is None:
            seconds = self._first * 2 ** (self._in_a_row - 1)
        if seconds > self._longest:
            self._until = math.inf
            if run := self._crawler.get_extension(Run):
                run.wait(min(seconds, _LONGEST_WAIT))
            raise StoppingError("asked to wait")
        self._until = max(self._until, time.monotonic() + seconds)
        assert self._crawler.stats is not None
        self._crawler.stats.inc_value("newscrawl/pauses")
        logger.warning(
            "Asked to slow down (http %d): nothing is asked for %.0f seconds",
            response.status,
            seconds,
        )

    async def wait(self, still: Callable[[], bool] | None = None) -> None:
        """Return when it is time, and ``still`` does not hold. Raises StoppingError."""
        while time.monotonic() < self._until or (still is not None and still()):
            if self._until == math.inf or self._is_stopping():
                raise StoppingError("the run ends")
            await asyncio.sleep(min(0.2, max(0.01, self._until - time.monotonic())))

    def _is_stopping(self) -> bool:
        # Ctrl-C, or a close reason of our own.
        engine: Any = self._crawler.engine
        slot = engine._slot
        return not self._crawler.crawling or slot is None or slot.closing is not None


_PATIENCE: WeakKeyDictionary[Crawler, Patience] = WeakKeyDictionary()


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


class PoliteDownloadHandler(BrowserDownloadHandler):
    """The last step before the network: everything waits here that must not be sent now."""

    async def download_request(self, request: Request) -> Response:
        """Return the answer.

        Raises StoppingError when the run ends before it may be asked, RefusedError when pages were
        refused meanwhile, and BrokenEncodingError for a compressed answer that is not whole.
        """
        run = self._crawl.get_extension(Run)
        door = run.door if run and request.meta.get("page") else None
        probe = request.meta.get("probe")
        await Patience.of(self._crawl).wait(
            lambda: door is not None and door.closed and door.probing and not probe
        )
        if door is not None and door.closed and not probe:
            raise RefusedError(door.reason)
        response = await super().download_request(request)
        Patience.of(self._crawl).heed(response)
        if response.headers.get("Content-Encoding") == b"gzip":
            check_gzip(response.body, self._crawl.settings.getint("DOWNLOAD_MAXSIZE"))
        return response


def check_gzip(body: bytes, most: int) -> None:
    """Raise BrokenEncodingError for gzip that does not come to its end within ``most`` bytes.

    Scrapy takes what it gets out of a broken one for the whole answer.

    >>> import gzip
    >>> check_gzip(gzip.compress(b"whole"), 100)
    >>> check_gzip(gzip.compress(b"whole")[:-9], 100)
    Traceback (most recent call last):
    newscrawl.exceptions.BrokenEncodingError: broken gzip
    """
    unpacker = zlib.decompressobj(wbits=31)
    size = 0
    try:
        while body and not unpacker.eof and size <= most:
            size += len(unpacker.decompress(body, 1 << 20))
            body = unpacker.unconsumed_tail
    except zlib.error as error:
        raise BrokenEncodingError("broken gzip") from error
    if not unpacker.eof and size <= most:
        raise BrokenEncodingError("broken gzip")
