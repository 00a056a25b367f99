"""What a page says of itself to machines: JSON-LD, meta and link elements, as plain values.

Read from the tree that is already parsed; nothing is fetched and nothing is parsed twice.
"""

import html
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from lxml.etree import _Element

from newscrawl.extraction.markup import text_of, xpath
from newscrawl.extraction.urls import absolute_url, page_key

# Types of schema.org that are articles, beside those whose names end in "Article".
_ARTICLE_TYPES = frozenset({"LiveBlogPosting", "BlogPosting", "SocialMediaPosting", "Report"})
_VOCABULARY = re.compile("[/:#]")
# schema.org nests a few levels; a page that nests more is broken or hostile.
MAX_DEPTH = 12
# A broken script is searched for whole objects from each brace, until so much was read.
_MOST_SEARCHED = 5_000_000
# No page describes that many pages.
_MOST_OBJECTS = 5000
# Hyphens of a slug that no other article has.
_LONG_SLUG = 4

Object = Mapping[str, Any]
"""One object of JSON-LD."""

Identity = Callable[[str], str | None]
"""Returns what an absolute address identifies: equal for one article; None for no article's."""


@dataclass(frozen=True)
class StructuredData:
    """The structured data of one page.

    ``articles`` are the JSON-LD objects of an article type that are of this page's article, the
    surest first; never one of another article. ``meta`` maps the ``property`` or ``name`` of meta
    elements, in lower case, to their contents. ``addresses`` are those that the page calls its own,
    then the one that was asked, and ``here`` what they identify. ``documents`` are the JSON-LD as
    it is. ``errors`` counts scripts of JSON-LD that are not JSON. ``entries`` are all JSON-LD
    objects that stand for pages, of articles and of any other type.
    """

    articles: Sequence[Object] = ()
    meta_all: Mapping[str, Sequence[str]] = field(default_factory=dict)
    addresses: Sequence[str] = ()
    here: Collection[str] = ()
    documents: Sequence[Any] = ()
    errors: int = 0
    entries: Sequence[Object] = ()

    @property
    def meta(self) -> Mapping[str, str]:
        """The first content of each meta element's name."""
        return {name: contents[0] for name, contents in self.meta_all.items()}

    def values(self, key: str) -> Iterator[str]:
        """Yield the strings that the article's objects have under ``key``."""
        for article in self.articles:
            yield from strings(article.get(key))

    def metas(self, *names: str) -> Iterator[str]:
        """Yield the contents of the meta elements of these names, name by name."""
        for name in names:
            yield from self.meta_all.get(name, ())

    @property
    def accessible(self) -> bool | None:
        """Whether the article is declared free to read; None if its objects do not state this.

        What only a part states (``hasPart``) is ignored: a part may be a newsletter or a comment.
        """
        stated = (_truth(it.get("isAccessibleForFree")) for it in self.articles)
        return next((it for it in stated if it is not None), None)

    @property
    def breadcrumbs(self) -> list[str]:
        """The names of the sections around the article, the widest first (``BreadcrumbList``).

        Neither the front page nor the article itself is a section.
        """
        lists = (it for it in self.entries if "BreadcrumbList" in types(it))
        items = _crumbs(next(lists, {}).get("itemListElement"))
        own = {_plain(it) for it in self.values("headline")}
        addresses = set(self.addresses)
        base = next(iter(self.addresses), "")
        return [
            name
            for name, address in items
            if (url := absolute_url(address, base)) not in addresses
            and (url is None or urlsplit(url).path not in ("", "/"))
            and _plain(name) not in own
        ]

    @cached_property
    def objects(self) -> Mapping[str, Object]:
        """The JSON-LD objects that have an ``@id``, by their ``@id``; those of one are merged."""
        found: dict[str, Object] = {}
        for entry in _identified(self.documents, -1):
            found[entry["@id"]] = {**entry, **found.get(entry["@id"], {})}
        return found

    def resolved(self, value: Any) -> Any:
        """Return an object in place of a reference to it (``{"@id": …}``); any other as it is."""
        if isinstance(value, dict) and isinstance(value.get("@id"), str) and "name" not in value:
            return self.objects.get(value["@id"], value)
        return value


def strings(value: Any, key: str = "name") -> Iterator[str]:
    """Yield the strings in a JSON-LD value: a string, an object's ``key``, or a list of these.

    >>> list(strings([{"name": "Ada Quill"}, "Bo Marsh", None, 7, {"@value": "Cy Lund"}]))
    ['Ada Quill', 'Bo Marsh', 'Cy Lund']
    """
    for entry in value if isinstance(value, list) else [value]:
        found = entry.get(key, entry.get("@value")) if isinstance(entry, dict) else entry
        if isinstance(found, str):
            yield found


_ITEMPROP = xpath("descendant::*[@itemprop=$name]")


def microdata(root: _Element, name: str) -> Iterator[str]:
    """Yield the values of microdata: an attribute, or the text."""
    for it in _ITEMPROP(root, name=name):
        yield it.get("content") or it.get("datetime") or text_of(it)


def _crumbs(value: Any) -> list[tuple[str, str]]:
    """Return name and address of the items of a list of breadcrumbs, in the list's order."""
    found = []
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            item = entry.get("item")
            names = [
                *strings(entry.get("name")),
                *strings(item if isinstance(item, dict) else None),
            ]
            addresses = [*strings(item, "@id"), *strings(item, "url")]
            found.append((next(iter(names), ""), next(iter(addresses), "")))
    return [it for it in found if it[0]]


def _truth(value: Any) -> bool | None:
    """Return a JSON-LD truth value as a bool; None for any other value.

    >>> [_truth(it) for it in (True, "False", "http://schema.org/True", {"@value": "false"}, "no")]
    [True, False, True, False, None]
    """
    for entry in value if isinstance(value, list) else [value]:
        found = entry.get("@value", entry.get("@id")) if isinstance(entry, dict) else entry
        word = _VOCABULARY.split(str(found))[-1].strip().lower()
        if word in ("true", "false"):
            return word == "true"
    return None


def types(entry: Object) -> list[str]:
    """Return an object's types, without the vocabulary: ``schema:Person`` is a ``Person``."""
    kinds = entry.get("@type")
    return [
        _VOCABULARY.split(kind)[-1]
        for kind in (kinds if isinstance(kinds, list) else [kinds])
        if isinstance(kind, str)
    ]


def is_article(entry: Object) -> bool:
    """Return whether an object has the type of an article."""
    return any(kind in _ARTICLE_TYPES or kind.endswith("Article") for kind in types(entry))


def _objects(value: Any, around: Object | None = None, depth: int = 0) -> Iterator[Object]:
    """Yield the objects of a JSON-LD document that stand for pages, outermost first.

    An article without an address is of the page that it is the main entity of.
    """
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for entry in value:
            yield from _objects(entry, around, depth + 1)
    elif isinstance(value, dict):
        if around and not value.keys() & {"url", "mainEntityOfPage"}:
            value = {**value, "mainEntityOfPage": around}
        yield value
        yield from _objects(value.get("@graph"), None, depth + 1)
        yield from _objects(value.get("mainEntity"), value, depth + 1)
        page = value.get("mainEntityOfPage")
        if isinstance(page, dict) and page is not around and "mainEntity" in page:
            yield from _objects(page["mainEntity"], page, depth + 1)


def _identified(value: Any, depth: int = 0) -> Iterator[Object]:
    """Yield every object that has an ``@id``, wherever it is nested."""
    if depth > MAX_DEPTH:
        return
    if isinstance(value, list):
        for entry in value:
            yield from _identified(entry, depth + 1)
    elif isinstance(value, dict):
        if isinstance(value.get("@id"), str):
            yield value
        for entry in value.values():
            if isinstance(entry, (dict, list)):
                yield from _identified(entry, depth + 1)


# A raw line break or tab inside a JSON string is what hand-made templates get wrong most often.
_DECODER = json.JSONDecoder(strict=False)
# Strings, and what hand-made templates leave beside them: comments, commas, "undefined".
_TOKEN = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?|/\*(?:[^*]++|\*(?!/))*+(?:\*/)?|//[^\n]*+'
    r"|<!--(?:[^-]++|-(?!->))*+(?:-->)?|,[\s,]*+|\bundefined\b",
    re.S,
)
_ESCAPE = re.compile(r"\\(u[\da-fA-F]{4}|.)", re.S)


def _mended(match: re.Match[str]) -> str:
    r"""Return a token of JSON as it should be: a comment is none, ``\'`` is ``'``."""
    part = match[0]
    if part[0] == '"':
        return _ESCAPE.sub(lambda it: it[0] if it[1][0] in '"\\/bfnrtu' else it[1], part)
    if part[0] == ",":
        return "" if match.string[match.end() : match.end() + 1] in ("}", "]") else ","
    return "null" if part == "undefined" else " "


def _unwrapped(text: str) -> str:
    """Return the JSON in a script: from its first brace or bracket to its last."""
    if text[:1] in ("{", "[") and text[-1:] in ("}", "]"):
        return text
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    return text[min(starts, default=0) : max(text.rfind("}"), text.rfind("]")) + 1]


def _documents(text: str) -> Iterator[Any]:
    """Yield the JSON of a script; of a broken one the objects that are whole, then ValueError."""
    try:
        yield _DECODER.decode(text)
        return
    except (ValueError, RecursionError) as error:
        broken = ValueError(str(error))
    unescaped = html.unescape(text)
    for plain in dict.fromkeys((text, unescaped)):
        for tried in dict.fromkeys((plain, _TOKEN.sub(_mended, plain).strip())):
            if tried != text:
                try:
                    yield _DECODER.decode(tried)
                except (ValueError, RecursionError):
                    continue
                raise broken
    at, left = text.find("{"), _MOST_SEARCHED
    while at >= 0 and left > 0:
        try:
            found, end = _DECODER.raw_decode(text, at)
            left -= 1000
            yield found
        except json.JSONDecodeError as error:
            end = at + 1
            left -= error.pos - at + 1000
        except RecursionError:
            end = at + 1
            left -= 100_000
        at = text.find("{", end)
    raise broken


def _pages(found: Iterable[Object]) -> tuple[dict[str, Object], dict[str, str]]:
    """Return by ``@id`` of which page an object is the main entity, and which address it has."""
    pages, urls = {}, {}
    for entry in found:
        name = entry.get("@id")
        if isinstance(name, str):
            if "@type" not in entry and "mainEntityOfPage" in entry:
                pages[name] = entry["mainEntityOfPage"]
            if url := next(strings(entry.get("url"), "@id"), None):
                urls[name] = url
    return pages, urls


def _addresses(
    entry: Object, base_url: str, pages: Mapping[str, Object], urls: Mapping[str, str]
) -> Iterator[str]:
    """Yield the addresses that an object says to be its own or its page's."""
    name = entry.get("@id")
    page = entry.get("mainEntityOfPage", pages.get(name) if isinstance(name, str) else None)
    for value in (entry.get("url"), page, name):
        for text in (*strings(value, "@id"), *strings(value, "url")):
            told = urls.get(text, text)
            # A mere fragment names an object on the page, not the page.
            if told[:1] != "#" and (address := absolute_url(told, base_url)):
                yield address


def _own(
    found: Sequence[Object], here: Collection[str], identity: Identity, base_url: str, title: str
) -> list[Object]:
    """Return the articles that are the page's own: those that say so, else a likely one."""
    sure: list[Object] = []
    unsure: list[Object] = []
    moved: list[Object] = []
    slugs = {_slug(name) for name in here}
    known = _pages(found)
    articles = list(filter(is_article, found))
    for entry in articles:
        said = set(filter(None, map(identity, {*_addresses(entry, base_url, *known)})))
        if not said.isdisjoint(here):
            sure.append(entry)
        elif not said:
            unsure.append(entry)
        elif slugs & {_slug(name) for name in said}:
            # Its section was another when the data was written.
            moved.append(entry)

    def has_title(entry: Object) -> bool:
        return bool(title) and title == _plain(next(strings(entry.get("headline")), ""))

    if sure:
        # The entries of a live page have its address, too.
        return sorted(sure, key=has_title, reverse=True)
    # Of objects that name no article's address, the one with the page's title is meant.
    titled = list(filter(has_title, (*unsure, *moved)))
    # A slug of several words is that of one article.
    is_alone = len(articles) == 1 and any(slug.count("-") >= _LONG_SLUG for slug in slugs)
    return titled or unsure[:1] or (moved if is_alone else [])


def _slug(identity: str) -> str:
    return identity.partition("?")[0].rpartition("/")[2]


def _plain(*texts: str) -> str:
    """Return what two spellings of a title have in common: letters and digits."""
    return "".join(filter(str.isalnum, html.unescape(" ".join(texts)).casefold()))


def read_structured_data(
    root: _Element, base_url: str = "", identity: Identity = page_key, title: str = ""
) -> StructuredData:
    """Read the structured data of a parsed page. Broken parts are left out, and counted.

    ``base_url`` is the page's address and ``title`` its printed headline.
    """
    objects: list[Object] = []
    documents: list[Any] = []
    meta: dict[str, list[str]] = {}
    canonical: list[str] = []
    errors = 0
    for element in root.iter("script", "meta", "link"):
        if element.tag == "script":
            if "ld+json" not in element.get("type", "").lower():
                continue
            try:
                for document in _documents(_unwrapped((element.text or "").strip())):
                    documents.append(document)
                    objects.extend(islice(_objects(document), _MOST_OBJECTS - len(objects)))
            except ValueError:
                errors += 1
        elif element.tag == "meta":
            name = element.get("property") or element.get("name") or element.get("http-equiv")
            content = element.get("content")
            if name and content and not content.isspace():
                meta.setdefault(name.strip().lower(), []).append(content)
        elif (
            "canonical" in element.get("rel", "").lower().split()
            # A newsletter's body holds a whole e-mail, with a head of its own.
            and next(element.iterancestors("article"), None) is None
        ):
            canonical.append(element.get("href") or "")
    named = (*canonical[:3], *meta.get("og:url", ())[:1], base_url)
    addresses = [
        it for name in dict.fromkeys(named) if name.strip() and (it := absolute_url(name, base_url))
    ]
    here = tuple(dict.fromkeys(filter(None, map(identity, addresses))))
    own = _own(objects, here, identity, base_url, _plain(title))
    return StructuredData(own, meta, addresses, here, documents, errors, objects)
