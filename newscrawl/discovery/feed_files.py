"""Read feeds: RSS 0.9 to 2.0, RSS 1.0 (RDF) and Atom.

https://www.rssboard.org/rss-specification, https://web.resource.org/rss/1.0/spec and
https://www.rfc-editor.org/rfc/rfc4287
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from newscrawl.discovery.xml_document import Document, space_and_name, text_of
from newscrawl.extraction.dates import iso_date
from newscrawl.extraction.processors import clean_text, unescape
from newscrawl.extraction.urls import absolute_url

FEEDS = ("rss", "rdf", "feed")
"""The names of a feed's root element, in lower case."""

_LONGEST = 1000  # characters of a name or headline; more is a mistake of the feed
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_PUBLISHED = ("pubdate", "published", "issued", "date", "created")
_MODIFIED = ("modified", "updated")
# RSS names a person by an address, and the name in parentheses.
_MAILBOX = re.compile(r"[^\s@()<>]+@[^\s@()<>]+\s*(?:\((?P<name>[^()]*)\))?|<[^<>@]+@[^<>]+>")
_MARKUP = re.compile(r"<[a-zA-Z/][^<>]{0,500}>")


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a feed: every address that may be its article's, the likeliest first.

    Times are in the record's form, None when the feed names no moment. ``authors`` are bylines
    as written.
    """

    links: tuple[str, ...]
    published: str | None
    modified: str | None
    authors: tuple[str, ...]
    headline: str | None


def items(document: Document, url: str) -> Iterator[Item]:
    """Yield the items of a feed, in its order; ``url`` is the feed's own address."""
    for element in document.entries(("item", "entry")):
        yield _item(element, url)


def _item(element: etree._Element, url: str) -> Item:
    base = _base(element, url)
    links: list[str] = []
    last: list[str] = []
    texts: dict[str, str] = {}
    authors: list[str] = []
    own = space_and_name(element.tag)[0]
    for child in element:
        space, name = space_and_name(child.tag)
        if name in ("link", "origlink"):
            # "enclosure", "replies", "edit", "self" are not the article's page.
            kept = links if child.get("rel", "alternate").lower() == "alternate" else last
            # Some tools close the element before the address.
            text = child.get("href") or text_of(child).strip() or (child.tail or "")
            kept.append(_address(text, _base(child, base)))
        elif name in ("guid", "id"):
            last.append(_address(text_of(child), ""))
        elif name == "creator" or (name == "author" and space == own):
            names = [it for it in child if space_and_name(it.tag)[1] == "name"]
            authors.extend(map(_author, names or [child]))
        elif name in (*_PUBLISHED, *_MODIFIED) or (name == "title" and space == own):
            texts.setdefault(name, text_of(child))
    last.append(_address(element.get(_ABOUT) or "", base))
    return Item(
        tuple(dict.fromkeys(filter(None, (*links, *last)))),
        _first_time(texts, _PUBLISHED),
        _first_time(texts, _MODIFIED),
        tuple(filter(None, authors)),
        clean_text(_MARKUP.sub("", unescape(texts.get("title", "")[:_LONGEST]))) or None,
    )


def _address(text: str, base: str) -> str:
    return (absolute_url(text, base) or "") if text.strip() else ""


def _base(element: etree._Element, url: str) -> str:
    """Return what addresses in an element are relative to."""
    bases = [it.get(_XML_BASE) for it in (element, *element.iterancestors())]
    for base in reversed([it for it in bases if it]):
        url = absolute_url(base, url) or url
    return url


def _author(element: etree._Element) -> str:
    text = clean_text(text_of(element)[:_LONGEST])
    return clean_text(_MAILBOX.sub(lambda match: match["name"] or "", text))


def _first_time(texts: dict[str, str], names: tuple[str, ...]) -> str | None:
    times = (iso_date(clean_text(texts[name])) for name in names if name in texts)
    return next(filter(None, times), None)
