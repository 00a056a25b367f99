"""``newscrawl capture``: save a page of an outlet as a fixture."""

import argparse

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.pages import PagesCommand
from newscrawl.exceptions import PROGRAM
from newscrawl.extensions.progress import near
from newscrawl.workbench.fixtures import (
    EXPECTED,
    free_case,
    read_record,
    unused_case,
    write_case,
)


class Command(PagesCommand, ScrapyCommand):
    """Saves a page of an outlet as a fixture, with the record that newscrawl reads of it today.

    Compare the record with the page: the test of the fixture expects just that record.
    """

    arguments = "<outlet> <URL or file> [<case>]"
    summary = "Save a page of an outlet as a fixture: the page and its expected record"
    example = (
        "capture hill page.html opinion --url https://thehill.com/opinion/5671027-storm-nears/"
    )
    exit_codes = (
        "0 the fixture is written, 1 no article on the page, 2 wrong usage, 3 no such outlet, page"
        " or address, or the case exists"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--url", help="address of a saved page (default: the page's own)")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Write the fixture."""
        if len(args) not in (2, 3):
            raise UsageError("name an outlet, a page, and a case if it is not the article's kind")
        outlet = self.find_outlet(args[0])
        for case in args[2:]:
            free_case(self.fixtures, outlet.name, case)
        (page,) = self.read_pages(args[1:2], opts.url)
        with self.reading():
            article, expected = read_record(outlet, page)
            case = (*args[2:], unused_case(self.fixtures, outlet.name, article.kind))[0]
            folder = free_case(self.fixtures, outlet.name, case)
            write_case(folder, page, expected)
            print(f"Wrote {near(folder)}")  # noqa: T201
            print(  # noqa: T201
                f"A person must compare {near(folder / EXPECTED)} with the page:"
                f" {PROGRAM} outlet try {outlet.name}"
            )
