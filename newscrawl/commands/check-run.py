"""``newscrawl check-run``: check a closed run, for people and for monitoring systems."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from scrapy.commands import ScrapyCommand

from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.monitoring.checks import Finding, findings, runs_before
from newscrawl.storage.document import RunDocument
from newscrawl.storage.runs import read_run, run_start


class Command(OutputCommand, ScrapyCommand):
    """Runs the monitors' checks on the latest closed run or the named one."""

    arguments = "<outlet> [<run>]"
    summary = "Check a run against those before it; exit code 1 when something is wrong"
    example = "check-run hill --max-age 3"
    exit_codes = "0 all is well, 1 something is wrong, 2 wrong usage, 3 there is no such run"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="findings as JSON")
        parser.add_argument(
            "--max-age", type=float, metavar="HOURS", help="how old the latest run may be"
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the findings."""
        folder = self.closed_run(args)
        run = read_run(folder)
        assert run is not None
        past = runs_before(folder, self.pass_over)
        problems = findings(run, past)
        age = (datetime.now(UTC) - run_start(run)) / timedelta(hours=1)
        if opts.max_age is not None and age > opts.max_age:
            problems.append(Finding("age", "", f"The latest closed run began {age:.1f} hours ago."))
        if opts.max_age is not None and age < -1:
            says = f"The latest closed run began {-age:.1f} hours from now by a wrong clock."
            problems.append(Finding("age", "", says))
        if problems:
            self.exitcode = NEGATIVE
        if opts.json:
            shown = {"run": run["run"], "findings": [asdict(it) for it in problems]}
            print(json.dumps(shown, ensure_ascii=False, indent=2))  # noqa: T201
            return
        complete = "complete" if run["complete"] else "incomplete"
        others = f"{len(past)} other{'s' * (len(past) != 1)}"
        verdict = f"{len(problems) or 'no'} finding{'s' * (len(problems) != 1)}"
        print(  # noqa: T201
            f"Run {run['run']} of {args[0]}: {run['reason']}, {complete}."
            f" Compared with {others}: {verdict}"
        )
        if not run["complete"]:
            print(f"  {'incomplete':<13} {', '.join(missing(run))}")  # noqa: T201
        for it in problems:
            print(f"  {it.check:<13} {it.says}")  # noqa: T201


def missing(run: RunDocument) -> Iterator[str]:
    """Yield why a run is incomplete: counts of articles, or the close reason."""
    books = run["books"]
    counts = {
        "rejected": sum(books["rejected"].values()),
        "failed": sum(books["failed"].values()),
        "pending": books["pending"],
        "waiting for their retry": run.get("waiting", 0),
        "listing pages failed": sum(run.get("listings", {}).get("failed", {}).values()),
    }
    shown = [f"{count} {what}" for what, count in counts.items() if count]
    yield from shown or [f"ended by {run['reason']}"]
