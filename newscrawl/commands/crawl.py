"""``scrapy crawl``, with exit codes that a scheduler can tell apart."""

import argparse
import asyncio
import logging
from difflib import get_close_matches

from scrapy.commands.crawl import Command as CrawlCommand
from scrapy.exceptions import UsageError
from scrapy.settings import SETTINGS_PRIORITIES, BaseSettings, default_settings
from scrapy.utils.project import get_project_settings

from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.run import (
    ALREADY_RUNNING,
    ASKED_TO_WAIT,
    OUTPUT_FAILED,
    UNUSABLE_OUTPUT,
    WRONG_ARGUMENT,
)

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
        if wrong := wrong_setting(self.settings):
            logger.error(wrong)
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


def wrong_setting(settings: BaseSettings) -> str | None:
    """Return what is wrong with a setting that was given with ``-s``, in a sentence, or None.

    Scrapy would fail on a number that is none with a traceback, and ignore a misspelt name.
    """
    ours = [name for name in get_project_settings() if name.startswith("NEWSCRAWL_")]
    for name in settings:
        if (settings.getpriority(name) or 0) < SETTINGS_PRIORITIES["cmdline"]:
            continue
        if name.startswith("NEWSCRAWL_") and name not in ours:
            meant = get_close_matches(name, ours, n=1, cutoff=0.8)
            hint = f": did you mean {meant[0]}?" if meant else "."
            return f"{name} is no setting of newscrawl{hint}"
        default = getattr(default_settings, name, None)
        try:
            if isinstance(default, bool):
                settings.getbool(name)
            elif isinstance(default, int | float):
                settings.getfloat(name)
        except (TypeError, ValueError):
            what = "True or False" if isinstance(default, bool) else "a number"
            return f"{name}={settings[name]!r} is not allowed: it must be {what}."
    return None
