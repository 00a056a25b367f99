"""Saved pages: read one from a file or a fixture, and find out its address."""

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from scrapy.http import Response, TextResponse

from newscrawl.base_spiders.saved_page import decoded
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extraction.markup import parse, recoded
from newscrawl.extraction.outlet import is_post, post_of
from newscrawl.extraction.structured_data import (
    StructuredData,
    is_article,
    read_structured_data,
    strings,
)
from newscrawl.extraction.urls import absolute_url, page_key

_GZIP = b"\x1f\x8b"
_TAG = re.compile(r"<(?:!doctype html|html|head|body|title|main|article|div|p)\b", re.I)
JSON = "application/json; charset=utf-8"
META = "meta.json"
"""The file of a fixture that has the address of its page."""


@dataclass(frozen=True, slots=True)
class SavedPage:
    """A page or a post of REST as the server sent it; ``place`` is its file or address."""

    url: str
    body: bytes
    content_type: str = "text/html; charset=utf-8"
    place: str = ""

    @property
    def is_post(self) -> bool:
        """Whether this is a post of WordPress' REST interface."""
        return is_post(self.body)


def is_address(name: str) -> bool:
    """Return whether an argument is an address, not a file."""
    return name.startswith(("http://", "https://"))


def unpacked(body: bytes, place: str) -> bytes:
    """Return the bytes of a file that may be gzipped. Raises ArgumentError if it is damaged."""
    if not body.startswith(_GZIP):
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise ArgumentError(f"{place} is a damaged gzip file: {error}.") from None


def read_file(path: Path, url: str = "") -> SavedPage:
    """Return the page in a file, gzipped or not. ``url`` is its address, if it does not name one.

    The page is in UTF-8. A file of a fixture has its address in ``meta.json``. Raises
    ArgumentError for a file that is no page or does not name its address, OSError for one that
    cannot be read.
    """
    body = unpacked(path.read_bytes(), str(path))
    check_page(body, str(path))
    meta = _meta_of(path)
    address = url or meta.get("url") or address_in(body)
    if not absolute_url(address):
        raise ArgumentError(f"{path} does not name its address. Name it with --url")
    if is_post(body):
        return SavedPage(address, body, JSON, str(path))
    return SavedPage(address, in_utf8(decoded(body)), place=str(path))


def page_of(response: Response, place: str) -> SavedPage:
    """Return the page in a response. Raises ArgumentError for one that is no page."""
    if not isinstance(response, TextResponse):
        raise ArgumentError(f"{place} is not HTML.")
    check_page(response.body, place)
    if is_post(response.body):
        return SavedPage(response.url, response.body, JSON, place)
    body = in_utf8(recoded(response.body, lambda: response.encoding))
    return SavedPage(response.url, body, place=place)


def in_utf8(text: str | bytes) -> bytes:
    """Return a decoded page in UTF-8, so that its encoding is known wherever it is kept."""
    return text.encode("utf-8", "replace") if isinstance(text, str) else text


def _meta_of(path: Path) -> dict[str, str]:
    meta = path.parent / META
    if not meta.is_file():
        return {}
    try:
        values = json.loads(meta.read_text("utf-8"))
        return values if values["file"] == path.name else {}
    except (ValueError, KeyError, TypeError) as error:
        raise ArgumentError(f"{meta} is not the meta.json of a fixture: {error}.") from None


def check_page(body: bytes, place: str) -> None:
    """Raise ArgumentError for what is neither HTML nor a post of REST."""
    if not body.strip():
        raise ArgumentError(f"{place} is empty.")
    if is_post(body):
        try:
            post_of(body)
        except UnreadableError as error:
            raise ArgumentError(f"{place} is neither HTML nor a post of REST: {error}.") from None
        return
    text = decoded(body)
    if not _TAG.search(text if isinstance(text, str) else text.decode("utf-8", "replace")):
        raise ArgumentError(f"{place} is not HTML.")


def address_in(page: bytes) -> str:
    """Return the address that a page or a WordPress post names as its own, or ""."""
    if is_post(page):
        try:
            return str(post_of(page).get("link") or "")
        except UnreadableError:
            return ""
    if not page.strip():
        return ""
    data = read_structured_data(parse(decoded(page)).root)
    # The canonical address, then og:url; relative ones are not among them.
    return next(iter(data.addresses), "") or _address_of_articles(data)


def _address_of_articles(data: StructuredData) -> str:
    """Return the address that all articles of JSON-LD have; "" if they have none or several."""
    named: dict[str | None, str] = {}
    for article in filter(is_article, data.entries):
        for value in (article.get("url"), article.get("mainEntityOfPage")):
            for text in (*strings(value, "@id"), *strings(value, "url")):
                if address := absolute_url(text):
                    named.setdefault(page_key(address), address)
    return next(iter(named.values())) if len(named) == 1 else ""
