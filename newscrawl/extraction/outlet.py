"""Outlet: the facts of a site, and how its pages and posts become records, without a crawl."""

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from parsel import Selector

from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.json_text import read_json
from newscrawl.extraction.loaders import Page, Reader, Stats
from newscrawl.extraction.structured_data import StructuredData, types
from newscrawl.extraction.urls import absolute_url, page_key
from newscrawl.items import Article, Candidate

MEMBERS_ONLY = "password protected"
"""The reason for rejecting an article of which WordPress shows only a form for a password."""

_KINDS = {
    "OpinionNewsArticle": "opinion",
    "LiveBlogPosting": "live",
    "AdvertiserContentArticle": "sponsored",
    "VideoObject": "video",
    "AudioObject": "audio",
    "PodcastEpisode": "audio",
    "ImageGallery": "gallery",
    "MediaGallery": "gallery",
}
"""Kinds by the types that an article may have beside ``NewsArticle``."""


class Outlet:
    """A news site: its addresses, its listings, and how its articles are read.

    An outlet declares the attributes below and the two hooks that raise NotImplementedError.
    """

    name: str
    """The outlet's name in records, arguments and paths."""

    # The addresses of the outlet.
    host: str
    """The host of canonical addresses."""
    aliases: tuple[str, ...] = ()
    """Hosts with the same articles at the same paths; articles are requested from ``host``."""
    sections: tuple[str, ...] = ()
    """Paths of the listings that a crawl starts at, as the site writes them."""
    front: str = ""
    """The section that lists all articles; every crawl requests it."""
    language: str = ""
    """The language of REST posts, which name none: a BCP 47 tag, such as ``en-US``."""
    zone: ZoneInfo = ZoneInfo("UTC")
    """The time zone in which the outlet's days begin."""
    country: str = ""
    """The country whose holidays the outlet keeps, as ISO 3166's code, such as ``US``."""

    # Interfaces for machines, as paths; an empty path means that the site has none.
    feed: str = ""
    """The feed of the whole site. The feed of a section is ``feed/`` below its path."""
    rest: str = ""
    """WordPress' REST interface, version 2."""
    sitemap: str = ""
    """The index of sitemaps."""
    sitemap_day: str = ""
    """The sitemap of one day: a format string with a ``date``."""

    # The layout of the pages, in CSS selectors.
    reader: Reader
    """The rules by which an article page is read."""
    listing_links: str = ""
    """Links to an article's own sections and tags, on its page."""
    listing_items: str = ""
    """Elements of a listing's own articles, each with its link. Empty: all links are its own."""
    next_page: str = 'link[rel="next"], a[rel="next"], a.next'
    """Links to the next page of a listing. The first link that stays in the listing is followed."""

    # Buttons for the browser, in CSS selectors, and hosts that the browser may use.
    load_more: str = ""
    """The button of a listing that loads more articles."""
    older_entries: str = ""
    """The button of a live page that adds older entries, or replaces the entries by older ones."""
    script_hosts: tuple[str, ...] = ()
    """Other hosts whose scripts and data the pages need."""

    def article_id(self, parts: SplitResult) -> str | None:
        """Return the identity of the article at an address of the outlet, or None.

        ``parts`` is the address, split; its host is the outlet's.
        """
        raise NotImplementedError

    def is_section(self, url: str) -> bool:
        """Return whether an address is that of a section or of its feed."""
        path = urlsplit(url).path.strip("/").removesuffix("feed").rstrip("/")
        return path in {it.strip("/") for it in self.sections}

    def is_tag(self, path: str) -> bool:
        """Return whether a path, with slashes around it, is the listing of a tag."""
        raise NotImplementedError

    def kind_of(self, path: str, article: Article, data: StructuredData) -> str:
        """Return the kind of an article, from its canonical path, its fields and its JSON-LD.

        By default, return the kind of the article's schema.org types, else that of its fields.
        """
        declared = (_KINDS.get(it) for entry in data.articles for it in types(entry))
        return next(filter(None, declared), article.kind)

    def canonical_path(self, parts: SplitResult) -> str:
        """Return the path (and query) at which an article is requested."""
        return parts.path

    def address(self, parts: SplitResult) -> str:
        """Return the canonical address of the article at a split address of the outlet."""
        return f"https://{self.host}{self.canonical_path(parts)}"

    def on_site(self, url: str) -> SplitResult | None:
        """Return the split address if its host is ``host`` or one of ``aliases``, else None."""
        # urlsplit() accepts every address that absolute_url() returns.
        parts = urlsplit(absolute_url(url) or "")
        if parts.hostname != self.host and parts.hostname not in self.aliases:
            return None
        return parts if parts.port in (None, 80, 443) else None

    def find_candidate(self, url: str) -> Candidate | None:
        """Return the article that an address leads to, or None."""
        parts = self.on_site(url)
        identity = self.article_id(parts) if parts else None
        if parts is None or identity is None:
            return None
        return Candidate(identity, self.address(parts))

    def identity(self, url: str) -> str | None:
        """Return the article's id for an absolute address of this site, else the page's key."""
        parts = self.on_site(url)
        return self.article_id(parts) if parts else page_key(url)

    def read_article(
        self, page: Selector, url: str, candidate: Candidate, stats: Stats | None = None
    ) -> Page:
        """Return the article of a page at ``url``, with its canonical address.

        If the page names no address of an article, ``url`` and the candidate's id are used. The
        caller sets the fields of the source. Raises UnreadableError for a page without article.
        """
        result = self.reader.read_page(page, url, stats, self.identity)
        if result is None:
            raise UnreadableError("no article on the page")
        if not result.article.body and page.css("form.post-password-form"):
            raise UnreadableError(MEMBERS_ONLY)
        for address in result.data.addresses:
            parts = self.on_site(address)
            identity = self.article_id(parts) if parts else None
            if parts and identity:
                break
        else:
            parts, identity = cast("SplitResult", self.on_site(url)), candidate.id
        self._identify(result.article, parts, identity, result.data)
        return result

    def read_article_post(
        self, post: Mapping[str, Any], candidate: Candidate, stats: Stats | None = None
    ) -> Article:
        """Return the article of a post of WordPress' REST interface.

        A post names no authors, so those of ``candidate`` are used. The caller sets the fields of
        the source. Raises UnreadableError for anything but the post of this article.
        """
        link = post.get("link")
        # A bad address does not reject the article.
        parts = (self.on_site(link) if isinstance(link, str) else None) or self.on_site(
            candidate.url
        )
        if str(post.get("id")) != candidate.id or parts is None:
            raise UnreadableError("no post in the answer")
        content = post.get("content")
        if isinstance(content, dict) and content.get("protected"):
            raise UnreadableError(MEMBERS_ONLY)
        url = self.address(parts)
        article = self.reader.read_post(post, url, stats, candidate.authors)
        article.language = self.language or None
        self._identify(article, parts, candidate.id, StructuredData())
        return article

    def _identify(
        self, article: Article, parts: SplitResult, identity: str, data: StructuredData
    ) -> None:
        article.outlet, article.id = self.name, identity
        article.url = self.address(parts)
        article.kind = self.kind_of(self.canonical_path(parts), article, data)


def post_of(body: bytes) -> dict[str, Any]:
    """Return the post in an answer of the REST interface. Raises UnreadableError."""
    try:
        post = read_json(body)
    except ValueError as error:
        raise UnreadableError("broken JSON") from error
    if not isinstance(post, dict):
        raise UnreadableError("no post in the answer")
    return post
