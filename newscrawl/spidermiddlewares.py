"""Spider middlewares: what enters the books, and what becomes of it."""

import logging
from collections.abc import Iterator
from typing import Any, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem, IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.base import BaseSpiderMiddleware
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from newscrawl.books import FAILED, NEW, PENDING, REJECTED, REVISED, UNCHANGED
from newscrawl.candidates import Candidate
from newscrawl.exceptions import OutsideWindow, PostponedItem, UnchangedItem, UnreadableError
from newscrawl.items import Article
from newscrawl.run import Run

logger = logging.getLogger(__name__)


class BookkeepingMiddleware(BaseSpiderMiddleware):
    """Enters every candidate into the run's books once, and settles it when its fate is known.

    A candidate that stands in the books already is not asked for again: the same article under
    another address costs no request. Articles of an archive are all read: it may hold several
    versions of one.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        super().__init__(crawler)
        run = Run.of(crawler)
        self.books = run.books
        self.listings = run.listings

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to what happens to items."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.item_scraped, signals.item_scraped)
        crawler.signals.connect(middleware.item_dropped, signals.item_dropped)
        crawler.signals.connect(middleware.item_error, signals.item_error)
        crawler.signals.connect(middleware.spider_error, signals.spider_error)
        return middleware

    def get_processed_request(self, request: Request, response: Response | None) -> Request | None:
        """Return an article's request when it is the first for that article in this run."""
        candidate: Candidate | None = request.meta.get("candidate")
        if candidate is None:
            self.listings.asked += 1
            return request.replace(errback=self.listing_failed)
        if not self.books.discover(candidate.id) and "archived" not in request.meta:
            self.count("newscrawl/link_repeats")
            return None
        return request.replace(errback=self.request_failed)

    def listing_failed(self, failure: Failure) -> None:
        """Note a listing that could not be fetched: what it lists may be missing."""
        request: Request = failure.request  # type: ignore[attr-defined]
        reason = failure_reason(failure)
        logger.warning("No listing at %s: %s", request.url, reason)
        self.listings.fail(reason)

    def request_failed(self, failure: Failure) -> None:
        """Settle an article that could not be fetched."""
        request: Request = failure.request  # type: ignore[attr-defined]
        reason = failure_reason(failure)
        logger.warning("Failed %s: %s", request.url, reason)
        self.count(f"newscrawl/failed/{reason}")
        self.books.settle(request.meta["candidate"].id, FAILED, reason)

    def process_spider_exception(
        self, response: Response, exception: Exception
    ) -> Iterator[Any] | None:
        """Settle an answer that is not what was asked; leave other exceptions to Scrapy."""
        if not isinstance(exception, UnreadableError):
            return None
        if "candidate" in response.meta:
            self.rejected(response, str(exception))
        else:
            self.listings.fail(str(exception))
        return iter(())

    def spider_error(self, failure: Failure, response: Response) -> None:
        """Settle an article whose page broke our code."""
        if candidate := response.meta.get("candidate"):
            self.books.settle(candidate.id, FAILED, f"error: {type(failure.value).__name__}")

    def item_scraped(self, item: Article, response: Response) -> None:
        """Settle a published article: it has passed every pipeline."""
        fate = NEW if item.revision == 1 else REVISED
        self.count("newscrawl/new" if fate == NEW else "newscrawl/revised")
        self.count(f"newscrawl/kind/{item.kind}")
        self.books.settle(response.meta["candidate"].id, fate)

    def item_dropped(self, exception: DropItem, response: Response) -> None:
        """Settle an article that a pipeline dropped, by the kind of drop."""
        identity = response.meta["candidate"].id
        if isinstance(exception, UnchangedItem):
            self.count("newscrawl/unchanged")
            self.books.settle(identity, UNCHANGED)
        elif isinstance(exception, OutsideWindow):
            self.count("newscrawl/outside_window")
            self.books.withdraw(identity)
        elif isinstance(exception, PostponedItem):
            self.books.settle(identity, PENDING)
        else:
            self.rejected(response, str(exception))

    def item_error(self, response: Response, failure: Failure) -> None:
        """Settle an article that broke a pipeline."""
        reason = f"error: {type(failure.value).__name__}"
        self.books.settle(response.meta["candidate"].id, FAILED, reason)

    def rejected(self, response: Response, reason: str) -> None:
        """Count and log a rejection with its address."""
        logger.warning("Rejected %s: %s", response.url, reason)
        self.count(f"newscrawl/rejected/{reason}")
        self.books.settle(response.meta["candidate"].id, REJECTED, reason)

    def count(self, key: str) -> None:
        """Add one to a stat."""
        self.crawler.stats.inc_value(key)


def failure_reason(failure: Failure) -> str:
    """Return why a request failed, as the books count it, such as ``http 503``."""
    error = failure.value
    if isinstance(error, HttpError):
        if "recorded" in error.response.flags and len(error.response.flags) > 1:
            return error.response.flags[1]
        return f"http {error.response.status}"
    if isinstance(error, IgnoreRequest):
        # Scrapy's own sentences; an address in one would make every failure a reason of its own.
        known = ("robots.txt", "offsite", "redirections")
        return next((word for word in known if word in str(error)), "ignored")
    return type(error).__name__
