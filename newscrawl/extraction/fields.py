"""Fields: the sources that state them, and the order in which the sources are trusted.

A source is ``data`` (JSON-LD), ``meta`` (the meta elements of a field), ``meta:NAME`` (one of
them), ``marked`` (times in the attributes of a byline), ``printed`` (what a layout's selector
finds), ``microdata`` (times of the article's element) or ``breadcrumbs`` (sections in JSON-LD's
``BreadcrumbList``).
"""

from collections.abc import Iterator, Mapping, Sequence

from newscrawl.extraction.structured_data import StructuredData

ORDER: Mapping[str, tuple[str, ...]] = {
    "headline": ("data", "meta", "printed"),
    "description": ("data", "meta", "printed"),
    "authors": ("data", "printed"),
    "date_published": ("data", "meta", "marked", "printed", "microdata"),
    "date_modified": ("data", "meta", "marked", "printed", "microdata"),
    "section": ("data", "printed", "meta", "breadcrumbs"),
    "sections": ("data",),
    "tags": ("printed", "data", "meta"),
}
"""The sources of each field, the most trusted one first."""

_TIMES, _SECTIONS = ("marked", "microdata"), ("breadcrumbs",)
_MORE: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(("date_published", "date_modified"), _TIMES),
    **dict.fromkeys(("section", "sections"), _SECTIONS),
}
"""The sources that only some fields have."""

_KEYS = {
    "headline": ("headline",),
    "description": ("description",),
    "date_published": ("datePublished",),
    "date_modified": ("dateModified",),
    "section": ("articleSection",),
    "sections": ("articleSection", "genre"),
    "tags": ("keywords",),
}
METAS = {
    "headline": ("og:title",),
    "description": ("og:description", "description", "twitter:description"),
    "date_published": (
        *("article:published_time", "og:article:published_time", "dcterms.created"),
        *("dcterms.issued", "dcterms.date", "dc.date.issued", "dc.date", "parsely-pub-date"),
        *("pubdate", "date"),
    ),
    "date_modified": (
        *("article:modified_time", "og:updated_time", "dcterms.modified", "dc.date.modified"),
    ),
    "section": ("article:section",),
    "tags": ("article:tag", "news_keywords", "keywords", "parsely-tags"),
}
METAS["sections"] = METAS["section"]
"""The meta elements of each field, the surest one first."""


def check_order(order: Mapping[str, Sequence[str]]) -> None:
    """Raise ValueError if an order names a field or a source that does not exist.

    >>> check_order({"headline": ("print", "data")})
    Traceback (most recent call last):
        ...
    ValueError: order of headline: no source 'print' (known: data, meta, meta:NAME, printed)
    """
    for field, sources in order.items():
        if field not in ORDER:
            raise ValueError(f"order: no field {field!r} (known: {', '.join(ORDER)})")
        known = ("data", "meta", "printed", *_MORE.get(field, ()))
        for source in sources:
            if source not in known and not source.startswith("meta:"):
                names = ", ".join((*known[:2], "meta:NAME", *known[2:]))
                raise ValueError(f"order of {field}: no source {source!r} (known: {names})")


def stated(data: StructuredData, field: str, source: str) -> Iterator[str]:
    """Yield what ``data`` or ``meta`` states of a field; nothing for the other sources."""
    if source == "data":
        for key in _KEYS[field]:
            yield from data.values(key)
    elif source == "breadcrumbs":
        yield from data.breadcrumbs
    elif source == "meta":
        yield from data.metas(*METAS[field])
    elif source.startswith("meta:"):
        yield from data.metas(source.removeprefix("meta:").lower())


def stated_tags(data: StructuredData, source: str) -> list[str]:
    """Return the tags of ``data`` or ``meta``: of its first part that has some.

    One text that holds all tags is divided at its commas.
    """
    parts = [f"meta:{name}" for name in METAS["tags"]] if source == "meta" else [source]
    for part in parts:
        if found := list(stated(data, "tags", part)):
            return found if len(found) > 1 else found[0].split(",")
    return []
