"""``newscrawl extract``: print the record of a saved page, without run, ledger or network."""

import argparse
import sys
import warnings
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.base_spiders.saved_page import extract
from newscrawl.base_spiders.spider_loader import find_outlet
from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.exceptions import ArgumentError, NotWholeWarning, UnreadableError
from newscrawl.items import record
from newscrawl.storage.parts import line_of
from newscrawl.workbench.pages import address_in, unpacked


class Command(OutputCommand, ScrapyCommand):
    """Prints the record of a saved page, or the reason why there is none."""

    arguments = "<outlet, or generic> <file, or - for standard input>"
    summary = "Read a saved page and print its record as a line of JSON"
    example = (
        "extract hill page.html --url https://thehill.com/homenews/senate/5671027-storm-nears/"
    )
    exit_codes = (
        "0 a record, 1 no article on the page, 2 wrong usage, 3 no such outlet, file or address"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--url", help="address of the page (default: the page's own)")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the record."""
        if len(args) != 2:
            raise UsageError("name an outlet and a file")
        assert self.settings is not None
        outlet = find_outlet(args[0], self.settings)
        raw = sys.stdin.buffer.read() if args[1] == "-" else Path(args[1]).read_bytes()
        page = unpacked(raw, args[1])
        url = opts.url or address_in(page)
        if not url:
            raise ArgumentError("The page does not name its address. Name it with --url")
        try:
            with warnings.catch_warnings(
                record=True, action="always", category=NotWholeWarning
            ) as missing:
                article = extract(page, url, outlet)
        except UnreadableError as error:
            print(f"No record: {error}", file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE
            return
        for warning in missing:
            print(warning.message, file=sys.stderr)  # noqa: T201
        sys.stdout.buffer.write(line_of(record(article)))
        sys.stdout.buffer.flush()
