"""Discovery methods: each yields requests for the articles of an outlet.

``links`` reads pages, ``feeds`` RSS, ``sitemap`` sitemaps and ``wordpress`` the REST interface
(``discover=api``); ``archive`` has the captures of ``reread``. They yield a request for every
article that a listing names; a spider middleware drops the requests that are not needed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from scrapy import Request, Spider
from scrapy.crawler import Crawler

from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.sources import Feed, NewsSitemap, Sitemap
from newscrawl.items import Candidate
from newscrawl.storage.checkpoints import Checkpoints
from newscrawl.storage.known_articles import KnownArticles
from newscrawl.storage.warc import Counts


@dataclass(frozen=True, slots=True)
class Arguments:
    """The spider arguments of a crawl, typed.

    ``sections`` and ``tags`` are paths without slashes around them; both empty means everything.
    ``since`` and ``until`` bound the time of publication, inclusive, in the record's form.
    With ``follow`` articles that none of these listings shows are read, too.
    ``archive`` holds paths of WARC files, ``reread`` such paths and names of runs, whose rejected
    responses are read again; ``limit`` counts new and revised articles.
    """

    sections: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    follow: bool = True
    discover: tuple[str, ...] = ()
    fetch: str = "auto"
    since: str | None = None
    until: str | None = None
    archive: tuple[str, ...] = ()
    reread: tuple[str, ...] = ()
    limit: int | None = None
    pages: int = 10

    @property
    def is_offline(self) -> bool:
        """Whether all responses are from WARC files, and nothing is requested from the site."""
        return bool(self.archive or self.reread)


class OutletSpider(Outlet, Spider):
    """A spider as discovery methods, middlewares and download handlers see it."""

    row: str = ""
    """The values of the outlet's row of a table, as text; empty for a spider in a file."""
    arguments: Arguments
    """The spider arguments."""
    given: dict[str, str]
    """The spider arguments as they were given."""
    job: str | None
    """The name of Scrapyd's job, if it is one."""
    start_error: str | None = None
    """Why the crawl must not start, in one sentence; None if it may."""
    replaced: set[str]
    """Articles that the fallback read and that are now read again, exactly."""
    candidate: Callable[[str], Candidate | None]
    """Return the article that an address leads to, or None."""

    @property
    def checkpoints(self) -> Checkpoints:
        """The checkpoints that earlier runs saved."""
        raise NotImplementedError

    @property
    def archives(self) -> dict[str, Counts]:
        """The counts of each file of ``archive``, by its path."""
        raise NotImplementedError

    @property
    def has_fallback(self) -> bool:
        """Whether the REST interface replaces pages that the site refuses."""
        return self.arguments.fetch == "auto" and bool(self.rest)

    @property
    def known_articles(self) -> KnownArticles:
        """The outlet's articles in the ledger."""
        raise NotImplementedError

    @property
    def is_revisiting(self) -> bool:
        """Whether young articles are requested again: not where REST lists what has changed."""
        raise NotImplementedError

    def prevent_start(self, sentence: str) -> None:
        """Prevent the crawl from starting; ``sentence`` is the reason."""
        self.start_error = sentence

    def listing_paths(self) -> Iterable[str]:
        """Return the paths of the listings that the crawl reads, as the outlet writes them."""
        written = {section.strip("/"): section for section in self.listings.paths}
        paths = (*self.arguments.sections, *self.arguments.tags) or written
        return [f"/{written.get(path, f'{path}/')}" for path in paths]

    def main_listing(self, url: str) -> str:
        """Return the address of the feed, sitemap or REST that a listing is of, or ""."""
        if self.rest and url.startswith(f"{self.rest}/"):
            return self.rest
        lists = (it for it in self.sources if isinstance(it, Feed | Sitemap | NewsSitemap))
        return url if url in {self.absolute(it.url) for it in lists} else ""

    def listing_fallback(self, path: str) -> Callable[[], Request | None] | None:
        """Return a function that returns the request in place of a refused listing, or None."""
        raise NotImplementedError

    def listing_request(self, request: Request, pages: int) -> Request:
        """Return a listing's request as ``fetch`` requires: plain, or through the browser."""
        raise NotImplementedError

    def article_request(
        self,
        candidate: Candidate,
        post: Mapping[str, Any] | None = None,
        source_listing: str = "",
    ) -> Request:
        """Return the request for an article; ``post`` is its inline post, if a listing has it."""
        raise NotImplementedError

    def post_request(self, candidate: Candidate) -> Request:
        """Return the request for an article through the REST interface."""
        raise NotImplementedError


def outlet_spider(crawler: Crawler) -> OutletSpider | None:
    """Return the crawl's spider; None if it is not an outlet's, as in ``scrapy fetch``."""
    return crawler.spider if isinstance(crawler.spider, OutletSpider) else None


class Discovery(Protocol):
    """One discovery method."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""

    def start(self) -> Iterator[Request]:
        """Yield the first requests; their callbacks yield the others."""
