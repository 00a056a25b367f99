"""The log as JSON Lines for log collectors, in addition to the plain log."""

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
    the run starts) and, for errors, ``exc_info``.
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
        """Start to write. Raises NotConfigured without a path."""
        if not (path := crawler.settings["NEWSCRAWL_LOG_JSON"]):
            raise NotConfigured
        log = cls(crawler, Path(path))
        crawler.signals.connect(log.open, signals.spider_opened)
        # Where the engine never starts, logging itself closes the file at the end.
        crawler.signals.connect(log.close, signals.engine_stopped)
        return log

    def mark(self, record: logging.LogRecord) -> bool:
        """Add outlet and run to a log record."""
        record.outlet = self.crawler.spidercls.name
        record.run = self.run.name if self.run and self.run.is_open else None
        return True

    def open(self) -> None:
        """Look up the run."""
        self.run = Run.of(self.crawler)

    def close(self) -> None:
        """Close the file."""
        logging.getLogger().removeHandler(self.handler)
        self.handler.close()
