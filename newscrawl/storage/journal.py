"""Journal: the lines of a run and the ledger changes that follow from them, in safe order."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from newscrawl.storage.ledger import Change, Ledger
from newscrawl.storage.parts import Part, PartWriter, line_of

_AT_ONCE = 8  # files to flush at the same time
_threads = ThreadPoolExecutor(_AT_ONCE, "flush")


class Journal:
    """Writes the parts of a run, and changes the ledger once the lines are on disk, never before.

    ``publish``, ``commit`` and ``close`` raise OSError and LedgerError.
    """

    def __init__(self, writer: PartWriter, ledger: Ledger) -> None:
        """Write lines with ``writer``, and changes to ``ledger``."""
        self._writer = writer
        self.ledger = ledger
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
        """Write the line of a record and queue the changes that follow from it."""
        self.publish_line(line_of(record), changes)

    def publish_line(self, line: bytes, changes: Iterable[Change]) -> None:
        """Write a line and queue the changes that follow from it.

        Everything that can fail happens before the line is written. A failure after that would
        make every later run publish the record again.
        """
        following = list(changes)
        self._writer.write_line(line)
        self._changes += following

    def queue(self, *changes: Change) -> None:
        """Queue changes that need no line, or whose line is already written."""
        self._changes += changes

    def commit(self) -> None:
        """Flush the lines to disk, then apply the queued changes. End a part that is old enough."""
        commit_together([self])

    @property
    def changes(self) -> Sequence[Change]:
        """The queued changes."""
        return self._changes

    def flush(self) -> None:
        """Flush the lines to disk. Close the current part if it is old enough."""
        self._writer.rotate_if_old()
        if self._changes:
            self._writer.sync()

    def clear(self) -> None:
        """Forget the queued changes: the ledger has them."""
        self._changes.clear()

    def close(self) -> None:
        """End the last part and apply the last changes."""
        self._writer.rotate()
        self.commit()


def commit_together(journals: Sequence[Journal]) -> None:
    """Flush the lines of several runs to disk, then apply all their changes in one transaction.

    The runs have the same ledger. Raises OSError and LedgerError; then all changes stay queued.
    """
    _flush(journals)
    if changes := [change for journal in journals for change in journal.changes]:
        journals[0].ledger.apply(changes, [it.ledger for it in journals[1:]])
    for journal in journals:
        journal.clear()


def _flush(journals: Sequence[Journal]) -> None:
    """Flush the lines of several runs in parallel, which takes a tenth of the time.

    Raises OSError after all flushes have ended.
    """
    if len(journals) == 1:
        journals[0].flush()
        return

    def flush(share: Sequence[Journal]) -> None:
        for it in share:
            it.flush()

    shares = [journals[first::_AT_ONCE] for first in range(_AT_ONCE)]
    under_way = [_threads.submit(flush, share) for share in shares if share]
    wait(under_way)
    for it in under_way:
        it.result()
