"""``discover=links``: section and tag pages, their next pages, and what article pages link to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from parsel import Selector
from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import LISTING_PRIORITY, OutletSpider
from newscrawl.discovery.tasks import ListingTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.loaders import parsed
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Candidate

# Hours between requests of a listing while it shows nothing new, at first and at most.
# A tag met on the way repeats what sections show; it is rarely the only way to an article.
_SECTION_PAUSES, _TAG_PAUSES = (1, 24), (24, 168)


@dataclass(slots=True)
class Listing:
    """A listing that is read page by page: where it stands, and which articles it has shown."""

    path: str
    pages_left: int
    shown: set[str] = field(default_factory=set)


class Links:
    """Follows listing pages to articles, and article pages to further listings."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self._asked: set[str] = set()
        self._roots = {section.strip("/").split("/")[0] for section in outlet.sections}

    def start(self) -> Iterator[Request]:
        """Yield the first page of every listing of the crawl."""
        for path in self.outlet.listing_paths():
            yield from self._listing(path, named=True)

    def probe(self) -> Request:
        """Return one request that shows whether pages answer (again)."""
        path = next(iter(self.outlet.listing_paths()))
        request = next(self._listing(path, named=True))
        return (
            self._task(path, is_probe=True)
            .on(request)
            .replace(cb_kwargs={"listing": Listing(path, 1)})
        )

    def parse(self, response: Response, listing: Listing) -> Iterator[Request]:
        """Follow a listing's articles, and its next page while this one shows something new.

        Raises UnreadableError when the answer is not a page.
        """
        page = parsed(response)
        found = self._listed(page, response.url)
        fresh = [candidate for candidate in found if candidate.id not in listing.shown]
        listing.shown.update(candidate.id for candidate in fresh)
        yield from map(self.outlet.article_request, found)
        if not fresh or listing.pages_left <= 1:
            return
        for node in page.css(self.outlet.next_page):
            url = absolute_url(node.root.get("href") or "", _base(page, response.url)) or ""
            parts = self.outlet.on_site(url)
            if parts and parts.path.startswith(listing.path.rstrip("/")) and url != response.url:
                query = f"?{parts.query}" if parts.query else ""
                further = Listing(listing.path, listing.pages_left - 1, listing.shown)
                request = Request(
                    f"https://{self.outlet.host}{parts.path}{query}",
                    self.parse,
                    cb_kwargs={"listing": further},
                    meta={"listing": self._task(listing.path, is_next_page=True)},
                    priority=response.request.priority,  # type: ignore[union-attr]
                    dont_filter=True,
                )
                yield self.outlet.listing_request(request, further.pages_left)
                return

    def around(self, page: Selector, base_url: str) -> Iterator[Request]:
        """Follow what an article's page links to: articles, and its own sections and tags."""
        yield from map(self.outlet.article_request, self.articles(page, base_url))
        arguments = self.outlet.arguments
        if arguments.sections or arguments.tags or not self.outlet.listing_links:
            return
        for node in page.css(self.outlet.listing_links):
            url = absolute_url(node.root.get("href") or "", _base(page, base_url))
            if parts := self.outlet.on_site(url or ""):
                yield from self._listing(parts.path, named=False)

    def _listed(self, page: Selector, base_url: str) -> list[Candidate]:
        """Return the articles of a listing: its own, unless those around it are followed, too.

        Raises UnreadableError when it has none of its own: its layout may have changed.
        """
        if self.outlet.arguments.follow or not self.outlet.listing_items:
            return self.articles(page, base_url)
        items = page.css(self.outlet.listing_items)
        if not items:
            raise UnreadableError("no articles in the listing")
        return self.articles(page, base_url, items.xpath(".//a/@href").getall())

    def articles(
        self, page: Selector, base_url: str, links: Iterable[str] | None = None
    ) -> list[Candidate]:
        """Return the articles that a page links to, each once, in page order.

        ``links`` are those of the page's that count; None means all of them.
        """
        found: dict[str, Candidate] = {}
        base = _base(page, base_url)
        for href in dict.fromkeys(page.root.xpath("//a/@href") if links is None else links):
            if candidate := self.outlet.candidate(absolute_url(href, base) or ""):
                found.setdefault(candidate.id, candidate)
        return list(found.values())

    def _task(self, path: str, **values: Any) -> ListingTask:
        fallback = self.outlet.listing_fallback(path)
        may_be_gone = path.strip("/") != self.outlet.front
        return ListingTask(is_page=True, fallback=fallback, may_be_gone=may_be_gone, **values)

    def _listing(self, path: str, *, named: bool) -> Iterator[Request]:
        """Yield the request of a listing's first page, unless it was asked or is no listing."""
        key = path.strip("/")
        tag = self.outlet.is_tag(f"/{key}/")
        if key in self._asked or not (named or tag or key.split("/")[0] in self._roots):
            return
        self._asked.add(key)
        # A tag met on the way leads to other tags without end; its newest page is enough.
        met = tag and not named
        url = f"https://{self.outlet.host}{path}"
        pauses: tuple[float, float] | None = _TAG_PAUSES if met else _SECTION_PAUSES
        priority = LISTING_PRIORITY - 1 if met else LISTING_PRIORITY
        if key == self.outlet.front:
            # What the front lists first needs no other listing to be found.
            priority, pauses = LISTING_PRIORITY + 1, None
        pages = 1 if met else self.outlet.arguments.pages
        request = Request(
            url,
            self.parse,
            cb_kwargs={"listing": Listing(path, pages)},
            meta={"listing": self._task(path, name=url, pauses=pauses)},
            priority=priority,
            # A tag may have two addresses: one leads to the other, which was asked already.
            dont_filter=not met,
        )
        yield self.outlet.listing_request(request, pages)


def _base(page: Selector, url: str) -> str:
    """Return the address to which a page's links are relative; ``url`` is the page's own."""
    named = page.root.xpath("string(/html/head/base/@href)")
    return (absolute_url(named, url) if named else None) or url
