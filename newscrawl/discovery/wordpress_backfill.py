"""A backfill by REST: the posts of a window, the newest first."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from scrapy import Request

from newscrawl.discovery.backward import Backward
from newscrawl.discovery.post_lists import PostLists
from newscrawl.discovery.rest import Posts, Walk, post_dates, shifted
from newscrawl.extraction.dates import utc


class WordPressBackfill(PostLists):
    """Lists the posts between ``since`` and ``until``, in as many runs as it takes."""

    def first_request(self, filters: dict[str, str], now: str) -> Request:
        """Return the request for the newest posts of the window; ``now`` ends an open one."""
        top = self.outlet.arguments.until or now
        walk = Walk(filters, latest_bound(top, self.outlet.zone))
        return self._older(walk, Backward(self.outlet, "api", top))

    def _older(self, walk: Walk, backward: Backward) -> Request:
        query = {"before": shifted(walk.cursor, 1), "orderby": "date", "order": "desc"}
        if since := self.outlet.arguments.since:
            query["after"] = shifted(earliest_bound(since, self.outlet.zone), -1)
        if walk.by_id:
            query |= {"after": shifted(walk.cursor, -1), "orderby": "id"}
        return self.listing(self._older_read, walk, query, {"backward": backward})

    def _older_read(
        self, posts: Posts, walk: Walk, listing_url: str, backward: Backward
    ) -> Iterator[Request]:
        yield from self.articles(posts, listing_url)
        self.check_articles(posts)
        dates = post_dates(posts, "date", self.outlet.zone)
        if not walk.goes_on(posts):
            walk.check()
            backward.finished()
            return
        if dates:
            below = backward.below(min(dates))
            backward.reached(below, len(walk.seen), "of", walk.total or "?", "posts")
            if below != min(dates):
                # An earlier run has counted the posts in between.
                walk.total, walk.cursor, walk.by_id = None, below, False
                walk.page, walk.edge = 1, frozenset()
                yield self._older(walk, backward)
                return
        walk.step(posts, "date", -1)
        yield self._older(walk, backward)


def latest_bound(time: str, zone: ZoneInfo) -> str:
    """Return the upper bound of a query for posts up to a time.

    WordPress compares times by the newsroom's clock, which shows one hour of autumn twice: its
    second 1:30 seems to be before the first 1:50.

    >>> eastern = ZoneInfo("America/New_York")
    >>> latest_bound("2026-11-01T06:10:00Z", eastern), latest_bound("2026-11-01T09:10:00Z", eastern)
    ('2026-11-01T07:10:00Z', '2026-11-01T09:10:00Z')
    """
    return _widened(time, zone, timedelta(hours=1))


def earliest_bound(time: str, zone: ZoneInfo) -> str:
    """Return the lower bound of a query for posts from a time on.

    See ``latest_bound``.

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
