"""``run.json``: its one typed definition, for all who write or read one."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

GONE = ("http 404", "http 410")
"""Reasons of a listing that the site may have closed."""


class Refusal(TypedDict):
    """Since when and why the site refuses its pages; times are UTC as the record writes them."""

    reason: str
    since: str
    probe: str
    """When a run tests next whether the site answers with pages again."""
    over: NotRequired[str]
    """Since when it does."""


class BooksDocument(TypedDict):
    """Every article that the run discovered, in exactly one place, by outcome.

    ``rejected`` and ``failed`` count by reason; ``discovered`` is the sum of all others.
    """

    discovered: int
    known: int
    new: int
    revised: int
    unchanged: int
    rejected: dict[str, int]
    failed: dict[str, int]
    pending: int


class ListingsDocument(TypedDict):
    """Listings that the run requested, and what became of them."""

    asked: int
    read: NotRequired[int]
    """Those that were read to their end, or had not changed."""
    unchanged: int
    """Those that had not changed (304)."""
    not_due: NotRequired[int]
    """Those that were not requested, because they showed nothing new lately."""
    refused: int
    """Those that the site refused and REST replaced."""
    failed: dict[str, int]
    """Those that could not be read, by reason."""
    gone: NotRequired[dict[str, int]]
    """Those among ``failed`` that the site has closed; nothing is missing of them."""


class PartDocument(TypedDict):
    """A finished part of the run."""

    name: str
    records: int
    bytes: int
    sha256: str


class ArchiveDocument(TypedDict):
    """What the run found in one WARC file."""

    records: int
    """Its records, of every kind."""
    articles: int
    """Captures of article addresses that were read."""
    revisits: int
    """Records that state that an address gave an earlier response again."""
    damaged: int
    """Places that could not be read."""
    wrong_digests: int
    """Payloads that differ from their digest in records that are intact; they were read."""
    passed_over: dict[str, int]
    """Captures of article addresses without a page, by status."""
    unusable: dict[str, int]
    """Captures of article addresses that are not whole, by reason."""
    finished: bool
    """Whether the file was read to its end."""


class Withdrawal(TypedDict):
    """An article that the run found removed from its site, or back."""

    id: str
    gone: bool
    date: str
    reason: str | None


class RunStart(TypedDict):
    """What is known of a run when it starts. That of a salvaged run has its name and outlet."""

    run: str
    """Its name: when it started, UTC."""
    spider: str
    """The outlet."""
    arguments: NotRequired[dict[str, str]]
    """The spider arguments as given."""
    job: NotRequired[str | None]
    """Scrapyd's job."""
    pages: NotRequired[int]
    """How many pages of a listing were read at most."""
    started: NotRequired[str]
    salvaged: NotRequired[list[str]]
    """Killed runs that this one salvaged."""


class RunDocument(RunStart):
    """What ``run.json`` holds: the summary of one run that has ended.

    A run that was killed and then salvaged has none of the keys that are not required but
    ``bytes_cut``: only its parts tell what it did.
    """

    reason: str
    """Why it ended; ``crashed`` after a kill."""
    complete: bool
    """Whether nothing is missing or owed."""
    parts: list[PartDocument]
    books: BooksDocument
    withdrawn: list[Withdrawal]
    waiting: NotRequired[int]
    """Articles that failed or were rejected, in this run or earlier, and wait for their retry."""
    bytes_cut: NotRequired[int]
    """How much of a torn line was removed."""
    finished: NotRequired[str]
    refused: NotRequired[Refusal]
    versions: NotRequired[dict[str, str]]
    listings: NotRequired[ListingsDocument]
    archives: NotRequired[dict[str, ArchiveDocument]]
    """What was found in each file of ``archive``, by its path as given."""
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
