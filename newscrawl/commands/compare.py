"""``scrapy compare``: an article through its page, REST and the feed, side by side."""

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

if TYPE_CHECKING:
    from newscrawl.base_spiders.compare import Comparison


class Command(ScrapyCommand):
    """Reads articles through page, REST and feed, and shows where they disagree."""

    requires_project = True

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "[options] <outlet> <address> ..."

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Compare what an article's page, REST post and feed entry say"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add ``--json``."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object an article")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Log errors only, unless something else was asked for."""
        super().process_options(args, opts)
        assert self.settings is not None
        if not opts.loglevel:
            self.settings.set("LOG_LEVEL", "ERROR", priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Compare; exit code 1 when sources disagree or none can be read, 2 for a wrong address."""
        if len(args) < 2:
            raise UsageError("name an outlet and addresses: scrapy compare hill https://…")
        assert self.crawler_process is not None
        assert self.settings is not None
        outlet, *addresses = args
        base: Any = self.crawler_process.spider_loader.load(outlet)
        candidates = []
        reader = base()
        for address in addresses:
            candidate = reader.candidate(address)
            if candidate is None:
                print(f"{address!r} is not the address of an article of {outlet}.")  # noqa: T201
                self.exitcode = 2
                return
            candidates.append(candidate)
        from newscrawl.base_spiders.compare import comparing  # noqa: PLC0415  # no other command pays for it

        compared = comparing(base, candidates)
        self.crawler_process.crawl(compared, fetch="page")
        self.crawler_process.start()
        self.report(compared.comparisons, as_json=opts.json)

    def report(self, comparisons: "Iterable[Comparison]", *, as_json: bool) -> None:
        """Print what was found and set the exit code."""
        from newscrawl.base_spiders.compare import FIELDS, describe  # noqa: PLC0415

        agreed = disagreed = 0
        self.exitcode = 0
        for found in comparisons:
            disagreed += len(found.disagreements)
            agreed += sum(found.agrees(name) is True for name in FIELDS)
            if not found.told or found.disagreements:
                self.exitcode = 1
            if as_json:
                shown = {
                    "id": found.id,
                    "url": found.url,
                    "told": found.told,
                    "silent": found.silent,
                    "disagree": found.disagreements,
                }
                print(json.dumps(shown, ensure_ascii=False))  # noqa: T201
            else:
                print("\n".join(describe(found)))  # noqa: T201
        if not as_json:
            print(f"{agreed} fields agree, {disagreed} disagree.")  # noqa: T201
