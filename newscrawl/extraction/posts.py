"""Fields of a post as WordPress' REST interface sends it.

https://developer.wordpress.org/rest-api/reference/posts/
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, tzinfo
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lxml.etree import _Element

from newscrawl.extraction.dates import iso_date

_CLASS = re.compile(r"(?<!\S)postid-(\d{1,19})(?!\S)", re.ASCII)
# Terms, pages and people have numbers of their own.
_REST = re.compile(r"/wp/v2/(?!pages|categories|tags|users|media)[\w-]+/(\d{1,19})/?$", re.ASCII)
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)


def number_in(url: str) -> str | None:
    """Return the number of a post in WordPress' short address of it, or None.

    >>> number_in("https://example.org/?p=123"), number_in("https://example.org/?page_id=2")
    ('123', None)
    """
    parts = urlsplit(url)
    number = parse_qs(parts.query).get("p", [""])[-1]
    return number if parts.path in ("", "/") and _NUMBER.fullmatch(number) else None


def number_on(page: _Element) -> str | None:
    """Return the number of a page's post: of its body's class, its REST link or its short link."""
    return next(filter(None, _numbers(page)), None)


def _numbers(page: _Element) -> Iterator[str | None]:
    for body in page.iter("body"):
        if found := _CLASS.search(body.get("class", "")):
            yield found[1]
    links = [(it.get("rel", "").lower().split(), it) for it in page.iter("link")]
    for rel, link in links:
        if "alternate" in rel and "json" in link.get("type", ""):
            found = _REST.search(link.get("href", "").strip())
            yield found[1] if found else None
    for rel, link in links:
        if "shortlink" in rel:
            yield _short(link.get("href", "").strip())


def _short(url: str) -> str | None:
    try:
        return number_in(url)
    except ValueError:  # a broken host
        return None


def post_date(post: Mapping[str, Any], key: str, zone: tzinfo) -> str | None:
    """Return a post's ``date`` or ``modified`` in the record's form; None for no valid one.

    Where the time in UTC is not set, it is that of the newsroom's clock, which is of ``zone``.
    """
    times = ((post.get(f"{key}_gmt"), UTC), (post.get(key), zone))
    read = (iso_date(text, zone) for text, zone in times if isinstance(text, str))
    return next(filter(None, read), None)


def embedded(post: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the linked objects that the site sent with a post; none if it sent none."""
    objects = post.get("_embedded")
    return objects if isinstance(objects, dict) else {}


def embedded_list(post: Mapping[str, Any], key: str) -> list[Any]:
    """Return the linked objects of one kind, as ``wp:term``; none if that is no list."""
    objects = embedded(post).get(key)
    return objects if isinstance(objects, list) else []
