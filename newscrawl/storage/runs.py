"""The runs that are closed: their folders and their ``run.json``, for all who look back."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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


def read_run(folder: Path) -> dict[str, Any] | None:
    """Return a run's ``run.json``, or None while it is not closed."""
    try:
        document: dict[str, Any] = json.loads((folder / RUN_FILE).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return document


def closed_runs(
    output: Path, outlet: str, since: datetime | None = None, after: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield the ``run.json`` of every closed run, the oldest first.

    Only of those that started at ``since`` or later, and after the run that is named ``after``.
    """
    for folder in run_folders(output, outlet, since):
        if folder.name > f"run={after}" and (document := read_run(folder)):
            yield document
