"""The books of a run: every discovered article in exactly one place."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PENDING, FAILED, REJECTED, KNOWN, UNCHANGED, REVISED, NEW = range(7)
"""What became of an article. Of two fates in one run the higher one counts."""

_NAMES = {KNOWN: "known", NEW: "new", REVISED: "revised", UNCHANGED: "unchanged"}


@dataclass(slots=True)
class Books:
    """The fate of each article that a run discovered, by the article's id.

    >>> books = Books()
    >>> books.discover("1"), books.discover("1"), books.discover("2")
    (True, False, True)
    >>> books.settle("1", NEW)
    >>> books.settle("2", FAILED, "http 503")
    >>> books.as_dict()["failed"], books.complete
    ({'http 503': 1}, False)
    """

    _fates: dict[str, tuple[int, str]] = field(default_factory=dict)
    _withdrawn: set[str] = field(default_factory=set)
    discovered: int = 0

    def discover(self, identity: str) -> bool:
        """Enter an article; False when it stands in the books already, or was withdrawn."""
        if identity in self._fates or identity in self._withdrawn:
            return False
        self._fates[identity] = (PENDING, "")
        self.discovered += 1
        return True

    def settle(self, identity: str, fate: int, reason: str = "") -> None:
        """Say what became of an article. A lower fate than the one it has changes nothing."""
        if identity in self._withdrawn:
            # An archive may hold another version, which is wanted.
            self._withdrawn.remove(identity)
            self.discovered += 1
        if fate >= self._fates.get(identity, (PENDING, ""))[0]:
            self._fates[identity] = (fate, reason)

    def withdraw(self, identity: str) -> None:
        """Take out an article that turned out not to be wanted by this run; it stays out.

        One of which another version was published, or failed, stays in.
        """
        if self._fates.get(identity, (NEW, ""))[0] == PENDING:
            del self._fates[identity]
            self._withdrawn.add(identity)
            self.discovered -= 1

    def counts(self) -> Mapping[int, int]:
        """Return how many articles have each fate."""
        return Counter(fate for fate, _ in self._fates.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the books as ``run.json`` holds them (docs/reference/outcomes.md)."""
        counts = self.counts()
        reasons: dict[int, Counter[str]] = {REJECTED: Counter(), FAILED: Counter()}
        for fate, reason in self._fates.values():
            if fate in reasons:
                reasons[fate][reason] += 1
        return {
            "discovered": self.discovered,
            **{name: counts.get(fate, 0) for fate, name in _NAMES.items()},
            "rejected": dict(sorted(reasons[REJECTED].items())),
            "failed": dict(sorted(reasons[FAILED].items())),
            "pending": counts.get(PENDING, 0),
        }

    @property
    def complete(self) -> bool:
        """Whether nothing was refused, failed or left pending."""
        counts = self.counts()
        return not (counts.get(REJECTED) or counts.get(FAILED) or counts.get(PENDING))


@dataclass(slots=True)
class Listings:
    """How many listing pages a run asked for, and why some of them did not come.

    ``unchanged`` ones were answered 304, ``early`` ones not asked because they brought nothing
    new lately. How many the site refused, so that REST replaced them, PageAccess counts.
    """

    asked: int = 0
    unchanged: int = 0
    early: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def fail(self, reason: str) -> None:
        """Note a listing page that did not come."""
        self.failed[reason] += 1

    @property
    def complete(self) -> bool:
        """Whether every listing came that the site still has."""
        return not set(self.failed) - {"http 404", "http 410"}

    def as_dict(self, refused: int) -> dict[str, Any]:
        """Return the counts as ``run.json`` holds them."""
        return {
            "asked": self.asked,
            "unchanged": self.unchanged,
            "early": self.early,
            "refused": refused,
            "failed": dict(sorted(self.failed.items())),
        }


def balance(books: Mapping[str, Any]) -> int:
    """Return what the books are out by: 0 when everything adds up to ``discovered``."""
    settled = sum(books[name] for name in ("known", "new", "revised", "unchanged", "pending"))
    refused = sum(sum(books[name].values()) for name in ("rejected", "failed"))
    out_by: int = books["discovered"] - settled - refused
    return out_by
