"""Close killed runs, and make a damaged ``run.json`` again, from the parts on disk."""

from pathlib import Path
from typing import Any

import jsonlines

from newscrawl.exceptions import DamagedRunError
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import read_run_records
from newscrawl.storage.ledger import LEDGER_FIELDS, Ledger, Schedule
from newscrawl.storage.parts import salvage_parts, whole_records, write_document
from newscrawl.storage.rejected import salvage_rejected
from newscrawl.storage.runs import RUN_FILE, run_name, run_of


def salvage_run(folder: Path, outlet: str, ledger: Ledger, schedule: Schedule) -> RunDocument:
    """Close the run that was killed in ``folder``.

    Keep its whole lines and rejected responses, update the ledger from the lines, and write
    ``run.json`` last: if this process dies before that, the next run closes the folder again. The
    books have what the run published; its other outcomes are not known. Raises DamagedRunError if
    the lines are those of another run, or are no records.
    """
    run = run_of(folder)
    _refuse_copy(folder, outlet, ledger)
    parts, cut = salvage_parts(folder)
    try:
        records = _records(folder)
    except DamagedRunError:
        # What can be read is published: it must not be again, once the run is mended.
        readable = (it for it in whole_records(folder) if it.keys() >= set(LEDGER_FIELDS))
        ledger.reconcile(outlet, run, readable, schedule, take_back=False)
        raise
    ledger.reconcile(outlet, run, records, schedule)
    # Books count articles. An archive may give several versions of one.
    articles: dict[str, int] = {}
    for record in records:
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
    if rejected := salvage_rejected(folder):
        document["rejected_file"] = rejected
    write_document(folder / RUN_FILE, document)
    return document


def repair_run(folder: Path, outlet: str, ledger: Ledger, schedule: Schedule) -> RunDocument:
    """Set the damaged ``run.json`` of a run aside and make it again, as ``salvage_run`` does.

    Raises DamagedRunError, also when the folder cannot be read or written.
    """
    path = folder / RUN_FILE
    try:
        _records(folder)
        path.rename(folder / f"{RUN_FILE}.damaged-{run_name()}")
    except OSError as error:
        raise DamagedRunError(
            f"{path} is damaged, and cannot be made again ({error.filename}: {error.strerror}):"
            " the run is left out. Make its folder and its parts readable and writable."
        ) from error
    return salvage_run(folder, outlet, ledger, schedule)


def _refuse_copy(folder: Path, outlet: str, ledger: Ledger) -> None:
    """Raise DamagedRunError when another run on disk published all that is in ``folder``."""
    other = None
    for record in whole_records(folder):
        key = (outlet, str(record.get("id")), record.get("revision", 0))
        other = ledger.run_of_revision(*key)
        if other in (None, run_of(folder)) or not (folder.parent / f"run={other}").exists():
            return
    if other:
        raise DamagedRunError(
            f"{folder} holds the records of run {other}: it is a copy, and left out. Remove it."
        )


def _records(folder: Path) -> list[dict[str, Any]]:
    try:
        records = list(read_run_records(folder))
    except jsonlines.InvalidLineError as error:
        raise DamagedRunError(
            f"A part of {folder} cannot be read ({error}): the run is left out. Remove that line,"
            " or move the folder away."
        ) from error
    for record in records:
        if missing := set(LEDGER_FIELDS) - record.keys():
            raise DamagedRunError(
                f"A part of {folder} has a line without {', '.join(sorted(missing))}: the run is"
                " left out. Remove that line, or move the folder away."
            )
    return records
