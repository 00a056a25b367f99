"""DaySite: a sample site on which articles appear and are corrected in the course of a day."""

import random
from bisect import bisect_left
from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.sample.body import paragraphs
from tests.sample.news import SITE, Story, corrected, cover
from tests.sample.page import Press
from tests.sample.shelf import Shelf
from tests.sample.site import ROBOTS, Expected, NewsSite

FEWEST_OLDER = 20
# The number of the first new article; older ones count down from it, and not in strict order.
FIRST_NUMBER = 6_100_000
A_DAY = 100
# What is corrected is at least so old; today's is younger than the second, yesterday's the third.
AGES = (timedelta(minutes=1), timedelta(hours=12), timedelta(hours=36))


class Event(NamedTuple):
    """Something that happens to an article; `kind` is `new`, `corrected` or `touched`."""

    time: datetime
    id: str
    kind: str


class DaySite(NewsSite):
    """A site at the time `now` (aware), which may be set to any time from `start` on.

    `older` articles (at least 20) stand there at `start`, about a hundred for each day before
    it. `articles` new ones appear in the `days` after it, in bunches; several at the same second.
    `corrections` change the headline or a paragraph of articles of these days or of the day
    before, some of them twice. `touched` new articles are saved again without a visible change:
    only their `date_modified` moves. Of the new ones `planned` ones were saved for the last time
    hours before they appear, and `wire` ones appear hours after their own time. The same arguments
    give the same site.

    Side columns and the links inside stories are those of `start`: an article that nobody
    touches keeps its bytes and its ETag. ValueError if an argument is out of range.
    """

    def __init__(
        self,
        start: datetime,
        articles: int = 120,
        corrections: int = 30,
        older: int = 200,
        days: int = 1,
        touched: int = 0,
        planned: int = 0,
        wire: int = 0,
    ) -> None:
        if start.tzinfo is None or older < FEWEST_OLDER or days < 1:
            msg = f"start={start}, older={older}, days={days}: want an aware start, older >= 20"
            raise ValueError(msg)
        if min(articles, corrections) < 0 or not 0 <= touched <= articles:
            msg = f"articles={articles}, corrections={corrections}, touched={touched}"
            raise ValueError(msg)
        start = start.replace(microsecond=0)
        span = timedelta(days=days)
        rng = random.Random(f"older {older}")
        times = sorted(_times_before(start, older, rng), reverse=True)
        past = cover(times, _numbers(-1, older, rng))
        rng = random.Random(f"{articles} {corrections} {days}")
        times = [start + offset for offset in _offsets(articles, days, rng)]
        new = cover(times, _numbers(1, articles, rng))
        self._revisions: dict[str, list[Story]] = {}
        self._events = [Event(story.published, story.id, "new") for story in new]
        late = _antedate(new, planned, wire)
        everything = sorted([*new, *past], key=lambda it: (it.published, it.id), reverse=True)
        punctual = [story for story in everything if story.id not in late]
        self._correct(punctual, start, span, corrections, rng)
        self._touch(rng.sample(new, touched), start + span, rng)
        self._events.sort()
        self._truth: dict[tuple[str, datetime, str], Expected] = {}
        robots = f"{ROBOTS}Sitemap: {SITE}/sitemap.xml\n"
        super().__init__(Shelf(everything, self._revisions, late), Press(past), robots)
        self.now = start

    @property
    def now(self) -> datetime:
        """The time on the site; everything it answers is as of this moment."""
        now = self._shelf.now
        assert now is not None
        return now

    @now.setter
    def now(self, when: datetime) -> None:
        if when.tzinfo is None:
            msg = f"{when}: a time without a zone"
            raise ValueError(msg)
        self._shelf.now = when

    def events(self) -> list[Event]:
        """Return everything that happens after `start`, in order."""
        return list(self._events)

    def expected(self, now: datetime | None = None) -> dict[str, Expected]:
        """Return the truth about every article at a time, by id, newest first; as of `now`."""
        # A server may be reading the site's own shelf from another thread.
        shelf = copy(self._shelf)
        shelf.now = now or self.now
        return {story.id: self._remembered(story) for story in shelf.listed()}

    def _remembered(self, story: Story) -> Expected:
        """Return the truth about a version; setting a body takes long enough to do it once."""
        key = (story.id, story.modified, story.headline)
        if key not in self._truth:
            self._truth[key] = self._expect(story)
        return self._truth[key]

    def _correct(
        self,
        stories: list[Story],
        start: datetime,
        span: timedelta,
        corrections: int,
        rng: random.Random,
    ) -> None:
        """Draw the corrections, each of an article that has been there for a while."""
        seconds = int(span.total_seconds())
        times = sorted(rng.sample(range(seconds // 20, seconds), corrections))
        last: Story | None = None
        for turn, offset in enumerate(times):
            when = start + timedelta(seconds=offset)
            fresh, half, old = (_place(stories, when - age) for age in AGES)
            today, yesterday = stories[fresh:half], stories[half:old]
            # Every tenth is of the article that has just been corrected.
            if last is None or turn % 10 != 9:
                last = rng.choice(
                    (yesterday if turn % 3 == 1 else today) or stories[-FEWEST_OLDER:]
                )
            versions = self._revisions.setdefault(last.id, [])
            current = versions[-1] if versions else last
            versions.append(corrected(current, when, len(paragraphs(current)), turn))
            self._events.append(Event(when, last.id, "corrected"))

    def _touch(self, stories: list[Story], end: datetime, rng: random.Random) -> None:
        """Save articles again, each after its last correction."""
        for story in stories:
            versions = self._revisions.setdefault(story.id, [])
            current = versions[-1] if versions else story
            when = current.modified + timedelta(minutes=rng.randrange(2, 90))
            when = min(when, max(end, current.modified + timedelta(seconds=1)))
            versions.append(replace(current, modified=when))
            self._events.append(Event(when, story.id, "touched"))


def _antedate(stories: list[Story], planned: int, wire: int) -> dict[str, datetime]:
    """Give stories older times of saving, and of publication; return when those appear."""
    rng = random.Random(f"{planned} {wire}")
    chosen = rng.sample(range(len(stories)), planned + wire)
    late: dict[str, datetime] = {}
    for turn, place in enumerate(chosen):
        story = stories[place]
        when = story.published - timedelta(minutes=rng.randrange(70, 24 * 60))
        if turn < planned:
            stories[place] = replace(story, modified=when)
        else:
            late[story.id] = story.published
            stories[place] = replace(story, modified=when, published=when)
    return late


def _place(stories: list[Story], when: datetime) -> int:
    """Return the place of the first story published before a time; the newest stand first."""
    return bisect_left(stories, -when.timestamp(), key=lambda story: -story.published.timestamp())


def _times_before(start: datetime, count: int, rng: random.Random) -> Iterator[datetime]:
    """Yield times further and further back, about a hundred a day, some on the half hour."""
    when = start
    for number in range(count):
        when -= timedelta(seconds=rng.randrange(60, 2 * 86_400 // A_DAY - 60))
        even = int(when.timestamp()) % 1800 if number % 5 == 0 else 0
        yield when - timedelta(seconds=even)


def _offsets(count: int, days: int, rng: random.Random) -> list[timedelta]:
    """Return when articles appear after the start, in order; the newsroom has busy hours.

    Every fifth waits for the half hour, as planned ones do: some appear at the same second.
    """
    found = []
    for number in range(count):
        second = 86_400 * (number % days) + int(86_400 * rng.triangular(0, 1, 0.6))
        even = second % 1800 if number % 5 == 0 else 0
        found.append(max(second - even, 1))
    return [timedelta(seconds=second) for second in sorted(found)]


def _numbers(direction: int, count: int, rng: random.Random) -> list[int]:
    """Return different post ids that grow in a `direction`, roughly: drafts get theirs early."""
    taken: dict[int, None] = {}
    for place in range(count):
        number = FIRST_NUMBER + direction * (3_000 + 40 * place + rng.randrange(2_900))
        while number in taken:
            number += direction
        taken[number] = None
    return list(taken)
