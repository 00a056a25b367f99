"""Journal: the lines of a run and the ledger changes that follow from them, in safe order."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from newscrawl.storage.ledger import Change, Ledger
from newscrawl.storage.parts import Part, PartWriter


class Journal:
    """Writes the parts of a run, and changes the ledger once the lines are on disk, never before.

    ``publish``, ``commit`` and ``close`` raise OSError and LedgerError.
    """

    def __init__(self, writer: PartWriter, ledger: Ledger) -> None:
        """Write lines with ``writer``, and changes to ``ledger``."""
        self._writer = writer
        self._ledger = ledger
        self._changes: list[Change] = []

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._writer.folder

    @property
    def parts(self) -> list[Part]:
        """The finished parts."""
        return self._writer.parts

    def publish(self, record: Mapping[str, Any], changes: Iterable[Change]) -> None:
        """Write the line of a record and queue the changes that follow from it.

        Everything that can fail happens before the line is written. A failure after that would
        make every later run publish the record again.
        """
        following = list(changes)
        self._writer.write(record)
        self._changes += following

    def queue(self, *changes: Change) -> None:
        """Queue changes that need no line, or whose line is already written."""
        self._changes += changes

    def commit(self) -> None:
        """Flush the lines to disk, then apply the queued changes. End a part that is old enough."""
        self._writer.rotate_if_old()
        if self._changes:
            self._writer.sync()
            self._ledger.apply(self._changes)
            self._changes.clear()

    def close(self) -> None:
        """End the last part and apply the last changes."""
        self._writer.rotate()
        self.commit()
