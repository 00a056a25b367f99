"""Requests for the browser, and the options of its actions on a page."""

from scrapy import Request

UNFOLD = "playwright_unfold"
"""The key of a request's meta that holds the options of ``unfold.js``."""

# Seconds to wait for new items.
_WAIT = 10


def rendered(
    request: Request, *, items: str, container: str = "", more: str = "", clicks: int = 0
) -> Request:
    """Return ``request`` as a request for the browser.

    ``items`` is a CSS selector of entries or links. If the page has a
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
            UNFOLD: options,
        }
    )


def not_rendered(request: Request) -> Request:
    """Return a request of ``rendered`` as a request for Scrapy's own handler."""
    ours = {name: value for name, value in request.meta.items() if name[:10] != "playwright"}
    return request.replace(meta=ours)
