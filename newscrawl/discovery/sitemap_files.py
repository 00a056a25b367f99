"""Read sitemap files of every format. The format is recognised by the content.

https://www.sitemaps.org/protocol.html and, for news,
https://developers.google.com/search/docs/crawling-indexing/sitemaps/news-sitemap
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from newscrawl.discovery.feed_files import FEEDS, items
from newscrawl.discovery.xml_document import Document, decoded, space_and_name, text_of, unzipped
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import iso_date
from newscrawl.extraction.processors import clean_text, unescape
from newscrawl.extraction.urls import clean_url

_EXTENSION = re.compile(r"image|video|news|mobile|xhtml", re.I)
_BROKEN = re.compile(r"\s*[\r\n]\s*")
_MOST_ENTRIES = 50_000  # the protocol's limit for one file


@dataclass(frozen=True, slots=True)
class Entry:
    """One address of a sitemap: an article's or, with ``is_sitemap``, another sitemap's.

    ``modified`` and ``published`` are in the record's form, None where the file names no moment;
    ``lastmod`` is the change as written. ``headline`` and ``language`` are a news sitemap's.
    """

    url: str
    modified: str | None = None
    published: str | None = None
    headline: str | None = None
    language: str | None = None
    lastmod: str = ""
    is_sitemap: bool = False


def read_sitemap(body: bytes, url: str = "") -> Iterator[Entry]:
    """Yield the entries of a sitemap, an index of sitemaps, a text sitemap or a feed.

    ``url`` is the file's own address: entries may be relative to it. Raises UnreadableError for
    what is none of these, and after the last readable entry of one that is cut, broken or longer
    than the protocol allows.
    """
    body, is_whole = unzipped(body)
    if not body.strip():
        raise UnreadableError("empty sitemap")
    if _is_text(body):
        for line in decoded(body).split():
            if address := _address(line, url):
                yield Entry(address)
        if not is_whole:
            raise UnreadableError("broken sitemap")
        return
    try:
        document = Document(body, ("urlset", "sitemapindex", *FEEDS))
    except UnreadableError as error:
        raise UnreadableError("not a sitemap") from error
    is_feed = document.root in FEEDS
    entries = _of_feed(document, url) if is_feed else _of_sitemap(document, url)
    is_lost = not is_feed and document.mentions("loc")
    for count, entry in enumerate(entries):
        if count == _MOST_ENTRIES:
            raise UnreadableError("sitemap of more than 50,000 entries")
        if entry.url:
            is_lost = False
            yield entry
    # Addresses that stand in none of the protocol's elements are lost.
    if is_lost or not (is_whole and document.is_whole):
        raise UnreadableError("broken sitemap")


def _of_feed(document: Document, url: str) -> Iterator[Entry]:
    for item in items(document, url):
        for link in item.links:
            yield Entry(link, item.modified, item.published, item.headline)


def _of_sitemap(document: Document, url: str) -> Iterator[Entry]:
    for element in document.entries(("url", "sitemap")):
        yield _entry(element, url)


def _entry(element: etree._Element, base: str) -> Entry:
    space, name = space_and_name(element.tag)
    values: dict[str, str] = {}
    for child in element:
        child_space, child_name = space_and_name(child.tag)
        # A picture's address has the same name in another namespace.
        if child_space == space or not _EXTENSION.search(child_space):
            values.setdefault(child_name, text_of(child))
        elif child_name == "news":
            for it in child.iter():
                if (known := space_and_name(it.tag)[1]) in (
                    "publication_date",
                    "title",
                    "language",
                ):
                    values.setdefault(f"news:{known}", text_of(it))
    lastmod = clean_text(values.get("lastmod", ""))
    return Entry(
        _address(values.get("loc", ""), base),
        iso_date(lastmod),
        iso_date(values.get("news:publication_date", "")),
        unescape(values.get("news:title", "")) or None,
        clean_text(values.get("news:language", "")) or None,
        lastmod,
        name == "sitemap",
    )


def _address(text: str, base: str) -> str:
    # Some generators escape addresses twice, and break long ones into lines.
    text = _BROKEN.sub("", text.replace("&amp;", "&"))
    return (clean_url(text, base) or "") if text.strip() else ""


def _is_text(body: bytes) -> bool:
    """Return whether a body is a list of addresses, one a line."""
    lines = decoded(body.lstrip()[:4096]).split()[:20]
    return all(line.startswith(("http://", "https://")) for line in lines)
