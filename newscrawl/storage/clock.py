"""Whether the machine's clock can be right."""

from datetime import datetime, timedelta

from newscrawl.extraction.dates import utc
from newscrawl.storage.document import ClockDocument, RunDocument
from newscrawl.storage.runs import run_end

SLACK = timedelta(minutes=5)
"""A clock may be set by so much without a word."""

_AHEAD = timedelta(days=365)


def fault_by_runs(now: datetime, latest: RunDocument | None) -> ClockDocument | None:
    """Return what is wrong with a clock that shows ``now`` after the latest run has ended."""
    if latest is None:
        return None
    before = run_end(latest)
    if now < before - SLACK:
        return _fault("behind", now, before, "run")
    if now > before + _AHEAD:
        return _fault("ahead", now, before, "run")
    return None


def fault_by_site(now: datetime, ahead: timedelta) -> ClockDocument | None:
    """Return what is wrong with a clock that shows ``now``, ``ahead`` of the site's clock."""
    if abs(ahead) <= SLACK:
        return None
    return _fault("ahead" if ahead > timedelta() else "behind", now, now - ahead, "site")


def fault_by_duration(started: datetime, now: datetime, took: timedelta) -> ClockDocument | None:
    """Return what is wrong with a clock that shows ``now`` when ``took`` has passed."""
    expected = started + took
    return _fault("jumped", now, expected, "start") if abs(now - expected) > SLACK else None


def _fault(fault: str, reads: datetime, expected: datetime, by: str) -> ClockDocument:
    return {"fault": fault, "reads": utc(reads), "expected": utc(expected), "by": by}


def says(clock: ClockDocument) -> str:
    """Return a sentence for people."""
    what = {
        "run": "the run before ended at",
        "site": "the site's clock shows",
        "start": "by the time that the run took it is",
    }[clock["by"]]
    return (
        f"The machine's clock is wrong ({clock['fault']}): it shows {clock['reads']}, and {what}"
        f" {clock['expected']}. Set the clock; the order of runs does not depend on it."
    )
