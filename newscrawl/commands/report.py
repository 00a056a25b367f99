"""``scrapy report``: a run as a page for people."""

import argparse
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.exceptions import OutputError, ReportError
from newscrawl.monitoring.report import write_report
from newscrawl.storage.runs import RUN_FILE, run_folders


class Command(OutputCommand, ScrapyCommand):
    """Writes the report of a closed run, the latest one or the one named.

    Exit codes: 0 it is written, 3 there is no such run, or the report cannot be written.
    """

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "<outlet> [<run>]"

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Write a run's report, one page of HTML, and print where it is"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--to", type=Path, metavar="FILE", help="where to (report.html beside run.json)"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Write the report and print its path."""
        if len(args) not in (1, 2):
            raise UsageError("name an outlet, and a run if it is not the latest")
        output = self.output
        closed = [it for it in run_folders(output, args[0]) if (it / RUN_FILE).exists()]
        if len(args) == 2:
            closed = [it for it in closed if it.name == f"run={args[1]}"]
        try:
            if not closed:
                what = f"closed run {args[1]}" if len(args) == 2 else "closed run"
                raise ReportError(f"There is no {what} of {args[0]} in {output}.")
            print(write_report(closed[-1], opts.to))  # noqa: T201
        except (OSError, OutputError, ReportError) as error:
            self.give_up(error)
