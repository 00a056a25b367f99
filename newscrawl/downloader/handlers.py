"""The download handler: the last step before the network."""

import asyncio
from typing import TYPE_CHECKING

from scrapy import Request
from scrapy.core.downloader.handlers.http11 import HTTP11DownloadHandler
from scrapy.crawler import Crawler
from scrapy.http import Response

from newscrawl.downloader.circuit_breaker import PageAccess
from newscrawl.downloader.throttle import Throttle
from newscrawl.exceptions import BrokenBodyError
from newscrawl.storage.http_body import codings, decoded

if TYPE_CHECKING:
    from newscrawl.downloader.browser.handler import BrowserDownloadHandler


class PoliteDownloadHandler(HTTP11DownloadHandler):
    """The last step before the network: requests wait here until they may be sent.

    Requests of ``rendered`` go to the browser, all others to Scrapy's own handler.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        """Prepare. The first request for the browser creates the browser's handler."""
        super().__init__(crawler)
        self._crawl = crawler
        self._browser: BrowserDownloadHandler | None = None
        self._launching = asyncio.Lock()

    async def download_request(self, request: Request) -> Response:
        """Return the response.

        Raises StoppingError when the run ends before the request may be sent, RefusedError when
        pages were refused meanwhile, and BrokenBodyError for a compressed body that is not whole.
        """
        access = PageAccess.of(self._crawl)
        await Throttle.of(self._crawl).wait(request, lambda: access.must_wait(request))
        access.check(request)
        if request.meta.get("playwright"):
            response = await (await self._with_browser()).download_request(request)
        else:
            response = await super().download_request(request)
        Throttle.of(self._crawl).apply(response)
        return checked(response, self._crawl.settings.getint("DOWNLOAD_MAXSIZE"))

    async def _with_browser(self) -> "BrowserDownloadHandler":
        async with self._launching:
            # Few crawls render pages, and the import of Playwright takes a tenth of a second.
            from newscrawl.downloader.browser.handler import BrowserDownloadHandler  # noqa: PLC0415

            if self._browser is None:
                browser = BrowserDownloadHandler(self._crawl)
                await browser.launch()
                self._browser = browser
            return self._browser

    async def close(self) -> None:
        """Close the connections, and the browser if it was started."""
        try:
            if self._browser is not None:
                await self._browser.close()
        finally:
            await super().close()


def checked(response: Response, most: int) -> Response:
    """Return a response whose body agrees with its ``Content-Encoding``, or without that header.

    Scrapy decodes the body later, and would take the readable part of a broken one for the whole.
    Raises BrokenBodyError when the body of a success is not whole, and BodyTooLargeError when it
    has more than ``most`` bytes. Of other responses only the status counts.
    """
    names = codings(response.headers.getlist("Content-Encoding"))
    if not names or not response.body:
        response.headers.pop("Content-Encoding", None)
        return response
    try:
        if decoded(response.body, names, most) is not response.body:
            return response
    except BrokenBodyError:
        if response.status < 300:
            raise
        response = response.replace(body=b"")
    response.headers.pop("Content-Encoding", None)
    return response
