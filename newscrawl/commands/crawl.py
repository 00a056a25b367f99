"""``scrapy crawl``, with exit codes that a scheduler can tell apart."""

import argparse

from scrapy.commands.crawl import Command as CrawlCommand
from scrapy.exceptions import UsageError

from newscrawl.run import (
    ALREADY_RUNNING,
    ASKED_TO_WAIT,
    OUTPUT_FAILED,
    UNUSABLE_OUTPUT,
    WRONG_ARGUMENT,
)

EXIT_CODES = {
    WRONG_ARGUMENT: 2,
    UNUSABLE_OUTPUT: 3,
    OUTPUT_FAILED: 3,
    ALREADY_RUNNING: 75,
    ASKED_TO_WAIT: 75,
}
"""The exit code for a close reason; 75 is sysexits' "try again later". Every other one is 0."""


class Command(CrawlCommand):
    """Scrapy's own command; only the exit code is ours."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Run one spider, by name, and take the exit code from how the crawl ended."""
        if len(args) != 1:
            raise UsageError("name one spider")
        assert self.crawler_process is not None
        crawler = self._create_crawler(args[0])
        self.crawler_process.crawl(crawler, **opts.spargs)
        self.crawler_process.start()
        if self.crawler_process.bootstrap_failed:
            self.exitcode = 1
        else:
            reason = crawler.stats.get_value("finish_reason")
            self.exitcode = EXIT_CODES.get(reason, 0)
