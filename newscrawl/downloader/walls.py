"""Recognise responses that refuse a page: 403, block pages and JavaScript challenges.

newscrawl does not disguise itself and works around no block.
"""

import re

from scrapy.http import Response

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
