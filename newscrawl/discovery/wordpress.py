"""``discover=api``: WordPress' REST interface, a hundred whole articles in one request."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from scrapy import Request

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.post_lists import PostLists
from newscrawl.discovery.presence import EXCLUDED, RECENT, Presence
from newscrawl.discovery.rest import Posts, Walk, post_dates, shifted
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.discovery.terms import TermNumbers
from newscrawl.discovery.wordpress_backfill import WordPressBackfill
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import utc

logger = logging.getLogger(__name__)

# A change may become visible after its time. WordPress also compares times by the newsroom's clock,
# which shows one hour of autumn twice.
_OVERLAP = timedelta(minutes=65)
_HOUR = 3600  # seconds
_EPOCH = "1970-01-01T00:00:00Z"  # no post of WordPress is older
# Posts of the first request: more than are changed in an hour and the overlap.
_NEWEST = 50


class WordPress(PostLists):
    """Requests posts that have changed or appeared since the last run, or those of a window.

    A new post may have an old time of modification: a scheduled post has that of its last edit,
    and wire copy has its own. The number of all posts is therefore compared with the ledger's. If
    the difference has changed since the last run, the recent posts that are not in the ledger are
    requested, then the posts with the highest ids.
    """

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""
        super().__init__(outlet)
        self._known_before = 0
        self._new: set[str] = set()

    def start(self) -> Iterator[Request]:
        """Yield the first request for posts, or for the numbers of sections and tags."""
        yield from self.first_requests().values()

    def first_requests(self) -> dict[str, Request]:
        """Return the first requests by taxonomy; the one for posts of all terms under ``""``."""
        return TermNumbers(self.outlet, self._first).first_requests()

    def _first(self, filters: dict[str, str]) -> Request:
        arguments = self.outlet.arguments
        now = utc(datetime.now(UTC))
        if arguments.since or arguments.until:
            return WordPressBackfill(self.outlet).first_request(filters, now)
        self._known_before = self.known.count()
        saved = self.outlet.checkpoints.read(Walk(filters).name)
        if saved and saved.position:
            walk = Walk(filters, saved.position)
            query = {"orderby": "modified", "order": "desc"}
            newest = partial(self._newest, Walk(filters), now)
            return self.listing(self._latest_read, walk, query, most=_NEWEST, otherwise=newest)
        return self._newest(Walk(filters), now)

    def _listed(self, posts: Posts, listing_url: str) -> Iterator[Request]:
        """Request the articles of a list, and note those that are not in the ledger."""
        for request in self.articles(posts, listing_url):
            identity = ArticleTask.required(request).candidate.id
            if identity not in self._new and self.known.get(identity) is None:
                self._new.add(identity)
            yield request

    # A first run: the newest posts, as many pages as links would read.

    def _newest(self, walk: Walk, began: str) -> Request:
        query = {"orderby": "date", "order": "desc"}
        return self.listing(self._newest_read, walk, query, {"began": began})

    def _newest_read(
        self, posts: Posts, walk: Walk, listing_url: str, began: str
    ) -> Iterator[Request]:
        yield from self._listed(posts, listing_url)
        self.check_articles(posts)
        # A post that is published meanwhile moves the others: one is listed twice, none is missed.
        if walk.page < self.outlet.arguments.pages and walk.goes_on(posts):
            walk.page += 1
            yield self._newest(walk, began)
            return
        if walk.page < self.outlet.arguments.pages:
            walk.check()
        self._save_position(walk, began)
        self._save_unlisted(walk.name, self._unlisted(walk.total))

    # Later runs: the latest changes; if they do not reach back far enough, all since the last run.

    def _latest_read(self, posts: Posts, walk: Walk, listing_url: str) -> Iterator[Request]:
        yield from self._listed(posts, listing_url)
        self.check_articles(posts)
        times = post_dates(posts, "modified", self.outlet.zone)
        if posts and not times:
            raise UnreadableError("posts without a time")
        # Posts in another order do not show how far back they reach.
        in_order = times == sorted(times, reverse=True)
        if walk.goes_on(posts) and (not in_order or times[-1] >= walk.cursor):
            keep = {"since": walk.cursor, "newest": max(times), "posts_in_all": walk.total}
            yield self._changed(Walk(walk.filters, walk.cursor), keep)
            return
        self._save_position(walk, max([*times, walk.cursor]))
        yield from self._search(walk.filters, walk.total)

    def _changed(self, walk: Walk, keep: dict[str, Any]) -> Request:
        after = shifted(walk.cursor, -1)
        query = {"orderby": "modified", "modified_after": after, "order": "asc"}
        if walk.by_id:
            query |= {"modified_before": shifted(walk.cursor, 1), "orderby": "id"}
        return self.listing(self._changed_read, walk, query, keep)

    def _changed_read(
        self, posts: Posts, walk: Walk, listing_url: str, **keep: Any
    ) -> Iterator[Request]:
        yield from self._listed(posts, listing_url)
        times = post_dates(posts, "modified", self.outlet.zone)
        if times and min(times) < shifted(keep["since"], -_HOUR):
            # WordPress before 5.7 knows no ``modified_after``.
            yield self._back(Walk(walk.filters, keep["since"]), keep)
            return
        if times:
            self._save_position(walk, max(times))
        if walk.goes_on(posts):
            walk.step(posts, "modified", 1)
            yield self._changed(walk, keep)
            return
        walk.check()
        yield from self._search(walk.filters, keep["posts_in_all"])

    def _back(self, walk: Walk, keep: dict[str, Any]) -> Request:
        return self.listing(self._back_read, walk, {"orderby": "modified", "order": "desc"}, keep)

    def _back_read(
        self, posts: Posts, walk: Walk, listing_url: str, **keep: Any
    ) -> Iterator[Request]:
        yield from self._listed(posts, listing_url)
        times = post_dates(posts, "modified", self.outlet.zone)
        if times != sorted(times, reverse=True):
            yield from self._search(walk.filters, keep["posts_in_all"])
            raise UnreadableError("posts in another order")
        if walk.goes_on(posts) and times[-1:] >= [walk.cursor]:
            walk.page += 1
            yield self._back(walk, keep)
            return
        self._save_position(walk, keep["newest"])
        yield from self._search(walk.filters, keep["posts_in_all"])

    def _save_position(self, walk: Walk, changed: str) -> None:
        # With a time in the future, later runs would miss all changes until then.
        latest = datetime.fromisoformat(min(max(changed, _EPOCH), utc(datetime.now(UTC))))
        self.outlet.checkpoints.save(walk.name, position=utc(latest - _OVERLAP))

    # New posts without a new time of modification.

    def _unlisted(self, posts_in_all: int | None) -> int | None:
        """Return how many more posts the site has than the ledger; None if that is not known."""
        if posts_in_all is None:
            return None
        return posts_in_all - self._known_before - len(self._new)

    def _saved_unlisted(self, name: str) -> int | None:
        saved = self.outlet.checkpoints.read(f"{name} hidden")
        return int(saved.position) if saved and saved.position else None

    def _save_unlisted(self, name: str, count: int | None) -> None:
        position = None if count is None else str(count)
        self.outlet.checkpoints.save(f"{name} hidden", position=position)

    def _search(self, filters: dict[str, str], posts_in_all: int | None) -> Iterator[Request]:
        """Search for new posts if the number of posts has changed; in sections and tags always."""
        walk = Walk(filters)
        saved, unlisted = self._saved_unlisted(walk.name), self._unlisted(posts_in_all)
        if not filters and unlisted is not None and saved is not None:
            if unlisted == saved:
                return
            if unlisted < saved:
                yield from Presence(self.outlet).look_at_all()
        since = utc(datetime.now(UTC) - RECENT)
        known = dict.fromkeys([*self._new, *self.known.published_after(since)])
        keep = {
            "since": since,
            "known": ",".join(list(known)[:EXCLUDED]),
            "posts_in_all": posts_in_all,
        }
        yield self._recent(walk, keep)

    def _recent(self, walk: Walk, keep: dict[str, Any]) -> Request:
        query = {"after": keep["since"], "orderby": "date", "order": "desc"}
        if keep["known"]:
            query["exclude"] = keep["known"]
        return self.listing(self._recent_read, walk, query, keep)

    def _recent_read(
        self, posts: Posts, walk: Walk, listing_url: str, **keep: Any
    ) -> Iterator[Request]:
        yield from self._listed(posts, listing_url)
        if walk.goes_on(posts):
            walk.page += 1
            yield self._recent(walk, keep)
            return
        posts_in_all: int | None = keep["posts_in_all"]
        unlisted = self._unlisted(posts_in_all)
        saved = self._saved_unlisted(walk.name) or 0
        if walk.filters or unlisted is None or unlisted <= saved:
            self._save_unlisted(walk.name, unlisted)
            return
        # A post that is new to the site has a high id, whatever its date.
        query = {"orderby": "id", "order": "desc"}
        keep = {"posts_in_all": posts_in_all}
        yield self.listing(self._highest_read, Walk({}), query, keep, whole=False)

    def _highest_read(
        self, posts: Posts, walk: Walk, listing_url: str, posts_in_all: int | None
    ) -> Iterator[Request]:
        candidates = [it for post in posts if (it := self.candidate(post))]
        unknown = [it for it in candidates if it.id not in self._new and not self.known.get(it.id)]
        self._new.update(it.id for it in unknown)
        yield from self.articles_by_id(unknown)
        self._save_unlisted(walk.name, self._unlisted(posts_in_all))
