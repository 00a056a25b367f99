"""``newscrawl check-run``: say what is wrong with a run, for people and for monitoring systems."""

import argparse
import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.exceptions import OutputError
from newscrawl.monitoring.checks import CHECKS, HISTORY, Finding, findings
from newscrawl.storage.runs import closed_runs, run_time


class Command(OutputCommand, ScrapyCommand):
    """Runs the checks of the monitors over a closed run, the latest one or the one named."""

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
        """Print what is wrong."""
        if len(args) not in (1, 2):
            raise UsageError("name an outlet, and a run if it is not the latest")
        outlet = self.known_outlet(args[0])
        runs = list(closed_runs(self.output, outlet))
        wanted = args[1] if len(args) == 2 else runs[-1]["run"] if runs else None
        place = next((n for n, it in enumerate(runs) if it["run"] == wanted), None)
        if place is None:
            what = f"run {wanted}" if wanted else "closed run"
            raise OutputError(f"There is no {what} of {outlet} in {self.output}.")
        run = runs[place]
        began = run_time(run["run"])
        past = [it for it in runs[:place] if run_time(it["run"]) >= began - HISTORY]
        found = findings(run, past)
        age = (datetime.now(UTC) - began) / timedelta(hours=1)
        if opts.max_age is not None and age > opts.max_age:
            found.append(Finding("age", "", f"The latest closed run began {age:.1f} hours ago."))
        self.exitcode = NEGATIVE if found else 0
        if opts.json:
            told = {"run": run["run"], "findings": [asdict(it) for it in found]}
            print(json.dumps(told, ensure_ascii=False, indent=2))  # noqa: T201
            return
        verdict = f"{len(found)} findings" if found else f"all {len(CHECKS)} checks passed"
        print(f"Run {run['run']} of {outlet}, after {len(past)} others: {verdict}")  # noqa: T201
        for it in found:
            print(f"  {it.check:<13} {it.says}")  # noqa: T201
