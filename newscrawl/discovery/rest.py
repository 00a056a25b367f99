"""WordPress' REST interface: addresses, responses, and the walk through a long list of posts.

https://developer.wordpress.org/rest-api/reference/posts/
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from scrapy.http import Response

from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc
from newscrawl.extraction.json_text import read_json
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.posts import post_date
from newscrawl.items import Candidate

logger = logging.getLogger(__name__)

PER_PAGE = 100
"""The most posts that WordPress lists at once; a site may list fewer."""

LISTED = {"_fields": "id,link,date,date_gmt,modified,modified_gmt"}
"""The query for the fields of a post that a candidate needs."""
WHOLE = {
    # Co-Authors Plus has the authors as terms.
    "_fields": f"{LISTED['_fields']},title,excerpt,content,author,coauthors,categories,tags,_links,"
    "_embedded",
    # The names of categories and tags, and the lead picture.
    "_embed": "wp:term,wp:featuredmedia",
}
"""The query for whole posts."""

Posts = Sequence[dict[str, Any]]
"""Posts as they are in a response of the REST interface."""


def rest_address(outlet: Outlet, path: str, query: Mapping[str, Any]) -> str:
    """Return an address of an outlet's REST interface."""
    return f"{outlet.rest}/{path}?{urlencode(query, safe=',:')}"


def post_address(outlet: Outlet, candidate: Candidate) -> str:
    """Return the address of one whole post; by its slug as long as its number is not known."""
    if outlet.is_provisional(candidate.id):
        path = urlsplit(candidate.url).path.rstrip("/")
        slug = unquote(path.rpartition("/")[2])
        return rest_address(outlet, "posts", {"slug": slug, **WHOLE})
    return rest_address(outlet, f"posts/{candidate.id}", WHOLE)


def post_dates(posts: Posts, key: str, zone: tzinfo) -> list[str]:
    """Return the times of posts that have one, in their order; see ``post_date``."""
    return list(filter(None, (post_date(post, key, zone) for post in posts)))


def read_list(response: Response) -> list[dict[str, Any]]:
    """Return the objects that a response lists. Raises UnreadableError."""
    objects, are_all = read_some(response)
    if not are_all:
        raise UnreadableError("not a list of posts")
    return objects


def read_some(response: Response) -> tuple[list[dict[str, Any]], bool]:
    """Return the objects with an id that a response lists, and whether all in it are such.

    Raises UnreadableError when none is.
    """
    try:
        listed = read_json(response.body)
    except ValueError as error:
        raise UnreadableError("not JSON") from error
    if listed and isinstance(listed, dict) and all(number.isdecimal() for number in listed):
        # PHP writes a list that a plug-in has taken entries from as an object.
        listed = list(listed.values())
    if not isinstance(listed, list):
        raise UnreadableError("not a list of posts")
    objects = [it for it in listed if isinstance(it, dict) and str(it.get("id")).isdecimal()]
    if listed and not objects:
        raise UnreadableError("not a list of posts")
    return objects, len(objects) == len(listed)


def header_number(response: Response, name: str) -> int | None:
    """Return the number in a header, or None."""
    text = (response.headers.get(name) or b"").decode("latin-1")
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else None


def shifted(time: str, seconds: int) -> str:
    """Return a time so many seconds later: WordPress' bounds are exclusive.

    A time without offset is by the newsroom's clock, and so is the result.

    >>> shifted("2026-11-01T01:59:59", 1), shifted("2026-11-01T05:59:59Z", 1)
    ('2026-11-01T02:00:00', '2026-11-01T06:00:00Z')
    """
    later = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return utc(later) if later.tzinfo else later.isoformat()


@dataclass(slots=True)
class Walk:
    """A walk through posts: which ones, the position reached, and counts of the last response.

    The walk goes by time, not by page. Each request starts at the second of the last post of the
    response before (``cursor``), and excludes the posts of that second that were seen (``edge``).
    Posts published meanwhile therefore move nothing. WordPress does not order posts of the same
    second, so a second with a full page of posts is walked by id, page by page (``by_id``).
    ``total`` and ``left`` are None where the site states no number, or one that cannot be right.
    ``size`` is the number of posts on a full page.
    """

    filters: dict[str, str]
    cursor: str = ""
    page: int = 1
    size: int = PER_PAGE
    by_id: bool = False
    edge: frozenset[str] = frozenset()
    total: int | None = None
    left: int | None = None
    fresh: int = 0
    seen: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name of the checkpoint that keeps the position for later runs."""
        return " ".join(("api", *self.filters.values()))

    @property
    def bounds(self) -> dict[str, str]:
        """The parameters that exclude posts that were seen, or that choose the page."""
        if self.page > 1:
            return {"page": str(self.page)}
        return {"exclude": ",".join(sorted(self.edge))} if self.edge and not self.by_id else {}

    def note(self, response: Response, posts: Sequence[Mapping[str, Any]]) -> None:
        """Count the posts of a response: in all, still to come, and seen for the first time.

        Raises UnreadableError when a page repeats the posts before it: the walk would not end.
        """
        total = header_number(response, "X-WP-Total")
        self.total = total if self.total is None else self.total
        if self.page == 1:
            self.left = total
        self.left = self.left - len(posts) if self.left is not None else None
        if self.left is not None and self.left <= 0 and len(posts) >= self.size:
            # Caches and plug-ins state 0, or the number on this page.
            self.left = None
        self.fresh = sum(str(post.get("id")) not in self.seen for post in posts)
        self.seen.update(str(post.get("id")) for post in posts)
        if posts and not self.fresh and self.page > 1 and not self.by_id:
            raise UnreadableError("the same posts again")

    def goes_on(self, posts: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether to request more: posts are left, or the last page had new ones."""
        if self.by_id:
            return True
        return bool(posts) and bool(self.fresh if self.left is None else self.left > 0)

    def step(self, posts: Sequence[Mapping[str, Any]], key: str, direction: int) -> None:
        """Move the cursor to the last post; ``key`` names its time by the newsroom's clock.

        ``direction`` is 1 for later, -1 for earlier. Raises UnreadableError for posts without a
        time, and when nothing was new.
        """
        if self.by_id:
            if posts and (self.left is None or self.left > 0):
                self.page += 1
            else:
                # All posts of this second were seen.
                self.cursor = shifted(self.cursor, direction)
                self.by_id, self.page, self.edge = False, 1, frozenset()
            return
        times = [post.get(key) or post_date(post, key, UTC) for post in posts]
        last = times[-1]
        try:
            shifted(str(last), direction)
        except (ValueError, OverflowError) as error:
            raise UnreadableError("posts without a time") from error
        if not self.fresh:
            self.check()
            raise UnreadableError("the same posts again")
        at_last = frozenset(
            str(post.get("id")) for post, time in zip(posts, times, strict=True) if time == last
        )
        self.edge = at_last | (self.edge if last == self.cursor else frozenset())
        self.cursor = str(last)
        self.by_id = len(self.edge) >= PER_PAGE

    def check(self) -> None:
        """Raise UnreadableError when fewer posts were seen than the first response stated."""
        if self.total is not None and len(self.seen) < self.total:
            logger.warning("REST states %d posts and listed %d", self.total, len(self.seen))
            raise UnreadableError("fewer posts than stated")
