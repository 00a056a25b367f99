"""Write responses to a WARC file as they arrive."""

import hashlib
import os
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from fastwarc import GzipWriter, WarcRecord, WarcRecordType

from newscrawl.exceptions import OutputError

# Headers of the transfer; the body that is written is decoded and whole.
_TRANSFER = (b"content-length", b"transfer-encoding", b"connection")


class Recorder:
    """Writes responses to one WARC 1.1 file, a gzip member for each record, each record whole.

    Raises OutputError when the folder cannot be written.
    """

    def __init__(self, folder: str, name: str, software: str) -> None:
        """Create ``folder/name`` with its warcinfo record."""
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._stream: BinaryIO = (Path(folder) / name).open("xb")
        except OSError as error:
            raise OutputError(f"NEWSCRAWL_RECORD={folder!r} cannot be used: {error}.") from error
        fields = f"software: {software}\r\nformat: WARC File Format 1.1\r\n"
        self._write(
            WarcRecordType.warcinfo,
            {"WARC-Filename": name, "Content-Type": "application/warc-fields"},
            fields.encode(),
        )

    def write(
        self, url: str, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> None:
        """Write one response; ``url`` is the address that was requested."""
        kept = [it for it in headers if it[0].lower() not in _TRANSFER]
        kept.append((b"Content-Length", b"%d" % len(body)))
        head = b"".join(b"%s: %s\r\n" % it for it in kept)
        kind = "application/http; msgtype=response"
        self._write(
            WarcRecordType.response,
            {"WARC-Target-URI": url, "Content-Type": kind},
            b"HTTP/1.1 %d -\r\n%s\r\n" % (status, head),
            body,
        )

    def _write(
        self, kind: WarcRecordType, headers: dict[str, str], head: bytes, body: bytes = b""
    ) -> None:
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
        self._stream.write(member.getvalue())
        self._stream.flush()

    def close(self) -> None:
        """Close the file, flushed to disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
