"""KnownArticles: what discovery may ask the ledger about the articles of one outlet."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from newscrawl.exceptions import LedgerError
from newscrawl.extraction.dates import utc
from newscrawl.items import Candidate
from newscrawl.storage.identities import Identities
from newscrawl.storage.ledger import ArticleState, Change, Ledger, Schedule
from newscrawl.storage.rereading import Row, date_of_record

_T = TypeVar("_T")


class KnownArticles:
    """The articles of one outlet, as the ledger knew them when its last changes were committed."""

    def __init__(
        self,
        ledger: Ledger,
        identities: Identities,
        schedule: Schedule,
        queue: Callable[[Change], None],
        failed: Callable[[LedgerError], None],
    ) -> None:
        """Read from ``ledger`` and write through ``queue``; ``failed`` is called with an error."""
        self._identities = identities
        self._ledger = ledger
        self._outlet = identities.outlet.name
        self._schedule = schedule
        self._queue = queue
        self._failed = failed

    def _ask(self, question: Callable[[], _T], otherwise: _T) -> _T:
        try:
            return question()
        except LedgerError as error:
            self._failed(error)
            return otherwise

    def get(self, identity: str) -> ArticleState | None:
        """Return the state of an article, or None if it is not in the ledger."""
        return self._ask(lambda: self._ledger.get(self._outlet, self.id_of(identity)), None)

    def id_of(self, identity: str) -> str:
        """Return the article's own id for a provisional one, if it is known, else the same."""
        return self._identities.of(identity)

    def date_of_record(self, identity: str, answered: str, modified: str | None) -> str:
        """Return the ``date_fetched`` of the record of a response; see ``date_of_record``."""
        none: list[Row] = []
        rows = self._ask(lambda: self._ledger.history(self._outlet, identity), none)
        return date_of_record(answered, modified, rows)

    def count(self) -> int:
        """Return how many articles are known and have not gone from the site."""
        return self._ask(lambda: self._ledger.count(self._outlet), 0)

    def published_after(self, moment: str) -> list[str]:
        """Return the ids of the articles that were published after a moment, the newest first."""
        return self._ask(lambda: self._ledger.published_after(self._outlet, moment), [])

    def due(self, *, revisits: bool) -> list[Candidate]:
        """Return the articles whose next attempt has come; see ``Ledger.due``."""
        now = utc(datetime.now(UTC))
        return self._ask(lambda: self._ledger.due(self._outlet, now, revisits=revisits), [])

    def young(self, now: str) -> list[ArticleState]:
        """Return the published articles whose time to be looked at has come, the oldest first."""
        return self._ask(lambda: self._ledger.young(self._outlet, now), [])

    def looked_at(self, known: ArticleState) -> None:
        """Note that the site still has a published article, until the next age of a look."""
        now, born = datetime.now(UTC), known.date_published
        until = self._schedule.revisit(born, now) if born else None
        self._queue(self._ledger.postponed(self._outlet, known.id, until))
