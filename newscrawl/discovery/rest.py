"""WordPress' REST interface: lists of posts, a hundred in one request, and the names of terms.

https://developer.wordpress.org/rest-api/reference/posts/
"""

import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import LISTING_PRIORITY, OutletSpider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import iso_date, utc
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Candidate
from newscrawl.storage.known_articles import KnownArticles

logger = logging.getLogger(__name__)

PER_PAGE = 100
"""The most posts that WordPress gives at once; a site may give fewer."""

_LISTED = "id,link,date,date_gmt,modified,modified_gmt"
# Co-Authors Plus tells the authors as terms, where it shows them.
_WHOLE = f"{_LISTED},title,excerpt,content,author,coauthors,categories,tags,_links,_embedded"
# The names of categories and tags, and the lead picture, come along with a post.
_EMBEDDED = "wp:term,wp:featuredmedia"
_CAP = "api per_page"  # the checkpoint of a site's own greatest page


def post_address(outlet: Outlet, identity: str) -> str:
    """Return the address of one whole post."""
    query = urlencode({"_fields": _WHOLE, "_embed": _EMBEDDED}, safe=",:")
    return f"https://{outlet.host}{outlet.rest}/posts/{identity}?{query}"


def moment(post: Mapping[str, Any], key: str) -> str | None:
    """Return a post's time, which is UTC without saying so, in the record's form."""
    value = post.get(key)
    return iso_date(f"{value}+00:00") if isinstance(value, str) else None


def read_list(response: Response) -> list[dict[str, Any]]:
    """Return the objects of an answer of the REST interface. Raises UnreadableError."""
    try:
        answer = json.loads(response.body)
    except (ValueError, RecursionError) as error:
        raise UnreadableError("not JSON") from error
    if not isinstance(answer, list) or not all(isinstance(it, dict) for it in answer):
        raise UnreadableError("not a list of posts")
    return answer


def header_number(response: Response, name: str) -> int | None:
    """Return the number in a header; None when there is none."""
    text = (response.headers.get(name) or b"").decode("latin-1")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def shifted(time: str, seconds: int) -> str:
    """Return a time so many seconds later: WordPress' bounds are exclusive.

    One without offset is by the newsroom's clock, as WordPress gives it, and stays so.

    >>> shifted("2026-11-01T01:59:59", 1), shifted("2026-11-01T05:59:59Z", 1)
    ('2026-11-01T02:00:00', '2026-11-01T06:00:00Z')
    """
    later = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return utc(later) if later.tzinfo else later.isoformat()


@dataclass(slots=True)
class Walk:
    """A walk through posts: which, how far it has come, and what the last response stated.

    It goes by time, not by page: each request starts at the second at which the last answer
    ended (``cursor``) and excludes the posts of that second that were seen (``edge``), so what is
    published meanwhile moves nothing. The order of posts of one time is undefined: a second with
    a page of posts and more is walked by id, page by page (``by_id``).
    """

    filters: dict[str, str]
    cursor: str = ""
    page: int = 1
    by_id: bool = False
    edge: frozenset[str] = frozenset()
    total: int | None = None
    left: int | None = None
    fresh: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name under which later runs remember how far the walk came."""
        return " ".join(("api", *self.filters.values()))

    @property
    def bounds(self) -> dict[str, str]:
        """The parameters that leave out what was seen, or that choose the page."""
        if self.page > 1:
            return {"page": str(self.page)}
        return {"exclude": ",".join(sorted(self.edge))} if self.edge and not self.by_id else {}

    def note(self, response: Response, posts: Sequence[Mapping[str, Any]]) -> None:
        """Take note of an answer: how many posts there are in all, and which are new to us.

        Raises UnreadableError for an answer that leads nowhere.
        """
        told = header_number(response, "X-WP-Total")
        self.total = told if self.total is None else self.total
        if self.page == 1:
            self.left = told
        self.left = self.left - len(posts) if self.left is not None else None
        self.fresh = sum(str(post.get("id")) not in self.seen for post in posts)
        self.seen.update(str(post.get("id")) for post in posts)
        if posts and not self.fresh and self.page > 1 and not self.by_id:
            raise UnreadableError("the same posts again")

    def goes_on(self, posts: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether there may be more: by the total if it is stated, else by what was new."""
        if self.by_id:
            return True
        return bool(posts) and bool(self.fresh if self.left is None else self.left > 0)

    def step(self, posts: Sequence[Mapping[str, Any]], key: str, direction: int) -> None:
        """Go on behind the last post; ``key`` names its time by the newsroom's clock.

        Raises UnreadableError for posts that lead nowhere.
        """
        if self.by_id:
            if posts and (self.left is None or self.left > 0):
                self.page += 1
            else:
                # The second is done: on with the next.
                self.cursor = shifted(self.cursor, direction)
                self.by_id, self.page, self.edge = False, 1, frozenset()
            return
        times = [post.get(key) or moment(post, f"{key}_gmt") for post in posts]
        last = times[-1]
        try:
            shifted(str(last), direction)
        except (ValueError, OverflowError) as error:
            raise UnreadableError("posts without a time") from error
        if not self.fresh and last == self.cursor:
            self.check()
            raise UnreadableError("the same posts again")
        at_last = frozenset(
            str(post.get("id")) for post, time in zip(posts, times, strict=True) if time == last
        )
        self.edge = at_last | (self.edge if last == self.cursor else frozenset())
        self.cursor = str(last)
        self.by_id = len(self.edge) >= PER_PAGE

    def check(self) -> None:
        """Raise UnreadableError when fewer posts came than there were in the beginning."""
        if self.total is not None and len(self.seen) < self.total:
            logger.warning("REST gave %d posts of %d", len(self.seen), self.total)
            raise UnreadableError("fewer posts than told")


class Terms:
    """The names of categories and tags, for a site that does not send them along with a post."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self._known: dict[tuple[str, int], Mapping[str, Any]] = {}

    async def complete(self, posts: Iterable[dict[str, Any]]) -> None:
        """Give posts the terms that they lack, in the shape of WordPress' own ``_embedded``."""
        lacking = [it for it in posts if "wp:term" not in _embedded(it)]
        for taxonomy in ("categories", "tags"):
            numbers = {(taxonomy, n) for post in lacking for n in _numbers(post, taxonomy)}
            unknown = sorted(number for _, number in numbers - self._known.keys())
            for start in range(0, len(unknown), PER_PAGE):
                await self._ask(taxonomy, unknown[start : start + PER_PAGE])
        for post in lacking:
            terms = [
                [
                    self._known[key]
                    for n in _numbers(post, name)
                    if (key := (name, n)) in self._known
                ]
                for name in ("categories", "tags")
            ]
            post["_embedded"] = {**_embedded(post), "wp:term": terms}

    async def _ask(self, taxonomy: str, numbers: Sequence[int]) -> None:
        query = urlencode(
            {
                "include": ",".join(map(str, numbers)),
                "per_page": PER_PAGE,
                "_fields": "id,name,slug,link,taxonomy",
            },
            safe=",",
        )
        url = f"https://{self.outlet.host}{self.outlet.rest}/{taxonomy}?{query}"
        engine, stats = self.outlet.crawler.engine, self.outlet.crawler.stats
        assert engine is not None
        assert stats is not None
        try:
            found = read_list(await engine.download_async(Request(url)))
        except Exception as error:  # whatever it is, articles go on without these names
            stats.inc_value("newscrawl/no_terms")
            logger.warning("No names of %s: %s", taxonomy, str(error) or type(error).__name__)
            return
        numbered = (term for term in found if isinstance(term.get("id"), int))
        self._known |= {(taxonomy, term["id"]): term for term in numbered}


def _embedded(post: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what came along with a post."""
    found = post.get("_embedded")
    return found if isinstance(found, dict) else {}


def _numbers(post: Mapping[str, Any], taxonomy: str) -> list[int]:
    """Return the numbers of a post's terms."""
    found = post.get(taxonomy)
    return [it for it in found if isinstance(it, int)] if isinstance(found, list) else []


Posts = Sequence[dict[str, Any]]
"""Posts as the REST interface gives them."""

Then = Callable[..., Iterator[Request]]
"""What follows on a list of posts: called with the posts, the walk, and what was kept."""


class Rest:
    """Asks for lists of posts and for the articles in them."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self.terms = Terms(outlet)
        self._carries = outlet.arguments.fetch in ("auto", "api")
        self._most = 0

    @property
    def known(self) -> KnownArticles:
        """The outlet's articles in the ledger."""
        return self.outlet.known_articles

    @property
    def per_page(self) -> int:
        """The most posts that the site gives at once."""
        if not self._most:
            told = self.outlet.checkpoints.read(_CAP)
            self._most = int(told.position) if told and told.position else PER_PAGE
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
    ) -> Request:
        """Return the request for a list of posts; ``then`` is called with its posts.

        Posts come ``whole`` where ``fetch`` allows, else what a list needs to say of them. A site
        may allow fewer than ``most`` at once: then the request is made again.
        """
        carries = whole and self._carries
        fields = {"_fields": _WHOLE, "_embed": _EMBEDDED} if carries else {"_fields": _LISTED}
        count = {"per_page": str(min(most, self.per_page))}
        text = urlencode({**query, **walk.filters, **walk.bounds, **count, **fields}, safe=",:")
        again = partial(self.listing, then, walk, query, keep, whole=whole, most=most)
        return Request(
            f"https://{self.outlet.host}{self.outlet.rest}/posts?{text}",
            self.parse,
            cb_kwargs={"again": again, "then": partial(then, **(keep or {})), "walk": walk},
            meta={"handle_httpstatus_list": [400]},
            priority=LISTING_PRIORITY,
            dont_filter=True,
        )

    async def parse(
        self, response: Response, again: Callable[[], Request], then: Then, walk: Walk
    ) -> AsyncIterator[Request]:
        """Ask for the posts of a list, then for what follows. Raises UnreadableError."""
        posts: list[dict[str, Any]] = []
        if response.status != 400:
            posts = read_list(response)
        elif most := _allowed(response, self.per_page):
            logger.info("The site gives %d posts at once", most)
            self._most = most
            self.outlet.checkpoints.save(_CAP, position=str(most))
            yield again()
            return
        elif walk.page == 1:
            raise UnreadableError("http 400")
        walk.note(response, posts)
        if any("content" in post for post in posts):
            await self.terms.complete(posts)
        for request in then(posts, walk, response.url):
            yield request

    def articles(self, posts: Posts, told_by: str) -> Iterator[Request]:
        """Yield requests for the articles of a list; whole posts are answered from it."""
        for post in posts:
            candidate = self.candidate(post)
            if candidate is None:
                assert self.outlet.crawler.stats is not None
                self.outlet.crawler.stats.inc_value("newscrawl/posts_without_article_address")
                logger.info(
                    "Post %s has no article's address: %s", post.get("id"), post.get("link")
                )
                continue
            whole = post if self._carries and "content" in post else None
            yield self.outlet.article_request(candidate, whole, told_by)

    def candidate(self, post: Mapping[str, Any]) -> Candidate | None:
        """Return the article of a post, or None when its address is not an article's."""
        link, identity = post.get("link"), str(post.get("id"))
        if not isinstance(link, str) or not absolute_url(link):
            # A bad address costs itself, not the post.
            link = f"https://{self.outlet.host}/?p={identity}"
        candidate = self.outlet.candidate(link)
        if candidate is None or candidate.id != identity:
            return None
        return replace(
            candidate, modified=moment(post, "modified_gmt"), published=moment(post, "date_gmt")
        )

    # Articles that are known by their numbers, a hundred in one request.

    def due(self, candidates: Sequence[Candidate]) -> Iterator[Request]:
        """Yield requests for articles that are due, or that another listing has named."""
        size = self.per_page
        for start in range(0, len(candidates), size):
            some = candidates[start : start + size]
            walk = Walk({"include": ",".join(it.id for it in some)})
            yield self.listing(self._due, walk, {}, {"candidates": some})

    def _due(
        self,
        posts: Posts,
        walk: Walk,
        told_by: str,
        candidates: Sequence[Candidate],
    ) -> Iterator[Request]:
        named = {it.id: it for it in candidates}
        for request in self.articles(posts, told_by):
            task = ArticleTask.required(request)
            # A site may return posts that were not requested.
            if asked := named.get(task.candidate.id):
                candidate = replace(task.candidate, authors=asked.authors)
                yield task.on(request, candidate=candidate)
        missing = [it for it in candidates if it.id not in walk.seen]
        if walk.left and len(missing) < len(candidates):
            yield from self.due(missing)
            return
        for candidate in missing:
            yield self.unlisted(candidate)

    def unlisted(self, candidate: Candidate) -> Request:
        """Return the request for a post that a list has left out: asked by itself, it says why."""
        request = self.outlet.post_request(candidate)
        return ArticleTask.required(request).on(request, is_unlisted=True)


def _allowed(response: Response, asked: int) -> int:
    """Return how many posts the site gives at once, when it says that too many were requested."""
    try:
        params = json.loads(response.body)["data"]["params"]
        found = re.search(r"(?<!\d)(\d{1,9})\D*$", params["per_page"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    most = int(found[1]) if found else 0
    return most if 0 < most < asked else 0
