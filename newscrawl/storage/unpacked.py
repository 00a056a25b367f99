"""Decompress the text of a WARC file while it is read: plain, gzip or Zstandard."""

import sys
import zlib
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZIP, ZSTD, SKIPPABLE = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x5d\x2a\x4d\x18"
_PADDING = b"\0\r\n"  # bytes that some tools and tapes write between members and at the end
_PLAIN, _PACKED = 1 << 20, 1 << 14  # bytes read at a time; the rest after a member is copied
_MOST = 1 << 20  # bytes unpacked at a time

if TYPE_CHECKING:
    _Unpacker = zstd.ZstdDecompressor | zlib._Decompress


class Unpacked:
    """The text of a file from a place on, with the positions of compressed members.

    ``data[at:]`` is the text that follows, and ``fill`` adds to it. All other positions are
    counted from ``at``, in bytes. ``broken`` is the place in the file of a member that cannot be
    decompressed, or None. ``is_cut`` is true if the file ends inside that member.
    """

    def __init__(self, stream: BinaryIO, place: int) -> None:
        """Begin at ``place`` in the file, the start of a member or of a record in a plain file."""
        stream.seek(0)
        start = stream.read(8)
        self.is_packed = start.startswith((GZIP, ZSTD, SKIPPABLE))
        self.data = bytearray()
        self.at = 0
        self.broken: int | None = None
        self.is_cut = False
        self._stream = stream
        self._dropped = 0 if self.is_packed else place
        self._members: deque[tuple[int, int]] = deque()
        self._raw = b""
        self._unpacker: _Unpacker | None = None
        self._dictionary = _dictionary(stream, start)
        stream.seek(place)

    def fill(self, size: int) -> bool:
        """Read until ``size`` bytes follow. Return False if there are fewer."""
        while len(self.data) - self.at < size:
            if self.at > _MOST:
                self._dropped += self.at
                del self.data[: self.at]
                self.at = 0
            if not (self._unpack() if self.is_packed else self._read()):
                return False
        return True

    def skip(self, size: int) -> None:
        """Skip at most ``size`` bytes, without keeping them in memory."""
        while size > 0 and self.fill(1):
            step = min(size, len(self.data) - self.at)
            self.at += step
            size -= step

    def place(self, position: int = 0) -> int:
        """Return the place in the file of a byte, or of the member that contains it."""
        if not self.is_packed:
            return self._dropped + self.at + position
        while len(self._members) > 1 and self._members[1][0] <= self._dropped + self.at:
            self._members.popleft()
        total = self._dropped + self.at + position
        return next((it for begin, it in reversed(self._members) if begin <= total), 0)

    def members(self, begin: int, end: int) -> list[int]:
        """Return the positions from ``begin`` to before ``end`` at which members begin."""
        base = self._dropped + self.at
        positions = [it - base for it, _ in self._members if begin <= it - base < end]
        return positions if self.is_packed else []

    def _read(self) -> bool:
        data = self._stream.read(_PLAIN)
        self.data += data
        return bool(data)

    def _unpack(self) -> bool:
        """Decompress more text. Return False at the end of the file, and at damage."""
        while self.broken is None and (unpacker := self._unpacker or self._begin()):
            # zlib returns at most a thousand bytes for one byte, zstd any number.
            most, has_more = 0, False
            if isinstance(unpacker, zstd.ZstdDecompressor):
                most, has_more = _MOST, not unpacker.needs_input
            raw = b"" if has_more else self._raw or self._stream.read(_PACKED)
            if not raw and not has_more:
                self.broken, self.is_cut = self._members[-1][1], True
                return False
            try:
                piece = unpacker.decompress(raw, most)
            except (zlib.error, zstd.ZstdError):
                self.broken = self._members[-1][1]
                return False
            self._raw = b""
            if unpacker.eof:
                self._raw, self._unpacker = unpacker.unused_data, None
            if piece:
                self.data += piece
                return True
        return False

    def _begin(self) -> "_Unpacker | None":
        """Begin with the next member, if there is one."""
        raw = self._raw.lstrip(_PADDING)
        while len(raw) < 8 and (more := self._stream.read(_PACKED)):
            raw = (raw + more).lstrip(_PADDING)
        self._raw = raw
        place = self._stream.tell() - len(raw)
        if raw.startswith(SKIPPABLE):
            self._stream.seek(place + 8 + int.from_bytes(raw[4:8], "little"))
            self._raw = b""
            return self._begin()
        if raw.startswith(GZIP):
            self._unpacker = zlib.decompressobj(31)
        elif raw.startswith(ZSTD):
            self._unpacker = zstd.ZstdDecompressor(self._dictionary)
        elif raw:
            self.broken = place
        if self._unpacker:
            self._members.append((self._dropped + len(self.data), place))
        return self._unpacker


def _dictionary(stream: BinaryIO, start: bytes) -> "zstd.ZstdDict | None":
    """Return the dictionary at the beginning of a .warc.zst file, if it has one.

    https://iipc.github.io/warc-specifications/specifications/warc-zstd/
    """
    if not start.startswith(SKIPPABLE):
        return None
    content = stream.read(int.from_bytes(start[4:8], "little"))
    try:
        return zstd.ZstdDict(zstd.decompress(content) if content.startswith(ZSTD) else content)
    except (zstd.ZstdError, ValueError):
        return None


def start_of(data: bytes) -> bytes | None:
    """Return the first bytes of data that may be compressed; None if they are damaged."""
    try:
        if data.startswith(GZIP):
            return zlib.decompressobj(31).decompress(data, 64)
        if data.startswith(ZSTD):
            return zstd.ZstdDecompressor().decompress(data, 64) or None
    except (zlib.error, zstd.ZstdError):
        return None
    # The records follow a dictionary, as in some .warc.zst files.
    return b"WARC/1.1\r\n" if data.startswith(SKIPPABLE) else data[:64]
