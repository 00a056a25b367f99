"""WARC: record responses, and answer requests from a recording.

Recordings are ordinary WARC 1.1 files, a gzip member for each record, so that other tools read
them; and other people's WARC files (Common Crawl's news archives among them) are read here.
"""

import logging
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from warcio.archiveiterator import ArchiveIterator
from warcio.exceptions import ArchiveLoadFailed
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from newscrawl.exceptions import OutputError
from newscrawl.processors import iso_date

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
    not be read: ``newscrawl/warc/revisit`` for a revisit, which has no body of its own, and
    ``newscrawl/warc/damaged`` once when the file breaks off or stops being WARC.
    """
    with Path(path).open("rb") as stream:
        records = ArchiveIterator(stream)
        try:
            for record in records:
                if record.rec_type == "revisit":
                    count("newscrawl/warc/revisit")
                if record.rec_type != "response" or record.http_headers is None:
                    continue
                url = record.rec_headers.get_header("WARC-Target-URI") or ""
                date = iso_date(record.rec_headers.get_header("WARC-Date") or "")
                if url.startswith(("http://", "https://")) and date:
                    yield Entry(url, date, path, records.get_record_offset())
        except _DAMAGE as error:
            count("newscrawl/warc/damaged")
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


def refuse(crawler: Crawler, sentence: str) -> None:
    """Leave word that the run must not start, and why; see ``Run.open``."""
    crawler.spider.refusal = sentence  # type: ignore[union-attr]


class RecordMiddleware:
    """Downloader middleware: keeps every response that came over the network as WARC.

    On when the setting ``NEWSCRAWL_RECORD`` names a folder. Stands next to the downloader, so it
    sees answers as they came, before they are decompressed, redirected or retried.
    """

    def __init__(self, recorder: Recorder) -> None:
        """Record into ``recorder``."""
        self.recorder = recorder

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Open a file for this crawl. Raises NotConfigured when recording is off.

        When the folder cannot be used, the run will not start.
        """
        from newscrawl.run import software  # noqa: PLC0415  # only when it is on
        from newscrawl.runs import run_name  # noqa: PLC0415

        if not (folder := crawler.settings.get("NEWSCRAWL_RECORD")):
            raise NotConfigured
        name = f"{crawler.spidercls.name}-{run_name()}-{os.getpid()}.warc.gz"
        try:
            middleware = cls(Recorder(folder, name, software()))
        except OutputError as error:
            refuse(crawler, str(error))
            raise NotConfigured from error
        crawler.signals.connect(middleware.recorder.close, signals.engine_stopped)
        return middleware

    def process_response(self, request: Request, response: Response) -> Response:
        """Write the response, unless it came from a recording."""
        if "recorded" not in response.flags:
            self.recorder.write(request.url, response)
        return response


class ReplayMiddleware:
    """Downloader middleware: answers requests from recordings instead of the network.

    An article request of an archive crawl is answered from its archive. With the setting
    ``NEWSCRAWL_REPLAY`` (a WARC file) every request is answered: from the recording, the n-th
    request of an address by its n-th record, and 404 when the address was not recorded.
    """

    def __init__(
        self, recording: Mapping[str, list[Entry]] | None, *, offline: bool = False
    ) -> None:
        """Answer from ``recording``; when it is None only what archives hold.

        ``offline`` answers 404 to what an archive crawl asks beside its archive.
        """
        self.recording = recording
        self.offline = offline
        self.asked: dict[str, int] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Index the recording. When it cannot be read, the run will not start."""
        path = crawler.settings.get("NEWSCRAWL_REPLAY")
        if not path:
            wanted = getattr(crawler.spider, "wanted", None)
            return cls(None, offline=bool(getattr(wanted, "archive", ())))
        try:
            if not is_warc(path):
                refuse(crawler, f"NEWSCRAWL_REPLAY={path!r} is not a WARC file.")
                return cls({})
        except OSError as error:
            refuse(crawler, f"NEWSCRAWL_REPLAY={path!r} cannot be read: {error}.")
            return cls({})
        recording: dict[str, list[Entry]] = {}
        for entry in entries(path, crawler.stats.inc_value):
            recording.setdefault(entry.url, []).append(entry)
        return cls(recording)

    def process_request(self, request: Request) -> Response | None:
        """Return the recorded answer, or None to ask the network."""
        if entry := request.meta.get("archived"):
            return read(entry, request) or _not_recorded(request, "damaged record")
        if self.recording is None:
            return _not_recorded(request, "not in the archive") if self.offline else None
        if recorded := self.recording.get(request.url):
            turn = self.asked.get(request.url, 0)
            self.asked[request.url] = turn + 1
            if response := read(recorded[min(turn, len(recorded) - 1)], request):
                return response
        return _not_recorded(request, "not recorded")


def _not_recorded(request: Request, why: str) -> Response:
    """Return the answer to what no recording holds: 404, so that a crawl goes on."""
    body = why.encode()
    return Response(request.url, 404, body=body, flags=["recorded", why], request=request)
