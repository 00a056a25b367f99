"""The browser: render pages that JavaScript fills, in Chromium.

``rendered`` turns a request into one for the browser. robots.txt, delays, retries and books work as
for any other request. Chromium starts with the first such request. Each request has its own
context without cookies, which is always closed.
"""

import asyncio
import base64
import json
import logging
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

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
from scrapy.http import Response, TextResponse
from scrapy.settings import BaseSettings
from scrapy_playwright.handler import Config, ScrapyPlaywrightDownloadHandler
from scrapy_playwright.page import PageMethod

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import BrowserError, BrowserMissingError

logger = logging.getLogger(__name__)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
# Folders and file names of `playwright install chromium`, by system.
_DOWNLOADS = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
_DOWNLOADED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-*/*headless[_-]shell",
)

# Types of resources that a record does not need.
_UNWANTED = frozenset({"image", "media", "font", "stylesheet", "manifest", "texttrack", "ping"})

# Seconds to wait until a context or the driver has closed.
_CLOSING = 10
# Seconds to wait until a page shows something new.
_WAIT = 10
_MISSING = "newscrawl/downloader/browser/missing"
_GONE = "browser: gone"
_PAC = {"http": "PROXY", "https": "HTTPS", "socks4": "SOCKS", "socks5": "SOCKS5"}
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}


def find_browser(given: str = "") -> str | None:
    """Return the path of an installed Chromium or Chrome, or None.

    ``given`` is the setting ``NEWSCRAWL_BROWSER``, a path or a name on PATH. If it is set, no other
    browser is looked for.
    """
    if given:
        return shutil.which(given)
    if found := next(filter(None, map(shutil.which, _NAMES)), None):
        return found
    folders = (os.environ.get("PLAYWRIGHT_BROWSERS_PATH", ""), *_DOWNLOADS)
    downloaded = (
        str(path)
        for folder in filter(None, folders)
        for pattern in _DOWNLOADED
        for path in sorted(Path(folder).expanduser().glob(pattern), reverse=True)
    )
    return next(filter(None, map(shutil.which, (*_APPLICATIONS, *downloaded))), None)


def can_render(crawler: Crawler) -> bool:
    """Return whether a crawl has a browser, or a recording that replaces it.

    If it has none, log one warning for each crawl.
    """
    if crawler.settings.get("NEWSCRAWL_REPLAY"):
        return True
    if crawler.stats.get_value(_MISSING):
        return False
    given = crawler.settings.get("NEWSCRAWL_BROWSER", "")
    if find_browser(given):
        return True
    _report_missing(crawler, _none_found(given))
    return False


def _none_found(given: str) -> str:
    if given:
        return f"NEWSCRAWL_BROWSER={given!r} is not a program"
    return "neither Chromium nor Chrome was found"


def _report_missing(crawler: Crawler, why: str) -> None:
    if not crawler.stats.get_value(_MISSING):
        logger.warning(
            'No browser: %s. The entries of live pages, and articles behind "Load more", are not'
            " read. Install one (Debian: apt-get install chromium; or playwright install"
            " chromium), or name it in NEWSCRAWL_BROWSER.",
            why,
        )
    crawler.stats.inc_value(_MISSING)


# Runs in the page. If a page replaces its first items by others, this puts them back at the end,
# in the order in which they were shown.
_UNFOLD = r"""
async ({container, items, more, clicks, patience}) => {
  const all = () => [...document.querySelectorAll(items)];
  const key = (item) => item.id || item.href || item.outerHTML;
  const pause = (time) => new Promise((wake) => setTimeout(wake, time));
  const shown = () => all().map(key).join("\n");
  const until = async (test) => {
    const end = Date.now() + patience;
    while (!test() && Date.now() < end) await pause(50);
    // What comes in pieces is whole when no more has come for a moment.
    for (let before; before !== shown() && Date.now() < end; await pause(100)) before = shown();
    return test();
  };
  const usable = (button) =>
    !button.disabled && !button.hidden && getComputedStyle(button).display !== "none";
  const kept = new Map();
  const keep = () => all().forEach((item) => kept.set(key(item), item.outerHTML));

  await until(() => document.readyState === "complete");
  if (container && document.querySelector(container)) await until(() => all().length);
  keep();
  let clicked = 0;
  while (more && clicked < clicks) {
    const button = [...document.querySelectorAll(more)].find(usable);
    if (!button) break;
    // The page's own script answers the click; a link must not leave the page.
    button.addEventListener("click", (event) => event.preventDefault(), {once: true});
    const before = shown();
    button.click();
    clicked += 1;
    if (!await until(() => shown() !== before)) break;
    keep();
  }
  const now = all();
  const left = new Set(now.map(key));
  const gone = [...kept].filter(([name]) => !left.has(name)).map(([, html]) => html);
  if (now.length && gone.length) now[0].insertAdjacentHTML("beforebegin", gone.join(""));
  return clicked;
}
"""


def rendered(
    request: Request, *, items: str, container: str = "", more: str = "", clicks: int = 0
) -> Request:
    """Return ``request`` as a request for the browser.

    ``items`` is a CSS selector of the wanted elements: entries, or links. If the page has a
    ``container``, the browser waits for its items. Then it clicks the button ``more``, at most
    ``clicks`` times, while that changes the items. Replaced items are kept.
    """
    options = {
        "container": container,
        "items": items,
        "more": more,
        "clicks": clicks,
        "patience": _WAIT * 1000,
    }
    return request.replace(
        meta={
            **request.meta,
            "playwright": True,
            "playwright_page_goto_kwargs": {"wait_until": "domcontentloaded"},
            "playwright_page_methods": [PageMethod(_unfold, options)],
        }
    )


def not_rendered(request: Request) -> Request:
    """Return a request of ``rendered`` as a request for Scrapy's own handler."""
    ours = {name: value for name, value in request.meta.items() if name[:10] != "playwright"}
    return request.replace(meta=ours)


async def _unfold(page: Page, options: Mapping[str, Any]) -> None:
    await page.evaluate(_UNFOLD, options)


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
    """Download handler: the browser for requests of ``rendered``, Scrapy's own for all others.

    This is the only class that uses undocumented attributes of scrapy-playwright's handler:
    ``config``, ``browser`` (set after the launch),
    ``browser_provider``, ``context_wrappers`` (by name), ``abort_request``, and that a context
    is made of ``meta["playwright_context_kwargs"]``.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        """Prepare; neither driver nor browser is started."""
        # Its messages repeat ours, with a traceback.
        logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)
        super().__init__(crawler)
        self._names = count(1)
        self._crawl = crawler
        mine = launch_options(crawler.settings, self._hosts())
        self.config.launch_options = mine | self.config.launch_options
        # Its own restart of a dead browser races with requests for a new one.
        self.config.restart_disconnected_browser = False
        if self.abort_request is None:
            self.abort_request = self.is_unwanted

    def is_unwanted(self, request: PageRequest) -> bool:
        """Return whether to block a request of a page: images, fonts, styles, other hosts."""
        host = urlsplit(request.url).hostname
        return request.resource_type in _UNWANTED or host not in self._hosts()

    def _hosts(self, *, scripts: bool = True) -> Sequence[str]:
        """Return the allowed hosts of pages, and with ``scripts`` of what they load."""
        outlet = self._crawl.spidercls
        if not issubclass(outlet, OutletSpider):
            return ()
        return (outlet.host, f"www.{outlet.host}", *(outlet.script_hosts if scripts else ()))

    async def download_request(self, request: Request) -> Response:
        """Return the response to a request.

        Raises BrowserMissingError if a browser is needed and there is none, BrowserError if it
        could not render the page, and Scrapy's download errors for the same faults.
        """
        if not request.meta.get("playwright"):
            return await super().download_request(request)
        if self._crawl.stats.get_value(_MISSING):
            raise BrowserMissingError("no browser")
        try:
            response = await self._render(request)
        except BrowserMissingError as error:
            given = self._crawl.settings.get("NEWSCRAWL_BROWSER", "")
            found = self.config.launch_options.get("executable_path")
            _report_missing(self._crawl, str(error) if found else _none_found(given))
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
        seconds = request.meta.get("download_timeout") or 60
        try:
            response: Response = await asyncio.wait_for(super().download_request(sent), seconds)
        except (PlaywrightError, RuntimeError, TimeoutError) as error:
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
            await self.browser_provider.close()
        except PlaywrightError:
            pass  # closed with its browser

    async def close(self) -> None:
        """End the browser, if there is one."""
        if hasattr(self, "browser"):
            with suppress(TimeoutError, PlaywrightError):
                await asyncio.wait_for(self.browser.close(), _CLOSING)
            del self.browser
        await super().close()


def launch_options(settings: BaseSettings, hosts: Sequence[str]) -> dict[str, Any]:
    """Return the launch options of the browser: program, proxy, sandbox.

    The browser can reach ``hosts`` only, also after redirects.
    """
    proxy = _proxy(getproxies())
    options: dict[str, Any] = {
        "executable_path": find_browser(settings.get("NEWSCRAWL_BROWSER", "")),
        # Chromium's sandbox does not start as root.
        "chromium_sandbox": os.geteuid() != 0,
        "args": [
            # We could not block the requests of windows that a page opens.
            "--block-new-web-contents",
            # From 156 on, Chromium downloads components in spite of Playwright's options.
            "--component-updater=url-source=https://127.0.0.1:9/",
            *_allow_list(hosts, None if hosts and proxy_bypass(hosts[0]) else proxy),
        ],
        # Scrapy handles Ctrl-C: open requests are finished first.
        "handle_sigint": False,
        "handle_sigterm": False,
        "handle_sighup": False,
    }
    if proxy:
        options["proxy"] = proxy
    return options


def _allow_list(hosts: Sequence[str], proxy: Mapping[str, str] | None) -> list[str]:
    """Return Chromium's arguments for the host allow-list.

    Chromium follows redirects without asking, so blocking requests is not enough. A proxy script
    sends requests to other hosts nowhere. Chromium never uses a proxy for addresses of this
    machine, so no other name is resolved. The proxy gets a name of its own, because it may be on
    this machine.
    """
    way, resolved = "DIRECT", [f"EXCLUDE {host}" for host in hosts]
    if proxy:
        parts = urlsplit(proxy["server"])
        name = parts.hostname if parts.scheme == "https" else "proxy.invalid"
        resolved = [f"EXCLUDE {name}" if name == parts.hostname else f"MAP {name} {parts.hostname}"]
        way = f"{_PAC[parts.scheme]} {name}:{parts.port or _PORTS[parts.scheme]}"
    script = (
        "function FindProxyForURL(url, host) {"
        f" return {json.dumps(list(hosts))}.includes(host) ? {json.dumps(way)}"
        ' : "PROXY elsewhere.invalid:9"; }'
    )
    encoded = base64.b64encode(script.encode()).decode()
    rules = ", ".join([*resolved, "MAP * ~NOTFOUND"])
    return [
        f"--proxy-pac-url=data:application/x-ns-proxy-autoconfig;base64,{encoded}",
        f"--host-resolver-rules={rules}",
    ]


def _proxy(proxies: Mapping[str, str]) -> dict[str, str] | None:
    """Return the environment's proxy in Playwright's form, or None.

    >>> _proxy({"https": "http://ada:s%40lt@proxy.example:3128", "no": "localhost,.example"})
    {'server': 'http://proxy.example:3128', 'bypass': 'localhost,.example', 'username': 'ada', \
'password': 's@lt'}
    """
    address = proxies.get("https") or proxies.get("http")
    if not address:
        return None
    parts = urlsplit(address if "//" in address else f"http://{address}")
    host = parts.netloc.rpartition("@")[2]
    proxy = {"server": f"{parts.scheme}://{host}"}
    if proxies.get("no"):
        proxy["bypass"] = proxies["no"]
    if parts.username:
        proxy |= {"username": unquote(parts.username), "password": unquote(parts.password or "")}
    return proxy


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


class PlainAnswerMiddleware:
    """Downloader middleware: if the browser fails, use the page as it was read without it.

    The request's task contains that page.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Count in the crawl's stats."""
        self._stats = crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "PlainAnswerMiddleware":
        """Build from a crawler."""
        return cls(crawler)

    def process_exception(self, request: Request, exception: Exception) -> Response | None:
        """Return the page without rendering, if rendering failed."""
        task = ArticleTask.of(request)
        if task is None or task.plain is None:
            return None
        if not isinstance(exception, BrowserMissingError):
            logger.warning(
                "Could not render %s, reading it without a browser: %s", request.url, exception
            )
        return self._answer(request, task.plain)

    def process_response(self, request: Request, response: Response) -> Response:
        """Return the page without rendering, if the browser got another status than 200."""
        task = ArticleTask.of(request)
        if task and task.plain and response.status != 200:
            return self._answer(request, task.plain)
        return response

    def _answer(self, request: Request, plain: TextResponse) -> Response:
        self._stats.inc_value("newscrawl/downloader/browser/plain_instead")
        return plain.replace(request=not_rendered(request))
