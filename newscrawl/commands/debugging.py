"""Base class of Scrapy's commands for debugging a spider, which open no run."""

import argparse
from typing import ClassVar

from newscrawl.commands.base import IMPOSSIBLE, ProjectCommand
from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.run import switch_off_runs


class DebuggingCommand(ProjectCommand):
    """A command that requests pages and leaves neither output nor an entry in the ledger."""

    arguments = "[options] <url>"
    exit_codes: ClassVar = "0 done, 2 wrong usage, 3 no such outlet"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply Scrapy's options, then disable the components that would open a run."""
        super().process_options(args, opts)
        assert self.settings is not None
        switch_off_runs(self.settings)
        for name in self.outlets(args, opts):
            try:
                self.load_outlet(name)
            except ArgumentError as error:
                self.stop(error, IMPOSSIBLE)

    def outlets(self, args: list[str], opts: argparse.Namespace) -> list[str]:
        """Return the outlets that the command line names."""
        return [opts.spider] if opts.spider else []
