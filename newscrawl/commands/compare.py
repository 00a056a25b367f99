"""``newscrawl compare``: compare an article's page, REST post and feed entry."""

import argparse
import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import IMPOSSIBLE, NEGATIVE, ProjectCommand, find_article, printing
from newscrawl.exceptions import ArgumentError

if TYPE_CHECKING:
    from newscrawl.base_spiders.comparison import Comparison


class Command(ProjectCommand, ScrapyCommand):
    """Reads articles from page, REST and feed, and shows the fields that differ."""

    arguments = "<outlet> <URL> ..."
    summary = "Compare an article's page, REST post and feed entry"
    example = "compare hill https://thehill.com/?p=6094464"
    exit_codes = (
        "0 all sources agree, 1 some disagree or none can be read, 2 wrong usage,"
        " 3 no such outlet or article"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add ``--json``."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object an article")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Log errors only, unless another level is given."""
        super().process_options(args, opts)
        assert self.settings is not None
        if not opts.loglevel:
            self.settings.set("LOG_LEVEL", "ERROR", priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Compare the articles and print the result."""
        if len(args) < 2:
            raise UsageError("name an outlet and URLs of articles")
        assert self.crawler_process is not None
        assert self.settings is not None
        try:
            outlet = self.load_outlet(args[0])
            candidates = [find_article(outlet, url) for url in args[1:]]
        except ArgumentError as error:
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = IMPOSSIBLE
            return
        from newscrawl.base_spiders.comparison import comparing  # noqa: PLC0415  # no other command pays for it

        compared = comparing(type(outlet), candidates)
        self.crawler_process.crawl(compared, fetch="page")
        self.crawler_process.start()
        with printing():
            self.report(compared.comparisons, as_json=opts.json)

    def report(self, comparisons: "Iterable[Comparison]", *, as_json: bool) -> None:
        """Print the comparisons and set the exit code."""
        from newscrawl.base_spiders.comparison import FIELDS, describe  # noqa: PLC0415

        agreed = disagreed = 0
        self.exitcode = 0
        for compared in comparisons:
            disagreed += len(compared.disagreements)
            agreed += sum(compared.agrees(name) is True for name in FIELDS)
            if not compared.fields or compared.disagreements:
                self.exitcode = NEGATIVE
            if as_json:
                shown = {
                    "id": compared.id,
                    "url": compared.url,
                    "fields": compared.fields,
                    "errors": compared.errors,
                    "disagree": compared.disagreements,
                }
                print(json.dumps(shown, ensure_ascii=False))  # noqa: T201
            else:
                print("\n".join(describe(compared)))  # noqa: T201
        if not as_json:
            print(f"{agreed} fields agree, {disagreed} disagree.")  # noqa: T201
