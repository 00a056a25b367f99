"""What a worker gets, and what it returns."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from newscrawl.storage.capture import Capture
from newscrawl.storage.warc import Counts

OUTSIDE, PASSED_OVER = -1, -2
"""Outcomes beside those of the books: published outside the window; a capture without a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What is the same for all tasks of one reading of archives.

    ``makers`` has for each outlet a pickled function that returns it: its table may be on one
    machine only. ``since`` and ``until`` bound the time of publication, ``most`` is the largest
    body of a page in bytes, ``code`` the fingerprint of newscrawl's code.
    """

    makers: Mapping[str, bytes]
    most: int
    since: str | None = None
    until: str | None = None
    code: str = ""


@dataclass(frozen=True, slots=True)
class Revisit:
    """A revisit of an article, with the article's id and address."""

    id: str
    url: str
    capture: Capture


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A range of a file that is to be read for some outlets.

    ``end`` is None for the last range. With ``is_exact`` a record is known to begin at ``start``.
    ``parts`` are read instead of the range: offsets and lengths of captures. With ``revisits``
    only the captures that these refer to are read, for the outlet of each.
    """

    orders: Orders
    file: str
    outlets: tuple[str, ...]
    start: int = 0
    end: int | None = None
    is_exact: bool = False
    parts: tuple[tuple[int, int], ...] = ()
    revisits: tuple[tuple[str, Revisit], ...] = ()


@dataclass(slots=True)
class Line:
    """A record as its line in two pieces, between which the number of the revision belongs.

    ``record`` has the fields that the ledger needs, ``filled`` names the optional fields with a
    value.
    """

    before: bytes
    after: bytes
    record: Mapping[str, Any]
    kind: str
    filled: tuple[str, ...]
    word_count: int


@dataclass(slots=True)
class Finding:
    """What became of one capture of an article: a line, or an outcome of the books with a reason.

    ``unusable`` is why the capture, or a part of the article, cannot be used, or empty. ``trace``
    is that of an error of our code. ``number`` is the place of the revisit that the finding is
    for, in ``Task.revisits``.
    """

    id: str
    url: str
    line: Line | None = None
    outcome: int = PASSED_OVER
    reason: str = ""
    unusable: str = ""
    trace: str = ""
    number: int = -1


@dataclass(slots=True)
class Found:
    """What a range holds for one outlet, in the order of the file.

    The writer adds to ``counts`` what it finds in ``findings``.
    """

    counts: Counts = field(default_factory=Counts)
    findings: list[Finding] = field(default_factory=list)
    stats: Counter[str] = field(default_factory=Counter)
    revisits: list[Revisit] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    """What a range holds, by outlet. ``first`` and ``next`` are those of ``WarcFile``.

    ``fault`` is the reason why the range could not be read to its end, or empty; ``trace`` is that
    of an error of our code, or of a lack of memory. ``seconds`` is the CPU time of the reading.
    """

    found: dict[str, Found] = field(default_factory=dict)
    first: int | None = None
    next: int | None = None
    fault: str = ""
    trace: str = ""
    seconds: float = 0.0
