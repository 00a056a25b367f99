"""robots.txt as RFC 9309 wants it, kept for a day, with Crawl-delay."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.extensions.throttle import AutoThrottle
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached
from scrapy.utils.misc import build_from_crawler
from twisted.internet.defer import Deferred
from w3lib.encoding import read_bom

from newscrawl.discovery import outlet_spider
from newscrawl.downloader.reasons import error_reason
from newscrawl.downloader.throttle import Throttle
from newscrawl.downloader.validators import validators
from newscrawl.downloader.walls import refusal
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.ledger import Checkpoint

logger = logging.getLogger(__name__)

_PATH = "/robots.txt"
_NOTHING_ALLOWED = b"User-agent: *\nDisallow: /\n"
_MOST_BYTES = 500 * 1024  # RFC 9309 §2.5: the least that a crawler must read
_FRESH = timedelta(hours=24)  # §2.4: no copy is older, unless robots.txt is unreachable
_LAST_RESORT = timedelta(days=30)  # §2.3.1.4: "a reasonably long period of time"


class RobotsMiddleware(RobotsTxtMiddleware):
    """Scrapy's RobotsTxtMiddleware with RFC 9309's error handling and caching, and Crawl-delay.

    The rules are saved as a checkpoint: runs of one day share them, later ones request robots.txt
    conditionally. Where it is unreachable (429, 5xx, no response), the saved rules hold for 30
    days; without them the rules are unknown, and nothing is requested. A robots.txt that does not
    exist (any other 4xx) forbids nothing.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Raise NotConfigured when robots.txt is not to be obeyed."""
        super().__init__(crawler)
        self._unknown: set[str] = set()

    async def process_request(self, request: Request) -> None:  # type: ignore[override]
        """Raise IgnoreRequest for what the rules forbid; make robots.txt's request conditional."""
        netloc = urlparse_cached(request).netloc
        if is_robots(request) and (saved := self._saved(netloc, _LAST_RESORT)):
            if saved.etag:
                request.headers["If-None-Match"] = saved.etag
            if saved.last_modified:
                request.headers["If-Modified-Since"] = saved.last_modified
        await super().process_request(request)

    def process_exception(self, request: Request, exception: Exception) -> None:
        """Raise IgnoreRequest for a robots.txt without a response, for which one line is logged.

        Scrapy would log a traceback besides.
        """
        if is_robots(request) and not isinstance(exception, IgnoreRequest):
            raise IgnoreRequest("robots.txt has no response") from exception

    async def robot_parser(self, request: Request) -> RobotParser | None:
        """Return the rules for a request, from the checkpoint while it is fresh."""
        netloc = urlparse_cached(request).netloc
        if netloc not in self._parsers and (saved := self._saved(netloc, _FRESH)):
            self._parsers[netloc] = self._parser(netloc, (saved.position or "").encode())
        return await super().robot_parser(request)

    async def _parse_robots(self, response: Response, netloc: str, request: Request) -> None:
        saved = self._saved(netloc, _LAST_RESORT)
        walled = response.status == 200 and refusal(response)
        if response.status == 304 and saved:
            response = response.replace(body=(saved.position or "").encode())
            self._save(netloc, response, saved)
        elif response.status == 429 or response.status // 100 in (3, 5) or walled:
            response = response.replace(body=self._instead(netloc, f"http {response.status}"))
        else:
            response = response.replace(body=rules_of(response))
            self._save(netloc, response, None)
        await super()._parse_robots(response, netloc, request)
        parser = self._parsers[netloc]
        if isinstance(parser, RobotParser):
            self._slow_down(netloc, parser)

    def _robots_error(self, exc: Exception, netloc: str) -> None:
        waiting = self._parsers[netloc]
        parser = self._parser(netloc, self._instead(netloc, error_reason(exc.__cause__ or exc)))
        self._parsers[netloc] = parser
        # Scrapy would send the waiting requests without rules.
        if isinstance(waiting, Deferred):
            waiting.callback(parser)

    def _parser(self, netloc: str, body: bytes) -> RobotParser:
        parser: RobotParser = build_from_crawler(self._parserimpl, self.crawler, body)
        self._slow_down(netloc, parser)
        return parser

    def _instead(self, netloc: str, why: str) -> bytes:
        """Return the rules that hold while robots.txt is unreachable: the saved ones, or none."""
        if saved := self._saved(netloc, _LAST_RESORT):
            logger.warning(
                "Cannot read robots.txt of %s (%s): using the rules of %s", netloc, why, saved.asked
            )
            return (saved.position or "").encode()
        self._unknown.add(netloc)
        logger.error(
            "Cannot read robots.txt of %s (%s): sending no other requests to it", netloc, why
        )
        return _NOTHING_ALLOWED

    @property
    def _checkpoints(self) -> Checkpoints | None:
        spider = outlet_spider(self.crawler)
        try:
            return spider.checkpoints if spider else None
        except RuntimeError:
            # Only ``crawl`` opens a run; ``fetch`` and ``shell`` save nothing.
            return None

    def _saved(self, netloc: str, age: timedelta) -> Checkpoint | None:
        """Return the saved rules of a host, if they were requested less than ``age`` ago."""
        if (checkpoints := self._checkpoints) is None:
            return None
        saved = checkpoints.read(f"robots.txt {netloc}")
        # A clock that was set back makes them no younger.
        since = datetime.now(UTC) - datetime.fromisoformat(saved.asked) if saved else age
        return saved if timedelta(0) <= since < age else None

    def _save(self, netloc: str, response: Response, saved: Checkpoint | None) -> None:
        if (checkpoints := self._checkpoints) is None:
            return
        etag, last_modified = validators(response)
        if saved:
            etag, last_modified = etag or saved.etag, last_modified or saved.last_modified
        checkpoints.save(
            f"robots.txt {netloc}",
            etag=etag,
            last_modified=last_modified,
            position=response.body.decode(),
        )

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        """Raise IgnoreRequest for what the rules forbid, and while they are unknown."""
        if urlparse_cached(request).netloc in self._unknown:
            raise IgnoreRequest("robots.txt unknown")
        super().process_request_2(rp, request)

    def _slow_down(self, netloc: str, parser: RobotParser) -> None:
        """Leave at least the Crawl-delay between two requests, also with AutoThrottle.

        A delay that is longer than a run may wait ends the run.
        """
        crawl_delay = parser.crawl_delay(self._robotstxt_useragent or self._default_useragent)
        if not crawl_delay or not crawl_delay > 0:
            return
        if Throttle.of(self.crawler).ends_run(crawl_delay, _FRESH.total_seconds()):
            logger.error(
                "robots.txt of %s asks for %g seconds between requests (Crawl-delay), more than"
                " NEWSCRAWL_LONGEST_PAUSE_SECONDS: nothing more is requested",
                netloc,
                crawl_delay,
            )
            return
        host = netloc.rpartition("@")[2].partition(":")[0]
        engine: Any = self.crawler.engine
        downloader = engine.downloader
        delay = max(crawl_delay, self.crawler.settings.getfloat("DOWNLOAD_DELAY"))
        logger.info("Crawl-delay of %s: %g seconds between requests", host, delay)
        self.crawler.stats.max_value("newscrawl/crawl_delay", delay)
        # Jitter would shorten the delay. Set both the open slot and the settings of later ones.
        downloader.per_slot_settings[host] = {"delay": delay, "concurrency": 1, "jitter": 0}
        if slot := downloader.slots.get(host):
            slot.delay, slot.jitter, slot.concurrency = delay, 0.0, 1
        if throttle := self.crawler.get_extension(AutoThrottle):
            throttle.mindelay = max(throttle.mindelay, delay)
            throttle.maxdelay = max(throttle.maxdelay, delay)


def is_robots(request: Request) -> bool:
    """Return whether a request is the middleware's own for a robots.txt."""
    return urlparse_cached(request).path == _PATH and "dont_obey_robotstxt" in request.meta


def rules_of(response: Response) -> bytes:
    """Return the text of a robots.txt in UTF-8; nothing for an error, and for a page of HTML.

    A text of more than 500 KiB is cut at a line's end.
    """
    if response.status >= 400:
        return b""
    encoding, mark = read_bom(response.body)
    body = response.body[len(mark or b"") :][: _MOST_BYTES * (2 if encoding else 1)]
    text = body.decode(encoding or "utf-8", "ignore").replace("\0", "")
    if text.lstrip()[:9].lower().startswith(("<!doctype", "<html")):
        return b""
    if len(response.body) > _MOST_BYTES:
        text = text.rpartition("\n")[0]
    return text.encode("utf-8", "ignore")
