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
from typing import Self

from newscrawl.exceptions import ArchiveError
from newscrawl.storage.archive_files import open_file, read_bytes
from newscrawl.storage.capture import Capture, keys_of, read_capture
from newscrawl.storage.document import ArchiveDocument, archive_faults
from newscrawl.storage.records import Record, RecordReader
from newscrawl.storage.unpacked import GZIP, SKIPPABLE, ZSTD, Unpacked, start_of

_BLOCK = 1 << 20
_QUICKLY = 1 << 20  # bytes; the first and last records of a shorter range are most of it
_OPENING = re.compile(rb"\s*WARC/\d")
_RECORD_START = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n")
_MEMBER_START = re.compile(b"|".join(map(re.escape, (GZIP, ZSTD))))
_PAYLOADS = ("response", "resource", "revisit")


@dataclass(slots=True)
class Counts:
    """The counts of one file: its entry under ``archives`` in ``run.json``.

    ``articles`` counts captures of articles that were read, and with ``reread`` also posts with
    their full text in lists; ``no_record`` counts those without a record. ``passed_over`` counts
    captures without a page by status, ``unusable`` incomplete captures by reason. With ``reread``,
    both also count lists of posts.
    ``recovered`` counts responses that were rejected and give a record in a ``reread``.
    ``revisits`` are records that refer to another record. ``damaged`` counts places where the file
    is not WARC. ``wrong_digests`` counts payloads that differ from their digest in an undamaged
    record. ``finished`` is true if the file was read to its end. ``known`` counts ranges that an
    earlier run had read, ``unread`` those that could not be read, by reason.
    """

    records: int = 0
    articles: int = 0
    no_record: int = 0
    recovered: int = 0
    revisits: int = 0
    damaged: int = 0
    wrong_digests: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    finished: bool = False
    known: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    def add(self, other: Self) -> None:
        """Add the counts of a range."""
        self.records += other.records
        self.revisits += other.revisits
        self.damaged += other.damaged
        self.wrong_digests += other.wrong_digests

    @property
    def complete(self) -> bool:
        """Whether everything in the file was read."""
        return not archive_faults(self.as_dict())

    def as_dict(self) -> ArchiveDocument:
        """Return the counts as ``run.json`` holds them."""
        document: ArchiveDocument = {
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
        if self.known:
            document["known"] = self.known
        if self.unread:
            document["unread"] = dict(sorted(self.unread.items()))
        return document


class WarcFile:
    """A WARC file that is open for reading, or a part of one. Raises OSError.

    Of its generators one at a time is in use. When one has read a range of bytes, ``first`` is the
    place of its first record, and ``next`` that of the first record after it; None: there is none.
    The ranges of a file contain each record once if each begins where the one before it ended.
    """

    def __init__(self, path: str, part: tuple[int, int] | None = None) -> None:
        """Open the file ``path`` or URL, or its ``part``: offset and length in bytes.

        In a part all places are counted from its offset.
        """
        self.path = path
        self.first: int | None = 0
        self.next: int | None = 0
        self._is_part = part is not None
        self._stream = read_bytes(path, *part) if part else open_file(path)
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
        *,
        is_exact: bool = False,
    ) -> Iterator[Capture]:
        """Yield the captures of wanted addresses whose records begin in a range of bytes.

        Records of other types and addresses are only counted. After damage, reading continues at
        the next record. The first one is searched, unless it is known (``is_exact``) to begin at
        ``start``.
        """
        is_exact = is_exact or not start
        yield from self._captures(counts, lambda it: is_wanted(it.url), start, end, is_exact)
        counts.finished = True

    def originals(
        self,
        references: AbstractSet[str],
        start: int = 0,
        end: int | None = None,
        *,
        is_exact: bool = False,
    ) -> Iterator[tuple[Capture, AbstractSet[str]]]:
        """Yield the captures that revisits refer to, each with its keys in ``references``."""
        hits: list[AbstractSet[str]] = []

        def is_original(record: Record) -> bool:
            hit = references & keys_of(record)
            if record.kind == "revisit" or not hit:
                return False
            hits.append(hit)
            return True

        for capture in self._captures(Counts(), is_original, start, end, is_exact or not start):
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
        is_exact: bool,
    ) -> Iterator[Capture]:
        reader = RecordReader(lambda it: it.kind in _PAYLOADS and is_wanted(it), end)
        place = start if is_exact or self._opens_at(start) else self._next(start)
        for record in self._records(reader, place, end):
            capture = read_capture(record, self.path)
            counts.wrong_digests += capture.has_wrong_digest
            counts.records, counts.damaged = reader.records, reader.damaged
            yield capture
        counts.records, counts.damaged = reader.records, reader.damaged

    def _records(
        self, reader: RecordReader, place: int | None, end: int | None
    ) -> Iterator[Record]:
        self.first = place
        if place is not None and not self._is_part and (end is None or end - place > _QUICKLY):
            yield from reader.read_quickly(self._stream, place)
            place = reader.place
        while place is not None and (end is None or place < end):
            source = Unpacked(self._stream, place)
            yield from reader.read(source)
            if source.broken is None:
                self.next = reader.next
                return
            reader.damage()
            place = self._next(source.broken + 1)
        self.next = place

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
