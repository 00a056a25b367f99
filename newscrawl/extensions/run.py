"""The run: one crawl of one outlet, its folder, its parts, its books and its ``run.json``."""

import logging
import platform
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import scrapy
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider
from scrapy.settings import BaseSettings
from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.defer import deferred_from_coro

from newscrawl import __version__
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.downloader.throttle import asked_to_wait
from newscrawl.exceptions import ArgumentError, LedgerError, OutputError, RunningError, WaitError
from newscrawl.extraction.dates import utc
from newscrawl.items import Candidate
from newscrawl.settings import check, read
from newscrawl.storage.books import Books, Listings, balance
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.known_articles import KnownArticles
from newscrawl.storage.ledger import Change, Ledger, Schedule, sqlite_url
from newscrawl.storage.parts import PartWriter, write_document
from newscrawl.storage.run_folder import PARTIAL, RunFolder
from newscrawl.storage.runs import RUN_FILE
from newscrawl.storage.salvage import salvage_run
from newscrawl.storage.stats import plain
from newscrawl.storage.warc import Counts

logger = logging.getLogger(__name__)

# Why a run did not start, or stopped: close reasons of our own.
WRONG_ARGUMENT = "wrong argument"
UNUSABLE_OUTPUT = "unusable output"
ALREADY_RUNNING = "already running"
OUTPUT_FAILED = "output failed"
ASKED_TO_WAIT = "asked to wait"


# How long the site told us to stay away; remembered beyond a run under this name.
_WAIT = "wait"


def ledger_url(settings: BaseSettings) -> str:
    """Return SQLAlchemy's address of the ledger: the setting's, else in the output folder."""
    output = Path(settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()
    return settings.get("NEWSCRAWL_LEDGER_URL") or sqlite_url(output / "ledger.sqlite3")


def schedule_of(settings: BaseSettings) -> Schedule:
    """Return when articles are asked for again."""
    names = ("NEWSCRAWL_REVISIT_HOURS", "NEWSCRAWL_RETRY_HOURS")
    return Schedule(*(read(settings, name) for name in names))


class Run:
    """Extension: opens the run before the first request and closes it, books and all, at the end.

    The other parts of the project find it with ``Run.of(crawler)``.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Prepare; nothing is touched before the spider opens."""
        self.crawler = crawler
        self.books = Books()
        self.listings = Listings()
        self.archives: dict[str, Counts] = {}
        self.document: dict[str, Any] = {}
        self.stopping = False
        self._folder: RunFolder | None = None
        self._writer: PartWriter | None = None
        self._ledger: Ledger | None = None
        self._changes: list[Change] = []
        self.schedule = Schedule()
        self.caught_up = False
        self.whole = True
        self._checkpoints: Checkpoints | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals."""
        run = cls(crawler)
        crawler.signals.connect(run.open, signals.spider_opened)
        crawler.signals.connect(run.close, signals.spider_closed)
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
    def writer(self) -> PartWriter:
        """The parts of this run. Raises RuntimeError before the run is open."""
        if self._writer is None:
            raise RuntimeError("the run is not open")
        return self._writer

    @property
    def ledger(self) -> Ledger:
        """What is known of every article. Raises RuntimeError before the run is open."""
        if self._ledger is None:
            raise RuntimeError("the run is not open")
        return self._ledger

    @property
    def checkpoints(self) -> Checkpoints:
        """What earlier runs saved. Raises RuntimeError before the run is open."""
        if self._checkpoints is None:
            raise RuntimeError("the run is not open")
        return self._checkpoints

    @property
    def known_articles(self) -> KnownArticles:
        """What discovery may ask the ledger. Raises RuntimeError before the run is open."""
        outlet = self.crawler.spidercls.name
        return KnownArticles(self.ledger, outlet, self.schedule, self.enter, self.fail)

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        return Path(self.crawler.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()

    def open(self, spider: scrapy.Spider) -> None:
        """Lock, salvage what a crash left, and begin; or close the spider with one sentence."""
        if refusal := getattr(spider, "refusal", None):
            logger.error(refusal)
            raise CloseSpider(WRONG_ARGUMENT)
        try:
            check(self.crawler.settings)
            self._begin(spider)
        except ArgumentError as error:
            logger.error("%s", error)
            raise CloseSpider(WRONG_ARGUMENT) from error
        except RunningError as error:
            logger.error("%s", error)
            raise CloseSpider(ALREADY_RUNNING) from error
        except WaitError as error:
            logger.error("%s", error)
            raise CloseSpider(ASKED_TO_WAIT) from error
        except (OutputError, LedgerError, OSError) as error:
            sentence = f"The output folder {self.output} cannot be used: {error}."
            logger.error("%s", sentence if isinstance(error, OSError) else error)
            raise CloseSpider(UNUSABLE_OUTPUT) from error
        finally:
            if self._writer is None and self._folder is not None:
                self._folder.release()

    def _begin(self, spider: scrapy.Spider) -> None:
        settings = self.crawler.settings
        self._folder = RunFolder(self.output, spider.name)
        self.schedule = schedule_of(settings)
        self._ledger = Ledger(ledger_url(settings))
        self._checkpoints = Checkpoints(self._ledger, spider.name, self.enter, self.fail)
        killed = self._folder.unfinished()
        for folder in killed:
            salvaged = salvage_run(folder, spider.name, self._ledger, self.schedule)
            logger.warning(
                "%s was killed: %d records kept, %d bytes of a torn line cut",
                folder,
                salvaged["books"]["discovered"],
                salvaged["bytes_cut"],
            )
        wanted = getattr(spider, "wanted")  # noqa: B009  # an ArticleSpider's
        given = getattr(spider, "given", {})
        self.whole = not PARTIAL & set(given)
        if not wanted.archive:
            self._check_wait()
        pages: int = wanted.pages
        self.caught_up = self.whole and self._folder.is_caught_up(
            pages, given.get("discover", "links")
        )
        folder = self._folder.create()
        self._writer = PartWriter(
            folder,
            settings.getint("NEWSCRAWL_PART_RECORDS"),
            settings.getfloat("NEWSCRAWL_PART_MINUTES") * 60,
        )
        self.document = {
            "run": folder.name.partition("=")[2],
            "spider": spider.name,
            "arguments": given,
            "job": getattr(spider, "job", None),
            "pages": pages,
            "started": utc(datetime.now(UTC)),
            "salvaged": [it.name.partition("=")[2] for it in killed],
        }
        if not wanted.archive:
            PageAccess.of(self.crawler).breaker.restore(self._checkpoints)
        self._ticker = create_looping_call(self.tick)
        self._ticker.start(1.0, now=False)

    def _check_wait(self) -> None:
        """Raise WaitError while the waiting time that the site asked for is not over."""
        saved = self.checkpoints.read(_WAIT)
        if saved and saved.due and saved.due > utc(datetime.now(UTC)):
            raise WaitError(f"The site asked on {saved.asked} to be left alone until {saved.due}.")

    def wait(self, seconds: float) -> None:
        """End the run because the site asks to be left alone for longer than a run may last."""
        due = utc(datetime.now(UTC) + timedelta(seconds=seconds))
        logger.error("The site asks to be left alone until %s: the run ends", due)
        self.checkpoints.save(_WAIT, due=due)
        self.stop(ASKED_TO_WAIT)

    def due_articles(self, *, revisits: bool) -> list[Candidate]:
        """Return the articles whose next attempt has come; see ``Ledger.due``."""
        try:
            now = utc(datetime.now(UTC))
            return self.ledger.due(self.crawler.spidercls.name, now, revisits=revisits)
        except LedgerError as error:
            self.fail(error)
            return []

    def enter(self, *changes: Change) -> None:
        """Queue changes of the ledger until the lines that they speak of are on disk."""
        self._changes += changes

    def tick(self) -> None:
        """Bring lines to disk and then the ledger up to date; end a part that is old enough."""
        try:
            self.writer.rotate_if_old()
            self._settle()
        except (OSError, LedgerError) as error:
            self.fail(error)

    def _settle(self) -> None:
        if self._changes:
            self.writer.sync()
            self.ledger.apply(self._changes)
            self._changes.clear()

    def stop(self, reason: str) -> None:
        """Ask the crawl to end; what is under way is finished first. Only the first call counts."""
        if not self.stopping:
            self.stopping = True
            deferred_from_coro(self.crawler.engine.close_spider_async(reason=reason))

    def fail(self, error: OSError | LedgerError) -> None:
        """Stop the crawl because its output or its ledger cannot be written; said once."""
        if not self.stopping:
            what = "The output" if isinstance(error, OSError) else "The ledger"
            logger.error("%s cannot be written, the run stops: %s", what, error)
        self.stop(OUTPUT_FAILED)

    def close(self, reason: str) -> None:
        """Finish the last part, check the books and write ``run.json``."""
        if self._writer is None or self._folder is None:
            return
        books = self.books.as_dict()
        out_by = balance(books)
        if out_by:
            logger.critical("The books do not balance, they are out by %d: %s", out_by, books)
        self._ticker.stop()
        access = PageAccess.of(self.crawler)
        if access.breaker.report:
            self.document["refused"] = access.breaker.report
        if self.archives:
            self.document["archives"] = {path: it.as_dict() for path, it in self.archives.items()}
        try:
            self._writer.rotate()
            self._settle()
            self.document |= {
                "finished": utc(datetime.now(UTC)),
                "reason": reason,
                "complete": reason == "finished"
                and not out_by
                and self.books.complete
                and self.listings.complete
                and all(it.complete for it in self.archives.values()),
                "versions": {
                    "newscrawl": __version__,
                    "scrapy": scrapy.__version__,
                    "python": platform.python_version(),
                },
                "parts": [asdict(part) for part in self._writer.parts],
                "books": books,
                "listings": self.listings.as_dict(refused=len(access.refused_listings)),
                "withdrawn": self.ledger.withdrawn(self.document["spider"], self.document["run"]),
                "stats": plain(self.crawler.stats.get_stats()),
            }
            write_document(self._writer.folder / RUN_FILE, self.document)
        except (OSError, LedgerError) as error:
            logger.error("The run cannot be closed, the next one will salvage it: %s", error)
        finally:
            self.ledger.close()
            self._folder.release()
