"""Choose the latest version of an article, by one rule for the dataset and the ledger.

Revisions number the versions in the order of publication. A version from the site is later than
all versions published before it. A version from an archive may be from any time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an article with its times, in the form of the record."""

    revision: int
    date_modified: str | None
    date_fetched: str

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the version of a record."""
        return cls(record["revision"], record["date_modified"], record["date_fetched"])

    def is_later(self, than: "Version") -> bool:
        """Return whether this text is later, by the time of modification, else that of fetching.

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
    """Return the latest version among records and ``before``, the latest one until now.

    Raises ValueError when there is no version at all.
    """
    latest = before
    for record in sorted(records, key=lambda it: int(it["revision"])):
        version = Version.of(record)
        if latest is None or record["source"] != "archive" or version.is_later(latest):
            latest = version
    if latest is None:
        raise ValueError("no version of an article")
    return latest
