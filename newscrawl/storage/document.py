"""``run.json``: its one typed definition, for all who write or read one."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

LEADS_TO_FRONT = "leads to the front page"
ADDRESSES_CHANGED = "addresses changed"
"""The reason of a run that was stopped because known articles appeared under new ids."""
GONE = ("http 404", "http 410", LEADS_TO_FRONT)
"""Reasons of a listing that the site may have closed."""


class Refusal(TypedDict):
    """A period in which the site refuses its pages. Times are UTC as the record writes them."""

    reason: str
    """How pages are refused, for example ``http 403``."""
    since: str
    """Time of the refusal that opened the circuit breaker."""
    probe: str
    """Time of the next test request."""
    over: NotRequired[str]
    """Time at which the site answered with a page again."""


class BooksDocument(TypedDict):
    """Every article that the run discovered, in exactly one place, by outcome.

    ``rejected`` and ``failed`` count by reason; ``discovered`` is the sum of all others.
    """

    discovered: int
    """All articles; the sum of the others."""
    known: int
    """Known, and nothing says that they changed: not requested."""
    new: int
    """Published for the first time."""
    revised: int
    """Published as a further revision."""
    unchanged: int
    """Requested, and equal to the published revision."""
    rejected: dict[str, int]
    """Read, but not a valid record, by reason."""
    failed: dict[str, int]
    """Could not be fetched, by reason."""
    pending: int
    """Discovered, but not requested in this run, for example before the time of a retry."""


class ListingsDocument(TypedDict):
    """Listings of the run, by outcome."""

    asked: int
    """Requested."""
    read: NotRequired[int]
    """Read to their end, or unchanged."""
    unchanged: int
    """Unchanged since the last run: the site answered 304."""
    not_due: NotRequired[int]
    """Not requested, because they showed nothing new lately."""
    refused: int
    """Refused by the site and replaced by REST."""
    failed: dict[str, int]
    """Could not be read, by reason."""
    gone: NotRequired[dict[str, int]]
    """Those of ``failed`` that the site has closed: 404, 410 or its front page. They count as
    closed only if another listing was read."""
    gone_at: NotRequired[list[str]]
    """Addresses of those of ``gone`` that are sections of the outlet or their feeds."""
    main_failed: NotRequired[dict[str, str]]
    """Reasons of those of ``failed`` that list the whole site, by address: feed, sitemap, REST."""


class PartDocument(TypedDict):
    """A finished part of the run."""

    name: str
    """File name in the run's folder."""
    records: int
    """Number of records."""
    bytes: int
    """Size in bytes."""
    sha256: str
    """SHA-256 of the file, in hexadecimal."""


class RejectedDocument(PartDocument):
    """The file of rejected responses. Without a file, ``name`` and ``sha256`` are empty."""

    omitted: int
    """Rejected responses that were not kept, because the file would have been too large."""


class ArchiveDocument(TypedDict):
    """What the run found in one WARC file."""

    records: int
    """Its records, of every kind."""
    articles: int
    """Captures of article addresses that were read; with ``reread``, also posts with their full
    text in lists."""
    no_record: NotRequired[int]
    """Those of them without a record: rejected or unusable. With ``reread``, also those that only
    the fallback read."""
    revisits: int
    """Records that state that an address gave an earlier response again."""
    damaged: int
    """Places that could not be read."""
    wrong_digests: int
    """Payloads that differ from their digest in records that are intact; they were read."""
    passed_over: dict[str, int]
    """Captures of article addresses, or of lists of posts, without a page, by status."""
    unusable: dict[str, int]
    """Captures of article addresses, or of lists of posts, that are not whole, by reason."""
    finished: bool
    """Whether the file was read to its end."""
    known: NotRequired[int]
    """Ranges of the file that an earlier run had read: they were not read again. Only if any."""
    unread: NotRequired[dict[str, int]]
    """Ranges of the file that could not be read, by reason. Only if any."""


class RereadDocument(TypedDict):
    """The rejected responses of a run, after they were read again."""

    sha256: str
    """SHA-256 of the file that was read."""
    left: int
    """Responses that still give no record. Without any, the file is done."""
    recovered: int
    """Rejected responses that give a record now, in this reread or an earlier one."""
    lost: NotRequired[int]
    """Responses that are missing, because the file is missing or damaged. Only if any."""


def archive_faults(counts: ArchiveDocument) -> dict[str, int]:
    """Return what could not be read of a WARC file, by reason; nothing if all was read."""
    faults = {**counts["unusable"], **counts.get("unread", {})}
    if counts["damaged"]:
        faults["damaged"] = counts["damaged"]
    if not counts["finished"] and "unread" not in counts:
        faults["not read to its end"] = 1
    return faults


class Withdrawal(TypedDict):
    """An article that the run found removed from its site, or back."""

    id: str
    """The article's id."""
    gone: bool
    """True: removed. False: back."""
    date: str
    """When the run found out."""
    reason: str | None
    """The response, for example ``http 410``; null if the article is back."""


class ClockDocument(TypedDict):
    """What is wrong with the machine's clock. Times are UTC as the record writes them."""

    fault: str
    """``behind`` or ``ahead`` of the time that is compared, or ``jumped`` while the run was on."""
    reads: str
    """The time that the clock showed."""
    expected: str
    """The time to compare with: the end of the latest run, which the clock may exceed by a year;
    the clock of the site; or the start of this run plus its duration."""
    by: str
    """Where that time is from: the latest ``run``, the ``site`` or the run's own ``start``."""


class ReconciledDocument(TypedDict):
    """What the ledger lacked when the run started, and was entered from closed runs on disk."""

    runs: int
    """Closed runs of which the ledger lacked something."""
    records: int
    """Articles that were added to the ledger or updated in it."""
    missing: int
    """Records of these runs that are in their ``run.json`` but not on disk: not entered."""


class RunStart(TypedDict):
    """What is known of a run when it starts. That of a salvaged run has its name and outlet."""

    run: str
    """The run's name: its place in the sequence of runs. A later run has a greater one, even if
    the clock was set back."""
    spider: str
    """The outlet."""
    arguments: NotRequired[dict[str, str]]
    """The spider arguments as given."""
    job: NotRequired[str | None]
    """Scrapyd's job."""
    country: NotRequired[str]
    """The country whose holidays the outlet keeps, as ISO 3166's code."""
    zone: NotRequired[str]
    """The time zone of the outlet's days."""
    pages: NotRequired[int]
    """Pages of a listing that the run read at most."""
    started: NotRequired[str]
    """When the run was opened, by the machine's clock."""
    merged: NotRequired[str]
    """The run's name in the output folder that it was taken from; only if it was merged."""
    node: NotRequired[str]
    """The node that the run was on; only with ``NEWSCRAWL_NODE``."""
    revoked: NotRequired[list[str]]
    """Earlier runs that their node did not publish: their articles were due again; only if any."""
    set_aside: NotRequired[list[str]]
    """Revoked runs of this node, whose folders were moved away; only if there are any."""
    salvaged: NotRequired[list[str]]
    """Killed runs that this one salvaged."""
    repaired: NotRequired[list[str]]
    """Runs whose ``run.json`` was damaged and that this one made again; only if there are any."""
    ignored: NotRequired[list[str]]
    """Run folders that this one could not use: copied, renamed or unreadable; only if any."""
    reconciled: NotRequired[ReconciledDocument]
    """Only if the ledger lacked something that runs on disk have: a lost or restored ledger."""
    clock: NotRequired[ClockDocument]
    """Only if the machine's clock is wrong."""


class RunDocument(RunStart):
    """What ``run.json`` holds: the summary of one run that has ended.

    A run that was killed and then salvaged has none of the keys that are not required but
    ``bytes_cut`` and ``rejected_file``: only its files show what it did.
    """

    reason: str
    """How the run ended; ``crashed`` after a kill."""
    complete: bool
    """Whether nothing is missing or due."""
    parts: list[PartDocument]
    """The run's parts, in the order of their records."""
    books: BooksDocument
    """Where every discovered article is."""
    rejected_file: NotRequired[RejectedDocument]
    """The file of responses that gave no exact record; only if there were any."""
    withdrawn: list[Withdrawal]
    """Articles that the run found removed from the site, or back."""
    waiting: NotRequired[int]
    """Articles that failed or were rejected, in this run or earlier, and wait for their retry."""
    bytes_cut: NotRequired[int]
    """Bytes of an incomplete last line that salvage removed."""
    finished: NotRequired[str]
    """When the run was closed, by the machine's clock."""
    refused: NotRequired[Refusal]
    """Only if the site refuses its pages, or did so at the start of the run."""
    versions: NotRequired[dict[str, str]]
    """Versions of newscrawl, Scrapy and Python."""
    listings: NotRequired[ListingsDocument]
    """Listings by outcome."""
    archives: NotRequired[dict[str, ArchiveDocument]]
    """What was found in each file of ``archive`` or ``reread``, by its path."""
    reread: NotRequired[dict[str, RereadDocument]]
    """The runs whose rejected responses this run read again, all of them, by name."""
    stats: NotRequired[dict[str, Any]]
    """Scrapy's stats, those that JSON can hold."""


def missing_listings(run: Mapping[str, Any]) -> dict[str, int]:
    """Return the listings that a run could not read and that the site still has, by reason."""
    listings = run.get("listings", {})
    failed: Mapping[str, int] = listings.get("failed", {})
    # Runs before this key was written took every 404 and 410 for a closed section.
    closed = {reason: count for reason, count in failed.items() if reason in GONE}
    gone = listings.get("gone", closed)
    missing = {reason: count - gone.get(reason, 0) for reason, count in failed.items()}
    return {reason: count for reason, count in missing.items() if count > 0}
