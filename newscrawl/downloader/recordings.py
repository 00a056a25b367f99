"""Record responses to a WARC file, and answer requests from a recording."""

import logging
import os
from collections.abc import Mapping
from typing import Self

import scrapy
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Response

from newscrawl import __version__
from newscrawl.discovery import outlet_spider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import OutputError
from newscrawl.storage.runs import run_name
from newscrawl.storage.warc import Entry, Recorder, entries, is_warc, read

logger = logging.getLogger(__name__)

_SOFTWARE = f"newscrawl/{__version__} Scrapy/{scrapy.__version__}"


def refuse(crawler: Crawler, sentence: str) -> None:
    """Leave word that the run must not start, and why; see ``Run.open``."""
    if spider := outlet_spider(crawler):
        spider.refuse(sentence)


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
        if not (folder := crawler.settings.get("NEWSCRAWL_RECORD")):
            raise NotConfigured
        name = f"{crawler.spidercls.name}-{run_name()}-{os.getpid()}.warc.gz"
        try:
            middleware = cls(Recorder(folder, name, _SOFTWARE))
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
            spider = outlet_spider(crawler)
            return cls(None, offline=bool(spider and spider.wanted.archive))
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
        task = ArticleTask.of(request)
        if task and task.capture:
            return read(task.capture, request) or _not_recorded(request, "damaged record")
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
