"""The keys of a row of ``outlets.toml``: tables of which checks and the reference are made."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from difflib import get_close_matches
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cssselect import SelectorError

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.base_spiders.nexstar import NexstarSpider
from newscrawl.base_spiders.wordpress import WordPressSpider
from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.options import Kind, unknown, wrong
from newscrawl.extraction.fields import check_order
from newscrawl.extraction.markup import css
from newscrawl.extraction.processors import language_tag
from newscrawl.extraction.sources import Feed, Listings, NewsSitemap, Sitemap, Source, WordPress
from newscrawl.items import KINDS

PLATFORMS: Mapping[str, type[ArticleSpider]] = {
    "nexstar": NexstarSpider,
    "wordpress": WordPressSpider,
}
"""The bases of outlets that the same software publishes."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a row, of a source, or of ``selectors``: its kind of value and its meaning."""

    name: str
    kind: Kind
    meaning: str
    example: str
    is_required: bool = False

    def read(self, value: object, path: str = "") -> Any:
        """Return the typed value; ``path`` is before the key's name. Raises ArgumentError."""
        try:
            return self.kind.read(value)
        except ArgumentError:
            raise
        except (ValueError, TypeError, SelectorError) as error:
            allowed = self.kind.allowed + (f" ({error})" if str(error) else "")
            raise wrong(path + self.name, _shown(value), allowed) from None


def read_keys(values: Mapping[str, object], keys: Sequence[Key], path: str = "") -> dict[str, Any]:
    """Return the typed values of a table with ``keys``. Raises ArgumentError."""
    known = {path + it.name: it for it in keys}
    for name in values:
        if path + name not in known:
            raise unknown("key", path + name, known, path)
    return {name: known[path + name].read(value, path) for name, value in values.items()}


def _shown(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _list(read: Callable[[object], Any]) -> Callable[[object], tuple[Any, ...]]:
    """Return a reader of a list whose values ``read`` reads."""

    def values(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError
        return tuple(map(read, value))

    return values


_HOST = re.compile(r"(?!-)[a-z\d-]+(?:\.[a-z\d-]+)+", re.ASCII)


def _host(value: object) -> str:
    host = _text(value)
    if not _HOST.fullmatch(host):
        raise ValueError
    return host


def _zone(value: object) -> ZoneInfo:
    name = _text(value)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        meant = get_close_matches(name, sorted(available_timezones()), n=1, cutoff=0.7)
        raise ValueError(f"did you mean {meant[0]!r}?" if meant else "") from None


def _language(value: object) -> str:
    if language_tag(_text(value)) != value:
        raise ValueError
    return _text(value)


def _country(value: object) -> str:
    if not re.fullmatch("[A-Z]{2}", _text(value)):
        raise ValueError
    return _text(value)


def _expression(value: object) -> str:
    try:
        re.compile(_text(value))
    except re.error as error:
        raise ValueError(str(error)) from None
    return _text(value)


def _title(value: object) -> str:
    if '"' in _text(value):
        raise ValueError
    return _text(value)


def _order(value: object) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise ValueError
    order = {field: _list(_text)(sources) for field, sources in value.items()}
    check_order(order)
    return order


def _kinds(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not set(value) <= set(KINDS):
        raise ValueError
    return {kind: _expression(rule) for kind, rule in value.items()}


def _selector(value: object) -> str:
    css(_text(value))
    return _text(value)


def _address(value: object) -> str:
    """Return a path, or an absolute address."""
    parts = urlsplit(_text(value))
    if not (parts.hostname and parts.scheme in ("http", "https")) and not (
        not parts.scheme and not parts.netloc and _text(value).startswith("/")
    ):
        raise ValueError
    return _text(value)


def _path(value: object) -> str:
    path = _text(value)
    if path.startswith("/") or "://" in path:
        raise ValueError
    return path


def _day(value: object) -> str:
    """Return the format of a day's address. It gives another address for another day."""
    text = _address(value)
    if text.format(date(2026, 1, 2)) == text.format(date(2025, 11, 30)):
        raise ValueError
    return text


def _word(*allowed: str) -> Kind:
    def read(value: object) -> str:
        if value not in allowed:
            meant = get_close_matches(str(value), allowed, n=1, cutoff=0.7)
            raise ValueError(f"did you mean {meant[0]!r}?" if meant else "")
        return str(value)

    return Kind(f"one of {', '.join(allowed)}", read)


_TEXT = Kind("a text", _text)
_HOSTS = Kind("a list of host names", _list(_host))
_ADDRESS = Kind("a path such as /feed/, or an address with https://", _address)
_SELECTOR = Kind("a CSS selector", _selector)
_SELECTORS = Kind("a list of CSS selectors", _list(_selector))
_TEXTS = Kind("a list of texts", _list(_text))
_TITLES = Kind("a list of texts without quotation marks", _list(_title))
_EXPRESSION = Kind("a regular expression", _expression)


@dataclass(frozen=True, slots=True)
class SourceKeys:
    """The keys of one kind of source. The first key says what kind the source is."""

    make: type[Source]
    keys: tuple[Key, ...]

    def read(self, entry: Mapping[str, Any]) -> Source:
        """Return the source. Raises ArgumentError."""
        values = read_keys(entry, self.keys, "sources.")
        values[fields(self.make)[0].name] = values.pop(self.keys[0].name)
        return self.make(**values)


SOURCES = (
    SourceKeys(Feed, (Key("feed", _ADDRESS, "A feed, RSS or Atom.", '{ feed = "/feed/" }'),)),
    SourceKeys(
        Sitemap,
        (
            Key(
                "sitemap",
                _ADDRESS,
                "An index of sitemaps, or one file.",
                '{ sitemap = "/sitemap.xml" }',
            ),
            Key(
                "day",
                Kind("the address of a day's file, with the date as {0:%Y-%m-%d}", _day),
                "The form of the addresses of sitemaps of one day.",
                '{ sitemap = "/sitemap.xml", day = "/sitemap-{0:%Y-%m-%d}.xml" }',
            ),
        ),
    ),
    SourceKeys(
        NewsSitemap,
        (
            Key(
                "news_sitemap",
                _ADDRESS,
                "The sitemap of the news of two days.",
                '{ news_sitemap = "/news-sitemap.xml" }',
            ),
        ),
    ),
    SourceKeys(
        WordPress,
        (
            Key(
                "wordpress",
                _ADDRESS,
                "The REST interface of WordPress. One at most.",
                '{ wordpress = "/wp-json/wp/v2" }',
            ),
        ),
    ),
    SourceKeys(
        Listings,
        (
            Key(
                "listings",
                Kind("a list of paths without the first slash, such as news/", _list(_path)),
                "Pages that link to articles. One list at most.",
                '{ listings = ["news/", "sport/"], front = "news/" }',
            ),
            Key("front", Kind("one of the paths", _path), "The listing of all articles.", "news/"),
            Key("items", _SELECTOR, "Elements of a listing's own articles.", "article.teaser"),
            Key("links", _SELECTOR, "Links of an article to its sections and tags.", "a.kicker"),
            Key("next_page", _SELECTOR, "The link to a listing's next page.", "a.next"),
        ),
    ),
)
"""The kinds of sources, and their keys."""


def _source(value: object) -> Source:
    if not isinstance(value, dict):
        raise ValueError
    for kind in SOURCES:
        if kind.keys[0].name in value:
            return kind.read(value)
    names = [f"sources.{it.keys[0].name}" for it in SOURCES]
    raise unknown("kind of source", f"sources.{next(iter(value), '')}", names, "sources.")


SELECTORS = (
    Key("article", _SELECTOR, "The element of the article; no other page has it.", "main article"),
    Key("headline", _SELECTOR, "The headline.", "h1"),
    Key("story", _SELECTOR, "The element or elements of the text.", "div.story"),
    Key("description", _SELECTOR, "The standfirst.", "p.standfirst"),
    Key("byline", _SELECTOR, "The element that prints names and time.", "p.byline"),
    Key("dateline", _SELECTOR, "The element that prints the time, if it is another.", "p.time"),
    Key("author", _SELECTOR, "The authors, one an element.", "a.author"),
    Key("section", _SELECTOR, "The primary section.", "a.kicker"),
    Key("tags", _SELECTOR, "The tags, one an element.", "ul.tags a"),
    Key("lead", _SELECTOR, "The figure of the lead picture.", "figure.lead"),
    Key("lead_caption", _SELECTOR, "Its caption, if it is elsewhere.", "p.caption"),
    Key("paywall", _SELECTOR, "What only pages for subscribers have.", "div.paywall"),
    Key("section_separator", _TEXT, "Divides a section from its parent in metadata.", " - "),
    Key("noise", _SELECTORS, "Elements inside the text that are not part of it.", '["aside"]'),
    Key(
        "texts",
        _TEXTS,
        "Whole paragraphs that are not part of the text; with … the beginning of some.",
        '["Advertisement"]',
    ),
    Key("boxes", _TITLES, "Titles of boxes of links inside the text.", '["Related"]'),
    Key(
        "tag",
        _EXPRESSION,
        "Matches a whole tag; the first group, if there is one, is the tag.",
        "topic: (.*)",
    ),
    Key(
        "order",
        Kind("a table of fields, each with a list of sources", _order),
        "Sources of a field, the most trusted first: `data`, `meta`, `meta:NAME`, `printed`, and"
        " for times `marked` and `microdata`, for sections `breadcrumbs`.",
        '{ headline = ["printed", "data"] }',
    ),
)
"""The keys of ``selectors``."""


def _selectors(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return read_keys(value, SELECTORS, "selectors.")


KEYS = (
    Key("title", _TEXT, "The outlet's name as people know it.", "The Gazette", is_required=True),
    Key(
        "host",
        Kind("a host name, such as www.gazette.example", _host),
        "The host of canonical addresses. With and without `www.` is the same host.",
        "www.gazette.example",
        is_required=True,
    ),
    Key(
        "platform",
        _word(*PLATFORMS),
        "Software with which the site is published. A platform has sources, addresses of articles"
        " and more, which the row may state otherwise.",
        "wordpress",
    ),
    Key(
        "zone",
        Kind("a time zone of IANA, such as America/New_York", _zone),
        "The time zone of the outlet's days, and of printed times that name none.",
        "Europe/Berlin",
        is_required=True,
    ),
    Key(
        "language",
        Kind("a language tag of BCP 47, such as en-US", _language),
        "The language of articles that name none.",
        "de",
        is_required=True,
    ),
    Key(
        "country",
        Kind("a country code of ISO 3166, such as US", _country),
        "The country whose holidays the outlet keeps.",
        "DE",
    ),
    Key(
        "article",
        _EXPRESSION,
        "Matches the whole path of every article's address. Its group `id` is the identity.",
        r"/\w+/.*-(?P<id>\d+)\.html",
        is_required=True,
    ),
    Key(
        "identity",
        _word("address", "page", "canonical"),
        "What identifies an article: the group `id` of `article`, the number of WordPress that the"
        " page names, or the canonical address. Default: `address` if there is a group `id`, else"
        " `page` if WordPress is a source, else `canonical`.",
        "page",
    ),
    Key(
        "sources",
        Kind("a list of sources, such as [{ feed = '/feed/' }]", _list(_source)),
        "Where the outlet lists its articles. The keys of sources are below.",
        '[{ feed = "/feed/" }, { news_sitemap = "/news.xml" }]',
        is_required=True,
    ),
    Key(
        "aliases",
        _HOSTS,
        "Hosts with the same articles at the same paths.",
        '["m.gazette.example"]',
    ),
    Key("hosts", _HOSTS, "Further hosts, with articles of their own.", '["sport.gazette.example"]'),
    Key("scheme", _word("https", "http"), "`http` for a site that has nothing else.", "http"),
    Key(
        "kinds",
        Kind(f"a table of regular expressions; its keys are of {', '.join(KINDS)}", _kinds),
        "Rules for the kind of articles whose page declares no kind other than news. An expression"
        " matches the whole path, or the name of one of the article's sections.",
        '{ opinion = "/comment/.*", sponsored = "Partners" }',
    ),
    Key(
        "selectors",
        Kind("a table of selectors", _selectors),
        "Where the fields are on a page. Without selectors and platform `generic` reads the pages.",
        '{ article = "main", headline = "h1", story = "div.story" }',
    ),
    Key(
        "fallback",
        _word("generic"),
        "Reads pages that no selectors match, so that the crawl goes on until these are corrected.",
        "generic",
    ),
    Key(
        "checked",
        _TEXT,
        "What the extraction was checked on.",
        "three pages saved on 2026-11-20, never live",
    ),
)
"""The keys of a row."""
