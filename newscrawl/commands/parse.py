"""``newscrawl parse``: Scrapy's own command, which checks spider arguments and opens no run."""

import argparse

from scrapy.commands.parse import Command as ParseCommand
from scrapy.exceptions import UsageError
from scrapy.http import Request
from scrapy.spiderloader import get_spider_loader
from w3lib.url import is_url

from newscrawl.commands.base import IMPOSSIBLE, NEGATIVE, SpiderCommand
from newscrawl.commands.debugging import DebuggingCommand


class Command(DebuggingCommand, SpiderCommand, ParseCommand):
    """Scrapy's own command: fetches a page and prints its record and the links to follow."""

    arguments = "[options] <url>"
    summary = "Fetch a page and print its record and the links to follow"
    example = "parse https://thehill.com/homenews/senate/5671027-storm-nears/"
    exit_codes = (
        "0 done, 1 the page cannot be fetched, 2 wrong usage, 3 no such outlet, or no outlet has"
        " that address"
    )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply Scrapy's options. Exit with a message if the outlet or an argument is wrong."""
        super().process_options(args, opts)
        assert self.settings is not None
        if len(args) != 1 or not is_url(args[0]):
            raise UsageError("name one URL, with http:// or https://", print_help=False)
        loader = get_spider_loader(self.settings)
        names = [opts.spider] if opts.spider else loader.find_by_request(Request(args[0]))
        if not names:
            self.stop(f"No outlet has the address {args[0]!r}.", IMPOSSIBLE)
        for name in names:
            self.check_arguments(name, opts.spargs)

    def start_parsing(self, url: str, opts: argparse.Namespace) -> None:
        """Fetch and read the page; without a response the exit code is not 0."""
        super().start_parsing(url, opts)
        if not self.first_response:
            self.exitcode = NEGATIVE
