"""The report of a run: one page of HTML that needs nothing else, for people.

What it takes to make one is imported when one is made; a crawl does not pay for it.
"""

import logging
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from newscrawl.exceptions import ArgumentError, OutputError, ReportError
from newscrawl.parts import write_whole
from newscrawl.run import Run
from newscrawl.runs import RUN_FILE

logger = logging.getLogger(__name__)

REPORT_FILE = "report.html"


def write_report(folder: Path, to: Path | None = None) -> Path:
    """Write the report of the closed run in a folder, into it or elsewhere; return where.

    Raises OSError, and ReportError where matplotlib or jinja2 is missing.
    """
    try:
        from newscrawl.report.page import page  # noqa: PLC0415
    except ImportError as error:
        raise ReportError(
            f"The report needs matplotlib and jinja2: pip install 'newscrawl[report]' ({error})."
        ) from error
    to = to or folder / REPORT_FILE
    write_whole(to, page(folder))
    return to


class Report:
    """Extension: leaves a report in the folder of each run, when ``NEWSCRAWL_REPORT`` is 1."""

    def __init__(self, crawler: Crawler) -> None:
        """Report on the crawler's run."""
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises NotConfigured when nobody asked."""
        asked = crawler.settings["NEWSCRAWL_REPORT"]
        if str(asked) not in {"", "0", "1", "False", "True"}:
            raise ArgumentError(f"NEWSCRAWL_REPORT={asked} is not allowed: it is 1 or 0.")
        if str(asked) not in {"1", "True"}:
            raise NotConfigured
        report = cls(crawler)
        crawler.signals.connect(report.write, signals.spider_closed)
        return report

    def write(self) -> None:
        """Write the report of the run that was just closed."""
        run = Run.of(self.crawler)
        if not run.document or not (run.writer.folder / RUN_FILE).exists():
            return
        try:
            logger.info("The report is in %s", write_report(run.writer.folder))
        except (OSError, OutputError, ReportError) as error:
            logger.error("The report cannot be written: %s", error)
