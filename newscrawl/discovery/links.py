"""``discover=links``: section and tag pages, their next pages, and what article pages link to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

from parsel import Selector
from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.tasks import ListingTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.loaders import parsed
from newscrawl.extraction.markup import is_cut
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Candidate
from newscrawl.storage.document import LEADS_TO_FRONT

# Hours between requests of a listing while it shows nothing new, at first and at most.
# A tag that a page links to repeats articles of sections; few articles are only there.
_SECTION_PAUSES, _TAG_PAUSES = (1, 24), (24, 168)
# What HTML does not let a page leave open.
_CONTAINERS = "body > :is(div, main, article, section, ul, table)"


@dataclass(slots=True)
class Listing:
    """A listing that is read page by page: its path, and the articles of the pages before."""

    path: str
    pages_left: int
    shown: set[str] = field(default_factory=set)


class Links:
    """Follows listing pages to articles, and article pages to further listings."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""
        self.outlet = outlet
        self._requested: set[str] = set()
        self._roots = {section.strip("/").split("/")[0] for section in outlet.listings.paths}

    def start(self) -> Iterator[Request]:
        """Yield the first page of every listing of the crawl."""
        for path in self.outlet.listing_paths():
            yield from self._listing(path, named=True)

    def probe(self) -> Request:
        """Return a request that tests whether the site answers with pages again."""
        path = next(iter(self.outlet.listing_paths()), None)
        if path is None:
            # An outlet without listings is tested by its front page; no links are read.
            return self._task("/", is_probe=True).request(self.outlet.absolute("/"), _nothing)
        request = next(self._listing(path, named=True))
        return (
            self._task(path, is_probe=True)
            .on(request)
            .replace(cb_kwargs={"listing": Listing(path, 1)})
        )

    def parse(self, response: Response, listing: Listing) -> Iterator[Request]:
        """Follow a listing's articles, and its next page while this one shows something new.

        Raises UnreadableError when the response is not a page, or not that of the listing.
        """
        page = parsed(response)
        candidates = self._listed(page, response.url)
        if not candidates:
            raise UnreadableError("no articles in the listing")
        ids = {candidate.id for candidate in candidates}
        shows_new = not ids <= listing.shown
        listing.shown |= ids
        yield from map(self.outlet.article_request, candidates)
        if any(is_cut(it.root) for it in page.css(_CONTAINERS)):
            raise UnreadableError("cut short")
        if self._leads_to_front(response, listing):
            raise UnreadableError(LEADS_TO_FRONT)
        if not shows_new or listing.pages_left <= 1:
            return
        for node in page.css(self.outlet.listings.next_page):
            url = absolute_url(node.root.get("href") or "", _base(page, response.url)) or ""
            parts = self._of_listings(url)
            if parts and parts.path.startswith(listing.path.rstrip("/")) and url != response.url:
                query = f"?{parts.query}" if parts.query else ""
                further = Listing(listing.path, listing.pages_left - 1, listing.shown)
                request = self._task(listing.path, is_next_page=True).request(
                    self.outlet.absolute(f"{parts.path}{query}"),
                    self.parse,
                    priority=response.request.priority,  # type: ignore[union-attr]
                    listing=further,
                )
                yield self.outlet.listing_request(request, further.pages_left)
                return

    def around(self, page: Selector, base_url: str) -> Iterator[Request]:
        """Follow what an article's page links to: articles, and its own sections and tags."""
        yield from map(self.outlet.article_request, self.articles(page, base_url))
        arguments = self.outlet.arguments
        if arguments.sections or arguments.tags or not self.outlet.listings.links:
            return
        for node in page.css(self.outlet.listings.links):
            url = absolute_url(node.root.get("href") or "", _base(page, base_url))
            if parts := self._of_listings(url or ""):
                yield from self._listing(parts.path, named=False)

    def _of_listings(self, url: str) -> SplitResult | None:
        """Return the split address if its host is that of the listings, else None."""
        parts = self.outlet.on_site(url)
        host = self.outlet.own_hosts[parts.hostname or ""] if parts else None
        return parts if host == self.outlet.host else None

    def _leads_to_front(self, response: Response, listing: Listing) -> bool:
        """Return whether the site redirects a listing to its front page, as with old ones."""
        shown, path = urlsplit(response.url).path.strip("/"), listing.path.strip("/")
        return shown != path and shown in ("", self.outlet.listings.front.strip("/"))

    def _listed(self, page: Selector, base_url: str) -> list[Candidate]:
        """Return the articles of a listing; with ``follow`` all that its page links to.

        Raises UnreadableError when the listing has no articles: its layout may have changed.
        """
        if self.outlet.arguments.follow or not self.outlet.listings.items:
            return self.articles(page, base_url)
        items = page.css(self.outlet.listings.items)
        if not items:
            raise UnreadableError("no articles in the listing")
        return self.articles(page, base_url, items.xpath(".//a/@href").getall())

    def articles(
        self, page: Selector, base_url: str, links: Iterable[str] | None = None
    ) -> list[Candidate]:
        """Return the articles that a page links to, each once, in page order.

        ``links`` are the addresses to look at; None means all of the page.
        """
        candidates: dict[str, Candidate] = {}
        base = _base(page, base_url)
        for href in dict.fromkeys(page.root.xpath("//a/@href") if links is None else links):
            if candidate := self.outlet.candidate(absolute_url(href, base) or ""):
                candidates.setdefault(candidate.id, candidate)
        return list(candidates.values())

    def _task(self, path: str, **values: Any) -> ListingTask:
        fallback = self.outlet.listing_fallback(path)
        may_be_gone = path.strip("/") != self.outlet.listings.front
        return ListingTask(is_page=True, fallback=fallback, may_be_gone=may_be_gone, **values)

    def _listing(self, path: str, *, named: bool) -> Iterator[Request]:
        """Yield the request of a listing's first page, once; nothing for another kind of page.

        ``named`` says that the crawl's arguments or the outlet name the listing.
        """
        key = path.strip("/")
        tag = self.outlet.is_tag(f"/{key}/")
        if key in self._requested or not (named or tag or key.split("/")[0] in self._roots):
            return
        self._requested.add(key)
        # Tags link to tags without end: of a tag that is only linked, read the newest page.
        is_linked_tag = tag and not named
        url = self.outlet.absolute(path)
        pauses: tuple[float, float] | None = _TAG_PAUSES if is_linked_tag else _SECTION_PAUSES
        priority = ListingTask.priority - 1 if is_linked_tag else ListingTask.priority
        if key == self.outlet.listings.front:
            # With the front page first, its articles wait for no other listing.
            priority, pauses = ListingTask.priority + 1, None
        pages = 1 if is_linked_tag else self.outlet.arguments.pages
        request = self._task(path, name=url, pauses=pauses).request(
            url,
            self.parse,
            priority=priority,
            # A tag may have two addresses; one redirects to the other. Request it once.
            dont_filter=not is_linked_tag,
            listing=Listing(path, pages),
        )
        yield self.outlet.listing_request(request, pages)


def _nothing(_: Response) -> None:
    """Read nothing from a page."""


def _base(page: Selector, url: str) -> str:
    """Return the address to which a page's links are relative; ``url`` is the page's own."""
    named = page.root.xpath("string(/html/head/base/@href)")
    return (absolute_url(named, url) if named else None) or url
