"""Crawl a changing site for 48 hours with three faults; count missed articles and messages."""

import re
import tempfile
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Literal

from bench.day import START, agrees, crawling, latest
from bench.table import markdown
from newscrawl.monitoring.standing import Message, Standings
from newscrawl.storage.document import RunDocument
from newscrawl.storage.runs import closed_runs
from tests.sample import faults
from tests.sample.answer import Page
from tests.sample.day import DaySite
from tests.sample.faults import Faulty, Rule

HOURS = 48
# Each fault: its first run, its number of runs, and the check that must report it.
REFUSED, DOWN, CHANGED = 12, 20, 36
TROUBLE = {
    REFUSED: (1, "an hour of refusal (403)", "refused"),
    DOWN: (1, "an hour of downtime (503)", "complete"),
    CHANGED: (6, "a new layout: the tags' class is another", "selectors"),
}
_PAGES = r"^/(?!wp-json|sitemap|robots|(?:.*/)?feed/)"


def changed(_: str, healthy: Page) -> Page:
    """Return the page in a new layout, where tags have another class."""
    return replace(healthy, body=re.sub(rb"tags__item", b"topics__entry", healthy.body))


RULES = {
    REFUSED: Rule(_PAGES, faults.refused()),
    DOWN: Rule("", faults.status(503)),
    CHANGED: Rule(r"/\d{5,8}-", changed),
}


@dataclass
class Watch:
    """The result of the two days: messages by run, and what was wrong at the end."""

    messages: dict[int, Message] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    runs: list[RunDocument] = field(default_factory=list)

    def hours_of(self, check: str, what: Literal["begun", "ended"]) -> list[str]:
        """Return the runs after which a check's findings were told as new, or as over."""
        return [
            str(hour)
            for hour, message in self.messages.items()
            if any(it.check == check for it in getattr(message, what))
        ]


def simulate(output: Path, articles: int = 240, **settings: str) -> Watch:
    """Crawl every hour, the site changing as ``TROUBLE`` says."""
    watch = Watch()
    site = DaySite(START, articles=articles, corrections=articles // 4, days=2, older=60)
    faulty = Faulty(site)
    settings = {"NEWSCRAWL_PROBE_HOURS": "1,48", "RETRY_TIMES": "1", **settings}
    with crawling(output, faulty, **settings) as (crawler, _):
        for hour in range(HOURS + 1):
            site.now = START + timedelta(hours=hour)
            faulty.rules[:] = [
                RULES[start]
                for start, (length, _, _) in TROUBLE.items()
                if start <= hour < start + length
            ]
            crawler.crawl(site.now, discover="sitemap")
    watch.runs = list(closed_runs(output, "hill"))
    standings = Standings()
    for hour, run in enumerate(watch.runs):
        if message := standings.step(run):
            watch.messages[hour] = message
        standings.mark_sent(message)
    have = latest(output)
    known = {event.id for event in site.events()}
    watch.missing = [
        identity
        for identity, truth in site.expected().items()
        if identity in known and not agrees(have.get(identity), truth)
    ]
    return watch


def run() -> str:
    """Return the report."""
    with tempfile.TemporaryDirectory() as folder:
        watch = simulate(Path(folder))
    rows = []
    for start, (_, what, check) in TROUBLE.items():
        begun = watch.hours_of(check, "begun")
        over = watch.hours_of(check, "ended")
        rows.append([f"run {start}", what, check, ", ".join(begun), ", ".join(over)])
    expected = {check for _, _, check in TROUBLE.values()}
    others = [
        f"{it.name} (run {hour})"
        for hour, message in watch.messages.items()
        for it in message.begun
        if it.check not in expected
    ]
    return "\n".join(
        [
            "### Two days, crawled every hour, with an hour of refusal, one of downtime, and a"
            " layout change",
            "",
            markdown(["", "trouble", "check", "told as new in run", "told over in run"], rows),
            "",
            f"Articles and corrections missing at the end: {len(watch.missing)}."
            f" Other findings that were told: {', '.join(others) or 'none'}.",
        ]
    )
