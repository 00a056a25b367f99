"""``newscrawl archive``: read articles of many outlets out of many WARC files."""

import argparse
import asyncio
import logging
import os
from pathlib import Path

from scrapy.commands import BaseRunSpiderCommand
from scrapy.exceptions import UsageError

from newscrawl.archives.archives import ArchiveReading
from newscrawl.archives.cluster import Cluster
from newscrawl.archives.engine import Engine, OneProcess, Processes
from newscrawl.archives.lists import find_files
from newscrawl.archives.plan import ArchiveFile
from newscrawl.commands.base import IMPOSSIBLE, WRONG_USAGE, SpiderCommand
from newscrawl.exceptions import ArgumentError, EngineError
from newscrawl.extensions.exit_codes import EXIT_CODES, NOT_STARTED, of_crawl
from newscrawl.extensions.options import unknown
from newscrawl.extensions.run import Run
from newscrawl.storage.archive_files import is_url

logger = logging.getLogger(__name__)

_FEW = 64 << 20  # bytes that one process reads before others have started


class Command(SpiderCommand, BaseRunSpiderCommand):
    """Reads archives once for one or several outlets, on all cores or on a cluster."""

    arguments = "<outlet>… <file>… [-a NAME=VALUE] [--workers N | --address URL] [--strict]"
    summary = "Read the articles of outlets out of WARC files"
    example = "archive hill 'CC-NEWS-2026*.warc.gz' -a since=2026-01-01"
    exit_codes = ", ".join(f"{it.code} {it.name}" for it in EXIT_CODES)
    spider_arguments = ("since", "until", "limit")

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's, and hide those of its feeds, which get no records."""
        super().add_options(parser)
        for option in (("-o", "--output"), ("-O", "--overwrite-output")):
            parser.add_argument(*option, action="append", help=argparse.SUPPRESS)
        parser.add_argument(
            "--workers", type=int, metavar="N", help="processes; default: one for each core"
        )
        parser.add_argument(
            "--address", metavar="URL", help="scheduler of a Dask cluster, such as tcp://host:8786"
        )
        parser.add_argument(
            "--base",
            default="",
            metavar="URL",
            help="what precedes relative names in lists, such as s3://commoncrawl",
        )
        parser.add_argument(
            "--strict",
            action="store_true",
            help="exit code not 0 when articles failed or were rejected",
        )

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply Scrapy's options and ours. Exit with a message if an argument is wrong."""
        super().process_options(args, opts)
        assert self.settings is not None
        self.outlets, names = self.divided(args)
        for outlet in self.outlets:
            self.check_arguments(outlet, opts.spargs)
        if opts.workers is not None and (opts.workers < 1 or opts.address):
            raise UsageError("--workers is a whole number from 1 up, without --address")
        if opts.output or opts.overwrite_output:
            raise UsageError("-o and -O are for the command crawl")
        try:
            self.files = find_files(names, opts.base)
        except ArgumentError as error:
            self.stop(error, WRONG_USAGE)
        if not self.files:
            self.stop("The lists name no file.", WRONG_USAGE)
        self.settings.set("LOGSTATS_INTERVAL", 0, priority="cmdline")
        if opts.strict:
            self.settings.set("NEWSCRAWL_STRICT", "1", priority="cmdline")

    def divided(self, args: list[str]) -> tuple[list[str], list[str]]:
        """Return outlets and files; all names before the first file are of outlets."""
        known = self.spider_names()
        count = next((n for n, it in enumerate(args) if it not in known), len(args))
        outlets, names = list(dict.fromkeys(args[:count])), args[count:]
        if names and _is_word(names[0]):
            self.stop(unknown("outlet", names[0], known), IMPOSSIBLE)
        if not outlets or not names:
            raise UsageError("name one outlet or several, and then one file or several")
        return outlets, names

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Read the archives, and set the exit code: the highest of the runs' codes."""
        assert self.crawler_process is not None
        assert self.settings is not None
        try:
            engine = _engine(self.files, opts)
        except ArgumentError as error:
            self.stop(error, WRONG_USAGE)
        except EngineError as error:
            self.stop(error, IMPOSSIBLE)
        folder = Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()
        logger.info("Reading %d files for %s into %s", len(self.files), *self._said(), folder)
        given = " ".join(args[len(self.outlets) :])
        reading = ArchiveReading(self.files, engine, given, len(self.outlets))
        crawlers = [self._create_crawler(name) for name in self.outlets]
        tasks = []
        for crawler in crawlers:
            task = self.crawler_process.crawl(crawler, _reading=reading, **opts.spargs)
            assert isinstance(task, asyncio.Task)
            task.add_done_callback(lambda _: reading.leave())
            tasks.append(task)
        self.crawler_process.start()
        engine.close()
        codes = []
        for crawler, task in zip(crawlers, tasks, strict=True):
            failure = task.exception() if task.done() and not task.cancelled() else None
            if failure is not None:
                logger.error("The crawl could not start", exc_info=failure)
                codes.append(NOT_STARTED.code)
            else:
                codes.append(of_crawl(crawler, Run.of(crawler).document).code)
        self.exitcode = max(codes)

    def _said(self) -> tuple[str]:
        few = ", ".join(self.outlets[:5])
        return (few if len(self.outlets) <= 5 else f"{len(self.outlets)} outlets",)


def _is_word(name: str) -> bool:
    """Return whether a name looks like that of an outlet, not of a file."""
    return name.replace("_", "").replace("-", "").isalnum() and not Path(name).exists()


def _engine(files: list[ArchiveFile], opts: argparse.Namespace) -> Engine:
    """Return what reads the files. Raises ArgumentError and EngineError."""
    if opts.address:
        return Cluster(opts.address)
    workers = opts.workers or len(os.sched_getaffinity(0))
    if opts.workers is None and not any(is_url(it.name) for it in files):
        paths = (Path(it.name) for it in files)
        if sum(it.stat().st_size for it in paths if it.is_file()) <= _FEW:
            workers = 1
    return OneProcess() if workers == 1 else Processes(workers)
