"""``scrapy crawl``, with exit codes that a scheduler can tell apart."""

import argparse
import asyncio
import logging

from scrapy.commands.crawl import Command as CrawlCommand
from scrapy.exceptions import UsageError

from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.run import (
    ALREADY_RUNNING,
    ASKED_TO_WAIT,
    OUTPUT_FAILED,
    UNUSABLE_OUTPUT,
    WRONG_ARGUMENT,
)
from newscrawl.settings import check

logger = logging.getLogger(__name__)

EXIT_CODES = {
    WRONG_ARGUMENT: 2,
    UNUSABLE_OUTPUT: 3,
    OUTPUT_FAILED: 3,
    ALREADY_RUNNING: 75,
    ASKED_TO_WAIT: 75,
}
"""The exit code for a close reason; 75 is sysexits' "try again later". Every other one is 0."""


class Command(CrawlCommand):
    """Scrapy's own command; only the exit code and a look at the settings are ours."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Run one spider, by name, and take the exit code from how the crawl ended."""
        if len(args) != 1:
            raise UsageError("name one spider")
        assert self.settings is not None
        assert self.crawler_process is not None
        try:
            check(self.settings)
        except ArgumentError as wrong:
            logger.error("%s", wrong)
            self.exitcode = EXIT_CODES[WRONG_ARGUMENT]
            return
        crawler = self._create_crawler(args[0])
        task = self.crawler_process.crawl(crawler, **opts.spargs)
        assert isinstance(task, asyncio.Task)
        self.crawler_process.start()
        error = task.exception() if task.done() and not task.cancelled() else None
        if isinstance(error, ArgumentError):
            # An extension refused its setting.
            logger.error("%s", error)
            self.exitcode = EXIT_CODES[WRONG_ARGUMENT]
        elif self.crawler_process.bootstrap_failed:
            if error is not None:
                logger.error("The crawl could not start", exc_info=error)
            self.exitcode = 1
        else:
            reason = crawler.stats.get_value("finish_reason")
            self.exitcode = EXIT_CODES.get(reason, 0)
