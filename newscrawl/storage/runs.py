"""Runs on disk: their names, their folders and their ``run.json``.

The name of a run is its place in the sequence of its outlet's runs: it sorts after the names of
all earlier ones, even if the clock was set back. It looks like a time, and is the run's start in
UTC as long as the clock only went forward. Order goes by the name, time by ``run_start``.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from newscrawl.exceptions import DamagedRunError
from newscrawl.storage.document import RunDocument

RUN_FILE = "run.json"

_FORM = "%Y%m%dT%H%M%SZ"
_NAME = re.compile("[0-9]{8}T(?:[01][0-9]|2[0-3])[0-9]{4}Z")

OnDamage = Callable[[DamagedRunError], None]
"""What is done about a damaged run while the others are read."""


def run_name(moment: datetime | None = None) -> str:
    """Return the name of a run that starts at ``moment`` (now): UTC, to the second.

    >>> run_name(datetime(2026, 11, 23, 20, 14, tzinfo=UTC))
    '20261123T201400Z'
    """
    return (moment or datetime.now(UTC)).astimezone(UTC).strftime(_FORM)


def run_folder(output: Path, outlet: str, name: str) -> Path:
    """Return the folder of a run, whether it exists or not."""
    return output / outlet / f"run={name}"


def run_time(name: str) -> datetime:
    """Return the time that a run's name looks like; see ``run_start`` for its start.

    Raises ValueError for what is not the name of a run.

    >>> run_time("20261123T201400Z").isoformat()
    '2026-11-23T20:14:00+00:00'
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not the name of a run")
    return datetime.fromisoformat(name)


def is_run_name(name: str) -> bool:
    """Return whether a run can have this name.

    >>> is_run_name("20261123T201400Z"), is_run_name("20261123T201400Z (copy)")
    (True, False)
    """
    try:
        run_time(name)
    except ValueError:
        return False
    return True


def run_start(run: Mapping[str, Any]) -> datetime:
    """Return when a run started by the clock of that time; by its name if nothing else is known.

    >>> run_start({"run": "20271123T201400Z", "started": "2026-11-23T20:15:00Z"}).isoformat()
    '2026-11-23T20:15:00+00:00'
    """
    with suppress(KeyError, ValueError, TypeError):
        return datetime.fromisoformat(run["started"]).astimezone(UTC)
    return run_time(run["run"])


def run_end(run: Mapping[str, Any]) -> datetime:
    """Return when a run was closed by the clock of that time; when it began if that is unknown."""
    with suppress(KeyError, ValueError, TypeError):
        return datetime.fromisoformat(run["finished"]).astimezone(UTC)
    return run_start(run)


def run_of(folder: Path) -> str:
    """Return the name of the run of a folder.

    >>> run_of(Path("output/hill/run=20261123T201400Z"))
    '20261123T201400Z'
    """
    return folder.name.removeprefix("run=")


def run_folders(output: Path, outlet: str = "*", since: datetime | None = None) -> list[Path]:
    """Return the folders of the runs, closed or not, in the order of the runs.

    Without those that started before ``since`` and before every later run. ``outlet`` may be a
    glob. Folders that are not named as a run is are among them; ``read_run`` raises for these.
    """
    # A name is never earlier than the start of its run.
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

    Raises DamagedRunError, one sentence, for one that is damaged, cannot be read, or is that of
    another run, because its folder was copied or renamed.
    """
    path = folder / RUN_FILE
    if not is_run_name(run_of(folder)):
        raise DamagedRunError(
            f"{folder} is not named as a run is: it is left out. Give it its name back, or another"
            ' that does not begin with "run=".'
        )
    try:
        document = parse_run(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from error
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    of = (document["run"], document.get("spider", folder.parent.name))
    if of != (run_of(folder), folder.parent.name):
        raise DamagedRunError(
            f"{path} is that of run {of[0]} of {of[1]}, because its folder was copied or renamed:"
            " it is left out. Give the folder its name back, or remove the copy."
        )
    return document


def parse_run(data: bytes) -> RunDocument:
    """Return the document of a ``run.json``. Raises ValueError for what is not that of a run."""
    document = json.loads(data)
    if not _is_of_a_run(document):
        raise ValueError("it is not that of a run")
    return cast("RunDocument", document)


def _is_of_a_run(document: Any) -> bool:
    return (
        isinstance(document, dict)
        and all(isinstance(document.get(key), kind) for key, kind in _ALWAYS.items())
        and all(
            isinstance(it, dict) and isinstance(it.get("name"), str) for it in document["parts"]
        )
        and all(_is_count(count) for it in document["parts"] for count in [it.get("records", 0)])
        and all(
            all(map(_is_count, it.values())) if isinstance(it, dict) else _is_count(it)
            for it in document["books"].values()
        )
    )


def _is_count(value: Any) -> bool:
    return isinstance(value, int)


def _damaged(path: Path, reason: str) -> DamagedRunError:
    return DamagedRunError(
        f"{path} is damaged ({reason}): the next crawl of {path.parent.parent.name} makes it again"
        " from the parts in its folder.",
        is_repairable=True,
    )


def closed_runs(
    output: Path,
    outlet: str,
    since: datetime | None = None,
    after: str = "",
    *,
    damaged: OnDamage | None = None,
) -> Iterator[RunDocument]:
    """Yield the ``run.json`` of every closed run, in the order of the runs.

    Only of those that started at ``since`` or later, and that follow the run named ``after``.
    A damaged one is given to ``damaged``, and the others follow; without it DamagedRunError is
    raised, for those who must not pass over a run.
    """
    for folder in run_folders(output, outlet, since):
        if folder.name <= f"run={after}":
            continue
        try:
            document = read_run(folder)
        except DamagedRunError as error:
            if damaged is None:
                raise
            damaged(error)
            continue
        if document and (since is None or run_start(document) >= since):
            yield document
