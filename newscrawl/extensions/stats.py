"""Stats beyond Scrapy's own: the fields that records have, and the latency of responses.

``run.json`` keeps all stats; checks, metrics and the report read them there.
"""

import logging
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.statscollectors import StatsCollector

from newscrawl.items import Article
from newscrawl.storage.stats import LATENCY_BOUNDS, LONG, counts_of_record, filled_fields

logger = logging.getLogger(__name__)


class RecordStats:
    """Extension: counts published records by source and field, and responses by latency.

    Scrapy's dump of all stats, which are in ``run.json``, is logged at DEBUG.
    """

    def __init__(self, stats: StatsCollector) -> None:
        """Count in ``stats``."""
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals."""
        record_stats = cls(crawler.stats)
        crawler.signals.connect(record_stats.published, signals.item_scraped)
        crawler.signals.connect(record_stats.answered, signals.response_received)
        crawler.signals.connect(record_stats.dump, signals.spider_closed)
        return record_stats

    def published(self, item: Article) -> None:
        """Count a record and its filled fields."""
        is_long = item.word_count >= LONG
        for name, count in counts_of_record(item.source, filled_fields(item), is_long=is_long):
            self.stats.inc_value(name, count)

    def answered(self, response: Response, request: Request) -> None:
        """Count a response by its latency, from the request sent to the headers received."""
        latency = request.meta.get("download_latency")
        if latency is None:
            return
        latency = max(0.0, latency)  # Scrapy measures by the clock, which may be set back
        self.stats.inc_value("newscrawl/latency/count")
        self.stats.inc_value("newscrawl/latency/sum", latency)
        for bound in LATENCY_BOUNDS:
            self.stats.inc_value(f"newscrawl/latency/le/{bound:g}", 1 if latency <= bound else 0)

    def dump(self) -> None:
        """Log all stats."""
        logger.debug("Stats:\n%s", self.stats)
