"""Divide the files of archives into ranges, which processes read independently of each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from newscrawl.exceptions import ArchiveError
from newscrawl.storage.archive_files import FileState, full_name, state_of
from newscrawl.storage.ledger import RangeKey
from newscrawl.storage.warc import WarcFile

_PARTS = 200  # captures of one task, if a list names them


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A file of an archive, by its path or URL.

    ``parts`` are offset and length of the captures that are read; empty: the whole file is.
    """

    name: str
    parts: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Range:
    """A range of a file; ``end`` is None for the last one."""

    key: RangeKey
    start: int = 0
    end: int | None = None
    parts: tuple[tuple[int, int], ...] = ()
    is_last: bool = False


@dataclass(slots=True)
class Plan:
    """The ranges of one file, and how far the reading of it has come.

    ``next`` is the place of the first record that is not read yet; None at the end of the file.
    ``is_sure``: ``next`` is known; false after a range that could not be read.
    ``fault`` is the reason why the file cannot be read at all, or empty.
    """

    file: ArchiveFile
    state: FileState = field(default_factory=lambda: FileState(0, ""))
    fault: str = ""
    next: int | None = 0
    is_sure: bool = True

    @classmethod
    def of(cls, file: ArchiveFile) -> "Plan":
        """Look at a file. Its fault is a sentence's end, such as ``it is empty``."""
        try:
            state = state_of(file.name)
            if not file.parts:
                with WarcFile(file.name) as opened:
                    opened.check()
        except ArchiveError as error:
            return cls(file, fault=f"not a WARC file: {error}")
        except OSError as error:
            return cls(file, fault=error.strerror or str(error))
        return cls(file, state)

    def ranges(self, size: int, how: str) -> Iterator[Range]:
        """Yield the ranges of ``size`` bytes; ``how`` is a part of the keys in the ledger."""
        name, state = full_name(self.file.name), f"{self.state.size} {self.state.tag}"
        parts = self.file.parts
        for first in range(0, len(parts), _PARTS):
            some = parts[first : first + _PARTS]
            digest = sha256(repr(some).encode()).hexdigest()[:16]
            key = RangeKey(name, state, f"{how} {digest}", some[0][0])
            yield Range(key, parts=some, is_last=first + _PARTS >= len(parts))
        if not parts:
            how = f"{how} {size}"
            starts = range(0, max(1, self.state.size), size)
            for start in starts:
                is_last = start == starts[-1]
                key = RangeKey(name, state, how, start)
                yield Range(key, start, None if is_last else start + size, is_last=is_last)

    def is_behind(self, part: Range) -> bool:
        """Return whether no record begins in a range: the one before it went beyond its end."""
        if part.parts or not self.is_sure:
            return False
        return self.next is None or (part.end is not None and self.next >= part.end)

    def is_at(self, place: int | None) -> bool:
        """Return whether a range that begins at ``place`` follows what was read."""
        return not self.is_sure or place == self.next

    def advance(self, following: int | None) -> None:
        """Note that all before ``following`` was read."""
        self.next, self.is_sure = following, True


def read_before(parts: Sequence[Range], rows: Mapping[RangeKey, int | None]) -> list[bool]:
    """Return for each range of a file whether it was read, by the rows of one outlet."""
    answers = []
    place: int | None = 0
    is_sure = False
    for part in parts:
        if part.key in rows:
            place, is_sure = rows[part.key], True
            answers.append(True)
        else:
            is_behind = place is None or (part.end is not None and place >= part.end)
            is_sure = is_sure and is_behind and not part.parts
            answers.append(is_sure)
    return answers
