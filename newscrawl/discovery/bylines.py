"""Bylines: the authors of posts, which REST lacks, from feeds and from a plug-in of WordPress."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.feeds import read_feed
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc
from newscrawl.extraction.json_text import read_json
from newscrawl.extraction.posts import embedded_list
from newscrawl.extraction.processors import unescape
from newscrawl.items import Author, Candidate

logger = logging.getLogger(__name__)

_SOURCES = "bylines"  # the checkpoint of the sources without bylines
_AGAIN = timedelta(days=30)  # the time until such a source is requested again
_PAGES_AT_ONCE = 5  # requests for one article; the next article goes on from there


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a feed: authors by article, and the times of its newest and oldest article."""

    authors: Mapping[str, tuple[Author, ...]]
    newest: str = ""
    oldest: str = ""


class Bylines:
    """Finds authors of posts, in the source that costs the fewest requests.

    Co-Authors Plus has them as terms of a post; each name is requested once and saved. Without the
    plug-in they are in feeds: the newest page of the site's feed, requested at most once a run, its
    older pages, and the feed of one author. A source without bylines is not requested for a month.
    """

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""
        self.outlet = outlet
        self._lock = asyncio.Lock()
        self._pages: dict[int, _Page] = {}
        self._of_author: dict[int, _Page] = {}
        self._names: dict[str, str | None] = {}
        self._closed: set[str] | None = None

    async def of(self, candidate: Candidate, post: Mapping[str, Any]) -> tuple[Author, ...]:
        """Return an article's authors, those of its latest revision if no source names any."""
        if candidate.authors:
            return candidate.authors
        async with self._lock:
            authors = await self._coauthors(post) or await self._in_feed(candidate)
            if not authors and not candidate.credited:
                authors = await self._in_author_feed(candidate, post)
        if not authors and not candidate.credited:
            self.outlet.crawler.stats.inc_value("newscrawl/posts_without_authors")
        return authors or candidate.credited

    # Sources without bylines.

    def _is_closed(self, source: str) -> bool:
        if self._closed is None:
            saved = self.outlet.checkpoints.read(_SOURCES)
            recent = saved and saved.asked > utc(datetime.now(UTC) - _AGAIN)
            self._closed = set(((saved.position if saved and recent else "") or "").split())
        return source in self._closed

    def _close(self, source: str) -> None:
        if not self._is_closed(source):
            assert self._closed is not None
            logger.info("The site's %s name no authors", source)
            self._closed.add(source)
            self.outlet.checkpoints.save(_SOURCES, position=" ".join(sorted(self._closed)))

    async def _download(self, url: str) -> Response | None:
        engine, stats = self.outlet.crawler.engine, self.outlet.crawler.stats
        assert engine is not None
        assert stats is not None
        try:
            return await engine.download_async(Request(url))
        except Exception as error:  # articles are published without bylines
            stats.inc_value("newscrawl/no_bylines")
            why = str(error) or type(error).__name__
            logger.warning("Could not read authors from %s: %s", url, why)
            return None

    # The plug-in.

    async def _coauthors(self, post: Mapping[str, Any]) -> tuple[Author, ...]:
        """Return the authors that a post has as terms, in order; none if one has no name."""
        groups = embedded_list(post, "wp:term")
        terms = [it for group in groups if isinstance(group, list) for it in group]
        slugs = {
            it.get("id"): str(it.get("slug")).removeprefix("cap-")
            for it in terms
            if isinstance(it, dict) and it.get("taxonomy") == "author"
        }
        numbers = post.get("coauthors")
        authors = [slugs.get(it) for it in numbers] if isinstance(numbers, list) else []
        names = [await self._name(slug) if slug else None for slug in authors]
        return tuple(Author(name) for name in names if name) if all(names) else ()

    async def _name(self, slug: str) -> str | None:
        """Return the name of an author; ``slug`` is its form in addresses."""
        if slug not in self._names:
            saved = self.outlet.checkpoints.read(f"author {slug}")
            self._names[slug] = saved.position if saved else await self._request_name(slug)
        return self._names[slug]

    async def _request_name(self, slug: str) -> str | None:
        if self._is_closed("coauthors"):
            return None
        root = self.outlet.rest.removesuffix("/wp/v2")
        response = await self._download(f"{root}/coauthors/v1/coauthors/{slug}")
        if response is None:
            return None
        try:
            document = read_json(response.body)
        except ValueError:
            document = None
        author = document if isinstance(document, dict) else {}
        name = author.get("display_name")
        if response.status == 200 and isinstance(name, str) and (name := unescape(name)):
            self.outlet.checkpoints.save(f"author {slug}", position=name)
            return str(name)
        if author.get("code") != "rest_not_found":
            self._close("coauthors")
        return None

    # The feed of the site, page by page; the newest article comes first.

    async def _in_feed(self, candidate: Candidate) -> tuple[Author, ...]:
        if not self.outlet.feeds:
            return ()
        if 1 not in self._pages:
            self._pages[1] = await self._page("") or _Page({})
        first, when = self._pages[1], candidate.published
        if candidate.id in first.authors or not when or not first.oldest or when >= first.oldest:
            return first.authors.get(candidate.id, ())
        for _ in range(_PAGES_AT_ONCE):
            for page in self._pages.values():
                if candidate.id in page.authors:
                    return page.authors[candidate.id]
            number = self._page_at(when)
            if number is None or self._is_closed("feed-pages"):
                return ()
            page = await self._page(f"paged={number}") or _Page({})
            # A feed without pages is the same for every number, or missing for all.
            if page.newest >= first.newest or (number == 2 and not page.authors):
                self._close("feed-pages")
                return ()
            self._pages[number] = page
        return ()

    def _page_at(self, when: str) -> int | None:
        """Return the number of the page that may hold a moment; None if that page was read."""
        before = max(number for number, page in self._pages.items() if page.oldest > when)
        after = min((n for n, page in self._pages.items() if page.newest < when), default=None)
        if before + 1 == after or before + 1 in self._pages:
            return None
        read = [page for page in self._pages.values() if page.oldest]
        spans = [_seconds(page.newest, page.oldest) for page in read]
        away = _seconds(self._pages[before].oldest, when) / max(sum(spans) / len(spans), 1)
        guess = before + 1 + int(away)
        return min(guess, after - 1) if after else guess

    async def _page(self, parameters: str) -> _Page | None:
        """Return a page of the feed; None if it cannot be fetched or read."""
        url = self.outlet.feeds[0]
        if parameters:
            url += f"{'&' if '?' in url else '?'}{parameters}"
        response = await self._download(url)
        if response is None:
            return None
        authors: dict[str, tuple[Author, ...]] = {}
        times = []
        try:
            for candidate in read_feed(response, self.outlet):
                authors[self.outlet.known_articles.id_of(candidate.id)] = candidate.authors
                times.append(candidate.published or "")
        except UnreadableError as error:
            if not authors:
                logger.info("Could not read authors from %s: %s", url, error)
                return None
        times = sorted(filter(None, times))
        return _Page(authors, times[-1], times[0]) if times else _Page(authors)

    # The feed of one author.

    async def _in_author_feed(
        self, candidate: Candidate, post: Mapping[str, Any]
    ) -> tuple[Author, ...]:
        number = post.get("author")
        if not self.outlet.feeds or not isinstance(number, int) or number < 1:
            return ()
        if number not in self._of_author and not self._is_closed("author-feeds"):
            page = await self._page(f"author={number}") or _Page({})
            if not page.authors or page.authors == self._pages[1].authors:
                self._close("author-feeds")
            self._of_author[number] = page
        page = self._of_author.get(number, _Page({}))
        return page.authors.get(candidate.id, ())


def _seconds(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
