"""``newscrawl reread``: read rejected or recorded responses with today's selectors."""

import argparse
import sys
from pathlib import Path

from scrapy.exceptions import UsageError

from newscrawl.commands.base import IMPOSSIBLE
from newscrawl.commands.crawl import Command as Crawl
from newscrawl.exceptions import OutputError
from newscrawl.storage.rereading import runs_to_reread


class Command(Crawl):
    """Reads kept responses again, as a run of its own, and publishes what now gives a record.

    Without options these are the rejected responses that have not given a record yet. Nothing is
    requested from the site.
    """

    arguments = "<outlet> [--run RUN …|--all] [FILE …]"
    summary = "Read rejected or recorded responses again"
    example = "reread hill"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to those of a crawl."""
        super().add_options(parser)
        parser.add_argument(
            "--run",
            action="extend",
            nargs="+",
            default=[],
            metavar="RUN",
            help="the rejected responses of these runs",
        )
        parser.add_argument(
            "--all",
            action="store_true",
            help="the rejected responses of all runs, also those that gave a record",
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply options, and find what is to be read. Exit with a message if it is missing."""
        if not args:
            raise UsageError("name one outlet")
        if bool(opts.run) + opts.all + bool(args[1:]) > 1:
            raise UsageError("give --run, --all or files, and only one of them")
        super().process_options(args[:1], opts)
        try:
            found = args[1:] or self.runs(args[0], opts)
        except OutputError as error:
            self.stop(error, IMPOSSIBLE)
        opts.spargs["reread"] = ",".join(found)
        if found:
            self.check_arguments(args[0], opts.spargs)

    def runs(self, outlet: str, opts: argparse.Namespace) -> list[str]:
        """Return the names of the runs to read. Raises OutputError."""
        assert self.settings is not None
        return runs_to_reread(
            Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute(),
            outlet,
            opts.run,
            everything=opts.all,
            damaged=lambda error: print(error, file=sys.stderr),  # noqa: T201
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Read, and set the exit code as a crawl does."""
        if not opts.spargs["reread"]:
            print(f"Every response that {args[0]} kept has given a record.")  # noqa: T201
            return
        super().run(args[:1], opts)
