"""Checks of a closed run: each one compares its ``run.json`` with those of earlier runs.

A share is compared with the outlet's own history, not with a fixed number. It is a finding when
chance alone makes it as small less than once in a million times, however few articles the run
has. Consecutive runs count together.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from math import exp, lgamma
from pathlib import Path
from typing import Any, Literal

from newscrawl.storage.books import balance
from newscrawl.storage.clock import says as clock_says
from newscrawl.storage.document import RunDocument, archive_faults, missing_listings
from newscrawl.storage.run_folder import PARTIAL
from newscrawl.storage.runs import OnDamage, closed_runs, read_run, run_start

Runs = Sequence[RunDocument]
"""Earlier runs, the oldest first."""

HISTORY = timedelta(days=42)
"""Age of the oldest run that is compared: six of every weekday."""

REMINDER = timedelta(hours=24)
"""Time after which a finding that stays is sent again."""

_CHANCE = 1e-6
_CHANCE_OF_SILENCE = 1e-4
# The past counts as at most so many articles, because a newsroom's habits change.
_WEIGHT = 200
_FEWEST = 20
# Shape of the gamma distribution of hourly rates: how unevenly a newsroom publishes.
_UNEVEN = 10
_ENDS_WELL = {"finished", "limit", "shutdown"}


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: the check that made it, its subject, and a sentence for people."""

    check: str
    subject: str
    says: str


def runs_before(folder: Path, damaged: OnDamage) -> list[RunDocument]:
    """Return the closed runs that the run in ``folder`` is compared with, the oldest first.

    Without those that started later by a clock that was ahead. ``damaged`` is called for each that
    cannot be read; the others are compared all the same.
    """
    run = read_run(folder)
    if run is None:
        return []
    start, output = run_start(run), folder.parent.parent
    earlier = closed_runs(output, folder.parent.name, start - HISTORY, damaged=damaged)
    return [it for it in earlier if it["run"] < run["run"] and run_start(it) <= start]


def stats_under(run: RunDocument, prefix: str) -> dict[str, Any]:
    """Return the stats under a prefix, by the rest of their names."""
    stats = run.get("stats", {})
    return {name.removeprefix(prefix): stats[name] for name in stats if name.startswith(prefix)}


def _recent(run: RunDocument, past: Runs, prefix: str) -> set[str]:
    """Return the names of stats under a prefix in this run and in those of the day before it."""
    recent = [it for it in past if run_start(run) - run_start(it) <= timedelta(days=1)]
    return {name for it in (*recent, run) for name in stats_under(it, prefix)}


def _listed(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in reasons.items())


def at_most(hits: int, tries: int, past: tuple[float, float]) -> float:
    """Return the probability of at most ``hits`` in ``tries``, given ``past`` hits and misses.

    >>> at_most(0, 3, (200, 0)) < 1e-6 < at_most(0, 1, (200, 0))
    True
    """
    a, b = past[0] + 1, past[1] + 1
    norm = lgamma(a) + lgamma(b) - lgamma(a + b) + lgamma(tries + a + b) - lgamma(tries + 1)
    return sum(
        exp(lgamma(n + a) + lgamma(tries - n + b) - lgamma(n + 1) - lgamma(tries - n + 1) - norm)
        for n in range(hits + 1)
    )


def shortfall(
    series: Sequence[tuple[int, int]], assumed: tuple[float, float] | None = None
) -> tuple[int, int, float] | None:
    """Return hits, tries and the usual share if the last runs hit less often than usual.

    ``series`` holds hits and tries of each run, the oldest first. Consecutive runs at its end that
    are below the usual share count together. ``assumed`` are hits and misses to start with;
    without them the result is None before ``_FEWEST`` tries.
    """
    earlier = list(series)
    while earlier and not earlier[-1][1]:
        earlier.pop()
    hits = tries = 0
    before = [sum(it) for it in zip(*earlier, strict=True)]
    while earlier:
        run_hits, run_tries = earlier.pop()
        before[0] -= run_hits
        before[1] -= run_tries
        usual = _past(before[0], before[1], assumed)
        if usual is None or (run_tries and run_hits / run_tries >= usual[0] / sum(usual)):
            return None
        hits += run_hits
        tries += run_tries
        if at_most(hits, tries, usual) < _CHANCE:
            return hits, tries, usual[0] / sum(usual)
    return None


def _past(hits: int, tries: int, assumed: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return past hits and misses, scaled down to their weight; None if there are too few."""
    if assumed is None and tries < _FEWEST:
        return None
    scale = min(1.0, _WEIGHT / tries) if tries else 1.0
    more = assumed or (0, 0)
    return hits * scale + more[0], (tries - hits) * scale + more[1]


def ended(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report a crawl that ended early."""
    if run["reason"] not in _ENDS_WELL:
        yield run["reason"], f"The crawl ended early: {run['reason']}."


def killed(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report earlier runs that were killed and had to be salvaged."""
    for name in run.get("salvaged", ()):
        yield name, f"Run {name} was killed. Its published records were kept."


def balanced(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report books in which the counts do not sum to ``discovered``."""
    if difference := balance(run["books"]):
        yield "", f"Internal error: article counts differ from 'discovered' by {difference}."


def complete(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report what a finished run did not read (listings, archives) or request (articles)."""
    if lost := missing_listings(run):
        yield "listings", f"Listing pages failed ({_listed(lost)}): articles may be missing."
    for path, counts in run.get("archives", {}).items():
        if faults := archive_faults(counts):
            yield path, f"The archive {path} was read in part ({_listed(faults)})."
    # What failed before and waits for its retry is pending, and nothing new.
    unasked = run["books"]["pending"] - run.get("waiting", 0)
    if run["reason"] == "finished" and unasked > 0:
        yield "pending", f"{unasked} discovered articles were not requested."


def refused(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report that the site refuses its pages."""
    refusal = run.get("refused")
    if refusal and "over" not in refusal:
        says = f"The site has refused pages since {refusal['since']} ({refusal['reason']})"
        yield refusal["since"], f"{says}. Next test request after {refusal['probe']}."


def _read(run: RunDocument) -> int:
    books = run["books"]
    return int(books["new"] + books["revised"] + books["unchanged"])


def _usual(
    run: RunDocument, past: Runs, name: Literal["rejected", "failed"], what: str
) -> Iterator[tuple[str, str]]:
    runs = [*past, run]
    bad = [sum(it["books"][name].values()) for it in runs]
    series = [(_read(it), _read(it) + count) for it, count in zip(runs, bad, strict=True)]
    if short := shortfall(series, assumed=(49, 1)):
        hits, tries, usual = short
        says = f"{tries - hits} of {tries} articles {what}, usually {1 - usual:.1%}"
        yield "", f"{says} ({_listed(run['books'][name])})."


def rejected(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report that more articles than usual were rejected."""
    return _usual(run, past, "rejected", "were rejected")


def failed(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report that more articles than usual failed."""
    return _usual(run, past, "failed", "failed")


def coverage(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report fields that are filled less often than usual, by source of the records."""
    runs = [*past, run]
    for key in sorted(_recent(run, past, "newscrawl/filled/")):
        source, _, field = key.partition("/")
        series = [
            (
                it.get("stats", {}).get(f"newscrawl/filled/{key}", 0),
                it.get("stats", {}).get(f"newscrawl/published/{source}", 0),
            )
            for it in runs
        ]
        if short := shortfall(series):
            hits, tries, usual = short
            says = f"{field} is filled in {hits} of {tries} records from {source}"
            yield key, f"{says}, usually in {usual:.0%}."


def selectors(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report selectors that match less often than usual."""
    runs = [it.get("stats", {}) for it in (*past, run)]
    for selector in sorted(_recent(run, past, "newscrawl/unmatched/")):
        matched = [it.get(f"parser/css/{selector}", 0) for it in runs]
        unmatched = [it.get(f"newscrawl/unmatched/{selector}", 0) for it in runs]
        series = [(hit, hit + miss) for hit, miss in zip(matched, unmatched, strict=True)]
        if short := shortfall(series):
            hits, tries, usual = short
            says = f"The selector {selector!r} matched on {hits} of {tries} pages"
            yield selector, f"{says}, usually on {usual:.0%}: has the layout changed?"


def disagreement(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report fields on which page and structured data disagree more often than usual."""
    runs = [*past, run]
    pages = [sum(stats_under(it, "newscrawl/layout/").values()) for it in runs]
    for field in sorted(_recent(run, past, "newscrawl/disagree/")):
        wrong = [it.get("stats", {}).get(f"newscrawl/disagree/{field}", 0) for it in runs]
        series = [(of - bad, of) for bad, of in zip(wrong, pages, strict=True)]
        if short := shortfall(series, assumed=(19, 1)):
            hits, tries, usual = short
            says = f"Page and structured data disagree on {field} in {tries - hits} of {tries}"
            yield field, f"{says} pages, usually in {1 - usual:.1%}."


def clock(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report that the machine's clock is wrong."""
    if wrong := run.get("clock"):
        yield wrong["fault"], clock_says(wrong)


def state(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report damage to the ledger or to earlier runs, and whether it was repaired."""
    if counts := run.get("reconciled"):
        says = f"The ledger lacked {counts['records']} records of {counts['runs']} runs"
        lost = f"; {counts['missing']} more are in no part on disk" if counts["missing"] else ""
        yield "ledger", f"{says}: they were entered from the parts{lost}."
    for name in run.get("repaired", ()):
        yield name, f"The run.json of run {name} was damaged and was made again from its parts."
    for name in run.get("ignored", ()):
        yield name, f"The folder of run {name} cannot be used and is left out: see the log."


def errors(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report error lines in the log; articles that failed are none."""
    stats = run.get("stats", {})
    if lines := stats.get("log_count/ERROR", 0) + stats.get("log_count/CRITICAL", 0):
        yield "", f"The log has {lines} error lines."


def duration(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report a run of over ten minutes that took three times as long as any like it."""
    seconds = [_seconds(it) for it in past if _alike(it, run)]
    longest = max(seconds, default=0)
    took = _seconds(run)
    if len(seconds) >= 5 and took > max(600, 3 * longest):
        says = f"The run took {took / 60:.0f} minutes"
        yield "", f"{says}; the longest earlier run took {longest / 60:.0f}."


def _seconds(run: RunDocument) -> float:
    return float(run.get("stats", {}).get("elapsed_time_seconds", 0))


def _alike(one: RunDocument, other: RunDocument) -> bool:
    return one.get("arguments") == other.get("arguments") and one["reason"] == "finished"


def news(run: RunDocument, past: Runs) -> Iterator[tuple[str, str]]:
    """Report fewer new articles than usual at these hours of these weekdays.

    The hours since the run before are counted. Consecutive hours with fewer articles count
    together.
    """
    if {*PARTIAL, "limit"} & set(run.get("arguments", {})):
        return
    alike = [it for it in past if _alike(it, run)]
    spans = [
        (
            run_start(later),
            (run_start(later) - run_start(earlier)) / timedelta(hours=1),
            _new(later),
        )
        for earlier, later in pairwise([*alike, run])
    ]
    known = defaultdict[tuple[int, int], list[tuple[float, int]]](list)
    # The last day is left out of what is usual: it may be what is wrong.
    for began, hours, new in spans:
        if began < run_start(run) - timedelta(days=1) and hours <= 24:
            known[began.weekday(), began.hour].append((hours, new))
    actual, expected = 0, 0.0
    for began, hours, new in reversed(spans):
        rate = _rate(known, began)
        if rate is None or new >= rate * hours or hours > 24:
            return
        actual += new
        expected += rate * hours
        if _silence(actual, expected) < _CHANCE_OF_SILENCE:
            says = (
                f"Only {actual} new articles since {began - timedelta(hours=hours):%Y-%m-%d %H:%M}"
            )
            yield "", f"{says} UTC; at these hours there are usually {expected:.0f}."
            return


def _new(run: RunDocument) -> int:
    return int(run["books"]["new"])


def _rate(
    known: Mapping[tuple[int, int], list[tuple[float, int]]], moment: datetime
) -> float | None:
    """Return the usual new articles an hour, of this weekday or of all days; None: unknown."""
    hours = [(moment.hour + shift) % 24 for shift in (-1, 0, 1)]
    for days in ([moment.weekday()], range(7)):
        spans = [span for day in days for hour in hours for span in known.get((day, hour), ())]
        if len(spans) >= 6:
            return sum(new for _, new in spans) / sum(length for length, _ in spans)
    return None


def _silence(actual: int, expected: float) -> float:
    """Return the probability of at most ``actual`` where ``expected`` are usual, unevenly spread.

    >>> _silence(0, 5) > 1e-4 > _silence(0, 20)
    True
    """
    share = _UNEVEN / (_UNEVEN + expected)
    chance = share**_UNEVEN
    total = chance
    for n in range(1, actual + 1):
        chance *= (n + _UNEVEN - 1) / n * (1 - share)
        total += chance
    return total


CHECKS: dict[str, Callable[[RunDocument, Runs], Iterator[tuple[str, str]]]] = {
    check.__name__: check
    for check in (
        ended,
        killed,
        balanced,
        complete,
        news,
        coverage,
        selectors,
        disagreement,
        refused,
        clock,
        state,
        rejected,
        failed,
        errors,
        duration,
    )
}
"""Every check by its name. Each yields the subject and a sentence of every finding."""


def findings(run: RunDocument, past: Runs) -> list[Finding]:
    """Return the findings of a run; ``past`` are the runs before it, the oldest first."""
    return [
        Finding(name, subject, says)
        for name, check in CHECKS.items()
        for subject, says in check(run, past)
    ]


def standing_since(finding: Finding, run: RunDocument, past: Runs) -> datetime | None:
    """Return the time since which a finding is known; None if it is to be sent now.

    A finding is sent when it first comes up, and once a day while it stays.
    """
    first, before = run_start(run), None
    for place in range(len(past) - 1, -1, -1):
        earlier = CHECKS[finding.check](past[place], past[:place])
        if finding.subject not in {subject for subject, _ in earlier}:
            break
        first = run_start(past[place])
        before = before or first
    sent_today = before and (run_start(run) - first) // REMINDER == (before - first) // REMINDER
    return first if sent_today else None
