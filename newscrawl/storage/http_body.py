"""Decode the body of an HTTP response, and detect an incomplete one.

Scrapy, and most tools that read archives, return the readable part of a broken body as if it were
the whole. The functions here return a whole body, or raise BrokenBodyError with the reason.
"""

import re
import sys
import zlib
from collections.abc import Callable, Iterable

import brotli

from newscrawl.exceptions import BodyTooLargeError, BrokenBodyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CUT = "cut short"
"""The reason for a body that ends before its length or its last chunk."""

_STEP = 1 << 20  # bytes that are decompressed at a time, so that a small body cannot fill memory
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
# Some servers send these names with a body that is not encoded.
_IDENTITY = ("", "identity", "none", "utf-8", "utf8", "8bit", "binary")


def codings(values: Iterable[bytes]) -> list[str]:
    """Return the content codings of ``Content-Encoding`` headers, in the order of encoding.

    >>> codings([b"gzip, BR", b'identity, "deflate";q=1'])
    ['gzip', 'br', 'deflate']
    """
    text = b",".join(values).decode("latin-1").lower()
    names = (part.partition(";")[0].strip(' \t"') for part in text.split(","))
    # x-gzip is gzip, RFC 9110 §8.4.1.3.
    return [it.removeprefix("x-") for it in names if it not in _IDENTITY]


def coding_of(body: bytes) -> str | None:
    """Return the content coding whose magic number a body begins with, or None."""
    return next((name for start, name in _STARTS.items() if body.startswith(start)), None)


def decoded(body: bytes, encodings: Iterable[str], most: int) -> bytes:
    """Return a body without its content codings; ``most`` is the allowed size in bytes.

    A body that is not encoded, although a header says so, is returned unchanged: archives often
    decode a body and keep the header. Raises BrokenBodyError for a body that ends too early, and
    BodyTooLargeError.

    >>> import gzip
    >>> decoded(gzip.compress(b"<p>whole</p>"), ["gzip"], 100)
    b'<p>whole</p>'
    >>> decoded(b"<p>whole</p>", ["gzip"], 100)
    b'<p>whole</p>'
    >>> decoded(gzip.compress(b"<p>whole</p>")[:-9], ["gzip"], 100)
    Traceback (most recent call last):
    newscrawl.exceptions.BrokenBodyError: broken gzip
    """
    for name in reversed(list(encodings)):
        if not body:
            return body
        decode = _DECODERS.get(name)
        try:
            whole = decode(body, most) if decode else None
        except _ERRORS:
            whole = None
        if whole is None and not _is_text(body):
            raise BrokenBodyError(f"broken {name}" if decode else "unknown encoding")
        body = body if whole is None else whole
    return body


def _is_text(body: bytes) -> bool:
    """Return whether a body begins like HTML, XML or JSON, or is text without controls."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n")
    if start[:1] in (b"<", b"{", b"["):
        return b"\0" not in start
    text = start.decode("utf-8", "replace")
    # The last character may be cut.
    return "\ufffd" not in text[:-1] and not _CONTROL.search(text)


_GZIP, _ZLIB, _RAW = 31, 15, -15


def _inflate(body: bytes, most: int, wbits: int) -> bytes | None:
    """Return the decompressed data of all members; None if the data is incomplete."""
    pieces: list[bytes] = []
    size = 0
    while True:
        unpacker = zlib.decompressobj(wbits)
        while not unpacker.eof:
            piece = unpacker.decompress(body, _STEP)
            body = unpacker.unconsumed_tail
            if not piece and not body:
                if unpacker.eof:
                    break
                return None
            pieces.append(piece)
            size = _checked(size + len(piece), most)
        body = unpacker.unused_data
        # Bytes after a member that are not another member are padding.
        if wbits != _GZIP or not body.startswith(b"\x1f\x8b\x08"):
            return b"".join(pieces)


def _deflated(body: bytes, most: int) -> bytes | None:
    """Decompress deflate, with zlib's header or without it, as some servers send it."""
    try:
        return _inflate(body, most, _ZLIB)
    except zlib.error:
        return _inflate(body, most, _RAW)


def _unbrotli(body: bytes, most: int) -> bytes | None:
    unpacker = brotli.Decompressor()
    pieces: list[bytes] = []
    size = 0
    data = body
    while not unpacker.is_finished():
        piece = unpacker.process(data, output_buffer_limit=_STEP)
        data = b""
        if not piece and not unpacker.is_finished():
            return None
        pieces.append(piece)
        size = _checked(size + len(piece), most)
    return b"".join(pieces)


def _unzstd(body: bytes, most: int) -> bytes | None:
    pieces: list[bytes] = []
    size = 0
    while body:
        unpacker = zstd.ZstdDecompressor()
        while not unpacker.eof:
            piece = unpacker.decompress(body, _STEP)
            body = b""
            if not piece and unpacker.needs_input:
                return None
            pieces.append(piece)
            size = _checked(size + len(piece), most)
        # Bytes after a frame that are not another frame are padding.
        body = unpacker.unused_data if unpacker.unused_data.startswith(_ZSTD) else b""
    return b"".join(pieces)


_ZSTD = b"\x28\xb5\x2f\xfd"
_DECODERS: dict[str, Callable[[bytes, int], bytes | None]] = {
    "gzip": lambda body, most: _inflate(body, most, _GZIP),
    "deflate": _deflated,
    "br": _unbrotli,
    "zstd": _unzstd,
}
_STARTS = {b"\x1f\x8b\x08": "gzip", _ZSTD: "zstd"}
_ERRORS = (zlib.error, brotli.error, zstd.ZstdError)


def _checked(size: int, most: int) -> int:
    """Return a size. Raises BodyTooLargeError when it is above ``most``."""
    if size > most:
        raise BodyTooLargeError("too large")
    return size


def unchunked(body: bytes) -> bytes:
    r"""Return the data of a chunked body (RFC 9112 §7.1), or a body without chunks unchanged.

    Archives often join the chunks of a body and keep the header. Raises BrokenBodyError when the
    last chunk is missing.

    >>> unchunked(b"4\r\n<p>W\r\n3;x=y\r\nho.\r\n0\r\n\r\n")
    b'<p>Who.'
    >>> unchunked(b"<p>Who.")
    b'<p>Who.'
    >>> unchunked(b"4\r\n<p>W\r\n")
    Traceback (most recent call last):
    newscrawl.exceptions.BrokenBodyError: cut short
    """
    pieces: list[bytes] = []
    place = 0
    while True:
        end = body.find(b"\n", place, place + 1024)
        size = _chunk_size(body[place:end]) if end > 0 else None
        if size is None:
            if place == 0:
                return body
            raise BrokenBodyError(CUT)
        if size == 0:
            return b"".join(pieces)
        place = end + 1 + size
        pieces.append(body[end + 1 : place])
        if place >= len(body):
            raise BrokenBodyError(CUT)
        place += 2 if body[place : place + 2] == b"\r\n" else 1


def _chunk_size(line: bytes) -> int | None:
    digits = line.partition(b";")[0].strip()
    try:
        return int(digits, 16) if digits.isalnum() and len(digits) <= 16 else None
    except ValueError:
        return None
