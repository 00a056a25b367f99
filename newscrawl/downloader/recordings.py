"""Record responses to a WARC file, and answer requests from a recording."""

import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import scrapy
from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes

from newscrawl import __version__
from newscrawl.discovery import outlet_spider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import ArchiveError, UnreadableError
from newscrawl.storage.capture import DAMAGED, Capture
from newscrawl.storage.recorder import Recorder, response_member
from newscrawl.storage.rereading import soon_after
from newscrawl.storage.runs import run_name
from newscrawl.storage.warc import Counts, WarcFile

logger = logging.getLogger(__name__)

SOFTWARE = f"newscrawl/{__version__} Scrapy/{scrapy.__version__}"
"""What WARC files name as the program that wrote them."""


def prevent_start(crawler: Crawler, sentence: str) -> None:
    """Prevent the run from starting; ``sentence`` is the reason. See ``Run.open``."""
    if spider := outlet_spider(crawler):
        spider.prevent_start(sentence)


class RecordMiddleware:
    """Downloader middleware: writes every response of the network to a WARC file.

    It is on when the setting ``NEWSCRAWL_RECORD`` names a folder. It is the one next to the
    downloader, and records responses before they are decompressed, redirected or retried.
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
            Path(folder).mkdir(parents=True, exist_ok=True)
            middleware = cls(Recorder(Path(folder) / name, name, SOFTWARE))
        except OSError as error:
            prevent_start(crawler, f"NEWSCRAWL_RECORD={folder!r} cannot be used: {error}.")
            raise NotConfigured from error
        crawler.signals.connect(middleware.recorder.close, signals.engine_stopped)
        return middleware

    def process_response(self, request: Request, response: Response) -> Response:
        """Write the response, unless it is from a recording."""
        if "recorded" not in response.flags:
            headers = [(name, it) for name, values in response.headers.items() for it in values]
            member = response_member(request.url, response.status, headers, response.body)
            self.recorder.write(member)
        return response


class ReplayMiddleware:
    """Downloader middleware: answers requests from recordings instead of the network.

    With ``reread``, a request for an article is answered by its capture. With the setting
    ``NEWSCRAWL_REPLAY`` (a WARC file) every request is answered: from the recording, the n-th
    request of an address by its n-th record, and 404 when the address was not recorded.
    """

    def __init__(
        self, recording: Mapping[str, list[Capture]] | None, most: int, *, offline: bool = False
    ) -> None:
        """Answer from ``recording``; if it is None, only requests for captures.

        Bodies have at most ``most`` bytes. With ``offline`` the response to other requests is 404.
        """
        self.recording = recording
        self.most = most
        self.offline = offline
        self.requested: dict[str, int] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Index the recording. When it cannot be read, the run will not start."""
        most = crawler.settings.getint("DOWNLOAD_MAXSIZE")
        path = crawler.settings.get("NEWSCRAWL_REPLAY")
        if not path:
            spider = outlet_spider(crawler)
            return cls(None, most, offline=bool(spider and spider.arguments.is_offline))
        try:
            return cls(_index(path), most)
        except ArchiveError as error:
            prevent_start(crawler, f"NEWSCRAWL_REPLAY={path!r} is not a WARC file: {error}.")
        except OSError as error:
            prevent_start(crawler, f"NEWSCRAWL_REPLAY={path!r} cannot be read: {error.strerror}.")
        return cls({}, most)

    def process_request(self, request: Request) -> Response | None:
        """Return the recorded response, or None to send the request.

        Raises UnreadableError for a capture that cannot be used.
        """
        task = ArticleTask.of(request)
        if task and task.capture:
            if task.capture.fault:
                raise UnreadableError(task.capture.fault)
            return captured_response(task.capture, request)
        if self.recording is None:
            return _not_recorded(request, "not in the archive") if self.offline else None
        if recorded := self.recording.get(request.url):
            turn = self.requested.get(request.url, 0)
            self.requested[request.url] = turn + 1
            capture = _read(recorded[min(turn, len(recorded) - 1)]).decoded(self.most)
            if not capture.fault:
                return captured_response(capture, request)
            return _not_recorded(request, capture.fault)
        return _not_recorded(request, "not recorded")


class FurtherPages:
    """Finds the further pages of an article in the recording that has its first page."""

    def __init__(self, most: int) -> None:
        """Read bodies of at most ``most`` bytes. A file is indexed when it is first searched."""
        self.most = most
        # Requests for pages of the previous file may still be in the queue.
        self._index = lru_cache(maxsize=2)(_index)

    def after(self, page: Capture, url: str) -> Capture | None:
        """Return the first capture of ``url`` within five minutes after ``page``, or None.

        Raises OSError, and ArchiveError for a file that is no WARC.
        """
        for it in self._index(page.path).get(url, ()):
            if it.may_be_page and page.date <= it.date <= soon_after(page.date):
                return _read(it).decoded(self.most)
        return None


def _index(path: str) -> Mapping[str, list[Capture]]:
    """Return the captures of a recording by address; their bodies are read when they are needed.

    Raises OSError, and ArchiveError for a file that is no WARC.
    """
    recording: dict[str, list[Capture]] = {}
    counts = Counts()
    with WarcFile(path) as file:
        file.check()
        for capture in file.captures(counts, lambda _: True):
            if capture.is_revisit:
                continue
            is_whole_file = capture.offset is None
            slim = replace(capture, headers=(), payload=b"", keys=frozenset())
            recording.setdefault(capture.url, []).append(capture if is_whole_file else slim)
    if not counts.complete:
        logger.warning("Could not read all of the recording %s: %s", path, counts.as_dict())
    return recording


def _read(capture: Capture) -> Capture:
    """Return a capture of the index with its body."""
    if capture.offset is None:
        return capture
    with WarcFile(capture.path) as file:
        return file.capture_at(capture.offset) or capture.failed(DAMAGED)


def captured_response(capture: Capture, request: Request) -> Response:
    """Return a capture as the response to a request."""
    headers = Headers(capture.headers)
    cls = responsetypes.from_args(headers=headers, url=request.url, body=capture.payload)
    return cls(
        request.url, capture.status, headers, capture.payload, flags=["recorded"], request=request
    )


def _not_recorded(request: Request, why: str) -> Response:
    """Return the response to a request that was not recorded: 404, so that the crawl goes on."""
    body = why.encode()
    return Response(request.url, 404, body=body, flags=["recorded", why], request=request)
