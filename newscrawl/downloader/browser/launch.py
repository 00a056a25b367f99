"""Launch options of the browser: program, proxy, host allow-list."""

import base64
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from scrapy.settings import BaseSettings

from newscrawl.downloader.browser.installed import find_browser

_PAC = {"http": "PROXY", "https": "HTTPS", "socks4": "SOCKS", "socks5": "SOCKS5"}
_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}


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
