"""Write a crawl's stats, processor time and requested addresses for the benchmark."""

import json
from pathlib import Path
from time import process_time
from typing import Any

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.statscollectors import MemoryStatsCollector


class FileStats(MemoryStatsCollector):
    """Scrapy's stats, written as JSON to the file that ``BENCH_STATS`` names.

    ``BENCH_ADDRESSES`` names a file for the addresses that the spider requested, one a line.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._path = Path(crawler.settings["BENCH_STATS"])
        self._addresses: dict[str, None] = {}
        self._addresses_path = crawler.settings.get("BENCH_ADDRESSES")
        self._started = 0.0
        crawler.signals.connect(self._opened, signals.spider_opened)
        if self._addresses_path:
            crawler.signals.connect(self._scheduled, signals.request_scheduled)

    def _opened(self, spider: Spider) -> None:
        self._started = process_time()

    def _scheduled(self, request: Request, spider: Spider) -> None:
        # Redirects and retries come from Scrapy: equal addresses cause equal ones.
        if not {"redirect_times", "retry_times"} & request.meta.keys():
            self._addresses[request.url] = None

    def _persist_stats(self, stats: dict[str, Any]) -> None:
        super()._persist_stats(stats)
        stats = {**stats, "bench/cpu_seconds": process_time() - self._started}
        self._path.write_text(json.dumps(stats, default=str), encoding="utf-8")
        if self._addresses_path:
            lines = "".join(f"{url}\n" for url in self._addresses)
            Path(self._addresses_path).write_text(lines, encoding="utf-8")
