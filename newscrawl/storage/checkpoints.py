"""Checkpoints: positions and times that a run saves for the runs after it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from newscrawl.exceptions import LedgerError
from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger import Change, Checkpoint, Ledger


class Checkpoints:
    """The checkpoints of one outlet: validators, cursors, backfill positions, waiting times.

    A checkpoint that is saved counts only once the changes queued before it are committed.
    """

    def __init__(
        self,
        ledger: Ledger,
        outlet: str,
        queue: Callable[[Change], None],
        failed: Callable[[LedgerError], None],
    ) -> None:
        """Read from ``ledger`` and write through ``queue``; ``failed`` is called with an error."""
        self._ledger = ledger
        self._outlet = outlet
        self._queue = queue
        self._failed = failed

    def read(self, name: str) -> Checkpoint | None:
        """Return the checkpoint of that name, as the last run left it, or None."""
        try:
            return self._ledger.read_checkpoint(self._outlet, name)
        except LedgerError as error:
            self._failed(error)
            return None

    def save(self, name: str, **values: Any) -> None:
        """Replace the checkpoint of that name; ``values`` are the fields of Checkpoint."""
        checkpoint = Checkpoint(**{"asked": utc(datetime.now(UTC)), **values})
        self._queue(self._ledger.save_checkpoint(self._outlet, name, checkpoint))

    def delete(self, name: str) -> None:
        """Delete the checkpoint of that name."""
        self._queue(self._ledger.delete_checkpoint(self._outlet, name))
