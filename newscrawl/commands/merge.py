"""``newscrawl merge``: take the runs of another output folder in."""

import argparse
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.storage.runs import outlets


class Command(OutputCommand, ScrapyCommand):
    """Takes in what another output folder has and this one has not."""

    arguments = "<other output folder>"
    summary = "Take the runs of another output folder in"
    example = "merge /mnt/old/output"
    extra = "dataset"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Merge, update the ledger, and print the number of runs merged."""
        if len(args) != 1:
            raise UsageError("name one other output folder")
        from newscrawl.dataset.merge import merge  # noqa: PLC0415  # needs newscrawl[dataset]

        assert self.settings is not None
        if self.settings["NEWSCRAWL_NODE"]:
            raise UsageError(
                "several nodes share the output: merge into a folder of its own, without"
                " NEWSCRAWL_NODE, and push that"
            )
        output, other = self.existing_output(), Path(args[0]).absolute()
        found = outlets(other)
        if not found or other.resolve() == output.resolve():
            raise UsageError(f"{other} is not another output folder with runs")
        runs: dict[str, list[str]] = {}
        try:
            for outlet in found:
                done = merge(output, outlet, other, self.settings.getint("NEWSCRAWL_PART_RECORDS"))
                print(  # noqa: T201
                    f"{outlet}: {len(done.runs):,} runs merged: {done.new:,} new records,"
                    f" {done.revised:,} further revisions; {done.known:,} were here before."
                )
                runs[outlet] = done.runs
        finally:
            if count := self.complete_ledger(runs):
                print(f"The ledger was rebuilt from {count:,} records.")  # noqa: T201
