"""Lists of posts of the REST interface: request them, and the articles in them."""

import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.rest import (
    LISTED,
    PER_PAGE,
    WHOLE,
    Posts,
    Walk,
    read_some,
    rest_address,
)
from newscrawl.discovery.tasks import ArticleTask, ListingTask
from newscrawl.discovery.terms import TermNames
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.json_text import read_json
from newscrawl.extraction.posts import post_date
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Candidate
from newscrawl.storage.known_articles import KnownArticles

logger = logging.getLogger(__name__)

BROKEN_POSTS = "broken posts in the list"
"""Reason of a failed list: some of its entries are no posts."""

_PER_PAGE = "api per_page"  # the checkpoint of the most posts that a site lists at once

Then = Callable[..., Iterator[Request]]
"""Called with the posts of a list, its walk, its address, and the values that were kept for it."""


class PostLists:
    """Requests lists of posts, a hundred posts at once, and the articles in them."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""
        self.outlet = outlet
        self.terms = TermNames(outlet)
        self._uses_inline_posts = outlet.arguments.fetch in ("auto", "api")
        self._most = 0

    @property
    def known(self) -> KnownArticles:
        """The outlet's articles in the ledger."""
        return self.outlet.known_articles

    @property
    def per_page(self) -> int:
        """The most posts that the site lists at once."""
        if not self._most:
            saved = self.outlet.checkpoints.read(_PER_PAGE)
            self._most = int(saved.position) if saved and saved.position else PER_PAGE
        return self._most

    def listing(
        self,
        then: Then,
        walk: Walk,
        query: Mapping[str, str],
        keep: Mapping[str, Any] | None = None,
        *,
        whole: bool = True,
        most: int = PER_PAGE,
        otherwise: Callable[[], Request] | None = None,
    ) -> Request:
        """Return the request for a list of posts; ``then`` is called with its posts and ``keep``.

        ``whole`` requests whole posts where ``fetch`` allows them, else their addresses and times.
        If the site allows fewer posts at once than ``most``, the request is made again.
        ``otherwise`` returns the request to make besides when the site refuses this one.
        """
        walk.size = min(most, self.per_page)
        fields = WHOLE if whole and self._uses_inline_posts else LISTED
        count = {"per_page": str(walk.size)}
        query_of_page = {**query, **walk.filters, **walk.bounds, **count, **fields}
        again = partial(
            self.listing, then, walk, query, keep, whole=whole, most=most, otherwise=otherwise
        )
        url = rest_address(self.outlet, "posts", query_of_page)
        then = partial(then, **(keep or {}))
        return ListingTask().request(
            url,
            self.parse,
            statuses=(400,),
            again=again,
            then=then,
            walk=walk,
            otherwise=otherwise,
        )

    async def parse(
        self,
        response: Response,
        again: Callable[[], Request],
        then: Then,
        walk: Walk,
        otherwise: Callable[[], Request] | None,
    ) -> AsyncIterator[Request]:
        """Request what follows from the posts of a list. Raises UnreadableError."""
        posts, are_all = list[dict[str, Any]](), True
        if response.status != 400:
            posts, are_all = read_some(response)
        elif most := _allowed(response, self.per_page):
            logger.info("The site lists %d posts at once", most)
            self._most = most
            self.outlet.checkpoints.save(_PER_PAGE, position=str(most))
            yield again()
            return
        elif walk.page == 1:
            if otherwise:
                yield otherwise()
            raise UnreadableError("http 400")
        walk.note(response, posts)
        if any("content" in post for post in posts):
            await self.terms.complete(posts)
        for request in then(posts, walk, response.url):
            yield request
        if not are_all:
            raise UnreadableError(BROKEN_POSTS)

    def articles(self, posts: Posts, listing_url: str) -> Iterator[Request]:
        """Yield requests for the articles of a list. Whole posts are passed on: none is fetched."""
        for post in posts:
            candidate = self.candidate(post)
            if candidate is None:
                assert self.outlet.crawler.stats is not None
                self.outlet.crawler.stats.inc_value("newscrawl/posts_without_article_address")
                logger.info(
                    "Post %s has no article's address: %s", post.get("id"), post.get("link")
                )
                continue
            whole = post if self._uses_inline_posts and "content" in post else None
            yield self.outlet.article_request(candidate, whole, listing_url)

    def candidate(self, post: Mapping[str, Any]) -> Candidate | None:
        """Return the article of a post, or None when its address is not an article's."""
        link, identity = post.get("link"), str(post.get("id"))
        parts = urlsplit((absolute_url(link) if isinstance(link, str) else None) or "")
        # The post is read by its number, without its bad address. The site may write its links
        # with another name: that of a server behind its own.
        host = self.outlet.own_hosts.get(parts.hostname or "", self.outlet.host)
        own = parts._replace(scheme=self.outlet.scheme, netloc=host).geturl()
        number = self.outlet.absolute(f"/?p={identity}")
        candidate = self.outlet.candidate(own if parts.netloc else number)
        if candidate and self.outlet.is_provisional(candidate.id):
            candidate = replace(candidate, id=identity)
        if candidate is None or candidate.id != identity:
            return None
        times = {key: post_date(post, key, self.outlet.zone) for key in ("modified", "date")}
        return replace(candidate, modified=times["modified"], published=times["date"])

    def check_articles(self, posts: Posts) -> None:
        """Raise UnreadableError when no post has an article's address: the site has changed."""
        if posts and not any(map(self.candidate, posts)):
            raise UnreadableError("no articles in the listing")

    def articles_by_id(self, candidates: Sequence[Candidate]) -> Iterator[Request]:
        """Yield requests for articles by their ids, a full page of them in each request.

        An article that is known by its address only is requested by itself.
        """
        for it in candidates:
            if self.outlet.is_provisional(it.id):
                yield self.outlet.article_request(it)
        candidates = [it for it in candidates if not self.outlet.is_provisional(it.id)]
        size = self.per_page
        for start in range(0, len(candidates), size):
            some = candidates[start : start + size]
            walk = Walk({"include": ",".join(it.id for it in some)})
            yield self.listing(self._read_by_id, walk, {}, {"candidates": some})

    def _read_by_id(
        self, posts: Posts, walk: Walk, listing_url: str, candidates: Sequence[Candidate]
    ) -> Iterator[Request]:
        requested = {it.id: it for it in candidates}
        for request in self.articles(posts, listing_url):
            task = ArticleTask.required(request)
            # A site may return posts that were not requested.
            if candidate := requested.get(task.candidate.id):
                candidate = replace(task.candidate, authors=candidate.authors)
                yield task.on(request, candidate=candidate)
        missing = [it for it in candidates if it.id not in walk.seen]
        if walk.left and len(missing) < len(candidates):
            yield from self.articles_by_id(missing)
            return
        for candidate in missing:
            yield self.unlisted(candidate)

    def unlisted(self, candidate: Candidate) -> Request:
        """Return the request for a post that a list lacks: its own response says why."""
        request = self.outlet.post_request(candidate)
        return ArticleTask.required(request).on(request, is_unlisted=True)


def _allowed(response: Response, requested: int) -> int:
    """Return how many posts the site lists at once; 0 unless too many were requested."""
    try:
        sentence = read_json(response.body)["data"]["params"]["per_page"]
        number = re.search(r"(?<!\d)(\d{1,9})\D*$", sentence)
    except (ValueError, KeyError, TypeError):
        return 0
    most = int(number[1]) if number else 0
    return most if 0 < most < requested else 0
