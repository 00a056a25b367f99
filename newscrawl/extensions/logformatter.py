"""How Scrapy's own log lines look in this project."""

import logging
from typing import Any

from scrapy import Spider
from scrapy.logformatter import LogFormatter as ScrapyLogFormatter
from scrapy.logformatter import LogFormatterResult


class LogFormatter(ScrapyLogFormatter):
    """Scrapy's log lines, but for dropped items: what was rejected is logged where it is counted.

    Scrapy would print the whole record, body and all, a second time.
    """

    def dropped(
        self, item: Any, exception: BaseException, response: Any, spider: Spider
    ) -> LogFormatterResult:
        """Return a short line, for people who debug."""
        return {
            "level": logging.DEBUG,
            "msg": "Dropped %(url)s: %(reason)s",
            "args": {"url": getattr(item, "url", None), "reason": str(exception)},
        }
