"""One log line for each kind of message: the first one at once, and a count at the end."""

import logging
import re
from collections import Counter
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.utils.log import get_scrapy_root_handler

logger = logging.getLogger(__name__)

# More kinds than this are not counted: their messages are all logged.
_MOST_KINDS = 1000


class Repeats:
    """Extension: thins out the log on the terminal or in ``LOG_FILE``; DEBUG shows everything.

    Messages are of one kind when they differ only in addresses. The JSON log, the stats and the
    books hold each of them.
    """

    def __init__(self) -> None:
        """Start without any message."""
        self.first: dict[tuple[int, str], str] = {}
        self.counts: Counter[tuple[int, str]] = Counter()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals."""
        repeats = cls()
        crawler.signals.connect(repeats.open, signals.spider_opened)
        crawler.signals.connect(repeats.sum_up, signals.engine_stopped)
        return repeats

    def open(self) -> None:
        """Filter the handler that Scrapy writes the log with."""
        handler = get_scrapy_root_handler()
        if handler is not None and handler.level > logging.DEBUG:
            handler.addFilter(self.is_new)

    def is_new(self, record: logging.LogRecord) -> bool:
        """Return whether to log a message: it has no address, or is the first of its kind."""
        text = record.getMessage()
        kind = (record.levelno, re.sub(r"\w+://\S+", "", text))
        if kind[1] == text or (kind not in self.first and len(self.first) >= _MOST_KINDS):
            return True
        self.counts[kind] += 1
        return self.first.setdefault(kind, text) is text

    def sum_up(self) -> None:
        """Log how many messages of each kind there were, with the first one as an example."""
        counts, self.counts = self.counts, Counter()
        for kind, count in counts.items():
            if count > 1:
                logger.log(kind[0], "%d messages like this one: %s", count, self.first[kind])
