"""Survey: what saved pages of one site declare of their outlet."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import tldextract
from babel.core import get_global
from lxml.etree import _Element

from newscrawl.base_spiders.outlet_keys import PLATFORMS
from newscrawl.base_spiders.saved_page import decoded
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.extraction.loaders import Layout, base_of
from newscrawl.extraction.markup import css, parse_page
from newscrawl.extraction.processors import unescape
from newscrawl.extraction.sources import Feed, Source
from newscrawl.extraction.structured_data import StructuredData, strings, types
from newscrawl.extraction.urls import absolute_url, clean_url
from newscrawl.items import Article
from newscrawl.workbench.addresses import propose
from newscrawl.workbench.pages import SavedPage

_FEED = re.compile(r"application/(?:rss|atom|rdf)\+xml", re.I)
_COMMENTS = re.compile(r"comment|kommentar", re.I)
_OFFSET = re.compile(r"[+-]\d\d:?\d\d$")
_REST = "https://api.w.org/"
_NAME = re.compile(r"[^a-z0-9]+")
# Bundled lists of public suffixes only: nothing is downloaded.
_SUFFIXES = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())


@dataclass(frozen=True)
class Read:
    """A page as ``generic`` reads it: its tree, structured data and article."""

    page: SavedPage
    root: _Element
    data: StructuredData
    article: Article


@dataclass(frozen=True)
class Survey:
    """The facts of an outlet, as its pages declare them.

    ``notes`` are sentences on what was found or is missing, for the person who adds the outlet.
    """

    name: str
    title: str
    host: str
    scheme: str
    language: str
    zone: str
    country: str
    platform: str
    article: str
    sources: tuple[Source, ...]
    rest: bool
    reads: Sequence[Read]
    notes: list[str] = field(default_factory=list)

    @property
    def urls(self) -> list[str]:
        """The addresses of the pages, without tracking."""
        return [clean_url(it.page.url) or it.page.url for it in self.reads]


def read(page: SavedPage) -> Read:
    """Return a page as ``generic`` reads it. Raises ArgumentError for a page without article."""
    if page.is_post:
        raise ArgumentError(f"{page.place} is a post of REST: give the article's page.")
    site = Generic()
    candidate = site.find_candidate(page.url)
    if candidate is None:
        raise ArgumentError(f"{page.url} is the address of a front page, not of an article.")
    selector = parse_page(decoded(page.body))
    try:
        found = site.read_article(selector, page.url, candidate)
    except UnreadableError as error:
        raise ArgumentError(f"{page.place} has no article that can be read: {error}.") from None
    article = found.article
    missing = [it for it in ("headline", "date_published", "body") if not getattr(article, it)]
    if missing:
        words = ", ".join(it.replace("_", " ") for it in missing)
        raise ArgumentError(f"{page.place} has no article that can be read: no {words}.")
    return Read(page, selector.root, found.data, article)


def survey(pages: Sequence[SavedPage]) -> Survey:
    """Return what pages of one site declare. Raises ArgumentError for pages of several sites."""
    reads = list(map(read, pages))
    hosts = list(dict.fromkeys(urlsplit(it.page.url).hostname or "" for it in reads))
    sites = set(map(_site, hosts))
    if len(sites) > 1:
        raise ArgumentError(f"The pages are of several sites: {', '.join(sorted(sites))}.")
    if len(hosts) > 1:
        raise ArgumentError(f"The pages are of several hosts: {', '.join(hosts)}. Give one's.")
    notes: list[str] = []
    language = _most(it.article.language for it in reads) or "en"
    if not any(it.article.language for it in reads):
        notes.append("No page declares its language: en is a guess.")
    country = _country(hosts[0], language, notes)
    zone = _zone(reads, country, notes)
    for it in reads:
        if _site(urlsplit(it.article.url).hostname or "") != _site(hosts[0]):
            notes.append(f"{it.page.place} names an address of another site: {it.article.url}.")
    scheme = urlsplit(reads[0].page.url).scheme
    roots = [it.root for it in reads]
    rest = any(map(_has_rest, roots))
    platform = _platform(reads, notes) if rest or any(map(_is_wordpress, roots)) else ""
    # A platform has sources of its own.
    sources = () if platform else tuple(feeds(reads, hosts[0]))
    if not sources and not platform and (foreign := next(_linked_feeds(reads), "")):
        notes.append(
            f"The feed {foreign} is on another host: not used. Add the host to `hosts` to use it."
        )
    return Survey(
        _name(hosts[0]),
        _title(reads, hosts[0]),
        hosts[0],
        scheme if scheme == "http" else "https",
        language,
        zone,
        country,
        platform,
        propose([it.page.url for it in reads]),
        sources,
        rest,
        reads,
        notes,
    )


def is_of_site(url: str, host: str) -> bool:
    """Return whether an address is on a host, or on another host of the same site."""
    return _site(urlsplit(url).hostname or "") == _site(host)


def _most(values: Iterable[str | None]) -> str:
    found = [it for it in values if it]
    return max(found, key=found.count, default="")


def _name(host: str) -> str:
    """Return a name for the outlet at a host, such as ``bbc``.

    >>> _name("www.bbc.co.uk"), _name("www.20minutes.example"), _name("news.ycombinator.example")
    ('bbc', 'site20minutes', 'ycombinator')
    """
    name = _NAME.sub("", _site(host).partition(".")[0])
    return name if name[:1].isalpha() else f"site{name}"


def _site(host: str) -> str:
    """Return the domain that somebody registered for a host."""
    name: str = _SUFFIXES(host).top_domain_under_public_suffix
    return name or ".".join(host.split(".")[-2:])


def _title(reads: Sequence[Read], host: str) -> str:
    named = (it.data.metas("og:site_name", "application-name") for it in reads)
    texts = [unescape(text) for found in named for text in found if "://" not in text]
    for it in reads:
        publishers = (it.data.resolved(article.get("publisher")) for article in it.data.articles)
        texts += [unescape(text) for value in publishers for text in strings(value)]
    return _most(texts[: len(reads)]) or _most(texts) or host.removeprefix("www.")


def feeds(reads: Sequence[Read], host: str) -> Iterator[Feed]:
    """Yield the first feed on the outlet's host that the pages link, without those of comments."""
    if url := next((it for it in _linked_feeds(reads) if urlsplit(it).hostname == host), ""):
        yield Feed(short(url, host))


def _linked_feeds(reads: Sequence[Read]) -> Iterator[str]:
    """Yield the addresses of the feeds that the pages link, on any host."""
    for it in reads:
        base = base_of(it.root, it.page.url)
        for link in it.root.iter("link"):
            if not _FEED.match(link.get("type", "")):
                continue
            url = absolute_url(link.get("href", ""), base)
            text = f"{link.get('href', '')} {link.get('title', '')}"
            # A feed of one article lists comments on it.
            is_own = url and it.page.url.rstrip("/") not in url and not _COMMENTS.search(text)
            if url and is_own:
                yield url


def short(url: str, host: str) -> str:
    """Return the path of an address on a host; another address as it is."""
    parts = urlsplit(url)
    if parts.hostname != host or parts.port:
        return url
    return f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"


def _has_rest(root: _Element) -> bool:
    return any(_REST in it.get("rel", "").split() for it in root.iter("link"))


def _is_wordpress(root: _Element) -> bool:
    generators = (
        it.get("content", "") for it in root.iter("meta") if it.get("name") == "generator"
    )
    return any(it.startswith("WordPress") for it in generators)


def _is_of(layout: Layout, root: _Element) -> bool:
    return all(css(it)(root) for it in (layout.article, layout.headline, layout.story))


def _platform(reads: Sequence[Read], notes: list[str]) -> str:
    """Return the most special platform that reads all pages."""
    for name, base in PLATFORMS.items():
        layouts = base.reader.layouts if hasattr(base, "reader") else ()
        if layouts and all(any(_is_of(x, it.root) for x in layouts) for it in reads):
            return name
    pattern = PLATFORMS["wordpress"].article
    if all(re.fullmatch(pattern, urlsplit(it.page.url).path) for it in reads):
        return "wordpress"
    notes.append(
        "The site is of WordPress, but its addresses are not those of the platform wordpress."
    )
    return ""


@cache
def _zones() -> Mapping[str, list[str]]:
    """Return the time zones of each country, the one with the most people first."""
    found: dict[str, list[str]] = {}
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            code, _, name, *_ = line.split("\t")
            found.setdefault(code, []).append(name)
    return found


# Where a country has several zones: the one of its largest newsrooms.
_MAIN = {
    "AU": "Australia/Sydney",
    "BR": "America/Sao_Paulo",
    "CA": "America/Toronto",
    "MX": "America/Mexico_City",
    "RU": "Europe/Moscow",
}
# Top domains of countries that are sold to everybody.
_SOLD = frozenset("AG AI CC CO EU FM GG IO ME SH TO TV WS".split())
# Languages of many countries.
_WIDE = frozenset({"ar", "en", "es", "fr", "pt"})


def _country(host: str, language: str, notes: list[str]) -> str:
    """Return the country of a host's top domain, else of the language; "" if unknown."""
    top = host.rpartition(".")[2].upper()
    country = "GB" if top == "UK" else top
    if country in _zones() and country not in _SOLD:
        return country
    region = language.rpartition("-")[2]
    if region in _zones():
        return region
    main = language.partition("-")[0]
    subtags: Mapping[str, str] = get_global("likely_subtags")
    likely = subtags.get(main, "")[-2:]
    if main in _WIDE or likely not in _zones():
        return ""
    notes.append(f"The country {likely} is a guess from the language {language}.")
    return likely


def _zone(reads: Sequence[Read], country: str, notes: list[str]) -> str:
    """Return the time zone of the country that has the offsets of the pages' times."""
    moments = [moment for it in reads if (moment := _moment(it.data))]
    main = _MAIN.get(country)
    zones: list[str] = [*([main] if main else []), *_zones().get(country, ())]
    for name in zones:
        if all(it.astimezone(ZoneInfo(name)).utcoffset() == it.utcoffset() for it in moments):
            if not moments and len(set(map(_offsets, zones))) > 1:
                notes.append(f"{country} has several time zones: {name} is a guess.")
            return name
    if zones:
        notes.append(f"The times of the pages are in no time zone of {country}: check `zone`.")
        return zones[0]
    notes.append("The pages declare no country: the time zone UTC is a guess.")
    return "UTC"


def _offsets(zone: str) -> tuple[object, ...]:
    """Return the offsets of a zone in winter and summer."""
    days = (datetime(2026, month, 1, tzinfo=ZoneInfo(zone)) for month in (1, 7))
    return tuple(it.utcoffset() for it in days)


def _moment(data: StructuredData) -> datetime | None:
    """Return the time of publication if it is written with a local offset."""
    metas = data.metas("article:published_time")
    for text in (*data.values("datePublished"), *metas):
        if _OFFSET.search(text) and not text.endswith(("+00:00", "+0000")):
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                continue
    return None


def declared(survey: Survey) -> Iterator[tuple[str, str]]:
    """Yield what the pages declare, as a word and a sentence, for people."""
    first = survey.reads[0]
    yield "outlet", f"{survey.title}, {survey.host}, language {survey.language}"
    yield "zone", f"{survey.zone}{f', country {survey.country}' if survey.country else ''}"
    kinds = dict.fromkeys(kind for it in first.data.articles for kind in types(it))
    keys = dict.fromkeys(key for it in first.data.articles for key in it if key[:1] != "@")
    known = "headline description author datePublished dateModified articleSection keywords image"
    stated = [it for it in (*known.split(), "isAccessibleForFree") if it in keys]
    yield "JSON-LD", f"{', '.join(kinds)}: {', '.join(stated)}" if kinds else "no article"
    metas = [it for it in first.data.meta_all if it.startswith(("og:", "article:"))]
    yield "meta", ", ".join(metas) or "nothing of the article"
    if survey.platform:
        yield "platform", survey.platform
    for it in survey.sources:
        if isinstance(it, Feed):
            yield "feed", f"{it.url}, linked by the page"
    if survey.rest:
        yield "REST", "linked by the page"
