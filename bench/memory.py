"""Measure a run of 10,000 articles: its memory, its open files, and what remains of them."""

import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from bench.day import START, Crawler, latest
from bench.table import markdown
from tests.forks import ROOT, Stream
from tests.sample.day import DaySite
from tests.sample.server import running

ARTICLES = 10_000
SINCE = "2020-01-01"
_PAGE = 4096


def fresh(
    arguments: list[str], environment: Mapping[str, str], streams: tuple[Stream, Stream, Stream]
) -> subprocess.Popen[bytes]:
    """Start ``bench.hourly`` in a Python of its own, which imports what it needs and no more."""
    program = [sys.executable, "-m", "bench.hourly", *arguments]
    reads, writes, errors = (it.fileno() for it in streams)
    return subprocess.Popen(
        program, cwd=ROOT, env=environment, stdin=reads, stdout=writes, stderr=errors
    )


def resident(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    return int(Path(f"/proc/{pid}/statm").read_text("utf-8").split()[1]) * _PAGE / 1e6


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def run() -> str:
    """Return the report."""
    samples: list[tuple[int, float, int]] = []
    ended = threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        site = DaySite(START, articles=0, corrections=0, older=ARTICLES)
        output = Path(folder, "output")
        with (
            running(site) as server,
            closing(Crawler(output, server, {"NEWSCRAWL_PART_RECORDS": "1000"}, fresh)) as crawler,
        ):
            pid = crawler.process.pid
            # Imports and caches of the first run must not count for the second.
            crawler.crawl(START, discover="sitemap", limit="20")
            files = open_files(pid)

            def watch() -> None:
                while not ended.wait(0.5):
                    lines = list(output.glob("hill/run=*/part-*"))
                    written = sum(path.stat().st_size for path in lines)
                    samples.append((written, resident(pid), open_files(pid)))

            watcher = threading.Thread(target=watch)
            watcher.start()
            crawler.crawl(START + timedelta(minutes=1), discover="sitemap", since=SINCE)
            ended.set()
            watcher.join()
            samples.append((samples[-1][0] if samples else 1, resident(pid), open_files(pid)))
            left = open_files(pid) - files
        articles = len(latest(output))
    whole = samples[-1][0]
    rows = []
    for tenth in range(1, 11):
        span = [it for it in samples if (tenth - 1) / 10 < it[0] / whole <= tenth / 10]
        most = max((it[1] for it in span), default=0.0)
        rows.append(
            [
                f"{tenth * articles // 10:,}",
                f"{most:.0f}",
                str(max((it[2] for it in span), default=0)),
            ]
        )
    return "\n".join(
        [
            f"### Memory over a run of {articles:,} articles, read as pages",
            "",
            markdown(["articles", "MB at most", "open files"], rows),
            "",
            f"Files left open after the run: {left}.",
        ]
    )
