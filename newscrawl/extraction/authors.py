"""Authors: read them from structured data and byline, and choose between the two."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from lxml.etree import _Element

from newscrawl.extraction.byline_words import AND
from newscrawl.extraction.markup import text_of
from newscrawl.extraction.names import author_names, is_agency, whole_name
from newscrawl.extraction.processors import unescape
from newscrawl.extraction.structured_data import MAX_DEPTH, StructuredData, strings
from newscrawl.extraction.urls import clean_url
from newscrawl.items import Author

# Two or more words that begin with capitals; particles such as "de" may be between them.
_FULL_NAME = re.compile(
    r"[^\W\da-z][\w.'’-]*(?: (?:[^\W\da-z][\w.'’-]*|de|da|van|von|der|la|el|bin))+,?"
)

_AND = re.compile(rf"\b(?:{AND})\b", re.I)

# A person's name, followed by an outlet's.
_HOUSE_BEHIND = re.compile(r"(.+?)\s*(?:[,|/(]|\s[-–—]\s|\s(?:for|via)\s)\s*([^,|/()]+)\)?")

META = (
    *("author", "article:author", "parsely-author", "sailthru.author", "dcterms.creator"),
    *("dc.creator", "byl"),
)


def _unique(authors: Iterable[Author]) -> list[Author]:
    """Return authors without repeats, compared without case; an address is kept if any has one."""
    by_name: dict[str, Author] = {}
    for author in authors:
        first = by_name.setdefault(author.name.casefold(), author)
        first.url = first.url or author.url
    return list(by_name.values())


def structured_authors(data: StructuredData, base_url: str) -> list[Author]:
    """Return the authors that JSON-LD names, each name whole, in order."""
    for article in data.articles:
        for key in ("author", "creator"):
            if authors := _unique(_entries(data, article.get(key), base_url)):
                return authors
    return []


def _entries(data: StructuredData, value: Any, base_url: str, depth: int = 0) -> Iterator[Author]:
    for listed in value if isinstance(value, list) else [value]:
        entry = data.resolved(listed)
        inner = entry.get("@list") if isinstance(entry, dict) else entry
        if isinstance(inner, list):
            if depth < MAX_DEPTH:
                yield from _entries(data, inner, base_url, depth + 1)
            continue
        names = list(strings(entry))
        url = None
        if isinstance(entry, dict):
            names = names or list(strings(entry.get("name")))
            parts = [*strings(entry.get("givenName")), *strings(entry.get("familyName"))]
            names = names or [" ".join(parts)]
            url = next(map(unescape, strings(entry.get("url"), "@id")), None)
        address = _address(url, base_url)
        for text in names:
            # A semicolon separates names.
            for part in unescape(text).split(";"):
                if name := whole_name(part):
                    yield Author(name, address)


def _address(url: str | None, base_url: str) -> str | None:
    """Return an author's address; None for a link that stays on the page."""
    return clean_url(url, base_url) if url and url.strip()[:1] not in ("", "#") else None


def printed_authors(
    byline: Iterable[_Element], text: str, base_url: str, language: str = ""
) -> list[Author]:
    """Return the authors in ``text``, which the byline prints. A link to an author is one name.

    ``language`` is the BCP 47 tag of the byline's language; "" is English.
    """
    links = (link for element in byline for link in element.iter("a"))
    urls = {text_of(link): link.get("href", "") for link in links}
    return _unique(
        Author(name, _address(urls.get(name), base_url))
        for name in author_names(text, list(urls), language)
    )


def choose_authors(
    structured: Sequence[Author],
    printed: Sequence[Author],
    data: StructuredData,
    base_url: str,
    order: Sequence[str] = ("data", "printed"),
) -> list[Author]:
    """Return the authors of the article, from the better of two sources.

    If ``order`` begins with ``printed``, the page's names win. Else structured data wins, with two
    exceptions: it names only the outlet or a wire service while the byline prints a person; or the
    byline links all authors of structured data and more. The meta elements are read if both sources
    are empty. A name's address is the one that the byline links, if any.
    """
    outlet = outlet_names(data, base_url)
    people = [it for it in structured if not (_is_house(it.name, outlet) or is_agency(it.name))]
    bylined = [it for it in printed if not (_is_house(it.name, outlet) or is_agency(it.name))]
    if len(people) == 1 and len(bylined) > 1 and _is_list_of(people[0].name, bylined):
        people = bylined
    in_byline, in_data = ({it.name.casefold() for it in names} for names in (bylined, people))
    if in_byline > in_data and all(it.url for it in bylined):
        people = bylined
    if order[:1] == ("printed",):
        people = bylined or list(printed) or people
    metas = (
        Author(name)
        for text in data.metas(*META)
        for name in author_names(unescape(text))
        if "://" not in text
    )
    chosen = people or bylined or structured or printed or _unique(metas)
    urls = {it.name.casefold(): it.url for it in (*structured, *printed) if it.url}
    shown = {it.name.casefold(): it.name for it in printed if not it.name.isupper()}
    return _unique(
        Author(_without_house(shown.get(key, it.name), outlet), urls.get(key))
        for it in chosen
        for key in [it.name.casefold()]
    )


def _without_house(name: str, outlet: set[str]) -> str:
    """Return a name without the outlet's name after it: "Ada Quill, The Hill" is Ada Quill."""
    match = _HOUSE_BEHIND.fullmatch(name)
    return match[1] if match and _is_house(match[2], outlet) else name


def _is_list_of(text: str, authors: Sequence[Author]) -> bool:
    """Return whether one string names several people, each linked or with a full name.

    >>> _is_list_of("Ada Quill and Bo Marsh", [Author("Ada Quill"), Author("Bo Marsh")])
    True
    >>> _is_list_of("Parks and Rivers", [Author("Parks"), Author("Rivers")])
    False
    """
    for author in authors:
        if author.name not in text or not (author.url or _FULL_NAME.match(author.name)):
            return False
        text = text.replace(author.name, "", 1)
    return not _letters(_AND.sub("", text))


def outlet_names(data: StructuredData, base_url: str) -> set[str]:
    """Return the names of the outlet that may be listed among the authors."""
    publishers = (data.resolved(article.get("publisher")) for article in data.articles)
    names = [name for it in publishers for name in strings(it)]
    names += data.metas("og:site_name", "application-name")
    host = (urlsplit(base_url).hostname or "").removeprefix("www.")
    names += (host, host.partition(".")[0])
    return {key for name in names if (key := _letters(name))}


def _is_house(name: str, outlet: set[str]) -> bool:
    key = _letters(name)
    return not outlet.isdisjoint(
        (key, key.removesuffix("staff"), f"the{key}".removesuffix("staff"))
    )


# The same names, of the outlet and its authors, are on most pages.
@lru_cache(4096)
def _letters(name: str) -> str:
    """Return a name's letters and digits: "The Hill" and "thehill" are equal."""
    return "".join(filter(str.isalnum, name.casefold()))
