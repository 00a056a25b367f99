"""Compare the ledger with the runs on disk, and update it from them.

A run does so before its first request: a ledger that is missing or older than the runs is filled
from their parts, one that knows of runs that are not on disk is refused.
"""

import logging
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonlines

from newscrawl.exceptions import PROGRAM, DamagedRunError, OutputError
from newscrawl.storage.document import ReconciledDocument, RunDocument
from newscrawl.storage.kept import read_run_records
from newscrawl.storage.ledger import (
    LEDGER_FIELDS,
    Basis,
    Ledger,
    Schedule,
    SharedRuns,
    sqlite_path,
)
from newscrawl.storage.run_folder import RunFolder, create_output_id, read_output_id
from newscrawl.storage.runs import (
    RUN_FILE,
    is_run_name,
    outlets,
    read_run,
    run_folders,
    run_name,
    run_of,
)
from newscrawl.storage.salvage import repair_run, salvage_run

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Stock:
    """The closed runs of an outlet on disk, and what was done until the ledger knew all of them."""

    closed: list[Path] = field(default_factory=list)
    """Their folders, in order."""
    latest: RunDocument | None = None
    salvaged: list[str] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    reconciled: ReconciledDocument = field(
        default_factory=lambda: ReconciledDocument(runs=0, records=0, missing=0)
    )


def check_basis(folder: RunFolder, ledger: Ledger) -> Basis:
    """Return what the ledger's rows of the outlet rest on, when that is the output folder.

    Gives the folder an identity if it has none. Raises OutputError, one sentence, for the ledger
    of another output folder, and for one that knows of later runs than are on disk.
    """
    outlet, output = folder.outlet, folder.output
    refuse_shared(ledger, outlet)
    names = [name for name in map(run_of, folder.runs()) if is_run_name(name)]
    identity, rests_on = read_output_id(output), ledger.basis(outlet)
    mend = (
        " Let NEWSCRAWL_OUTPUT_DIR and NEWSCRAWL_LEDGER_URL name two that belong together, or make"
        f" the ledger from the runs of this folder: {PROGRAM} ledger --rebuild"
    )
    if rests_on and rests_on.output:
        # A folder that lost its identity is known by its runs.
        is_same = rests_on.through in names or not names
        if identity != rests_on.output and (identity or not is_same):
            raise OutputError(
                f"The ledger {ledger.url} has {outlet} of the output folder {rests_on.folder}, and"
                f" this crawl writes into another one, {output}.{mend}"
            )
    newest = max(names, default="")
    if missing := ledger.next_run(outlet, newest):
        on_disk = f"ends with run {newest}" if newest else f"has no run of {outlet}"
        raise OutputError(
            f"The ledger {ledger.url} knows what run {missing} of {outlet} published, and the"
            f" output folder {output} {on_disk}: runs are missing. Bring them back, or make the"
            f" ledger from the runs that are there: {PROGRAM} ledger --rebuild"
        )
    identity = identity or create_output_id(output, rests_on.output if rests_on else None)
    return Basis(rests_on.through if rests_on else "", identity, str(output))


def refuse_shared(ledger: Ledger, outlet: str) -> None:
    """Raise OutputError if several nodes publish the outlet, and this process is none of them."""
    if latest := SharedRuns(ledger, outlet).latest():
        raise OutputError(
            f"Several nodes publish {outlet}, the latest run was on {latest.node or 'another one'}:"
            " set NEWSCRAWL_NODE, and NEWSCRAWL_REMOTE as they have it."
        )


def take_stock(
    folder: RunFolder,
    ledger: Ledger,
    through: str,
    schedule: Schedule,
    published: Collection[str] = (),
) -> Stock:
    """Read every run of the outlet, in order, and let the ledger know all of them.

    Killed ones are salvaged, a damaged ``run.json`` is made again, and of the closed ones that
    follow ``through`` the ledger gets what it lacks. What cannot be used is named and left out;
    so is a run that is ``published`` in a storage and damaged here.
    """
    stock = Stock()
    for path in folder.runs():
        try:
            document = _whole(path) if run_of(path) in published else None
            document = document or _read(path, stock, folder.outlet, ledger, schedule)
        except DamagedRunError as error:
            logger.warning("%s", error)
            stock.ignored.append(run_of(path))
            continue
        stock.closed.append(path)
        stock.latest = document
        if document["run"] >= through:
            _enter(path, document, ledger, schedule, stock.reconciled, through)
    _report(stock, ledger)
    return stock


def _whole(path: Path) -> RunDocument:
    """Return the document of a run that is published. Raises DamagedRunError."""
    try:
        document = read_run(path)
    except DamagedRunError as error:
        if not error.is_repairable:
            raise
        document = None
    if document is None:
        raise DamagedRunError(
            f"The {RUN_FILE} of {path} is missing or damaged, and the storage has its run: it is"
            " left out. Remove the folder: what is needed of the run is fetched again."
        )
    return document


def _read(path: Path, stock: Stock, outlet: str, ledger: Ledger, schedule: Schedule) -> RunDocument:
    try:
        document = read_run(path)
    except DamagedRunError as error:
        if not error.is_repairable:
            raise
        document = repair_run(path, outlet, ledger, schedule)
        stock.repaired.append(run_of(path))
        logger.warning(
            "The %s of %s was damaged and is set aside: made a new one, of %d articles",
            RUN_FILE,
            path,
            document["books"]["discovered"],
        )
    if document is None:
        document = salvage_run(path, outlet, ledger, schedule)
        stock.salvaged.append(run_of(path))
        logger.warning(
            "Salvaged interrupted run %s: kept %d records, removed %d bytes of an incomplete line",
            path,
            document["books"]["discovered"],
            document["bytes_cut"],
        )
    return document


def _enter(
    path: Path,
    document: RunDocument,
    ledger: Ledger,
    schedule: Schedule,
    counts: ReconciledDocument,
    through: str,
) -> None:
    """Enter what the ledger lacks of a closed run."""
    outlet, run = path.parent.name, document["run"]
    listed = sum(part.get("records", 0) for part in document["parts"])
    is_known = ledger.count_revisions(outlet, run) == listed
    if run == through and is_known:
        return
    records = [] if is_known else list(_readable(path))
    entered = ledger.reconcile(outlet, run, records, schedule, take_back=False)
    if run > through and (withdrawn := document.get("withdrawn")):
        ledger.restore(outlet, run, withdrawn)
    missing = 0 if is_known else max(0, listed - len(records))
    if entered or missing:
        counts["runs"] += 1
        counts["records"] += entered
        counts["missing"] += missing


def _readable(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a run that can be read; the others count as missing."""
    records = read_run_records(path)
    while True:
        try:
            record = next(records, None)
        except (OSError, jsonlines.InvalidLineError) as error:
            logger.warning("Records of %s cannot be read: %s", path, error)
            return
        if record is None:
            return
        if record.keys() >= set(LEDGER_FIELDS):
            yield record


def _report(stock: Stock, ledger: Ledger) -> None:
    counts = stock.reconciled
    if counts["records"]:
        logger.warning(
            "The ledger %s lacked %d records of %d runs on disk, because it is new or was restored"
            " from a backup: they have been entered",
            ledger.url,
            counts["records"],
            counts["runs"],
        )
    if counts["missing"]:
        logger.warning(
            "%d records of %d runs are in their run.json and not on disk: the ledger does not know"
            " them, and the crawl may publish their articles again",
            counts["missing"],
            counts["runs"],
        )


def rebuild(output: Path, url: str, schedule: Schedule) -> int:
    """Make a new ledger from the published parts of every outlet; return how many records it has.

    The caller holds the locks. A SQLite ledger is set aside under another name, not deleted,
    unless it has outlets of other output folders: of these nothing changes. Articles that were
    never published are lost: they will be discovered again.
    """
    ledger = _emptied(output, url)
    count = 0
    identity = read_output_id(output) or create_output_id(output)
    for outlet in outlets(output):
        through = ""
        for path in run_folders(output, outlet):
            try:
                closed = read_run(path)
            except DamagedRunError as error:
                logger.error("%s", error)
                if not error.is_repairable:
                    continue
                closed = None
            through = run_of(path)
            records = list(_readable(path))
            ledger.reconcile(outlet, through, records, schedule)
            if closed and (withdrawn := closed.get("withdrawn")):
                ledger.restore(outlet, through, withdrawn)
            count += len(records)
        ledger.apply([ledger.set_basis(outlet, Basis(through, identity, str(output)))])
    ledger.close()
    return count


def _emptied(output: Path, url: str) -> Ledger:
    """Return a ledger without the outlets of an output folder."""
    here = outlets(output)
    file = sqlite_path(url)
    try:
        ledger = Ledger(url)
        others = set(ledger.outlets()) - set(here)
    except Exception:
        if file is None:
            raise
        others = set()
    else:
        if file is None or others:
            for outlet in {*here, *others}:
                refuse_shared(ledger, outlet)
            for outlet in here:
                ledger.clear(outlet)
            return ledger
        ledger.close()
    for suffix in ("", "-wal", "-shm"):
        path = Path(f"{file}{suffix}")
        if path.exists():
            path.rename(f"{path}.{run_name()}.damaged")
    return Ledger(url)
