"""Write responses to a WARC file as they arrive."""

import hashlib
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from fastwarc import GzipWriter, WarcRecord, WarcRecordType

from newscrawl.extraction.dates import utc

# Headers of the transfer; the body that is written is decoded and whole.
_TRANSFER = (b"content-length", b"transfer-encoding", b"connection")

Header = tuple[bytes, bytes]


class Recorder:
    """Writes responses to one WARC 1.1 file, a gzip member for each record, each record whole.

    Every method may raise OSError.
    """

    def __init__(self, path: Path, name: str, software: str) -> None:
        """Create the file ``path`` with its warcinfo record, which states ``name``."""
        self._stream: BinaryIO = path.open("xb", buffering=0)
        fields = f"software: {software}\r\nformat: WARC File Format 1.1\r\n"
        info = {"WARC-Filename": name, "Content-Type": "application/warc-fields"}
        self.write(_member(WarcRecordType.warcinfo, info, fields.encode()))

    def write(self, member: bytes) -> None:
        """Append one member, or nothing of it."""
        size = self._stream.tell()
        try:
            if self._stream.write(member) != len(member):
                raise OSError(28, "No space left on device", self._stream.name)
        except OSError:
            self._stream.truncate(size)
            self._stream.seek(size)
            raise

    @property
    def size(self) -> int:
        """The size of the file in bytes."""
        return self._stream.tell()

    def sync(self) -> None:
        """Flush all records to disk."""
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file, flushed to disk."""
        self.sync()
        self._stream.close()


def response_member(
    url: str, status: int, headers: Iterable[Header], body: bytes, date: str = ""
) -> bytes:
    """Return a response as a member; ``url`` is the address that was requested.

    ``date`` is the time of the response (now) in the record's form.
    """
    kept = [it for it in headers if it[0].lower() not in _TRANSFER]
    kept.append((b"Content-Length", b"%d" % len(body)))
    head = b"".join(b"%s: %s\r\n" % it for it in kept)
    fields = {
        "WARC-Target-URI": url,
        "WARC-Date": date or utc(datetime.now(UTC)),
        "Content-Type": "application/http; msgtype=response",
    }
    start = b"HTTP/1.1 %d -\r\n%s\r\n" % (status, head)
    return _member(WarcRecordType.response, fields, start, body)


def _member(kind: WarcRecordType, headers: dict[str, str], head: bytes, body: bytes = b"") -> bytes:
    record = WarcRecord()
    record.init_headers(kind)
    record.headers.status_line = "WARC/1.1"
    for name, value in headers.items():
        record.headers.set(name, value)
    record.set_bytes_content(head + body)
    member = BytesIO()
    writer = GzipWriter(member)
    payload = hashlib.sha1(body, usedforsecurity=False).digest()
    record.write(
        writer,
        checksum_data=True,
        payload_digest=payload if kind == WarcRecordType.response else None,
    )
    writer.close()
    return member.getvalue()
