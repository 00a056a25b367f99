"""``discover=api``: WordPress' REST interface, a hundred whole articles in one request.

https://developer.wordpress.org/rest-api/reference/posts/
"""

import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import LISTING_PRIORITY, OutletSpider
from newscrawl.discovery.backward import Backward
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import iso_date, utc
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Candidate

logger = logging.getLogger(__name__)

PER_PAGE = 100
"""The most posts that WordPress gives at once."""

_LISTED = "id,link,date_gmt,modified_gmt"
_WHOLE = f"{_LISTED},title,excerpt,content,categories,tags,_links,_embedded"
# The names of categories and tags, and the lead picture, come along with a post.
_EMBEDDED = "wp:term,wp:featuredmedia"
# WordPress compares times by the newsroom's clock, which lives one hour of autumn twice; and what
# was changed while an earlier run was asking may have shown up late.
_OVERLAP = timedelta(minutes=65)


def post_address(outlet: Outlet, identity: str) -> str:
    """Return the address of one whole post."""
    query = urlencode({"_fields": _WHOLE, "_embed": _EMBEDDED}, safe=",:")
    return f"https://{outlet.host}{outlet.rest}/posts/{identity}?{query}"


def moment(post: Mapping[str, Any], key: str) -> str | None:
    """Return a post's time, which is UTC without saying so, in the record's form."""
    value = post.get(key)
    return iso_date(f"{value}+00:00") if isinstance(value, str) else None


@dataclass(slots=True)
class Walk:
    """A walk through posts: which, how far it has come, and what the last answer told.

    It goes by time, not by page: each request starts where the last answer ended, so what is
    published meanwhile moves nothing. ``page`` counts only through posts of one second.
    """

    filters: dict[str, str]
    cursor: str = ""
    page: int = 1
    total: int | None = None
    left: int | None = None
    fresh: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name under which later runs remember how far the walk came."""
        return " ".join(("api", *self.filters.values()))

    def note(self, response: Response, posts: Sequence[Mapping[str, Any]]) -> None:
        """Take note of an answer: how many posts there are in all, and which are new to us.

        Raises UnreadableError for an answer that leads nowhere.
        """
        header = (response.headers.get("X-WP-Total") or b"").decode("latin-1")
        told = int(header) if header.isdigit() else None
        self.total = told if self.total is None else self.total
        self.left = told - len(posts) if told is not None and self.page == 1 else None
        self.fresh = sum(str(post.get("id")) not in self.seen for post in posts)
        self.seen.update(str(post.get("id")) for post in posts)
        if posts and not self.fresh and self.page > 1:
            raise UnreadableError("the same posts again")

    def goes_on(self, posts: Sequence[Mapping[str, Any]]) -> bool:
        """Say whether there may be more: by the total when it is told, else by a full page."""
        if not posts or self.left is not None:
            return bool(posts) and bool(self.left and self.left > 0)
        return len(posts) == PER_PAGE

    def step(self, to: str) -> None:
        """Go on from the last post; by pages while all posts of an answer are of one second."""
        if to != self.cursor and self.fresh:
            self.cursor, self.page = to, 1
        else:
            self.page += 1

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
        lacking = [it for it in posts if "wp:term" not in (it.get("_embedded") or {})]
        for taxonomy in ("categories", "tags"):
            numbers = {(taxonomy, n) for post in lacking for n in post.get(taxonomy) or ()}
            unknown = sorted(number for _, number in numbers - self._known.keys())
            for start in range(0, len(unknown), PER_PAGE):
                await self._ask(taxonomy, unknown[start : start + PER_PAGE])
        for post in lacking:
            terms = [
                [
                    self._known[key]
                    for n in post.get(name) or ()
                    if (key := (name, n)) in self._known
                ]
                for name in ("categories", "tags")
            ]
            post["_embedded"] = {**(post.get("_embedded") or {}), "wp:term": terms}

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
        self._known |= {(taxonomy, term["id"]): term for term in found if "id" in term}


class WordPress:
    """Asks for what changed since the last run, or for what was published in a window."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        self.outlet = outlet
        self.terms = Terms(outlet)
        self._carries = outlet.wanted.fetch in ("auto", "api")

    def start(self) -> Iterator[Request]:
        """Yield the first request for posts, or for the numbers of the wanted sections and tags."""
        yield from self.first_requests().values()

    def first_requests(self) -> dict[str, Request]:
        """Return the first requests by taxonomy; the one for posts of all terms under ``""``."""
        wanted = self.outlet.wanted
        if self.outlet.front in wanted.sections or not (wanted.sections or wanted.tags):
            return {"": self._first({})}
        found = {}
        for taxonomy, paths in (("categories", wanted.sections), ("tags", wanted.tags)):
            if paths:
                slugs = ",".join(dict.fromkeys(path.rpartition("/")[2] for path in paths))
                query = urlencode({"slug": slugs, "per_page": PER_PAGE, "_fields": "id,slug,link"})
                url = f"https://{self.outlet.host}{self.outlet.rest}/{taxonomy}?{query}"
                arguments = {"taxonomy": taxonomy, "paths": paths}
                found[taxonomy] = Request(
                    url, self.parse_terms, cb_kwargs=arguments, dont_filter=True
                )
        return found

    def parse_terms(
        self, response: Response, taxonomy: str, paths: Sequence[str]
    ) -> Iterator[Request]:
        """Ask for the posts of sections or tags. Raises UnreadableError when one is unknown."""
        terms = read_list(response)
        numbers: dict[str, None] = {}
        for path in paths:
            found = [it for it in terms if it.get("slug") == path.rpartition("/")[2]]
            if not found:
                logger.error("The REST interface has no %s for %r.", taxonomy, path)
                raise UnreadableError(f"unknown {taxonomy}")
            # Sections of different parents share a slug; the address tells them apart.
            exact = [it for it in found if f"/{path}/" in f"{it.get('link')}/"]
            numbers |= dict.fromkeys(str(it.get("id")) for it in exact or found)
        yield self._first({taxonomy: ",".join(numbers)})

    def _first(self, filters: dict[str, str]) -> Request:
        wanted = self.outlet.wanted
        now = utc(datetime.now(UTC))
        if wanted.since or wanted.until:
            top = wanted.until or now
            return self._older(Walk(filters, top), Backward(self.outlet, "api", top))
        known = self.outlet.checkpoints.read(Walk(filters).name)
        if known and known.position:
            return self._changed(Walk(filters, known.position))
        return self._newest(Walk(filters), now)

    def _request(self, callback: Any, walk: Walk, keep: dict[str, Any], **more: str) -> Request:
        fields = {"_fields": _WHOLE, "_embed": _EMBEDDED} if self._carries else {"_fields": _LISTED}
        numbers = {"per_page": PER_PAGE, **({"page": walk.page} if walk.page > 1 else {})}
        text = urlencode({**more, **walk.filters, **numbers, **fields}, safe=",:")
        return Request(
            f"https://{self.outlet.host}{self.outlet.rest}/posts?{text}",
            callback,
            cb_kwargs={"walk": walk, **keep},
            # A page past the end is no error of the site.
            meta={"handle_httpstatus_list": [400]} if walk.page > 1 else {},
            priority=LISTING_PRIORITY,
            dont_filter=True,
        )

    # What is due from earlier runs, a hundred in one request.

    def due(self, candidates: Sequence[Candidate]) -> Iterator[Request]:
        """Yield requests for articles that are known by their numbers."""
        for start in range(0, len(candidates), PER_PAGE):
            some = candidates[start : start + PER_PAGE]
            walk = Walk({"include": ",".join(it.id for it in some)})
            yield self._request(self.parse_due, walk, {"candidates": some})

    async def parse_due(
        self, response: Response, walk: Walk, candidates: Sequence[Candidate]
    ) -> AsyncIterator[Request]:
        """Request articles that are due. Raises UnreadableError."""
        posts = await self._posts(response, walk)
        for request in self._articles(response, posts):
            yield request
        for candidate in candidates:
            if candidate.id not in walk.seen:
                # Asked by itself, it says why.
                yield self.outlet.article_request(candidate)

    # A first run: the newest posts, as many pages as links would read.

    def _newest(self, walk: Walk, began: str) -> Request:
        keep = {"began": began}
        return self._request(self.parse_newest, walk, keep, orderby="date", order="desc")

    async def parse_newest(
        self, response: Response, walk: Walk, began: str
    ) -> AsyncIterator[Request]:
        """Ask for the newest posts, page by page. Raises UnreadableError."""
        posts = await self._posts(response, walk)
        for request in self._articles(response, posts):
            yield request
        more = walk.total is not None and len(walk.seen) < walk.total
        # New posts push known ones to the next page: seen twice, never lost.
        if walk.page < self.outlet.wanted.pages and posts and (more or len(posts) == PER_PAGE):
            walk.page += 1
            yield self._newest(walk, began)
        else:
            if walk.page < self.outlet.wanted.pages:
                walk.check()
            self._remember(walk, began)

    # Later runs: what was published or changed since, the longest ago first.

    def _changed(self, walk: Walk) -> Request:
        after = shifted(walk.cursor, -1)
        more = {"modified_after": after, "orderby": "modified", "order": "asc"}
        return self._request(self.parse_changed, walk, {}, **more)

    async def parse_changed(self, response: Response, walk: Walk) -> AsyncIterator[Request]:
        """Ask for the posts that were changed. Raises UnreadableError."""
        posts = await self._posts(response, walk)
        for request in self._articles(response, posts):
            yield request
        latest = max((moment(post, "modified_gmt") or "" for post in posts), default="")
        if walk.goes_on(posts):
            walk.step(latest or walk.cursor)
            self._remember(walk, walk.cursor)
            yield self._changed(walk)
        else:
            walk.check()
            self._remember(walk, max(latest, walk.cursor))

    def _remember(self, walk: Walk, changed: str) -> None:
        # A time in the future would hide what is changed before it comes.
        latest = datetime.fromisoformat(min(changed, utc(datetime.now(UTC))))
        self.outlet.checkpoints.save(walk.name, position=utc(latest - _OVERLAP))

    # A backfill: what was published in a window, the newest first.

    def _older(self, walk: Walk, backward: Backward) -> Request:
        more = {"before": shifted(walk.cursor, 1), "orderby": "date", "order": "desc"}
        if since := self.outlet.wanted.since:
            more["after"] = shifted(since, -1)
        return self._request(self.parse_older, walk, {"backward": backward}, **more)

    async def parse_older(
        self, response: Response, walk: Walk, backward: Backward
    ) -> AsyncIterator[Request]:
        """Ask for the posts of the window. Raises UnreadableError."""
        posts = await self._posts(response, walk)
        for request in self._articles(response, posts):
            yield request
        dates = [date for post in posts if (date := moment(post, "date_gmt"))]
        if not dates or not walk.goes_on(posts):
            walk.check()
            backward.finished()
            return
        below = backward.below(min(dates))
        if below != min(dates):
            # What lies between was counted by the run that did it.
            walk.total = None
        backward.reached(below, len(walk.seen), "of", walk.total or "?", "posts")
        walk.step(below)
        yield self._older(walk, backward)

    async def _posts(self, response: Response, walk: Walk) -> list[dict[str, Any]]:
        """Return the posts of an answer, with the names of their terms when they came whole."""
        posts = [] if response.status == 400 else read_list(response)
        walk.note(response, posts)
        if self._carries:
            await self.terms.complete(posts)
        return posts

    def _articles(self, response: Response, posts: Sequence[dict[str, Any]]) -> Iterator[Request]:
        for post in posts:
            link, identity = post.get("link"), str(post.get("id"))
            if not isinstance(link, str) or not absolute_url(link):
                # A bad address costs itself, not the post.
                link = f"https://{self.outlet.host}/?p={identity}"
            candidate = self.outlet.candidate(link)
            if candidate is None or candidate.id != identity:
                assert self.outlet.crawler.stats is not None
                self.outlet.crawler.stats.inc_value("newscrawl/posts_without_article_address")
                logger.info("Post %s has no article's address: %s", identity, link)
                continue
            candidate = replace(
                candidate,
                modified=moment(post, "modified_gmt"),
                published=moment(post, "date_gmt"),
            )
            whole = post if self._carries and "content" in post else None
            yield self.outlet.article_request(candidate, whole, response.url)


def read_list(response: Response) -> list[dict[str, Any]]:
    """Return the objects of an answer of the REST interface. Raises UnreadableError."""
    try:
        answer = json.loads(response.body)
    except ValueError as error:
        raise UnreadableError("not JSON") from error
    if not isinstance(answer, list) or not all(isinstance(it, dict) for it in answer):
        raise UnreadableError("not a list of posts")
    return answer


def shifted(time: str, seconds: int) -> str:
    """Return a time so many seconds later: WordPress' bounds are exclusive."""
    return utc(datetime.fromisoformat(time) + timedelta(seconds=seconds))
