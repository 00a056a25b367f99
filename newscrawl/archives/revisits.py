"""Revisits: records that refer to another record, which may be in any of the files."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from newscrawl.archives.tasks import Finding, Found, Result, Revisit
from newscrawl.storage.books import FAILED
from newscrawl.storage.capture import NO_ORIGINAL
from newscrawl.storage.ledger import RangeKey


@dataclass(slots=True)
class Waiting:
    """A revisit of an outlet's article, and the range that it is in."""

    outlet: str
    file: str
    key: RangeKey
    following: int | None
    revisit: Revisit
    is_resolved: bool = False


Piece = tuple[str, str, Found]
"""What is to be published: outlet, file, and what was found."""


class Revisits:
    """The revisits that wait until all files are read.

    A range with one counts as read only when all originals are found: in another run there may be
    more files.
    """

    def __init__(self) -> None:
        """Begin without any."""
        self._all: list[Waiting] = []

    def add(
        self, outlet: str, file: str, key: RangeKey, following: int | None, found: Found
    ) -> None:
        """Add those of a range."""
        self._all += [Waiting(outlet, file, key, following, it) for it in found.revisits]

    def has(self, outlet: str, file: str) -> bool:
        """Return whether an outlet has revisits in a file."""
        return any(it.outlet == outlet and it.file == file for it in self._all)

    def waiting(self, outlets: Container[str]) -> list[Waiting]:
        """Return those of some outlets whose original is not found yet."""
        return [it for it in self._all if not it.is_resolved and it.outlet in outlets]

    def resolved(self, asked: Sequence[Waiting], result: Result) -> Iterator[Piece]:
        """Yield what the originals hold that were found for the revisits ``asked``."""
        for outlet, found in result.found.items():
            for finding in found.findings:
                waiting = asked[finding.number]
                if not waiting.is_resolved:
                    waiting.is_resolved = True
                    yield outlet, waiting.file, Found(findings=[finding])
            yield outlet, "", Found(stats=found.stats)

    def unresolved(self, outlets: Container[str]) -> Iterator[Piece]:
        """Yield the failures of those whose original is in none of the files."""
        for it in self.waiting(outlets):
            failure = Finding(
                it.revisit.id, it.revisit.url, None, FAILED, NO_ORIGINAL, unusable=NO_ORIGINAL
            )
            yield it.outlet, it.file, Found(findings=[failure])

    def read_ranges(self) -> Iterator[tuple[str, RangeKey, int | None]]:
        """Yield the ranges all of whose revisits are resolved, with their outlets."""
        missing = {(it.outlet, it.key) for it in self._all if not it.is_resolved}
        ranges = {(it.outlet, it.key): it.following for it in self._all}
        for (outlet, key), following in ranges.items():
            if (outlet, key) not in missing:
                yield outlet, key, following
