"""Which files and articles of a sitemap a crawl takes."""

from datetime import UTC, datetime, timedelta
from functools import cached_property

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.sitemap_days import DayFiles
from newscrawl.discovery.sitemap_files import Entry
from newscrawl.extraction.dates import utc

_SINCE = "sitemap since"  # the checkpoint with the time when a sitemap was first read
_RECENT = timedelta(days=2)  # articles of this age are taken by a first run


class SitemapNews:
    """Leaves out the files and articles of a sitemap that were there before the first run.

    A first run takes recent articles only; later runs take what has changed or appeared since.
    With ``since`` a crawl takes what has changed after that.
    """

    def __init__(self, outlet: OutletSpider, days: DayFiles, *, first: bool, only: bool) -> None:
        """Prepare; ``first`` is for a sitemap that no run has read, ``only`` for one of news."""
        self.outlet = outlet
        self._days = days
        self._is_first = first
        self._is_news = only
        # The time of a change may be a day without a time, or that before an article appeared.
        since = outlet.arguments.since
        self._since = utc(datetime.fromisoformat(since) - _RECENT) if since else ""

    @cached_property
    def followed_since(self) -> str:
        """The time when a sitemap of the outlet was read for the first time."""
        saved = self.outlet.checkpoints.read(_SINCE)
        since = (saved.position if saved else None) or utc(datetime.now(UTC))
        if not saved:
            self.outlet.checkpoints.save(_SINCE, position=since)
        return since

    def has_file(self, entry: Entry) -> bool:
        """Return whether to read a file that an index lists, and that is not of one day."""
        checkpoints, modified = self.outlet.checkpoints, entry.modified
        if modified is None:
            return True
        if self._since:
            return modified >= self._since
        known = checkpoints.read(entry.url)
        if known and known.position == modified:
            return False
        if self._is_first and modified < utc(datetime.now(UTC) - _RECENT):
            checkpoints.save(entry.url, position=modified)
            return False
        return True

    def has_article(self, identity: str, entry: Entry, source: str) -> bool:
        """Return whether to take an article that the file ``source`` lists."""
        age = self._days.ages.get(source)
        if self._since:
            return age is not None or (entry.modified or self._since) >= self._since
        changed = entry.modified or entry.published or ""
        if age is None:
            # A news sitemap lists what is new, whatever its times.
            if self._is_news or not changed:
                return True
            recent = utc(datetime.fromisoformat(self.followed_since) - _RECENT)
        elif age < 2:
            return True
        else:
            recent = self.followed_since
        return changed >= recent or self.outlet.known_articles.get(identity) is not None
