"""ArticleSpider: from listings to candidates to requests to records, for every outlet.

An outlet's own file says what its addresses, sections and pages look like; see
``spiders/hill.py``. What is known from earlier crawls is not the spider's business: it asks for
every article that it sees, and a spider middleware stops what needs no asking.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, cast
from urllib.parse import SplitResult, urljoin, urlsplit

from scrapy import Request, Spider
from scrapy.http import Response, TextResponse

from newscrawl import arguments, warc
from newscrawl.candidates import Candidate
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.items import Article
from newscrawl.loaders import Page, Reader
from newscrawl.processors import utc
from newscrawl.structured_data import StructuredData

# A listing's next page is asked for after the articles that it shows.
_LISTING_PRIORITY, _ARTICLE_PRIORITY = 0, 10


@dataclass(slots=True)
class Listing:
    """A listing that is read page by page: where it stands, and which articles it has shown."""

    path: str
    pages_left: int
    shown: set[str] = field(default_factory=set)


class ArticleSpider(Spider):
    """Base of the outlets' spiders: follows listings to articles, and reads the articles.

    An outlet declares the attributes below and the three hooks that raise NotImplementedError.
    """

    # Where the outlet is.
    host: str
    """The host of canonical addresses."""
    aliases: tuple[str, ...] = ()
    """Hosts with the same articles at the same paths; they are asked for at ``host``."""
    sections: tuple[str, ...] = ()
    """Paths of the listings that a crawl starts at, as the site writes them."""

    # What its pages look like, in CSS selectors.
    reader: Reader
    """How an article page is read."""
    listing_links: str = ""
    """Links to an article's own sections and tags, on its page."""
    next_page: str = 'link[rel="next"], a[rel="next"], a.next'
    """Links to the next page of a listing; the first that stays in the listing counts."""

    def article_id(self, parts: SplitResult) -> str | None:
        """Return the identity of the article at an address of the outlet, or None.

        ``parts`` is the address, split; its host is the outlet's.
        """
        raise NotImplementedError

    def is_tag(self, path: str) -> bool:
        """Say whether a path, with slashes around it, is a tag's listing."""
        raise NotImplementedError

    def kind_of(self, path: str, article: Article, data: StructuredData) -> str:
        """Return the kind of an article: its canonical path, what was read, what it declares."""
        raise NotImplementedError

    def canonical_path(self, parts: SplitResult) -> str:
        """Return the path (and query) by which an article's address is asked."""
        return parts.path

    def __init__(self, name: str | None = None, **kwargs: Any) -> None:
        """Take the spider arguments (DESIGN §6). With a wrong one, ``refusal`` says why."""
        super().__init__(name)
        self.given = {key: str(value) for key, value in kwargs.items()}
        self.refusal: str | None = None
        self.wanted = arguments.Arguments()
        try:
            self.wanted = arguments.read(kwargs, self.sections, self.is_tag)
        except ArgumentError as error:
            self.refusal = str(error)
        # Links repeat from page to page; what they mean does not change.
        self.candidate = lru_cache(maxsize=100_000)(self._candidate)
        self._asked_listings: set[str] = set()
        roots = {section.strip("/").split("/")[0] for section in self.sections}
        self._section_roots = frozenset(roots)

    async def start(self) -> AsyncIterator[Request]:
        """Ask for the archive's articles, or for the first page of every wanted listing."""
        if self.wanted.archive:
            async for request in self._start_archive():
                yield request
            return
        wanted = (*self.wanted.sections, *self.wanted.tags)
        written = {section.strip("/"): section for section in self.sections}
        for path in wanted or written:
            listing = self._listing_request(f"/{written.get(path, f'{path}/')}", named=True)
            if listing:
                yield listing

    async def _start_archive(self) -> AsyncIterator[Request]:
        for path in self.wanted.archive:
            for entry in warc.entries(path, self._stat):
                if candidate := self.candidate(entry.url):
                    yield Request(
                        entry.url,
                        self.parse_article,
                        # What is in an archive was fetched by others; the site is not asked.
                        meta={
                            "candidate": candidate,
                            "archived": entry,
                            "dont_obey_robotstxt": True,
                        },
                        dont_filter=True,
                    )
                    await asyncio.sleep(0)

    def parse_listing(self, response: Response, listing: Listing) -> Iterator[Request]:
        """Follow a listing's articles, and its next page while this one shows something new.

        Raises UnreadableError when the answer is not a page.
        """
        if not isinstance(response, TextResponse):
            raise UnreadableError("not a page")
        found = self._articles(response)
        fresh = [candidate for candidate in found if candidate.id not in listing.shown]
        listing.shown.update(candidate.id for candidate in fresh)
        yield from map(self.article_request, found)
        if not fresh or listing.pages_left <= 1:
            return
        for node in response.css(self.next_page):
            url = urljoin(response.url, (node.attrib.get("href") or "").strip())
            parts = self._on_site(url)
            if parts and parts.path.startswith(listing.path.rstrip("/")) and url != response.url:
                query = f"?{parts.query}" if parts.query else ""
                yield Request(
                    f"https://{self.host}{parts.path}{query}",
                    self.parse_listing,
                    cb_kwargs={
                        "listing": Listing(listing.path, listing.pages_left - 1, listing.shown)
                    },
                    meta={"next_page": True},
                    priority=_LISTING_PRIORITY,
                )
                return

    def parse_article(self, response: Response) -> Iterator[Article | Request]:
        """Read an article, then follow what its page links to.

        Raises UnreadableError for an answer that is not an article; its message is the reason.
        """
        candidate: Candidate = response.meta["candidate"]
        if not response.body.strip():
            raise UnreadableError("empty answer")
        if not isinstance(response, TextResponse):
            kind = (response.headers.get("Content-Type") or b"unknown").decode("latin-1")
            raise UnreadableError(f"not a page but {kind.partition(';')[0]}")
        if response.body.lstrip()[:1] == b"{":
            yield self._post(response, candidate)
            return
        page = self._page(response, candidate)
        article = page.article
        if article.id == candidate.id:
            yield article
        elif "archived" in response.meta:
            raise UnreadableError("archived under another article's address")
        else:
            # The address leads elsewhere: what is there is an article of its own.
            if other := self.candidate(article.url):
                yield self.article_request(other)
            raise UnreadableError("address of another article")
        if "archived" not in response.meta:
            yield from map(self.article_request, self._articles(response))
            if not (self.wanted.sections or self.wanted.tags):
                yield from self._found_listings(response)

    def _page(self, response: TextResponse, candidate: Candidate) -> Page:
        page = self.reader.read_page(response.selector, response.url, self.crawler.stats)
        if page is None:
            raise UnreadableError("no article on the page")
        canonical = page.data.canonical or page.data.meta.get("og:url")
        address = urljoin(response.url, canonical) if canonical else response.url
        parts = self._on_site(address)
        identity = self.article_id(parts) if parts else None
        if parts is None or identity is None:
            parts, identity = cast("SplitResult", self._on_site(response.url)), candidate.id
        path = self.canonical_path(parts)
        article = page.article
        article.id, article.url = identity, f"https://{self.host}{path}"
        article.kind = self.kind_of(path, article, page.data)
        self._provenance(article, response, "page")
        return page

    def _post(self, response: TextResponse, candidate: Candidate) -> Article:
        """Read an answer of WordPress' REST interface."""
        try:
            post = json.loads(response.body)
        except ValueError:
            raise UnreadableError("broken JSON") from None
        link = post.get("link")
        parts = self._on_site(link) if isinstance(link, str) else None
        if str(post.get("id")) != candidate.id or parts is None:
            raise UnreadableError("no post in the answer")
        article = self.reader.read_post(post, response.url, self.crawler.stats)
        path = self.canonical_path(parts)
        article.id, article.url = candidate.id, f"https://{self.host}{path}"
        article.kind = self.kind_of(path, article, StructuredData())
        self._provenance(article, response, "api")
        return article

    def _provenance(self, article: Article, response: Response, source: str) -> None:
        archived: warc.Entry | None = response.meta.get("archived")
        article.outlet = self.name
        article.source = "archive" if archived else source
        article.source_url = archived.url if archived else response.request.url  # type: ignore[union-attr]
        article.date_fetched = archived.date if archived else utc(datetime.now(UTC))

    def _articles(self, response: TextResponse) -> list[Candidate]:
        """Return the articles that a page links to, anywhere on it, each once, in page order."""
        found: dict[str, Candidate] = {}
        for href in dict.fromkeys(response.selector.root.xpath("//a/@href")):
            if candidate := self.candidate(self._absolute(href, response.url)):
                found.setdefault(candidate.id, candidate)
        return list(found.values())

    def _absolute(self, href: str, base_url: str) -> str:
        href = href.strip()
        if href.startswith(("https://", "http://")):
            return href
        try:
            return urljoin(base_url, href)
        except ValueError:
            return ""

    def _on_site(self, url: str) -> SplitResult | None:
        """Return the split address when its host is the outlet's, under any of its names."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return None
        if parts.hostname != self.host and parts.hostname not in self.aliases:
            return None
        return parts if parts.scheme in ("http", "https") and port in (None, 80, 443) else None

    def _candidate(self, url: str) -> Candidate | None:
        parts = self._on_site(url)
        identity = self.article_id(parts) if parts else None
        if parts is None or identity is None:
            return None
        return Candidate(identity, f"https://{self.host}{self.canonical_path(parts)}")

    def article_request(self, candidate: Candidate) -> Request:
        """Return the request that asks for an article."""
        return Request(
            candidate.url,
            self.parse_article,
            meta={"candidate": candidate},
            priority=_ARTICLE_PRIORITY,
        )

    def _found_listings(self, response: TextResponse) -> Iterable[Request]:
        for node in response.css(self.listing_links) if self.listing_links else ():
            url = self._absolute(node.attrib.get("href") or "", response.url)
            parts = self._on_site(url)
            if parts and (request := self._listing_request(parts.path, named=False)):
                yield request

    def _listing_request(self, path: str, *, named: bool) -> Request | None:
        """Return the request of a listing's first page; None when it was asked or is no listing."""
        key = path.strip("/")
        tag = self.is_tag(f"/{key}/")
        if key in self._asked_listings or not (
            named or tag or key.split("/")[0] in self._section_roots
        ):
            return None
        self._asked_listings.add(key)
        # A tag met on the way leads to other tags without end; its newest page is enough.
        pages = self.wanted.pages if named or not tag else 1
        return Request(
            f"https://{self.host}{path}",
            self.parse_listing,
            cb_kwargs={"listing": Listing(path, pages)},
            priority=_LISTING_PRIORITY,
        )

    def _stat(self, key: str) -> None:
        self.crawler.stats.inc_value(key)
