"""``discover=api``: WordPress' REST interface, a hundred whole articles in one request."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.backward import Backward
from newscrawl.discovery.presence import EXCLUDED, RECENT, Presence
from newscrawl.discovery.rest import (
    PER_PAGE,
    Posts,
    Rest,
    Walk,
    header_number,
    moment,
    read_list,
    shifted,
)
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc

logger = logging.getLogger(__name__)

# What was changed while an earlier run was asking may have shown up late; and WordPress compares
# times by the newsroom's clock, which lives one hour of autumn twice.
_OVERLAP = timedelta(minutes=65)
_EPOCH = "1970-01-01T00:00:00Z"  # no post of WordPress is older
# The newest changes come with the first request: more than an hour's, with the overlap's.
_NEWEST = 50


class WordPress(Rest):
    """Asks for what changed or appeared since the last run, or was published in a window.

    Not all that appears has a new time of modification: a scheduled post has that of its last
    edit, and wire copy one of its own. So the number of all posts is compared with the ledger's;
    if the difference has changed since the last run, the recent posts that are not in the ledger
    are requested, and then the highest numbers.
    """

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is asked yet."""
        super().__init__(outlet)
        self._base = 0
        self._new: set[str] = set()

    def start(self) -> Iterator[Request]:
        """Yield the first request for posts, or for the numbers of the wanted sections and tags."""
        yield from self.first_requests().values()

    def first_requests(self) -> dict[str, Request]:
        """Return the first requests by taxonomy; the one for posts of all terms under ``""``."""
        arguments = self.outlet.arguments
        if self.outlet.front in arguments.sections or not (arguments.sections or arguments.tags):
            return {"": self._first({})}
        found = {}
        if arguments.sections:
            found["categories"] = self._terms(1, {})
        if arguments.tags:
            slugs = ",".join(dict.fromkeys(path.rpartition("/")[2] for path in arguments.tags))
            query = urlencode({"slug": slugs, "per_page": PER_PAGE, "_fields": "id,slug,link"})
            url = f"https://{self.outlet.host}{self.outlet.rest}/tags?{query}"
            found["tags"] = Request(url, self.parse_tags, dont_filter=True)
        return found

    # Sections and tags have numbers.

    def _terms(self, page: int, found: dict[str, str]) -> Request:
        query = {"per_page": PER_PAGE, "page": page, "orderby": "id", "_fields": "id,link"}
        url = f"https://{self.outlet.host}{self.outlet.rest}/categories?{urlencode(query)}"
        keep = {"page": page, "found": found}
        return Request(url, self.parse_sections, cb_kwargs=keep, dont_filter=True)

    def parse_sections(
        self, response: Response, page: int, found: dict[str, str]
    ) -> Iterator[Request]:
        """Ask for the posts of sections and all below them. Raises UnreadableError."""
        terms = read_list(response)
        found |= {str(it.get("id")): f"{it.get('link')}/".replace("//", "/") for it in terms}
        if terms and page < (header_number(response, "X-WP-TotalPages") or 1):
            yield self._terms(page + 1, found)
            return
        numbers: dict[str, None] = {}
        for path in self.outlet.arguments.sections:
            # WordPress' own `categories=` leaves out what is below a section.
            below = [number for number, link in found.items() if f"/{path}/" in link]
            if not below:
                logger.error("The REST interface has no categories for %r.", path)
                raise UnreadableError("unknown categories")
            numbers |= dict.fromkeys(below)
        yield self._first({"categories": ",".join(numbers)})

    def parse_tags(self, response: Response) -> Iterator[Request]:
        """Ask for the posts of tags. Raises UnreadableError when one is unknown."""
        terms = {str(it.get("slug")): str(it.get("id")) for it in read_list(response)}
        numbers = []
        for path in self.outlet.arguments.tags:
            if path.rpartition("/")[2] not in terms:
                logger.error("The REST interface has no tags for %r.", path)
                raise UnreadableError("unknown tags")
            numbers.append(terms[path.rpartition("/")[2]])
        yield self._first({"tags": ",".join(numbers)})

    def _first(self, filters: dict[str, str]) -> Request:
        arguments = self.outlet.arguments
        now = utc(datetime.now(UTC))
        if arguments.since or arguments.until:
            top = arguments.until or now
            walk = Walk(filters, latest_bound(top, self.outlet.zone))
            return self._older(walk, Backward(self.outlet, "api", top))
        self._base = self.known.count()
        told = self.outlet.checkpoints.read(Walk(filters).name)
        if told and told.position:
            walk = Walk(filters, told.position)
            more = {"orderby": "modified", "order": "desc"}
            return self.listing(self._looked, walk, more, most=_NEWEST)
        return self._newest(Walk(filters), now)

    def _listed(self, posts: Posts, told_by: str) -> Iterator[Request]:
        """Ask for the articles of a list, and count those that are new."""
        for request in self.articles(posts, told_by):
            identity = ArticleTask.required(request).candidate.id
            if identity not in self._new and self.known.get(identity) is None:
                self._new.add(identity)
            yield request

    # A first run: the newest posts, as many pages as links would read.

    def _newest(self, walk: Walk, began: str) -> Request:
        more = {"orderby": "date", "order": "desc"}
        return self.listing(self._newest_came, walk, more, {"began": began})

    def _newest_came(self, posts: Posts, walk: Walk, told_by: str, began: str) -> Iterator[Request]:
        yield from self._listed(posts, told_by)
        # New posts push known ones to the next page: seen twice, never lost.
        if walk.page < self.outlet.arguments.pages and walk.goes_on(posts):
            walk.page += 1
            yield self._newest(walk, began)
            return
        if walk.page < self.outlet.arguments.pages:
            walk.check()
        self._remember(walk, began)
        self._account_for(walk.name, self._hidden(walk.total))

    # Later runs: what was changed since, the latest first where that is enough.

    def _looked(self, posts: Posts, walk: Walk, told_by: str) -> Iterator[Request]:
        yield from self._listed(posts, told_by)
        times = [time for post in posts if (time := moment(post, "modified_gmt"))]
        if posts and not times:
            raise UnreadableError("posts without a time")
        if walk.left and min(times, default="") >= walk.cursor:
            again = Walk(walk.filters, walk.cursor)
            yield self._changed(again, walk.total)
            return
        self._remember(walk, max([*times, walk.cursor]))
        yield from self._search(walk.filters, walk.total)

    def _changed(self, walk: Walk, posts_in_all: int | None) -> Request:
        more = {"modified_after": shifted(walk.cursor, -1), "order": "asc"}
        if walk.by_id:
            more |= {"modified_before": shifted(walk.cursor, 1), "orderby": "id"}
        query = {"orderby": "modified", **more}
        return self.listing(self._changed_came, walk, query, {"posts_in_all": posts_in_all})

    def _changed_came(
        self, posts: Posts, walk: Walk, told_by: str, posts_in_all: int | None
    ) -> Iterator[Request]:
        yield from self._listed(posts, told_by)
        times = [time for post in posts if (time := moment(post, "modified_gmt"))]
        if times:
            self._remember(walk, max(times))
        if walk.goes_on(posts):
            walk.step(posts, "modified", 1)
            yield self._changed(walk, posts_in_all)
            return
        walk.check()
        yield from self._search(walk.filters, posts_in_all)

    def _remember(self, walk: Walk, changed: str) -> None:
        # A time in the future would hide what is changed before it comes.
        latest = datetime.fromisoformat(min(max(changed, _EPOCH), utc(datetime.now(UTC))))
        self.outlet.checkpoints.save(walk.name, position=utc(latest - _OVERLAP))

    # What appeared without a new time of modification.

    def _hidden(self, posts_in_all: int | None) -> str | None:
        """Return how many more posts there are than known articles, as it is remembered."""
        return None if posts_in_all is None else str(posts_in_all - self._base - len(self._new))

    def _account_for(self, name: str, hidden: str | None) -> None:
        self.outlet.checkpoints.save(f"{name} hidden", position=hidden)

    def _search(self, filters: dict[str, str], posts_in_all: int | None) -> Iterator[Request]:
        """Search when there are other posts than those that are known; of a section always."""
        told = self.outlet.checkpoints.read(f"{Walk(filters).name} hidden")
        hidden = self._hidden(posts_in_all)
        if not filters and hidden is not None and told and told.position:
            if told.position == hidden:
                return
            if int(hidden) < int(told.position):
                yield from Presence(self.outlet).look_at_all()
        since = utc(datetime.now(UTC) - RECENT)
        known = dict.fromkeys([*self._new, *self.known.published_after(since)])
        walk = Walk(filters)
        keep = {
            "since": since,
            "known": ",".join(list(known)[:EXCLUDED]),
            "posts_in_all": posts_in_all,
        }
        yield self._appeared(walk, keep)

    def _appeared(self, walk: Walk, keep: dict[str, Any]) -> Request:
        more = {"after": keep["since"], "orderby": "date", "order": "desc"}
        if keep["known"]:
            more["exclude"] = keep["known"]
        return self.listing(self._appeared_came, walk, more, keep)

    def _appeared_came(
        self, posts: Posts, walk: Walk, told_by: str, **keep: Any
    ) -> Iterator[Request]:
        yield from self._listed(posts, told_by)
        if walk.goes_on(posts):
            walk.page += 1
            yield self._appeared(walk, keep)
            return
        posts_in_all: int | None = keep["posts_in_all"]
        told = self.outlet.checkpoints.read(f"{walk.name} hidden")
        hidden = self._hidden(posts_in_all)
        if walk.filters or hidden is None or not told or int(hidden) <= int(told.position or 0):
            self._account_for(walk.name, hidden)
            return
        # Whatever its date, what is new to the site has a high number.
        more = {"orderby": "id", "order": "desc"}
        keep = {"posts_in_all": posts_in_all}
        yield self.listing(self._highest_came, Walk({}), more, keep, whole=False)

    def _highest_came(
        self, posts: Posts, walk: Walk, told_by: str, posts_in_all: int | None
    ) -> Iterator[Request]:
        found = [it for post in posts if (it := self.candidate(post))]
        unknown = [it for it in found if it.id not in self._new and not self.known.get(it.id)]
        self._new.update(it.id for it in unknown)
        yield from self.due(unknown)
        self._account_for(walk.name, self._hidden(posts_in_all))

    # A backfill: what was published in a window, the newest first.

    def _older(self, walk: Walk, backward: Backward) -> Request:
        more = {"before": shifted(walk.cursor, 1), "orderby": "date", "order": "desc"}
        if since := self.outlet.arguments.since:
            more["after"] = shifted(earliest_bound(since, self.outlet.zone), -1)
        if walk.by_id:
            more |= {"after": shifted(walk.cursor, -1), "orderby": "id"}
        return self.listing(self._older_came, walk, more, {"backward": backward})

    def _older_came(
        self, posts: Posts, walk: Walk, told_by: str, backward: Backward
    ) -> Iterator[Request]:
        yield from self.articles(posts, told_by)
        dates = [date for post in posts if (date := moment(post, "date_gmt"))]
        if not walk.goes_on(posts):
            walk.check()
            backward.finished()
            return
        if dates:
            below = backward.below(min(dates))
            backward.reached(below, len(walk.seen), "of", walk.total or "?", "posts")
            if below != min(dates):
                # What lies between was counted by the run that did it.
                walk.total, walk.cursor, walk.by_id = None, below, False
                walk.page, walk.edge = 1, frozenset()
                yield self._older(walk, backward)
                return
        walk.step(posts, "date", -1)
        yield self._older(walk, backward)


def latest_bound(time: str, zone: ZoneInfo) -> str:
    """Return the upper bound for all that is not later than a time, by a clock that is put back.

    One hour of autumn is lived twice: by the clock, its second half past one comes before the
    first ten to two.

    >>> eastern = ZoneInfo("America/New_York")
    >>> latest_bound("2026-11-01T06:10:00Z", eastern), latest_bound("2026-11-01T09:10:00Z", eastern)
    ('2026-11-01T07:10:00Z', '2026-11-01T09:10:00Z')
    """
    return _widened(time, zone, timedelta(hours=1))


def earliest_bound(time: str, zone: ZoneInfo) -> str:
    """Return the lower bound for all that is not earlier than a time; see ``latest_bound``.

    >>> earliest_bound("2026-11-01T05:50:00Z", ZoneInfo("America/New_York"))
    '2026-11-01T04:50:00Z'
    """
    return _widened(time, zone, -timedelta(hours=1))


def _widened(time: str, zone: ZoneInfo, by: timedelta) -> str:
    here = datetime.fromisoformat(time).astimezone(zone)
    there = (datetime.fromisoformat(time) - by).astimezone(zone)
    earlier, later = sorted((here, there), key=lambda it: it.timestamp())
    put_back = (earlier.utcoffset() or timedelta()) > (later.utcoffset() or timedelta())
    return utc(datetime.fromisoformat(time) + by) if put_back else time
