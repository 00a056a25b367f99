"""Write the report of each run when the run has closed."""

import logging
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from newscrawl.exceptions import OutputError, ReportError
from newscrawl.extensions.exit_codes import AFTERMATH
from newscrawl.extensions.run import Run
from newscrawl.monitoring.report import write_report
from newscrawl.settings import read

logger = logging.getLogger(__name__)


class Report:
    """Extension: writes a report into the folder of each run, when ``NEWSCRAWL_REPORT`` is 1."""

    def __init__(self, crawler: Crawler) -> None:
        """Report on the crawler's run."""
        self.crawler = crawler

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises NotConfigured when it is not switched on."""
        if not read(crawler.settings, "NEWSCRAWL_REPORT"):
            raise NotConfigured
        report = cls(crawler)
        crawler.signals.connect(report.write, signals.spider_closed)
        return report

    def write(self) -> None:
        """Write the report of the run that was just closed."""
        run = Run.of(self.crawler)
        if run.document is None:
            return
        try:
            # What cannot be read was named when the run was opened.
            path = write_report(run.folder, lambda error: logger.debug("%s", error))
            logger.info("The report is in %s", path)
        except (OSError, OutputError, ReportError) as error:
            logger.error("The report cannot be written: %s", error)
            self.crawler.stats.inc_value(f"{AFTERMATH}report")
