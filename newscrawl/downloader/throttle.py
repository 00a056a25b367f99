"""Pause the requests to a host when it requires that: Retry-After, 429 and 503."""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from weakref import WeakKeyDictionary

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.utils.httpobj import urlparse_cached

from newscrawl.exceptions import StoppingError

logger = logging.getLogger(__name__)

asked_to_wait = object()
"""Signal: the site requires a pause of ``seconds``, longer than a run may last."""

_LONGEST_WAIT = 30 * 86_400.0  # seconds; a longer Retry-After is taken for an error


class Throttle:
    """Pauses by host; a request waits until its host's pause is over."""

    def __init__(self, crawler: Crawler) -> None:
        """Begin without a pause."""
        self._crawler = crawler
        self._until: dict[str, float] = {}
        self._in_a_row: dict[str, int] = {}
        self._is_over = False
        settings = crawler.settings
        self._first = settings.getfloat("NEWSCRAWL_PAUSE_SECONDS")
        self._longest = settings.getfloat("NEWSCRAWL_LONGEST_PAUSE_SECONDS")

    @classmethod
    def of(cls, crawler: Crawler) -> "Throttle":
        """Return the throttle of a crawl."""
        return _THROTTLES.setdefault(crawler, cls(crawler))

    def apply(self, response: Response) -> None:
        """Start a pause if a response requires it: of its Retry-After, or twice the last pause.

        A pause that is longer than a run may wait ends the run, and later runs do not start until
        it is over. Raises StoppingError.
        """
        header, host = response.headers.get("Retry-After"), _host(response)
        if response.status != 429 and not (response.status == 503 and header):
            self._in_a_row.pop(host, None)
            return
        seconds = retry_after(header.decode("latin-1")) if header else None
        # Concurrent requests may each get a 429. Count them as one.
        until = self._until.get(host, 0.0)
        self._in_a_row[host] = self._in_a_row.get(host, 0) + (time.monotonic() >= until)
        if seconds is None:
            seconds = self._first * 2 ** (self._in_a_row[host] - 1)
        if self.ends_run(seconds):
            raise StoppingError("asked to wait")
        self._until[host] = max(until, time.monotonic() + seconds)
        assert self._crawler.stats is not None
        self._crawler.stats.inc_value("newscrawl/pauses")
        logger.warning(
            "Rate limited (HTTP %d): pausing all requests to %s for %.0f seconds",
            response.status,
            host,
            seconds,
        )

    def ends_run(self, seconds: float, at_most: float = _LONGEST_WAIT) -> bool:
        """End the run if a pause of so many seconds is longer than it may wait; return whether.

        Later runs do not start until the pause, or ``at_most`` seconds, are over.
        """
        if seconds <= self._longest:
            return False
        self._is_over = True
        self._crawler.signals.send_catch_log(asked_to_wait, seconds=min(seconds, at_most))
        return True

    async def wait(self, request: Request, must_wait: Callable[[], bool]) -> None:
        """Wait for the end of the host's pause, and of ``must_wait()``. Raises StoppingError."""
        host = _host(request)
        while (left := self._until.get(host, 0.0) - time.monotonic()) > 0 or must_wait():
            if self._is_over or self._is_stopping():
                raise StoppingError("the run ends")
            await asyncio.sleep(min(0.2, max(0.01, left)))
        if self._is_over:
            raise StoppingError("the run ends")

    def _is_stopping(self) -> bool:
        # Ctrl-C, or one of our close reasons.
        engine: Any = self._crawler.engine
        slot = engine._slot
        return not self._crawler.crawling or slot is None or slot.closing is not None


def _host(message: Request | Response) -> str:
    return urlparse_cached(message).hostname or ""


_THROTTLES: WeakKeyDictionary[Crawler, Throttle] = WeakKeyDictionary()


def retry_after(text: str) -> float | None:
    """Return the seconds of a Retry-After header, a number or a date, or None.

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
