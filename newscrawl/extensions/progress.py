"""Progress of a crawl: a live line on a terminal, log lines elsewhere, and one block at the end."""

import logging
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from rich.console import Console
from rich.live import Live
from rich.logging import RichHandler
from rich.table import Table
from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.utils.asyncio import create_looping_call
from scrapy.utils.log import get_scrapy_root_handler

from newscrawl.exceptions import PROGRAM
from newscrawl.extensions.run import Run
from newscrawl.storage.books import FAILED, KNOWN, NEW, REJECTED, REVISED, UNCHANGED
from newscrawl.storage.document import RunDocument, archive_faults

logger = logging.getLogger(__name__)


class Progress:
    """Extension: shows the progress of a crawl, and a summary at its end.

    A terminal gets a live line; a log file, a pipe and Scrapyd get log lines only.
    """

    is_shown: ClassVar[bool] = False

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
        """Start the live line on a terminal."""
        settings = self.crawler.settings
        if settings.get("LOG_FILE") or not settings.getbool("LOG_ENABLED"):
            return
        console = Console(stderr=True)
        if Progress.is_shown:
            # Several outlets are read out of the same archives: one line shows how far it is.
            return
        if not console.is_terminal or not sys.stderr.isatty():
            return
        # Log lines go through the same console, or they would break the live line.
        root = logging.getLogger()
        for handler in root.handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stderr:
                rich = RichHandler(console=console, show_path=False, level=handler.level)
                for log_filter in handler.filters:
                    rich.addFilter(log_filter)
                root.removeHandler(handler)
                root.addHandler(rich)
        Progress.is_shown = True
        self.live = Live(self.line(), console=console, refresh_per_second=4, transient=True)
        self.live.start()
        self.ticker = create_looping_call(self.tick)
        self.ticker.start(0.25)

    def tick(self) -> None:
        """Update the live line."""
        if self.live is not None:
            self.live.update(self.line())

    @property
    def run(self) -> Run:
        """The run of the crawl."""
        return Run.of(self.crawler)

    def line(self) -> Table:
        """Return the live line: pages, articles by outcome, duplicates, queue and rate."""
        counts = self.run.books.counts()
        if progress := self.run.archive_progress:
            table = Table.grid(padding=(0, 2))
            table.add_row(
                f"[bold]{self.crawler.spidercls.name}[/bold]",
                progress.text(),
                f"[green]{counts.get(NEW, 0)} new[/green]",
                f"{counts.get(REVISED, 0)} revised",
                f"[red]{counts.get(REJECTED, 0)} rejected[/red]",
                f"[red]{counts.get(FAILED, 0)} failed[/red]",
            )
            return table
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
            # The date that a backfill has reached.
            str(self.crawler.stats.get_value("newscrawl/position", "")),
        )
        return table

    def close(self) -> None:
        """End the live line and print the summary."""
        if self.live is not None:
            self.ticker.stop()
            self.live.stop()
            Progress.is_shown = False
        if self.run.document is not None:
            text = summary(self.run.document, self.run.folder)
            if self.live is not None:
                self.live.console.print(text, highlight=False, markup=False)
            else:
                # The block is in a log of warnings, too.
                handler = get_scrapy_root_handler()
                quiet = handler is not None and handler.level > logging.INFO
                logger.log(logging.WARNING if quiet else logging.INFO, "%s", text)


def summary(document: RunDocument, folder: Path) -> str:
    """Return the summary of a run: articles by outcome, reasons, and the command for details.

    The parts of ``discovered`` sum to it. ``folder`` is the run's.
    """
    books, listings = document["books"], document["listings"]
    state = "complete" if document["complete"] else "incomplete"
    lines = [
        f"Run {document['run']} of {document['spider']}: {document['reason']}, {state}",
        f"  discovered {books['discovered']:>6} articles",
        f"    new      {books['new']:>6}    revised {books['revised']}"
        f"    unchanged {books['unchanged']}    known {books['known']} (not requested)",
    ]
    # An archive does not change: its failures are not retried.
    retried = "" if "archives" in document else " (retried in a later run)"
    for name, reasons, later in (
        ("rejected", books["rejected"], ""),
        ("failed", books["failed"], retried),
    ):
        if reasons:
            count = sum(reasons.values())
            lines.append(f"    {name:<8} {count:>6}    {_reasons(reasons)}{later}")
    if books["pending"]:
        lines.append(f"    pending  {books['pending']:>6}    not requested in this run")
    if failed := listings["failed"]:
        count = sum(failed.values())
        pages = "page" if count == 1 else "pages"
        lines.append(f"  listings   {count:>6} {pages} failed: {_reasons(failed)}")
    for path, counts in document.get("archives", {}).items():
        if faults := archive_faults(counts):
            lines.append(f"  archive    {path}: {_reasons(faults)}")
    if known := sum("known" in it for it in document.get("archives", {}).values()):
        files = "file was" if known == 1 else "files were"
        lines.append(f"  archives   {known} {files} read, at least in part, by an earlier run")
    if refused := document.get("refused"):
        until = f" until {refused['over']}" if "over" in refused else ""
        lines.append(f"  refused    pages since {refused['since']}{until}: {refused['reason']}")
    output = folder.parent.parent
    check = f"{program()} check-run {document['spider']} {document['run']}"
    if output.absolute() != Path("output").absolute():
        check += f" -s {shlex.quote(f'NEWSCRAWL_OUTPUT_DIR={near(output)}')}"
    return "\n".join([*lines, f"  output     {near(folder)}", f"  details    {check}"])


def _reasons(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in counts.items())


def program() -> str:
    """Return PROGRAM, with its path if it is not on PATH."""
    called = Path(sys.argv[0])
    if called.stem != PROGRAM:
        return PROGRAM
    on_path = shutil.which(called.name)
    is_elsewhere = called.exists() and not (on_path and Path(on_path).samefile(called))
    return shlex.quote(str(near(called))) if is_elsewhere else called.name


def near(path: Path) -> Path:
    """Return a path below the working directory relative to it, others as they are."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
