"""Spider middleware: decides which articles and listings are requested."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from weakref import WeakSet

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from newscrawl.discovery import OutletSpider, outlet_spider
from newscrawl.discovery.tasks import ArticleTask, ListingTask
from newscrawl.downloader.validators import make_conditional, not_modified, validators
from newscrawl.downloader.walls import NEEDS_JAVASCRIPT, needs_javascript
from newscrawl.exceptions import UnreadableError
from newscrawl.extensions.outcomes import Outcomes
from newscrawl.extensions.run import Run
from newscrawl.extraction.dates import utc
from newscrawl.items import Candidate
from newscrawl.storage.books import KNOWN
from newscrawl.storage.ledger import ArticleState, State

# Prefix of the reasons for a page without an article.
_NOTHING = "no article"


@dataclass(slots=True)
class Shown:
    """What a listing has shown so far: anything, and articles that are new in this run.

    ``first`` says that no other listing had shown one of the new articles before.
    """

    anything: bool = False
    anything_new: bool = False
    first: bool = False


class ListingAdmission:
    """Decides which listings are requested, and saves the checkpoint of each that was read."""

    def __init__(self, crawler: Crawler) -> None:
        """Decide for a crawl."""
        self.run = Run.of(crawler)
        self.outcomes = Outcomes.of(crawler)
        self.began = _now()
        self._failed: WeakSet[Request] = WeakSet()

    def admit(self, request: Request, shown: Shown | None) -> Request | None:
        """Return a listing's request, or None if the listing is not due or can have no news."""
        task = ListingTask.of(request) or ListingTask()
        following = self.run.follows_complete
        if task.is_next_page and following and not (shown and shown.anything_new):
            return None
        request = request.replace(errback=request.errback or self.failed)
        if task.name and following and (saved := self.run.checkpoints.read(task.name)):
            # A time of the last request in the future means that the clock was set back.
            if task.pauses and saved.due and saved.due > self.began >= saved.asked:
                self.run.listings.count_not_due()
                return None
            request = task.on(request, checkpoint=saved)
            make_conditional(request, saved)
        self.run.listings.count_request()
        return request

    def failed(self, failure: Failure) -> None:
        """Record a listing that could not be fetched, unless it has not changed."""
        self._failed.add(failure.request)  # type: ignore[attr-defined]
        if response := not_modified(failure):
            self._record(failure.request, response, Shown())  # type: ignore[attr-defined]
        else:
            self.outcomes.listing_failed(failure)

    def unreadable(self, response: Response, reason: str) -> None:
        """Record a listing that could not be read to its end."""
        assert response.request is not None
        self._failed.add(response.request)
        self.outcomes.listing_unread(response.request, reason)

    def read(self, response: Response, shown: Shown) -> None:
        """Record a listing that was read to its end.

        Scrapy calls this for failed listings, too: the output of an errback ends like that of a
        callback. ``failed`` and ``unreadable`` have recorded them.
        """
        assert response.request is not None
        if response.request not in self._failed:
            self._record(response.request, response, shown)

    def _record(self, request: Request, response: Response, shown: Shown) -> None:
        """Count a listing that was read, and save when it is due again."""
        # An error page, as for a day without articles, is not a listing.
        if response.status in (200, 304) or shown.anything:
            self.run.listings.count_read(is_unchanged=response.status == 304)
        task = ListingTask.of(request)
        if task is None or not task.name or not self.run.is_full:
            return
        saved = task.checkpoint
        pause, due = 0.0, None
        if task.pauses and not shown.first:
            least, most = task.pauses
            pause = min(max(least, 2 * saved.pause if saved else 0), most)
            # Ten minutes early, so that an hourly run does not miss it by seconds.
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


class AdmissionMiddleware:
    """Enters every candidate into the books once, and drops requests that are not needed.

    This is the one place that decides which articles are requested. An article is not requested
    twice in a run, whatever its addresses. An article that the ledger knows is requested only if
    it is due or has changed. Captures of an archive are all read: they may be of several versions.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        self.crawler = crawler
        self.run = Run.of(crawler)
        self.outcomes = Outcomes.of(crawler)
        self.listings = ListingAdmission(crawler)
        self.outlet = crawler.spidercls.name
        self.not_requested: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Build for a crawl."""
        return cls(crawler)

    @property
    def spider(self) -> OutletSpider:
        """The crawl's spider."""
        spider = outlet_spider(self.crawler)
        assert spider is not None
        return spider

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """Pass on the first requests that are needed."""
        async for output in start:
            if not isinstance(output, Request):
                yield output
            elif request := self.admit(output, None):
                yield request

    async def process_spider_output(
        self, response: Response, result: AsyncIterator[Any]
    ) -> AsyncIterator[Any]:
        """Pass on items and needed requests, then record that the listing was read to its end."""
        shown = Shown()
        async for output in result:
            shown.anything = True
            if not isinstance(output, Request):
                yield output
            elif request := self.admit(output, shown):
                yield request
        if ArticleTask.of(response) is None:
            self.listings.read(response, shown)

    def process_spider_exception(
        self, response: Response, exception: Exception
    ) -> Iterator[Any] | None:
        """Record a response that cannot be read; leave other exceptions to Scrapy."""
        if not isinstance(exception, UnreadableError):
            return None
        reason = str(exception)
        if reason.startswith(_NOTHING) and needs_javascript(response):
            reason = NEEDS_JAVASCRIPT
        if ArticleTask.of(response):
            self.outcomes.article_rejected(response, reason)
        else:
            self.listings.unreadable(response, reason)
        return iter(())

    def admit(self, request: Request, shown: Shown | None) -> Request | None:
        """Return a request that is needed, or None; ``shown`` is of its listing, if any."""
        task = ArticleTask.of(request)
        if task is None:
            return self.listings.admit(request, shown)
        request, task, is_stated = self.identified(request, task)
        candidate = task.candidate
        if self.is_outside(candidate):
            self.outcomes.count("newscrawl/outside_window")
            return None
        books = self.run.books
        first = books.discover(candidate.id)
        if task.is_admitted:
            return request.replace(errback=self.outcomes.article_failed)
        # Of two listings only one may state the change, and either may be read first.
        undecided = first or (candidate.id in self.not_requested and bool(candidate.modified))
        known = self.look_up(candidate, is_stated=is_stated) if undecided else None
        if not first:
            self.outcomes.count("newscrawl/link_repeats")
        if known and not (task.is_unlisted or self.is_due(known, task)):
            self.not_requested.add(candidate.id)
            # An article that waits for its retry stays pending.
            if not known.is_waiting:
                books.record(candidate.id, KNOWN)
            return None
        if shown is not None and books.is_new(candidate.id):
            shown.anything_new = True
            # A listing that repeats what another listing has shown is less useful.
            shown.first |= first
        if not undecided:
            return None
        self.not_requested.discard(candidate.id)
        books.reopen(candidate.id)
        return self.prepared(request, task, known)

    def is_outside(self, candidate: Candidate) -> bool:
        """Return whether a listing states that an article was published outside the window."""
        arguments = self.spider.arguments
        published = candidate.published
        if not published or arguments.is_offline:
            return False
        # Times in the record's form sort as text.
        before = arguments.since and published < arguments.since
        return bool(before or (arguments.until and published > arguments.until))

    def identified(self, request: Request, task: ArticleTask) -> tuple[Request, ArticleTask, bool]:
        """Return a request and its task with the article's own id, if that is known.

        Also return whether the id is as the listing, or the address itself, states it.
        """
        candidate, identities = task.candidate, self.run.identities
        identities.note(candidate.id, candidate.id, candidate.url)
        if (identity := identities.of(candidate.id)) != candidate.id:
            request = task.on(request, candidate=replace(candidate, id=identity))
            return request, ArticleTask.required(request), False
        return request, task, True

    def look_up(self, candidate: Candidate, *, is_stated: bool) -> ArticleState | None:
        """Return an article's state. Add new articles, authors and addresses to the ledger.

        ``is_stated`` is false if the address of the candidate may be an old one of the article.
        """
        ledger = self.run.ledger
        known = self.outcomes.from_ledger(lambda: ledger.get(self.outlet, candidate.id))
        if known is None:
            self.run.books.mark_new(candidate.id)
            self.run.queue(ledger.insert_pending(self.outlet, candidate, _now()))
        elif candidate.authors and not known.known_authors:
            self.run.queue(ledger.set_authors(self.outlet, candidate.id, candidate.authors))
        # A listing with times comes from the site's database, with today's address.
        is_moved = known and candidate.modified and candidate.url != known.url
        if is_moved and is_stated and "?" not in candidate.url:
            self.run.queue(ledger.moved(self.outlet, candidate.id, candidate.url))
        return known

    def is_due(self, known: ArticleState, task: ArticleTask) -> bool:
        """Return whether to request a known article: it is due, or a listing states a change."""
        now, candidate = _now(), task.candidate
        # An inline post costs no request. Its time may be by a clock that is wrong.
        is_newer = task.post is not None and (candidate.modified or "") > (
            known.date_modified or known.date_published or "9"
        )
        is_back = known.state == State.GONE and candidate.modified is not None
        if is_back or known.is_changed(candidate.modified) or is_newer:
            # The article stays due until its outcome is recorded, also if this run is killed.
            self.run.queue(self.run.ledger.changed(self.outlet, candidate.id, now))
            return True
        # A listing that states changes replaces revisits.
        revisits = self.spider.is_revisiting and candidate.modified is None
        return known.is_due(now, revisits=revisits)

    def prepared(self, request: Request, task: ArticleTask, known: ArticleState | None) -> Request:
        """Return an article's request with authors and validators from the ledger."""
        request = request.replace(errback=self.outcomes.article_failed)
        if known is None:
            return request
        if not task.candidate.authors and known.known_authors:
            candidate = replace(task.candidate, credited=known.known_authors)
            request = task.on(request, candidate=candidate)
        if task.is_page and known.revision and known.date_published:
            request = ArticleTask.required(request).on(request, known=known)
            make_conditional(request, known)
        return request


def _now() -> str:
    return utc(datetime.now(UTC))
