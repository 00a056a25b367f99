"""Recognise answers that refuse a page: 403, bot walls and JavaScript challenges.

We do not disguise ourselves and do not defeat a wall.
"""

import re

from scrapy.http import Response

_HEAD = 16 * 1024
"""A wall's page is short; what makes one stands in its first bytes."""

_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{1,200}?)\s*</title>", re.I)
# The titles of the walls that news sites use: PerimeterX, Cloudflare, Imperva, Akamai.
_WALLS = (
    b"access to this page has been denied",
    b"access denied",
    b"attention required! | cloudflare",
    b"pardon our interruption",
)
_CHALLENGES = (b"just a moment...", b"checking your browser", b"one moment, please...")
_CHALLENGE_MARKS = re.compile(rb"_cf_chl_opt|/cdn-cgi/challenge-platform/|captcha-delivery\.com")


def refusal(response: Response) -> str | None:
    """Return how an answer refuses the page that was asked for, or None when it does not.

    Walls answer 200 as well; a page is one by its title, not by the scripts that good pages
    share with it.
    """
    if response.headers.get("cf-mitigated") == b"challenge":
        return "javascript challenge"
    head = response.body[:_HEAD]
    found = _TITLE.search(head)
    title = found[1].lower() if found else b""
    if title.startswith(_WALLS):
        return "bot wall" if response.status == 200 else f"http {response.status}"
    marked = len(response.body) < _HEAD and _CHALLENGE_MARKS.search(head)
    if title.startswith(_CHALLENGES) or (marked and b"<article" not in head):
        return "javascript challenge"
    return "http 403" if response.status == 403 else None
