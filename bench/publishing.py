"""Measure how many records a second the publishing process of ``newscrawl archive`` handles.

The reading processes return prepared results, one for each range, so they take little CPU time.
Everything else is the real command.
"""

import json
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import process_time, thread_time
from typing import NamedTuple

from scrapy.cmdline import execute

from bench.program import ROOT
from bench.table import markdown
from newscrawl.archives.engine import Processes
from newscrawl.archives.reading import read_range
from newscrawl.archives.tasks import Finding, Found, Orders, Result, Task
from newscrawl.commands import archive
from newscrawl.spiders.hill import HillSpider
from tests.archives import http, record, write
from tests.postgresql import BIN, running
from tests.recordings import address, article

RECORDS = 20_000
RANGE = 200  # records of a range in a list
OUTLETS = (1, 50)
ROUNDS = 1  # the best one counts
BODY = f"<p>{'It rained all day in the north of the town. ' * 5}</p>" * 10  # 500 words
FIRST = 6_000_001  # the article that all others are made from
PROGRAM = "from bench.publishing import program; program()"
ROW = """[{0}]
title = "{0}"
platform = "nexstar"
host = "{0}.example"
zone = "America/New_York"
"""
_TICK = os.sysconf("SC_CLK_TCK")


class Taken(NamedTuple):
    """CPU seconds of the process, of its thread that publishes, and of the database server."""

    process: float
    thread: float
    server: float


def prepared(task: Task) -> Result:
    """Return the prepared result of a range, instead of that of ``read_range``."""
    ((start, _), *_) = task.parts
    result: Result = pickle.loads(Path(f"{task.file}-{start}").read_bytes())
    return result


class Readers(Processes):
    """Processes that return prepared results.

    ``took``: CPU seconds of the publishing process and of its thread, from the first task on.
    """

    began: tuple[float, float] | None = None
    took: tuple[float, ...] = ()

    def submit(self, task: Task) -> Future[Result]:
        self.began = self.began or (process_time(), thread_time())
        return self._pool.submit(prepared, task)

    def close(self) -> None:
        if self.began and not self.took:
            type(self).took = (process_time() - self.began[0], thread_time() - self.began[1])
        super().close()


def program() -> None:
    """Run ``newscrawl archive`` with ``Readers``; print the exit code and the CPU seconds."""
    archive.Processes = Readers  # type: ignore[attr-defined]
    try:
        execute(["scrapy", "archive", *sys.argv[1:]])
    except SystemExit as end:
        print(end.code or 0, *Readers.took)


def results(folder: Path, outlets: list[str]) -> Path:
    """Write the results of all ranges, with copies of one article; return the list of records."""
    page = record(address(FIRST), http(article(FIRST, BODY)))
    path = write(folder / "page.warc.gz", [page])
    orders = Orders(makers={"hill": pickle.dumps(HillSpider)}, most=1 << 26)
    read = read_range(Task(orders=orders, file=str(path), outlets=("hill",)))
    (finding,) = read.found["hill"].findings
    for start in range(0, RECORDS, RANGE):
        result = Result({it: Found() for it in outlets})
        for number in range(start, min(start + RANGE, RECORDS)):
            outlet = outlets[number % len(outlets)]
            found = result.found[outlet]
            found.counts.records += 1
            found.findings.append(_copy(finding, outlet, str(FIRST + number)))
        Path(f"{path}-{start}").write_bytes(pickle.dumps(result))
    parts = ({"filename": str(path), "offset": it, "length": 1} for it in range(RECORDS))
    (listed := folder / "list.jsonl").write_text("\n".join(map(json.dumps, parts)), "utf-8")
    return listed


def _copy(finding: Finding, outlet: str, number: str) -> Finding:
    """Return a copy of an article with another outlet and another number, of the same length.

    The copies share objects, as the articles that one process reads do: pickle stores these once.
    """
    line, first, new = finding.line, str(FIRST), number
    assert line
    own = f'"outlet":"{outlet}","id":"{new}"'.encode()
    before = line.before.replace(f'"outlet":"hill","id":"{first}"'.encode(), own)
    after = line.after.replace(first.encode(), new.encode())
    url = finding.url.replace(first, new)
    fields = {**line.record, "outlet": outlet, "id": new, "url": url}
    copy = replace(line, before=before, after=after, record=fields)
    return replace(finding, id=new, url=url, line=copy)


@dataclass(frozen=True)
class Database:
    """A database for ledgers; ``postmaster`` is the process of a server, or 0."""

    settings: Mapping[str, str]
    postmaster: int = 0

    @property
    def cpu(self) -> float:
        """The CPU seconds of the server so far."""
        if not self.postmaster:
            return 0.0
        children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children")
        ticks = _ticks(self.postmaster, 4)
        return (ticks + sum(_ticks(int(it), 2) for it in children.read_text().split())) / _TICK


def _ticks(process: int, count: int) -> int:
    """Return the CPU time of a process in ticks; with ``count`` 4 also that of ended children."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return sum(int(it) for it in fields[11 : 11 + count])


@contextmanager
def sqlite() -> Iterator[Database]:
    """Give the default: a ledger in a SQLite file."""
    yield Database({})


@contextmanager
def postgresql() -> Iterator[Database]:
    """Start a new PostgreSQL server."""
    with running() as server:
        process = (server.folder / "data" / "postmaster.pid").read_text().split()[0]
        yield Database({"NEWSCRAWL_LEDGER_URL": server.url}, int(process))


def publish(folder: Path, listed: Path, outlets: list[str], database: Database) -> Taken:
    """Publish the articles of a list into a new output folder, each for its outlet."""
    table = folder / "outlets.toml"
    table.write_text("\n".join(ROW.format(it) for it in outlets), "utf-8")
    output = tempfile.mkdtemp(dir=folder)
    before = database.cpu
    words = (*outlets, f"@{listed}", "--workers", "2", "-s", "LOG_LEVEL=ERROR")
    own = {"NEWSCRAWL_OUTLETS": str(table), "NEWSCRAWL_OUTPUT_DIR": output}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=ROOT,
        env={**os.environ, **own, **database.settings},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    code, process, thread = done.stdout.split()
    runs = [json.loads(it.read_bytes()) for it in Path(output).glob("*/run=*/run.json")]
    assert (code, sum(it["books"]["new"] for it in runs)) == ("0", RECORDS)
    return Taken(float(process), float(thread), database.cpu - before)


def run() -> str:
    """Return the table of CPU time by database and number of outlets."""
    rows = []
    databases = {"SQLite": sqlite, **({"PostgreSQL": postgresql} if BIN else {})}
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as name:
        for count in OUTLETS:
            (folder := Path(name) / str(count)).mkdir()
            outlets = [f"o{number:03}" for number in range(count)]
            listed = results(folder, outlets)
            for title, database in databases.items():
                taken = []
                for _ in range(ROUNDS):
                    with database() as it:
                        taken.append(publish(folder, listed, outlets, it))
                best = [min(them) for them in zip(*taken, strict=True)]
                each = (f"{1e6 * it / RECORDS:.0f}" for it in best)
                rows.append((title, str(count), *each, f"{RECORDS / best[0]:,.0f}"))
    head = (
        *("ledger", "outlets", "µs of CPU a record, whole process"),
        *("of these, the publishing thread", "PostgreSQL server, in addition"),
        "records/s of one core",
    )
    return markdown(head, rows)
