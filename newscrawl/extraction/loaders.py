"""From a page to a record: which values each field takes, and in which order of trust.

Structured data comes first, the printed page is the fallback and the cross-check. What differs
between outlets, and between the layouts of one outlet, is data: ``Layout`` and ``Reader``.
"""

import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from cssselect import SelectorError
from lxml.etree import _Element
from parsel import Selector
from scrapy.http import Response, TextResponse
from scrapy.loader import ItemLoader

from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extraction.dates import iso_date
from newscrawl.extraction.fields import check_order
from newscrawl.extraction.markup import (
    css,
    is_cut,
    is_too_deep,
    outermost,
    parse,
    parse_page,
    text_of,
)
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.page_fields import PageFields
from newscrawl.extraction.posts import embedded_list, post_date
from newscrawl.extraction.processors import caption_and_credit, language_tag, unescape, unique
from newscrawl.extraction.story import Entries, Figures, Story, read_story
from newscrawl.extraction.structured_data import (
    Identity,
    StructuredData,
    read_structured_data,
    strings,
)
from newscrawl.extraction.text import count_words
from newscrawl.extraction.urls import absolute_url, image_url, page_key
from newscrawl.items import Article, Author, Image, content_hash

_PICTURES = ("og:image", "og:image:secure_url", "og:image:url", "twitter:image")
_UTC = ZoneInfo("UTC")
_PAGE_LINKS = ".page-links a, a.post-page-numbers"
_PAGE_NUMBER = re.compile(r"(?:/|[?&](?:page|paged)=)(?:[2-9]|[1-9]\d+)/?$")


class Stats(Protocol):
    """What is needed of Scrapy's stats collector."""

    def inc_value(self, key: str, count: int = 1) -> None:
        """Add ``count`` to the stat ``key``."""


class PageStats(Counter[str]):
    """Stats of pages that are read without a crawl."""

    def inc_value(self, key: str, count: int = 1) -> None:
        """Add ``count`` to the stat ``key``."""
        self[key] += count


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One look of an outlet's article pages, in CSS selectors of elements (not of their text).

    A page is of the first layout whose ``article`` matches; the other selectors are looked up
    below that element, only ``headline``, ``byline``, ``dateline`` and ``author`` anywhere on the
    page: they often stand above the article. ``byline`` is the element that prints names and time,
    ``dateline`` the one that prints the time if it is another; ``author`` are elements that print
    names alone, if the page has them. ``lead`` are figures before the story, and ``lead_caption``
    is the caption of a lead picture without figure. ``paywall`` is what only a page has that needs
    a subscription. An empty selector says that the layout does not print the field.
    ``section_separator`` divides a structured section that names its parent, too.
    """

    name: str
    article: str
    headline: str
    story: str
    description: str = ""
    byline: str = ""
    dateline: str = ""
    author: str = ""
    section: str = ""
    tags: str = ""
    lead: str = ""
    lead_caption: str = ""
    section_separator: str = ""
    paywall: str = ""

    def check(self) -> None:
        """Raise ArgumentError, one sentence, for a selector that is not CSS."""
        for name, selector in vars(self).items():
            if name in ("name", "section_separator") or not selector:
                continue
            try:
                css(selector)
            except SelectorError as error:
                raise ArgumentError(
                    f"The selector {selector!r} ({name} of layout {self.name!r}) is not CSS:"
                    f" {error}."
                ) from None


def _valid(values: Iterable[str | None]) -> list[str]:
    """Return the first valid one of values; what stands behind it is not even cleaned."""
    return list(islice(filter(None, values), 1))


def _headline(values: Iterable[str], loader_context: Mapping[str, Any]) -> list[str]:
    reader: Reader = loader_context["reader"]
    return _valid(reader.headline(unescape(value)) for value in values)


def _text(values: Iterable[str]) -> list[str]:
    return _valid(map(unescape, values))


def _texts(values: Iterable[str]) -> list[str]:
    return list(map(unescape, values))


def _date(values: Iterable[str]) -> list[str]:
    return _valid(map(iso_date, values))


def _language(values: Iterable[str]) -> list[str]:
    return _valid(map(language_tag, values))


def _first(values: Sequence[str]) -> str:
    return values[0]


class ArticleLoader(ItemLoader):
    """Item loader of the record: the processors of each field, for every outlet.

    Its context holds the ``reader`` of the outlet, the page's ``base_url``, and the elements
    ``page`` and ``article``.

    Processors are plain functions of all values of a field: ``MapCompose`` and its like are
    set up again at every call. Where a field has one value, the first valid one is taken.
    """

    default_item_class = Article

    headline_in = _headline
    description_in = section_in = _text
    sections_in = tags_in = _texts
    date_published_in = date_modified_in = _date
    language_in = _language

    headline_out = description_out = section_out = _first
    date_published_out = date_modified_out = language_out = _first
    sections_out = tags_out = unique

    def load_item(self) -> Article:
        """Return the article; it is a dataclass, and its fields need no adapter."""
        for name in self._values:
            setattr(self.item, name, self.get_output_value(name))
        article: Article = self.item
        return article

    def count(self, key: str, count: int = 1) -> None:
        """Add to a stat, when there is a crawl that keeps stats."""
        if self.stats is not None:
            self.stats.inc_value(key, count)

    def printed(self, selector: str, scope: str = "article") -> list[_Element]:
        """Return the elements of the ``article``, or of the ``page``, that a selector matches.

        One inside another is left out: the outer one's text holds its own.
        The stat ``parser/css/<selector>`` counts the pages on which it matched, and
        ``newscrawl/unmatched/<selector>`` those on which it did not: a broken one shows.
        """
        if not selector:
            return []
        found: list[_Element] = css(selector)(self.context[scope])
        self.count(f"parser/css/{selector}", 1 if found else 0)
        self.count(f"newscrawl/unmatched/{selector}", 0 if found else 1)
        return outermost(found)

    def texts(self, selector: str) -> Iterator[str]:
        """Yield the texts of what ``printed`` returns, looked up when the first one is read."""
        yield from map(text_of, self.printed(selector))

    def add_checked(self, field: str, structured: Any, printed: Any) -> None:
        """Add structured values, then what the page prints.

        Where both have a value and the two disagree, ``newscrawl/disagree/<field>`` counts it;
        without stats, what the page prints is not even read where structured data has a value.
        """
        self.add_value(field, structured)
        told = list(self.get_collected_values(field))
        if told and self.stats is None:
            return
        self.add_value(field, printed)
        seen = self.get_collected_values(field)[len(told) :]
        # Times agree to the minute, texts but for capitals.
        to = 16 if field.startswith("date") else None
        if told and seen and told[0][:to].casefold() != seen[0][:to].casefold():
            self.count(f"newscrawl/disagree/{field}")


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
    return parse_page(response.body, lambda: response.encoding)


@dataclass(frozen=True, slots=True)
class Page:
    """An article as its page gives it, and the structured data that the page had.

    ``unfilled`` says that it is a live page without its entries: JavaScript fills them in.
    ``further`` are the addresses of the other pages of an article that is divided into several.
    """

    article: Article
    data: StructuredData
    unfilled: bool = False
    further: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reader:
    """How an outlet's articles are read: its layouts, and the rules that hold in all of them.

    ``zone`` is that of printed times that name none, ``language`` a BCP 47 tag: the language of
    the bylines of pages that declare none.
    ``order`` names the sources of a field, the most trusted one first, where they differ from
    ``fields.ORDER``. An order of ``section`` holds for ``sections``, too.
    ``tag`` is a regular expression that a whole tag matches; its first group, if there is one, is
    the tag.
    ``figures`` are marks of figures, captions and credits beside those of HTML.
    ``live`` is a CSS selector of what only a live page's story holds, and ``entries`` are what
    JavaScript fills in there.
    ``headline``, ``author`` and ``author_url`` clean a headline, an author's name and address,
    string to string. A name that becomes empty is none.
    """

    layouts: tuple[Layout, ...]
    noise: Noise
    zone: ZoneInfo = _UTC
    language: str = ""
    live: str = ""
    entries: Entries | None = None
    headline: Callable[[str], str] = str
    author: Callable[[str], str] = str
    author_url: Callable[[str], str] = str
    order: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    tag: str = ""
    figures: Figures | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for an unknown field or source in ``order``."""
        check_order(self.order)

    def read_page(
        self,
        page: Selector,
        url: str,
        stats: Stats | None = None,
        identity: Identity = page_key,
    ) -> Page | None:
        """Return what a page says of its article, or None when there is no article on it.

        ``url`` is the page's address, and ``identity`` tells one article's addresses from
        another's. Identity, kind and provenance are left to the caller. ``stats`` counts which
        selectors matched, what was left out as noise, and where structured data and page disagree.
        """
        found = ((it, article) for it in self.layouts for article in css(it.article)(page.root))
        layout, element = next(found, (None, None))
        if layout is None or element is None:
            return None
        base_url = base_of(page.root, url)
        loader = self._loader(base_url, stats, page=page.root, article=element)
        loader.count(f"newscrawl/layout/{layout.name}")
        titles = list(map(text_of, loader.printed(layout.headline, "page")))
        data = read_structured_data(page.root, url, identity, next(iter(titles), ""))
        loader.add_value("language", filter(None, languages_of(element, data)))
        authors, precision = PageFields(self, layout, loader, data).add(titles)
        roots = loader.printed(layout.story)
        # A whole page is no element that must have an end tag.
        if any(map(is_cut, roots if element.tag == "body" else [element])):
            raise UnreadableError("cut short")
        figures, captions = map(loader.printed, (layout.lead, layout.lead_caption))
        lead = self._lead(figures, data, base_url, captions)
        story = self._read(loader, roots, lambda link: identity(link) in data.here)
        article = self._finish(loader, roots, story, lead, authors)
        article.date_precision, article.accessible = precision, data.accessible
        if article.accessible is None and loader.printed(layout.paywall):
            article.accessible = False
        article.extraction = layout.name
        unfilled = bool(self.entries and article.kind == "live" and not story.entries)
        return Page(article, data, unfilled, _further(roots, base_url, data))

    def _lead(
        self,
        figures: Sequence[_Element],
        data: StructuredData,
        base_url: str,
        captions: Sequence[_Element] = (),
    ) -> list[Image]:
        """Return the lead pictures as the page prints them, else the one of structured data."""
        if figures and (
            images := read_story(figures, base_url, self.noise, figures=self.figures).images
        ):
            for element in captions[:1]:
                caption, credit = caption_and_credit(text_of(element))
                images[0] = Image(images[0].url, caption, credit)
            return images
        structured = [
            data.resolved(entry)
            for article in data.articles
            for entry in _listed(article.get("image"))
        ]
        for entry in (*structured, *data.metas(*_PICTURES)):
            named = entry if isinstance(entry, dict) else {}
            urls = (url for key in ("url", "contentUrl") for url in _urls(entry, key))
            if address := next(filter(None, (image_url(url, base_url) for url in urls)), None):
                told = (it for key in ("caption", "name") for it in strings(named.get(key)))
                caption, credit = caption_and_credit(unescape(next(told, "")))
                by = (it for key in ("creditText", "author") for it in strings(named.get(key)))
                said = unescape(next(by, ""))
                return [Image(address, caption, credit or said or None)]
        return []

    def read_post(
        self,
        post: Mapping[str, Any],
        base_url: str,
        stats: Stats | None = None,
        authors: Sequence[Author] = (),
    ) -> Article:
        """Return what a post of WordPress' REST interface says of its article.

        ``base_url`` is the article's address; of the sections the one that stands in it is the
        primary one. A post names no ``authors``: they come from elsewhere. The names of sections
        and tags, and the lead picture, are ``_embedded``.
        """
        loader = self._loader(base_url, stats)
        title = _rendered(post, "title")
        loader.add_value("headline", text_of(_fragment(title)) if "<" in title else title)
        if excerpt := _rendered(post, "excerpt").strip():
            loader.add_value("description", _summary(_fragment(excerpt)))
        for field, key in (("date_published", "date"), ("date_modified", "modified")):
            loader.add_value(field, post_date(post, key, self.zone))
        sections, tags = _terms(post)
        folder = urlsplit(base_url).path.rstrip("/").split("/")[-2:-1]
        primary = [name for slug, name in sections if [slug] == folder]
        names = [*primary, *(name for _, name in sections)]
        loader.add_value("section", names[:1])
        loader.add_value("sections", names)
        loader.add_value("tags", [name for _, name in tags])
        markup = _rendered(post, "content")
        roots = [_fragment(markup)] if markup.strip() else []
        story = self._read(loader, roots, lambda link: page_key(link) == page_key(base_url))
        article = self._finish(loader, roots, story, _featured(post, base_url), authors)
        article.extraction = "post"
        return article

    def _loader(self, base_url: str, stats: Stats | None, **scopes: _Element) -> ArticleLoader:
        return ArticleLoader(stats=stats, reader=self, base_url=base_url, **scopes)

    def _read(
        self, loader: ArticleLoader, roots: list[_Element], is_here: Callable[[str], bool]
    ) -> Story:
        if any(map(is_too_deep, roots)):
            raise UnreadableError("nested too deep")
        base_url = loader.context["base_url"]
        story = read_story(roots, base_url, self.noise, self.entries, is_here, self.figures)
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
        images: dict[str, Image] = {}
        for image in (*lead, *story.images):
            first = images.setdefault(image.url, image)
            # The lead picture may stand in the story again, with its caption.
            if first.caption is None and first.credit is None:
                images[image.url] = image
        article = loader.load_item()
        article.images = list(images.values())
        article.links = story.links
        article.authors = list(authors)
        article.body = story.text
        if self.live and any(css(self.live)(root) for root in roots):
            article.kind = "live"
        _measure(article)
        return article


def joined(first: Article, rest: Sequence[Article]) -> Article:
    """Return the article of several pages: the first one, with the stories of the others."""
    if rest:
        pages = (first, *rest)
        first.body = "\n\n".join(page.body for page in pages if page.body) or None
        images = {image.url: image for page in reversed(pages) for image in reversed(page.images)}
        first.images = list(reversed(images.values()))
        first.links = list(dict.fromkeys(link for page in pages for link in page.links))
        _measure(first)
    return first


def _measure(article: Article) -> None:
    article.word_count = count_words(article.body or "")
    article.content_hash = content_hash(article)


def _rendered(post: Mapping[str, Any], key: str) -> str:
    value = post.get(key)
    text = value.get("rendered") if isinstance(value, dict) else value
    return text if isinstance(text, str) else ""


def _fragment(markup: str) -> _Element:
    root: _Element = parse(markup).root
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


def _terms(post: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return slug and name of a post's sections, and of its tags."""
    found: dict[str, list[tuple[str, str]]] = {"category": [], "post_tag": []}
    for group in embedded_list(post, "wp:term"):
        for term in group if isinstance(group, list) else ():
            if isinstance(term, dict) and isinstance(term.get("name"), str):
                named = (str(term.get("slug")), unescape(term["name"]))
                found.setdefault(str(term.get("taxonomy")), []).append(named)
    return found["category"], found["post_tag"]


def _featured(post: Mapping[str, Any], base_url: str) -> Iterator[Image]:
    """Yield a post's lead picture."""
    for media in embedded_list(post, "wp:featuredmedia"):
        url = media.get("source_url") if isinstance(media, dict) else None
        if isinstance(url, str) and (address := image_url(url, base_url)):
            caption = _rendered(media, "caption")
            text = text_of(_fragment(caption)) if caption.strip() else None
            yield Image(address, *caption_and_credit(text))


def _urls(value: Any, key: str) -> Iterator[str]:
    """Yield the addresses in a picture's entry: strings, or objects of their own."""
    yield from strings(value, key)
    if isinstance(value, dict):
        yield from strings(value.get(key), "@id")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def base_of(root: _Element, url: str) -> str:
    """Return the address that a page's relative addresses belong to."""
    element = next(root.iter("base"), None)
    return (absolute_url(element.get("href", ""), url) if element is not None else None) or url


def languages_of(article: _Element, data: StructuredData) -> Iterator[str]:
    """Yield what a page declares as its language, the article's own element first."""
    for element in (article, *article.iterancestors()):
        for name in ("lang", "xml:lang"):
            yield element.get(name, "")
    for found in data.articles:
        yield from strings(found.get("inLanguage"), "alternateName")
    yield from data.metas(
        "og:locale", "dc.language", "dcterms.language", "language", "content-language"
    )


def _further(roots: Iterable[_Element], base_url: str, data: StructuredData) -> tuple[str, ...]:
    """Return the addresses of the other pages that an article is divided into (WordPress)."""
    links = [
        url
        for root in roots
        for link in css(_PAGE_LINKS)(root)
        if (url := absolute_url(link.get("href", ""), base_url)) and _PAGE_NUMBER.search(url)
    ]
    starts = tuple(address.partition("?")[0].rstrip("/") for address in data.addresses)
    return tuple(dict.fromkeys(url for url in links if url.startswith(starts)))
