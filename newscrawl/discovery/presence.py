"""Presence: whether the site still has its young articles, a hundred in one request."""

import logging
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from scrapy import Request
from twisted.python.failure import Failure

from newscrawl.discovery.post_lists import PostLists
from newscrawl.discovery.rest import Posts, Walk
from newscrawl.extraction.dates import utc
from newscrawl.items import Candidate
from newscrawl.storage.ledger import ArticleState

logger = logging.getLogger(__name__)

# A request is made for a full page of articles, or when one of them has waited for this long.
_LONGEST_WAIT = timedelta(hours=11)
_FIRST_DAY = timedelta(hours=23)

RECENT = timedelta(hours=26)
"""How far back to search for posts that have appeared with an old time."""
EXCLUDED = 600
"""The most ids of known posts that an address can exclude."""

_EVER = "9999"  # later than every time in the record's form


class Presence(PostLists):
    """Checks at the ages of revisits that articles are still there.

    Discovery methods that list changes only do not show that an article is gone. A list of posts
    lacks unpublished ones. Each missing post is requested by itself; its response says why.
    """

    def start(self) -> Iterator[Request]:
        """Yield requests for the articles that are due for a look."""
        now = datetime.now(UTC)
        due = self.known.young(utc(now))
        waiting = utc(now - _LONGEST_WAIT)
        if "api" in self.outlet.arguments.discover:
            # In their first day the number of all posts shows that one is gone: ``look_at_all``.
            due = [it for it in due if (it.date_published or "") < utc(now - _FIRST_DAY)]
            born = utc(now - _FIRST_DAY - _LONGEST_WAIT)
            has_waited = any((it.date_published or "") < born for it in due)
        else:
            has_waited = any((it.next_attempt or "") <= waiting for it in due)
        while due and (len(due) >= self.per_page or has_waited):
            yield self._look(due[: self.per_page])
            due = due[self.per_page :]

    def appeared(self) -> Iterator[Request]:
        """Yield the request for recent posts that are not in the ledger.

        Wire copy has a time of its own, and may appear in a feed or section below the part that is
        read.
        """
        since = utc(datetime.now(UTC) - RECENT)
        query = {"after": since, "orderby": "date", "order": "desc"}
        if known := self.known.published_after(since)[:EXCLUDED]:
            query["exclude"] = ",".join(known)
        request = self.listing(self._appeared, Walk({}), query, whole=False)
        yield request.replace(errback=self._no_rest)

    def _appeared(self, posts: Posts, walk: Walk, listing_url: str) -> Iterator[Request]:
        yield from self.articles(posts, listing_url)

    def _no_rest(self, failure: Failure) -> None:
        """Log the failure only: the crawl still reads its listings."""
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
        self, posts: Posts, walk: Walk, listing_url: str, known: Sequence[ArticleState]
    ) -> Iterator[Request]:
        candidates = filter(None, map(self.candidate, posts))
        present = {candidate.id: candidate for candidate in candidates}
        for article in known:
            listed = present.get(article.id)
            if listed is None:
                if article.id not in walk.seen and not walk.left:
                    yield self.unlisted(Candidate(article.id, article.url))
                continue
            if article.is_changed(listed.modified) or listed.url != article.url:
                yield self.outlet.article_request(listed)
            if not article.is_changed(listed.modified):
                self.known.looked_at(article)

    def _failed(self, known: Sequence[ArticleState], failure: Failure) -> Iterator[Request]:
        """Request the pages instead if REST does not answer."""
        for article in known:
            yield self.outlet.article_request(Candidate(article.id, article.url))
