"""Changes since a run: consumers that follow the dataset get each change exactly once.

Consumers can follow the same rule without newscrawl. Take the runs that have a ``run.json`` and
whose folder sorts after the last run taken, the oldest first. Of each run take the parts that
``run.json`` lists, then its ``withdrawn``. Save the name of the last run. Runs of an outlet never
overlap, and a killed run is closed before the next one starts, so no change is added later.
"""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from newscrawl.dataset.rows import records_of_runs
from newscrawl.exceptions import DamagedRunError, DatasetError
from newscrawl.storage.kept import is_pruned
from newscrawl.storage.runs import RUN_FILE, closed_runs, run_folders, run_of


def changes(
    output: Path,
    outlet: str,
    since: str | None,
    note: Callable[[str], None] = lambda _: None,
    missing: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Iterator[dict[str, Any]]:
    """Yield what each closed run after ``since`` (None: every one) changed, in order.

    A change is ``{"run", "change", "id", "record"}``. ``change`` is ``new``, ``revised``,
    ``gone`` (removed from the site) or ``back``; ``record`` is the record, null for ``gone`` and
    ``back``. The records of pruned runs come from the dataset; ``note`` gets a sentence then.
    Raises DatasetError when ``since`` is not a closed run, because a consumer that starts at a
    wrong place would miss changes, when records cannot be read, and before the changes of a run
    that follows a ``missing`` one: closed runs that will be here later. Raises DamagedRunError at a
    run that the next crawl makes readable again. ``left_out`` are runs here that are not published.
    """
    folders = [it for it in run_folders(output, outlet) if (it / RUN_FILE).exists()]
    if since is not None and f"run={since}" not in {it.name for it in folders}:
        raise DatasetError(f"There is no closed run {since} of {outlet} in {output}.")
    pruned = [it for it in folders if it.name > f"run={since or ''}" and is_pruned(it)]
    if pruned:
        note(
            f"{len(pruned):,} runs up to {run_of(pruned[-1])} are pruned:"
            " their records come from the dataset."
        )

    def pass_over(error: DamagedRunError) -> None:
        # One that is made again would be too late for consumers that went on.
        if error.is_repairable:
            raise error
        note(str(error))

    closed = closed_runs(output, outlet, after=since or "", damaged=pass_over)
    runs = (it for it in closed if it["run"] not in left_out)
    first_missing = min((it for it in missing if it > (since or "")), default=None)
    for run, records in records_of_runs(output, outlet, runs):
        if first_missing is not None and run["run"] >= first_missing:
            raise DatasetError(
                f"Run {first_missing} of {outlet} cannot be read yet: what follows it has to wait,"
                " or its changes would be skipped."
            )
        for record in records:
            change = "new" if record["revision"] == 1 else "revised"
            yield _change(run["run"], change, record["id"], record)
        for it in run.get("withdrawn", ()):
            yield _change(run["run"], "gone" if it["gone"] else "back", it["id"], None)


def _change(run: str, change: str, identity: str, record: dict[str, Any] | None) -> dict[str, Any]:
    return {"run": run, "change": change, "id": identity, "record": record}
