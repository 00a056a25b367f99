"""Recognise responses without a page: 403, block pages, JavaScript challenges, empty shells.

newscrawl does not disguise itself and works around no block.
"""

import re

from scrapy.http import HtmlResponse, Response

_HEAD = 16 * 1024
"""Bytes to look at: a block page is short, and its signs are at its beginning."""

_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,200}?)\s*</title>", re.I)
# Titles of the block pages that news sites use: PerimeterX, Cloudflare, Imperva, Akamai.
_WALLS = (
    b"access to this page has been denied",
    b"access denied",
    b"attention required! | cloudflare",
    b"pardon our interruption",
)
_CHALLENGES = (b"just a moment...", b"checking your browser", b"one moment, please...")
_CHALLENGE_MARKS = re.compile(rb"_cf_chl_opt|/cdn-cgi/challenge-platform/|captcha-delivery\.com")


def refusal(response: Response) -> str | None:
    """Return how a response refuses the requested page, or None if it does not.

    Block pages may have status 200. They are recognised by their title, because good pages contain
    the same scripts.
    """
    if response.headers.get("cf-mitigated") == b"challenge":
        return "javascript challenge"
    head = response.body[:_HEAD]
    match = _TITLE.search(head)
    title = match[1].lower() if match else b""
    if title.startswith(_WALLS):
        return "bot wall" if response.status == 200 else f"http {response.status}"
    marked = len(response.body) < _HEAD and _CHALLENGE_MARKS.search(head)
    if title.startswith(_CHALLENGES) or (marked and b"<article" not in head):
        return "javascript challenge"
    return "http 403" if response.status == 403 else None


NEEDS_JAVASCRIPT = "page needs JavaScript"
_SHORTEST = 200
_TEXTS = (
    "//body//text()[not(ancestor::script or ancestor::style or ancestor::noscript"
    " or ancestor::template)]"
)


def visible_text(response: Response) -> str:
    """Return the text of a page that a reader without JavaScript sees; empty for other responses.

    White space is single spaces.
    """
    if not isinstance(response, HtmlResponse):
        return ""
    return " ".join(" ".join(response.xpath(_TEXTS).getall()).split())


def needs_javascript(response: Response) -> bool:
    """Return whether a page has scripts and next to no text: a shell that JavaScript fills."""
    if not isinstance(response, HtmlResponse) or response.meta.get("playwright"):
        return False
    has_scripts = bool(response.xpath("boolean(//script)").get() == "1")
    return has_scripts and len(visible_text(response)) < _SHORTEST
