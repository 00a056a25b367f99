"""Findings that last: when each began, when it was sent in an alert, and when it is over.

A finding is sent when it begins, every day for a week and every week after, and when it is over.
Its consequences are listed with it and not sent by themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from newscrawl.monitoring.accepted import Accepted
from newscrawl.monitoring.checks import Finding, look
from newscrawl.monitoring.history import History
from newscrawl.monitoring.news import Periods
from newscrawl.monitoring.times import HISTORY
from newscrawl.storage.document import RunDocument

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
# Runs in a row without it that end a finding on single runs.
_CLEAN_RUNS = 3
# A consequence shows soon; what comes later is a trouble of its own.
_SOON = timedelta(days=3)
# What its cause left behind is over soon after it, or is a trouble of its own.
_OUTLASTS = timedelta(days=2)
_CONSEQUENCES: Mapping[str, frozenset[str]] = {
    cause: frozenset(effects.split())
    for cause, effects in {
        "refused": "complete closed failed rejected news errors coverage selectors disagreement"
        " duration ended",
        "site": "complete closed failed rejected news errors coverage selectors disagreement"
        " duration ended length",
        "complete": "complete closed failed rejected news errors duration ended",
        "ended": "complete news errors duration killed",
        "killed": "complete news duration",
        "selectors": "selectors coverage disagreement rejected news",
        "rejected": "coverage selectors disagreement news",
        "fallback": "coverage selectors disagreement length",
        "coverage": "coverage disagreement",
        "failed": "news errors duration",
        "closed": "news",
        "clock": "news duration age",
    }.items()
}
_HARMFUL = {"complete", "news", "failed"}


@dataclass(slots=True)
class Standing:
    """A finding that lasts, and when it was sent."""

    finding: Finding
    began: datetime
    """When the run that found it first started."""
    cause: str = ""
    """The name of the finding of which this one is a consequence."""
    clean: int = 0
    """Runs in a row without it."""
    told: datetime | None = None
    """When it was sent first."""
    reminded: datetime | None = None
    """When it was sent last."""
    over: datetime | None = None
    """When it was over, until that is sent."""

    @property
    def since(self) -> datetime:
        """When the trouble began, as far as the runs show it."""
        return self.finding.since or self.began


@dataclass(frozen=True, slots=True)
class Message:
    """What to send after a run."""

    now: datetime
    begun: Sequence[Finding] = ()
    ended: Sequence[Finding] = ()
    reminded: Sequence[Finding] = ()
    consequences: Mapping[str, Sequence[Finding]] = field(default_factory=dict)
    """Other findings, by the name of their cause."""
    since: Mapping[str, datetime] = field(default_factory=dict)
    """When the findings began, by name."""

    def __bool__(self) -> bool:
        """Return whether there is something to report."""
        return bool(self.begun or self.ended or self.reminded)


class Standings:
    """The findings of an outlet that stand: a memory for the checks, updated by every run."""

    def __init__(
        self,
        standing: Iterable[Standing] = (),
        periods: Mapping[str, Periods] | None = None,
        accepted: Sequence[Accepted] = (),
    ) -> None:
        """Go on from what earlier runs left."""
        self.all = {it.finding.name: it for it in standing}
        self.ended_periods = dict(periods or {})
        self.accepted = accepted
        self.history = History()

    # What the checks ask.

    def standing(self, name: str) -> Finding | None:
        """Return a finding that stands."""
        known = self.all.get(name)
        return known.finding if known and not known.over else None

    def begin(self, name: str) -> datetime | None:
        """Return when the accepted change began that is the usual now."""
        begins = [it.since for it in self.accepted if it.finding == name and it.is_usual]
        return max(begins, default=None)

    def periods(self, name: str) -> Periods:
        """Return the times in which a finding stood."""
        return self.ended_periods.get(name, ())

    def is_accepted(self, it: Standing, now: datetime) -> bool:
        """Return whether an operator accepted a finding, and that still holds."""
        return any(a.covers(it.finding.name, it.began, now) for a in self.accepted)

    def now_standing(self) -> dict[Finding, datetime]:
        """Return the findings that stand and were not accepted, and when they began."""
        now = self.history.now
        return {
            it.finding: it.since
            for it in self.all.values()
            if not it.over and not self.is_accepted(it, now)
        }

    # Runs.

    def remember(self, run: RunDocument) -> None:
        """Add a run to the history without checking it."""
        self.history.append(run)

    def step(self, run: RunDocument) -> Message:
        """Check a run, update the findings, and return what to send."""
        self.history.append(run)
        now = self.history.now
        self._forget(now)
        self._update(list(look(self.history, self)), now)
        return self.message(now)

    def fail_to_begin(self, says: str, now: datetime) -> Message:
        """Take note of a crawl that did not begin, and return what to send."""
        finding = Finding("began", "", says)
        known = self.all.get(finding.name)
        if known and not known.over:
            known.finding = finding
        else:
            self.all[finding.name] = Standing(finding, now)
        return self.message(now)

    def _forget(self, now: datetime) -> None:
        """Drop findings that an accepted change explains, and periods of long ago."""
        for name, it in list(self.all.items()):
            begin = self.begin(name)
            if it.finding.is_proven and begin and it.since <= begin:
                del self.all[name]
        for name, periods in list(self.ended_periods.items()):
            kept = tuple(it for it in periods if now - it[1] < HISTORY + _WEEK)
            self.ended_periods[name] = kept

    def _update(self, found: Sequence[Finding], now: datetime) -> None:
        for finding in found:
            known = self.all.get(finding.name)
            if known is None or known.over:
                self.all[finding.name] = Standing(finding, now)
            else:
                known.finding = replace(finding, since=known.finding.since or finding.since)
                known.clean = 0
        names = {it.name for it in found}
        for name, it in self.all.items():
            if name in names or it.over:
                continue
            it.clean += 1
            at_once = it.finding.is_proven or it.finding.check in ("began", "refused")
            if at_once or it.clean >= _CLEAN_RUNS:
                it.over = now
                self.ended_periods[name] = (*self.periods(name), (it.since, now))
        # Causes first: a consequence has no consequences of its own.
        order = list(_CONSEQUENCES)
        for it in sorted(
            self.all.values(),
            key=lambda it: order.index(it.finding.check) if it.finding.check in order else 99,
        ):
            if not it.told:
                it.cause = self._cause(it, now)

    def _cause(self, it: Standing, now: datetime) -> str:
        """Return the name of the finding of which one is a consequence, or nothing."""
        for name, other in self.all.items():
            if (
                other is it
                or other.cause
                or it.finding.check not in _CONSEQUENCES.get(other.finding.check, ())
            ):
                continue
            is_equal = other.finding.check == it.finding.check
            if is_equal and (not other.told or it.began < other.began):
                continue
            if other.over and (it.since > other.over or now - other.over >= _OUTLASTS):
                continue
            if abs(it.began - other.began) <= _SOON:
                return name
        return ""

    # Messages.

    def message(self, now: datetime) -> Message:
        """Return what to send now."""
        shown = [it for it in self.all.values() if not self.is_accepted(it, now)]
        standing = [it for it in shown if not it.over]
        begun = [it for it in standing if not it.told and not it.cause]
        reminded = [it for it in standing if it.told]
        if not any(self._is_due(it, now) for it in reminded):
            reminded = []
        ended = [it for it in shown if it.over and it.told]
        consequences: dict[str, list[Finding]] = {}
        for it in standing:
            if it.cause and not it.told:
                consequences.setdefault(it.cause, []).append(it.finding)
        return Message(
            now,
            [it.finding for it in begun],
            [it.finding for it in ended],
            [it.finding for it in reminded],
            consequences,
            {it.finding.name: it.since for it in shown},
        )

    def _is_due(self, it: Standing, now: datetime) -> bool:
        """Return whether a reminder is due."""
        if not it.told or not it.reminded or self._needs_nothing(it):
            return False
        return now - it.reminded >= (_DAY if now - it.told <= _WEEK else _WEEK)

    def _needs_nothing(self, it: Standing) -> bool:
        """Return whether REST serves what the site refuses, so that nothing is to be done."""
        return it.finding.check == "refused" and not any(
            other.finding.check in _HARMFUL and not other.over for other in self.all.values()
        )

    def mark_sent(self, message: Message) -> None:
        """Take note that a message was sent, so that it is not sent again."""
        for finding in (*message.begun, *message.reminded):
            it = self.all[finding.name]
            it.told, it.reminded = it.told or message.now, message.now
        for name, it in list(self.all.items()):
            if it.over and (it.finding in message.ended or self.is_accepted(it, message.now)):
                it.told = None
            # Its consequences are no trouble of their own before they outlast it.
            if it.over and not it.told and message.now - it.over >= _OUTLASTS:
                del self.all[name]
