"""Many outlets every hour on two nodes: CPU, memory, requests, and how late an article comes.

The sample site lives a day under many names. The dispatcher makes its pass in every minute of that
day; each crawl that it gives is a process of its own, by the site's clock, with PostgreSQL and S3
on loopback. The nodes take jobs as a Scrapyd does; the crawls have no pause between requests.

Each crawl of the last hour is a new Python process, as with Scrapyd; its CPU time and memory are
measured. The others are forked from a process that has imported all modules, to save an hour.
"""

import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles

from bench.at import AT
from bench.day import START
from bench.program import measured
from bench.table import markdown
from newscrawl.dispatch.dispatcher import Dispatcher
from newscrawl.dispatch.memory import Memory
from newscrawl.dispatch.nodes_table import Crawl, NodesTable
from newscrawl.dispatch.nodes_table import Node as Row
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import read_part
from newscrawl.storage.runs import run_folders
from tests import nodes as fakes
from tests import postgresql
from tests.forks import forks
from tests.sample.answer import Fault, Page
from tests.sample.day import DaySite
from tests.sample.server import SampleServer, running
from tests.storage import Storage, serving

OUTLETS, HOURS = 200, 24
ARTICLES, CORRECTIONS, OLDER = 120, 30, 40  # of each outlet: in a day, in a day, before it
PLACES = 4
LONGEST = 600.0  # seconds until a crawl times out
SETTINGS = ("DOWNLOAD_DELAY=0", "AUTOTHROTTLE_ENABLED=False")
ROW = """[{0}]
title = "{0}"
platform = "nexstar"
host = "{0}.example"
zone = "America/New_York"
"""


class Names:
    """A site that has the same articles under every host name."""

    def __init__(self, site: DaySite) -> None:
        self.site = site

    def get(self, url: str) -> Page | Fault:
        host = url.removeprefix("https://").partition("/")[0]
        answer = self.site.get(url.replace(host, "thehill.com", 1))
        if not isinstance(answer, Page):
            return answer
        headers = tuple((name, it.replace("thehill.com", host)) for name, it in answer.headers)
        body = answer.body.replace(b"thehill.com", host.encode())
        return replace(answer, headers=headers, body=body)


@dataclass
class Totals:
    """CPU seconds and memory of crawls and passes, and the delay of each article in minutes.

    ``cpu`` and ``memory`` count only the crawls of the last hour; ``measured`` is their number.
    """

    runs: int = 0
    wrong: int = 0
    measured: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    passes: int = 0
    passes_cpu: float = 0.0
    longest_wait: float = 0.0
    late: list[float] = field(default_factory=list)


class Simulation:
    """A day of many outlets on nodes ``a`` and ``b``."""

    def __init__(
        self,
        folder: Path,
        site: DaySite,
        ledger: str,
        storage: Storage,
        server: SampleServer,
        nodes: list[fakes.Node],
    ) -> None:
        self.folder, self.site, self.nodes = folder, site, nodes
        self.totals = Totals()
        self.ledger = Ledger(ledger)
        self.outlets = [f"o{number:03}" for number in range(1, OUTLETS + 1)]
        (folder / "outlets.toml").write_text("\n".join(map(ROW.format, self.outlets)), "utf-8")
        self.environment = {
            **storage.environment,
            "https_proxy": f"http://127.0.0.1:{server.port}",
            "NEWSCRAWL_BROWSER": "/nonexistent",
            "NEWSCRAWL_LEDGER_URL": ledger,
            "NEWSCRAWL_LOG_LEVEL": "WARNING",
            "NEWSCRAWL_OUTLETS": str(folder / "outlets.toml"),
            "NEWSCRAWL_REMOTE": f"s3://{storage.bucket()}/news",
        }
        rows = [Row(it.name, it.url, PLACES, "newscrawl", fakes.PASSWORD) for it in nodes]
        self.table = NodesTable(tuple(rows), (Crawl("hourly", 60),))
        # Only what appears after the first hour counts: each outlet is known by then.
        self.appears = {
            it.id: it.time
            for it in site.events()
            if it.kind == "new" and START + timedelta(hours=1) <= it.time
        }

    def minute(self, moment: datetime, threads: ThreadPoolExecutor) -> None:
        """Make a pass, and run what it gave."""
        self.site.now = moment
        for it in self.nodes:
            it.moment = moment.timestamp()
        began = time.process_time()
        done = Dispatcher(
            self.table, {"hourly": self.outlets}, Memory(self.ledger), moment.timestamp()
        ).work()
        self.totals.passes += 1
        self.totals.passes_cpu += time.process_time() - began
        waits = [it.late for it, _ in done.given] + [it.late for it in done.waiting]
        if moment >= START + timedelta(hours=1):
            self.totals.longest_wait = max(self.totals.longest_wait, *waits, 0)
        list(threads.map(lambda it: self.crawl(it[0].outlet, it[1], moment), done.given))

    def crawl(self, outlet: str, name: str, moment: datetime) -> None:
        """Run a crawl at a time on the site; note what it took and what it published."""
        output = self.folder / name
        settings = [it for pair in SETTINGS for it in ("-s", pair)]
        arguments = [moment.isoformat(), "crawl", outlet, "-a", "discover=api", *settings]
        environment = {**self.environment, "NEWSCRAWL_NODE": name}
        totals, began = self.totals, time.monotonic()
        if moment < START + timedelta(hours=HOURS - 1):
            environment = {**os.environ, **environment, "NEWSCRAWL_OUTPUT_DIR": str(output)}
            code = forks().run(arguments, environment, LONGEST, "bench.at:main").returncode
        else:
            took = measured(output, AT, *arguments, **environment)
            code = took.code
            totals.measured += 1
            totals.cpu += took.cpu
            totals.memory = max(totals.memory, took.memory)
        ends = moment + timedelta(seconds=time.monotonic() - began)
        (node,) = (it for it in self.nodes if it.name == name)
        node.jobs[outlet] = ends.timestamp()
        totals.runs += 1
        totals.wrong += code != 0
        for part in run_folders(output, outlet)[-1].glob("part-*.jsonl"):
            for record in read_part(part):
                if record["revision"] == 1 and (appeared := self.appears.get(record["id"])):
                    totals.late.append((ends - appeared).total_seconds() / 60)


def run() -> str:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        days = -(-HOURS // 24)
        site = DaySite(START, ARTICLES * days, CORRECTIONS * days, OLDER, days)
        ledger = stack.enter_context(postgresql.running())
        storage = stack.enter_context(serving())
        server = stack.enter_context(running(Names(site)))
        nodes = stack.enter_context(fakes.running("a", "b"))
        simulation = Simulation(folder, site, ledger.url, storage, server, nodes)
        stack.callback(simulation.ledger.close)
        threads = stack.enter_context(ThreadPoolExecutor(os.cpu_count()))
        for minute in range(HOURS * 60):
            simulation.minute(START + timedelta(minutes=minute), threads)
        asked, stored = len(server.requests), len(storage.requests)
        shares = [len(it.taken) for it in nodes]
    return report(simulation.totals, asked, stored, shares)


def report(totals: Totals, asked: int, stored: int, shares: list[int]) -> str:
    late = quantiles(totals.late or [0.0, 0.0], n=100, method="inclusive")
    rows = [
        ("crawls, of these not with exit code 0", f"{totals.runs}, {totals.wrong}"),
        ("crawls of node a and of node b", ", ".join(map(str, shares))),
        ("CPU of a crawl, seconds", f"{totals.cpu / totals.measured:.2f}"),
        ("CPU of all crawls, share of a core", f"{totals.cpu / 3600:.2f}"),
        ("memory of a crawl at most, MB", f"{totals.memory:.0f}"),
        ("requests to a site, a crawl", f"{asked / totals.runs:.1f}"),
        ("requests to the storage, a crawl", f"{stored / totals.runs:.1f}"),
        ("CPU of a pass of the dispatcher, seconds", f"{totals.passes_cpu / totals.passes:.3f}"),
        ("longest wait of a due crawl, minutes", f"{totals.longest_wait / 60:.0f}"),
        ("new articles after the first hour", str(len(totals.late))),
        ("minutes until an article is published: median", f"{late[49]:.0f}"),
        ("99 of 100", f"{late[98]:.0f}"),
        ("the latest", f"{max(totals.late, default=0):.0f}"),
    ]
    title = f"{OUTLETS} outlets every hour on two nodes, {HOURS} simulated hours"
    return f"{markdown((title, 'value'), rows)}\n"
