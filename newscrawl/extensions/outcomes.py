"""Outcomes of every article and listing, for the books and the ledger."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Self, TypeVar

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem
from scrapy.http import Response
from twisted.python.failure import Failure

from newscrawl.discovery import outlet_spider
from newscrawl.discovery.tasks import ArticleTask, ListingTask
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.downloader.reasons import failure_reason, hides_post
from newscrawl.downloader.validators import not_modified, validators
from newscrawl.exceptions import (
    LedgerError,
    OutsideWindow,
    PostponedItem,
    RefusedError,
    StoppingError,
    UnchangedItem,
)
from newscrawl.extensions.rejections import Rejections
from newscrawl.extensions.run import Run
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.items import Article
from newscrawl.storage.books import FAILED, NEW, PENDING, REJECTED, REVISED, UNCHANGED, Books
from newscrawl.storage.ledger import NOT_PUBLISHED, State
from newscrawl.storage.rejected import READ_BY_FALLBACK, REASON
from newscrawl.storage.rereading import soon_after
from newscrawl.storage.warc import Counts

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


class Outcomes:
    """Extension: records the outcome of each article and listing in the books and the ledger."""

    def __init__(self, crawler: Crawler) -> None:
        """Record into the crawl's run."""
        self.crawler = crawler
        self.outlet = crawler.spidercls.name
        self._rejections = Rejections(crawler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the signals of items and of errors in callbacks."""
        outcomes = cls(crawler)
        crawler.signals.connect(outcomes.item_scraped, signals.item_scraped)
        crawler.signals.connect(outcomes.item_dropped, signals.item_dropped)
        crawler.signals.connect(outcomes.item_error, signals.item_error)
        crawler.signals.connect(outcomes.spider_error, signals.spider_error)
        return outcomes

    @classmethod
    def of(cls, crawler: Crawler) -> Self:
        """Return the extension of a crawl. Raises RuntimeError when it is switched off."""
        outcomes = crawler.get_extension(cls)
        if outcomes is None:
            raise RuntimeError("the extension newscrawl.extensions.outcomes.Outcomes is off")
        return outcomes

    @cached_property
    def run(self) -> Run:
        """The crawl's run. Raises RuntimeError until all extensions are built."""
        return Run.of(self.crawler)

    @property
    def books(self) -> Books:
        """The books of the run."""
        return self.run.books

    # Listings.

    def listing_failed(self, failure: Failure) -> None:
        """Record a listing that could not be fetched; its articles may be missing."""
        request: Request = failure.request  # type: ignore[attr-defined]
        task = ListingTask.of(request) or ListingTask()
        if task.is_probe:
            PageAccess.of(self.crawler).breaker.end_probe()
        if isinstance(failure.value, StoppingError):
            return
        if isinstance(failure.value, RefusedError) and task.fallback:
            # PageAccess has replaced the listing by REST.
            return
        self.listing_unread(request, failure_reason(failure))

    def listing_unread(self, request: Request, reason: str) -> None:
        """Record a listing that could not be read, or not all of it."""
        task = ListingTask.of(request) or ListingTask()
        url = request.meta.get("redirect_urls", [request.url])[0]
        logger.warning("Could not read listing page %s: %s", url, reason)
        spider = outlet_spider(self.crawler)
        section = url if spider and spider.is_section(url) else ""
        main = spider.main_listing(url) if spider else ""
        self.run.listings.fail(reason, may_be_gone=task.may_be_gone, section=section, main=main)

    # Articles.

    def article_failed(self, failure: Failure) -> None:
        """Record an article that could not be fetched."""
        task = ArticleTask.required(failure.request)  # type: ignore[attr-defined]
        if not_modified(failure):
            assert task.known and task.known.date_published
            self.count("newscrawl/not_modified")
            self.article_unchanged(task.known.id, task.known.date_published)
            return
        if isinstance(failure.value, StoppingError):
            return
        reason = failure_reason(failure)
        if task.is_unlisted and hides_post(failure):
            reason = NOT_PUBLISHED
        what = "read" if task.capture else "fetch"
        logger.warning("Could not %s article %s: %s", what, task.candidate.url, reason)
        self.count(f"newscrawl/failed/{reason}")
        self._record_failure(task, FAILED, reason)

    def article_rejected(self, response: Response, reason: str) -> None:
        """Record an article whose response is not a valid article, and keep the response."""
        task = ArticleTask.required(response)
        self._rejections.add(response, reason)
        leads = "" if response.url == task.candidate.url else f" (leads to {response.url})"
        logger.warning("Rejected %s%s: %s", task.candidate.url, leads, reason)
        self.count(f"newscrawl/rejected/{reason}")
        self._record_failure(task, REJECTED, reason)

    def article_unchanged(
        self, identity: str, date_published: str, date: str | None = None
    ) -> None:
        """Record an article that equals its published revision; ``date`` (now) is when it did."""
        self.books.record(identity, UNCHANGED)
        due = self.run.schedule.revisit(date_published, datetime.now(UTC))
        key = (self.outlet, identity, self.run.name)
        changes = self.from_ledger(lambda: self.run.ledger.record_unchanged(*key, due, date))
        self.run.queue(*(changes or ()))

    def _reread_unchanged(self, item: Article, identity: str) -> None:
        """Record a response that was read again and equals the latest published revision."""
        known = self.from_ledger(lambda: self.run.ledger.get(self.outlet, item.id))
        if known and (known.last_fetched or "") <= soon_after(item.date_fetched):
            # This is the latest response, so the article no longer waits for a retry.
            self.article_unchanged(identity, item.date_published, item.date_fetched)
        else:
            self.books.record(identity, UNCHANGED)

    def _record_failure(self, task: ArticleTask, outcome: int, reason: str) -> None:
        identity = self.run.identities.of(task.candidate.id)
        self.books.record(identity, outcome, reason)
        if task.capture:
            # A capture is of the past. The state of the article today, and its retries, stay.
            self.run.archives[task.capture.path].no_record += 1
            return
        state = State.FAILED if outcome == FAILED else State.REJECTED
        key = (self.outlet, identity, self.run.name)
        changes = self.from_ledger(
            lambda: self.run.ledger.record_failure(*key, state, reason, self.run.schedule)
        )
        self.run.queue(*(changes or ()))

    # Signals.

    def item_scraped(self, item: Article, response: Response) -> None:
        """Record an article whose line is written."""
        outcome = NEW if item.revision == 1 else REVISED
        self.count("newscrawl/new" if outcome == NEW else "newscrawl/revised")
        self.count(f"newscrawl/kind/{item.kind}")
        task = ArticleTask.required(response)
        self.run.identities.note(task.candidate.id, item.id, item.url)
        self.books.record(item.id, outcome)
        if self._is_by_fallback(item, response):
            self._rejections.keep(response, READ_BY_FALLBACK, item.date_fetched)
        # Validators are of one page's address.
        if item.source == "page" and not task.first_pages:
            values = validators(response)
            self.run.queue(self.run.ledger.set_validators(self.outlet, item.id, *values))

    def _is_by_fallback(self, item: Article, response: Response) -> bool:
        """Return whether the fallback read an article. Count a response that was read again."""
        spider, task = outlet_spider(self.crawler), ArticleTask.required(response)
        is_by_fallback = bool(spider and spider.fallback and item.extraction == Generic.name)
        if spider and spider.arguments.reread and task.capture:
            counts = self.run.archives[task.capture.path]
            _count_kept(counts, response, is_by_fallback=is_by_fallback)
        return is_by_fallback

    def item_dropped(self, item: Article, exception: DropItem, response: Response) -> None:
        """Record an article that a pipeline dropped, by the kind of drop."""
        task = ArticleTask.required(response)
        if isinstance(exception, UnchangedItem):
            self.run.identities.note(task.candidate.id, item.id, item.url)
            self.count("newscrawl/unchanged")
            self._is_by_fallback(item, response)
            # An archive does not state what the site has now.
            if item.source == "archive":
                self.books.record(item.id, UNCHANGED)
            elif task.capture:
                self._reread_unchanged(item, item.id)
            else:
                self.run.queue(self.run.ledger.moved(self.outlet, item.id, item.url))
                self.article_unchanged(item.id, item.date_published)
        elif isinstance(exception, OutsideWindow):
            self.count("newscrawl/outside_window")
            self.run.identities.note(task.candidate.id, item.id, item.url)
            self.books.withdraw(item.id)
            if self.books.is_new(item.id):
                self.run.queue(self.run.ledger.forget(self.outlet, item.id))
        elif isinstance(exception, PostponedItem):
            self.books.record(self.run.identities.of(task.candidate.id), PENDING)
        else:
            self.article_rejected(response, str(exception))

    def item_error(self, response: Response, failure: Failure) -> None:
        """Record an article that broke a pipeline."""
        task = ArticleTask.required(response)
        self._record_failure(task, FAILED, f"error: {type(failure.value).__name__}")

    def spider_error(self, failure: Failure, response: Response | None) -> None:
        """Record an article or a listing whose response, if there was one, broke our code."""
        reason = f"error: {type(failure.value).__name__}"
        if response and (task := ArticleTask.of(response)):
            self._record_failure(task, FAILED, reason)
        elif response and outlet_spider(self.crawler) and response.request is not None:
            self.listing_unread(response.request, reason)

    def from_ledger(self, query: Callable[[], _T]) -> _T | None:
        """Return the result of a query; if the ledger fails, stop the run and return None."""
        try:
            return query()
        except LedgerError as error:
            self.run.fail(error)
            return None

    def count(self, key: str) -> None:
        """Add one to a stat."""
        self.crawler.stats.inc_value(key)


def _count_kept(counts: Counts, response: Response, *, is_by_fallback: bool) -> None:
    """Count a kept response that gives an article, in the counts of its file."""
    if is_by_fallback:
        counts.no_record += 1
    elif response.headers.get(REASON) not in (None, READ_BY_FALLBACK.encode()):
        counts.recovered += 1
