"""What a page says of itself to machines: JSON-LD and meta elements, as plain values.

Read from the tree that is already parsed; nothing is fetched and nothing is parsed twice.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from lxml.etree import XPath, _Element

_ARTICLE_TYPES = frozenset(
    {
        "NewsArticle",
        "Article",
        "ReportageNewsArticle",
        "OpinionNewsArticle",
        "AnalysisNewsArticle",
        "BackgroundNewsArticle",
        "LiveBlogPosting",
        "BlogPosting",
    }
)
# schema.org nests a few levels; a page that nests more is broken or hostile.
_MAX_DEPTH = 12

_JSON_LD = "script[@type='application/ld+json']"
_META = "meta[@content != '']"
_CANONICAL = "link[@rel='canonical']"


@dataclass(frozen=True, slots=True)
class StructuredData:
    """The structured data of one page.

    ``article`` is the first JSON-LD object of an article type, or empty. ``meta`` maps the
    ``property`` or ``name`` of a meta element, in lower case, to its first content. ``canonical``
    is the address that the page calls its own. ``errors`` counts JSON-LD that is not JSON.
    """

    article: Mapping[str, Any] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)
    canonical: str | None = None
    errors: int = 0

    def text(self, key: str) -> str | None:
        """Return the JSON-LD value of ``key`` when it is a string, else None."""
        return next(strings(self.article.get(key)), None)


def strings(value: Any, key: str = "name") -> Iterator[str]:
    """Yield the strings in a JSON-LD value: a string, an object's ``key``, or a list of these.

    >>> list(strings([{"name": "Ada Quill"}, "Bo Marsh", None, 7]))
    ['Ada Quill', 'Bo Marsh']
    """
    for entry in value if isinstance(value, list) else [value]:
        found = entry.get(key) if isinstance(entry, dict) else entry
        if isinstance(found, str):
            yield found


def _objects(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON-LD document, through lists and ``@graph``, outermost first."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, list):
        for entry in value:
            yield from _objects(entry, depth + 1)
    elif isinstance(value, dict):
        yield value
        yield from _objects(value.get("@graph"), depth + 1)


def _is_article(entry: Mapping[str, Any]) -> bool:
    kinds = entry.get("@type")
    return any(
        isinstance(kind, str) and kind in _ARTICLE_TYPES
        for kind in (kinds if isinstance(kinds, list) else [kinds])
    )


# A raw line break or tab inside a JSON string is what hand-made templates get wrong most often.
_DECODER = json.JSONDecoder(strict=False)


def _unwrapped(text: str) -> str:
    """Return the JSON in a script: from its first brace or bracket to its last."""
    if text[:1] in "{[" and text[-1:] in "}]":
        return text
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    return text[min(starts, default=0) : max(text.rfind("}"), text.rfind("]")) + 1]


@cache
def _paths(steps: str) -> tuple[XPath, XPath]:
    # Without EXSLT's functions, which would be set up at every lookup.
    head, page = f"/html/head/{steps}", f"/descendant::{steps}"
    return XPath(head, regexp=False), XPath(page, regexp=False)


def _elements(root: _Element, steps: str) -> list[_Element]:
    """Return elements of the head; of the whole page only when the head has none: it is slower."""
    in_head, anywhere = _paths(steps)
    found: list[_Element] = in_head(root) or anywhere(root)
    return found


def read_structured_data(root: _Element) -> StructuredData:
    """Read the structured data of a parsed page. Broken parts are left out, and counted."""
    article: Mapping[str, Any] = {}
    errors = 0
    for script in _elements(root, _JSON_LD):
        try:
            document = _DECODER.decode(_unwrapped((script.text or "").strip()))
        except (ValueError, RecursionError):
            errors += 1
            continue
        if article := next(filter(_is_article, _objects(document)), {}):
            break
    meta: dict[str, str] = {}
    for element in _elements(root, _META):
        if name := element.get("property") or element.get("name"):
            meta.setdefault(name.lower(), element.get("content"))
    canonical = next((it.get("href", "").strip() for it in _elements(root, _CANONICAL)), None)
    return StructuredData(article, meta, canonical, errors)
