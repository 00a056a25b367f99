"""Close killed runs, and rebuild the ledger, from the parts on disk."""

import logging
from pathlib import Path

from newscrawl.storage.document import RunDocument
from newscrawl.storage.ledger import Ledger, Schedule, sqlite_path
from newscrawl.storage.parts import read_run_parts, salvage_parts, write_document
from newscrawl.storage.runs import RUN_FILE, read_run, run_folders, run_name, run_of

logger = logging.getLogger(__name__)


def salvage_run(folder: Path, outlet: str, ledger: Ledger, schedule: Schedule) -> RunDocument:
    """Close the run that was killed in ``folder``.

    Its whole lines are kept, the ledger is brought in line with them, and only then its
    ``run.json`` is written: a death in between is salvaged again. Its books hold what it
    published; what else it did is not known.
    """
    parts, cut = salvage_parts(folder)
    run = run_of(folder)
    ledger.reconcile(outlet, run, read_run_parts(folder), schedule)
    # Books count articles. An archive may give several versions of one.
    articles: dict[str, int] = {}
    for record in read_run_parts(folder):
        articles.setdefault(record["id"], record["revision"])
    new = sum(revision == 1 for revision in articles.values())
    document: RunDocument = {
        "run": run,
        "spider": outlet,
        "reason": "crashed",
        "complete": False,
        "parts": [part.as_dict() for part in parts],
        "bytes_cut": cut,
        "books": {
            "discovered": len(articles),
            "known": 0,
            "new": new,
            "revised": len(articles) - new,
            "unchanged": 0,
            "rejected": {},
            "failed": {},
            "pending": 0,
        },
        "withdrawn": ledger.withdrawn(outlet, run),
    }
    write_document(folder / RUN_FILE, document)
    return document


def rebuild(output: Path, url: str, schedule: Schedule) -> int:
    """Make a new ledger from the published parts of every outlet; return how many records it has.

    A SQLite ledger is set aside under another name, not deleted. Articles that were
    never published are lost: they will be discovered again.
    """
    if file := sqlite_path(url):
        for suffix in ("", "-wal", "-shm"):
            path = Path(f"{file}{suffix}")
            if path.exists():
                path.rename(f"{path}.{run_name()}.damaged")
    ledger = Ledger(url)
    count = 0
    for folder in run_folders(output):
        records = list(read_run_parts(folder))
        outlet, run = folder.parent.name, run_of(folder)
        ledger.reconcile(outlet, run, records, schedule)
        if closed := read_run(folder):
            ledger.restore(outlet, run, closed.get("withdrawn", ()))
        count += len(records)
    ledger.close()
    return count
