"""Spider middlewares: what enters the books, and what becomes of it."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem, IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.base import BaseSpiderMiddleware
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from newscrawl.books import FAILED, KNOWN, NEW, PENDING, REJECTED, REVISED, UNCHANGED
from newscrawl.candidates import Candidate
from newscrawl.exceptions import (
    LedgerError,
    OutsideWindow,
    PostponedItem,
    UnchangedItem,
    UnreadableError,
)
from newscrawl.items import Article, record
from newscrawl.ledger import State
from newscrawl.processors import utc
from newscrawl.run import Run

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class BookkeepingMiddleware(BaseSpiderMiddleware):
    """Enters every candidate into the run's books once, and settles it when its fate is known.

    This is the one place that decides which articles are asked for: not those that stand in the
    books already (under whatever address), and not those of which the ledger knows that they are
    not due. Articles of an archive are all read: it may hold several versions of one.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        super().__init__(crawler)
        self.run = Run.of(crawler)
        self.books = self.run.books
        self.listings = self.run.listings
        self.outlet = crawler.spidercls.name
        self.new: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to what happens to items."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.item_scraped, signals.item_scraped)
        crawler.signals.connect(middleware.item_dropped, signals.item_dropped)
        crawler.signals.connect(middleware.item_error, signals.item_error)
        crawler.signals.connect(middleware.spider_error, signals.spider_error)
        return middleware

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Add the articles that are due, listed or not, to a crawl of the whole outlet."""
        async for request in super().process_start(start):
            yield request
        spider: Any = self.crawler.spider
        wanted = spider.wanted
        if wanted.sections or wanted.tags or wanted.archive:
            return
        for candidate in self.ask(lambda: self.run.ledger.due(self.outlet, _now())) or ():
            if request := self.get_processed_request(spider.article_request(candidate), None):
                yield request

    def ask(self, question: Callable[[], _T]) -> _T | None:
        """Ask the ledger; when it cannot answer the run stops, and None is returned."""
        try:
            return question()
        except LedgerError as error:
            self.run.fail(error)
            return None

    def get_processed_request(self, request: Request, response: Response | None) -> Request | None:
        """Return a request that is to be sent, or None."""
        candidate: Candidate | None = request.meta.get("candidate")
        if candidate is None:
            return self.get_processed_listing(request, response)
        first = self.books.discover(candidate.id)
        if "archived" in request.meta:
            return request.replace(errback=self.request_failed)
        if first and self.is_known(candidate):
            self.books.settle(candidate.id, KNOWN)
            return None
        if response is not None and candidate.id in self.new:
            response.meta["shows_something_new"] = True
        if not first:
            self.count("newscrawl/link_repeats")
            return None
        return request.replace(errback=self.request_failed)

    def is_known(self, candidate: Candidate) -> bool:
        """Say whether the ledger knows an article and that it is not due; enter a new one."""
        known = self.ask(lambda: self.run.ledger.get(self.outlet, candidate.id))
        if known is not None:
            return not known.is_due(_now(), candidate.modified)
        self.new.add(candidate.id)
        self.run.enter(self.run.ledger.seen(self.outlet, candidate, _now()))
        return False

    def get_processed_listing(self, request: Request, response: Response | None) -> Request | None:
        """Return a listing's request, unless the page before it showed nothing new."""
        if request.meta.get("next_page") and self.run.caught_up:
            assert response is not None
            if not response.meta.get("shows_something_new"):
                return None
        self.listings.asked += 1
        return request.replace(errback=self.listing_failed)

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
        self.refused(request.meta["candidate"], FAILED, reason)

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
            self.refused(candidate, FAILED, f"error: {type(failure.value).__name__}")

    def item_scraped(self, item: Article, response: Response) -> None:
        """Settle a published article: it has passed every pipeline."""
        fate = NEW if item.revision == 1 else REVISED
        self.count("newscrawl/new" if fate == NEW else "newscrawl/revised")
        self.count(f"newscrawl/kind/{item.kind}")
        self.books.settle(response.meta["candidate"].id, fate)
        headers = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
        etag, last_modified = (value.decode("latin-1") if value else None for value in headers)
        self.run.enter(
            *self.run.ledger.published(
                record(item),
                self.run.document["run"],
                self.run.schedule.revisit(item.date_published, datetime.now(UTC)),
                etag,
                last_modified,
            )
        )

    def item_dropped(self, item: Article, exception: DropItem, response: Response) -> None:
        """Settle an article that a pipeline dropped, by the kind of drop."""
        candidate: Candidate = response.meta["candidate"]
        if isinstance(exception, UnchangedItem):
            self.count("newscrawl/unchanged")
            self.books.settle(candidate.id, UNCHANGED)
            due = self.run.schedule.revisit(item.date_published, datetime.now(UTC))
            self.run.enter(self.run.ledger.unchanged(self.outlet, candidate.id, _now(), due))
        elif isinstance(exception, OutsideWindow):
            self.count("newscrawl/outside_window")
            self.books.withdraw(candidate.id)
            self.run.enter(self.run.ledger.forget(self.outlet, candidate.id))
        elif isinstance(exception, PostponedItem):
            self.books.settle(candidate.id, PENDING)
        else:
            self.rejected(response, str(exception))

    def item_error(self, response: Response, failure: Failure) -> None:
        """Settle an article that broke a pipeline."""
        reason = f"error: {type(failure.value).__name__}"
        self.refused(response.meta["candidate"], FAILED, reason)

    def rejected(self, response: Response, reason: str) -> None:
        """Count and log a rejection with its address."""
        logger.warning("Rejected %s: %s", response.url, reason)
        self.count(f"newscrawl/rejected/{reason}")
        self.refused(response.meta["candidate"], REJECTED, reason)

    def refused(self, candidate: Candidate, fate: int, reason: str) -> None:
        """Enter a failure or rejection into the books and the ledger."""
        self.books.settle(candidate.id, fate, reason)
        state = State.FAILED if fate == FAILED else State.REJECTED
        change = self.ask(
            lambda: self.run.ledger.refused(
                self.outlet, candidate.id, state, reason, self.run.schedule
            )
        )
        if change is not None:
            self.run.enter(change)

    def count(self, key: str) -> None:
        """Add one to a stat."""
        self.crawler.stats.inc_value(key)


def _now() -> str:
    return utc(datetime.now(UTC))


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
