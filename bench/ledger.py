"""Measure the ledger as it grows: skipping a known article, opening, and a crawl's memory."""

import json
import random
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.program import SCRAPY, measured
from bench.table import markdown
from newscrawl.storage.books import Books
from newscrawl.storage.ledger import Ledger, articles, revisions
from newscrawl.storage.parts import write_document
from tests.sample.__main__ import write_warc
from tests.sample.site import SampleSite

SIZES = (10_000, 100_000, 1_000_000)
LOOKUPS = 5_000
RUN = "20260101T000000Z"
ARTICLES = 96  # of the site that is crawled


def fill(path: Path, size: int) -> None:
    """Create a ledger of ``size`` published articles, none of them due."""
    ledger = Ledger(f"sqlite:///{path}")
    fetched = "2026-01-01T00:00:00Z"
    shared = {"outlet": "hill", "content_hash": "0" * 64, "revision": 1, "date_modified": fetched}
    for start in range(0, size, 50_000):
        numbers = range(10_000_000 + start, 10_000_000 + min(start + 50_000, size))
        rows = [{**shared, "id": str(number)} for number in numbers]
        of_articles = {"state": "published", "attempts": 0}
        seen = {"first_seen": fetched, "last_fetched": fetched}
        address = "https://thehill.com/homenews/{}-a-story-with-a-slug/"
        insert_article, insert_revision = articles.insert(), revisions.insert()
        ledger.apply(
            [
                *(
                    (insert_article, {**it, **of_articles, **seen, "url": address.format(it["id"])})
                    for it in rows
                ),
                *((insert_revision, {**it, "run": RUN, "date_fetched": fetched}) for it in rows),
            ]
        )
    ledger.close()
    # The run that published them, without its parts: the ledger must know of no other.
    folder = path.parent / "hill" / f"run={RUN}"
    folder.mkdir(parents=True)
    document = {"run": RUN, "spider": "hill", "reason": "finished", "complete": True, "parts": []}
    write_document(folder / "run.json", {**document, "books": Books().as_dict(), "withdrawn": []})


def skip_cost(path: Path, size: int) -> float:
    """Return the microseconds to find that a known article is not due."""
    ledger = Ledger(f"sqlite:///{path}")
    chance = random.Random(7)
    rounds = []
    for _ in range(5):
        wanted = [str(10_000_000 + chance.randrange(size)) for _ in range(LOOKUPS)]
        begun = time.perf_counter()
        for identity in wanted:
            known = ledger.get("hill", identity)
            assert known is not None
            assert not known.is_due("2026-11-23T00:00:00Z")
        rounds.append((time.perf_counter() - begun) / LOOKUPS * 1e6)
    ledger.close()
    return median(rounds)


def opening(path: Path) -> float:
    """Return the seconds to open the ledger and list the articles that are due."""
    begun = time.perf_counter()
    ledger = Ledger(f"sqlite:///{path}")
    ledger.due("hill", "2026-11-23T00:00:00Z")
    seconds = time.perf_counter() - begun
    ledger.close()
    return seconds


def crawl_memory(output: Path, recording: Path) -> float:
    """Return the peak memory, in MB, of a crawl of the sample site with this ledger."""
    took = measured(output, SCRAPY, "crawl", "hill", NEWSCRAWL_REPLAY=str(recording))
    assert took.code == 0
    run = max(output.glob("hill/run=*/run.json"))
    assert json.loads(run.read_text())["books"]["new"]
    return took.memory


def run() -> str:
    """Return the report."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "site.warc.gz"
        write_warc(SampleSite(ARTICLES), recording, 1)
        first = 0.0
        for size in SIZES:
            output = Path(folder) / str(size)
            output.mkdir()
            path = output / "ledger.sqlite3"
            fill(path, size)
            cost = skip_cost(path, size)
            first = first or cost
            rows.append(
                (
                    f"{size:,}",
                    f"{cost:.0f} µs",
                    f"{cost / first:.2f}",
                    f"{opening(path):.2f} s",
                    f"{crawl_memory(output, recording):.0f} MB",
                )
            )
    head = ("known articles", "skip one", "ratio to first", "open", "memory of a crawl")
    return f"### The ledger as it grows\n\n{markdown(head, rows)}"
