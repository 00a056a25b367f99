"""``newscrawl reread``: read rejected or recorded responses with today's selectors."""

import argparse
import sys
from pathlib import Path

from scrapy.exceptions import UsageError

from newscrawl.commands.base import IMPOSSIBLE, WRONG_USAGE, existing
from newscrawl.commands.crawl import Command as Crawl
from newscrawl.commands.remote import add_remote, connect, name_faults
from newscrawl.dataset.restore import Wanted, adopt_identity, fetch
from newscrawl.exceptions import PROGRAM, ArgumentError, OutputError, RemoteError
from newscrawl.storage.rereading import count_lost, has_kept, runs_to_reread
from newscrawl.storage.runs import outlets


class Command(Crawl):
    """Reads kept responses again, as a run of its own, and publishes what now gives a record.

    Without options these are the rejected responses that have not given a record yet. Nothing is
    requested from the site.
    """

    arguments = "<outlet> [--run RUN …|--all] [FILE …]"
    summary = "Read rejected or recorded responses again"
    example = "reread hill"
    spider_arguments = ("since", "until", "limit")

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to those of a crawl."""
        super().add_options(parser)
        add_remote(parser)
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
        except ArgumentError as error:
            self.stop(error, WRONG_USAGE)
        except (OutputError, RemoteError, OSError) as error:
            self.stop(error, IMPOSSIBLE)
        opts.spargs["reread"] = ",".join(found)
        if found:
            self.check_arguments(args[0], opts.spargs)

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        assert self.settings is not None
        return Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()

    def runs(self, outlet: str, opts: argparse.Namespace) -> list[str]:
        """Return the names of the runs to read, and fetch what is missing of these.

        Raises UsageError, ArgumentError, OutputError, RemoteError and OSError.
        """
        assert self.settings is not None
        target = connect(self.settings, opts.remote, self.output)
        output = existing(self.output)
        if target:
            adopt_identity(output, target)
            name_faults(fetch(output, target, [outlet], Wanted.DOCUMENT)[outlet])
        if outlet not in outlets(output):
            raise OutputError(f"There is no run of {outlet} in {target.url if target else output}.")
        names = runs_to_reread(
            output,
            outlet,
            opts.run,
            everything=opts.all,
            damaged=lambda error: print(error, file=sys.stderr),  # noqa: T201
        )
        if target:
            chosen = set(names).intersection
            name_faults(fetch(output, target, [outlet], Wanted.REJECTED, chosen)[outlet])
        return names

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Read, and set the exit code as a crawl does."""
        if not opts.spargs["reread"]:
            print(self.nothing_left(args[0]))  # noqa: T201
            return
        super().run(args[:1], opts)

    def nothing_left(self, outlet: str) -> str:
        """Return why there is nothing to read."""
        if not has_kept(self.output, outlet):
            return f"{outlet} has kept no rejected response."
        if lost := count_lost(self.output, outlet):
            return (
                f"Every response of {outlet} that is not lost has given a record; {lost} are lost."
            )
        return (
            f"Every response that {outlet} kept has given a record. If a record is wrong, correct"
            f" the selectors: {PROGRAM} reread {outlet} --all reads them again."
        )
