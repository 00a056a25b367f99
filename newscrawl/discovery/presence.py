"""Presence: whether the site still has its young articles, a hundred in one request."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from scrapy import Request
from twisted.python.failure import Failure

from newscrawl.discovery.rest import Posts, Rest, Walk
from newscrawl.extraction.dates import utc
from newscrawl.items import Candidate
from newscrawl.storage.ledger import ArticleState

logger = logging.getLogger(__name__)

# A request is made for a full page of articles, or when one of them has waited so long.
_PATIENCE = timedelta(hours=11)
_FIRST_DAY = timedelta(hours=23)

# How far back posts are searched that have appeared with an old time, and how many known ones an
# address can name that are to be left out.
RECENT = timedelta(hours=26)
EXCLUDED = 600

_EVER = "9999"


class Presence(Rest):
    """Looks for published articles at the ages of revisits, for methods that list changes only.

    A list of posts leaves out what was unpublished; each missing one is requested
    by itself, and the response says whether it is gone.
    """

    def start(self) -> Iterator[Request]:
        """Yield requests for the articles whose time to be looked at has come."""
        now = datetime.now(UTC)
        due = self.known.young(utc(now))
        waiting = utc(now - _PATIENCE)
        if "api" in self.outlet.arguments.discover:
            # The number of all posts tells at once that one has gone; see ``look_at_all``.
            due = [it for it in due if (it.date_published or "") < utc(now - _FIRST_DAY)]
            born = utc(now - _FIRST_DAY - _PATIENCE)
            impatient = any((it.date_published or "") < born for it in due)
        else:
            impatient = any((it.next_attempt or "") <= waiting for it in due)
        while due and (len(due) >= self.per_page or impatient):
            yield self._look(due[: self.per_page])
            due = due[self.per_page :]

    def appeared(self) -> Iterator[Request]:
        """Yield the request for recent posts that are not known, wherever listings show them.

        Wire copy has a time of its own: it enters a feed or a section behind what is read.
        """
        since = utc(datetime.now(UTC) - RECENT)
        query = {"after": since, "orderby": "date", "order": "desc"}
        if known := self.known.published_after(since)[:EXCLUDED]:
            query["exclude"] = ",".join(known)
        request = self.listing(self._appeared, Walk({}), query, whole=False)
        yield request.replace(errback=self._no_rest)

    def _appeared(self, posts: Posts, walk: Walk, told_by: str) -> Iterator[Request]:
        yield from self.articles(posts, told_by)

    def _no_rest(self, failure: Failure) -> None:
        """Log it only: the listings are read all the same."""
        logger.info("REST does not list recent posts: %s", failure.value)

    def look_at_all(self) -> Iterator[Request]:
        """Yield requests for all young articles: there are fewer posts than before."""
        young = self.known.young(_EVER)
        for start in range(0, len(young), self.per_page):
            yield self._look(young[start : start + self.per_page])

    def _look(self, known: Sequence[ArticleState]) -> Request:
        walk = Walk({"include": ",".join(it.id for it in known)})
        request = self.listing(self._looked, walk, {}, {"known": known}, whole=False)
        return request.replace(errback=partial(self._failed, known))

    def _looked(
        self,
        posts: Posts,
        walk: Walk,
        told_by: str,
        known: Sequence[ArticleState],
    ) -> Iterator[Request]:
        present = {its.id: its for post in posts if (its := self.candidate(post))}
        for it in known:
            found = present.get(it.id)
            if found is None:
                if it.id not in walk.seen and not walk.left:
                    yield self.unlisted(Candidate(it.id, it.url))
                continue
            if it.is_changed(found.modified) or found.url != it.url:
                yield self.outlet.article_request(found)
            if not it.is_changed(found.modified):
                self.known.looked_at(it)

    def _failed(self, known: Sequence[ArticleState], failure: Failure) -> Iterator[Request]:
        """Look at the pages instead, where REST does not answer."""
        for it in known:
            yield self.outlet.article_request(Candidate(it.id, it.url))
