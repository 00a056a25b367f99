"""The browser: pages that only JavaScript fills, asked for through a real Chromium.

A request becomes a browser's by ``rendered``; everything else about it stays Scrapy's: robots.txt,
delays, retries, books. Nothing is started before the first such request, and nothing is left of
one when it is done: each has a context of its own, without cookies, which is closed whatever
happens in it.
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
# Where `playwright install chromium` puts its own, by system, and what it is called there.
_DOWNLOADS = ("~/.cache/ms-playwright", "~/Library/Caches/ms-playwright")
_DOWNLOADED = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-*/*headless[_-]shell",
)

# What a page shows, and a record does not hold.
_UNWANTED = frozenset({"image", "media", "font", "stylesheet", "manifest", "texttrack", "ping"})

# Seconds for what is told to end: a context, the driver.
_CLOSING = 10
# Seconds that a page gets to show something new.
_PATIENCE = 10
_MISSING = "newscrawl/downloader/browser/missing"
_GONE = "browser: gone"
_PAC = {"http": "PROXY", "https": "HTTPS", "socks4": "SOCKS", "socks5": "SOCKS5"}
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}


def find_browser(given: str = "") -> str | None:
    """Return the path of an installed Chromium or Chrome; None when there is none.

    ``given`` is the setting ``NEWSCRAWL_BROWSER``, a path or a name on PATH: then no other counts.
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
    """Say whether a crawl has a browser, or a recording to answer in its place.

    When it has none one line says so, once a crawl.
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
        return f"NEWSCRAWL_BROWSER={given!r} is no program"
    return "neither Chromium nor Chrome was found"


def _report_missing(crawler: Crawler, why: str) -> None:
    if not crawler.stats.get_value(_MISSING):
        logger.warning(
            "No browser: %s. Without one the entries of live pages, and what is behind"
            ' "Load more", are not read. Install one (Debian: apt-get install chromium; or'
            " playwright install chromium), or name it in NEWSCRAWL_BROWSER.",
            why,
        )
    crawler.stats.inc_value(_MISSING)


# Runs in the page. Pages that show other items in place of the first ones get these back at the
# end, in the order in which they were shown.
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
    """Return ``request`` as one that the browser asks for.

    ``items`` is a CSS selector of what the page is asked for: entries, or links. When the page
    has a ``container``, the items are waited for. Then the button ``more`` is clicked, at most
    ``clicks`` times, while it changes them; those that it replaces are kept.
    """
    wish = {
        "container": container,
        "items": items,
        "more": more,
        "clicks": clicks,
        "patience": _PATIENCE * 1000,
    }
    return request.replace(
        meta={
            **request.meta,
            "playwright": True,
            "playwright_page_goto_kwargs": {"wait_until": "domcontentloaded"},
            "playwright_page_methods": [PageMethod(_unfold, wish)],
        }
    )


def not_rendered(request: Request) -> Request:
    """Return a request of ``rendered`` as it was before."""
    ours = {name: value for name, value in request.meta.items() if name[:10] != "playwright"}
    return request.replace(meta=ours)


async def _unfold(page: Page, wish: Mapping[str, Any]) -> None:
    await page.evaluate(_UNFOLD, wish)


class BrowserProvider:
    """Starts Chromium, and the driver that it needs, when scrapy-playwright wants a page of it.

    The driver goes with its browser: when that is gone both are started anew.
    """

    def __init__(self, config: Config) -> None:
        """Take the options; nothing is started."""
        self._config = config
        self._driver: Playwright | None = None

    async def start(self) -> None:
        """Do nothing: most crawls never need a browser."""

    async def launch_browser(self) -> Browser:
        """Return a browser. Raises BrowserMissingError when there is none, or it does not start."""
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
        """Refuse: no page may know of another."""
        raise NotImplementedError

    async def close(self) -> None:
        """Stop the driver, and with it whatever is left of its browser."""
        driver, self._driver = self._driver, None
        if driver is not None:
            with suppress(TimeoutError, Exception):
                await asyncio.wait_for(driver.stop(), _CLOSING)


class BrowserDownloadHandler(ScrapyPlaywrightDownloadHandler):
    """Download handler: the browser for requests of ``rendered``, Scrapy's own for all others.

    Of scrapy-playwright's handler it uses what has no documentation, and nothing else in this
    project does: the attributes ``config``, ``browser`` (there once it was launched),
    ``browser_provider``, ``context_wrappers`` (by name), ``abort_request``, and that a context
    is made of ``meta["playwright_context_kwargs"]``.
    """

    lazy = False

    def __init__(self, crawler: Crawler) -> None:
        """Prepare; neither driver nor browser is started."""
        # Its lines repeat, with a traceback, what the crawl says in one.
        logging.getLogger("scrapy-playwright").setLevel(logging.ERROR)
        super().__init__(crawler)
        self._names = count(1)
        self._crawl = crawler
        mine = launch_options(crawler.settings, self._hosts())
        self.config.launch_options = mine | self.config.launch_options
        # Its own way of forgetting a dead browser races with requests for a new one.
        self.config.restart_disconnected_browser = False
        if self.abort_request is None:
            self.abort_request = self.is_unwanted

    def is_unwanted(self, request: PageRequest) -> bool:
        """Say whether a page's own request is left out: pictures, fonts, styles, other hosts."""
        host = urlsplit(request.url).hostname
        return request.resource_type in _UNWANTED or host not in self._hosts()

    def _hosts(self, *, scripts: bool = True) -> Sequence[str]:
        """Return the hosts that a page, and with ``scripts`` what it loads, may be of."""
        outlet = self._crawl.spidercls
        if not issubclass(outlet, OutletSpider):
            return ()
        return (outlet.host, f"www.{outlet.host}", *(outlet.script_hosts if scripts else ()))

    async def download_request(self, request: Request) -> Response:
        """Return the answer to a request.

        Raises BrowserMissingError when a browser is needed and cannot be had, BrowserError when
        it could not bring the page, and Scrapy's download errors where they say what went wrong.
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
        """Raise IgnoreRequest for a page that redirects brought from another host."""
        host = urlsplit(response.url).hostname
        if host not in self._hosts(scripts=False):
            raise IgnoreRequest(f"Filtered offsite request to {host!r}: {response.url}")

    async def _render(self, request: Request) -> Response:
        """Ask the browser; when it had died before or dies meanwhile, ask a new one once."""
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
        """Let go of a dead browser, so that a new one is started."""
        if getattr(self, "browser", None) is browser:
            del self.browser

    async def _render_once(self, request: Request) -> Response:
        name = f"page {next(self._names)}"
        # What is sent gets the browser's headers; a retry must start from Scrapy's.
        sent = request.copy()
        sent.meta.update(
            playwright_context=name,
            playwright_context_kwargs={
                "user_agent": (request.headers.get("User-Agent") or b"").decode("latin-1"),
                "accept_downloads": False,
                # Requests of service workers could not be left out.
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
        """Close what a request had open; a browser that does not obey is ended."""
        wrapper = self.context_wrappers.pop(name, None)
        if wrapper is None:
            return
        try:
            await asyncio.wait_for(wrapper.context.close(), _CLOSING)
        except TimeoutError:
            await self.browser_provider.close()
        except PlaywrightError:
            pass  # gone with its browser

    async def close(self) -> None:
        """End the browser, if there is one."""
        if hasattr(self, "browser"):
            with suppress(TimeoutError, PlaywrightError):
                await asyncio.wait_for(self.browser.close(), _CLOSING)
            del self.browser
        await super().close()


def launch_options(settings: BaseSettings, hosts: Sequence[str]) -> dict[str, Any]:
    """Return how the browser is started: which, behind which proxy, and in its sandbox.

    It reaches ``hosts`` only, whatever redirects to whatever else.
    """
    proxy = _proxy(getproxies())
    options: dict[str, Any] = {
        "executable_path": find_browser(settings.get("NEWSCRAWL_BROWSER", "")),
        # Chromium's sandbox does not start as root.
        "chromium_sandbox": os.geteuid() != 0,
        "args": [
            # Windows that a page opens would be out of our hands.
            "--block-new-web-contents",
            # From 156 on Chromium asks its maker for parts of itself, whatever Playwright tells it.
            "--component-updater=url-source=https://127.0.0.1:9/",
            *_fence(hosts, None if hosts and proxy_bypass(hosts[0]) else proxy),
        ],
        # Ctrl-C is Scrapy's: what is under way is finished first.
        "handle_sigint": False,
        "handle_sigterm": False,
        "handle_sighup": False,
    }
    if proxy:
        options["proxy"] = proxy
    return options


def _fence(hosts: Sequence[str], proxy: Mapping[str, str] | None) -> list[str]:
    """Return Chromium's arguments that keep it from all but some hosts.

    Redirects are followed before anybody is asked. A proxy script sends what is elsewhere
    nowhere; but to this machine's own addresses Chromium always goes directly, so their names,
    and all others, are not resolved. The proxy gets a name of its own: it may be on this machine.
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
    """Return the environment's proxy as Playwright takes it; None without one.

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
    """Return a fault of the browser as Scrapy's error for the same, or as BrowserError."""
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
    # What the fence does not let through; and what a proxy that is not there brings.
    "net::ERR_PROXY_CONNECTION_FAILED": lambda _: BrowserError("browser: offsite, or no proxy"),
    "chrome-error:": lambda _: BrowserError("browser: offsite, or no proxy"),
    "net::ERR_NAME_NOT_RESOLVED": CannotResolveHostError,
    "net::ERR_CONNECTION_REFUSED": DownloadConnectionRefusedError,
    "net::": DownloadFailedError,
}


class PlainAnswerMiddleware:
    """Downloader middleware: where the browser fails, the page as it was read plainly goes on.

    The task of a request for the same page, through the browser, holds it.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Count in the crawl's stats."""
        self._stats = crawler.stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> "PlainAnswerMiddleware":
        """Build it as Scrapy does."""
        return cls(crawler)

    def process_exception(self, request: Request, exception: Exception) -> Response | None:
        """Return the plain page for one that did not come."""
        task = ArticleTask.of(request)
        if task is None or task.plain is None:
            return None
        if not isinstance(exception, BrowserMissingError):
            logger.warning("Not rendered, read plainly: %s: %s", request.url, exception)
        return self._answer(request, task.plain)

    def process_response(self, request: Request, response: Response) -> Response:
        """Return the plain page for a refusal."""
        task = ArticleTask.of(request)
        if task and task.plain and response.status != 200:
            return self._answer(request, task.plain)
        return response

    def _answer(self, request: Request, plain: TextResponse) -> Response:
        self._stats.inc_value("newscrawl/downloader/browser/plain_instead")
        return plain.replace(request=not_rendered(request))
