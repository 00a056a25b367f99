"""From a page to a record: which values each field takes, and in which order of trust.

Structured data comes first, the printed page is the fallback and the cross-check. What differs
between outlets, and between the layouts of one outlet, is data: ``Layout`` and ``Reader``.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from lxml.etree import _Element
from parsel import Selector
from scrapy.http import HtmlResponse, Response, TextResponse
from scrapy.loader import ItemLoader

from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.processors import (
    author_names,
    caption_and_credit,
    eastern_date,
    iso_date,
    unescape,
    unique,
)
from newscrawl.extraction.story import (
    Entries,
    Noise,
    Story,
    css,
    read_image,
    read_story,
    text_of,
)
from newscrawl.extraction.structured_data import StructuredData, read_structured_data, strings
from newscrawl.extraction.urls import clean_url, image_url
from newscrawl.items import Article, Author, Image, content_hash


class Stats(Protocol):
    """What is needed of Scrapy's stats collector."""

    def inc_value(self, key: str, count: int = 1) -> None:
        """Add ``count`` to the stat ``key``."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One look of an outlet's article pages, in CSS selectors of elements (not of their text).

    A page is of the first layout whose ``article`` matches; the other selectors are looked up
    below that element, only ``headline`` and ``byline`` anywhere on the page: they often stand
    above the article. ``byline`` is the element that prints names and time. ``lead`` is the
    lead picture's ``figure``. An empty selector says that the layout does not print the field.
    ``section_separator`` divides a structured section that names its parent, too.
    """

    name: str
    article: str
    headline: str
    story: str
    byline: str = ""
    section: str = ""
    tags: str = ""
    lead: str = ""
    section_separator: str = ""


def _texts(values: Iterable[str]) -> list[str]:
    return [unescape(value) for value in values]


def _headlines(values: Iterable[str], loader_context: Mapping[str, Any]) -> list[str]:
    reader: Reader = loader_context["reader"]
    return [reader.headline(text) for text in _texts(values)]


def _iso_dates(values: Iterable[str]) -> list[str]:
    return [moment for value in values if (moment := iso_date(value))]


def _dates(values: Iterable[str]) -> list[str]:
    return [moment for value in values if (moment := iso_date(value) or eastern_date(value))]


def _authors(values: list[Any], loader_context: Mapping[str, Any]) -> list[list[Author]]:
    """Turn JSON-LD authors, or elements that hold a byline, into one list of authors."""
    reader: Reader = loader_context["reader"]
    found: dict[str, Author] = {}
    for value in values:
        if isinstance(value, _Element):
            names = author_names("".join(value.itertext()))
            urls = {text_of(link): link.get("href") for link in value.iter("a")}
        else:
            names = [name for text in strings(value) for name in author_names(unescape(text))]
            urls = {name: value.get("url") for name in names} if isinstance(value, dict) else {}
        for name in names:
            url = urls.get(name)
            address = clean_url(url, loader_context["base_url"]) if isinstance(url, str) else None
            author = Author(name, reader.author_url(address) if address else None)
            found.setdefault(name.casefold(), author)
    return [list(found.values())] if found else []


def _first(values: Iterable[str]) -> str | None:
    return next(filter(None, values), None)


def _first_authors(values: list[list[Author]]) -> list[Author]:
    """Return the first list of authors; an address that it lacks comes from the others."""
    urls = {
        author.name: author.url for authors in reversed(values) for author in authors if author.url
    }
    return [Author(it.name, it.url or urls.get(it.name)) for it in next(iter(values), [])]


class ArticleLoader(ItemLoader):
    """Item loader of the record: the processors of each field, for every outlet.

    Its context holds the ``reader`` of the outlet, the page's ``base_url``, and the elements
    ``page`` and ``article``.

    Processors are plain functions of all values of a field: ``MapCompose`` and its like are
    set up anew at every call.
    """

    default_item_class = Article
    default_input_processor = _texts
    default_output_processor = _first

    headline_in = _headlines
    authors_in = _authors
    description_in = section_in = sections_in = tags_in = _texts
    date_published_in = _dates
    date_modified_in = _iso_dates

    headline_out = description_out = section_out = date_published_out = date_modified_out = _first
    authors_out = _first_authors
    sections_out = tags_out = unique

    def count(self, key: str, count: int = 1) -> None:
        """Add to a stat, when there is a crawl that keeps stats."""
        if self.stats is not None:
            self.stats.inc_value(key, count)

    def printed(self, selector: str, scope: str = "article") -> list[_Element]:
        """Return the elements of the ``article``, or of the ``page``, that a selector matches.

        The stat ``parser/css/<selector>`` counts the pages on which it matched, and
        ``newscrawl/unmatched/<selector>`` those on which it did not: a broken one shows.
        """
        if not selector:
            return []
        found: list[_Element] = css(selector)(self.context[scope])
        self.count(f"parser/css/{selector}", 1 if found else 0)
        self.count(f"newscrawl/unmatched/{selector}", 0 if found else 1)
        return found

    def add_checked(self, field: str, structured: Any, printed: Any) -> None:
        """Add structured values, then what the page prints.

        Where both have a value and the two disagree, ``newscrawl/disagree/<field>`` counts it.
        """
        self.add_value(field, structured)
        told = list(self.get_collected_values(field))
        self.add_value(field, printed)
        seen = self.get_collected_values(field)[len(told) :]
        if told and seen and _comparable(told[0]) != _comparable(seen[0]):
            self.count(f"newscrawl/disagree/{field}")


def _comparable(value: Any) -> Any:
    """Return what two values must share to agree: names without order, times to the minute."""
    if isinstance(value, list):
        return {author.name.casefold() for author in value}
    return (iso_date(value) or "")[:16] or value.casefold()


# What a server may send in place of a page; short ones of these Scrapy takes for text.
_MEDIA = ("image/", "audio/", "video/", "font/", "application/pdf", "application/zip")


def parsed(response: Response) -> Selector:
    """Return what ``response.selector`` is; a page in UTF-8 is parsed as it came.

    Scrapy decodes a page and encodes it again for the parser, a third of the parsing's time.
    Raises UnreadableError for what is empty, and for what is no page.
    """
    if not response.body.strip():
        raise UnreadableError("empty answer")
    kind = (response.headers.get("Content-Type") or b"unknown").decode("latin-1").lower()
    if not isinstance(response, TextResponse) or kind.startswith(_MEDIA):
        raise UnreadableError(f"not a page but {kind.partition(';')[0]}")
    if response.encoding == "utf-8" and isinstance(response, HtmlResponse):
        return Selector(body=response.body, encoding="utf-8", type="html")
    return response.selector


@dataclass(frozen=True, slots=True)
class Page:
    """An article as its page gives it, and the structured data that the page had.

    ``unfilled`` says that it is a live page without its entries: JavaScript fills them in.
    """

    article: Article
    data: StructuredData
    unfilled: bool = False


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How an outlet's articles are read: its layouts, and the rules that hold in all of them.

    ``live`` is a CSS selector of what only a live page's story holds, and ``entries`` are what
    JavaScript fills in there.
    ``headline`` and ``author_url`` clean a headline and an author's address, string to string.
    """

    layouts: tuple[Layout, ...]
    noise: Noise
    live: str = ""
    entries: Entries | None = None
    headline: Callable[[str], str] = str
    author_url: Callable[[str], str] = str

    def read_page(self, page: Selector, base_url: str, stats: Stats | None = None) -> Page | None:
        """Return what a page says of its article, or None when there is no article on it.

        Identity, kind and provenance are left to the caller. ``stats`` counts which selectors
        matched, what was left out as noise, and where structured data and page disagree.
        """
        found = ((it, article) for it in self.layouts for article in css(it.article)(page.root))
        layout, element = next(found, (None, None))
        if layout is None:
            return None
        data = read_structured_data(page.root)
        loader = self._loader(base_url, stats, page=page.root, article=element)
        loader.count(f"newscrawl/layout/{layout.name}")
        headline = data.text("headline") or data.meta.get("og:title")
        loader.add_checked(
            "headline", headline, map(text_of, loader.printed(layout.headline, "page"))
        )
        byline = loader.printed(layout.byline, "page")[:1]
        loader.add_checked("authors", data.article.get("author"), byline)
        published = data.text("datePublished") or data.meta.get("article:published_time")
        loader.add_checked("date_published", published, map(text_of, byline))
        modified = data.text("dateModified") or data.meta.get("article:modified_time")
        loader.add_value("date_modified", modified)
        told = (data.text("description"), *map(data.meta.get, ("og:description", "description")))
        loader.add_value("description", next(filter(None, told), None))
        sections = [
            part
            for name in strings(data.article.get("articleSection"))
            for part in _split(name, layout.section_separator)
        ]
        loader.add_checked("section", sections, map(text_of, loader.printed(layout.section)))
        known = [*loader.get_collected_values("section")[:1], *sections]
        loader.add_value("sections", [*known, *strings(data.article.get("genre"))])
        loader.add_value("tags", map(text_of, loader.printed(layout.tags)))
        roots = loader.printed(layout.story)
        lead = _lead(loader.printed(layout.lead), data, base_url)
        story = self._read(loader, roots)
        article = self._finish(loader, roots, story, lead)
        article.language = page.root.get("lang") or page.root.get("xml:lang") or None
        unfilled = bool(self.entries and article.kind == "live" and not story.entries)
        return Page(article, data, unfilled)

    def read_post(
        self,
        post: Mapping[str, Any],
        base_url: str,
        stats: Stats | None = None,
        authors: Sequence[Author] = (),
    ) -> Article:
        """Return what a post of WordPress' REST interface says of its article.

        ``base_url`` is the article's address; of the sections the one that stands in it is the
        primary one. Times are UTC without saying so. A post names no ``authors``: they come from
        elsewhere. The names of sections and tags, and the lead picture, are ``_embedded``.
        """
        loader = self._loader(base_url, stats)
        title = _rendered(post, "title")
        loader.add_value("headline", text_of(_fragment(title)) if "<" in title else title)
        if excerpt := _rendered(post, "excerpt").strip():
            loader.add_value("description", _summary(_fragment(excerpt)))
        for field, key in (("date_published", "date_gmt"), ("date_modified", "modified_gmt")):
            if isinstance(post.get(key), str):
                loader.add_value(field, f"{post[key]}+00:00")
        sections, tags = _terms(post)
        folder = urlsplit(base_url).path.rstrip("/").split("/")[-2:-1]
        primary = [name for slug, name in sections if [slug] == folder]
        names = [*primary, *(name for _, name in sections)]
        loader.add_value("section", names[:1])
        loader.add_value("sections", names)
        loader.add_value("tags", [name for _, name in tags])
        markup = _rendered(post, "content")
        roots = [_fragment(markup)] if markup.strip() else []
        story = self._read(loader, roots)
        return self._finish(loader, roots, story, _featured(post, base_url), authors)

    def _loader(self, base_url: str, stats: Stats | None, **scopes: _Element) -> ArticleLoader:
        return ArticleLoader(stats=stats, reader=self, base_url=base_url, **scopes)

    def _read(self, loader: ArticleLoader, roots: list[_Element]) -> Story:
        story = read_story(roots, loader.context["base_url"], self.noise, self.entries)
        for rule, count in story.noise.items():
            loader.count(f"newscrawl/noise/{rule}", count)
        return story

    def _finish(
        self,
        loader: ArticleLoader,
        roots: list[_Element],
        story: Story,
        lead: Iterable[Image],
        authors: Sequence[Author] = (),
    ) -> Article:
        images = {image.url: image for image in reversed([*lead, *story.images])}
        article: Article = loader.load_item()
        article.images = list(reversed(images.values()))
        article.links = story.links
        article.authors = article.authors or list(authors)
        article.body = story.text
        if self.live and any(css(self.live)(root) for root in roots):
            article.kind = "live"
        article.word_count = len((article.body or "").split())
        article.content_hash = content_hash(article)
        return article


def _split(text: str, separator: str) -> list[str]:
    """Return the parts of a section's name, the narrowest first."""
    return text.split(separator)[::-1] if separator else [text]


def _rendered(post: Mapping[str, Any], key: str) -> str:
    value = post.get(key)
    text = value.get("rendered") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _fragment(markup: str) -> _Element:
    root: _Element = Selector(text=markup, type="html").root
    return root


# What WordPress puts where it has cut an excerpt off; the link is a theme's.
_CUT = re.compile(r"\s*\[?(?:…|\.\.\.)\]?$")
_CUT_IN_BRACKETS = re.compile(r"\s*\[(?:…|\.\.\.)\]$")


def _summary(excerpt: _Element) -> str:
    """Return the text of an excerpt, without the signs and the link that WordPress ends it with."""
    cut = _CUT_IN_BRACKETS
    for link in list(excerpt.iter("a")):
        if text_of(link).casefold().startswith(("continue reading", "read more")):
            link.clear()
            cut = _CUT
    return cut.sub("", text_of(excerpt))


def _embedded(post: Mapping[str, Any], key: str) -> list[Any]:
    embedded = post.get("_embedded")
    found = embedded.get(key) if isinstance(embedded, dict) else None
    return found if isinstance(found, list) else []


def _terms(post: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return slug and name of a post's sections, and of its tags."""
    found: dict[str, list[tuple[str, str]]] = {"category": [], "post_tag": []}
    for group in _embedded(post, "wp:term"):
        for term in group if isinstance(group, list) else ():
            if isinstance(term, dict) and isinstance(term.get("name"), str):
                named = (str(term.get("slug")), unescape(term["name"]))
                found.setdefault(str(term.get("taxonomy")), []).append(named)
    return found["category"], found["post_tag"]


def _featured(post: Mapping[str, Any], base_url: str) -> Iterator[Image]:
    """Yield a post's lead picture."""
    for media in _embedded(post, "wp:featuredmedia"):
        url = media.get("source_url") if isinstance(media, dict) else None
        if isinstance(url, str) and (address := image_url(url, base_url)):
            caption = _rendered(media, "caption")
            text = text_of(_fragment(caption)) if caption.strip() else None
            yield Image(address, *caption_and_credit(text))


def _lead(figures: Iterable[_Element], data: StructuredData, base_url: str) -> list[Image]:
    """Return the lead picture: as the page prints it, else as structured data names it."""
    for figure in figures:
        printed = " ".join(map(text_of, figure.iter("figcaption")))
        for element in figure.iter("img"):
            if image := read_image(element, printed, base_url):
                return [image]
    structured = data.article.get("image")
    named = structured[0] if isinstance(structured, list) and structured else structured
    for url in (*strings(structured, "url"), data.meta.get("og:image", "")):
        if address := image_url(url, base_url) if url else None:
            text = named.get("name") or named.get("caption") if isinstance(named, dict) else None
            printed = unescape(text) if isinstance(text, str) else ""
            return [Image(address, *caption_and_credit(printed))]
    return []
