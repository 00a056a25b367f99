"""Changes since a run: consumers that follow the dataset get each change exactly once.

Consumers can follow the same rule without newscrawl. Take the runs that have a ``run.json`` and
whose folder sorts after the last run taken, the oldest first. Of each run take the parts that
``run.json`` lists, then its ``withdrawn``. Save the name of the last run. Runs of an outlet never
overlap, and a killed run is closed before the next one starts, so no change is added later.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonlines

from newscrawl.exceptions import PROGRAM, DatasetError, VersionError
from newscrawl.storage.parts import read_part
from newscrawl.storage.runs import RUN_FILE, closed_runs, run_folders


def changes(output: Path, outlet: str, since: str | None) -> Iterator[dict[str, Any]]:
    """Yield what each closed run after ``since`` (None: every one) changed, in order.

    A change is ``{"run", "change", "id", "record"}``. ``change`` is ``new``, ``revised``,
    ``gone`` (removed from the site) or ``back``; ``record`` is the record, null for ``gone`` and
    ``back``. Raises DatasetError when ``since`` is not a closed run, because a consumer that starts
    at a wrong place would miss changes.
    """
    closed = {it.name for it in run_folders(output, outlet) if (it / RUN_FILE).exists()}
    if since is not None and f"run={since}" not in closed:
        raise DatasetError(f"There is no closed run {since} of {outlet} in {output}.")
    for run in closed_runs(output, outlet, after=since or ""):
        folder = output / outlet / f"run={run['run']}"
        for part in run["parts"]:
            for record in _records(folder / part["name"]):
                change = "new" if record["revision"] == 1 else "revised"
                yield _change(run["run"], change, record["id"], record)
        for it in run.get("withdrawn", ()):
            yield _change(run["run"], "gone" if it["gone"] else "back", it["id"], None)


def _change(run: str, change: str, identity: str, record: dict[str, Any] | None) -> dict[str, Any]:
    return {"run": run, "change": change, "id": identity, "record": record}


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        yield from read_part(path)
    except (OSError, jsonlines.InvalidLineError, VersionError) as error:
        raise DatasetError(
            f"{path} cannot be read: {error}. See {PROGRAM} dataset verify."
        ) from error
