"""Runs on disk: their names, their folders and their ``run.json``."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from newscrawl.exceptions import OutputError
from newscrawl.storage.document import RunDocument

RUN_FILE = "run.json"


def run_name(moment: datetime | None = None) -> str:
    """Return the name of a run that starts at ``moment`` (now): UTC, to the second.

    >>> run_name(datetime(2026, 11, 23, 20, 14, tzinfo=UTC))
    '20261123T201400Z'
    """
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def run_time(name: str) -> datetime:
    """Return when the run of that name started.

    >>> run_time("20261123T201400Z").isoformat()
    '2026-11-23T20:14:00+00:00'
    """
    return datetime.strptime(name, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def run_of(folder: Path) -> str:
    """Return the name of the run of a folder.

    >>> run_of(Path("output/hill/run=20261123T201400Z"))
    '20261123T201400Z'
    """
    return folder.name.removeprefix("run=")


def run_folders(output: Path, outlet: str = "*", since: datetime | None = None) -> list[Path]:
    """Return the folders of the runs, closed or not, that started at ``since`` or later.

    The oldest comes first. ``outlet`` may be a glob.
    """
    first = f"run={run_name(since)}" if since else ""
    found = (it for it in output.glob(f"{outlet}/run=*") if it.name >= first)
    return sorted(found, key=lambda it: it.name)


def outlets(output: Path) -> list[str]:
    """Return the outlets that have runs in an output folder."""
    return sorted({it.parent.name for it in run_folders(output)})


# What every run.json has.
_ALWAYS = {"run": str, "books": dict, "parts": list}


def read_run(folder: Path) -> RunDocument | None:
    """Return a run's ``run.json``, or None while it is not closed.

    Raises OutputError, one sentence, for one that is damaged.
    """
    path = folder / RUN_FILE
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        document, reason = None, str(error)
    else:
        reason = "it is not that of a run"
    if not isinstance(document, dict) or any(
        not isinstance(document.get(key), kind) for key, kind in _ALWAYS.items()
    ):
        raise OutputError(
            f"{path} is damaged ({reason}). Remove it: the next crawl makes it again from the parts"
            " in its folder."
        )
    return cast("RunDocument", document)


def closed_runs(
    output: Path, outlet: str, since: datetime | None = None, after: str = ""
) -> Iterator[RunDocument]:
    """Yield the ``run.json`` of every closed run, the oldest first.

    Only of those that started at ``since`` or later, and after the run that is named ``after``.
    """
    for folder in run_folders(output, outlet, since):
        if folder.name > f"run={after}" and (document := read_run(folder)):
            yield document
