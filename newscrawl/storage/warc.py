"""WARC: record responses, and answer requests from a recording.

Recordings are ordinary WARC 1.1 files, a gzip member for each record, so that other tools read
them; and other people's WARC files (Common Crawl's news archives among them) are read here.
"""

import logging
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from scrapy import Request
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from newscrawl.exceptions import OutputError
from newscrawl.extraction.dates import iso_date

logger = logging.getLogger(__name__)

# Everything that reading a damaged archive was seen to raise.
_DAMAGE = (ArchiveLoadFailed, EOFError, zlib.error, OSError, ValueError, AttributeError, KeyError)
# Headers that describe the transfer, not the body that we hold.
_TRANSFER = (b"Content-Encoding", b"Content-Length", b"Transfer-Encoding", b"Connection")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a recorded response stands: its address, its time, and file and offset."""

    url: str
    date: str
    path: str
    offset: int


def is_warc(path: str) -> bool:
    """Say whether a file begins like a WARC file. Raises OSError when it cannot be read."""
    with Path(path).open("rb") as stream:
        try:
            return any(True for _ in ArchiveIterator(stream))
        except _DAMAGE:
            return False


def entries(path: str, count: Callable[[str], None]) -> Iterator[Entry]:
    """Yield the recorded HTTP responses of a WARC file, in its order.

    Records of other kinds are passed over. ``count`` is called with a stat's name for what could
    not be read: ``newscrawl/storage/warc/revisit`` for a revisit, which has no body of its own, and
    ``newscrawl/storage/warc/damaged`` once when the file breaks off or stops being WARC.
    """
    with Path(path).open("rb") as stream:
        records = ArchiveIterator(stream)
        try:
            for record in records:
                if record.rec_type == "revisit":
                    count("newscrawl/storage/warc/revisit")
                if record.rec_type != "response" or record.http_headers is None:
                    continue
                url = record.rec_headers.get_header("WARC-Target-URI") or ""
                date = iso_date(record.rec_headers.get_header("WARC-Date") or "")
                if url.startswith(("http://", "https://")) and date:
                    yield Entry(url, date, path, records.get_record_offset())
        except _DAMAGE as error:
            count("newscrawl/storage/warc/damaged")
            logger.error("%s is damaged and was read up to the damage: %s", path, error)


def read(entry: Entry, request: Request) -> Response | None:
    """Return the recorded response as the answer to ``request``; None when it is damaged."""
    with Path(entry.path).open("rb") as stream:
        stream.seek(entry.offset)
        try:
            record = next(iter(ArchiveIterator(stream)))
            body = record.content_stream().read()
            headers = Headers(
                [
                    (name, value.encode("latin-1", "replace"))
                    for name, value in record.http_headers.headers
                ]
            )
            status = int(record.http_headers.get_statuscode())
            if _is_short(record, len(body)):
                return None
        except (*_DAMAGE, StopIteration):
            return None
    for name in _TRANSFER:
        headers.pop(name, None)
    cls = responsetypes.from_args(headers=headers, url=request.url, body=body)
    return cls(request.url, status, headers, body, flags=["recorded"], request=request)


def _is_short(record: Any, length: int) -> bool:
    """Say whether a plain body is shorter than the server said that it was."""
    headers = record.http_headers
    if headers.get_header("Content-Encoding") or headers.get_header("Transfer-Encoding"):
        return False
    promised = headers.get_header("Content-Length") or ""
    return promised.isdigit() and length < int(promised)


class Recorder:
    """Writes responses to one WARC file as they come, each record whole.

    Raises OutputError when the folder cannot be written.
    """

    def __init__(self, folder: str, name: str, software: str) -> None:
        """Create ``folder/name`` with its warcinfo record."""
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._stream: BinaryIO = (Path(folder) / name).open("xb")
        except OSError as error:
            raise OutputError(f"NEWSCRAWL_RECORD={folder!r} cannot be used: {error}.") from error
        self._writer = WARCWriter(self._stream, gzip=True, warc_version="1.1")
        self._writer.write_record(
            self._writer.create_warcinfo_record(
                name, {"software": software, "format": "WARC File Format 1.1"}
            )
        )

    def write(self, url: str, response: Response) -> None:
        """Write one response; ``url`` is the address that was asked."""
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, values in response.headers.items()
            for value in values
            if name.title() not in (b"Content-Length", b"Transfer-Encoding", b"Connection")
        ]
        headers.append(("Content-Length", str(len(response.body))))
        record = self._writer.create_warc_record(
            url,
            "response",
            payload=BytesIO(response.body),
            http_headers=StatusAndHeaders(f"{response.status} -", headers, protocol="HTTP/1.1"),
        )
        self._writer.write_record(record)
        self._stream.flush()

    def close(self) -> None:
        """Close the file, flushed to disk."""
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
