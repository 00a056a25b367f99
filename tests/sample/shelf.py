"""Shelf: the stories of a site in its listings, at a given time."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime

from newscrawl.spiders.hill import HillSpider
from tests.sample.news import SECTIONS, Story

EVERYTHING = "news"


class Shelf:
    """Keeps stories by the path of their listings: `news`, sections, authors, tags.

    `stories` are first versions, the newest first; `revisions` are, by id, the later ones,
    the oldest first, each of which holds from its `modified` on. `late` tells, by id, when stories
    appear that do so after their own time of publication. `now` is aware; None shows everything
    there is.
    """

    def __init__(
        self,
        stories: Sequence[Story],
        revisions: Mapping[str, Sequence[Story]] | None = None,
        late: Mapping[str, datetime] | None = None,
    ) -> None:
        self.now: datetime | None = None
        self._late = late or {}
        self._revisions = revisions or {}
        self._first = {story.id: story for story in stories}
        self._titles: dict[str, str] = {}
        self._listings: dict[str, list[Story]] = {}
        for story in stories:
            for path, title in _listings(story):
                if path not in self._titles:
                    self._titles[path] = title
                    self._listings[path] = []
                self._listings[path].append(story)
        # The paper has more sections than news: the others answer, with nothing in them.
        for path in (*SECTIONS, *(section.strip("/") for section in HillSpider().listings.paths)):
            self._titles.setdefault(path, path.rpartition("/")[2].replace("-", " ").title())
            self._listings.setdefault(path, [])

    @property
    def moment(self) -> datetime:
        """The time it is: `now`, or when the newest story appeared."""
        return self.now or max(story.published for story in self._first.values())

    @property
    def titles(self) -> dict[str, str]:
        """The title of every listing, by path."""
        return self._titles

    def story(self, identity: str) -> Story | None:
        """Return an article as it reads now; None if there is none yet."""
        story = self._first.get(identity)
        if story is None or (self.now and self._late.get(identity, story.published) > self.now):
            return None
        return self._current(story)

    def count(self, path: str) -> int:
        """Return how many stories a listing has; KeyError if there is no such listing."""
        return len(self._visible(path))

    def listed(
        self, path: str = EVERYTHING, start: int = 0, stop: int | None = None
    ) -> list[Story]:
        """Return the stories of a listing, the newest first; KeyError if there is none."""
        return [self._current(story) for story in self._visible(path)[start:stop]]

    def valid(self, path: str = EVERYTHING) -> list[Story]:
        """Return the stories of a listing without those that have no readable page."""
        return [story for story in self.listed(path) if not story.broken]

    def _visible(self, path: str) -> list[Story]:
        """Return the stories of a listing that have appeared."""
        stories, now = self._listings[path], self.now
        if now is None:
            return stories
        first = bisect_left(stories, -now.timestamp(), key=lambda it: -it.published.timestamp())
        hidden = {identity for identity, when in self._late.items() if when > now}
        return [it for it in stories[first:] if it.id not in hidden] if hidden else stories[first:]

    def _current(self, story: Story) -> Story:
        for later in reversed(self._revisions.get(story.id, ())):
            if self.now is None or later.modified <= self.now:
                return later
        return story


def _listings(story: Story) -> list[tuple[str, str]]:
    """Return the path and title of every listing that a story stands in."""
    path = story.section.path
    found = [(EVERYTHING, "News"), (path, story.section.name)]
    for parent in story.section.parents:
        path = path.rpartition("/")[0]
        found.append((path, parent))
    if not story.broken:
        found += [(f"author/{author.slug}", author.name) for author in story.authors]
        found += [(tag.path, tag.name) for tag in story.tags]
    return found
