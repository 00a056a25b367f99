"""What a run's stats tell beyond Scrapy's own: what the records hold, and how fast answers came.

``run.json`` keeps all stats; monitors, metrics and the report read them there.
"""

from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.statscollectors import StatsCollector

from newscrawl.items import Article
from newscrawl.storage.stats import COVERED, LATENCY_BOUNDS


class Measures:
    """Extension: counts published records by source and field, and answers by latency."""

    def __init__(self, stats: StatsCollector) -> None:
        """Count in ``stats``."""
        self.stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals."""
        measures = cls(crawler.stats)
        crawler.signals.connect(measures.published, signals.item_scraped)
        crawler.signals.connect(measures.answered, signals.response_received)
        return measures

    def published(self, item: Article) -> None:
        """Count a record and the fields that it has."""
        self.stats.inc_value(f"newscrawl/published/{item.source}")
        for name in COVERED:
            key = f"newscrawl/filled/{item.source}/{name}"
            self.stats.inc_value(key, 1 if getattr(item, name) else 0)

    def answered(self, response: Response, request: Request) -> None:
        """Count an answer by its latency, from the request sent to its headers received."""
        latency = request.meta.get("download_latency")
        if latency is None:
            return
        self.stats.inc_value("newscrawl/latency/count")
        self.stats.inc_value("newscrawl/latency/sum", latency)
        for bound in LATENCY_BOUNDS:
            self.stats.inc_value(f"newscrawl/latency/le/{bound:g}", 1 if latency <= bound else 0)
