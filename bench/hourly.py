"""``python -m bench.hourly``: run crawls one after the other, each at a given time.

Reads lines of JSON, ``{"now": "2026-11-01T04:00:00Z", "arguments": {...}}``, runs the crawl of
The Hill at that time, with the project's settings and those given as ``NAME=VALUE`` arguments, and
prints the crawl's close reason for each line. The clock runs on during a crawl. ``spider`` may name
another class.
"""

import asyncio
import json
import logging
import sys
import time

import time_machine
from scrapy.crawler import AsyncCrawlerRunner
from scrapy.utils.log import configure_logging
from scrapy.utils.misc import load_object
from scrapy.utils.project import get_project_settings
from scrapy.utils.reactor import install_reactor
from twisted.internet.defer import Deferred

_HILL = "newscrawl.spiders.hill.HillSpider"


async def crawls() -> None:
    settings = get_project_settings()
    settings.setdict(dict(pair.split("=", 1) for pair in sys.argv[1:]), priority="cmdline")
    configure_logging(settings)
    logging.Formatter.converter = time.gmtime
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order = json.loads(line)
        runner = AsyncCrawlerRunner(settings)
        crawler = runner.create_crawler(load_object(order.get("spider") or _HILL))
        with time_machine.travel(order["now"], tick=True):
            await runner.crawl(crawler, **order["arguments"])
        assert crawler.stats is not None
        print(crawler.stats.get_value("finish_reason"), flush=True)


async def as_deferred() -> None:
    await Deferred.fromFuture(asyncio.ensure_future(crawls()))


def main() -> None:
    install_reactor("twisted.internet.asyncioreactor.AsyncioSelectorReactor")
    from twisted.internet import task  # noqa: PLC0415

    task.react(lambda _: Deferred.fromCoroutine(as_deferred()))


if __name__ == "__main__":
    main()
