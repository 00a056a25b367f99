"""The status of outlets: what each declares, its fixtures, and how its latest run went."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from newscrawl.exceptions import DamagedRunError, OutputError
from newscrawl.extraction.outlet import Outlet
from newscrawl.monitoring.checks import look
from newscrawl.monitoring.findings_file import look_up
from newscrawl.monitoring.history import History, in_time, runs_before
from newscrawl.storage.runs import read_run, run_folders
from newscrawl.workbench.fixtures import cases_of

_WORDS = re.compile("(?<=[a-z])(?=[A-Z][a-z]+$)(?!Press)")


@dataclass(frozen=True, slots=True)
class Status:
    """One outlet: its facts in words, the number of its fixtures, its latest run and checks.

    ``run`` and ``checks`` are empty without a run.
    """

    name: str
    title: str
    host: str
    sources: str
    extraction: str
    cases: int
    checked: str
    run: str = ""
    checks: str = ""


def status(outlet: Outlet, fixtures: Path, output: Path | None = None) -> Status:
    """Return the status of an outlet. Without ``output``, runs are not looked at."""
    layouts = [it.name for it in outlet.reader.layouts]
    run, checks = _latest(output, outlet.name) if output else ("", "")
    return Status(
        outlet.name,
        outlet.title,
        outlet.host,
        _sources(outlet),
        ", ".join(dict.fromkeys(layouts)) or "generic",
        len(cases_of(fixtures, outlet.name)),
        outlet.checked,
        run,
        checks,
    )


def _sources(outlet: Outlet) -> str:
    counts = Counter(_WORDS.sub(" ", type(it).__name__) for it in outlet.sources)
    texts = (f"{count} {name}s" if count > 1 else name for name, count in counts.items())
    return ", ".join(it if "Press" in it else it.lower() for it in texts)


def _latest(output: Path, outlet: str) -> tuple[str, str]:
    """Return the name of the latest closed run with its end, and the checks that failed."""
    damaged: list[DamagedRunError] = []
    for folder in reversed(run_folders(output, outlet)):
        try:
            run = read_run(folder)
        except DamagedRunError:
            continue
        if run:
            complete = "complete" if run["complete"] else "incomplete"
            past = runs_before(folder, damaged.append)
            try:
                found = look(History(in_time([*past, run])), look_up(folder.parent))
            except OutputError as error:
                return f"{run['run']}, {complete}", str(error)
            names = dict.fromkeys(it.check for it in found)
            return f"{run['run']}, {complete}", ", ".join(names) or "all well"
    return "", ""


def markdown(rows: Iterable[Status]) -> list[tuple[str, ...]]:
    """Return the cells of the documentation's table: what is the same in every clone."""
    return [
        (
            f"`{it.name}`",
            f"{it.title}, {it.host}",
            it.sources,
            it.extraction,
            str(it.cases),
            it.checked,
        )
        for it in rows
    ]


HEAD = ("Outlet", "Title and host", "Sources", "Extraction", "Cases", "Checked on")
"""The head of that table."""
