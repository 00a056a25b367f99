"""Pause all requests when a site asks for it: Retry-After, 429 and 503."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler
from scrapy.http import Response

from newscrawl.exceptions import StoppingError

logger = logging.getLogger(__name__)

asked_to_wait = object()
"""Signal: the site asks for no requests for ``seconds``, longer than a run may last."""

_LONGEST_WAIT = 30 * 86_400.0  # seconds; whoever says more does not mean it


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
            self._crawler.signals.send_catch_log(asked_to_wait, seconds=min(seconds, _LONGEST_WAIT))
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
