"""Discovery: the ways to an outlet's articles. Each yields requests for candidates.

``links`` reads pages, ``feeds`` RSS, ``sitemap`` sitemaps and ``wordpress`` the REST interface
(``discover=api``); ``archive`` reads WARC files. They know addresses and formats, not what is
known already: a spider middleware stops what needs no asking.

A request of a listing may carry in its ``meta``: ``listing``, the name under which later runs
remember its validators; ``pauses``, the shortest and longest hours that it is left alone while
it brings nothing new; ``page``, that it asks for a page of the site, which may be refused.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import SplitResult
from zoneinfo import ZoneInfo

from scrapy import Request
from scrapy.crawler import Crawler

from newscrawl.base_spiders.arguments import Arguments
from newscrawl.items import Candidate

LISTING_PRIORITY, ARTICLE_PRIORITY = 0, 10
"""A listing's next page is asked for after the articles that it shows."""


class Outlet(Protocol):
    """What discovery needs to know of an outlet; an ArticleSpider."""

    name: str
    host: str
    sections: tuple[str, ...]
    front: str
    next_page: str
    listing_links: str
    feed: str
    rest: str
    sitemap: str
    sitemap_day: str
    zone: ZoneInfo
    wanted: Arguments
    crawler: Crawler
    candidate: Callable[[str], Candidate | None]

    def on_site(self, url: str) -> SplitResult | None:
        """Return a split address of the outlet, or None for any other."""

    def is_tag(self, path: str) -> bool:
        """Say whether a path, with slashes around it, is a tag's listing."""

    def listing_paths(self) -> Iterable[str]:
        """Return the paths of the listings that the crawl was asked to read."""

    def listing_request(self, request: Request, pages: int) -> Request:
        """Return the request of a listing's page by the way that ``fetch`` wants it."""

    def article_request(
        self, candidate: Candidate, post: Mapping[str, Any] | None = None, told_by: str = ""
    ) -> Request:
        """Return the request for an article; ``post`` is its text, when a listing carried it."""


class Discovery(Protocol):
    """One way to an outlet's articles."""

    def __init__(self, outlet: Outlet) -> None:
        """Prepare; nothing is asked yet."""

    def start(self) -> Iterator[Request]:
        """Yield the first requests; their callbacks yield the others."""
