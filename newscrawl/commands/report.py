"""``newscrawl report``: write the HTML report of a run."""

import argparse
from pathlib import Path

from scrapy.commands import ScrapyCommand

from newscrawl.commands.base import OutputCommand
from newscrawl.monitoring.report import write_report


class Command(OutputCommand, ScrapyCommand):
    """Writes the report of the latest closed run or the named one."""

    arguments = "<outlet> [<run>]"
    summary = "Write a run's report as one HTML page and print its path"
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
        print(write_report(self.closed_run(args), self.pass_over, opts.to))  # noqa: T201
