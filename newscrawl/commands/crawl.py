"""``newscrawl crawl``: crawl one outlet, with exit codes for schedulers."""

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scrapy.commands.crawl import Command as CrawlCommand
from scrapy.exceptions import UsageError
from scrapy.utils.misc import load_object

from newscrawl.commands.base import SpiderCommand
from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.exit_codes import EXIT_CODES, NOT_STARTED, WRONG_USAGE, of_crawl
from newscrawl.extensions.run import Run
from newscrawl.settings import ITEM_PIPELINES, placeholder

logger = logging.getLogger(__name__)

# Without one of these components, a crawl would count articles without publishing them.
_REQUIRED = {
    "ITEM_PIPELINES": tuple(ITEM_PIPELINES),
    "EXTENSIONS": ("newscrawl.extensions.run.Run", "newscrawl.extensions.outcomes.Outcomes"),
    "SPIDER_MIDDLEWARES": ("newscrawl.spidermiddlewares.AdmissionMiddleware",),
}


def _is_among(name: str, given: Sequence[Any]) -> bool:
    """Return whether a component, or a class made from it, is among the paths and classes given."""
    return name in given or any(issubclass(load_object(it), load_object(name)) for it in given)


class Command(SpiderCommand, CrawlCommand):
    """Scrapy's own command, with checks before the crawl and an exit code after it."""

    arguments = "<outlet> [-a NAME=VALUE] [--strict]"
    summary = "Crawl an outlet and publish what is new"
    example = "crawl hill -a sections=homenews/senate -a limit=20"
    exit_codes = ", ".join(f"{it.code} {it.name}" for it in EXIT_CODES)

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--strict",
            action="store_true",
            help="exit code not 0 when articles failed or were rejected",
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply Scrapy's options and ours. Exit with a message if the outlet is unknown."""
        super().process_options(args, opts)
        if len(args) != 1:
            raise UsageError("name one outlet")
        self.check_arguments(args[0], opts.spargs)
        assert self.settings is not None
        for setting, names in _REQUIRED.items():
            given = [
                it for it, order in self.settings.getdict(setting).items() if order is not None
            ]
            if missing := [name for name in names if not _is_among(name, given)]:
                raise UsageError(f"{setting} is not allowed: it must contain {', '.join(missing)}.")
        if opts.strict:
            self.settings.set("NEWSCRAWL_STRICT", "1", priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl the outlet, and set the exit code by the end of the crawl."""
        assert self.crawler_process is not None
        self.announce(args[0], opts.spargs)
        crawler = self._create_crawler(args[0])
        task = self.crawler_process.crawl(crawler, **opts.spargs)
        assert isinstance(task, asyncio.Task)
        self.crawler_process.start()
        error = task.exception() if task.done() and not task.cancelled() else None
        if isinstance(error, ArgumentError):
            # An extension rejected its setting.
            logger.error("%s", error)
            self.exitcode = WRONG_USAGE.code
        elif self.crawler_process.bootstrap_failed:
            if error is not None:
                logger.error("The crawl could not start", exc_info=error)
            self.exitcode = NOT_STARTED.code
        else:
            self.exitcode = of_crawl(crawler, Run.of(crawler).document).code

    def announce(self, outlet: str, given: dict[str, str]) -> None:
        """Log the output folder, and warnings that matter before the first request."""
        assert self.settings is not None
        folder = Path(self.settings["NEWSCRAWL_OUTPUT_DIR"])
        logger.info("Crawling %s into %s", outlet, folder.absolute())
        if not folder.is_absolute() and not folder.exists() and not Path("scrapy.cfg").exists():
            logger.warning(
                "There is no output folder %s: creating it, with an empty ledger."
                " Name an existing one with NEWSCRAWL_OUTPUT_DIR=/path/to/output",
                folder.absolute(),
            )
        is_live = not {"archive", "reread"} & given.keys() and not self.settings["NEWSCRAWL_REPLAY"]
        if is_live and self.settings["USER_AGENT"] == placeholder:
            logger.warning(
                "The user agent contains a placeholder instead of your address: set"
                " NEWSCRAWL_USER_AGENT='yourbot/1.0 (+https://your.site/bot)'"
            )
