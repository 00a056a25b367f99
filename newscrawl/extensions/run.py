"""The run: one crawl of one outlet, its folder, its parts, its books and its ``run.json``."""

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import scrapy
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.settings import BaseSettings
from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.defer import deferred_from_coro

from newscrawl.discovery import OutletSpider
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.downloader.throttle import asked_to_wait
from newscrawl.exceptions import ArgumentError, LeaseLostError
from newscrawl.extensions.archive_progress import ArchiveProgress
from newscrawl.extensions.clock import SiteClock
from newscrawl.extensions.closing import check_clock, close_run
from newscrawl.extensions.exit_codes import ASKED_TO_WAIT, LEASE_LOST, OUTPUT_FAILED, UNPUBLISHED
from newscrawl.extensions.locked_outlet import LockedOutlet, output_folder
from newscrawl.extensions.opening import WAIT, OpenRun, open_run, report_refusal
from newscrawl.extensions.stopping import close_on_signals
from newscrawl.extraction.dates import utc
from newscrawl.settings import check
from newscrawl.storage.books import Books, Listings
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.document import RunDocument
from newscrawl.storage.identities import Identities
from newscrawl.storage.journal import Journal
from newscrawl.storage.known_articles import KnownArticles
from newscrawl.storage.ledger import Change, Ledger, Schedule
from newscrawl.storage.rejected import RejectedWriter
from newscrawl.storage.stats import plain
from newscrawl.storage.warc import Counts

logger = logging.getLogger(__name__)

_OPEN_RUNS = ("EXTENSIONS", "SPIDER_MIDDLEWARES", "ITEM_PIPELINES")
_WITHOUT = ("extensions.stats", "extensions.repeats", "pipelines.Validate", "pipelines.Window")


def switch_off_runs(settings: BaseSettings) -> None:
    """Let a crawl open no run: it touches neither output nor ledger, for commands that debug.

    What needs no run stays on.
    """
    for name in _OPEN_RUNS:
        for component in settings.getdict(name):
            ours = component.removeprefix("newscrawl.") if isinstance(component, str) else ""
            if ours != component and not ours.startswith(_WITHOUT):
                settings[name].set(component, None, priority="cmdline")


class Run:
    """Extension: opens the run before the first request, and closes it with its ``run.json``.

    The other components find it with ``Run.of(crawler)``. What it has only while it is open
    raises RuntimeError before.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Prepare; nothing is touched before the spider opens."""
        self.crawler = crawler
        self.books = Books()
        self.listings = Listings()
        self.archives: dict[str, Counts] = {}
        """What was found in each file of ``archive``."""
        self.archive_progress: ArchiveProgress | None = None
        self.document: RunDocument | None = None
        """The ``run.json`` of the run, once it is closed."""
        self._opened: OpenRun | None = None
        self._is_stopping = self.is_closed = False
        self._ticker = create_looping_call(self.commit)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals."""
        run = cls(crawler)
        crawler.signals.connect(run.open, signals.spider_opened)
        crawler.signals.connect(run.wait, asked_to_wait)
        return run

    @classmethod
    def of(cls, crawler: Crawler) -> Self:
        """Return the run of a crawl. Raises RuntimeError when this extension is switched off."""
        run = crawler.get_extension(cls)
        if run is None:
            raise RuntimeError("the extension newscrawl.extensions.run.Run is switched off")
        return run

    @property
    def _open(self) -> OpenRun:
        if self._opened is None:
            raise RuntimeError("the run is not open")
        return self._opened

    @property
    def is_open(self) -> bool:
        """Whether the run has begun."""
        return self._opened is not None

    @property
    def is_writable(self) -> bool:
        """Whether the run has begun, and is not about to end."""
        return self.is_open and not self._is_stopping

    @property
    def journal(self) -> Journal:
        """The lines of the run."""
        return self._open.journal

    @property
    def name(self) -> str:
        """The name of the run: its place in the sequence of runs."""
        return self._open.start["run"]

    @property
    def folder(self) -> Path:
        """The folder of the run."""
        return self._open.journal.folder

    @property
    def outlet(self) -> LockedOutlet:
        """The outlet, which no other run has."""
        return self._open.outlet

    @property
    def ledger(self) -> Ledger:
        """What is known of every article."""
        return self._open.ledger

    @property
    def checkpoints(self) -> Checkpoints:
        """What earlier runs saved."""
        return self._open.checkpoints

    @property
    def schedule(self) -> Schedule:
        """When articles are requested again."""
        return self._open.schedule

    @property
    def previous(self) -> str:
        """When the run before began, in the record's form; empty for the first run."""
        return self._open.previous

    @property
    def is_full(self) -> bool:
        """Whether the whole outlet is crawled, as opposed to some sections or a window of time."""
        return self._open.is_full

    @property
    def follows_complete(self) -> bool:
        """Whether the latest full crawl missed no listing: what one shows first is then enough."""
        return self._open.follows_complete

    @property
    def known_articles(self) -> KnownArticles:
        """What discovery may ask the ledger. Raises RuntimeError before the run is open."""
        return KnownArticles(self.ledger, self.identities, self.schedule, self.queue, self.fail)

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        return output_folder(self.crawler.settings)

    def open(self, spider: scrapy.Spider) -> None:
        """Lock, salvage what a crash left, and begin; or close the spider with one sentence.

        Scrapy would go on after any other exception than CloseSpider, so no other leaves here.
        """
        try:
            if not isinstance(spider, OutletSpider):
                raise ArgumentError(f"{spider.name} is not the spider of an outlet.")
            if spider.start_error:
                raise ArgumentError(spider.start_error)
            check(self.crawler.settings)
            opened = open_run(self.crawler.settings, spider, self.fail)
        except Exception as error:
            raise CloseSpider(report_refusal(error, self.crawler.settings)) from error
        self._opened = opened
        self.identities = Identities(spider, opened.ledger, self.books, self.queue, self.fail)
        close_on_signals()
        if not spider.arguments.archive:
            # What is read of archives is committed range by range.
            self._ticker.start(1.0, now=False)
        if not spider.arguments.is_offline:
            PageAccess.of(self.crawler).breaker.restore(opened.checkpoints)

    def wait(self, seconds: float) -> None:
        """End the run because the site asks to be left alone for longer than a run may last."""
        due = utc(datetime.now(UTC) + timedelta(seconds=seconds))
        logger.error("The site asks to be left alone until %s: the run ends", due)
        self.checkpoints.save(WAIT, due=due)
        self.stop(ASKED_TO_WAIT)

    def queue(self, *changes: Change) -> None:
        """Queue changes of the ledger until the lines that they follow from are on disk."""
        self._open.journal.queue(*changes)

    @property
    def rejected(self) -> RejectedWriter:
        """The file of rejected responses."""
        return self._open.rejected

    def commit(self) -> None:
        """Bring lines and rejected responses to disk, and then the ledger up to date."""
        try:
            self.outlet.check()
            self._open.rejected.sync()
            self._open.journal.commit()
        except Exception as error:  # any other would end the ticker without a word
            self.fail(error)

    def stop(self, reason: str) -> None:
        """Ask the crawl to end; what is under way is finished first. Only the first call counts."""
        if not self._is_stopping:
            self._is_stopping = True
            deferred_from_coro(self.crawler.engine.close_spider_async(reason=reason))

    def fail(self, error: Exception) -> None:
        """Stop the crawl because it cannot or may not write any more; log that once."""
        is_lost = isinstance(error, LeaseLostError)
        if not self._is_stopping:
            what = "The output" if isinstance(error, OSError) else "The ledger"
            says = "" if is_lost else f"{what} cannot be written, the run stops: "
            logger.error("%s%s", says, error)
        self.stop(LEASE_LOST if is_lost else OUTPUT_FAILED)

    def close(self, reason: str) -> None:
        """Finish the last part, check the books and write ``run.json``."""
        if (opened := self._opened) is None:
            return
        self._is_stopping = self.is_closed = True
        if self._ticker.running:
            self._ticker.stop()
        try:
            check_clock(opened.start, opened.began, self.crawler.get_extension(SiteClock))
            self.document = close_run(
                opened,
                reason,
                self.books,
                self.listings,
                self.archives,
                PageAccess.of(self.crawler),
                plain(self.crawler.stats.get_stats()),
            )
        except LeaseLostError as error:
            logger.error("%s", error)
            self.crawler.stats.set_value(UNPUBLISHED, 1)
        except Exception as error:  # whatever it is, the next run salvages this one
            logger.error("The run cannot be closed, the next one will salvage it: %s", error)


class RunClosing:
    """Extension: closes the run, at another place in the order of extensions than opens it.

    Other runs may have the outlet after all that follows the end of the crawl, such as the upload.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Close the crawl's run."""
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the end of the crawl."""
        closing = cls(crawler)
        crawler.signals.connect(closing.close, signals.spider_closed)
        crawler.signals.connect(closing.release, signals.engine_stopped)
        return closing

    def close(self, reason: str) -> None:
        """Close the run."""
        Run.of(self.crawler).close(reason)

    def release(self) -> None:
        """Let other runs have the outlet."""
        if (run := Run.of(self.crawler)).is_open:
            run.outlet.release()
