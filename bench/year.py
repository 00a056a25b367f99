"""Time every command that reads or writes on a year of hourly runs that were not crawled."""

import random
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.dataset import sentences
from bench.program import SCRAPY, measured
from bench.table import markdown
from newscrawl.items import Article, Author, content_hash, record
from newscrawl.storage.ledger import Ledger, sqlite_url
from newscrawl.storage.runs import run_name
from tests.made_up import close_run

RUNS = 8760
ARTICLES = 4
"""New articles a run; a quarter as many revisions."""
BEGAN = datetime(2025, 11, 26, tzinfo=UTC)
COMMANDS = {
    "runs": ("runs", "hill"),
    "ledger": ("ledger",),
    "ledger of an article": ("ledger", "hill", "1000001"),
    "history": ("history", "hill", "1000001"),
    "show": ("show", "hill", "1000001"),
    "check-run": ("check-run", "hill"),
    "report": ("report", "hill", "--to", "REMOTE.html"),
    "dataset build, of all": ("dataset", "build"),
    "dataset build, nothing new": ("dataset", "build"),
    "dataset changes, of a day": ("dataset", "changes", "hill", "--since", "LAST_DAY"),
    "dataset verify": ("dataset", "verify"),
    "dataset csv": ("dataset", "csv", "articles", "REMOTE.csv"),
    "push, of all": ("push", "REMOTE"),
    "push, nothing new": ("push", "REMOTE"),
    "prune, of nine months": ("prune", "--older-than", "90d"),
    "prune, nothing to do": ("prune", "--older-than", "90d"),
    "dataset build, nothing new, pruned": ("dataset", "build"),
    "dataset build --full, pruned": ("dataset", "build", "--full"),
    "dataset verify, pruned": ("dataset", "verify"),
    "restore, nothing missing": ("restore", "REMOTE"),
    "ledger --rebuild, pruned": ("ledger", "--rebuild"),
}


def records() -> Iterator[list[dict[str, Any]]]:
    """Yield the records of each run."""
    chance = random.Random(7)
    texts = sentences(chance, 20_000)
    known: list[Article] = []
    for number in range(RUNS):
        moment = (BEGAN + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = []
        for place in range(ARTICLES):
            identity = str(1_000_001 + number * ARTICLES + place)
            story = chance.choices(texts, k=20)
            article = Article(
                outlet="hill",
                id=identity,
                url=f"https://thehill.com/homenews/senate/{identity}-storm/",
                headline=story[0],
                authors=[Author(" ".join(story[1].split()[:2]))],
                date_published=moment,
                date_modified=moment,
                section="Senate",
                sections=["Senate"],
                body="\n\n".join(story),
                language="en-US",
                source_url=f"https://thehill.com/homenews/senate/{identity}-storm/",
                date_fetched=moment,
            )
            known.append(article)
            found.append(article)
        if number and ARTICLES // 4:
            for article in chance.sample(known[-100:-ARTICLES], min(1, len(known) - ARTICLES)):
                article.revision += 1
                article.body = f"{article.body} {chance.choice(texts)}"
                article.date_modified = article.date_fetched = moment
                found.append(article)
        yield [_record(it) for it in found]


def _record(article: Article) -> dict[str, Any]:
    article.word_count = len((article.body or "").split())
    article.content_hash = content_hash(article)
    return dict(record(article))


def fill(output: Path) -> None:
    """Write the runs of a year, their statistics, and the ledger."""
    ledger = Ledger(sqlite_url(output / "ledger.sqlite3"))
    pending: list[Any] = []
    for number, those in enumerate(records()):
        moment = BEGAN + timedelta(hours=number)
        run = run_name(moment)
        close_run(output, _run(run, moment, those), those)
        pending += [change for it in those for change in ledger.insert_revision(it, run, None)]
        if len(pending) > 10_000:
            ledger.apply(pending)
            pending = []
    ledger.apply(pending)
    ledger.close()


def _run(run: str, moment: datetime, those: list[dict[str, Any]]) -> dict[str, Any]:
    new = sum(it["revision"] == 1 for it in those)
    return {
        "run": run,
        "spider": "hill",
        "arguments": {},
        "pages": 5,
        "started": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "finished": (moment + timedelta(minutes=4)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "reason": "finished",
        "complete": True,
        "books": {
            "discovered": len(those) + 90,
            "known": 90,
            "new": new,
            "revised": len(those) - new,
            "unchanged": 0,
            "rejected": {},
            "failed": {},
            "pending": 0,
        },
        "withdrawn": [],
        "waiting": 0,
        "listings": {"asked": 30, "read": 30, "unchanged": 0, "refused": 0, "failed": {}},
        # As many as a crawl leaves.
        "stats": {f"newscrawl/field/{it}": len(those) for it in range(80)},
    }


def filled(output: Path, *command: str) -> list[str]:
    """Return a command with a run of the last day, and with a place beside the output folder."""
    last_day = run_name(BEGAN + timedelta(hours=max(RUNS - 25, 0)))
    remote = str(output.parent / "remote")
    return [it.replace("LAST_DAY", last_day).replace("REMOTE", remote) for it in command]


def run() -> str:
    """Return the report."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "output"
        output.mkdir()
        fill(output)
        for name, command in COMMANDS.items():
            took = measured(output, SCRAPY, *filled(output, *command))
            if took.code not in (0, 1) or (took.code and name != "check-run"):
                raise RuntimeError(f"{name} ended with exit code {took.code}")
            rows.append([f"`{name}`", f"{took.cpu:.1f} s", f"{took.memory:.0f} MB"])
    title = f"### A year: {RUNS:,} runs, {RUNS * ARTICLES:,} articles and their revisions"
    return f"{title}\n\n{markdown(('command', 'CPU', 'peak memory'), rows)}"
