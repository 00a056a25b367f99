"""When a site refuses its pages: how that looks, and what is remembered of it.

We do not disguise ourselves and do not defeat a wall. When pages are refused, the crawler says
so once, stops asking for pages, and goes on through the site's public interfaces.
"""

import logging
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from scrapy.http import Response

from newscrawl.ledger import Remembered
from newscrawl.processors import utc

logger = logging.getLogger(__name__)

_HEAD = 16 * 1024
"""A wall's page is short; what makes one stands in its first bytes."""

_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,200}?)\s*</title>", re.I)
# The titles of the walls that news sites use: PerimeterX, Cloudflare, Imperva, Akamai.
_WALLS = (
    b"access to this page has been denied",
    b"access denied",
    b"attention required! | cloudflare",
    b"pardon our interruption",
)
_CHALLENGES = (b"just a moment...", b"checking your browser", b"one moment, please...")
_CHALLENGE_MARKS = re.compile(rb"_cf_chl_opt|/cdn-cgi/challenge-platform/|captcha-delivery\.com")

_NAME = "pages refused"
"""The name under which the ledger remembers that pages are refused."""


def refusal(response: Response) -> str | None:
    """Return how an answer refuses the page that was asked for, or None when it does not.

    Walls answer 200 as well; a page is one by its title, not by the scripts that good pages
    share with it.
    """
    if response.headers.get("cf-mitigated") == b"challenge":
        return "javascript challenge"
    head = response.body[:_HEAD]
    found = _TITLE.search(head)
    title = found[1].lower() if found else b""
    if title.startswith(_WALLS):
        return "bot wall" if response.status == 200 else f"http {response.status}"
    marked = len(response.body) < _HEAD and _CHALLENGE_MARKS.search(head)
    if title.startswith(_CHALLENGES) or (marked and b"<article" not in head):
        return "javascript challenge"
    return "http 403" if response.status == 403 else None


class Memory(Protocol):
    """What is needed of a run: its own document, and what lasts beyond it."""

    document: dict[str, Any]

    def recall(self, name: str) -> Remembered | None:
        """Return what is remembered under a name, or None."""

    def remember(self, name: str, **values: Any) -> None:
        """Remember something under a name; see ``ledger.Remembered``."""

    def let_go(self, name: str) -> None:
        """Remember it no longer."""


class PageDoor:
    """Whether a site's pages may be asked for: a circuit breaker that lasts beyond a run.

    It closes after so many refusals in a row. Later runs leave pages alone until it is time to
    probe; every refused probe doubles the time to the next.
    """

    def __init__(self, run: Memory, refusals: int, pauses: tuple[float, float]) -> None:
        """Close after ``refusals``; probe after ``pauses`` hours, at first and at most."""
        self.run = run
        self.reason = ""
        self.probing = False
        self._allowed = refusals
        self._refused = 0
        self._pauses = pauses
        self._pause = 0.0
        known = run.recall(_NAME)
        if known is not None and known.due is not None:
            self.reason = known.position or "refused"
            self._pause = known.pause
            self.probing = known.due <= utc(datetime.now(UTC))
            self.run.document["refused"] = {
                "reason": self.reason,
                "since": known.asked,
                "probe": known.due,
            }
            logger.warning(
                "Pages were refused (%s) since %s: going on through the site's public"
                " interfaces, asking for a page again after %s",
                self.reason,
                known.asked,
                known.due,
            )

    @property
    def closed(self) -> bool:
        """Whether pages are left alone."""
        return bool(self.reason)

    def refused(self, reason: str) -> None:
        """Note a refusal; the last of many in a row closes the door, and is said."""
        self._refused += 1
        if self._refused < self._allowed and not self.probing:
            return
        if self.closed and not self.probing:
            return
        again = self.closed
        self.reason, self.probing = reason, False
        self._pause = min(max(self._pauses[0], 2 * self._pause), self._pauses[1])
        now = datetime.now(UTC)
        since = self.run.document["refused"]["since"] if again else utc(now)
        due = utc(now + timedelta(hours=self._pause))
        self.run.document["refused"] = {"reason": reason, "since": since, "probe": due}
        self.run.remember(_NAME, asked=since, due=due, pause=self._pause, position=reason)
        logger.warning(
            "The site refuses its pages (%s): no more of them are asked for; a probe follows"
            " after %s",
            reason,
            due,
        )

    def answered(self) -> None:
        """Note a page that came: refusals before it were of single pages, or are over."""
        self._refused = 0
        if self.closed:
            logger.warning("The site answers with pages again: they are asked for as before")
            self.reason, self.probing = "", False
            self.run.document["refused"]["over"] = utc(datetime.now(UTC))
            self.run.let_go(_NAME)
