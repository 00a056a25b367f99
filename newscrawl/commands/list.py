"""``newscrawl list``: list the outlets, and what is wrong in the tables of outlets."""

import argparse
import os
import sys

from scrapy.commands.list import Command as ListCommand
from scrapy.spiderloader import get_spider_loader

from newscrawl.base_spiders.spider_loader import OutletLoader
from newscrawl.commands.base import NEGATIVE, ProjectCommand, printing


class Command(ProjectCommand, ListCommand):
    """Lists the outlets, one a line, and what is wrong in the tables of outlets."""

    summary = "List the outlets"
    example = "list"
    exit_codes = "0 done, 1 a row of outlets.toml is wrong, 2 wrong usage"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the names on standard output, errors on standard error."""
        with printing():
            super().run(args, opts)
        assert self.settings is not None
        loader = get_spider_loader(self.settings)
        # Scrapyd reads the list before each job. A wrong row must not stop the jobs of the others.
        if "SCRAPY_PROJECT" in os.environ or not isinstance(loader, OutletLoader):
            return
        for error in loader.errors():
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE
