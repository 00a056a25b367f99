"""``newscrawl version``: the version of newscrawl, then Scrapy's."""

import argparse

from scrapy.commands.version import Command as VersionCommand

from newscrawl import __version__
from newscrawl.commands.base import OutputCommand


class Command(OutputCommand, VersionCommand):
    """Scrapy's own command, which names newscrawl first."""

    arguments = "[-v]"
    summary = "Print the versions of newscrawl and Scrapy"
    example = "version -v"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the versions."""
        print(f"newscrawl {__version__}")  # noqa: T201
        VersionCommand.run(self, args, opts)
