"""The format of Scrapy's own log lines."""

import logging
from typing import Any

from scrapy import Spider
from scrapy.logformatter import LogFormatter as ScrapyLogFormatter
from scrapy.logformatter import LogFormatterResult


class LogFormatter(ScrapyLogFormatter):
    """Scrapy's log formatter with a short line for dropped items.

    Scrapy's own line contains the whole record. Rejections are logged where they are counted.
    """

    def dropped(
        self, item: Any, exception: BaseException, response: Any, spider: Spider
    ) -> LogFormatterResult:
        """Return a short line at DEBUG."""
        return {
            "level": logging.DEBUG,
            "msg": "Dropped %(url)s: %(reason)s",
            "args": {"url": getattr(item, "url", None), "reason": str(exception)},
        }
