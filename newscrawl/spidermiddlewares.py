"""Spider middlewares: what enters the books, and what becomes of it."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    DropItem,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from newscrawl.discovery import OutletSpider, outlet_spider
from newscrawl.discovery.tasks import ArticleTask, ListingTask
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.exceptions import (
    BrokenBodyError,
    BrowserError,
    LedgerError,
    OutsideWindow,
    PostponedItem,
    RefusedError,
    StoppingError,
    UnchangedItem,
    UnreadableError,
)
from newscrawl.extensions.run import Run
from newscrawl.extraction.dates import utc
from newscrawl.items import Article, Candidate, record
from newscrawl.storage.books import FAILED, KNOWN, NEW, PENDING, REJECTED, REVISED, UNCHANGED
from newscrawl.storage.ledger import NOT_PUBLISHED, ArticleState, Checkpoint, State

logger = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(slots=True)
class Shown:
    """What a listing has shown so far of articles that earlier runs did not know.

    ``first`` says that no other listing of this run had shown one of them before.
    """

    anything_new: bool = False
    first: bool = False


class BookkeepingMiddleware:
    """Enters every candidate into the run's books once, and settles it when its fate is known.

    This is the one place that decides which articles are asked for: not those that stand in the
    books already (under whatever address), and not those of which the ledger knows that they are
    not due. Articles of an archive are all read: it may hold several versions of one.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        self.crawler = crawler
        self.run = Run.of(crawler)
        self.access = PageAccess.of(crawler)
        self.books = self.run.books
        self.listings = self.run.listings
        self.outlet = crawler.spidercls.name
        self.new: set[str] = set()
        self.began = _now()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to what happens to items."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.item_scraped, signals.item_scraped)
        crawler.signals.connect(middleware.item_dropped, signals.item_dropped)
        crawler.signals.connect(middleware.item_error, signals.item_error)
        crawler.signals.connect(middleware.spider_error, signals.spider_error)
        return middleware

    @property
    def spider(self) -> OutletSpider:
        """The crawl's spider."""
        spider = outlet_spider(self.crawler)
        assert spider is not None
        return spider

    def ask(self, question: Callable[[], _T]) -> _T | None:
        """Ask the ledger; when it cannot answer the run stops, and None is returned."""
        try:
            return question()
        except LedgerError as error:
            self.run.fail(error)
            return None

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Pass on the first requests, those that are to be sent."""
        async for it in start:
            if isinstance(it, Request):
                if request := self.admit(it, None):
                    yield request
            else:
                yield it

    async def process_spider_output(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """Pass on what a callback gives, then note that its listing was read to the end."""
        shown = Shown()
        async for it in result:
            if isinstance(it, Request):
                if request := self.admit(it, shown):
                    yield request
            else:
                yield it
        assert response.request is not None
        self.listing_read(response.request, response, shown)

    def admit(self, request: Request, shown: "Shown | None") -> Request | None:
        """Return a request that is to be sent, or None; ``shown`` is of its listing, if any."""
        task = ArticleTask.of(request)
        if task is None:
            return self.admit_listing(request, shown)
        candidate = task.candidate
        if self.is_outside(candidate):
            self.count("newscrawl/outside_window")
            return None
        first = self.books.discover(candidate.id)
        if task.is_admitted:
            return request.replace(errback=self.request_failed)
        known = self.look_up(candidate) if first else None
        if first and known and not (task.is_unlisted or self.is_wanted(known, candidate)):
            self.books.settle(candidate.id, KNOWN)
            return None
        if shown is not None and candidate.id in self.new:
            shown.anything_new = True
            # Another listing may have shown it before, which makes this one no more useful.
            shown.first |= first
        if not first:
            self.count("newscrawl/link_repeats")
            return None
        return self.prepared(request, task, known)

    def is_outside(self, candidate: Candidate) -> bool:
        """Say whether a listing tells that an article was published outside the window."""
        wanted = self.spider.wanted
        published = candidate.published
        if not published or wanted.archive:
            return False
        # Times in the record's form sort as text.
        early = wanted.since and published < wanted.since
        return bool(early or (wanted.until and published > wanted.until))

    def look_up(self, candidate: Candidate) -> ArticleState | None:
        """Return what the ledger knows of an article, and enter what it does not know yet."""
        known = self.ask(lambda: self.run.ledger.get(self.outlet, candidate.id))
        if known is None:
            self.new.add(candidate.id)
            self.run.enter(self.run.ledger.seen(self.outlet, candidate, _now()))
        elif candidate.authors and not known.known_authors:
            credited = self.run.ledger.credited(self.outlet, candidate.id, candidate.authors)
            self.run.enter(credited)
        # A listing that tells times is made from the site's database; a link may be an old one.
        if known and candidate.modified and candidate.url != known.url and "?" not in candidate.url:
            self.run.enter(self.run.ledger.moved(self.outlet, candidate.id, candidate.url))
        return known

    def is_wanted(self, known: ArticleState, candidate: Candidate) -> bool:
        """Say whether to ask for a known article: it is due, or a listing tells of a change."""
        back = known.state == State.GONE and candidate.modified is not None
        if back or known.is_changed(candidate.modified):
            # Until it is settled, whatever becomes of this run.
            self.run.enter(self.run.ledger.changed(self.outlet, candidate.id, _now()))
            return True
        # Where the listing knows of changes, there is no need to look.
        revisits = self.spider.is_revisiting and candidate.modified is None
        return known.is_due(_now(), revisits=revisits)

    def prepared(self, request: Request, task: ArticleTask, known: ArticleState | None) -> Request:
        """Return an article's request with what the ledger adds: authors and validators."""
        request = request.replace(errback=self.request_failed)
        if known is None:
            return request
        if not task.candidate.authors and known.known_authors:
            candidate = replace(task.candidate, credited=known.known_authors)
            request = task.on(request, candidate=candidate)
        if task.is_page and known.revision and known.date_published:
            request = ArticleTask.required(request).on(request, known=known)
            _make_conditional(request, known)
        return request

    def admit_listing(self, request: Request, shown: "Shown | None") -> Request | None:
        """Return a listing's request, unless there is reason to think that it brings nothing."""
        task = ListingTask.of(request) or ListingTask()
        if task.is_next_page and self.run.caught_up and not (shown and shown.anything_new):
            return None
        request = request.replace(errback=request.errback or self.listing_failed)
        if task.name and self.run.caught_up and (saved := self.run.checkpoints.read(task.name)):
            if task.pauses and saved.due and saved.due > self.began:
                self.listings.early += 1
                return None
            request = task.on(request, checkpoint=saved)
            _make_conditional(request, saved)
        self.listings.asked += 1
        return request

    def listing_read(self, request: Request, response: Response, shown: "Shown") -> None:
        """Save a listing's validators, and when to ask it again: later while it is quiet."""
        task = ListingTask.of(request)
        if task is None or not task.name or not self.run.whole:
            return
        saved = task.checkpoint
        self.listings.unchanged += response.status == 304
        pause, due = 0.0, None
        if task.pauses and not shown.first:
            least, most = task.pauses
            pause = min(max(least, 2 * saved.pause if saved else 0), most)
            # A little early, or an hourly run would find it not quite due.
            due = utc(datetime.fromisoformat(self.began) + timedelta(hours=pause, minutes=-10))
        etag, last_modified = validators(response)
        if response.status == 304 and saved:
            etag, last_modified = etag or saved.etag, last_modified or saved.last_modified
        self.run.checkpoints.save(
            task.name,
            etag=etag,
            last_modified=last_modified,
            pause=pause,
            due=due,
            position=task.position or (saved.position if saved else None),
        )

    def listing_failed(self, failure: Failure) -> None:
        """Note a listing that could not be fetched: what it lists may be missing."""
        request: Request = failure.request  # type: ignore[attr-defined]
        task = ListingTask.of(request) or ListingTask()
        if response := not_modified(failure):
            self.listing_read(request, response, Shown())
            return
        if task.is_probe:
            self.access.breaker.end_probe()
        if isinstance(failure.value, StoppingError):
            return
        if isinstance(failure.value, RefusedError) and task.fallback:
            # REST replaces it; see PageAccess.
            return
        self.no_listing(
            request.meta.get("redirect_urls", [request.url])[0], failure_reason(failure)
        )

    def no_listing(self, url: str, reason: str) -> None:
        """Count and log a listing that gave nothing, or not all."""
        logger.warning("No listing at %s: %s", url, reason)
        self.listings.fail(reason)

    def article_unchanged(self, identity: str, known: ArticleState) -> None:
        """Settle an article of which the site says that our copy is good."""
        assert known.date_published is not None
        self.count("newscrawl/not_modified")
        self.books.settle(identity, UNCHANGED)
        due = self.run.schedule.revisit(known.date_published, datetime.now(UTC))
        self.enter_unchanged(identity, due)

    def enter_unchanged(self, identity: str, due: str | None) -> None:
        """Enter into the ledger that our copy of an article is good."""
        run, ledger = self.run.document["run"], self.run.ledger
        self.run.enter(*(self.ask(lambda: ledger.unchanged(self.outlet, identity, run, due)) or ()))

    def request_failed(self, failure: Failure) -> None:
        """Settle an article that could not be fetched."""
        task = ArticleTask.required(failure.request)  # type: ignore[attr-defined]
        if not_modified(failure):
            assert task.known is not None
            self.article_unchanged(task.candidate.id, task.known)
            return
        if isinstance(failure.value, StoppingError):
            return
        reason = failure_reason(failure)
        if task.is_unlisted and _hides_post(failure):
            reason = NOT_PUBLISHED
        logger.warning("Failed %s: %s", task.candidate.url, reason)
        self.count(f"newscrawl/failed/{reason}")
        self.refused(task.candidate, FAILED, reason)

    def process_spider_exception(
        self, response: Response, exception: Exception
    ) -> Iterator[Any] | None:
        """Settle an answer that is not what was asked; leave other exceptions to Scrapy."""
        if not isinstance(exception, UnreadableError):
            return None
        if ArticleTask.of(response):
            self.rejected(response, str(exception))
        else:
            self.no_listing(response.request.url, str(exception))  # type: ignore[union-attr]
        return iter(())

    def spider_error(self, failure: Failure, response: Response) -> None:
        """Settle an article whose page broke our code."""
        if task := ArticleTask.of(response):
            self.refused(task.candidate, FAILED, f"error: {type(failure.value).__name__}")

    def item_scraped(self, item: Article, response: Response) -> None:
        """Settle a published article: it has passed every pipeline."""
        fate = NEW if item.revision == 1 else REVISED
        self.count("newscrawl/new" if fate == NEW else "newscrawl/revised")
        self.count(f"newscrawl/kind/{item.kind}")
        self.books.settle(ArticleTask.required(response).candidate.id, fate)
        # Validators are of one page; REST gives an article under another address.
        task = ArticleTask.required(response)
        kept = validators(response) if item.source == "page" and not task.begun else (None, None)
        self.run.enter(
            *self.run.ledger.published(
                record(item),
                self.run.document["run"],
                self.run.schedule.revisit(item.date_published, datetime.now(UTC)),
                *kept,
            )
        )

    def item_dropped(self, item: Article, exception: DropItem, response: Response) -> None:
        """Settle an article that a pipeline dropped, by the kind of drop."""
        candidate = ArticleTask.required(response).candidate
        if isinstance(exception, UnchangedItem):
            self.count("newscrawl/unchanged")
            self.books.settle(candidate.id, UNCHANGED)
            # An archive does not tell what the site has now.
            if item.source != "archive":
                self.run.enter(self.run.ledger.moved(self.outlet, item.id, item.url))
                due = self.run.schedule.revisit(item.date_published, datetime.now(UTC))
                self.enter_unchanged(candidate.id, due)
        elif isinstance(exception, OutsideWindow):
            self.count("newscrawl/outside_window")
            self.books.withdraw(candidate.id)
            if candidate.id in self.new:
                self.run.enter(self.run.ledger.forget(self.outlet, candidate.id))
        elif isinstance(exception, PostponedItem):
            self.books.settle(candidate.id, PENDING)
        else:
            self.rejected(response, str(exception))

    def item_error(self, response: Response, failure: Failure) -> None:
        """Settle an article that broke a pipeline."""
        reason = f"error: {type(failure.value).__name__}"
        self.refused(ArticleTask.required(response).candidate, FAILED, reason)

    def rejected(self, response: Response, reason: str) -> None:
        """Count and log a rejection with its address."""
        candidate = ArticleTask.required(response).candidate
        leads = "" if response.url == candidate.url else f" (leads to {response.url})"
        logger.warning("Rejected %s%s: %s", candidate.url, leads, reason)
        self.count(f"newscrawl/rejected/{reason}")
        self.refused(candidate, REJECTED, reason)

    def refused(self, candidate: Candidate, fate: int, reason: str) -> None:
        """Enter a failure or rejection into the books and the ledger."""
        self.books.settle(candidate.id, fate, reason)
        if self.spider.wanted.archive:
            # It speaks of the past: what is known of the present, and when to retry, stays.
            return
        state = State.FAILED if fate == FAILED else State.REJECTED
        run, ledger = self.run.document["run"], self.run.ledger
        changes = self.ask(
            lambda: ledger.refused(self.outlet, candidate.id, run, state, reason, self.run.schedule)
        )
        self.run.enter(*(changes or ()))

    def count(self, key: str) -> None:
        """Add one to a stat."""
        self.crawler.stats.inc_value(key)


def _now() -> str:
    return utc(datetime.now(UTC))


def validators(response: Response) -> tuple[str | None, str | None]:
    """Return an answer's ETag and Last-Modified."""
    headers = (response.headers.get(name) for name in ("ETag", "Last-Modified"))
    etag, last_modified = (value.decode("latin-1") if value else None for value in headers)
    return etag, last_modified


def not_modified(failure: Failure) -> Response | None:
    """Return the answer 304, or None when it was another failure."""
    error = failure.value
    return error.response if isinstance(error, HttpError) and error.response.status == 304 else None


def _hides_post(failure: Failure) -> bool:
    """Say whether WordPress has a post no longer: a draft, private, in the trash or deleted."""
    error = failure.value
    if not isinstance(error, HttpError) or error.response.status not in (401, 403, 404, 410):
        return False
    return any(code in error.response.body for code in (b"rest_forbidden", b"rest_post_invalid_id"))


def _make_conditional(request: Request, has: ArticleState | Checkpoint) -> None:
    # nginx weakens the ETag of what it compresses; WordPress, which wants both to be its own, then
    # never says that nothing has changed. The time alone does.
    if has.etag and not (has.etag.startswith("W/") and has.last_modified):
        request.headers["If-None-Match"] = has.etag
    if has.last_modified:
        request.headers["If-Modified-Since"] = has.last_modified


# What went wrong with a download, the narrower errors first.
_WORDS: Mapping[type[BaseException], str] = {
    ResponseDataLossError: "cut short",
    DownloadTimeoutError: "timeout",
    TimeoutError: "timeout",
    DownloadCancelledError: "too large",
    DownloadConnectionRefusedError: "connection refused",
    CannotResolveHostError: "no such host",
    DownloadFailedError: "connection lost",
    # urllib's, of a redirect to an address that is none.
    ValueError: "bad address",
}


def failure_reason(failure: Failure) -> str:
    """Return why a request failed, as the books count it, such as ``http 503``."""
    assert failure.value is not None
    return error_reason(failure.value)


def error_reason(error: BaseException) -> str:
    """Return what went wrong with a request, in a word or two, without its address."""
    if isinstance(error, UnreadableError | BrokenBodyError | BrowserError | RefusedError):
        return str(error)
    if isinstance(error, HttpError):
        if "recorded" in error.response.flags and len(error.response.flags) > 1:
            return error.response.flags[1]
        return f"http {error.response.status}"
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    if isinstance(error, IgnoreRequest):
        # Scrapy's own sentences; an address in one would make every failure a reason of its own.
        known = ("robots.txt unknown", "robots.txt", "offsite", "redirections", "too large")
        text = str(error).replace("DOWNLOAD_MAXSIZE", "too large")
        return next((word for word in known if word in text), "ignored")
    return type(error).__name__
