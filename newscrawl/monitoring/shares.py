"""Shares that fall: filled fields, matched selectors, records that pass, listings that answer.

Sums over the last run, 3, 6, 12 and 24 hours and 7 days are compared with the outlet's own past.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt

from newscrawl.monitoring.chance import Pair, few_hits, many_hits
from newscrawl.monitoring.history import History
from newscrawl.monitoring.times import HISTORY

Spans = Sequence[tuple[int, int]]
"""Spans of places in a history, from the first to before the last."""

# Windows that end with the last run, and how many of them a year has that tell something new.
_WINDOWS = {
    timedelta(0): 8760,
    timedelta(hours=3): 365 * 8,
    timedelta(hours=6): 365 * 8,
    timedelta(hours=12): 365 * 4,
    timedelta(days=1): 365 * 4,
    timedelta(days=7): 52 * 8,
}
_FALSE_ALARMS_A_YEAR = 0.5
# The past counts as at most so many articles, because a newsroom's habits change.
_WEIGHT = 400
_FEWEST = 20
_OVER, _PROVING = 1e-5, 8
_DAY, _WEEK = timedelta(days=1), timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Share:
    """Hits among tries. Of the counters for hits, misses and tries, two are given."""

    check: str
    subject: str
    hits: str = ""
    misses: str = ""
    tries: str = ""
    assumed: Pair | None = None
    """Hits and misses to start with; None means that nothing is found before some tries."""

    def count(self, history: History, first: int, last: int) -> tuple[int, int]:
        """Return hits and tries of the runs from ``first`` to before ``last``."""
        if not self.tries:
            hits = history.count(self.hits, first, last)
            return hits, hits + history.count(self.misses, first, last)
        tries = history.count(self.tries, first, last)
        if self.hits:
            return min(history.count(self.hits, first, last), tries), tries
        return max(0, tries - history.count(self.misses, first, last)), tries


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A share that fell: hits and tries since the change, and what is usual."""

    first: int
    """Place of the first run of the change."""
    hits: int
    tries: int
    usual: Pair
    """Hits and misses that count as the past."""

    @property
    def usual_share(self) -> float:
        """The usual share."""
        return self.usual[0] / sum(self.usual)


def shares(history: History) -> Iterator[Share]:
    """Yield every share of an outlet."""
    yield Share("complete", "listings", misses="unread", tries="asked", assumed=(49, 1))
    yield Share("rejected", "", hits="read", misses="rejected", assumed=(49, 1))
    yield Share("fallback", "", misses="fallback", tries="pages", assumed=(49, 1))
    yield Share("failed", "", hits="read", misses="failed", assumed=(49, 1))
    for name in list(history.sums):
        area, _, key = name.partition("/")[2].partition("/")
        if area == "filled":
            published = f"newscrawl/published/{key.partition('/')[0]}"
            yield Share("coverage", key, hits=name, tries=published)
        elif area == "long":
            yield Share("length", key, hits=name, misses=f"newscrawl/short/{key}")
        elif area == "unmatched":
            yield Share("selectors", key, hits=f"parser/css/{key}", misses=name)
        elif area == "disagree":
            yield Share("disagreement", key, misses=name, tries="pages", assumed=(19, 1))


def shortfall(
    share: Share, history: History, subjects: int, begin: int = 0, without: Spans = ()
) -> Shortfall | None:
    """Return how a share fell, or None.

    ``subjects`` are as many shares as are tested: the more, the rarer each must be. Runs before
    ``begin`` do not count, nor those in the spans ``without``.
    """
    last = len(history)
    oldest = max(begin, history.since(history.now - HISTORY))
    earliest = max([begin, *(end for _, end in without)])
    for window, looks in _WINDOWS.items():
        first = max(history.after(history.now - window) if window else last - 1, earliest)
        hits, tries = share.count(history, first, last)
        if hits == tries:
            continue
        usual = _usual(share, history, oldest, first, without)
        if usual is None or not _is_suspicious(hits, tries, usual):
            continue
        chance = _FALSE_ALARMS_A_YEAR / len(_WINDOWS) / looks / max(subjects, 1)
        if few_hits(hits, tries, usual) >= chance:
            continue
        uneven = dispersion(share, history, oldest, first, without)
        if few_hits(*_scaled(hits, tries, uneven), usual) < chance:
            return _change(share, history, first, oldest, without, usual)
    return None


def _scaled(hits: int, tries: int, uneven: Pair) -> Pair:
    """Return hits and tries, fewer if they depend on each other."""
    effect, a_day = uneven
    factor = 1 + (effect - 1) * min(1.0, tries / a_day)
    return hits / factor, tries / factor


def dispersion(share: Share, history: History, first: int, last: int, without: Spans = ()) -> Pair:
    """Return how much more a share differs from day to day than by chance, and tries a day."""
    days: list[tuple[int, int]] = []
    end = last
    while end > first:
        start = max(first, history.after(history.times[end - 1] - _DAY))
        if not any(start < stop and begin < end for begin, stop in without):
            days.append(share.count(history, start, end))
        end = start
    days = [it for it in days if it[1]]
    hits, tries = sum(hits for hits, _ in days), sum(tries for _, tries in days)
    a_day = tries / len(days) if days else 1.0
    if len(days) < 5 or not 0 < hits < tries:
        return 1.0, a_day
    usual = hits / tries
    spread = sum((n * usual - hit) ** 2 / (n * usual * (1 - usual)) for hit, n in days)
    return max(1.0, spread / (len(days) - 1)), a_day


def _usual(share: Share, history: History, first: int, last: int, without: Spans) -> Pair | None:
    """Return past hits and misses, scaled down to their weight; None if there are too few."""
    hits, tries = share.count(history, first, last)
    for start, end in without:
        if max(start, first) < min(end, last):
            more = share.count(history, max(start, first), min(end, last))
            hits, tries = hits - more[0], tries - more[1]
    if share.assumed is None and tries < _FEWEST:
        return None
    scale = min(1.0, _WEIGHT / tries) if tries else 1.0
    more_hits, more_misses = share.assumed or (0, 0)
    return hits * scale + more_hits, (tries - hits) * scale + more_misses


def _is_suspicious(hits: int, tries: int, usual: Pair) -> bool:
    """Return whether the exact test may find something; this one costs little."""
    weight = sum(usual) + 2
    share = (usual[1] + 1) / weight
    expected = tries * share
    spread = sqrt(expected * (1 - share) * (1 + tries / weight))
    return tries - hits > expected + 3 * spread


def _change(
    share: Share, history: History, first: int, oldest: int, without: Spans, usual: Pair
) -> Shortfall:
    """Return the shortfall from the run on since which it is the least likely."""
    last = len(history)
    best, rarest = first, 1.0
    for start in range(last - 1, first - 1, -1):
        chance = few_hits(*share.count(history, start, last), usual)
        if chance < rarest:
            best, rarest = start, chance
    hits, tries = share.count(history, best, last)
    return Shortfall(best, hits, tries, _usual(share, history, oldest, best, without) or usual)


def is_over(share: Share, history: History, usual: Pair, first: int) -> bool:
    """Return whether the latest articles prove that a share is back.

    They are compared with the others since ``first``, the first run of the trouble, and with what
    is usual. A few good articles are no proof. Rejected articles that gave a record in a reread
    count as read: if the share since ``first`` is then usual, the trouble is over, too.
    """
    last = len(history)
    if any(place >= first for place in history.read_again):
        hits, tries = share.count(history, first, last)
        if not _is_suspicious(hits, tries, usual):
            return True
    # One run may be lucky.
    for start in range(last - 2, max(first, history.after(history.now - _WEEK)), -1):
        hits, tries = share.count(history, start, last)
        bad_hits, bad_tries = share.count(history, first, start)
        if hits < _PROVING or not bad_tries or _is_suspicious(hits, tries, usual):
            continue
        scale = min(1.0, _WEIGHT / bad_tries)
        bad = bad_hits * scale, (bad_tries - bad_hits) * scale
        # So good by chance is too rare, and worse than usual it is not.
        if many_hits(hits, tries, bad) < _OVER and few_hits(hits, tries, usual) > 0.01:
            return True
    return False
