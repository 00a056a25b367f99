"""Which of an article's versions is its latest text: one rule, for the dataset and the ledger.

Revisions count versions in the order of publication. A version that was read from the site is
later than all that were published before it. One from an archive may be of any time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an article, and the time that its text is of; times as the record has them."""

    revision: int
    date_modified: str | None
    date_fetched: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the version that a record is."""
        return cls(record["revision"], record["date_modified"], record["date_fetched"])

    def is_later(self, than: "Version") -> bool:
        """Say whether the text is of a later time: when it was modified, else when it was fetched.

        >>> old = Version(1, "2026-11-20T10:00:00Z", "2026-11-25T10:00:00Z")
        >>> Version(2, "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z").is_later(old)
        True
        >>> Version(2, None, "2026-11-22T10:00:00Z").is_later(old)
        False
        """
        mine, other = self.date_modified, than.date_modified
        if mine and other and mine != other:
            return mine > other
        return self.date_fetched >= than.date_fetched


def latest_of(records: Iterable[Mapping[str, Any]], before: Version | None = None) -> Version:
    """Return the latest version among records and what was the latest ``before`` them.

    Raises ValueError when there is none.
    """
    latest = before
    for record in sorted(records, key=lambda it: int(it["revision"])):
        version = Version.of(record)
        if latest is None or record["source"] != "archive" or version.is_later(latest):
            latest = version
    if latest is None:
        raise ValueError("no version of an article")
    return latest
