"""New articles by hour and weekday: how many are usual, and whether there are too few."""

import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from statistics import fmean
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newscrawl.monitoring.chance import few_events, many_events
from newscrawl.monitoring.quiet_days import Calendar
from newscrawl.monitoring.times import HISTORY
from newscrawl.storage.document import RunDocument
from newscrawl.storage.run_folder import PARTIAL
from newscrawl.storage.runs import run_start

Periods = tuple[tuple[datetime, datetime], ...]
"""Times from which to which something was wrong."""

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
# Windows that end with the last run, and how many of them a year has that tell something new.
_WINDOWS = {
    timedelta(hours=6): 365 * 3,
    timedelta(hours=12): 365 * 2,
    timedelta(days=1): 365 * 2,
    timedelta(days=1.5): 365,
    timedelta(days=2): 365,
    timedelta(days=3): 180,
    timedelta(days=7): 52 * 2,
}
# The windows overlap: they err together.
_FALSE_ALARMS_A_YEAR, _INDEPENDENT = 1.5, 5
_LONGEST_SPAN = _DAY
_LEAST_HISTORY = timedelta(days=7)
# A quiet day may have as few as this share of what is usual.
_QUIET = 0.3
# Variances of rates, relative to their squares: from day to day at least and at most, and what
# hours of a day have in addition.
_LEAST, _MOST, _HOURLY = 0.012, 0.25, 0.1
_PROOF, _PROVING_HOURS = 3e-5, 24


@dataclass(frozen=True, slots=True)
class Span:
    """The new articles of a run, and the time since the run before it."""

    end: datetime
    hours: float
    new: int
    weekday: int
    hour: int
    day: date
    """Weekday, hour and day at the outlet."""
    country: str

    @property
    def is_quiet(self) -> bool:
        """Whether the outlet may publish little on that day."""
        # Computed on demand: the library holidays takes a tenth of a second to import.
        return Calendar(self.country).is_quiet(self.day)


@dataclass(frozen=True, slots=True)
class Silence:
    """Too few new articles: since when, how many there were, and how many are usual."""

    since: datetime
    actual: int
    expected: float


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@dataclass(slots=True)
class News:
    """The spans of runs of one kind, the oldest first."""

    spans: list[Span] = field(default_factory=list)
    ends: list[datetime] = field(default_factory=list)
    _last: datetime | None = None
    _rates: dict[tuple[date, date, Periods], "Rates | None"] = field(default_factory=dict)

    def append(self, run: RunDocument) -> None:
        """Add a run that came to its end, without a limit."""
        end = run_start(run)
        if self._last and end - self._last <= _LONGEST_SPAN:
            local = (end - (end - self._last) / 2).astimezone(_zone(run.get("zone", "")))
            self.spans.append(
                Span(
                    end,
                    (end - self._last) / _HOUR,
                    run["books"]["new"],
                    local.weekday(),
                    local.hour,
                    local.date(),
                    run.get("country", ""),
                )
            )
            self.ends.append(end)
        self._last = end

    def silence(self, now: datetime, begin: datetime, without: Periods) -> Silence | None:
        """Return since when there are too few new articles, or None.

        Spans before ``begin`` do not count, nor those in the periods ``without``.
        """
        if not self.ends or self.ends[-1] != now:
            return None
        earliest = max([begin, *(end for _, end in without)])
        for window, looks in _WINDOWS.items():
            start = max(now - window, earliest)
            spans = self.spans[bisect_left(self.ends, start + timedelta(seconds=1)) :]
            if not spans or spans[0].end - spans[0].hours * _HOUR < earliest:
                spans = spans[1:]
            if not spans:
                continue
            rates = self._usual(min(start, now - _DAY), begin, without)
            if rates is None:
                continue
            actual, expected = sum(it.new for it in spans), rates.expected(spans)
            if actual >= expected:
                continue
            variance = rates.variance(spans)
            chance = _FALSE_ALARMS_A_YEAR / looks / _INDEPENDENT
            if _is_suspicious(actual, expected, variance) and (
                few_events(actual, expected, variance) < chance
            ):
                return self._change(spans, rates)
        return None

    @staticmethod
    def _change(spans: Sequence[Span], rates: "Rates") -> Silence:
        """Return the silence from the span on since which it is the least likely."""
        best, rarest = 0, 2.0
        for place in range(len(spans)):
            rest = spans[place:]
            expected = rates.expected(rest)
            chance = few_events(sum(it.new for it in rest), expected, rates.variance(rest))
            if chance < rarest:
                best, rarest = place, chance
        rest = spans[best:]
        since = rest[0].end - rest[0].hours * _HOUR
        return Silence(since, sum(it.new for it in rest), rates.expected(rest))

    def is_over(self, now: datetime, since: datetime, begin: datetime, without: Periods) -> bool:
        """Return whether the latest day or more proves that articles come as usual again.

        It is compared with the time before it, since ``since``, and with what is usual.
        """
        rates = self._usual(since, begin, without)
        if rates is None or not self.ends or self.ends[-1] != now:
            return False
        first = bisect_left(self.ends, since + timedelta(seconds=1))
        # As many as are usual on a quiet day prove nothing.
        loud = [it for it in self.spans[first:] if not it.is_quiet]
        for place in range(len(loud) - 1, max(0, len(loud) - 200), -1):
            spans = loud[place:]
            if sum(it.hours for it in spans) < _PROVING_HOURS:
                continue
            actual, expected = sum(it.new for it in spans), rates.expected(spans)
            variance = rates.variance(spans)
            before = loud[:place]
            # One article more, as a prior.
            bad = (sum(it.new for it in before) + 1) / (rates.expected(before) + 1)
            if (
                actual > 0.8 * expected
                and few_events(actual, expected, variance) > 0.1
                and many_events(actual, bad * expected, variance) < _PROOF
            ):
                return True
        return False

    def compare(
        self,
        since: datetime,
        begin: datetime,
        without: Periods,
    ) -> Silence | None:
        """Return what came since some time, and what is usual."""
        rates = self._usual(since, begin, without)
        spans = self.spans[bisect_left(self.ends, since + timedelta(seconds=1)) :]
        if rates is None or not spans:
            return None
        return Silence(since, sum(it.new for it in spans), rates.expected(spans))

    def _usual(
        self,
        until: datetime,
        begin: datetime,
        without: Periods,
    ) -> "Rates | None":
        """Return the rates of the six weeks before a day, made once a day."""
        begin = max(begin, until - HISTORY)
        key = begin.date(), until.date(), without
        if key not in self._rates:
            if len(self._rates) > 16:
                self._rates.clear()
            midnight = datetime(until.year, until.month, until.day, tzinfo=UTC)
            spans = [
                it
                for it in self.spans[
                    bisect_left(self.ends, begin) : bisect_left(self.ends, midnight)
                ]
                if not any(start < it.end <= end for start, end in without)
            ]
            enough = spans and spans[-1].end - spans[0].end >= _LEAST_HISTORY - _DAY
            self._rates[key] = Rates(spans) if enough else None
        return self._rates[key]


class Rates:
    """The usual new articles of an hour of each weekday, and how much days differ."""

    def __init__(self, spans: Sequence[Span]) -> None:
        """Learn from spans; quiet days teach nothing."""
        sums = defaultdict[tuple[int, int], list[float]](lambda: [0.0, 0.0])
        for it in spans:
            if not it.is_quiet:
                of_hour = sums[it.weekday, it.hour]
                of_hour[0] += it.new
                of_hour[1] += it.hours
        self._rates = dict(_smooth(sums))
        self._mean = fmean(self._rates.values()) if self._rates else 0.0
        days = defaultdict[date, list[float]](lambda: [0.0, 0.0])
        for it in spans:
            if not it.is_quiet:
                of_day = days[it.day]
                of_day[0] += it.new
                of_day[1] += self._rate(it)
        self.days = len(days)
        # A big day is no reason to expect less of the next.
        squares = [
            (min(actual / expected, 1.3) - 1) ** 2 - 1 / expected
            for actual, expected in days.values()
            if expected > 1
        ]
        # The rates were learned from the same days.
        found = fmean(squares) * 1.2 if len(squares) >= 7 else 0.03
        self._daily = min(max(found, _LEAST), _MOST) * (1 + 6 / max(self.days, 6))

    def _rate(self, it: Span) -> float:
        rate = self._rates.get((it.weekday, it.hour), self._mean) * it.hours
        return rate * _QUIET if it.is_quiet else rate

    def expected(self, spans: Sequence[Span]) -> float:
        """Return the usual new articles of some spans."""
        return sum(map(self._rate, spans))

    def variance(self, spans: Sequence[Span]) -> float:
        """Return the variance of the rate of some spans, relative to its square."""
        hours = max(1.0, sum(it.hours for it in spans))
        return self._daily * math.pow(min(1.0, 24 / hours), 0.7) + _HOURLY / hours


def _smooth(
    sums: Mapping[tuple[int, int], Sequence[float]],
) -> Iterator[tuple[tuple[int, int], float]]:
    """Yield the rate of every hour: the mean of those of its weekday and of all days like it."""
    for weekday in range(7):
        alike = range(5) if weekday < 5 else (weekday,)
        for hour in range(24):
            hours = [(hour + shift) % 24 for shift in (-1, 0, 1)]
            rates = []
            for days in ((weekday,), alike):
                found = [sums[day, it] for day in days for it in hours if (day, it) in sums]
                if length := sum(it[1] for it in found):
                    rates.append(sum(it[0] for it in found) / length)
            if rates:
                yield (weekday, hour), fmean(rates)


def _is_suspicious(actual: int, expected: float, variance: float) -> bool:
    """Return whether the exact test may find something; this one costs little."""
    return expected - actual > 1.8 * math.sqrt(expected + variance * expected**2)


def of_runs(news: dict[str, News], run: RunDocument) -> News | None:
    """Return the series of runs that are like a run; None if it tells nothing of the news."""
    arguments = run.get("arguments", {})
    if {*PARTIAL, "limit"} & set(arguments) or run["reason"] != "finished":
        return None
    return news.setdefault(repr(sorted(arguments.items())), News())
