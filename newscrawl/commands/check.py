"""``newscrawl check``: Scrapy's own command, which opens no run."""

import argparse

from scrapy.commands.check import Command as ScrapyCommand

from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, ScrapyCommand):
    """Check the contracts of spiders."""

    arguments = "[options] [<outlet> ...]"
    summary = "Check the contracts of spiders"
    example = "check hill"

    def outlets(self, args: list[str], opts: argparse.Namespace) -> list[str]:
        """Return the outlets that the command line names."""
        return args
