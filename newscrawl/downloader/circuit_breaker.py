"""Pages that the site refuses: circuit breaker, probes and replacements.

After several refusals in a row no more pages are requested. Later runs send probes to test whether
the site answers again. Spider, middleware and download handler use PageAccess only.
"""

import logging
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self
from weakref import WeakKeyDictionary

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response

from newscrawl.discovery import outlet_spider
from newscrawl.discovery.tasks import ArticleTask, ListingTask, is_page, is_probe
from newscrawl.downloader.walls import refusal
from newscrawl.exceptions import RefusedError
from newscrawl.extraction.dates import utc
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.document import Refusal

logger = logging.getLogger(__name__)

_NAME = "pages refused"
"""The name of the breaker's checkpoint."""


class CircuitBreaker:
    """Circuit breaker for pages. A checkpoint keeps its state between runs.

    It opens after several refusals in a row, and closes when the site sends a page. While it is
    open a probe is due after some hours; every refused probe doubles the time to the next.
    """

    def __init__(self, refusals: int, pauses: tuple[float, float]) -> None:
        """Open after ``refusals``; probe after ``pauses`` hours, at first and at most."""
        self.reason = ""
        self.is_probing = False
        self.report: Refusal | None = None
        self._checkpoints: Checkpoints | None = None
        self._allowed = refusals
        self._refused = 0
        self._pauses = pauses
        self._pause = 0.0

    def restore(self, checkpoints: Checkpoints) -> None:
        """Go on from the state that earlier runs saved, and save it from now on."""
        self._checkpoints = checkpoints
        saved = checkpoints.read(_NAME)
        if saved is None or saved.due is None:
            return
        self.reason = saved.position or "refused"
        self._pause = saved.pause
        self.is_probing = saved.due <= utc(datetime.now(UTC))
        self.report = {"reason": self.reason, "since": saved.asked, "probe": saved.due}
        logger.warning(
            "Page requests paused: the site has refused its pages (%s) since %s. The next test"
            " request follows after %s",
            self.reason,
            saved.asked,
            saved.due,
        )

    @property
    def is_open(self) -> bool:
        """Whether no pages are requested."""
        return bool(self.reason)

    def record_refusal(self, reason: str) -> None:
        """Record a refused page; the last of several in a row opens the breaker."""
        self._refused += 1
        if self._refused < self._allowed and not self.is_probing:
            return
        if self.is_open and not self.is_probing:
            return
        now = datetime.now(UTC)
        since = self.report["since"] if self.report and self.is_open else utc(now)
        self.reason, self.is_probing = reason, False
        self._pause = min(max(self._pauses[0], 2 * self._pause), self._pauses[1])
        due = utc(now + timedelta(hours=self._pause))
        self.report = {"reason": reason, "since": since, "probe": due}
        if self._checkpoints:
            self._checkpoints.save(_NAME, asked=since, due=due, pause=self._pause, position=reason)
        logger.warning(
            "The site refuses its pages (%s): page requests are paused, the next test request"
            " follows after %s",
            reason,
            due,
        )

    def record_success(self) -> None:
        """Record a page that was not refused: close the breaker, and count from zero again."""
        self._refused = 0
        if not self.is_open:
            return
        logger.warning("The site answers with pages again: page requests continue")
        self.reason, self.is_probing = "", False
        if self.report:
            self.report["over"] = utc(datetime.now(UTC))
        if self._checkpoints:
            self._checkpoints.delete(_NAME)

    def end_probe(self) -> None:
        """End a probe without a result: the breaker stays open."""
        self.is_probing = False


class PageAccess:
    """Whether pages may be requested, and which requests replace those that the site refuses.

    An article's page is replaced by its post of the REST interface, a listing by the list of
    posts: the ``fallback`` of their tasks.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Build for a crawl; settings are read when they are first needed."""
        self.refused_listings: set[str] = set()
        """Addresses of the listings that the site refused and REST replaces."""
        self._crawler = crawler

    @cached_property
    def breaker(self) -> CircuitBreaker:
        """The circuit breaker."""
        settings = self._crawler.settings
        least, most = map(float, settings.getlist("NEWSCRAWL_PROBE_HOURS"))
        return CircuitBreaker(settings.getint("NEWSCRAWL_REFUSALS"), (least, most))

    @classmethod
    def of(cls, crawler: Crawler) -> "PageAccess":
        """Return the one object of a crawl."""
        if crawler not in _ACCESS:
            _ACCESS[crawler] = cls(crawler)
        return _ACCESS[crawler]

    @property
    def uses_rest(self) -> bool:
        """Whether articles are discovered by REST because pages are refused."""
        spider = outlet_spider(self._crawler)
        return self.breaker.is_open and spider is not None and spider.has_fallback

    @property
    def is_probe_due(self) -> bool:
        """Whether a request should test if the site answers with pages again."""
        return self.breaker.is_open and self.breaker.is_probing

    def before(self, request: Request) -> Request | None:
        """Return what replaces a request that would be refused. Raises RefusedError."""
        if not is_page(request) or not self.breaker.is_open or is_probe(request):
            return None
        article = ArticleTask.of(request)
        if self.breaker.is_probing and not (article and article.fallback):
            # A request that nothing replaces waits for the outcome of the probe; see must_wait.
            return None
        return self.replacement(request, self.breaker.reason)

    def must_wait(self, request: Request) -> bool:
        """Return whether a request waits, just before it is sent, for the outcome of a probe."""
        return is_page(request) and self.is_probe_due and not is_probe(request)

    def check(self, request: Request) -> None:
        """Raise RefusedError, just before a request is sent, when pages were refused meanwhile."""
        if is_page(request) and self.breaker.is_open and not is_probe(request):
            raise RefusedError(self.breaker.reason)

    def after(self, request: Request, response: Response) -> Response | Request:
        """Return the response, or what replaces it if it is a refusal. Raises RefusedError."""
        if not is_page(request):
            return response
        if reason := refusal(response):
            self.breaker.record_refusal(reason)
            self._crawler.stats.inc_value(f"newscrawl/refused/{reason}")
            return self.replacement(request, reason)
        if response.status < 500 and response.status != 429:
            self.breaker.record_success()
        return response

    def replacement(self, request: Request, reason: str) -> Request:
        """Return the request that replaces one of a refused page. Raises RefusedError."""
        article, listing = ArticleTask.of(request), ListingTask.of(request)
        other = None
        if article and article.fallback:
            other = article.fallback(article.candidate)
        elif listing and listing.fallback:
            self.refused_listings.add(request.url)
            other = listing.fallback()
        if other is None:
            raise RefusedError(reason)
        return other.replace(errback=request.errback, priority=request.priority, dont_filter=True)


_ACCESS: WeakKeyDictionary[Crawler, PageAccess] = WeakKeyDictionary()


class RefusalMiddleware:
    """Downloader middleware: replaces requests for refused pages, as PageAccess decides."""

    def __init__(self, access: PageAccess) -> None:
        """Let ``access`` decide."""
        self.access = access

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build for a crawl."""
        return cls(PageAccess.of(crawler))

    def process_request(self, request: Request) -> Request | None:
        """Return what replaces a request that would be refused. Raises RefusedError."""
        return self.access.before(request)

    def process_response(self, request: Request, response: Response) -> Response | Request:
        """Return the response, or what replaces it if it is a refusal. Raises RefusedError."""
        return self.access.after(request, response)

    def process_exception(self, request: Request, exception: Exception) -> Request | None:
        """Return the request in place of one that was refused just before it was sent."""
        if isinstance(exception, RefusedError):
            with suppress(RefusedError):
                return self.access.replacement(request, str(exception))
        return None
