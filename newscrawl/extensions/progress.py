"""Seeing a crawl work: live on a terminal, plain lines elsewhere, and one block at the end."""

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any, Self

from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler
from rich.table import Table
from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.utils.asyncio import create_looping_call

from newscrawl.extensions.run import Run
from newscrawl.storage.books import FAILED, KNOWN, NEW, REJECTED, REVISED, UNCHANGED

logger = logging.getLogger(__name__)


class Progress:
    """Extension: shows how the crawl goes, and says at its end what was got and what was not.

    On a terminal one live line; in a log file, a pipe or under Scrapyd nothing but log lines.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Watch the crawler's run."""
        self.crawler = crawler
        self.started = time.monotonic()
        self.live: Live | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals."""
        progress = cls(crawler)
        crawler.signals.connect(progress.open, signals.spider_opened)
        crawler.signals.connect(progress.close, signals.engine_stopped)
        return progress

    def open(self, spider: Spider) -> None:
        """Start the live line when somebody is looking."""
        settings = self.crawler.settings
        if settings.get("LOG_FILE") or not settings.getbool("LOG_ENABLED"):
            return
        console = Console(stderr=True)
        if not console.is_terminal or not sys.stderr.isatty():
            return
        # Log lines go through the same console, or they would tear the live line.
        root = logging.getLogger()
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                rich = RichHandler(console=console, show_path=False, level=handler.level)
                for log_filter in handler.filters:
                    rich.addFilter(log_filter)
                root.removeHandler(handler)
                root.addHandler(rich)
        self.live = Live(self.line(), console=console, refresh_per_second=4, transient=True)
        self.live.start()
        self.ticker = create_looping_call(self.tick)
        self.ticker.start(0.25)

    def tick(self) -> None:
        """Bring the live line up to date."""
        if self.live is not None:
            self.live.update(self.line())

    @property
    def run(self) -> Run:
        """The run, which is there once the crawl has begun."""
        return Run.of(self.crawler)

    def line(self) -> Table:
        """Return the live line: pages, articles by fate, duplicates, queue and rate."""
        counts = self.run.books.counts()
        pages = self.crawler.stats.get_value("response_received_count", 0)
        scheduler: Any = self.crawler.engine.scheduler
        seconds = max(time.monotonic() - self.started, 0.001)
        table = Table.grid(padding=(0, 2))
        table.add_row(
            f"[bold]{self.crawler.spidercls.name}[/bold]",
            f"{pages} pages",
            f"[green]{counts.get(NEW, 0)} new[/green]",
            f"{counts.get(REVISED, 0)} revised",
            f"{counts.get(KNOWN, 0) + counts.get(UNCHANGED, 0)} known",
            f"[red]{counts.get(REJECTED, 0)} rejected[/red]",
            f"[red]{counts.get(FAILED, 0)} failed[/red]",
            f"{self.crawler.stats.get_value('newscrawl/link_repeats', 0)} duplicate links",
            f"{len(scheduler or ())} in the queue",
            f"{pages / seconds * 60:.0f} pages/min",
            # How far a backfill has come.
            str(self.crawler.stats.get_value("newscrawl/position", "")),
        )
        return table

    def close(self) -> None:
        """End the live line and say in one block what the run did."""
        if self.live is not None:
            self.ticker.stop()
            self.live.stop()
        if self.run.document.get("books"):
            text = summary(self.run.document, str(self.run.writer.folder))
            if self.live is not None:
                self.live.console.print(text, highlight=False, markup=False)
            else:
                logger.info("%s", text)


def summary(document: Mapping[str, Any], folder: str) -> str:
    """Return what a run did, for people: what was got, what was not and why, and where it is."""
    books = document["books"]
    lines = [
        f"Run {document['run']} of {document['spider']}: {document['reason']},"
        f" {'complete' if document['complete'] else 'NOT complete'}",
        f"  got       {books['new']} new and {books['revised']} revised articles"
        f" of {books['discovered']} discovered",
        f"  passed    {books['known']} known, {books['unchanged']} unchanged",
    ]
    for name in ("rejected", "failed"):
        for reason, count in books[name].items():
            lines.append(f"  {name:<9} {count} {reason}")
    for reason, count in document["listings"]["failed"].items():
        lines.append(f"  listings  {count} not read: {reason}")
    if refused := document.get("refused"):
        until = f", over since {refused['over']}" if "over" in refused else ""
        lines.append(f"  refused   pages since {refused['since']}: {refused['reason']}{until}")
    if books["pending"]:
        lines.append(f"  pending   {books['pending']} not asked for, or not answered in time")
    lines.append(f"  in        {folder}")
    return "\n".join(lines)
