"""``newscrawl prune``: remove the parts of old runs that the dataset holds."""

import argparse
import re
import sys
from datetime import timedelta

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.settings import read
from newscrawl.storage.runs import outlets


def days(text: str) -> timedelta:
    """Return a number of days.

    >>> days("90d").days
    90
    """
    found = re.fullmatch(r"(\d{1,5})d?", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days, such as 90d")
    return timedelta(days=int(found[1]))


class Command(OutputCommand, ScrapyCommand):
    """Removes parts with proof that the dataset, and the remote storage if set, have them."""

    arguments = "[<outlet>] --older-than 90d"
    summary = "Remove the parts of old runs whose records are in the dataset"
    example = "prune hill --older-than 90d --dry-run"
    extra = "dataset"
    exit_codes = "0 done, 1 runs of that age have to stay, 2 wrong usage, 3 it cannot be done"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--older-than",
            type=days,
            required=True,
            metavar="DAYS",
            help="only runs that began so many days before the latest one, for example 90d",
        )
        parser.add_argument("--dry-run", action="store_true", help="remove nothing, only say what")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Prune, and say what was removed and what has to stay."""
        if len(args) > 1:
            raise UsageError("name one outlet, or none for all")
        from newscrawl.dataset.prune import prune  # noqa: PLC0415  # needs newscrawl[dataset]
        from newscrawl.dataset.remote import pushed_runs  # noqa: PLC0415

        assert self.settings is not None
        output = self.existing_output()
        url = read(self.settings, "NEWSCRAWL_REMOTE")
        for outlet in [self.known_outlet(args[0])] if args else outlets(output):
            is_pushed = pushed_runs(url, outlet).has if url else None
            done = prune(output, outlet, opts.older_than, is_pushed, is_dry=opts.dry_run)
            print(  # noqa: T201
                f"{outlet}: {done.runs:,} runs {'would be ' * opts.dry_run}pruned,"
                f" {done.records:,} records, {done.bytes:,} bytes."
            )
            for reason, runs in done.left.items():
                text = f"{outlet}: {len(runs):,} runs stay: {reason} ({runs[0]} and later)."
                print(text, file=sys.stderr)  # noqa: T201
                self.exitcode = NEGATIVE
