"""The fields around a story: read from a page's sources, in the order that the outlet declares."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from lxml import etree
from lxml.etree import _Element

from newscrawl.extraction.authors import (
    choose_authors,
    printed_authors,
    structured_authors,
)
from newscrawl.extraction.dates import (
    is_change,
    iso_date,
    iso_day,
    printed_dates,
    printed_days,
)
from newscrawl.extraction.fields import METAS, ORDER, stated, stated_tags
from newscrawl.extraction.markup import lines_of
from newscrawl.extraction.processors import unescape
from newscrawl.extraction.structured_data import StructuredData, microdata
from newscrawl.items import Author

if TYPE_CHECKING:
    from newscrawl.extraction.loaders import ArticleLoader, Layout, Reader


@dataclass(frozen=True, slots=True)
class PageFields:
    """The sources of one page, from which the fields of its article are filled in."""

    reader: "Reader"
    layout: "Layout"
    loader: "ArticleLoader"
    data: StructuredData

    def add(self, titles: list[str]) -> tuple[list[Author], str]:
        """Add the fields that the loader holds. Return the authors, and the precision of the date.

        ``titles`` are the headlines that the page prints.
        """

        def headlines(source: str) -> Iterable[str]:
            told = stated(self.data, "headline", source)
            return (it for it in told if not _is_cut(it, titles))

        self._add("headline", headlines, titles)
        summaries = self.loader.texts(self.layout.description)
        told = partial(stated, self.data, "description")
        self._add("description", told, summaries, is_checked=False)
        self._add_sections()
        self._add_tags()
        byline = self.loader.printed(self.layout.byline, "page")[:1]
        text = "".join(map(lines_of, byline))
        dated, printed = byline, text
        if self.layout.dateline:
            dated = self.loader.printed(self.layout.dateline, "page")[:1]
            printed = "".join(map(lines_of, dated))
        precision = self._add_dates(dated, printed)
        return self._authors(byline, text), precision

    @property
    def _language(self) -> str:
        """The language of the bylines, as a BCP 47 tag; "" if the page declares none."""
        return next(iter(self.loader.get_collected_values("language")), self.reader.language)

    def _order(self, field: str) -> tuple[str, ...]:
        order = self.reader.order
        if field == "sections" and field not in order and "section" in order:
            field = "section"
        return tuple(order.get(field, ORDER[field]))

    def _add(
        self,
        field: str,
        values_of: Callable[[str], Iterable[str]],
        printed: Iterable[str],
        *,
        is_checked: bool = True,
    ) -> None:
        """Add a field's values by the order of its sources: ``values_of(source)`` of each."""
        order = self._order(field)
        at = order.index("printed") if "printed" in order else len(order)
        some = (order[:at], order[at + 1 :])
        first, rest = (chain.from_iterable(map(values_of, it)) for it in some)
        if not is_checked or at == len(order):
            shown = printed if at < len(order) else ()
            self.loader.add_value(field, chain(first, shown, rest))
        elif at:
            self.loader.add_checked(field, first, printed)
            if not self.loader.get_collected_values(field):
                self.loader.add_value(field, rest)
        else:
            self.loader.add_checked(field, printed, rest)

    def _add_sections(self) -> None:
        """Add the primary section, and all of them."""

        def named(source: str, field: str = "section") -> Iterable[str]:
            if source == "printed":
                return self.loader.texts(self.layout.section)
            separator = self.layout.section_separator
            told = stated(self.data, field, source)
            return (part for it in told for part in _split(it, separator))

        self._add("section", named, self.loader.texts(self.layout.section))
        first = self.loader.get_collected_values("section")[:1]
        further = (named(it, "sections") for it in self._order("sections"))
        self.loader.add_value("sections", chain(first, *further))

    def _add_tags(self) -> None:
        """Add the tags of the first source that has some."""
        for source in self._order("tags"):
            if source == "printed":
                texts = list(self.loader.texts(self.layout.tags))
            else:
                texts = stated_tags(self.data, source)
            if rule := self.reader.tag:
                found = filter(None, (re.fullmatch(rule, unescape(it)) for it in texts))
                texts = [it[it.lastindex or 0] for it in found]
            if texts:
                self.loader.add_value("tags", texts)
                return

    def _add_dates(self, byline: list[_Element], text: str) -> str:
        """Add the valid times, the surest source first; return the precision of publication."""
        data, zone, language = self.data, self.reader.zone, self._language
        # Generators: a search for dates takes long, and few pages need all of them.
        published = (it for it, changed in printed_dates(text, zone, language) if not changed)
        changes = (it for it, changed in printed_dates(text, zone, language) if changed)

        def marked(*, changed: bool = False) -> Iterator[str]:
            return (it for it, last in _marked(byline) if last == changed)

        # Sailthru's is the newsroom's clock (hill/SITE.md), as is a byline's without a zone.
        clocks = chain(marked(), data.metas("sailthru.date"))
        local = (iso_date(it, zone) or "" for it in clocks)

        def told(source: str) -> Iterable[str]:
            if source == "microdata":
                return microdata(self.loader.context["article"], "datePublished")
            return marked() if source == "marked" else stated(data, "date_published", source)

        def later(source: str) -> Iterable[str]:
            if source == "microdata":
                return microdata(self.loader.context["article"], "dateModified")
            if source == "marked":
                return marked(changed=True)
            return stated(data, "date_modified", source)

        self._add("date_published", told, chain(published, local))
        self._add("date_modified", later, changes, is_checked=False)
        if self.loader.get_collected_values("date_published"):
            return "second"
        metas = data.metas(*METAS["date_published"], "sailthru.date")
        texts = chain(data.values("datePublished"), metas, marked(), told("microdata"))
        days = (iso_day(it, zone, language) for it in texts)
        shown = printed_days(text, zone, language)
        self.loader.add_value("date_published", chain(filter(None, days), shown))
        return "day"

    def _authors(self, byline: list[_Element], text: str) -> list[Author]:
        base_url = self.loader.context["base_url"]
        if elements := self.loader.printed(self.layout.author, "page"):
            byline, text = elements, "\n".join(map(lines_of, elements))
        structured, printed = (
            [Author(name, it.url) for it in authors if (name := self.reader.author(it.name))]
            for authors in (
                structured_authors(self.data, base_url),
                printed_authors(byline, text, base_url, self._language),
            )
        )
        names = [{it.name.casefold() for it in authors} for authors in (structured, printed)]
        if all(names) and names[0] != names[1]:
            self.loader.count("newscrawl/disagree/authors")
        order = self._order("authors")
        chosen = choose_authors(structured, printed, self.data, base_url, order)
        address = self.reader.author_url
        return [Author(it.name, address(it.url) if it.url else None) for it in chosen]


def _marked(byline: Iterable[_Element]) -> Iterator[tuple[str, bool]]:
    """Yield the times in a byline's attributes, each with whether it is that of the last change."""
    for element in byline:
        for it in element.iter(etree.Element):
            if text := it.get("datetime") or it.get("content") or it.get("title"):
                last = it.getprevious()
                parent = it.getparent()
                around = last.tail if last is not None else parent.text if it is not element else ""
                names = " ".join(it.get(name, "") for name in ("class", "itemprop", "property"))
                yield text, is_change(around or "", it.text or "", names)


def _split(text: str, separator: str) -> list[str]:
    """Return the parts of a section's name, the narrowest first."""
    return text.split(separator)[::-1] if separator else [text]


# Characters of a headline in structured data; plug-ins cut longer ones at a word's end.
_LIMIT = 110


def _is_cut(headline: str, titles: Iterable[str]) -> bool:
    """Return whether a headline is cut, by "…" or at Google's limit, and a title continues it."""
    text = unescape(headline)
    start = text.rstrip(" .…")
    is_marked = text.endswith(("…", "..."))
    return (is_marked or _LIMIT - 15 <= len(text) <= _LIMIT) and any(
        title.startswith(start) and title.rstrip(" .…") != start for title in titles
    )
