"""Download handler and browser provider: Chromium behind Scrapy's requests."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import resources
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Request as PageRequest
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    IgnoreRequest,
)
from scrapy.http import Response
from scrapy_playwright.handler import Config, ScrapyPlaywrightDownloadHandler
from scrapy_playwright.page import PageMethod

from newscrawl.discovery import OutletSpider
from newscrawl.downloader.browser.installed import MISSING, none_found, report_missing
from newscrawl.downloader.browser.launch import launch_options
from newscrawl.downloader.browser.rendering import UNFOLD
from newscrawl.exceptions import BrowserError, BrowserMissingError

logger = logging.getLogger(__name__)

# Types of resources that a record does not need.
_UNWANTED = frozenset({"image", "media", "font", "stylesheet", "manifest", "texttrack", "ping"})

# Seconds to wait until a context or the driver has closed.
_CLOSING = 10
_GONE = "browser: gone"
_SCRIPT = resources.files(__package__).joinpath("unfold.js").read_text("utf-8")


class BrowserProvider:
    """Starts Chromium and its driver when scrapy-playwright needs a page.

    Driver and browser are restarted together.
    """

    def __init__(self, config: Config) -> None:
        """Take the options, and start nothing."""
        self._config = config
        self._driver: Playwright | None = None

    async def start(self) -> None:
        """Do nothing: most crawls need no browser."""

    async def launch_browser(self) -> Browser:
        """Return a browser. Raises BrowserMissingError if there is none, or it does not start."""
        await self.close()
        if not self._config.launch_options.get("executable_path"):
            raise BrowserMissingError("no browser")
        try:
            self._driver = await async_playwright().start()
            return await self._driver.chromium.launch(**self._config.launch_options)
        except (PlaywrightError, OSError) as error:
            await self.close()
            path = self._config.launch_options["executable_path"]
            raise BrowserMissingError(f"{path} does not start ({_first_line(error)})") from error

    async def launch_persistent_context(self, context_kwargs: dict[str, Any]) -> BrowserContext:
        """Raise NotImplementedError: pages must not share a context."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop the driver and its browser."""
        driver, self._driver = self._driver, None
        if driver is not None:
            with suppress(TimeoutError, Exception):
                await asyncio.wait_for(driver.stop(), _CLOSING)


class BrowserDownloadHandler(ScrapyPlaywrightDownloadHandler):
    """Download handler for requests of ``rendered``.

    This is the only class that uses undocumented attributes of scrapy-playwright's handler:
    ``_maybe_launch_in_thread`` (otherwise called when the engine starts), ``config``,
    ``browser`` (set after the launch), ``browser_provider``, ``context_wrappers`` (by name),
    ``abort_request``, and that a context is made of ``meta["playwright_context_kwargs"]``.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Prepare; neither driver nor browser is started."""
        # Its messages repeat ours, with a traceback.
        logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)
        super().__init__(crawler)
        self._names = count(1)
        self._crawl = crawler
        mine, given = launch_options(crawler.settings, self._hosts()), self.config.launch_options
        # The last of equal arguments counts for Chromium: the allow-list stays.
        args = [*given.get("args", ()), *mine["args"]]
        self.config.launch_options = {**mine, **given, "args": args}
        # Its own restart of a dead browser races with requests for a new one.
        self.config.restart_disconnected_browser = False
        if self.abort_request is None:
            self.abort_request = self.is_unwanted

    async def launch(self) -> None:
        """Prepare scrapy-playwright as at the start of the engine. The browser is not started."""
        await self._maybe_launch_in_thread()

    def is_unwanted(self, request: PageRequest) -> bool:
        """Return whether to block a request of a page: images, fonts, styles, other hosts."""
        host = urlsplit(request.url).hostname
        return request.resource_type in _UNWANTED or host not in self._hosts()

    def _hosts(self, *, scripts: bool = True) -> Sequence[str]:
        """Return the allowed hosts of pages, and with ``scripts`` of what they load."""
        outlet = self._crawl.spidercls
        if not issubclass(outlet, OutletSpider):
            return ()
        return (*outlet.requested_hosts(), *(outlet.script_hosts if scripts else ()))

    async def download_request(self, request: Request) -> Response:
        """Return the response to a request.

        Raises BrowserMissingError if there is no browser, BrowserError if it
        could not render the page, and Scrapy's download errors for the same faults.
        """
        if self._crawl.stats.get_value(MISSING):
            raise BrowserMissingError("no browser")
        try:
            response = await self._render(request)
        except BrowserMissingError as error:
            given = self._crawl.settings.get("NEWSCRAWL_BROWSER", "")
            program = self.config.launch_options.get("executable_path")
            report_missing(self._crawl, str(error) if program else none_found(given))
            raise BrowserMissingError("no browser") from error
        self._check_host(response)
        return response

    def _check_host(self, response: Response) -> None:
        """Raise IgnoreRequest for a page that was redirected to another host."""
        host = urlsplit(response.url).hostname
        if host not in self._hosts(scripts=False):
            raise IgnoreRequest(f"Filtered offsite request to {host!r}: {response.url}")

    async def _render(self, request: Request) -> Response:
        """Render a page. If the browser has died or dies, try once more with a new one."""
        browser = getattr(self, "browser", None)
        if browser is not None and not browser.is_connected():
            self._forget(browser)
        try:
            return await self._render_once(request)
        except BrowserError as error:
            if browser is None or str(error) != _GONE:
                raise
        self._forget(browser)
        return await self._render_once(request)

    def _forget(self, browser: Browser) -> None:
        """Drop a dead browser, so that a new one is started."""
        if getattr(self, "browser", None) is browser:
            del self.browser

    async def _render_once(self, request: Request) -> Response:
        name = f"page {next(self._names)}"
        # The sent request gets the browser's headers; a retry must start from Scrapy's.
        sent = request.copy()
        sent.meta.update(
            playwright_context=name,
            playwright_context_kwargs={
                "user_agent": (request.headers.get("User-Agent") or b"").decode("latin-1"),
                "accept_downloads": False,
                # Requests of service workers cannot be blocked one by one.
                "service_workers": "block",
                **self._crawl.settings.getdict("NEWSCRAWL_BROWSER_CONTEXT"),
            },
        )
        if options := request.meta.get(UNFOLD):
            sent.meta["playwright_page_methods"] = [PageMethod(_unfold, options)]
        seconds = request.meta.get("download_timeout") or 60
        try:
            response: Response = await asyncio.wait_for(super().download_request(sent), seconds)
        except TimeoutError as error:
            if name not in self.context_wrappers:
                # It did not even open a window: not the page is slow, but the browser hangs.
                await self._end_browser()
            raise _translated(error, seconds) from error
        except (PlaywrightError, RuntimeError) as error:
            raise _translated(error, seconds) from error
        finally:
            await self._close_context(name)
        request.meta.update(sent.meta)
        response.request = request
        return response

    async def _close_context(self, name: str) -> None:
        """Close the context of a request. If that takes too long, end the browser."""
        wrapper = self.context_wrappers.pop(name, None)
        if wrapper is None:
            return
        try:
            await asyncio.wait_for(wrapper.context.close(), _CLOSING)
        except TimeoutError:
            await self._end_browser()
        except PlaywrightError:
            pass  # closed with its browser

    async def _end_browser(self) -> None:
        """End a browser that hangs; the next request starts a new one."""
        if (browser := getattr(self, "browser", None)) is not None:
            logger.warning("The browser hangs: it is ended, and started again when it is needed")
            self._forget(browser)
        await self.browser_provider.close()

    async def close(self) -> None:
        """End the browser, if there is one."""
        if hasattr(self, "browser"):
            with suppress(TimeoutError, PlaywrightError):
                await asyncio.wait_for(self.browser.close(), _CLOSING)
            del self.browser
        await super().close()


async def _unfold(page: Page, options: Mapping[str, Any]) -> None:
    await page.evaluate(_SCRIPT, options)


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def _translated(error: Exception, seconds: float) -> Exception:
    """Return Scrapy's error for a fault of the browser, or else BrowserError."""
    text = _first_line(error)
    if isinstance(error, (TimeoutError, PlaywrightTimeoutError)):
        return DownloadTimeoutError(f"The page was not ready in {seconds:g} seconds.")
    for sign, meaning in _MEANINGS.items():
        if sign in text:
            return meaning(text)
    return BrowserError("browser: page failed")


_MEANINGS: Mapping[str, Callable[[str], Exception]] = {
    "Failed to download": lambda _: BrowserError("browser: download, not a page"),
    "crashed": lambda _: BrowserError("browser: page crashed"),
    "closed": lambda _: BrowserError(_GONE),
    # Hosts outside the allow-list, and a proxy that does not answer, give the same error.
    "net::ERR_PROXY_CONNECTION_FAILED": lambda _: BrowserError("browser: offsite, or no proxy"),
    "chrome-error:": lambda _: BrowserError("browser: offsite, or no proxy"),
    "net::ERR_NAME_NOT_RESOLVED": CannotResolveHostError,
    "net::ERR_CONNECTION_REFUSED": DownloadConnectionRefusedError,
    "net::": DownloadFailedError,
}
