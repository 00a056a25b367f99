"""Fetch a few addresses as the crawler does: its user agent, robots.txt, delays, no run."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeVar

from scrapy import Request, Spider
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response
from scrapy.settings import Settings

from newscrawl.downloader.reasons import error_reason
from newscrawl.downloader.walls import refusal
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extensions.run import switch_off_runs
from newscrawl.workbench.pages import SavedPage, page_of

Result = TypeVar("Result")
Fetch = Callable[[str], Awaitable[Response]]
"""Returns the response of an address. Raises UnreadableError; its message is the reason."""


class Fetcher(Spider):
    """A spider of no outlet, which does what ``work`` requests and keeps the result."""

    name = "fetch"
    work: Callable[[Fetch], Awaitable[Any]]
    result: Any = None
    error: BaseException | None = None

    async def start(self) -> AsyncIterator[Request]:
        """Do the work, without the scheduler."""
        try:
            self.result = await type(self).work(self.fetch)
        except Exception as error:  # raised again when the crawler has stopped
            self.error = error
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request

    async def fetch(self, url: str) -> Response:
        """Return the response of an address. Raises UnreadableError for any but status 200."""
        engine = self.crawler.engine
        assert engine is not None
        try:
            response = await engine.download_async(Request(url, dont_filter=True))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            raise UnreadableError(error_reason(error)) from error
        if reason := refusal(response):
            raise UnreadableError(reason)
        if response.status != 200:
            raise UnreadableError(f"http {response.status}")
        return response


def fetching(settings: Settings, work: Callable[[Fetch], Awaitable[Result]]) -> Result:
    """Return what ``work`` returns, which fetches addresses. A process can do this once."""
    settings = settings.copy()
    switch_off_runs(settings)
    spider = type("WorkingFetcher", (Fetcher,), {"work": staticmethod(work)})
    process = AsyncCrawlerProcess(settings)
    crawler = process.create_crawler(spider)
    process.crawl(crawler)
    process.start()
    done = crawler.spider
    if not isinstance(done, Fetcher):
        raise ArgumentError("The crawler did not start.")
    if done.error:
        raise done.error
    result: Result = done.result
    return result


async def fetched_page(fetch: Fetch, url: str) -> SavedPage:
    """Return the page at an address. Raises ArgumentError with the reason if there is none."""
    try:
        response = await fetch(url)
    except UnreadableError as error:
        raise ArgumentError(f"Cannot fetch {url}: {error}.") from None
    return page_of(response, url)
