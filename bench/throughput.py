"""Measure pages a second of the spider, beside a spider that only extracts links."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.table import markdown

ROOT = Path(__file__).parents[1]
BARE_SPIDER = Path(__file__).with_name("bare_spider.py")

ARTICLES = 2350  # with their listings over 3,000 pages
ROUNDS = 3
CONCURRENCY = 16
START_SECONDS = 30
CRAWL_SECONDS = 240

SETTINGS: Mapping[str, object] = {
    "STATS_CLASS": "bench.stats.FileStats",
    "DOWNLOAD_DELAY": 0,
    "AUTOTHROTTLE_ENABLED": False,
    "CONCURRENT_REQUESTS": CONCURRENCY,
    "CONCURRENT_REQUESTS_PER_DOMAIN": CONCURRENCY,
    "TELNETCONSOLE_ENABLED": False,
    "REMOTE_CONTROL_ENABLED": False,
    "LOG_LEVEL": "WARNING",
}


class BenchError(Exception):
    """The benchmark cannot continue; the message states why."""


@dataclass(frozen=True, slots=True)
class Crawl:
    """The stats of one crawl."""

    responses: int
    seconds: float
    cpu_seconds: float
    items: int

    @property
    def rate(self) -> float:
        """Responses a second."""
        return self.responses / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Processor time for a response, in milliseconds."""
        return 1000 * self.cpu_seconds / self.responses


@contextmanager
def sample_server(articles: int) -> Iterator[str]:
    """Serve the sample site from a process of its own while the block lasts; give its address."""
    command = [sys.executable, "-m", "tests.sample", "serve", "--articles", str(articles)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            with selectors.DefaultSelector() as selector:
                selector.register(server.stdout, selectors.EVENT_READ)
                ready = selector.select(START_SECONDS)
            address = server.stdout.readline().strip() if ready else ""
            if not address.startswith("http://127.0.0.1:"):
                raise BenchError("the sample server did not start")
            yield address
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


def crawl(
    command: list[str],
    folder: Path,
    proxy: str,
    module: str = "newscrawl.settings",
    **settings: object,
) -> Crawl:
    """Run one crawl of Scrapy's command line in ``folder``; return its stats.

    ``module`` is the settings module. Nothing of the environment changes the crawl: a bare spider
    would take the project's settings from ``SCRAPY_SETTINGS_MODULE``.
    """
    stats = folder / "stats.json"
    stats.unlink(missing_ok=True)
    options = {**SETTINGS, **settings, "BENCH_STATS": stats}
    arguments = [part for name, value in options.items() for part in ("-s", f"{name}={value}")]
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("NEWSCRAWL_", "SCRAPY_"))
    }
    environment |= {"https_proxy": proxy, "http_proxy": proxy, "PYTHONPATH": str(ROOT)}
    if command[0] == "crawl":
        environment["SCRAPY_SETTINGS_MODULE"] = module
    with (folder / "log").open("w+", encoding="utf-8") as log:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "scrapy", *command, *arguments],
                cwd=ROOT if command[0] == "crawl" else folder,
                env=environment,
                stdout=log,
                stderr=log,
                timeout=CRAWL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BenchError(f"{command[0]} was not done in {CRAWL_SECONDS} seconds") from None
        log.seek(0)
        if done.returncode or not stats.exists():
            raise BenchError(f"{command[0]} ended with {done.returncode}: {log.read()[-1000:]}")
    told: dict[str, Any] = json.loads(stats.read_text(encoding="utf-8"))
    return Crawl(
        responses=told["response_received_count"],
        seconds=told["elapsed_time_seconds"],
        cpu_seconds=told["bench/cpu_seconds"],
        items=told.get("item_scraped_count", 0),
    )


def take_turns(folder: Path) -> dict[str, list[Crawl]]:
    """Crawl with both spiders, one after the other, several times."""
    addresses = folder / "addresses"
    hill = ["crawl", "hill", "-a", "fetch=page", "-a", f"pages={ARTICLES}"]
    bare = ["runspider", str(BARE_SPIDER), "-a", f"addresses={addresses}"]
    crawls: dict[str, list[Crawl]] = {"hill": [], "without": [], "bare": []}
    with sample_server(ARTICLES) as proxy:
        for number in range(ROUNDS):
            print(f"Crawls {number + 1} of {ROUNDS} …", file=sys.stderr, flush=True)
            settings: dict[str, Any] = {"NEWSCRAWL_OUTPUT_DIR": folder / f"output-{number}"}
            if not number:
                settings["BENCH_ADDRESSES"] = addresses
            crawls["hill"].append(crawl(hill, folder, proxy, **settings))
            settings["NEWSCRAWL_OUTPUT_DIR"] = folder / f"without-{number}"
            told = crawl(hill, folder, proxy, "bench.no_ledger", **settings)
            crawls["without"].append(told)
            crawls["bare"].append(crawl(bare, folder, proxy))
    return crawls


def run() -> str:
    """Return the report. Raises BenchError when there is nothing to report."""
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as folder:
        crawls = take_turns(Path(folder))
    rates = {name: median(crawl.rate for crawl in told) for name, told in crawls.items()}
    titles = {
        "hill": "`scrapy crawl hill`",
        "without": "the same without its ledger",
        "bare": "bare Scrapy, links only",
    }
    table = markdown(
        ["crawl", "pages", "records", "pages/s", "each round", "CPU ms a page", "of bare Scrapy"],
        [
            [
                titles[name],
                f"{told[0].responses:,}",
                f"{told[0].items:,}",
                f"**{rates[name]:.0f}**",
                ", ".join(f"{it.rate:.0f}" for it in told),
                f"{median(it.cpu_ms for it in told):.1f}",
                f"**{rates[name] / rates['bare']:.2f}**",
            ]
            for name, told in crawls.items()
        ],
    )
    return "\n".join(
        [
            "### Throughput of a crawl",
            "",
            table,
            "",
            f"Medians of {ROUNDS} rounds in turns, {CONCURRENCY} requests at a time, over TLS from"
            " the sample site on the loopback, served by another process. Bare Scrapy asks for the"
            " same addresses, runs LinkExtractor on each page and keeps nothing."
            f" With its ledger the crawl reaches {rates['hill'] / rates['without']:.2f} of its"
            " throughput without.",
        ]
    )
