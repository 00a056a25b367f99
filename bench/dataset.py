"""Measure a full build of the dataset beside DuckDB, its memory, and an update by one hour."""

import hashlib
import json
import os
import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.program import SCRAPY, Measured, measured
from bench.table import markdown
from newscrawl.items import Article, Author, Image, record
from newscrawl.storage.runs import run_name
from tests.made_up import close_run

ROOT = Path(__file__).parents[1]
SIZES = (100_000, 1_000_000)
PART = 10_000
SENTENCES = 200_000  # that the articles are made from
ROUNDS = 3
# Five years of news: months of a newsroom, not one that holds everything.
BEGAN = datetime(2022, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=5 * 365)

# DuckDB alone: read the same lines, write Parquet with the same compression.
DUCKDB = """
import duckdb, sys
duckdb.sql(
    f"copy (from read_json('{sys.argv[1]}/hill/*/part-*.jsonl', format='newline_delimited'))"
    f" to '{sys.argv[2]}' (format parquet, compression zstd)"
)
"""


def sentences(chance: random.Random, count: int) -> list[str]:
    """Return generated sentences with the word frequencies of a natural language."""
    letters = ("bcdfghjklmnprstvw", "aeiou")
    words = [
        "".join(chance.choice(it) for it in letters * chance.randint(1, 4)) for _ in range(20_000)
    ]
    common = [1 / (place + 10) for place in range(len(words))]
    drawn = iter(chance.choices(words, common, k=count * 19))
    lengths = chance.choices(range(8, 30), k=count)
    return [f"{' '.join(next(drawn) for _ in range(it)).capitalize()}." for it in lengths]


def articles(size: int) -> Iterator[dict[str, Any]]:
    """Yield the records of ``size`` generated articles in order; a fifth of them is revised."""
    chance = random.Random(7)
    texts = sentences(chance, SENTENCES)
    names = [" ".join(it.split()[:2]).title() for it in texts[:400]]
    for number in range(size):
        identity = str(1_000_000 + number * 7919 % 6_000_011)
        moment = (BEGAN + YEARS * (number / size)).strftime("%Y-%m-%dT%H:%M:%SZ")
        story = chance.choices(texts, k=chance.randint(15, 50))
        url = f"https://thehill.com/homenews/senate/{identity}-{'-'.join(story[0].split()[:6])}/"
        writer = names[number % len(names)]
        article = Article(
            outlet="hill",
            id=identity,
            url=url.lower().replace(".", ""),
            headline=story[0],
            description=story[1],
            authors=[Author(writer, f"https://thehill.com/author/{writer.replace(' ', '-')}/")],
            date_published=moment,
            date_modified=moment,
            section=names[number % 8],
            sections=[names[number % 8], "News"],
            tags=chance.choices(names, k=4),
            images=[Image(f"https://thehill.com/uploads/{identity}.jpg", story[2], "Harrow Press")],
            links=[f"https://thehill.com/{chance.randrange(10**7)}-x/" for _ in range(5)],
            language="en-US",
            source_url=url,
            date_fetched=moment,
        )
        for revision in (1, 2) if number % 5 == 0 else (1,):
            story[-1] = chance.choice(texts)
            article.revision = revision
            article.body = "\n\n".join(
                " ".join(story[at : at + 2]) for at in range(0, len(story), 2)
            )
            article.word_count = len(article.body.split())
            article.content_hash = hashlib.sha256(article.body.encode()).hexdigest()
            yield dict(record(article))


def fill(output: Path, size: int) -> None:
    """Write the articles as the runs of a newsroom would."""
    waiting: list[dict[str, Any]] = []
    moment = BEGAN
    for it in articles(size):
        waiting.append(it)
        if len(waiting) == PART:
            close_run(output, {"run": run_name(moment)}, waiting, 10**9)
            moment += timedelta(hours=1)
            waiting = []
    close_run(output, {"run": run_name(moment)}, waiting, 10**9)


def taken(output: Path, code: str, *arguments: str) -> Measured:
    """Return what a program took. Raises RuntimeError if it failed."""
    it = measured(output, code, *arguments)
    if it.code:
        raise RuntimeError(f"{arguments} ended with exit code {it.code}")
    return it


def measure(output: Path, size: int) -> list[str]:
    """Return a row of the table: the best of several rounds, in turns."""
    fill(output, size)
    duckdb, ours, hourly, memory = [], [], [], []
    last = json.loads((max(output.glob("hill/run=*")) / "run.json").read_text())["run"]
    moment = datetime.strptime(last, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    one_more = list(articles(10))
    for turn in range(ROUNDS):
        parquet = str(output / "duckdb.parquet")
        duckdb.append(taken(output, DUCKDB, str(output), parquet).seconds)
        whole = taken(output, SCRAPY, "dataset", "build", "--full")
        ours.append(whole.seconds)
        memory.append(whole.memory)
        moment += timedelta(hours=1)
        news = [
            {**it, "id": f"9{turn}{it['id']}", "date_published": "2026-11-20T00:00:00Z"}
            for it in one_more
        ]
        close_run(output, {"run": run_name(moment)}, news, 10**9)
        hourly.append(taken(output, SCRAPY, "dataset", "build").seconds)
    return [
        f"{size:,}",
        f"{min(duckdb):.1f} s",
        f"{min(ours):.1f} s",
        f"{min(duckdb) / min(ours):.2f}",
        f"{max(memory):.0f} MB",
        f"{min(hourly):.1f} s",
        f"{min(hourly) / min(ours):.3f}",
    ]


def run() -> str:
    """Return the report. ``BENCH_DATASET`` may name other sizes, comma-separated."""
    sizes = [int(it) for it in os.environ.get("BENCH_DATASET", "").split(",") if it] or SIZES
    rows = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(Path(folder), size))
    head = (
        *("articles", "DuckDB: JSON to Parquet", "`scrapy dataset build --full`", "ratio"),
        *("its memory", "one hour more", "of a whole build"),
    )
    return f"### The dataset, built of generated articles\n\n{markdown(head, rows)}"
