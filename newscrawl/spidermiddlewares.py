"""Spider middlewares: what enters the books, and what becomes of it."""

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DontCloseSpider,
    DownloadCancelledError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    DropItem,
    IgnoreRequest,
    ResponseDataLossError,
)
from scrapy.http import Response
from scrapy.spidermiddlewares.base import BaseSpiderMiddleware
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from newscrawl.exceptions import (
    BrokenEncodingError,
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
from newscrawl.storage.ledger import NOT_PUBLISHED, Known, Remembered, State

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
        self.began = _now()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to what happens to items."""
        middleware = cls(crawler)
        crawler.signals.connect(middleware.item_scraped, signals.item_scraped)
        crawler.signals.connect(middleware.item_dropped, signals.item_dropped)
        crawler.signals.connect(middleware.item_error, signals.item_error)
        crawler.signals.connect(middleware.spider_error, signals.spider_error)
        crawler.signals.connect(middleware.spider_idle, signals.spider_idle)
        return middleware

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Add the articles that are due, listed or not, to a crawl of the whole outlet.

        Where pages are known to be refused, the crawl starts at REST, and probes now and then.
        """
        spider: Any = self.crawler.spider
        wanted = spider.wanted
        door = self.run.door
        if door is not None and door.closed and not wanted.archive:
            spider.pages_closed = self.is_replaceable
            if door.probing and wanted.fetch != "api":
                yield self.get_processed_listing(spider.links.probe(), None)
        async for request in super().process_start(start):
            yield request
        if wanted.sections or wanted.tags or wanted.archive:
            return
        due = self.ask(lambda: self.run.ledger.due(self.outlet, _now(), revisits=self.revisits))
        for request in spider.owed_requests(due or []):
            if processed := self.get_processed_request(request, None):
                yield processed

    @property
    def revisits(self) -> bool:
        """Whether young articles are asked for: not where REST tells what has changed or gone."""
        spider: Any = self.crawler.spider
        by_pages = "links" in spider.wanted.discover and not spider.pages_closed
        return by_pages or not spider.rest

    def spider_idle(self) -> None:
        """Go on by REST when nothing is left to ask and listing pages were refused.

        Raises DontCloseSpider when there is something to go on with.
        """
        spider: Any = self.crawler.spider
        if not self.listings.refused or spider.pages_closed or self.run.stopping:
            return
        spider.pages_closed = True
        if spider.wanted.fetch == "auto" and spider.rest and "api" not in spider.wanted.discover:
            for request in spider.ways["api"](spider).start():
                if processed := self.get_processed_request(request, None):
                    self.crawler.engine.crawl(processed)
            raise DontCloseSpider

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
        if self.is_outside(candidate):
            self.count("newscrawl/outside_window")
            return None
        first = self.books.discover(candidate.id)
        if "archived" in request.meta or "plain" in request.meta:
            return request.replace(errback=self.request_failed)
        known = self.look_up(candidate) if first else None
        if first and known is not None and not self.is_wanted(known, candidate):
            self.books.settle(candidate.id, KNOWN)
            return None
        if response is not None and candidate.id in self.new:
            response.meta["shows_something_new"] = True
            # Another listing may have shown it before, which makes this one no more useful.
            response.meta["brings_something_new"] = first or response.meta.get(
                "brings_something_new", False
            )
        if not first:
            self.count("newscrawl/link_repeats")
            return None
        return self.prepared(request, known)

    def is_outside(self, candidate: Candidate) -> bool:
        """Say whether a listing tells that an article was published outside the window."""
        wanted = self.crawler.spider.wanted  # type: ignore[union-attr]
        published = candidate.published
        if not published or wanted.archive:
            return False
        # Times in the record's form sort as text.
        early = wanted.since and published < wanted.since
        return bool(early or (wanted.until and published > wanted.until))

    def look_up(self, candidate: Candidate) -> Known | None:
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

    def is_wanted(self, known: Known, candidate: Candidate) -> bool:
        """Say whether to ask for a known article: it is due, or a listing tells of a change."""
        back = known.state == State.GONE and candidate.modified is not None
        if back or known.is_changed(candidate.modified):
            # Until it is settled, whatever becomes of this run.
            self.run.enter(self.run.ledger.changed(self.outlet, candidate.id, _now()))
            return True
        # Where the listing knows of changes, there is no need to look.
        revisits = self.revisits and candidate.modified is None
        return known.is_due(_now(), revisits=revisits)

    def prepared(self, request: Request, known: Known | None) -> Request:
        """Return an article's request with what the ledger adds: authors and validators."""
        request = request.replace(errback=self.request_failed)
        if known is None:
            return request
        candidate: Candidate = request.meta["candidate"]
        if not candidate.authors:
            request.meta["candidate"] = replace(candidate, credited=known.known_authors)
        if request.meta.get("page") and known.revision and known.date_published:
            request.meta["known"] = known
            _make_conditional(request, known)
        return request

    def get_processed_listing(self, request: Request, response: Response | None) -> Request | None:
        """Return a listing's request, unless there is reason to think that it brings nothing."""
        if request.meta.get("next_page") and self.run.caught_up:
            assert response is not None
            if not response.meta.get("shows_something_new"):
                return None
        request = request.replace(errback=self.listing_failed)
        name = request.meta.get("listing")
        if name and self.run.caught_up and (told := self.run.recall(name)):
            if "pauses" in request.meta and told.due and told.due > self.began:
                self.listings.early += 1
                return None
            request.meta["told"] = told
            _make_conditional(request, told)
        self.listings.asked += 1
        return request

    def process_spider_output(
        self, response: Response | None, result: Iterable[Any], spider: Any = None
    ) -> Iterator[Any]:
        """Pass on what a callback gives, then note that its listing was read to the end."""
        yield from super().process_spider_output(response, result)
        if response is not None:
            self.listing_read(response.request, response)

    async def process_spider_output_async(
        self, response: Response | None, result: AsyncIterator[Any], spider: Any = None
    ) -> AsyncIterator[Any]:
        """Pass on what a callback gives, then note that its listing was read to the end."""
        async for it in super().process_spider_output_async(response, result):
            yield it
        if response is not None:
            self.listing_read(response.request, response)

    def listing_read(self, request: Request | None, response: Response) -> None:
        """Remember a listing's validators, and when to ask it again: later while it is quiet."""
        name = request.meta.get("listing") if request else None
        if request is None or name is None or not self.run.whole:
            return
        told: Remembered | None = request.meta.get("told")
        self.listings.unchanged += response.status == 304
        pause, due = 0.0, None
        if "pauses" in request.meta and not response.meta.get("brings_something_new"):
            least, most = request.meta["pauses"]
            pause = min(max(least, 2 * told.pause if told else 0), most)
            # A little early, or an hourly run would find it not quite due.
            due = utc(datetime.fromisoformat(self.began) + timedelta(hours=pause, minutes=-10))
        etag, last_modified = validators(response)
        if response.status == 304 and told:
            etag, last_modified = etag or told.etag, last_modified or told.last_modified
        position = request.meta.get("position") or (told.position if told else None)
        self.run.remember(
            name,
            etag=etag,
            last_modified=last_modified,
            pause=pause,
            due=due,
            position=position,
        )

    def listing_failed(self, failure: Failure) -> None:
        """Note a listing that could not be fetched: what it lists may be missing."""
        request: Request = failure.request  # type: ignore[attr-defined]
        if response := not_modified(failure):
            self.listing_read(request, response)
            return
        if request.meta.get("probe") and self.run.door is not None:
            self.run.door.probing = False
        reason = failure_reason(failure)
        if isinstance(failure.value, RefusedError) and self.is_replaceable:
            self.listings.refused += 1
            return
        if isinstance(failure.value, StoppingError):
            return
        self.no_listing(request.meta.get("redirect_urls", [request.url])[0], reason)

    def no_listing(self, url: str, reason: str) -> None:
        """Count and log a listing that gave nothing, or not all."""
        logger.warning("No listing at %s: %s", url, reason)
        self.listings.fail(reason)

    @property
    def is_replaceable(self) -> bool:
        """Whether REST takes the place of pages that are refused."""
        spider: Any = self.crawler.spider
        return spider.wanted.fetch == "auto" and bool(spider.rest)

    def article_unchanged(self, identity: str, known: Known) -> None:
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
        request: Request = failure.request  # type: ignore[attr-defined]
        if not_modified(failure):
            self.article_unchanged(request.meta["candidate"].id, request.meta["known"])
            return
        if isinstance(failure.value, StoppingError):
            return
        reason = failure_reason(failure)
        if request.meta.get("unlisted") and _hides_post(failure):
            reason = NOT_PUBLISHED
        logger.warning("Failed %s: %s", request.meta["candidate"].url, reason)
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
            self.no_listing(response.request.url, str(exception))  # type: ignore[union-attr]
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
        # Validators are of the page; REST gives an article under another address.
        kept = validators(response) if item.source == "page" else (None, None)
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
        candidate: Candidate = response.meta["candidate"]
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
        self.refused(response.meta["candidate"], FAILED, reason)

    def rejected(self, response: Response, reason: str) -> None:
        """Count and log a rejection with its address."""
        candidate: Candidate = response.meta["candidate"]
        leads = "" if response.url == candidate.url else f" (leads to {response.url})"
        logger.warning("Rejected %s%s: %s", candidate.url, leads, reason)
        self.count(f"newscrawl/rejected/{reason}")
        self.refused(candidate, REJECTED, reason)

    def refused(self, candidate: Candidate, fate: int, reason: str) -> None:
        """Enter a failure or rejection into the books and the ledger."""
        self.books.settle(candidate.id, fate, reason)
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


def _make_conditional(request: Request, has: Known | Remembered) -> None:
    # nginx weakens the ETag of what it compresses; WordPress, which wants both to be its own, then
    # never says that nothing has changed. The time alone does.
    if has.etag and not (has.etag.startswith("W/") and has.last_modified):
        request.headers["If-None-Match"] = has.etag
    if has.last_modified:
        request.headers["If-Modified-Since"] = has.last_modified


# What went wrong with a download, the narrower errors first.
_WORDS: Mapping[type[BaseException], str] = {
    BrokenEncodingError: "broken gzip",
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
    if isinstance(error, UnreadableError | BrowserError | RefusedError):
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
