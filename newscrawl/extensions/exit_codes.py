"""Exit codes of ``newscrawl crawl``: the one table, and the one place that picks a code."""

from dataclasses import dataclass

from scrapy.crawler import Crawler

from newscrawl.storage.document import RunDocument, archive_faults

# Close reasons of our own: why a run did not start, or stopped.
WRONG_ARGUMENT = "wrong argument"
UNUSABLE_OUTPUT = "unusable output"
START_FAILED = "start failed"
ALREADY_RUNNING = "already running"
OUTPUT_FAILED = "output failed"
ASKED_TO_WAIT = "asked to wait"
AT_LIMIT = "limit"
READERS_LOST = "readers lost"
LEASE_LOST = "lease lost"

AFTERMATH = "newscrawl/aftermath_failed/"
"""Prefix of the stats of failures after the run was closed: push, alert, report, metrics."""


UNPUBLISHED = "newscrawl/unpublished"
"""The stat of a run that lost its lease at its end, and is not published."""


@dataclass(frozen=True, slots=True)
class ExitCode:
    """An exit code of a crawl, and when a crawl ends with it."""

    code: int
    name: str
    meaning: str
    reasons: tuple[str, ...] = ()
    """The close reasons that lead to it, as ``run.json`` and the log name them."""


DONE = ExitCode(
    0,
    "done",
    "The crawl finished, reached its `limit`, or was stopped once (Ctrl-C, SIGTERM, SIGHUP)."
    " Articles may have failed or been rejected; see `--strict`.",
    ("finished", AT_LIMIT, "shutdown"),
)
NOT_STARTED = ExitCode(
    1,
    "not started",
    "The crawl could not start, because of an error that newscrawl does not foresee.",
    (START_FAILED, "start_error"),
)
WRONG_USAGE = ExitCode(
    2,
    "wrong usage",
    "An argument, a setting or the outlet's row is wrong. Nothing was requested.",
    (WRONG_ARGUMENT,),
)
NO_OUTPUT = ExitCode(
    3,
    "no output",
    "The output folder or the ledger cannot be used, or could not be written any more; or there is"
    " no such outlet.",
    (UNUSABLE_OUTPUT, OUTPUT_FAILED),
)
NOTHING = ExitCode(
    4,
    "nothing could be had",
    "Not one listing could be read: the site cannot be reached, its robots.txt is unknown or"
    " forbids everything, or it has no such listings. Or the archives have not one record that"
    " can be read, or every response that `reread` read failed.",
)
BROKEN_OFF = ExitCode(
    5,
    "broken off",
    "The crawl ended before it was done: memory limit, one of Scrapy's `CLOSESPIDER_` settings, the"
    " processes that read archives cannot be reached, or any other close reason.",
)
AFTERMATH_FAILED = ExitCode(
    6,
    "not passed on",
    "The run is closed and its articles are published, but a push, an alert, a report or metrics"
    " failed. With `NEWSCRAWL_NODE`, a run that was not pushed is not published yet.",
)
ARTICLES_MISSING = ExitCode(
    7,
    "articles missing",
    "Only with `--strict` or `NEWSCRAWL_STRICT=1`: articles failed or were rejected, or an archive"
    " was read in part. Without them: rejected responses that `reread` was to read are lost.",
)
LATER = ExitCode(
    75,
    "try again later",
    "Another run of the outlet goes on, here or on another node, or took over from this one; or the"
    " site required a pause that is longer than a run may last.",
    (ALREADY_RUNNING, ASKED_TO_WAIT, LEASE_LOST),
)
INTERRUPTED = ExitCode(
    130,
    "interrupted",
    "The crawl was stopped twice (Ctrl-C; SIGTERM 30 seconds after the first) and did not close its"
    " run; the next run salvages it.",
)

EXIT_CODES = (
    DONE,
    NOT_STARTED,
    WRONG_USAGE,
    NO_OUTPUT,
    NOTHING,
    BROKEN_OFF,
    AFTERMATH_FAILED,
    ARTICLES_MISSING,
    LATER,
    INTERRUPTED,
)
"""The table, in the order of the codes; the reference page is made from it."""


def of_reason(reason: str | None) -> ExitCode:
    """Return the exit code of a close reason; None is that of a crawl that was not closed."""
    if reason is None:
        return INTERRUPTED
    return next((it for it in EXIT_CODES if reason in it.reasons), BROKEN_OFF)


def of_crawl(crawler: Crawler, run: RunDocument | None) -> ExitCode:
    """Return the exit code of a crawl that has ended; ``run`` is None if it opened none."""
    stats = crawler.stats.get_stats()
    code = of_reason(stats.get("finish_reason"))
    if code is DONE and UNPUBLISHED in stats:
        code = LATER
    if code is not DONE:
        return code
    if run is None:
        # The run could not be closed.
        return NO_OUTPUT
    listings, archives = run.get("listings"), run.get("archives", {}).values()
    no_listing = listings and listings["asked"] and not listings["read"]
    no_archive = archives and not any(it["records"] or "known" in it for it in archives)
    no_archive = no_archive or _failed_all(run)
    if run["reason"] == "finished" and (no_listing or no_archive):
        return NOTHING
    if any(count and name.startswith(AFTERMATH) for name, count in stats.items()):
        return AFTERMATH_FAILED
    books = run["books"]
    missing = books["failed"] or books["rejected"] or any(map(archive_faults, archives))
    is_lost = any("lost" in it for it in run.get("reread", {}).values())
    if is_lost or (missing and crawler.settings.getbool("NEWSCRAWL_STRICT")):
        return ARTICLES_MISSING
    return DONE


def _failed_all(run: RunDocument) -> bool:
    """Return whether a run read responses again, and not one could be read."""
    books = run["books"]
    read = books["new"] + books["revised"] + books["unchanged"] + sum(books["rejected"].values())
    return "reread" in run.get("arguments", {}) and bool(books["failed"]) and not read
