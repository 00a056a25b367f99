"""Closing a run: its ``run.json``, and whether it is complete."""

import logging
import platform
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import scrapy

from newscrawl import __version__
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.extensions.clock import SiteClock
from newscrawl.extensions.opening import OpenRun
from newscrawl.extensions.options import comma_list
from newscrawl.extraction.dates import utc
from newscrawl.storage.books import Books, Listings, balance
from newscrawl.storage.clock import fault_by_duration, passed, says
from newscrawl.storage.document import RereadDocument, RunDocument, RunStart
from newscrawl.storage.parts import write_document
from newscrawl.storage.rejected import REJECTED_FILE, is_whole
from newscrawl.storage.runs import RUN_FILE, is_run_name, read_run, run_folder
from newscrawl.storage.warc import Counts

logger = logging.getLogger(__name__)


def check_clock(start: RunStart, began: float, site: SiteClock | None) -> None:
    """Note in ``start`` that the clock differs from the site's, or was set since ``began``."""
    took = timedelta(seconds=passed() - began)
    started = datetime.fromisoformat(start["started"])
    found = site.fault() if site else None
    if "clock" not in start:
        found = found or fault_by_duration(started, datetime.now(UTC), took)
    if found:
        start["clock"] = found
        logger.warning("%s", says(found))


def _spare(opened: OpenRun, books: Books) -> None:
    """Do not abandon articles of which most pages of the run shared the reason for rejection.

    The layout has changed, and the articles are not at fault. Raises LedgerError.
    """
    if {"archive", "reread"} & opened.start["arguments"].keys():
        return
    for identity in books.rejected_alike():
        outlet = opened.start["spider"]
        opened.journal.queue(*opened.ledger.spare(outlet, identity, opened.schedule))


def close_run(
    opened: OpenRun,
    reason: str,
    books: Books,
    listings: Listings,
    archives: Mapping[str, Counts],
    access: PageAccess,
    stats: dict[str, Any],
) -> RunDocument:
    """Finish the files of a run and write its ``run.json``. Raises OSError and LedgerError."""
    rejected = opened.rejected.close()
    opened.journal.commit()
    _spare(opened, books)
    opened.journal.close()
    document = _summary(opened, reason, books, listings, archives, access, stats)
    if rejected:
        document["rejected_file"] = rejected
    if reread := _reread_runs(document, archives, opened.outlet.folder.output):
        document["reread"] = reread
        document["complete"] &= not any("lost" in it for it in reread.values())
    write_document(opened.journal.folder / RUN_FILE, document)
    return document


def _summary(
    opened: OpenRun,
    reason: str,
    books_of_run: Books,
    listings: Listings,
    archives: Mapping[str, Counts],
    access: PageAccess,
    stats: dict[str, Any],
) -> RunDocument:
    """Return the ``run.json`` of a run that ends, without its rejected responses."""
    books = books_of_run.as_dict()
    out_by = balance(books)
    if out_by:
        logger.critical(
            "Internal error: article counts differ from 'discovered' by %d: %s", out_by, books
        )
    outlet, run = opened.start["spider"], opened.start["run"]
    waiting = opened.ledger.count_waiting(outlet)
    nothing_missing = (
        books_of_run.complete
        and listings.is_complete
        and not waiting
        and all(it.complete for it in archives.values())
    )
    document: RunDocument = {
        "run": run,
        "spider": outlet,
        "finished": utc(datetime.now(UTC)),
        "reason": reason,
        "complete": reason == "finished" and not out_by and nothing_missing,
        "versions": {
            "newscrawl": __version__,
            "scrapy": scrapy.__version__,
            "python": platform.python_version(),
        },
        "parts": [part.as_dict() for part in opened.journal.parts],
        "books": books,
        "waiting": waiting,
        "listings": listings.as_dict(refused=len(access.refused_listings)),
        "withdrawn": opened.ledger.withdrawn(outlet, run),
        "stats": stats,
    }
    if access.breaker.report:
        document["refused"] = access.breaker.report
    if archives:
        document["archives"] = {path: it.as_dict() for path, it in archives.items()}
    return cast("RunDocument", {**opened.start, **document})


def _reread_runs(
    run: RunDocument, archives: Mapping[str, Counts], output: Path
) -> dict[str, RereadDocument]:
    """Return the runs whose rejected responses a run read again, as far as they are there.

    Responses that are lost are named in the log.
    """
    found: dict[str, RereadDocument] = {}
    given = run.get("arguments", {})
    if run["reason"] != "finished" or run["books"]["pending"] or given.keys() != {"reread"}:
        return found
    for name in filter(is_run_name, comma_list(given["reread"])):
        folder = run_folder(output, run["spider"], name)
        counts, read = archives[str(folder / REJECTED_FILE)], read_run(folder)
        entry = read.get("rejected_file") if read else None
        if not entry:
            continue
        if is_whole(folder, entry):
            left = counts.no_record + counts.damaged
            found[name] = {
                "sha256": entry["sha256"],
                "left": left,
                "recovered": counts.recovered,
            }
            continue
        # The first record describes the file.
        unusable = counts.unusable.total()
        lost = entry["records"] - max(counts.records - 1, 0) + unusable
        found[name] = {
            "sha256": entry["sha256"],
            "left": counts.no_record - unusable,
            "recovered": counts.recovered,
            "lost": max(lost, 1),
        }
        logger.warning(
            "%d responses of run %s are lost: newscrawl ledger %s --retry rejected, then crawl",
            *(max(lost, 1), name, run["spider"]),
        )
    return found
