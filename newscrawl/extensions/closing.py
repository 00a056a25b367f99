"""Closing a run: its ``run.json``, and whether it is complete."""

import logging
import platform
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import scrapy

from newscrawl import __version__
from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.extensions.clock import SiteClock
from newscrawl.extensions.opening import OpenRun
from newscrawl.extraction.dates import utc
from newscrawl.storage.books import Books, Listings, balance
from newscrawl.storage.clock import fault_by_duration, passed, says
from newscrawl.storage.document import RunDocument, RunStart
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


def summary(
    opened: OpenRun,
    reason: str,
    books_of_run: Books,
    listings: Listings,
    archives: Mapping[str, Counts],
    access: PageAccess,
    stats: dict[str, Any],
) -> RunDocument:
    """Return the ``run.json`` of a run that ends."""
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
