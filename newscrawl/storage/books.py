"""The books of a run: every discovered article in exactly one place."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newscrawl.storage.document import GONE, BooksDocument, ListingsDocument

PENDING, FAILED, REJECTED, KNOWN, UNCHANGED, REVISED, NEW = range(7)
"""Outcomes of an article. Of two outcomes in one run the higher one counts."""

_SEVERAL = 3


@dataclass(slots=True)
class Books:
    """The outcome of each article that a run discovered, by the article's id.

    >>> books = Books()
    >>> books.discover("1"), books.discover("1"), books.discover("2")
    (True, False, True)
    >>> books.record("1", NEW)
    >>> books.record("2", FAILED, "http 503")
    >>> books.as_dict()["failed"], books.complete
    ({'http 503': 1}, False)
    """

    _outcomes: dict[str, tuple[int, str]] = field(default_factory=dict)
    _withdrawn: set[str] = field(default_factory=set)
    _new: set[str] = field(default_factory=set)
    discovered: int = 0

    def discover(self, identity: str) -> bool:
        """Add an article. Return False if it is in the books already, or was withdrawn."""
        if identity in self._outcomes or identity in self._withdrawn:
            return False
        self._outcomes[identity] = (PENDING, "")
        self.discovered += 1
        return True

    def record(self, identity: str, outcome: int, reason: str = "") -> None:
        """Record an outcome. A lower one than the article has already changes nothing."""
        if identity in self._withdrawn:
            # An archive may contain another version, which is inside the period.
            self._withdrawn.remove(identity)
            self.discovered += 1
        if outcome >= self._outcomes.get(identity, (PENDING, ""))[0]:
            self._outcomes[identity] = (outcome, reason)

    def rename(self, identity: str, new: str) -> None:
        """Give an article its own id. If that is in the books already, both become one article.

        >>> books = Books()
        >>> books.discover("example.org/storm"), books.discover("7"), books.record("7", NEW)
        (True, True, None)
        >>> books.rename("example.org/storm", "7")
        >>> books.discovered, books.counts() == {NEW: 1}
        (1, True)
        """
        if identity in self._new and new not in self._outcomes:
            self._new.add(new)
        self._new.discard(identity)
        if identity in self._withdrawn:
            self._withdrawn.remove(identity)
            if new not in self._outcomes:
                self._withdrawn.add(new)
        if outcome := self._outcomes.pop(identity, None):
            if new in self._outcomes or new in self._withdrawn:
                self.discovered -= 1
            self._outcomes[new] = max(outcome, self._outcomes.get(new, outcome))
            self._withdrawn.discard(new)

    def reopen(self, identity: str) -> None:
        """Make an article pending again: it is requested after all."""
        self._outcomes[identity] = (PENDING, "")

    def withdraw(self, identity: str) -> None:
        """Remove a pending article, for example one outside ``since`` and ``until``.

        Later links to it are ignored. An article with another outcome stays in the books.
        """
        if self._outcomes.get(identity, (NEW, ""))[0] == PENDING:
            del self._outcomes[identity]
            self._withdrawn.add(identity)
            self.discovered -= 1

    def mark_new(self, identity: str) -> None:
        """Mark an article that earlier runs did not discover."""
        self._new.add(identity)

    def is_new(self, identity: str) -> bool:
        """Return whether earlier runs did not discover an article."""
        return identity in self._new

    def counts(self) -> Mapping[int, int]:
        """Return how many articles have each outcome."""
        return Counter(outcome for outcome, _ in self._outcomes.values())

    def rejected_alike(self) -> list[str]:
        """Return the articles that were rejected for a reason that most pages of the run gave.

        >>> books = Books()
        >>> for number in "12345":
        ...     books.record(number, NEW if number < "3" else REJECTED, "no body")
        >>> books.rejected_alike()
        ['3', '4', '5']
        """
        read = sum(REJECTED <= it != KNOWN for it, _ in self._outcomes.values())
        reasons = Counter(why for outcome, why in self._outcomes.values() if outcome == REJECTED)
        common = {why for why, count in reasons.items() if count >= _SEVERAL and 2 * count > read}
        return [id_ for id_, it in self._outcomes.items() if it[0] == REJECTED and it[1] in common]

    def as_dict(self) -> BooksDocument:
        """Return the books as ``run.json`` holds them (docs/reference/outcomes.md)."""
        counts = self.counts()
        reasons: dict[int, Counter[str]] = {REJECTED: Counter(), FAILED: Counter()}
        for outcome, reason in self._outcomes.values():
            if outcome in reasons:
                reasons[outcome][reason] += 1
        return {
            "discovered": self.discovered,
            "known": counts.get(KNOWN, 0),
            "new": counts.get(NEW, 0),
            "revised": counts.get(REVISED, 0),
            "unchanged": counts.get(UNCHANGED, 0),
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
    """Counts of the listings that a run requested, read, or could not read.

    PageAccess counts the listings that the site refused and REST replaced.

    >>> listings = Listings()
    >>> listings.fail("http 404", may_be_gone=True)
    >>> listings.is_complete
    False
    >>> listings.count_read()
    >>> listings.is_complete
    True
    """

    _counts: Counter[str] = field(default_factory=Counter)
    _failed: Counter[str] = field(default_factory=Counter)
    _perhaps_gone: Counter[str] = field(default_factory=Counter)
    _sections_gone: set[str] = field(default_factory=set)
    _main_failed: dict[str, str] = field(default_factory=dict)

    def count_request(self) -> None:
        """Count a listing that is requested."""
        self._counts["asked"] += 1

    def count_not_due(self) -> None:
        """Count a listing that is not requested, because it listed nothing new recently."""
        self._counts["not_due"] += 1

    def count_read(self, *, is_unchanged: bool = False) -> None:
        """Count a listing that was read to its end, or that has not changed (304)."""
        self._counts["read"] += 1
        self._counts["unchanged"] += is_unchanged

    def fail(
        self, reason: str, *, may_be_gone: bool = False, section: str = "", main: str = ""
    ) -> None:
        """Count a listing that could not be read; a section may be gone from the site.

        ``section`` is the listing's address if it is one of the outlet's sections, ``main`` that of
        a listing of the whole site.
        """
        self._failed[reason] += 1
        if main:
            self._main_failed[main] = reason
        if may_be_gone and reason in GONE:
            self._perhaps_gone[reason] += 1
            self._sections_gone.update({section} - {""})

    @property
    def gone(self) -> Mapping[str, int]:
        """Listings that the site has closed: 404, 410 or its front page; others can be read."""
        return self._perhaps_gone if self._counts["read"] else {}

    @property
    def is_complete(self) -> bool:
        """Whether every listing that the site still has was read."""
        return not self._failed - Counter(self.gone)

    def as_dict(self, refused: int) -> ListingsDocument:
        """Return the counts as ``run.json`` holds them."""
        return {
            "asked": self._counts["asked"],
            "read": self._counts["read"],
            "unchanged": self._counts["unchanged"],
            "not_due": self._counts["not_due"],
            "refused": refused,
            "failed": dict(sorted(self._failed.items())),
            "gone": dict(sorted(self.gone.items())),
            "gone_at": sorted(self._sections_gone) if self.gone else [],
            "main_failed": self._main_failed,
        }


def balance(books: Mapping[str, Any]) -> int:
    """Return the difference between ``discovered`` and the sum of the outcomes, which must be 0."""
    single = sum(books[name] for name in ("known", "new", "revised", "unchanged", "pending"))
    by_reason = sum(sum(books[name].values()) for name in ("rejected", "failed"))
    difference: int = books["discovered"] - single - by_reason
    return difference
