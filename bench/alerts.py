"""A simulated year of hourly runs, with faults: how soon alerts tell them, and false alarms.

Nothing is crawled. The simulation writes the ``run.json`` that a crawl would have left, and the
checks read them as they do after a crawl.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, cast
from zoneinfo import ZoneInfo

import numpy as np

from bench.table import markdown
from newscrawl.monitoring.standing import Standings
from newscrawl.storage.document import RunDocument
from newscrawl.storage.runs import run_name

SIZES = (6, 25, 100, 500)
SEEDS = 5
YEARS = 3
HISTORY, FAULTY, AFTER = timedelta(weeks=6), timedelta(days=14), timedelta(days=7)
YEAR = timedelta(days=365)
ZONE = ZoneInfo("America/New_York")
START = datetime(2025, 12, 1, 5, tzinfo=UTC)

# Share of a weekday's articles by local hour: few by night, most from nine to six.
_HOURS = np.array([2, 1, 1, 1, 2, 6, *[9] * 2, *[12] * 11, 9, 7, 5, 4, 3], dtype=float)
_WEEKEND = {5: 0.45, 6: 0.5}
# How much a newsroom publishes on a holiday, and on the days that are none by law.
_HOLIDAYS = {
    (1, 1): 0.35, (1, 2): 0.75, (5, 25): 0.45, (7, 3): 0.6, (7, 4): 0.4, (9, 7): 0.45,
    (11, 26): 0.35, (11, 27): 0.55, (12, 24): 0.55, (12, 25): 0.3, (12, 26): 0.55,
    (1, 19): 0.75, (2, 16): 0.8, (6, 19): 0.8, (10, 12): 0.9, (11, 11): 0.9,
    **{(12, day): 0.65 for day in range(27, 32)},
}  # fmt: skip
# Unevenness: of hours and of days, as variances of their factors.
_HOUR_VARIANCE, _DAY_VARIANCE = 0.1, 0.01
_BIG_DAYS, _BIG = 8, 1.6
# How often records have a field, pages a selector. How often differs from day to day.
FIELDS = {
    **dict.fromkeys(
        ("url", "headline", "date_published", "kind", "body", "language", "word_count"), 1.0
    ),
    **dict.fromkeys(("section", "sections", "date_modified", "content_hash"), 1.0),
    "description": 0.99,
    "authors": 0.97,
    "tags": 0.94,
    "images": 0.9,
    "links": 0.8,
}
SELECTORS = {"h1.title": 1.0, "div.text": 1.0, "a.tag": 0.94, "span.byline": 0.97, "p.lead": 0.4}
_DAILY = 60
_LISTINGS, _SECTION = 80, "https://thehill.com/opinion/"


@dataclass
class Numbers:
    """The numbers of one run, which a fault changes."""

    new: int
    fields: dict[str, int]
    selectors: dict[str, int]
    disagreeing: int
    rejected: int
    failed: int
    unread: int = 0
    errors: int = 0
    reason: str = ""
    gone: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)


class Newsroom:
    """An outlet of so many articles a weekday."""

    def __init__(self, articles: int, seed: int) -> None:
        self.articles = articles
        self.seed = seed
        self.random = np.random.default_rng((articles, seed))
        days = 1500
        self.days = self.random.gamma(1 / _DAY_VARIANCE, _DAY_VARIANCE, days)
        for big in self.random.integers(0, days, round(_BIG_DAYS * days / 365)):
            self.days[big] *= _BIG
        self.phase = self.random.uniform(0, 2 * np.pi)

    def expected(self, moment: datetime) -> float:
        """Return the mean number of articles in the hour before ``moment``."""
        local = (moment - timedelta(minutes=30)).astimezone(ZONE)
        day = (local.date() - START.astimezone(ZONE).date()).days
        factor = _WEEKEND.get(local.weekday(), 1.0)
        factor = min(factor, _HOLIDAYS.get((local.month, local.day), 1.0))
        season = 1 + 0.08 * np.sin(2 * np.pi * day / 365 + self.phase)
        share = _HOURS[local.hour] / _HOURS.sum()
        return float(self.articles * share * factor * season * self.days[day])

    def numbers(self, moment: datetime) -> Numbers:
        """Return what a good run at ``moment`` counts."""
        draw = self.random
        new = int(draw.poisson(self.expected(moment) * draw.gamma(10, _HOUR_VARIANCE)))
        day = np.random.default_rng((self.articles, self.seed, moment.toordinal()))

        def some(share: float) -> int:
            if share == 1:
                return new
            return int(draw.binomial(new, day.beta(share * _DAILY, (1 - share) * _DAILY)))

        rejected, failed, wrong = draw.binomial(new, [0.01, 0.007, 0.005])
        return Numbers(
            new,
            {name: some(share) for name, share in FIELDS.items()},
            {name: some(share) for name, share in SELECTORS.items()},
            int(wrong),
            int(rejected),
            int(failed),
            unread=int(draw.random() < 0.01),
        )


def document(moment: datetime, it: Numbers) -> RunDocument:
    """Return the ``run.json`` of a run that started at ``moment``."""
    listed = {"http 503": it.unread} if it.unread else {}
    gone = {"http 404": len(it.gone)} if it.gone else {}
    finished = moment + timedelta(minutes=5)
    run = {
        "run": run_name(moment),
        "spider": "hill",
        "arguments": {},
        "started": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
        "finished": f"{finished:%Y-%m-%dT%H:%M:%SZ}",
        "country": "US",
        "zone": "America/New_York",
        "reason": it.reason or "finished",
        "complete": not it.unread,
        "parts": [],
        "withdrawn": [],
        "waiting": 0,
        "books": {
            "discovered": it.new + it.rejected + it.failed,
            "known": 0,
            "new": it.new,
            "revised": 0,
            "unchanged": 0,
            "rejected": {"no body": it.rejected} if it.rejected else {},
            "failed": {"timeout": it.failed} if it.failed else {},
            "pending": 0,
        },
        "listings": {
            "asked": _LISTINGS,
            "read": _LISTINGS - it.unread - len(it.gone),
            "unchanged": 0,
            "not_due": 0,
            "refused": 0,
            "failed": {**listed, **gone},
            "gone": gone,
            "gone_at": list(it.gone),
        },
        "stats": {
            "elapsed_time_seconds": 300.0,
            "newscrawl/published/page": it.new,
            "newscrawl/layout/new": it.new,
            "newscrawl/disagree/headline": it.disagreeing,
            **({"log_count/ERROR": it.errors} if it.errors else {}),
            **{f"newscrawl/filled/page/{name}": count for name, count in it.fields.items()},
            **{f"parser/css/{name}": count for name, count in it.selectors.items()},
            **{f"newscrawl/unmatched/{name}": it.new - n for name, n in it.selectors.items()},
        },
        **it.more,
    }
    return cast("RunDocument", run)


@dataclass(frozen=True)
class Fault:
    """A fault: what it does to a run's numbers, and the findings that may report it."""

    what: str
    change: Callable[[Numbers, np.random.Generator], None]
    names: frozenset[str]
    goal: str
    length: timedelta = FAULTY


def field_to(share: float) -> Callable[[Numbers, np.random.Generator], None]:
    """A field falls from 100 % to ``share``."""

    def change(it: Numbers, draw: np.random.Generator) -> None:
        it.fields["section"] = int(draw.binomial(it.new, share))

    return change


def selector_to(share: float) -> Callable[[Numbers, np.random.Generator], None]:
    """A selector, and the field that it fills, fall from 100 % to ``share``."""

    def change(it: Numbers, draw: np.random.Generator) -> None:
        it.selectors["div.text"] = int(draw.binomial(it.new, share))
        it.fields["headline"] = it.selectors["div.text"]

    return change


def half(it: Numbers, draw: np.random.Generator) -> None:
    """Half of the new articles are not discovered."""
    share = draw.binomial(it.new, 0.5) / it.new if it.new else 0
    it.new = round(it.new * share)
    for counts in (it.fields, it.selectors):
        for name, count in counts.items():
            counts[name] = min(it.new, round(count * share))


def closed(it: Numbers, _: np.random.Generator) -> None:
    """The listing of a section answers 404."""
    it.gone = (_SECTION,)


def down(it: Numbers, _: np.random.Generator) -> None:
    """The site answers 503 to everything."""
    it.failed, it.rejected, it.new, it.unread, it.errors = 2, 0, 0, _LISTINGS, 3
    it.disagreeing = 0
    it.fields = dict.fromkeys(it.fields, 0)
    it.selectors = dict.fromkeys(it.selectors, 0)


def killed(it: Numbers, _: np.random.Generator) -> None:
    """The run is ended by its memory limit."""
    it.reason = "memusage_exceeded"


_FIELD = frozenset({"coverage:page/section"})
_SELECTOR = frozenset({"coverage:page/headline", "selectors:div.text"})
FAULTS = (
    *(
        Fault(f"a field falls from 100 % to {share:.0%}", field_to(share), _FIELD, goal)
        for share, goal in ((0, "6"), (0.5, "8"), (0.8, "48"), (0.9, "168"))
    ),
    *(
        Fault(f"a selector falls from 100 % to {share:.0%}", selector_to(share), _SELECTOR, goal)
        for share, goal in ((0, "6"), (0.5, "8"), (0.8, "48"), (0.9, "168"))
    ),
    Fault("half of the new articles missing", half, frozenset({"news"}), "36"),
    Fault("a section's listing answers 404", closed, frozenset({f"closed:{_SECTION}"}), "24"),
    Fault(
        "the site is down for 3 hours",
        down,
        frozenset({"complete:listings"}),
        "",
        timedelta(hours=3),
    ),
    Fault(
        "the site is down for 2 days", down, frozenset({"complete:listings"}), "", timedelta(days=2)
    ),
    Fault("every run ends early", killed, frozenset({"ended"}), "", timedelta(days=2)),
)


def moments(start: datetime, length: timedelta) -> Iterator[datetime]:
    for hour in range(length // timedelta(hours=1)):
        yield start + timedelta(hours=hour)


@dataclass
class Detection:
    """When the messages reported a fault and its end, in hours after each; None: never."""

    reported: float | None = None
    end_reported: float | None = None
    times_new: int = 0
    other_alarms: int = 0


def suffer(articles: int, fault: Fault, seed: int) -> Detection:
    """Simulate six weeks, a fault, and the time after it."""
    draw = random.Random(f"{articles} {fault.what} {seed}")
    start = START + timedelta(hours=draw.randrange(300 * 24))
    room, standings, found = Newsroom(articles, seed), Standings(), Detection()
    begins = start + HISTORY
    ends = begins + fault.length
    for moment in moments(start, HISTORY + fault.length + AFTER):
        numbers = room.numbers(moment)
        is_faulty = begins <= moment < ends
        if is_faulty:
            fault.change(numbers, room.random)
        run = document(moment, numbers)
        if moment < begins - timedelta(days=1):
            standings.remember(run)
            continue
        message = standings.step(run)
        standings.mark_sent(message)
        if any(it.name in fault.names for it in message.begun) and moment >= begins:
            if found.reported is None:
                found.reported = (moment - begins) / timedelta(hours=1) + 1
            found.times_new += 1
        elif message.begun:
            found.other_alarms += 1
        if (
            moment >= ends
            and found.end_reported is None
            and any(it.name in fault.names for it in message.ended)
        ):
            found.end_reported = (moment - ends) / timedelta(hours=1) + 1
    return found


def false_alarms(articles: int, seed: int) -> list[str]:
    """Simulate a year without a fault, after six weeks; return time and names of the alarms."""
    room, standings = Newsroom(articles, seed), Standings()
    alarms = []
    for moment in moments(START, HISTORY + YEAR):
        run = document(moment, room.numbers(moment))
        if moment < START + HISTORY:
            standings.remember(run)
            continue
        message = standings.step(run)
        standings.mark_sent(message)
        if message.begun:
            names = ", ".join(it.name for it in message.begun)
            alarms.append(f"{moment:%d %b} {names}")
    return alarms


def _hours(values: Sequence[float | None]) -> str:
    """Return median, least and most of some hours, and how many are none."""
    found = sorted(it for it in values if it is not None)
    never = f"never {len(values) - len(found)} of {len(values)}"
    if not found:
        return never
    text = f"{median(found):.0f} ({found[0]:.0f}–{found[-1]:.0f})"
    return text if len(found) == len(values) else f"{text}, {never}"


def run() -> str:
    """Return the report."""
    rows = []
    for fault in FAULTS:
        results = [[suffer(size, fault, seed) for seed in range(SEEDS)] for size in SIZES]
        begun = [_hours([it.reported for it in found]) for found in results]
        ended = [
            _hours([it.end_reported for it in found if it.reported is not None])
            for found in results
        ]
        often = [str(max((it.times_new for it in found), default=0)) for found in results]
        others = str(sum(it.other_alarms for found in results for it in found))
        cells = [f"{one}; {end}" for one, end in zip(begun, ended, strict=True)]
        rows.append([fault.what, fault.goal, *cells, "/".join(often), others])
    sizes = [f"{size} a day" for size in SIZES]
    heads = ["fault", "goal at 100 a day", *sizes, "reported as new, at most", "other alarms"]
    alarms = []
    for size in SIZES:
        found = [it for seed in range(YEARS) for it in false_alarms(size, seed)]
        names = "; ".join(found) or "none"
        alarms.append(f"- {size} articles a day: {len(found) / YEARS:.1f} a year ({names})")
    return "\n".join(
        [
            "### Hours until a fault is reported, and until its end is: median (least–most) of"
            f" {SEEDS} simulations each",
            "",
            markdown(heads, rows),
            "",
            f"False alarms in {YEARS} simulated years without a fault:",
            "",
            *alarms,
        ]
    )
