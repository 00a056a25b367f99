"""The log as JSON lines, beside the plain one, for those who collect logs."""

import logging
from pathlib import Path
from typing import Self

from pythonjsonlogger.json import JsonFormatter
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from newscrawl.extensions.run import Run


class JsonLog:
    """Extension: appends every log line to the file ``NEWSCRAWL_LOG_JSON``, one object a line.

    Keys are ``time`` (UTC), ``level``, ``logger``, ``message``, ``outlet``, ``run`` (null before
    there is one) and, for errors, ``exc_info``.
    """

    def __init__(self, crawler: Crawler, path: Path) -> None:
        """Open the file and its folder. Raises OSError when that is not possible."""
        self.crawler = crawler
        self.run: Run | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        self.handler = logging.FileHandler(path, encoding="utf-8")
        self.handler.setLevel(crawler.settings["LOG_LEVEL"])
        self.handler.setFormatter(
            JsonFormatter(
                "%(levelname)s %(name)s %(message)s %(outlet)s %(run)s",
                rename_fields={"levelname": "level", "name": "logger", "timestamp": "time"},
                timestamp=True,
                json_ensure_ascii=False,
            )
        )
        self.handler.addFilter(self.mark)
        logging.getLogger().addHandler(self.handler)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Begin to write. Raises NotConfigured when nobody asked."""
        if not (path := crawler.settings["NEWSCRAWL_LOG_JSON"]):
            raise NotConfigured
        log = cls(crawler, Path(path))
        crawler.signals.connect(log.open, signals.spider_opened)
        # Where the engine never starts, logging itself closes the file at the end.
        crawler.signals.connect(log.close, signals.engine_stopped)
        return log

    def mark(self, record: logging.LogRecord) -> bool:
        """Say of a line which crawl it is of."""
        record.outlet = self.crawler.spidercls.name
        record.run = self.run.name if self.run and self.run.is_open else None
        return True

    def open(self) -> None:
        """Find the run."""
        self.run = Run.of(self.crawler)

    def close(self) -> None:
        """End the file."""
        logging.getLogger().removeHandler(self.handler)
        self.handler.close()
