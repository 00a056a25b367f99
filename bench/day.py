"""A simulated day: what each discovery method costs, and what it misses.

The living sample site stands at a time; a crawl of the unmodified spider runs at every full hour
of that day, at the site's own time. What the server was asked is counted, and what was
published is compared with what the site said at that hour.
"""

import json
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.table import markdown
from newscrawl.storage.parts import read_part
from tests.forks import Fork, Stream, forks
from tests.sample.answer import Site
from tests.sample.day import DaySite, Event
from tests.sample.server import SampleServer, running
from tests.sample.site import Expected

START = datetime(2026, 11, 10, 5, tzinfo=UTC)  # midnight in Washington
FAST = {
    "DOWNLOAD_DELAY": "0",
    "AUTOTHROTTLE_ENABLED": "False",
    "CONCURRENT_REQUESTS": "8",
    "CONCURRENT_REQUESTS_PER_DOMAIN": "8",
    "LOG_LEVEL": "INFO",
}
ARTICLES, CORRECTIONS, HOURS = 120, 30, 24
OLDER = 200  # articles before that day
PLANNED, WIRE = 10, 5  # of the articles: scheduled ones, and wire copy
BACKFILL = 3000
REVISITS = (1, 6, 24, 72)

Start = Callable[
    [list[str], Mapping[str, str], tuple[Stream, Stream, Stream]],
    Fork | subprocess.Popen[bytes],
]
"""Starts ``bench.hourly`` with arguments, environment, input, output and error output."""


def forked(
    arguments: list[str], environment: Mapping[str, str], streams: tuple[Stream, Stream, Stream]
) -> Fork:
    """Start ``bench.hourly`` in a process that has its imports done."""
    return forks().start(arguments, environment, streams, "bench.hourly:main")


class Crawler:
    """A process that crawls at any time it is told; see ``bench.hourly``."""

    def __init__(
        self,
        output: Path,
        server: SampleServer,
        settings: Mapping[str, str],
        start: Start = forked,
    ) -> None:
        pairs = [f"{name}={value}" for name, value in {**FAST, **settings}.items()]
        proxy = f"http://127.0.0.1:{server.port}"
        self.log = (output.parent / f"{output.name}.log").open("ab")
        environment = {
            **os.environ,
            "NEWSCRAWL_OUTPUT_DIR": str(output),
            # The truth is that of plain pages.
            "NEWSCRAWL_BROWSER": "/nonexistent",
            "https_proxy": proxy,
            "http_proxy": proxy,
        }
        self.channel, other = socket.socketpair()
        self.stream = self.channel.makefile("rw")
        with other:
            self.process = start(pairs, environment, (other, other, self.log))

    def crawl(self, now: datetime, spider: str = "", **arguments: str) -> str:
        """Run one crawl at a time; return its close reason. Raises RuntimeError if it died.

        ``spider`` names the class if it is not The Hill's.
        """
        order = {"now": now.isoformat(), "arguments": arguments, "spider": spider}
        self.stream.write(json.dumps(order) + "\n")
        self.stream.flush()
        if reason := self.stream.readline().strip():
            return reason
        raise RuntimeError(f"the crawl died, see {self.log.name}")

    def close(self) -> None:
        self.stream.close()
        self.channel.close()
        self.process.wait(60)
        self.log.close()


@contextmanager
def crawling(output: Path, site: Site, **settings: str) -> Iterator[tuple[Crawler, SampleServer]]:
    """Serve a site, and give a crawler that talks to it."""
    with running(site) as server:
        crawler = Crawler(output, server, settings)
        try:
            yield crawler, server
        finally:
            crawler.close()


def latest(output: Path, outlet: str = "hill") -> dict[str, dict[str, Any]]:
    """Return the latest published revision of every article."""
    found: dict[str, dict[str, Any]] = {}
    for part in sorted(output.glob(f"{outlet}/run=*/part-*.jsonl")):
        for record in read_part(part):
            found[record["id"]] = record
    return found


def agrees(record: Mapping[str, Any] | None, truth: Expected) -> bool:
    """Return whether a record is of the version that the site shows."""
    return record is not None and (record["headline"], record["body"]) == (
        truth.headline,
        "\n\n".join(truth.body) or None,
    )


@dataclass
class Day:
    """The result of a day with one discovery method."""

    method: str
    requests: int = 0
    events: int = 0
    late: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    published: int = 0

    @property
    def ratio(self) -> float:
        """Requests for each new or corrected article."""
        return self.requests / max(1, self.events)


def deadline(site: DaySite, method: str, event: Event) -> datetime | None:
    """Return when a method must know of an event at the latest; None: not within the day."""
    if event.kind == "new" or method in ("api", "sitemap"):
        return event.time
    published = datetime.fromisoformat(site.expected(event.time)[event.id].date_published)
    if method == "feeds":
        shown = list(site.expected(event.time))[:100]
        return event.time if event.id in shown else None
    ages = (published + timedelta(hours=age) for age in REVISITS)
    return next((age for age in ages if age > event.time), None)


def simulate(
    output: Path,
    method: str,
    site: DaySite,
    served: Site | None = None,
    hours: int = 24,
    warm: bool = True,
    **arguments: str,
) -> Day:
    """Crawl every hour of a day by one method; ``served`` is the site with its faults.

    ``warm`` crawls once before the day begins, uncounted, as of an outlet that is followed.
    """
    day = Day(method)
    arguments = {"discover": method, **arguments}
    with crawling(output, served or site) as (crawler, server):
        site.now = START
        if warm:
            assert crawler.crawl(START, **arguments) == "finished"
        warmed = len(server.requests)
        pending: list[tuple[datetime, Event]] = []
        events = iter(site.events())
        event = next(events, None)
        for hour in range(1, hours + 1):
            site.now = START + timedelta(hours=hour)
            while event is not None and event.time <= site.now:
                if event.kind != "touched":
                    day.events += 1
                    if (due := deadline(site, method, event)) is not None:
                        pending.append((due, event))
                event = next(events, None)
            reason = crawler.crawl(site.now, **arguments)
            assert reason == "finished", reason
            have, truth = latest(output), site.expected()
            for due, it in list(pending):
                if due <= site.now:
                    pending.remove((due, it))
                    if not agrees(have.get(it.id), truth[it.id]):
                        day.late.append(f"{it.kind} {it.id} of {it.time:%H:%M} at {site.now:%H:%M}")
        day.asked = [url for _, url in server.requests[warmed:]]
        day.requests = len(day.asked)
    day.records = latest(output)
    day.published = sum(
        1 for part in output.glob("hill/run=*/part-*.jsonl") for _ in read_part(part)
    )
    day.runs = [
        json.loads(path.read_text("utf-8")) for path in sorted(output.glob("hill/run=*/run.json"))
    ]
    return day


GOALS = {"api": 0.45, "sitemap": 1.6, "feeds": None, "links": 8}


def run() -> str:
    """Return the report."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for method, most in GOALS.items():
            site = DaySite(START, ARTICLES, CORRECTIONS, OLDER, planned=PLANNED, wire=WIRE)
            day = simulate(Path(folder, method), method, site, hours=HOURS)
            rows.append(
                [
                    f"`discover={method}`",
                    str(day.requests),
                    f"**{day.ratio:.2f}**",
                    f"{most}" if most else "",
                    str(len(day.late)),
                    str(len([it for it in day.runs if not it["complete"]])),
                ]
            )
        site = DaySite(START + timedelta(days=1), articles=0, corrections=0, older=BACKFILL)
        output = Path(folder, "backfill")
        with crawling(output, site) as (crawler, server):
            now = START + timedelta(days=1)
            crawler.crawl(now, discover="api", since="2026-01-01")
            articles, asked = len(latest(output)), len(server.requests)
        rows.append(
            ["backfill, `discover=api`", str(asked), f"**{asked / articles:.4f}**", "0.022", "", ""]
        )
    table = markdown(
        ["method", "requests", "for each article", "goal", "late", "incomplete runs"], rows
    )
    return "\n".join(
        [
            f"### A day of {ARTICLES} new articles and {CORRECTIONS} corrections,"
            " crawled every hour",
            "",
            f"{PLANNED} of the new articles were scheduled: their time of modification is older"
            f" than their publication. {WIRE} are wire copy, with a time of its own.",
            "",
            table,
            "",
            f"Requests of the {HOURS} runs, robots.txt and listings included, for each new or"
            " corrected article. Late: not published by the first run that could know of it.",
        ]
    )
