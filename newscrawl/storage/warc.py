"""Read WARC files of any origin, whole or in part, and continue after damage.

``WarcFile.captures`` depends on a file and a range of bytes only: it keeps no state between calls
and needs no crawl. Files may be plain, compressed record by record or as a whole, with gzip or
Zstandard. An incomplete capture has a fault, so that its text is never used as the whole text.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from newscrawl.exceptions import ArchiveError
from newscrawl.storage.capture import Capture, keys_of, read_capture
from newscrawl.storage.document import ArchiveDocument, archive_faults
from newscrawl.storage.records import Record, RecordReader
from newscrawl.storage.unpacked import GZIP, SKIPPABLE, ZSTD, Unpacked, start_of

_BLOCK = 1 << 20
_OPENING = re.compile(rb"\s*WARC/\d")
_RECORD_START = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n")
_MEMBER_START = re.compile(b"|".join(map(re.escape, (GZIP, ZSTD))))
_PAYLOADS = ("response", "resource", "revisit")


@dataclass(slots=True)
class Counts:
    """The counts of one file: its entry under ``archives`` in ``run.json``.

    ``articles`` counts captures of articles that were passed to the spider, ``no_record`` those of
    them that gave no record. ``passed_over`` counts
    captures without a page by status, ``unusable`` incomplete captures by reason. ``revisits`` are
    records that refer to another record. ``damaged`` counts places where the file is not WARC.
    ``wrong_digests`` counts payloads that differ from their digest in an undamaged record.
    ``finished`` is true if the file was read to its end.
    """

    records: int = 0
    articles: int = 0
    no_record: int = 0
    revisits: int = 0
    damaged: int = 0
    wrong_digests: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    finished: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything in the file was read."""
        return not archive_faults(self.as_dict())

    def as_dict(self) -> ArchiveDocument:
        """Return the counts as ``run.json`` holds them."""
        return {
            "records": self.records,
            "articles": self.articles,
            "no_record": self.no_record,
            "revisits": self.revisits,
            "damaged": self.damaged,
            "wrong_digests": self.wrong_digests,
            "passed_over": dict(sorted(self.passed_over.items())),
            "unusable": dict(sorted(self.unusable.items())),
            "finished": self.finished,
        }


class WarcFile:
    """A WARC file that is open for reading. Raises OSError if it cannot be opened."""

    def __init__(self, path: str) -> None:
        """Open ``path`` and detect its compression."""
        self.path = path
        self._stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115  # closed by __exit__
        self._magic = self._stream.read(4)
        self._is_compressed = self._magic.startswith((GZIP, ZSTD, SKIPPABLE))

    def __enter__(self) -> "WarcFile":
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._stream.close()

    def check(self) -> None:
        """Raise ArchiveError, a few words, for a file that is certainly not WARC.

        A file with a damaged beginning is accepted, because records may follow the damage.
        """
        if not self._magic:
            raise ArchiveError("it is empty")
        opening = self._opening(0)
        if opening is not None and not _OPENING.match(opening):
            raise ArchiveError("it does not begin with a WARC record")

    def captures(
        self,
        counts: Counts,
        is_wanted: Callable[[str], bool],
        start: int = 0,
        end: int | None = None,
    ) -> Iterator[Capture]:
        """Yield the captures of wanted addresses whose records begin in a range of bytes.

        Records of other types and addresses are only counted. After damage, reading continues at
        the next record.
        """
        yield from self._captures(counts, lambda it: is_wanted(it.url), start, end)
        counts.finished = True

    def originals(self, references: AbstractSet[str]) -> Iterator[tuple[Capture, AbstractSet[str]]]:
        """Yield the captures that revisits refer to, each with its keys in ``references``."""
        hits: list[AbstractSet[str]] = []

        def is_original(record: Record) -> bool:
            hit = references & keys_of(record)
            if record.kind == "revisit" or not hit:
                return False
            hits.append(hit)
            return True

        for capture in self._captures(Counts(), is_original, 0, None):
            yield capture, hits.pop(0)

    def capture_at(self, offset: int) -> Capture | None:
        """Return the capture whose record begins at ``offset``; None if it is damaged."""
        captures = self.captures(Counts(), lambda _: True, offset, offset + 1)
        return next(captures, None)

    def _captures(
        self,
        counts: Counts,
        is_wanted: Callable[[Record], bool],
        start: int,
        end: int | None,
    ) -> Iterator[Capture]:
        reader = RecordReader(lambda it: it.kind in _PAYLOADS and is_wanted(it), end)
        for record in self._records(reader, start, end):
            capture = read_capture(record, self.path)
            counts.wrong_digests += capture.has_wrong_digest
            counts.records, counts.damaged = reader.records, reader.damaged
            yield capture
        counts.records, counts.damaged = reader.records, reader.damaged

    def _records(self, reader: RecordReader, start: int, end: int | None) -> Iterator[Record]:
        place = start if not start or self._opens_at(start) else self._next(start)
        with Path(self.path).open("rb") as stream:
            if place == 0 and end is None:
                yield from reader.read_quickly(stream)
                place = reader.place
            while place is not None and (end is None or place < end):
                source = Unpacked(stream, place)
                yield from reader.read(source)
                if source.broken is None:
                    return
                reader.damage()
                place = self._next(source.broken + 1)

    def _opening(self, offset: int) -> bytes | None:
        """Return the first bytes at an offset, decompressed; None if they are damaged."""
        self._stream.seek(offset)
        return start_of(self._stream.read(1 << 18))

    def _opens_at(self, offset: int) -> bool:
        """Return whether a record begins at an offset."""
        opening = self._opening(offset)
        return bool(opening and _OPENING.match(opening))

    def _next(self, offset: int) -> int | None:
        """Return the place of the next record, at ``offset`` or later; None if there is none."""
        mark = _MEMBER_START if self._is_compressed else _RECORD_START
        # The byte before shows whether a line begins.
        base = max(offset - 1, 0)
        self._stream.seek(base)
        data = self._stream.read(_BLOCK)
        while data:
            for match in mark.finditer(data):
                place = base + match.start()
                if place >= offset and self._opens_at(place):
                    return place
            self._stream.seek(base + len(data))
            more = self._stream.read(_BLOCK)
            base, data = base + len(data) - 16, data[-16:] + more if more else b""
        return None
