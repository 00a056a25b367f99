"""``newscrawl capture``: save a page of an outlet as a fixture."""

import argparse
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.pages import PagesCommand
from newscrawl.exceptions import PROGRAM, UnreadableError
from newscrawl.extensions.progress import near
from newscrawl.extraction.outlet import Outlet
from newscrawl.workbench.fixtures import (
    EXPECTED,
    free_case,
    read_record,
    unused_case,
    write_case,
)
from newscrawl.workbench.pages import SavedPage


class Command(PagesCommand, ScrapyCommand):
    """Saves a page of an outlet as a fixture, with the record that newscrawl reads of it today.

    Compare the record with the page: the test of the fixture expects just that record.
    """

    arguments = "<outlet> <URL or file> [<case>] | <outlet> --rejected [<case>]"
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
        parser.add_argument(
            "--rejected",
            action="store_true",
            help="the latest response that a crawl rejected, or with --url that of one article",
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Write the fixture."""
        count = 1 if opts.rejected else 2
        if len(args) not in (count, count + 1):
            raise UsageError("name an outlet, a page, and a case if it is not the article's kind")
        outlet = self.find_outlet(args[0])
        for case in args[count:]:
            free_case(self.fixtures, outlet.name, case)
        if opts.rejected:
            (page,) = self.rejected_pages(outlet, opts.url, 1)
        else:
            (page,) = self.read_pages(args[1:2], opts.url)
        with self.reading():
            kind, expected = self.read_page(outlet, page, is_rejected=opts.rejected)
            case = (*args[count:], unused_case(self.fixtures, outlet.name, kind))[0]
            folder = free_case(self.fixtures, outlet.name, case)
            write_case(folder, page, expected)
            print(f"Wrote {near(folder)}")  # noqa: T201
            print(  # noqa: T201
                f"A person must compare {near(folder / EXPECTED)} with the page:"
                if expected
                else f"Correct the selectors until the page gives a record; a test of it writes"
                f" {near(folder / EXPECTED)}:",
                f"{PROGRAM} outlet try {outlet.name}",
            )

    def read_page(
        self, outlet: Outlet, page: SavedPage, *, is_rejected: bool
    ) -> tuple[str, dict[str, Any] | None]:
        """Return kind and record of a page; no record if it is a rejected one that has none.

        Raises UnreadableError for another page without article.
        """
        try:
            article, expected = read_record(outlet, page)
        except UnreadableError:
            if not is_rejected:
                raise
            return "rejected", None
        return article.kind, expected
