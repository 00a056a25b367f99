"""Publish what the ranges of archives hold, for all outlets together."""

import logging
from collections.abc import Iterable
from dataclasses import replace

from newscrawl.archives.plan import Plan, Range, read_before
from newscrawl.archives.revisits import Piece, Revisits
from newscrawl.archives.tasks import Result
from newscrawl.archives.writer import OutletWriter
from newscrawl.storage.journal import commit_together
from newscrawl.storage.ledger import Ledger, RangeKey, articles_at

logger = logging.getLogger(__name__)


class Publisher:
    """Publishes ranges, one after the other, into the runs of several outlets.

    For each range the ledger is read once, and changed in one transaction of all outlets, after
    their lines are on disk. Methods that publish raise OSError and LedgerError.
    """

    def __init__(self) -> None:
        """Begin without an outlet."""
        self.writers: dict[str, OutletWriter] = {}
        self.revisits = Revisits()

    @property
    def open(self) -> dict[str, OutletWriter]:
        """The writers whose runs go on, by outlet."""
        return {name: it for name, it in self.writers.items() if it.is_open}

    def _is_open(self, name: str) -> bool:
        return name in self.writers and self.writers[name].is_open

    def divide(
        self, plan: Plan, parts: list[Range]
    ) -> list[tuple[tuple[str, ...], tuple[int | None, ...]]]:
        """Return for each range of a file the outlets that it is to be read for.

        Also return the start of the next range, if an earlier run read this one.
        """
        name = plan.file.name
        rows: dict[str, dict[RangeKey, int | None]] = {}
        before: dict[str, list[bool]] = {}
        for outlet, writer in self.open.items():
            of_file = writer.run.ledger.read_ranges(outlet, parts[0].key.file)
            rows[outlet] = writer.read_alike(of_file)
            before[outlet] = read_before(parts, rows[outlet])
            writer.counts(name).known += sum(before[outlet])
            if of_file and not any(before[outlet]):
                logger.info("%s reads %s again: file, extraction or options differ", outlet, name)
        return [
            (
                tuple(outlet for outlet, answers in before.items() if not answers[number]),
                tuple(its[part.key] for its in rows.values() if part.key in its),
            )
            for number, part in enumerate(parts)
        ]

    def cannot_read(self, file: str, reason: str, outlets: Iterable[str]) -> None:
        """Count a range that cannot be read, or a file."""
        for name in outlets:
            self.writers[name].counts(file).unread[reason] += 1

    def publish(self, file: str, key: RangeKey, result: Result) -> None:
        """Publish what a range holds, and note that it was read."""
        for writer in self.open.values():
            writer.count_time(result.seconds)
        found = {name: it for name, it in result.found.items() if self._is_open(name)}
        self._write((name, file, it) for name, it in found.items())
        for name, it in found.items():
            if it.revisits:
                self.revisits.add(name, file, key, result.next, it)
            elif self._is_open(name):
                self.writers[name].note_range(key, result.next)
        self._commit()

    def publish_again(self, pieces: Iterable[Piece]) -> None:
        """Publish what was found for revisits."""
        self._write(pieces)
        self._commit()

    def end(self) -> None:
        """Publish what is left of the revisits, and note their ranges."""
        self._write(self.revisits.unresolved(self.open))
        for name, key, following in self.revisits.read_ranges():
            if self._is_open(name):
                self.writers[name].note_range(key, following)
        self._commit()

    def end_file(self, plan: Plan, key: RangeKey, outlets: Iterable[str]) -> None:
        """Note that a file was read to its end; its last range was read for ``outlets``."""
        file = plan.file
        for name, writer in self.open.items():
            counts = writer.counts(file.name)
            counts.finished = not counts.unread
            is_noted = counts.finished and not self.revisits.has(name, file.name)
            if is_noted and name in outlets and not file.parts:
                writer.note_file(replace(key, start=0))

    def _write(self, pieces: Iterable[Piece]) -> None:
        """Write the lines of some pieces. The ledger is read for all outlets at once."""
        pieces = list(pieces)
        some = {
            (name, it.id): None for name, _, found in pieces for it in found.findings if it.line
        }
        if any_open := next(iter(self.open.values()), None):
            known = any_open.run.ledger.versions_of(some)
            self._learn_addresses(any_open.run.ledger, pieces)
            for name, file, found in pieces:
                if self._is_open(name):
                    self.writers[name].write(file, found, known)

    def _learn_addresses(self, ledger: Ledger, pieces: Iterable[Piece]) -> None:
        """Read the articles at those addresses of lines that do not name their article."""
        keys = {
            (name, key): None
            for name, _, found in pieces
            for it in found.findings
            if it.line and (key := self.writers[name].run.identities.unknown(it.url))
        }
        for (name, key), (identity, is_used) in articles_at(ledger, keys).items():
            self.writers[name].run.identities.learn(key, identity, is_used=is_used)

    def _commit(self) -> None:
        """Bring the lines of all runs to disk, and then the ledger up to date."""
        journals = [it.run.journal for it in self.writers.values() if not it.run.is_closed]
        if journals:
            commit_together(journals)
