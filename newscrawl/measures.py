"""What a run's stats tell beyond Scrapy's own: what the records hold, and how fast answers came.

``run.json`` keeps all stats; monitors, metrics and the report read them there.
"""

from dataclasses import fields
from datetime import datetime
from typing import Any, Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.statscollectors import StatsCollector

from newscrawl.items import Article

LATENCY_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. ``newscrawl/latency/le/<bound>`` counts the answers that took at most so long."""

_ALWAYS = {"outlet", "id", "revision", "source", "source_url", "date_fetched", "schema_version"}
COVERED = tuple(field.name for field in fields(Article) if field.name not in _ALWAYS)
"""The fields that a page may lack: ``newscrawl/filled/<source>/<field>`` counts those it had."""


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


def plain(stats: dict[str, Any]) -> dict[str, Any]:
    """Return the stats as JSON can hold them, by name; times as ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in sorted(stats.items())
        if isinstance(value, str | int | float | datetime)
    }
