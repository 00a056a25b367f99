"""Detect a wrong clock of the machine."""

import time
from datetime import datetime, timedelta

from newscrawl.extraction.dates import utc
from newscrawl.storage.document import ClockDocument, RunDocument
from newscrawl.storage.runs import run_end

SLACK = timedelta(minutes=5)
"""A smaller difference is not reported."""

_AHEAD = timedelta(days=365)


def fault_by_runs(now: datetime, latest: RunDocument | None) -> ClockDocument | None:
    """Return the fault of a clock that shows ``now`` after the latest run has ended, or None."""
    if latest is None:
        return None
    before = run_end(latest)
    if now < before - SLACK:
        return _fault("behind", now, before, "run")
    if now > before + _AHEAD:
        return _fault("ahead", now, before, "run")
    return None


def fault_by_site(now: datetime, ahead: timedelta) -> ClockDocument | None:
    """Return the fault of a clock that shows ``now``, ``ahead`` of the site's clock, or None."""
    if abs(ahead) <= SLACK:
        return None
    return _fault("ahead" if ahead > timedelta() else "behind", now, now - ahead, "site")


def passed() -> float:
    """Return elapsed seconds, independent of the clock, including the machine's sleep."""
    # macOS counts the time of sleep in its monotonic clock.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def fault_by_duration(started: datetime, now: datetime, took: timedelta) -> ClockDocument | None:
    """Return the fault of a clock that shows ``now`` after a duration of ``took``, or None.

    >>> began, now = (datetime.fromisoformat(f"2026-11-26T{it}:00:00+00:00") for it in ("09", "04"))
    >>> fault_by_duration(began, now, timedelta(minutes=10))["expected"]
    '2026-11-26T09:10:00Z'
    """
    expected = started + took
    return _fault("jumped", now, expected, "start") if abs(now - expected) > SLACK else None


def _fault(fault: str, reads: datetime, expected: datetime, by: str) -> ClockDocument:
    return {"fault": fault, "reads": utc(reads), "expected": utc(expected), "by": by}


def says(clock: ClockDocument) -> str:
    """Return a sentence for people."""
    wrong, other = {
        "run": ("is wrong, or was in the run before", "the run before ended at"),
        "site": ("is wrong, or the site's is", "the site's clock shows"),
        "start": ("was set while the run was on", "by the time that the run took it should be"),
    }[clock["by"]]
    return (
        f"The machine's clock {wrong} ({clock['fault']}): it shows {clock['reads']}, and {other}"
        f" {clock['expected']}. Set the clock. The order of the runs does not depend on it."
    )
