"""WARC files as tools write them, well and badly, byte by byte."""

import gzip
import sys
import zlib
from collections.abc import Callable, Iterable
from hashlib import sha1, sha256
from pathlib import Path

import brotli

from tests.recordings import HTML

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DATE = "2026-11-22T10:00:00Z"


def raw_deflate(data: bytes) -> bytes:
    """Compress as some servers understand ``deflate``: without zlib's header."""
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "raw deflate": raw_deflate,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


def chunked(body: bytes) -> bytes:
    """Return a body in two chunks."""
    half = len(body) // 2
    parts = (body[:half], body[half:])
    return b"".join(b"%x\r\n%s\r\n" % (len(it), it) for it in parts) + b"0\r\n\r\n"


def http(body: bytes, *headers: str, status: str = "HTTP/1.1 200 OK", kind: str = HTML) -> bytes:
    """Return an HTTP response."""
    head = "\r\n".join([status, f"Content-Type: {kind}", *headers, "", ""])
    return head.encode("latin-1") + body


def noise(name: str, size: int) -> str:
    """Return ``size`` times 64 digits, others for every name, which hardly compress."""
    return "".join(sha256(f"{name} {it}".encode()).hexdigest() for it in range(size))


def digest(data: bytes) -> str:
    """Return a digest as a header of a record has it."""
    return f"sha1:{sha1(data, usedforsecurity=False).hexdigest()}"


def record(url: str, block: bytes, *, kind: str = "response", **headers: str | None) -> bytes:
    """Return a record; headers are named ``WARC_Date`` and so on, None leaves one out."""
    number = sha1(url.encode() + block, usedforsecurity=False).hexdigest()
    fields: dict[str, str | None] = {
        "WARC-Type": kind,
        "WARC-Record-ID": f"<urn:uuid:{number[:8]}-0000-4000-8000-{number[-12:]}>",
        "WARC-Target-URI": url,
        "WARC-Date": DATE,
        "Content-Type": "application/http; msgtype=response",
        **{name.replace("_", "-"): value for name, value in headers.items()},
        "Content-Length": headers.get("Content_Length") or str(len(block)),
    }
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    head = "\r\n".join(["WARC/1.0", *lines, "", ""])
    return head.encode() + block + b"\r\n\r\n"


def write(path: Path, records: Iterable[bytes]) -> Path:
    """Write records as the file's name says: ``.gz`` and ``.zst`` record by record, else plain."""
    packed: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstd.compress}
    pack = packed.get(path.suffix, bytes)
    path.write_bytes(b"".join(map(pack, records)))
    return path
