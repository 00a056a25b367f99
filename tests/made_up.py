"""Generated records and closed runs, for tests of the dataset and its readers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from newscrawl.items import Article, Author, Image, content_hash, record
from newscrawl.storage.ledger import Ledger, sqlite_url
from newscrawl.storage.parts import PartWriter, write_document

# What no writer of a newsroom types, and some paste.
AWKWARD = {
    "emoji": "The flag 🏳️‍🌈, a family 👩‍👩‍👧 and 🙂",
    "right to left": "قال الوزير «نعم» ثم \u202eesrever\u202c غادر",
    "no-break": "Sen.\u00a0Ada\u202fQuill\u2007won\u200bders",
    "separators": "one\u2028two\u2029three\u0085four\x0bfive\x0csix\x1cseven",
    "controls": "null \x00 bell \x07 escape \x1b[31m delete \x7f",
    "quotes": "\"double\", 'single', back\\slash, comma, tab\tand\r\nnew line",
    "looks like": '{"outlet":"hill","id":"1","revision":9,"date_published":"1999-01-01T00:00:00Z"}',
    "combining": "Zoe\u0308 and Zo\u00eb, \ufb01nd, \ufeffmark",
    "astral": "\U0001d54f \U0010ffff",
    "formula": "=1+1",
    "empty-looking": " ",
}


def made_up(number: int, revision: int = 1, **values: Any) -> dict[str, Any]:
    """Return a record: article ``number``, published on the day of November 2026 it counts."""
    day = (number - 1) % 28 + 1
    article = Article(
        outlet="hill",
        id=str(number),
        revision=revision,
        url=f"https://thehill.com/homenews/senate/{number}-storm/",
        headline=f"Storm {number} nears Port Merrow",
        description="It rains.",
        authors=[Author("Ada Quill", "https://thehill.com/author/ada-quill/"), Author("B. Marsh")],
        date_published=f"2026-11-{day:02}T12:00:00Z",
        date_modified=f"2026-11-{day:02}T13:00:00Z",
        section="Senate",
        sections=["Senate", "News"],
        tags=["Weather", "Port Merrow"],
        body=f"It rained on day {day}.\n\nThen it stopped, {revision} times.",
        images=[Image("https://thehill.com/a.jpg", "A cloud", "Harrow Press")],
        links=["https://thehill.com/b/"],
        language="en-US",
        source_url=f"https://thehill.com/homenews/senate/{number}-storm/",
        date_fetched=f"2026-11-{day:02}T14:00:00Z",
    )
    article = replace(article, **values)
    article.word_count = len((article.body or "").split())
    article.content_hash = content_hash(article)
    return dict(record(article))


def close_run(
    output: Path,
    document: Mapping[str, Any],
    records: Iterable[Mapping[str, Any]] = (),
    part_records: int = 10_000,
) -> Path:
    """Leave the folder of a closed run: its parts, and ``run.json`` with the values of a document.

    The document has ``run``; without ``spider``, the run is one of ``hill``.
    """
    outlet = document.get("spider", "hill")
    folder: Path = output / outlet / f"run={document['run']}"
    folder.mkdir(parents=True, exist_ok=True)
    writer = PartWriter(folder, part_records, 1e9)
    for it in records:
        writer.write(it)
    writer.rotate()
    parts = {"parts": [part.as_dict() for part in writer.parts]} if writer.parts else {}
    write_document(
        folder / "run.json", {"spider": outlet, "books": {}, "parts": [], **document, **parts}
    )
    return folder


def write_run(
    output: Path,
    run: str,
    records: Iterable[Mapping[str, Any]],
    withdrawn: Iterable[Mapping[str, Any]] = (),
    outlet: str = "hill",
    part_records: int = 10_000,
) -> Path:
    """Leave what a run leaves: its folder with parts and ``run.json``, and the ledger."""
    records = list(records)
    output.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(sqlite_url(output / "ledger.sqlite3"))
    ledger.apply([change for it in records for change in ledger.insert_revision(it, run, None)])
    ledger.restore(outlet, run, withdrawn)
    ledger.close()
    ids = {it["id"] for it in records}
    new = len({it["id"] for it in records if it["revision"] == 1})
    document = {
        "run": run,
        "spider": outlet,
        "reason": "finished",
        "complete": True,
        "books": {
            "discovered": len(ids),
            "known": 0,
            "new": new,
            "revised": len(ids) - new,
            "unchanged": 0,
            "rejected": {},
            "failed": {},
            "pending": 0,
        },
        "withdrawn": list(withdrawn),
    }
    return close_run(output, document, records, part_records)


def edit(folder: Path, **values: Any) -> None:
    """Change values of a run's ``run.json``."""
    path = folder / "run.json"
    write_document(path, {**json.loads(path.read_text()), **values})


def gone(number: int, date: str) -> dict[str, Any]:
    """Return what ``run.json`` says of an article that its outlet has no longer."""
    return {"id": str(number), "gone": True, "date": date, "reason": "http 410"}


def back(number: int, date: str) -> dict[str, Any]:
    """Return what ``run.json`` says of an article that its outlet has again."""
    return {"id": str(number), "gone": False, "date": date, "reason": None}
