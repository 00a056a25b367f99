"""What the commands of Scrapy that debug a spider have in common: they open no run."""

import argparse
from typing import TYPE_CHECKING

from newscrawl.extensions.run import switch_off_runs

if TYPE_CHECKING:
    from scrapy.commands import ScrapyCommand as Base
else:
    Base = object


class DebuggingCommand(Base):
    """A command that requests pages and leaves neither output nor an entry in the ledger."""

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take Scrapy's options, then switch off what would open a run."""
        super().process_options(args, opts)
        assert self.settings is not None
        switch_off_runs(self.settings)
