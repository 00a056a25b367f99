"""Read the records of a WARC file, also of one that is badly written or damaged.

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
_NEWLINES = re.compile(rb"[\r\n]*")
_MARK = re.compile(rb"(?:\r\n\r\n|\n\n)")
_MARK_AT_END = re.compile(rb"(?:\r\n\r\n|\n\n)[\r\n\0]*\Z")
_LONGEST_HEAD = 1 << 20
_LONGEST_START = 200
_FARTHEST = 1 << 24  # bytes within which the end of a block is sought when its length is wrong


class _Named(Protocol):
    def get(self, name: str, /) -> str | None: ...


@dataclass(slots=True)
class Record:
    """A record: its header, the member or place where it begins, and its block if it is wanted.

    ``offset`` is None for a record that does not begin its member. ``fault`` says what is wrong.
    """

    fields: _Named
    offset: int | None
    block: bytes = b""
    fault: str = ""

    def get(self, name: str) -> str:
        """Return the value of a header's field, whatever the case of its name; empty for none."""
        return (self.fields.get(name.lower()) or "").strip()

    @property
    def length(self) -> int | None:
        """The length of the block in bytes, as the header has it; None if it has none."""
        text = self.get("Content-Length")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    @property
    def kind(self) -> str:
        """The type of the record, in lower case; empty when it has none."""
        return self.get("WARC-Type").lower()

    @property
    def url(self) -> str:
        """The address that the record is of; some tools write it in angle brackets."""
        return self.get("WARC-Target-URI").strip("<>")


class RecordReader:
    """Reads records, one after the other, and goes on behind what is none.

    A block ends where its length says if a record, or nothing, comes next; else where the next
    record begins. ``records`` counts records, ``damaged`` places where a file is no WARC.
    ``place`` is where in the file the first record begins that ``read_quickly`` did not take.
    """

    def __init__(self, is_wanted: Callable[[Record], bool], end: int | None = None) -> None:
        """Read the blocks of wanted records that begin before ``end``, a place in the file."""
        self.place = 0
        self.records = 0
        self.damaged = 0
        self._is_wanted = is_wanted
        self._end = end
        self._is_counted = False

    def damage(self) -> None:
        """Count a damaged place, once until the next record."""
        self.damaged += not self._is_counted
        self._is_counted = True

    def read_quickly(self, stream: BinaryIO) -> Iterator[Record]:
        """Yield the wanted records from the beginning of a file, while all of it is in order.

        fastwarc reads several times as fast, and is silent about much of what may be wrong. So a
        record is taken when the next two can be read, and each has a member of its own: the last
        records never are.
        """
        stream.seek(0)
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
                is_wanted = self._is_wanted(record)
                if is_wanted and it.content_length <= LARGEST:
                    record.block = it.reader.read()
                pending.append((record, is_wanted))
        except (OSError, ValueError, EOFError):
            return

    def read(self, source: Unpacked) -> Iterator[Record]:
        """Yield the wanted records, to the end of the text or to where it cannot be unpacked."""
        while (newlines := _newlines(source)) is not None:
            if self._end is not None and source.place() >= self._end:
                return
            size = _head(source)
            if size is None:
                self.damage()
                source.at += _next_record(source, 1)
                continue
            begins = not source.is_packed or source.members(-newlines, 1)
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
        """Read a record's block, or pass over it; say whether the record is wanted."""
        is_wanted = self._is_wanted(record)
        length = record.length
        if length is not None and length > LARGEST:
            source.skip(length)
            return is_wanted
        size, fault = (length, _fault(source, length)) if length is not None else (0, None)
        if fault is None:
            self.damage()
            size = _next_record(source, 0)
            # The lines that end a record are there: all of its block is.
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
    """Pass over line ends, and return how many bytes they were; None at the end of the text."""
    passed = 0
    while source.fill(1):
        found = _NEWLINES.match(source.data, source.at)
        assert found
        passed += found.end() - source.at
        source.at = found.end()
        if source.at < len(source.data):
            return passed
    return None


def _head(source: Unpacked) -> int | None:
    """Return the size of the header that comes next, with its empty line; None for none."""
    source.fill(8)
    if not _VERSION.match(source.data, source.at):
        return None
    while not (found := HEAD_END.search(source.data, source.at)):
        size = len(source.data) - source.at
        if size > _LONGEST_HEAD or not source.fill(size + 1):
            return None
    size = found.end() - source.at
    # One that was cut runs into the next.
    is_cut = _RECORD.search(source.data, source.at + 1, found.end())
    return None if is_cut else size


def _fault(source: Unpacked, length: int) -> str | None:
    """Return what is wrong with a block of a length; None if it is not the length."""
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
        # What is cut loses its end only, and the checksum that tells whether the rest is right.
        return UNSURE if is_broken and not source.is_cut else ""
    position = after.end() - source.at
    if _VERSION.match(source.data, after.end()) or source.members(length, position + 1):
        return ""
    return "" if _MARK.match(source.data, end) else None


def _next_record(source: Unpacked, begin: int) -> int:
    """Return the position of the next record, of the end of the text, or one far away."""
    while not (found := _RECORD.search(source.data, source.at + begin)):
        size = len(source.data) - source.at
        if size > _FARTHEST or not source.fill(size + 1):
            return size
        begin = max(begin, size - _LONGEST_START)
    return found.start() - source.at


def fields(head: bytes) -> Fields:
    """Return the fields of a header, whose first line is another thing."""
    found: list[tuple[bytes, bytes]] = []
    for line in head.splitlines()[1:]:
        name, colon, value = line.partition(b":")
        if line[:1] in b" \t" and found:
            found[-1] = (found[-1][0], found[-1][1] + b" " + line.strip())
        elif colon and name.strip():
            found.append((name.strip(), value.strip()))
    return tuple(found)


def _named(found: Fields) -> dict[str, str]:
    """Return fields by their names in lower case; the first of several counts."""
    named: dict[str, str] = {}
    for name, value in found:
        named.setdefault(_text(name).lower(), _text(value))
    return named


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
