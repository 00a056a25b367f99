"""``newscrawl report``: a run as a page for people."""

import argparse
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.exceptions import OutputError
from newscrawl.monitoring.report import write_report
from newscrawl.storage.runs import RUN_FILE, run_folders


class Command(OutputCommand, ScrapyCommand):
    """Writes the report of a closed run, the latest one or the one named."""

    arguments = "<outlet> [<run>]"
    summary = "Write a run's report, one page of HTML, and print where it is"
    example = "report hill --to report.html"
    extra = "report"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--to",
            type=Path,
            metavar="FILE",
            help="default: report.html beside run.json",
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Write the report and print its path."""
        if len(args) not in (1, 2):
            raise UsageError("name an outlet, and a run if it is not the latest")
        outlet = self.known_outlet(args[0])
        closed = [it for it in run_folders(self.output, outlet) if (it / RUN_FILE).exists()]
        if len(args) == 2:
            closed = [it for it in closed if it.name == f"run={args[1]}"]
        if not closed:
            what = f"closed run {args[1]}" if len(args) == 2 else "closed run"
            raise OutputError(f"There is no {what} of {outlet} in {self.output}.")
        print(write_report(closed[-1], opts.to))  # noqa: T201
