"""``newscrawl report``: write the HTML report of a run."""

import argparse
import sys
from pathlib import Path

from scrapy.commands import ScrapyCommand

from newscrawl.commands.remote import RunsCommand
from newscrawl.dataset.restore import Wanted
from newscrawl.monitoring.report import write_report
from newscrawl.storage.kept import is_elsewhere, no_parts
from newscrawl.storage.runs import run_of


class Command(RunsCommand, ScrapyCommand):
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
        self.fetch_compared(opts, args)
        folder = self.closed_run(args)
        self.fetch(opts, Wanted.PARTS, args[:1], {run_of(folder)}.intersection)
        if is_elsewhere(folder):
            print(no_parts(folder), file=sys.stderr)  # noqa: T201
        print(write_report(folder, self.pass_over, opts.to))  # noqa: T201
