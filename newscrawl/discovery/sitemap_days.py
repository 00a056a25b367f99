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
    """The files of single days. The files of an outlet without them have no address."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Take the form of their addresses from the outlet."""
        self.outlet = outlet
        day = re.sub(r"\\\{.*?\\\}", r"\\d{1,4}", re.escape(outlet.sitemap_day))
        self._form = re.compile(f"https?://[^/]+{day}" if outlet.sitemap_day else "(?!)")

    def dates(self, moment: datetime) -> tuple[date, date]:
        """Return the dates of a moment: a file's day may be the outlet's or that of UTC."""
        return moment.astimezone(self.outlet.zone).date(), moment.astimezone(UTC).date()

    def address(self, day: date) -> str:
        """Return the address of a day's file."""
        return f"https://{self.outlet.host}{self.outlet.sitemap_day.format(day)}"

    def is_address(self, url: str) -> bool:
        """Return whether an address is that of a day's file."""
        return self._form.fullmatch(url) is not None

    @cached_property
    def ages(self) -> dict[str, int]:
        """The age in days of each day's file, by its address."""
        today = min(self.dates(datetime.now(UTC)))
        return {self.address(today - timedelta(age)): age for age in range(_OLDEST)}


class DayBackfill:
    """The days of a backfill that are still to be read, the newest first."""

    def __init__(self, days: DayFiles, since: str, until: str | None) -> None:
        """Leave out the days that earlier runs have read; an open window ends today."""
        moment = datetime.fromisoformat(until) if until else datetime.now(UTC)
        last = max(days.dates(moment))
        first = min(days.dates(datetime.fromisoformat(since)))
        self._backward = Backward(days.outlet, "sitemap", f"{last}")
        window = [f"{last - timedelta(days=back)}" for back in range((last - first).days + 1)]
        # The newest day that is done may have been read before it was over.
        self.days = deque(day for day in window if not self._backward.is_done(day))
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
