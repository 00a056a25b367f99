"""What stays of a run's records when its parts are pruned: all that a ledger is made from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonlines

from newscrawl.exceptions import PROGRAM, DamagedRunError
from newscrawl.storage.ledger import LEDGER_FIELDS
from newscrawl.storage.parts import line_of, read_run_parts, write_whole
from newscrawl.storage.runs import read_run

KEPT_FILE = "kept.jsonl"


def is_pruned(folder: Path) -> bool:
    """Return whether the parts of a run were pruned, or are about to be."""
    return (folder / KEPT_FILE).exists()


def lacks_parts(folder: Path, run: Mapping[str, Any]) -> bool:
    """Return whether a closed run has published records, and none of its parts is here or kept.

    Of another machine's run, only ``run.json`` may have been fetched.
    """
    names = (it["name"] for it in run["parts"])
    return bool(run["parts"] and not is_pruned(folder)) and not any(
        (folder / it).exists() for it in names
    )


def is_elsewhere(folder: Path) -> bool:
    """Return whether a folder is that of a closed run that lacks its parts."""
    try:
        run = read_run(folder)
    except DamagedRunError:
        return False
    return run is not None and lacks_parts(folder, run)


def no_parts(folder: Path) -> str:
    """Return what to do about a run that lacks its parts."""
    return (
        f"The parts of {folder} are not here. Fetch them from the remote storage: add --remote URL,"
        f" or {PROGRAM} restore URL."
    )


def keep_records(folder: Path) -> int:
    """Write what a rebuild of the ledger needs of a run's records beside its parts, atomically.

    After that the parts may be removed; ``run.json`` must stay. Returns the number of records.
    Raises OSError, ``jsonlines.InvalidLineError`` and VersionError.
    """
    lines = [
        line_of({name: record[name] for name in LEDGER_FIELDS}).decode()
        for record in read_run_parts(folder)
    ]
    write_whole(folder / KEPT_FILE, "".join(lines))
    return len(lines)


def read_run_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a run, from its parts, or what was kept of them (``LEDGER_FIELDS``).

    Raises OSError, ``jsonlines.InvalidLineError`` and VersionError.
    """
    kept = folder / KEPT_FILE
    if not kept.exists():
        yield from read_run_parts(folder)
        return
    with jsonlines.open(kept) as reader:
        yield from reader.iter(type=dict)
