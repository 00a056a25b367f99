"""Read the records of a WARC file, even of a malformed or damaged one.

https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from fastwarc import ArchiveIterator

from newscrawl.storage.http_body import CUT
from newscrawl.storage.unpacked import Unpacked

LARGEST = 1 << 28
"""Blocks of more bytes are not read."""
UNSURE = "perhaps damaged"

Fields = tuple[tuple[bytes, bytes], ...]

HEAD_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(rb"WARC/\d")
_RECORD = re.compile(rb"WARC/\d\.\d+[ \t]*\r?\n[A-Za-z][A-Za-z-]*[ \t]*:")
_HEAD_END_OR_RECORD = re.compile(HEAD_END.pattern + b"|" + _RECORD.pattern)
_NEWLINES = re.compile(rb"[\r\n]*")
_MARK = re.compile(rb"(?:\r\n\r\n|\n\n)")
_MARK_AT_END = re.compile(rb"(?:\r\n\r\n|\n\n)[\r\n\0]*\Z")
_LONGEST_HEAD = 1 << 16
_LONGEST_START = 200
_FARTHEST = 1 << 24  # bytes in which to search the end of a block whose length is wrong


class _Named(Protocol):
    def get(self, name: str, /) -> str | None: ...


@dataclass(slots=True)
class Record:
    """A record: its header, the place where it begins, and its block if it is requested.

    ``offset`` is None for a record that is not the first of its member. ``fault`` is the reason
    why the block cannot be used, or empty.
    """

    fields: _Named
    offset: int | None
    block: bytes = b""
    fault: str = ""

    def get(self, name: str) -> str:
        """Return the value of a header's field, or empty. The case of the name does not matter."""
        return (self.fields.get(name.lower()) or "").strip()

    @property
    def length(self) -> int | None:
        """The length of the block in bytes, from the header; None if the header has no length."""
        text = self.get("Content-Length")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    @property
    def kind(self) -> str:
        """The type of the record in lower case, or empty."""
        return self.get("WARC-Type").lower()

    @property
    def url(self) -> str:
        """The address of the record, which some tools write in angle brackets."""
        return self.get("WARC-Target-URI").strip("<>")


class RecordReader:
    """Reads records, one after the other, and continues after data that is not a record.

    The length in the header ends a block if a record, or the end of the file, follows. Otherwise
    the block ends where the next record begins. ``records`` counts records, ``damaged`` places
    where the file is not WARC. ``place`` is the place of the first record that ``read_quickly``
    left. ``next`` is that of the record at or after ``end`` at which ``read`` stopped, or None.
    """

    def __init__(self, is_wanted: Callable[[Record], bool], end: int | None = None) -> None:
        """Read the blocks of the records for which ``is_wanted`` is true, before place ``end``.

        A record inside the member of another one is before the end if that member is.
        """
        self.place = 0
        self.next: int | None = None
        self.records = 0
        self.damaged = 0
        self._is_wanted = is_wanted
        self._end = end
        self._is_counted = False

    def damage(self) -> None:
        """Count a damaged place. Further damage before the next record is the same place."""
        self.damaged += not self._is_counted
        self._is_counted = True

    def read_quickly(self, stream: BinaryIO, place: int) -> Iterator[Record]:
        """Yield the wanted records from the one at ``place`` on, up to the first irregularity.

        fastwarc is several times faster than ``read``, but does not report most damage. A record
        is therefore yielded only if the next two can be read, and if each of them has its own
        member. The last two records are left to ``read``.
        """
        stream.seek(place)
        self.place = place
        pending: list[tuple[Record, bool]] = []
        try:
            for it in ArchiveIterator(stream, parse_http=False):
                place = it.stream_pos
                if pending and place <= (pending[-1][0].offset or 0):
                    return
                record = Record(it.headers, place)
                if not record.kind or record.length != it.content_length:
                    return
                if len(pending) == 2:
                    earlier, is_wanted = pending.pop(0)
                    self.records += 1
                    self.place = pending[0][0].offset or 0
                    if is_wanted:
                        yield earlier
                    if self._end is not None and self.place >= self._end:
                        return
                is_wanted = self._is_wanted(record)
                if is_wanted and it.content_length <= LARGEST:
                    record.block = it.reader.read()
                pending.append((record, is_wanted))
        except (OSError, ValueError, EOFError):
            return

    def read(self, source: Unpacked) -> Iterator[Record]:
        """Yield the wanted records, up to the end of the text or to damaged compression."""
        while (newlines := _newlines(source)) is not None:
            begins = not source.is_packed or bool(source.members(-newlines, 1))
            if self._end is not None and begins and source.place() >= self._end:
                self.next = source.place()
                return
            size = _head(source)
            if size is None:
                self.damage()
                source.at += _next_record(source, 1)
                continue
            head = fields(bytes(source.data[source.at : source.at + size]))
            record = Record(_named(head), source.place() if begins else None)
            self.records += 1
            self._is_counted = False
            if not record.kind:
                self.damage()
            source.at += size
            if self._read_block(source, record):
                yield record

    def _read_block(self, source: Unpacked, record: Record) -> bool:
        """Read a record's block, or skip it. Return whether the record is wanted."""
        is_wanted = self._is_wanted(record)
        length = record.length
        if length is not None and length > LARGEST:
            source.skip(length)
            return is_wanted
        size, fault = (length, _fault(source, length)) if length is not None else (0, None)
        if fault is None:
            self.damage()
            size = _next_record(source, 0)
            # If the empty lines after a block are there, the block is complete.
            end = _MARK_AT_END.search(
                source.data, max(source.at, source.at + size - 16), source.at + size
            )
            fault = "" if end else CUT
            size = end.start() - source.at if end else size
        if is_wanted:
            record.block, record.fault = bytes(source.data[source.at : source.at + size]), fault
        source.at += size
        return is_wanted


def _newlines(source: Unpacked) -> int | None:
    """Skip line ends. Return their number of bytes, or None at the end of the text."""
    passed = 0
    while source.fill(1):
        newlines = _NEWLINES.match(source.data, source.at)
        assert newlines
        passed += newlines.end() - source.at
        source.at = newlines.end()
        if source.at < len(source.data):
            return passed
    return None


def _head(source: Unpacked) -> int | None:
    """Return the size of the next header, with its empty line; None if no header follows."""
    source.fill(8)
    if not _VERSION.match(source.data, source.at):
        return None
    begin = 1
    # A header that was cut contains the start of the next record.
    while not (end := _HEAD_END_OR_RECORD.search(source.data, source.at + begin)):
        size = len(source.data) - source.at
        if size > _LONGEST_HEAD or not source.fill(size + 1):
            return None
        begin = max(1, size - _LONGEST_START)
    return end.end() - source.at if end[0].isspace() else None


def _fault(source: Unpacked, length: int) -> str | None:
    """Return the fault of a block of ``length`` bytes, or empty; None if the length is wrong."""
    if not source.fill(length) or any(
        _RECORD.match(source.data, source.at + it) for it in source.members(1, length)
    ):
        return None
    source.fill(length + 16)
    end = source.at + length
    after = _NEWLINES.match(source.data, end)
    assert after
    while after.end() == len(source.data) and source.fill(after.end() - source.at + 16):
        end = source.at + length
        after = _NEWLINES.match(source.data, end)
        assert after
    if after.end() == len(source.data):
        is_broken = source.broken is not None and source.place(length - 1) == source.broken
        # A cut member lacks only its end, which contains the checksum of the rest.
        return UNSURE if is_broken and not source.is_cut else ""
    position = after.end() - source.at
    if _VERSION.match(source.data, after.end()) or source.members(length, position + 1):
        return ""
    return "" if _MARK.match(source.data, end) else None


def _next_record(source: Unpacked, begin: int) -> int:
    """Return the position of the next record, else of the end of the text within ``_FARTHEST``."""
    while not (start := _RECORD.search(source.data, source.at + begin)):
        size = len(source.data) - source.at
        if size > _FARTHEST or not source.fill(size + 1):
            return size
        begin = max(begin, size - _LONGEST_START)
    return start.start() - source.at


def fields(head: bytes) -> Fields:
    """Return the fields of a header after its first line, which is a version or status."""
    pairs: list[tuple[bytes, bytes]] = []
    for line in head.splitlines()[1:]:
        name, colon, value = line.partition(b":")
        if line[:1] in b" \t" and pairs:
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + b" " + line.strip())
        elif colon and name.strip():
            pairs.append((name.strip(), value.strip()))
    return tuple(pairs)


def _named(pairs: Fields) -> dict[str, str]:
    """Return fields by their names in lower case. The first field of a name counts."""
    named: dict[str, str] = {}
    for name, value in pairs:
        named.setdefault(_text(name).lower(), _text(value))
    return named


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
