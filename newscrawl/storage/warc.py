"""Read WARC files: whole or in part, of any origin, past damage.

``WarcFile.captures`` is a function of a file and a range of bytes: it keeps nothing between calls
and needs no crawl. Files may be plain, compressed record by record or as a whole, with
gzip or Zstandard. A capture that is not whole says so; nothing of it passes for the whole text.
"""

import re
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastwarc import ArchiveIterator, WarcRecord

from newscrawl.exceptions import ArchiveError
from newscrawl.storage.capture import (
    HEAD_END,
    LARGEST,
    UNSURE,
    Capture,
    address,
    keys_of,
    kind_of,
    read_capture,
)
from newscrawl.storage.document import ArchiveDocument, archive_faults
from newscrawl.storage.http_body import CUT

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK = 1 << 20
_GZIP, _ZSTD, _SKIPPABLE = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"
_OPENING = re.compile(rb"\s*WARC/\d")
_RECORD_START = re.compile(rb"(?<=\n)WARC/\d\.\d+\r?\n")
_MEMBER_START = re.compile(b"|".join(map(re.escape, (_GZIP, _ZSTD))))
_PAYLOADS = ("response", "resource", "revisit")


@dataclass(slots=True)
class Counts:
    """What was found in one file: its entry under ``archives`` in ``run.json``.

    ``articles`` are captures of wanted addresses that were handed on. ``passed_over`` are
    those with another status than 200, by status; ``unusable`` those that are not whole, by reason.
    ``revisits`` are records that only refer to another one. ``damaged`` counts places where the
    file is no WARC, and ``wrong_digests`` payloads that differ from their digest although the
    record is as it was written. ``finished`` says whether the file was read to its end.
    """

    records: int = 0
    articles: int = 0
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
            "revisits": self.revisits,
            "damaged": self.damaged,
            "wrong_digests": self.wrong_digests,
            "passed_over": dict(sorted(self.passed_over.items())),
            "unusable": dict(sorted(self.unusable.items())),
            "finished": self.finished,
        }


class WarcFile:
    """A WARC file that is open for reading. Raises OSError when it cannot be opened."""

    def __init__(self, path: str) -> None:
        """Open ``path`` and find out how it is compressed."""
        self.path = path
        self._stream: BinaryIO = Path(path).open("rb")  # noqa: SIM115  # closed by __exit__
        self._magic = self._stream.read(4)
        self._is_compressed = self._magic.startswith((_GZIP, _ZSTD, _SKIPPABLE))

    def __enter__(self) -> "WarcFile":
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._stream.close()

    def check(self) -> None:
        """Raise ArchiveError, a few words, for a file that is certainly none of WARC.

        One that is damaged at its beginning may hold records behind the damage, and passes.
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

        Records of other kinds and addresses are counted only. After damage reading goes on at the
        next record that can be found.
        """
        yield from self._captures(counts, lambda it: is_wanted(address(it)), start, end)
        counts.finished = True

    def originals(self, references: AbstractSet[str]) -> Iterator[tuple[Capture, AbstractSet[str]]]:
        """Yield the captures that revisits refer to, with those of ``references`` that do."""
        hits: list[AbstractSet[str]] = []

        def is_original(record: WarcRecord) -> bool:
            hit = references & keys_of(record)
            if kind_of(record) == "revisit" or not hit:
                return False
            hits.append(hit)
            return True

        for capture in self._captures(Counts(), is_original, 0, None):
            yield capture, hits.pop(0)

    def _captures(
        self,
        counts: Counts,
        is_wanted: Callable[[WarcRecord], bool],
        start: int,
        end: int | None,
    ) -> Iterator[Capture]:
        seekable: bool | None = None
        for record, block, fault in self._records(counts, is_wanted, start, end):
            offset = record.stream_pos
            if seekable is None and offset > start:
                seekable = self._opens_at(offset)
            place = offset if seekable or offset == start else None
            capture = read_capture(record, block, fault, self.path, place)
            counts.wrong_digests += capture.has_wrong_digest
            yield capture

    def capture_at(self, offset: int) -> Capture | None:
        """Return the capture whose record begins at ``offset``; None when it is damaged."""
        captures = self.captures(Counts(), lambda _: True, offset, offset + 1)
        return next(captures, None)

    def _records(
        self,
        counts: Counts,
        is_wanted: Callable[[WarcRecord], bool],
        start: int,
        end: int | None,
    ) -> Iterator[tuple[WarcRecord, bytes, str]]:
        """Yield wanted records with their blocks, and what is wrong with them."""
        place = start if not start or self._opens_at(start) else self._next(start)
        damage_counted = False
        with Path(self.path).open("rb") as stream:
            while place is not None and (end is None or place < end):
                stream.seek(place)
                # A record is good when the next one can be read: its own checksum comes last.
                held: tuple[WarcRecord, bytes] | None = None
                last, length, got = place, 0, 0
                try:
                    for record in ArchiveIterator(
                        stream, parse_http=False, quirks_mode=self._is_lenient
                    ):
                        if held:
                            yield *held, ""
                            held = None
                        last, length, got = record.stream_pos, record.content_length, 0
                        if end is not None and last >= end:
                            return
                        counts.records += 1
                        damage_counted = False
                        if kind_of(record) in _PAYLOADS and is_wanted(record):
                            held = (record, b"")
                            if length <= LARGEST:
                                held = (record, record.reader.read())
                        got = len(held[1]) if held else 0
                        got += record.consume()
                    place = None
                    if got < length:
                        counts.damaged += 1
                    if held:
                        yield *held, CUT if got < length else ""
                except (OSError, ValueError, EOFError):
                    place = self._next(last + 1)
                    # Costs a decompression, and only these two need it.
                    after = self._end_of(last, length) if held or place is None else None
                    if held:
                        yield *held, "" if after and got == length else UNSURE
                    is_padding = place is None and after is not None and self._is_padding(after)
                    if not damage_counted and not is_padding:
                        counts.damaged += 1
                        damage_counted = True

    @property
    def _is_lenient(self) -> bool:
        """Whether the file writes its lines with LF alone, which the standard does not allow."""
        opening = self._opening(0)
        return bool(opening and re.match(rb"\s*WARC/\d\.\d+\n", opening))

    def _opening(self, offset: int) -> bytes | None:
        """Return the first bytes of what is at an offset, decompressed; None for damage."""
        self._stream.seek(offset)
        return _decompressed_start(self._stream.read(1 << 18))

    def _opens_at(self, offset: int) -> bool:
        """Say whether a record begins at an offset."""
        opening = self._opening(offset)
        return bool(opening and _OPENING.match(opening))

    def _next(self, offset: int) -> int | None:
        """Return where the next record begins, at ``offset`` or later; None: nowhere."""
        mark = _MEMBER_START if self._is_compressed else _RECORD_START
        # A byte more in front: what begins a line is known by the line before.
        base = max(offset - 1, 0)
        self._stream.seek(base)
        data = self._stream.read(_BLOCK)
        while data:
            for found in mark.finditer(data):
                place = base + found.start()
                if place >= offset and self._opens_at(place):
                    return place
            self._stream.seek(base + len(data))
            more = self._stream.read(_BLOCK)
            base, data = base + len(data) - 16, data[-16:] + more if more else b""
        return None

    def _end_of(self, offset: int, length: int) -> int | None:
        """Return where a record of a block of ``length`` bytes ends; None when it is not whole."""
        self._stream.seek(offset)
        if self._magic.startswith(_GZIP):
            unpacker = zlib.decompressobj(31)
            size = 0
            try:
                # Small blocks: what is behind a short record is copied.
                while not unpacker.eof and (data := self._stream.read(1 << 14)):
                    while data and not unpacker.eof:
                        size += len(unpacker.decompress(data, _BLOCK))
                        data = unpacker.unconsumed_tail
            except zlib.error:
                return None
            is_whole = unpacker.eof and size >= length
            return self._stream.tell() - len(unpacker.unused_data) if is_whole else None
        if self._is_compressed:
            return None
        data = self._stream.read(length + (1 << 16))
        head = HEAD_END.search(data)
        end = head.end() + length if head else len(data)
        return offset + end if data[end : end + 2] in (b"\r\n", b"\n\n") else None

    def _is_padding(self, offset: int) -> bool:
        """Say whether the rest of the file is line ends and zeros."""
        self._stream.seek(offset)
        while data := self._stream.read(_BLOCK):
            if data.strip(b"\0\r\n"):
                return False
        return True


def _decompressed_start(data: bytes) -> bytes | None:
    """Return the first bytes of data that may be compressed; None when it cannot be read."""
    try:
        if data.startswith(_GZIP):
            return zlib.decompressobj(31).decompress(data, 64)
        if data.startswith(_ZSTD):
            return zstd.ZstdDecompressor().decompress(data, 64) or None
    except (zlib.error, zstd.ZstdError):
        return None
    # Behind a dictionary of its own, as some .warc.zst files have it.
    return b"WARC/1.1\r\n" if data.startswith(_SKIPPABLE) else data[:64]
