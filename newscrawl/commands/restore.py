"""``newscrawl restore``: restore closed runs from remote storage or a copy."""

import argparse
import sys

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE, OutputCommand


class Command(OutputCommand, ScrapyCommand):
    """Copies missing runs from a storage, checks them, and updates the ledger."""

    arguments = "<URL or folder> [<outlet>]"
    summary = "Restore missing runs from S3, GCS, Azure, a folder or a backup"
    example = "restore s3://bucket/news hill"
    extra = "remote"
    exit_codes = "0 done, 1 runs could not be restored, 2 wrong usage, 3 it cannot be done"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--pruned", action="store_true", help="also restore the parts of pruned runs"
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Restore, and print what was restored and what could not be."""
        if len(args) not in (1, 2):
            raise UsageError("name a URL or a folder, and an outlet if not all")
        from newscrawl.dataset.remote import Target  # noqa: PLC0415  # needs newscrawl[remote]
        from newscrawl.dataset.restore import (  # noqa: PLC0415
            outlets_at,
            restore,
            restore_dataset,
        )

        self.output.mkdir(parents=True, exist_ok=True)
        target = Target(args[0])
        found = outlets_at(target)
        if not found or not set(args[1:]) <= set(found):
            raise UsageError(f"{target.url} has runs of {', '.join(found) or 'no outlet'}")
        runs: dict[str, list[str]] = {}
        try:
            for outlet in args[1:] or found:
                done = restore(self.output, outlet, target, pruned=opts.pruned)
                print(f"{outlet}: {len(done.runs):,} runs restored, {done.bytes:,} bytes.")  # noqa: T201
                for sentence in done.wrong:
                    print(sentence, file=sys.stderr)  # noqa: T201
                    self.exitcode = NEGATIVE
                runs[outlet] = done.runs
        finally:
            if count := self.complete_ledger(runs):
                print(f"The ledger was rebuilt from {count:,} records.")  # noqa: T201
        if restore_dataset(self.output, target):
            print(f"{self.output / 'dataset'} was restored.")  # noqa: T201
