"""Stop requesting pages after several refusals in a row; later runs probe now and then."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger import Remembered

logger = logging.getLogger(__name__)

_NAME = "pages refused"
"""The name under which the ledger remembers that pages are refused."""


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
