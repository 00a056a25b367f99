"""What the ledger holds of an article or a listing, as rows and values."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from newscrawl.extraction.dates import utc
from newscrawl.items import Author

_CACHES = timedelta(hours=1)  # longer than a site's caches hold an old page

NOT_PUBLISHED = "not published"
"""Why a request failed for a post that REST lists no longer and does not give either."""


class State(StrEnum):
    """The state of an article.

    ``pending`` → ``published``, ``rejected`` or ``failed``; these two are tried again until they
    succeed or are ``abandoned``; a ``published`` one that the site no longer has is ``gone``.
    """

    PENDING = "pending"
    PUBLISHED = "published"
    REJECTED = "rejected"
    FAILED = "failed"
    ABANDONED = "abandoned"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class ArticleState:
    """One article in the ledger; times are UTC as the record writes them."""

    id: str
    url: str
    state: str
    reason: str | None
    attempts: int
    next_attempt: str | None
    first_seen: str
    last_fetched: str | None
    date_modified: str | None
    content_hash: str | None
    revision: int
    etag: str | None
    last_modified: str | None
    date_published: str | None
    authors: str | None

    def is_changed(self, modified: str | None) -> bool:
        """Return whether a listing that names ``modified`` has a newer version than our copy.

        A copy that was fetched more than an hour after ``modified`` has that change, whatever it
        says of itself; one fetched sooner may have come out of a cache.
        """
        if not modified or not self.last_fetched:
            return False
        if self.last_fetched > utc(datetime.now(UTC)):
            # The clock was set back since: when the copy was fetched says nothing.
            return modified > (self.date_modified or "")
        fetched = utc(datetime.fromisoformat(self.last_fetched) - _CACHES)
        return modified > max(self.date_modified or "", fetched)

    @property
    def is_waiting(self) -> bool:
        """Whether the article failed or was rejected and waits for its retry."""
        return self.attempts > 0 and self.next_attempt is not None

    def is_due(self, now: str, *, revisits: bool = True) -> bool:
        """Return whether to request the article again, even if no listing states a change.

        ``now`` is in the record's form, which sorts as text. Without ``revisits`` a published
        article is left alone: the listings tell when it changes.
        """
        if self.state == State.PUBLISHED and not self.attempts and not revisits:
            return False
        if self.state == State.PENDING:
            return True
        # If the clock was set back since, when the next attempt was planned says nothing.
        is_ahead = self.last_fetched is not None and self.last_fetched > now
        return self.next_attempt is not None and (self.next_attempt <= now or is_ahead)

    @property
    def known_authors(self) -> tuple[Author, ...]:
        """The authors that a listing named, or that the latest revision has."""
        return tuple(Author(*author) for author in json.loads(self.authors or "[]"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a run saved about a listing or a job.

    ``asked`` is the time of the last request, ``due`` that of the next (None: in every run), after
    a ``pause`` in hours that grows while nothing new appears. ``position`` is how far a job got.
    """

    asked: str
    etag: str | None = None
    last_modified: str | None = None
    due: str | None = None
    pause: float = 0.0
    position: str | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """What the rows of an outlet rest on: the runs of one output folder.

    ``through`` names the latest run that has begun to change them, ``output`` is the identity of
    the output folder and ``folder`` its path at that time; None in a ledger of an older schema.
    """

    through: str
    output: str | None = None
    folder: str | None = None


@dataclass(frozen=True, slots=True)
class RangeKey:
    """A range of an archive's file.

    ``state`` is the file's size with its ETag or time of change, ``how`` the digest of the outlet's
    extraction, with the options that decide what is published of the file. ``start`` is in bytes.
    """

    file: str
    state: str
    how: str
    start: int


@dataclass(frozen=True, slots=True)
class Versions:
    """The published versions of an article: content hash by revision, and that of the latest text.

    The latest text is not always the highest revision: archives add what is older.
    """

    hashes: Mapping[int, str]
    latest: str | None

    @property
    def revision(self) -> int:
        """The highest revision, or 0."""
        return max(self.hashes, default=0)

    def published(self, content_hash: str, *, is_latest: bool) -> "Versions":
        """Return the versions with a new one, which may be the latest text."""
        hashes = {**self.hashes, self.revision + 1: content_hash}
        return Versions(hashes, content_hash if is_latest else self.latest)
