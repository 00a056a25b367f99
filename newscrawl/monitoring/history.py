"""The runs of an outlet in time, and sums of their counters over any span of them."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from newscrawl.monitoring.news import News, of_runs
from newscrawl.monitoring.times import HISTORY
from newscrawl.storage.document import RunDocument, missing_listings
from newscrawl.storage.runs import OnDamage, closed_runs, read_run, run_start

_COUNTED = (
    "newscrawl/published/",
    "newscrawl/filled/",
    "newscrawl/long/",
    "newscrawl/short/",
    "newscrawl/unmatched/",
    "newscrawl/disagree/",
    "parser/css/",
)


def stats_under(run: RunDocument, prefix: str) -> dict[str, Any]:
    """Return the stats under a prefix, by the rest of their names."""
    stats = run.get("stats", {})
    return {name.removeprefix(prefix): stats[name] for name in stats if name.startswith(prefix)}


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


def counters(run: RunDocument) -> Iterator[tuple[str, int]]:
    """Yield the numbers of a run that are added up, by name.

    A run that reads responses again has none: they are of the past, and may be read many times.
    ``History`` corrects the counters of the run that rejected the responses.
    """
    if "reread" in run.get("arguments", {}):
        return
    pages = 0
    for name, value in run.get("stats", {}).items():
        if name.startswith(_COUNTED):
            yield name, value
        elif name.startswith("newscrawl/layout/"):
            pages += value
    books, listings = run["books"], run.get("listings")
    yield "pages", pages
    yield "fallback", run.get("stats", {}).get("newscrawl/fallback", 0)
    yield "read", books["new"] + books["revised"] + books["unchanged"]
    yield "rejected", sum(books["rejected"].values())
    yield "failed", sum(books["failed"].values())
    if listings and "asked" in listings:
        yield "asked", listings["asked"] - sum(listings.get("gone", {}).values())
        yield "unread", sum(missing_listings(run).values())


class History:
    """Runs of one outlet, the oldest first; the last one is the run that is checked."""

    def __init__(self, runs: Iterable[RunDocument] = ()) -> None:
        """Take runs whose times grow; see ``in_time``."""
        self.runs: list[RunDocument] = []
        self.times: list[datetime] = []
        self.sums: dict[str, list[int]] = {}
        """By counter: the sum over the first n runs, at place n."""
        self.news: dict[str, News] = {}
        """Series of new articles, by the arguments of the runs."""
        self.read_again: dict[int, int] = {}
        """By place of a run: how many of its rejected articles gave a record in a later reread."""
        self._kept: dict[str, int] = {}
        for run in runs:
            self.append(run)

    def append(self, run: RunDocument) -> None:
        """Add a run that started after all others."""
        place = len(self.runs)
        self.runs.append(run)
        self.times.append(run_start(run))
        for name, value in counters(run):
            sums = self.sums.setdefault(name, [0])
            if len(sums) <= place:
                sums.extend([sums[-1]] * (place + 1 - len(sums)))
            sums.append(sums[-1] + value)
        if (news := of_runs(self.news, run)) is not None:
            news.append(run)
        if kept := run.get("rejected_file"):
            self._kept[kept["sha256"]] = place
        for reread in run.get("reread", {}).values():
            if (of := self._kept.get(reread["sha256"])) is not None:
                self._count_as_read(of, reread.get("recovered", 0))

    def _count_as_read(self, place: int, recovered: int) -> None:
        """Count so many of the rejected articles of a run as read."""
        # An article may have several kept responses.
        count = min(recovered, sum(self.runs[place]["books"]["rejected"].values()))
        more = count - self.read_again.get(place, 0)
        if more <= 0:
            return
        self.read_again[place] = count
        for name, change in (("read", more), ("rejected", -more)):
            sums = self.sums[name]
            sums[place + 1 :] = [it + change for it in sums[place + 1 :]]

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.runs)

    @property
    def run(self) -> RunDocument:
        """The run that is checked."""
        return self.runs[-1]

    @property
    def now(self) -> datetime:
        """When the run that is checked started."""
        return self.times[-1]

    def after(self, moment: datetime) -> int:
        """Return the place of the first run that started after a moment."""
        return bisect_right(self.times, moment)

    def since(self, moment: datetime) -> int:
        """Return the place of the first run that started at a moment or after it."""
        return bisect_left(self.times, moment)

    def count(self, name: str, first: int, last: int) -> int:
        """Return the sum of a counter over the runs from ``first`` to before ``last``."""
        sums = self.sums.get(name)
        if sums is None or first >= last:
            return 0
        end = len(sums) - 1
        return sums[min(last, end)] - sums[min(first, end)]


def in_time(runs: list[RunDocument]) -> list[RunDocument]:
    """Return the runs, without those whose clock was wrong.

    Those that claim to be later than the last run are left out, and the fewest others that put
    the rest into the order of their times.
    """
    if not runs:
        return []
    times = [run_start(it) for it in runs]
    # The longest series of growing times: of each length, the one with the earliest end.
    ends: list[int] = []
    lasts: list[datetime] = []
    before: dict[int, int] = {}
    for place, time in enumerate(times[:-1]):
        if time < times[-1]:
            length = bisect_left(lasts, time)
            if length:
                before[place] = ends[length - 1]
            lasts[length : length + 1] = [time]
            ends[length : length + 1] = [place]
    kept = []
    at = ends[-1] if ends else None
    while at is not None:
        kept.append(runs[at])
        at = before.get(at)
    return [*reversed(kept), runs[-1]]
