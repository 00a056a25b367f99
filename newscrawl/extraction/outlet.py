"""Outlet: the facts of a site, and how its pages and posts become records, without a crawl."""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, cast
from urllib.parse import SplitResult
from zoneinfo import ZoneInfo

from parsel import Selector

from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.json_text import read_json
from newscrawl.extraction.loaders import Page, Reader, Stats
from newscrawl.extraction.posts import number_in, number_on
from newscrawl.extraction.site import Site
from newscrawl.extraction.structured_data import StructuredData, types
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


class Outlet(Site):
    """A news site: its addresses, its sources, and how its articles are read.

    An outlet declares ``name``, ``host``, ``sources``, ``article`` and ``reader``, and of the other
    attributes what differs from their defaults.
    """

    language: str = ""
    """The language of pages and posts that name none: a BCP 47 tag, such as ``en-US``."""
    zone: ZoneInfo = ZoneInfo("UTC")
    """The time zone in which the outlet's days begin."""
    country: str = ""
    """The country whose holidays the outlet keeps, as ISO 3166's code, such as ``US``."""

    kinds: Mapping[str, str] = MappingProxyType({})
    """Rules for articles whose page declares no kind other than ``news``: kinds by regular
    expressions that match the whole path of an article, or one of its sections."""

    reader: Reader
    """The rules by which an article page is read."""
    fallback: Reader | None = None
    """The rules for pages that no layout matches. A later reading with ``reader`` replaces them."""

    # Buttons for the browser, in CSS selectors, and hosts that the browser may use.
    load_more: str = ""
    """The button of a listing that loads more articles."""
    older_entries: str = ""
    """The button of a live page that adds older entries, or replaces the entries by older ones."""
    script_hosts: tuple[str, ...] = ()
    """Other hosts whose scripts and data the pages need."""

    def kind_of(self, path: str, article: Article, data: StructuredData) -> str:
        """Return the kind of an article, from its canonical path, its fields and its JSON-LD.

        By default, return the kind of the article's schema.org types, else that of its fields, else
        the one that ``kinds`` gives.
        """
        declared = (_KINDS.get(it) for entry in data.articles for it in types(entry))
        kind = next(filter(None, declared), article.kind)
        names = (path, *article.sections) if kind == "news" else ()
        rules = (it for it, rule in self.kinds.items() if any(re.fullmatch(rule, n) for n in names))
        return next(rules, kind)

    def read_article(
        self, page: Selector, url: str, candidate: Candidate, stats: Stats | None = None
    ) -> Page:
        """Return the article of a page at ``url``, with its canonical address.

        If the page names no address of an article, ``url`` and the candidate's id are used. The
        caller sets the fields of the source. Raises UnreadableError for a page without article.
        """
        result = self.reader.read_page(page, url, stats, self.key)
        if result is None and self.fallback:
            result = self.fallback.read_page(page, url, stats, self.key)
            if stats is not None:
                stats.inc_value("newscrawl/fallback")
        if result is None:
            raise UnreadableError("no article on the page")
        if not result.article.body and page.css("form.post-password-form"):
            raise UnreadableError(MEMBERS_ONLY)
        for address in result.data.addresses:
            parts = self.on_site(address)
            identity = self.article_id(parts) if parts else None
            if parts and identity and not number_in(address):
                break
        else:
            parts, identity = cast("SplitResult", self.on_site(url)), candidate.id
        if self.identified_by == "page":
            identity = number_on(page.root) or candidate.id
        result.article.language = result.article.language or self.language or None
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
        candidate = self.numbered(candidate, post)
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

    def numbered(self, candidate: Candidate, post: Mapping[str, Any]) -> Candidate:
        """Return a candidate with the number of its post, if only that identifies an article."""
        number = str(post.get("id"))
        if self.identified_by == "page" and number.isdecimal():
            return replace(candidate, id=number) if self.is_provisional(candidate.id) else candidate
        return candidate

    def _identify(
        self, article: Article, parts: SplitResult, identity: str, data: StructuredData
    ) -> None:
        article.outlet, article.id = self.name, identity
        article.url = self.address(parts)
        article.kind = self.kind_of(self.canonical_path(parts), article, data)


def is_post(body: bytes) -> bool:
    """Return whether a body is JSON of the REST interface, not a page.

    >>> is_post(b' [{"id": 7001}]'), is_post(b'{"id": 7'), is_post(b"[ad] <html></html>")
    (True, True, False)
    """
    text = body.strip()
    # A page may begin with a shortcode that the site forgot to replace.
    return text[:1] == b"{" or text[:1] + text[-1:] == b"[]"


def post_of(body: bytes) -> dict[str, Any]:
    """Return the post in an answer of the REST interface. Raises UnreadableError."""
    try:
        post = read_json(body)
    except ValueError as error:
        raise UnreadableError("broken JSON") from error
    if isinstance(post, list) and len(post) == 1:
        # A post that was requested by its slug.
        (post,) = post
    if not isinstance(post, dict):
        raise UnreadableError("no post in the answer")
    return post
