"""Checks of a closed run: each compares its ``run.json`` with those of earlier runs.

A number is compared with the outlet's own history, not with a fixed number: see ``shares`` and
``news``.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from newscrawl.monitoring.chance import Pair
from newscrawl.monitoring.history import History, in_time
from newscrawl.monitoring.news import Periods, of_runs
from newscrawl.monitoring.quiet_days import missing_holidays
from newscrawl.monitoring.shares import Share, Shortfall, is_over, shares, shortfall
from newscrawl.monitoring.site_changes import shorter, site
from newscrawl.monitoring.times import HISTORY
from newscrawl.storage.books import balance
from newscrawl.storage.clock import says as clock_says
from newscrawl.storage.document import RunDocument, archive_faults, missing_listings
from newscrawl.storage.rejected import REJECTED_FILE
from newscrawl.storage.stats import LONG

_ENDS_WELL = {"finished", "limit", "shutdown"}
_LONG_AGO = datetime.fromisoformat("0001-01-01T00:00:00Z")
_WEEK = timedelta(days=7)
# A listing is closed after so many runs in a row, or after so long.
_CLOSED_RUNS, _CLOSED_FOR = 3, timedelta(hours=20)


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding: the check that made it, its subject, and a sentence for people."""

    check: str
    subject: str
    says: str
    since: datetime | None = None
    """When the change began, if it is known from the history."""
    usual: Pair | None = None
    """What it is compared with, if articles prove it: hits and misses that count as the past."""

    @property
    def name(self) -> str:
        """The finding's name for people and commands."""
        return f"{self.check}:{self.subject}" if self.subject else self.check

    @property
    def is_proven(self) -> bool:
        """Whether articles prove it, and only articles can prove that it is over."""
        return self.usual is not None


class Memory(Protocol):
    """What earlier runs left: which findings stand, and which times do not count as usual."""

    def standing(self, name: str) -> Finding | None:
        """Return a finding that stands."""

    def begin(self, name: str) -> datetime | None:
        """Return the time before which the history of a finding's subject does not count."""

    def periods(self, name: str) -> Periods:
        """Return the times in which a finding stood."""


class Nothing:
    """The memory of nothing: every run is looked at for the first time."""

    def standing(self, name: str) -> Finding | None:
        """Return None."""
        return None

    def begin(self, name: str) -> datetime | None:
        """Return None."""
        return None

    def periods(self, name: str) -> Periods:
        """Return no time."""
        return ()


def _listed(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in reasons.items())


def ended(history: History) -> Iterator[tuple[str, str]]:
    """Report a crawl that ended early."""
    reason = history.run["reason"]
    # A killed run is reported by the run that salvages it.
    if reason not in {*_ENDS_WELL, "crashed"}:
        yield "", f"The crawl ended early: {reason}."


def killed(history: History) -> Iterator[tuple[str, str]]:
    """Report earlier runs that were killed and had to be salvaged."""
    if names := history.run.get("salvaged"):
        what = f"Run {names[0]} was" if len(names) == 1 else f"Runs {', '.join(names)} were"
        yield "", f"{what} killed. The published records were kept."


def balanced(history: History) -> Iterator[tuple[str, str]]:
    """Report books in which the counts do not sum to ``discovered``."""
    if difference := balance(history.run["books"]):
        yield "", f"Internal error: article counts differ from 'discovered' by {difference}."


def complete(history: History) -> Iterator[tuple[str, str]]:
    """Report listings or archives that were not read, and articles that were not requested.

    Single listings that fail are read by the next run. They are reported if none could be read,
    or if more fail than usual.
    """
    run = history.run
    lost, listings = missing_listings(run), run.get("listings")
    is_explained = any(True for _ in site(history))
    if lost and listings and not listings.get("read") and not is_explained:
        yield "listings", f"The site does not answer: no listing could be read ({_listed(lost)})."
    lost_responses = {
        Path(path): it["lost"]
        for name, it in run.get("reread", {}).items()
        for path in run.get("archives", {})
        if "lost" in it and Path(path).match(f"run={name}/{REJECTED_FILE}")
    }
    for path, counts in run.get("archives", {}).items():
        if count := lost_responses.get(Path(path)):
            yield path, f"{count} rejected responses are lost: {path} is missing or damaged."
        elif faults := archive_faults(counts):
            yield path, f"The archive {path} was read in part ({_listed(faults)})."
    # What failed before and waits for its retry is pending, and nothing new.
    unasked = run["books"]["pending"] - run.get("waiting", 0)
    if run["reason"] == "finished" and unasked > 0:
        yield "pending", f"{unasked} discovered articles were not requested."


def closed(history: History) -> Iterator[tuple[str, str]]:
    """Report a listing that the site has closed: a section, or its feed, sitemap or REST.

    Of a section, 404, 410 and a redirect to the front page count; of the others any failure.
    """
    for address in _gone(history.run):
        since, runs = history.now, 0
        for place in range(len(history) - 1, -1, -1):
            run = history.runs[place]
            if address in _gone(run):
                since, runs = history.times[place], runs + 1
            elif run.get("listings", {}).get("read"):
                break
        if runs >= _CLOSED_RUNS or history.now - since >= _CLOSED_FOR:
            why = history.run["listings"].get("main_failed", {}).get(address)
            says = f"cannot be read ({why})" if why else "is closed"
            yield address, f"The listing {address} {says} since {_time(since)}."


def _gone(run: RunDocument) -> Sequence[str]:
    listings = run.get("listings")
    if not listings:
        return ()
    return [*listings.get("gone_at", ()), *listings.get("main_failed", ())]


def refused(history: History) -> Iterator[tuple[str, str]]:
    """Report that the site refuses its pages."""
    refusal = history.run.get("refused")
    if refusal and "over" not in refusal:
        says = f"The site has refused pages since {refusal['since']} ({refusal['reason']})"
        yield "", f"{says}. Next test request after {refusal['probe']}."


def clock(history: History) -> Iterator[tuple[str, str]]:
    """Report that the machine's clock is wrong."""
    if wrong := history.run.get("clock"):
        yield wrong["fault"], clock_says(wrong)


def state(history: History) -> Iterator[tuple[str, str]]:
    """Report damage to the ledger or to earlier runs, and rejected responses that were not kept."""
    run = history.run
    if counts := run.get("reconciled"):
        says = f"The ledger lacked {counts['records']} records of {counts['runs']} runs"
        lost = f"; {counts['missing']} more are in no part on disk" if counts["missing"] else ""
        yield "ledger", f"{says}: they were entered from the parts{lost}."
    for name in run.get("repaired", ()):
        yield name, f"The run.json of run {name} was damaged and was made again from its parts."
    rejected = run.get("rejected_file")
    if rejected and rejected["name"] and rejected["omitted"]:
        says = f"{rejected['omitted']} rejected responses were not kept"
        yield "rejected", f"{says}: {rejected['name']} is full (NEWSCRAWL_REJECTED_MB)."
    for name in run.get("revoked", ()):
        yield name, f"Run {name} was never published: its articles were requested again."
    for name in run.get("ignored", ()):
        yield name, f"The folder of run {name} cannot be used and is left out: see the log."


def errors(history: History) -> Iterator[tuple[str, str]]:
    """Report error lines in the log. Failed articles are logged as warnings."""
    stats = history.run.get("stats", {})
    if lines := stats.get("log_count/ERROR", 0) + stats.get("log_count/CRITICAL", 0):
        yield "", f"Error lines in the log: {lines}."


def duration(history: History) -> Iterator[tuple[str, str]]:
    """Report a run of over ten minutes that took three times as long as any like it."""
    run = history.run
    if (took := _seconds(run)) <= 600:
        return
    first = history.since(history.now - HISTORY)
    seconds = [_seconds(it) for it in history.runs[first:-1] if _alike(it, run)]
    longest = max(seconds, default=0)
    if len(seconds) >= 5 and took > 3 * longest:
        says = f"The run took {took / 60:.0f} minutes"
        yield "", f"{says}; the longest earlier run took {longest / 60:.0f}."


def _seconds(run: RunDocument) -> float:
    return float(run.get("stats", {}).get("elapsed_time_seconds", 0))


def _alike(one: RunDocument, other: RunDocument) -> bool:
    return one.get("arguments") == other.get("arguments") and one["reason"] == "finished"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


EVENTS: Mapping[str, Callable[[History], Iterator[tuple[str, str]]]] = {
    check.__name__: check
    for check in (
        ended,
        killed,
        site,
        balanced,
        complete,
        closed,
        shorter,
        refused,
        clock,
        state,
        errors,
        duration,
    )
}
"""Checks of single runs by their names. Each yields the subject and a sentence."""

CHECKS: Mapping[str, str] = {
    "began": "Report a crawl that did not begin.",
    **{name: (check.__doc__ or "").partition("\n")[0] for name, check in EVENTS.items()},
    "news": "Report fewer new articles than usual at these hours of these weekdays.",
    "coverage": "Report fields that are filled less often than usual, by source of the records.",
    "length": "Report that more records than usual are short, by source of the records.",
    "selectors": "Report selectors that match less often than usual.",
    "disagreement": "Report fields on which page and structured data disagree more than usual.",
    "rejected": "Report that more articles than usual were rejected.",
    "fallback": "Report that more pages than usual were read by the outlet's fallback.",
    "failed": "Report that more articles than usual failed.",
}
"""Every check, and what it reports."""


def findings(run: RunDocument, past: Sequence[RunDocument]) -> list[Finding]:
    """Return the findings of a run by itself; ``past`` are the runs before it, oldest first."""
    return list(look(History(in_time([*past, run])), Nothing()))


def look(history: History, memory: Memory) -> Iterator[Finding]:
    """Yield the findings of the last run of a history.

    A share that fell, and news that lack, are findings until the articles since prove the
    contrary.
    """
    seen = set()
    for name, check in EVENTS.items():
        for subject, says in check(history):
            seen.add((name, subject))
            yield Finding(name, subject, says)
    for finding in (*_shares(history, memory), *_news(history, memory)):
        if (finding.check, finding.subject) not in seen:
            yield finding


def _shares(history: History, memory: Memory) -> Iterator[Finding]:
    recent = history.after(history.now - _WEEK)
    tested = [it for it in shares(history) if it.count(history, recent, len(history))[1]]
    for share in tested:
        name = f"{share.check}:{share.subject}" if share.subject else share.check
        known = memory.standing(name)
        if known is None:
            begin, without = memory.begin(name), memory.periods(name)
            fell = shortfall(
                share,
                history,
                len(tested),
                history.since(begin) if begin else 0,
                [(history.since(start), history.after(end)) for start, end in without],
            )
            # What was over before it could be proven is no finding.
            if fell and not is_over(share, history, fell.usual, fell.first):
                yield _fallen(share, history, fell)
        elif known.since and known.usual:
            first = history.since(known.since)
            if is_over(share, history, known.usual, first):
                continue
            hits, tries = share.count(history, first, len(history))
            fell = Shortfall(first, hits, tries, known.usual)
            now = _fallen(share, history, fell)
            yield Finding(now.check, now.subject, now.says, known.since, known.usual)


def _fallen(share: Share, history: History, fell: Shortfall) -> Finding:
    since = history.times[min(fell.first, len(history) - 1)]
    hits, tries, usual = fell.hits, fell.tries, fell.usual_share
    misses, often = tries - hits, f"usually {1 - usual:.1%}"
    subject = share.subject
    if share.check == "complete":
        says = f"{misses} of {tries} listings could not be read, {often}"
    elif share.check == "rejected":
        says = f"{misses} of {tries} attempts to read an article were rejected, {often}"
        reasons: Counter[str] = Counter()
        for place, run in enumerate(history.runs[fell.first :], fell.first):
            rejected = Counter(run["books"]["rejected"])
            is_read = rejected.total() == history.read_again.get(place)
            if "reread" not in run.get("arguments", {}) and not is_read:
                reasons += rejected
        says += f" ({_listed(reasons)})" if reasons else ""
    elif share.check == "fallback":
        says = f"{misses} of {tries} pages matched no layout and were read by the fallback, {often}"
    elif share.check == "failed":
        says = f"{misses} of {tries} articles failed, {often}"
        failed = history.run["books"]["failed"]
        says += f" ({_listed(failed)})" if failed else ""
    elif share.check == "coverage":
        source, _, field = subject.partition("/")
        says = f"{field} is filled in {hits} of {tries} records from {source}, usually {usual:.0%}"
    elif share.check == "length":
        says = f"{misses} of {tries} records from {subject} have fewer than {LONG} words, {often}"
    elif share.check == "selectors":
        says = f"The selector {subject!r} matched on {hits} of {tries} pages, usually {usual:.0%}"
    else:
        says = f"Page and structured data disagree on {subject} in {misses} of {tries} pages, "
        says += often
    says += f", since {_time(since)}."
    return Finding(share.check, subject, says, since, fell.usual)


def _news(history: History, memory: Memory) -> Iterator[Finding]:
    known, begin = memory.standing("news"), memory.begin("news") or _LONG_AGO
    news, without = of_runs(history.news, history.run), memory.periods("news")
    if news is None:
        lack = None
        if known:
            yield known
    elif known and known.since:
        lack = news.compare(known.since, begin, without)
        if lack is None:
            yield known
    else:
        lack = news.silence(history.now, begin, without)
    if news and lack and not news.is_over(history.now, lack.since, begin, without):
        says = f"{lack.actual} new articles since {_time(lack.since)}, usually {lack.expected:.0f}"
        if why := missing_holidays(history.run.get("country", "")):
            says += f" ({why})"
        yield Finding("news", "", f"{says}.", lack.since, (lack.expected, 0))
