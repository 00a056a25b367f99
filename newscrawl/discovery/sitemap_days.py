"""The sitemap's files of single days: their addresses, and a backfill from day to day."""

import re
from collections import deque
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.backward import Backward
from newscrawl.exceptions import UnreadableError

_OLDEST = 30 * 366  # days; no site is older


class DayFiles:
    """The files of single days, or of months. A sitemap may have none: then no day has a file."""

    def __init__(self, outlet: OutletSpider, day: str) -> None:
        """Take the form of their addresses from a source; an empty one for a sitemap without."""
        self.outlet = outlet
        self.exist = bool(day)
        self._day = outlet.absolute(day)
        path = re.escape(self._day.split("/", 3)[3])
        form = re.sub(r"\\\{.*?\\\}", r"\\w{1,9}", path)
        self._form = re.compile(f"https?://[^/]+/{form}" if day else "(?!)")

    def dates(self, moment: datetime) -> tuple[date, date]:
        """Return the dates of a moment: a file's day may be the outlet's or that of UTC."""
        return moment.astimezone(self.outlet.zone).date(), moment.astimezone(UTC).date()

    def address(self, day: date) -> str:
        """Return the address of a day's file."""
        return self._day.format(day)

    def addresses(self, moment: datetime) -> list[str]:
        """Return the addresses of the files of a moment's dates."""
        dates = self.dates(moment) if self.exist else ()
        return [self.address(it) for it in sorted(set(dates))]

    def is_address(self, url: str) -> bool:
        """Return whether an address is that of a day's file."""
        return self._form.fullmatch(url) is not None

    @cached_property
    def ages(self) -> dict[str, int]:
        """The age in days of each file, that of its last day, by its address."""
        today = min(self.dates(datetime.now(UTC)))
        ages: dict[str, int] = {}
        for age in range(_OLDEST if self.exist else 0):
            ages.setdefault(self.address(today - timedelta(age)), age)
        return ages


class DayBackfill:
    """The days of a backfill that are still to be read, the newest first."""

    def __init__(self, days: DayFiles, since: str, until: str | None) -> None:
        """Leave out the days that earlier runs have read; an open window ends today."""
        moment = datetime.fromisoformat(until) if until else datetime.now(UTC)
        last = max(days.dates(moment))
        first = min(days.dates(datetime.fromisoformat(since)))
        self._backward = Backward(days.outlet, "sitemap", f"{last}")
        window = [last - timedelta(days=back) for back in range((last - first).days + 1)]
        # The newest day that is done may have been read before it was over.
        left = [day for day in window if not self._backward.is_done(f"{day}")]
        # A file of several days is read once, and then the oldest of them is reached.
        self.days = deque(map(str, {days.address(day): day for day in left}.values()))
        self._read: set[str] = set()
        if not self.days:
            self._backward.finished()

    def read(self, day: str, *, any_readable: bool) -> None:
        """Note that a day's file was read; ``any_readable`` is of all files of this run.

        Raises UnreadableError if no file of any day could be read.
        """
        self._read.add(day)
        if not (any_readable or self._backward.is_resumed):
            # Some days may be empty, but not all: the sitemap's files have other addresses.
            if len(self._read) == len(self.days):
                raise UnreadableError("no sitemap of any day")
            return
        while self.days and self.days[0] in self._read:
            self._backward.reached(self.days.popleft())
        if not self.days:
            self._backward.finished()
