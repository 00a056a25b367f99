"""Opening a run: lock the outlet, salvage what a crash left, read the ledger, create the folder."""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from scrapy.settings import BaseSettings

from newscrawl.dataset.shared import SharedOutput
from newscrawl.discovery import OutletSpider
from newscrawl.downloader.recordings import SOFTWARE
from newscrawl.exceptions import (
    ArgumentError,
    LeaseLostError,
    LedgerError,
    OutputError,
    RemoteError,
    RunningError,
    WaitError,
)
from newscrawl.extensions.exit_codes import (
    ALREADY_RUNNING,
    ASKED_TO_WAIT,
    LEASE_LOST,
    START_FAILED,
    UNUSABLE_OUTPUT,
    WRONG_ARGUMENT,
)
from newscrawl.extensions.locked_outlet import LockedOutlet, output_folder
from newscrawl.extraction.dates import utc
from newscrawl.settings import read
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.clock import fault_by_runs, passed, says
from newscrawl.storage.document import RunStart
from newscrawl.storage.identities import complete_addresses
from newscrawl.storage.journal import Journal
from newscrawl.storage.ledger import Checkpoint, Ledger, Schedule
from newscrawl.storage.parts import PartWriter
from newscrawl.storage.reconcile import Stock
from newscrawl.storage.rejected import RejectedWriter
from newscrawl.storage.run_folder import PARTIAL, is_previous_complete
from newscrawl.storage.runs import run_of, run_start

logger = logging.getLogger(__name__)

WAIT = "wait"
"""The name of the checkpoint that keeps how long the site asked to be left alone."""

_REASONS: Mapping[type[Exception], str] = {
    ArgumentError: WRONG_ARGUMENT,
    RunningError: ALREADY_RUNNING,
    WaitError: ASKED_TO_WAIT,
    OutputError: UNUSABLE_OUTPUT,
    RemoteError: UNUSABLE_OUTPUT,
    LeaseLostError: LEASE_LOST,
    LedgerError: UNUSABLE_OUTPUT,
    OSError: UNUSABLE_OUTPUT,
}


def schedule_of(settings: BaseSettings) -> Schedule:
    """Return when articles are requested again."""
    names = ("NEWSCRAWL_REVISIT_HOURS", "NEWSCRAWL_RETRY_HOURS")
    return Schedule(*(read(settings, name) for name in names))


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """What a run works with once it is open."""

    outlet: LockedOutlet
    journal: Journal
    rejected: RejectedWriter
    ledger: Ledger
    checkpoints: Checkpoints
    schedule: Schedule
    start: RunStart
    """What ``run.json`` says of the beginning of the run."""
    began: float
    """When the run was opened, by ``clock.passed``."""
    previous: str
    """When the run before began, in the record's form; empty for the first run."""
    is_full: bool
    """Whether the whole outlet is crawled, as opposed to some sections or a window of time."""
    follows_complete: bool
    """Whether the latest full crawl missed no listing: what one shows first is then enough."""


def open_run(
    settings: BaseSettings, spider: OutletSpider, failed: Callable[[Exception], None]
) -> OpenRun:
    """Open a run; ``failed`` is called when the ledger cannot be read later.

    The folder of the run is created last: what goes wrong before leaves nothing behind. Raises
    one of the exceptions of ``_REASONS``, with one sentence, or any other.
    """
    with ExitStack() as undo:
        # A run that asks no host needs no lease of one.
        hosts = () if spider.arguments.is_offline else spider.requested_hosts()
        outlet = LockedOutlet(settings, spider.name, {it.removeprefix("www.") for it in hosts})
        undo.callback(outlet.release)
        schedule, ledger = schedule_of(settings), outlet.ledger
        rests_on, stock = outlet.take_stock(schedule)
        if spider.identified_by == "page":
            complete_addresses(ledger, spider.name)
        now = datetime.now(UTC)
        start = _start(spider, stock, outlet.shared, now)
        if start.get("clock", {}).get("fault") == "behind":
            ledger.apply(ledger.forget_future(spider.name, utc(now)))
        arguments = spider.arguments
        is_full = not PARTIAL & set(spider.given)
        follows_complete = is_full and is_previous_complete(
            stock.closed, arguments.pages, arguments.discover, spider.methods[:1]
        )
        path = outlet.create(rests_on)
        undo.callback(outlet.remove, path)
        start["run"] = run_of(path)
        writer = PartWriter(
            path,
            settings.getint("NEWSCRAWL_PART_RECORDS"),
            settings.getfloat("NEWSCRAWL_PART_MINUTES") * 60,
        )
        journal = Journal(writer, ledger)
        checkpoints = Checkpoints(ledger, spider.name, journal.queue, failed)
        if not arguments.is_offline:
            _check_wait(ledger.read_checkpoint(spider.name, WAIT))
        # Also shows that the ledger can be written, before the site is asked.
        ledger.apply([ledger.set_basis(spider.name, replace(rests_on, through=run_of(path)))])
        outlet.is_published = outlet.shared is None
        opened = OpenRun(
            outlet=outlet,
            journal=journal,
            rejected=RejectedWriter(path, read(settings, "NEWSCRAWL_REJECTED_MB") * 1e6, SOFTWARE),
            ledger=ledger,
            checkpoints=checkpoints,
            schedule=schedule,
            start=start,
            began=passed(),
            previous=utc(run_start(stock.latest)) if stock.latest else "",
            is_full=is_full,
            follows_complete=follows_complete,
        )
        undo.pop_all()
    return opened


def _start(
    spider: OutletSpider, stock: Stock, shared: SharedOutput | None, now: datetime
) -> RunStart:
    """Return what ``run.json`` says of the beginning of the run, but for its name."""
    start: RunStart = {
        "run": "",
        "spider": spider.name,
        "arguments": spider.given,
        "job": spider.job,
        "pages": spider.arguments.pages,
        "country": spider.country,
        "zone": spider.zone.key,
        "started": utc(now),
        "salvaged": stock.salvaged,
    }
    if shared:
        start["node"] = shared.node
    if shared and shared.revoked:
        start["revoked"] = shared.revoked
    if shared and shared.aside:
        start["set_aside"] = shared.aside
    if stock.repaired:
        start["repaired"] = stock.repaired
    if stock.ignored:
        start["ignored"] = stock.ignored
    if stock.reconciled["runs"]:
        start["reconciled"] = stock.reconciled
    if clock := fault_by_runs(now, stock.latest):
        start["clock"] = clock
        logger.warning("%s", says(clock))
    return start


def _check_wait(saved: Checkpoint | None) -> None:
    """Raise WaitError while the pause that the site requested is not over."""
    if saved and saved.due and saved.due > utc(datetime.now(UTC)):
        raise WaitError(f"The site asked on {saved.asked} to be left alone until {saved.due}.")


def report_refusal(error: Exception, settings: BaseSettings) -> str:
    """Log in one sentence why a run cannot be opened; return the close reason."""
    for kind, reason in _REASONS.items():
        if isinstance(error, kind):
            sentence = f"The output folder {output_folder(settings)} cannot be used: {error}."
            logger.error("%s", sentence if isinstance(error, OSError) else error)
            return reason
    name = type(error).__name__
    logger.error("The run cannot start, because of a defect of newscrawl: %s: %s", name, error)
    logger.debug("The run cannot start", exc_info=error)
    return START_FAILED
