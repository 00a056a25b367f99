"""The outlet ``generic``: any page of any site, read without selectors.

Each field has a chain of sources, which a study of 99 publishers found. The first source that has
a value decides.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import tzinfo
from itertools import chain
from urllib.parse import SplitResult, urlsplit

from lxml.etree import _Element
from parsel import Selector

from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.authors import META, outlet_names, structured_authors
from newscrawl.extraction.dates import iso_day, sure_days
from newscrawl.extraction.fields import METAS, stated, stated_tags
from newscrawl.extraction.generic import GenericNoise, Sizes, find_container, letters, trimmed
from newscrawl.extraction.loaders import (
    ArticleLoader,
    Page,
    Reader,
    Stats,
    base_of,
    languages_of,
)
from newscrawl.extraction.markup import is_cut, text_of
from newscrawl.extraction.names import people, whole_name
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.processors import unescape
from newscrawl.extraction.story import read_story
from newscrawl.extraction.structured_data import (
    Identity,
    StructuredData,
    microdata,
    read_structured_data,
    strings,
    types,
)
from newscrawl.extraction.urls import absolute_url, clean_url, page_key
from newscrawl.items import Author

# Types of schema.org that are lists of articles.
_LISTS = frozenset({"CollectionPage", "SearchResultsPage", "ProfilePage"})
_MORE_PUBLISHED = ("publishdate", "publish-date", "publish_date", "publication_date")
_LONGEST_DATE = 40
# A name of the outlet behind a headline.
_BEHIND = re.compile(r"(.+)(?:\s[-–—·•»:/]|\s*[|｜])\s*(.+)", re.S)
# Addresses of pages about authors.
_PROFILE = re.compile(r"/(?:authors?|autor(?:en|es)?|auteurs?|autores)/[^/]")
# "(dpa)" behind a name.
_INITIALS = re.compile(r"\s*\([^()]*\)$")
# Characters of a page that does not declare an article.
_LEAST = 250


class GenericReader(Reader):
    """Reads a page without a layout: fields by their chains, the story by size and noise words."""

    def read_page(
        self, page: Selector, url: str, stats: Stats | None = None, identity: Identity = page_key
    ) -> Page | None:
        """Return what a page says of its article. Raises UnreadableError without one."""
        root = page.root
        base_url = base_of(root, url)
        data = read_structured_data(root, url, identity, next(iter(_titles(root)), ""))
        sizes = Sizes(root)
        container = find_container(root, sizes)
        if is_cut(container):
            raise UnreadableError("cut short")
        around = _around(container)
        loader = self._loader(base_url, stats, page=root, article=root)
        loader.count(f"newscrawl/layout/{Generic.name}")
        headlines = _headlines(data, root, base_url)
        loader.add_value("headline", headlines)
        summaries = _stated(data, "description")
        loader.add_value("description", summaries)
        loader.add_value("language", filter(None, languages_of(root, data)))
        precision = self._add_times(loader, data, root, around)
        sections = _stated(data, "section") or data.breadcrumbs
        loader.add_value("section", sections)
        loader.add_value("sections", sections)
        loader.add_value("tags", _tags(data, around))
        noise = GenericNoise(container, sizes, {letters(unescape(it)) for it in summaries} - {""})
        reader = replace(self, noise=noise)
        story = reader._read(loader, [container], lambda link: identity(link) in data.here)
        story.blocks = trimmed(story.blocks, set(map(letters, headlines)) - {""})
        story.images[:0] = read_story(noise.figures, base_url, self.noise).images
        authors = _authors(data, root, around, base_url)
        article = self._finish(loader, [], story, self._lead((), data, base_url), authors)
        if why := _no_article(data, root, len(article.body or "")):
            raise UnreadableError(why)
        article.date_precision, article.accessible = precision, data.accessible
        article.extraction = Generic.name
        return Page(article, data)

    def _add_times(
        self, loader: ArticleLoader, data: StructuredData, root: _Element, around: _Element
    ) -> str:
        """Add the times; return the precision of the time of publication.

        A time without an offset names no moment, but its day.
        """
        published = [
            *data.values("datePublished"),
            *data.metas(*METAS["date_published"], *_MORE_PUBLISHED),
            *(*_of_pages(data, "datePublished"), *microdata(root, "datePublished")),
            *(it.get("datetime", "") for it in around.iter("time")),
        ]
        loader.add_value("date_published", published)
        modified = chain(data.values("dateModified"), data.metas(*METAS["date_modified"]))
        more = chain(_of_pages(data, "dateModified"), microdata(root, "dateModified"))
        loader.add_value("date_modified", chain(modified, more))
        if loader.get_collected_values("date_published"):
            return "second"
        language = next(iter(loader.get_collected_values("language")), self.language)
        printed = _printed_days(around, self.zone, language)
        days = filter(None, (iso_day(it[:10], self.zone) for it in published))
        loader.add_value("date_published", chain(days, printed))
        return "day"


def _around(container: _Element) -> _Element:
    """Return the nearest element around a story that contains the headline, else the whole page."""
    elements = (container, *container.iterancestors())
    return next((it for it in elements if next(it.iter("h1"), None) is not None), elements[-1])


def _no_article(data: StructuredData, root: _Element, size: int) -> str:
    """Return why a page is none of an article, by what it declares; "" for an article's.

    A page that declares nothing has to have a text.
    """
    if data.articles:
        return ""
    lists = (it for entry in data.entries for it in types(entry) if it in _LISTS)
    if kind := next(lists, ""):
        return f"a list of articles ({kind})"
    declared = data.meta.get("og:type", "").lower()
    if "article" in declared or any(map(_is_article_type, root.iterfind(".//*[@itemtype]"))):
        return ""
    if declared:
        return f"not an article (og:type {declared})"
    return "" if size >= _LEAST else "no article on the page"


def _is_article_type(element: _Element) -> bool:
    kind: str = element.get("itemtype", "")
    return kind.rstrip("/").endswith(("Article", "BlogPosting"))


def _printed_days(around: _Element, zone: tzinfo, language: str) -> Iterator[str]:
    """Yield the days that short texts print."""
    for text in around.itertext():
        if len(text) <= _LONGEST_DATE and any(map(str.isdigit, text)):
            yield from sure_days(text, zone, language)


def _of_pages(data: StructuredData, key: str) -> Iterator[str]:
    """Yield the strings that the objects of the JSON-LD that are pages have under ``key``."""
    for entry in data.entries:
        yield from strings(entry.get(key))


def _tags(data: StructuredData, around: _Element) -> list[str]:
    """Return the tags of the first source that has some."""
    links = (text_of(it) for it in around.iter("a") if "tag" in it.get("rel", "").split())
    return stated_tags(data, "data") or stated_tags(data, "meta") or list(links)


def _stated(data: StructuredData, field: str) -> list[str]:
    """Return what JSON-LD and meta elements state of a field."""
    return [*stated(data, field, "data"), *stated(data, field, "meta")]


def _authors(data: StructuredData, root: _Element, around: _Element, base_url: str) -> list[Author]:
    """Return the authors of the first source that names more than the outlet itself."""
    named = (it for it in data.metas(*META, "cxenseparse:author") if "://" not in it)
    links = chain(
        (it for it in root.iter("a") if "author" in it.get("rel", "").split()),
        (it for it in around.iter("a") if _PROFILE.search(it.get("href", ""))),
    )
    sources = (
        structured_authors(data, base_url),
        (Author(unescape(it)) for it in named),
        (Author(it) for it in microdata(root, "author")),
        (Author(text_of(it), absolute_url(it.get("href", ""), base_url)) for it in links),
    )
    house = outlet_names(data, base_url)
    fallback: list[Author] = []
    for source in sources:
        found = {
            name.casefold(): replace(author, name=name)
            for author in source
            for text in people(author.name)
            if (name := whole_name(_INITIALS.sub("", text))) and not name.isdigit()
        }
        authors = list(found.values())
        if any(letters(it.name) not in house for it in authors):
            return authors
        fallback = fallback or authors
    return fallback


def _headlines(data: StructuredData, root: _Element, base_url: str) -> list[str]:
    """Return the headlines of JSON-LD, ``og:title``, h1 and title, without what stands behind.

    That is the outlet's name, or a section that neither ``og:title`` nor the h1 has.
    """
    house = outlet_names(data, base_url)
    shared, printed = list(map(unescape, data.metas("og:title"))), _titles(root)
    agreed = set(map(letters, shared)) & set(map(letters, printed))
    heads = map(text_of, root.iterfind("head/title"))
    found = []
    for text in (*map(unescape, data.values("headline")), *shared, *printed, *heads):
        headline = text
        while it := _BEHIND.fullmatch(headline):
            if letters(it[2]) not in house and letters(it[1]) not in agreed:
                break
            headline = it[1].rstrip()
        found.append(headline)
    return found


def _titles(root: _Element) -> list[str]:
    """Return the texts of a page's h1 elements, the longest first: one may be the outlet's logo."""
    return sorted(filter(None, map(text_of, root.iter("h1"))), key=len, reverse=True)


class Generic(Outlet):
    """Any page of any site. An article's identity is its canonical address."""

    name = "generic"
    identity = "canonical"
    reader = GenericReader(layouts=(), noise=Noise(()))

    def on_site(self, url: str) -> SplitResult | None:
        """Return the split address of any page on the web."""
        address = absolute_url(url)
        return urlsplit(address) if address else None

    def address(self, parts: SplitResult) -> str:
        """Return the address without tracking."""
        return clean_url(parts.geturl()) or parts.geturl()

    def article_id(self, parts: SplitResult) -> str | None:
        """Return what the addresses of one page have in common; None for a front page."""
        return page_key(parts.geturl())
