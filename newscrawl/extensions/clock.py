"""Compare the machine's clock with the site's."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

from newscrawl.storage.clock import fault_by_site
from newscrawl.storage.document import ClockDocument

_FEWEST = 3


class SiteClock:
    """Extension: compares the clock with the ``Date`` of every response.

    A cache that does not state its ``Age`` makes the site's clock look late, so all responses have
    to agree that the clock is wrong.
    """

    def __init__(self) -> None:
        """Begin without a response."""
        self._count = 0
        self._least = self._most = timedelta()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises NotConfigured when a recording answers."""
        if crawler.settings["NEWSCRAWL_REPLAY"]:
            raise NotConfigured
        clock = cls()
        crawler.signals.connect(clock.answered, signals.response_received)
        return clock

    def answered(self, response: Response) -> None:
        """Take the time of a response."""
        with suppress(ValueError, OverflowError):
            sent = parsedate_to_datetime((response.headers.get("Date") or b"").decode("latin-1"))
            if sent.tzinfo is None:
                return
            age = timedelta(seconds=int(response.headers.get("Age") or 0))
            ahead = datetime.now(UTC) - (sent + age)
            self._least = min(ahead, self._least) if self._count else ahead
            self._most = max(ahead, self._most) if self._count else ahead
            self._count += 1

    def fault(self) -> ClockDocument | None:
        """Return what is wrong with the clock, or None."""
        if self._count < _FEWEST or self._least <= timedelta() <= self._most:
            return None
        ahead = self._least if self._least > timedelta() else self._most
        return fault_by_site(datetime.now(UTC), ahead)
