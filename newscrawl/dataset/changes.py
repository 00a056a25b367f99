"""What is new since a run: for consumers that follow, each change exactly once.

The rule, for those who do it without us: take the runs whose folder sorts after the last one you
took and that have a ``run.json``, the oldest first, and of these the parts that it lists, then
what it lists as ``withdrawn``. Remember the name of the last run you took. Runs of an outlet
never overlap, and a killed one is closed before the next begins, so nothing comes in late.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonlines

from newscrawl.exceptions import DatasetError, VersionError
from newscrawl.storage.parts import read_part
from newscrawl.storage.runs import RUN_FILE, closed_runs, run_folders


def changes(output: Path, outlet: str, since: str | None) -> Iterator[dict[str, Any]]:
    """Yield what each closed run after ``since`` (None: every one) changed, in order.

    A change is ``{"run", "change", "id", "record"}``. ``change`` is ``new``, ``revised``,
    ``gone`` (the outlet has it no longer) or ``back``; ``record`` is the whole record, or null
    when the article went or came back as it was. Raises DatasetError when ``since`` is no closed
    run: a consumer that begins at a wrong place would miss something without being told.
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
        raise DatasetError(f"{path} cannot be read: {error}. See scrapy dataset verify.") from error
