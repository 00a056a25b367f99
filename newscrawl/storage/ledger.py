"""The ledger: what is known of every article, and the only state between crawls.

One row an article, one row a published revision. The parts are the truth of what was published;
the ledger can be rebuilt from them. A run queues its changes and applies them in one transaction
after the lines that they speak of are on disk, never before.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from newscrawl.exceptions import LedgerError
from newscrawl.extraction.dates import utc
from newscrawl.items import Author, Candidate
from newscrawl.storage.document import Withdrawal

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 3
_LOCK_WAIT = 5  # seconds of one try; SQLite waits by itself
_LOCK_TRIES = 24
_CACHES = timedelta(hours=1)  # longer than a site's caches hold an old page

NOT_PUBLISHED = "not published"
"""Why a request failed for a post that REST lists no longer and does not give either."""

# What says that the site has an article no longer.
_GONE = ("http 404", "http 410", NOT_PUBLISHED)

_T = TypeVar("_T")


class State(StrEnum):
    """Where an article stands.

    ``pending`` → ``published``, ``rejected`` or ``failed``; these two are tried again until they
    succeed or are ``abandoned``; a ``published`` one that the site no longer has is ``gone``.
    """

    PENDING = "pending"
    PUBLISHED = "published"
    REJECTED = "rejected"
    FAILED = "failed"
    ABANDONED = "abandoned"
    GONE = "gone"


_metadata = sa.MetaData()

articles = sa.Table(
    "articles",
    _metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_attempt", sa.String),
    sa.Column("first_seen", sa.String, nullable=False),
    sa.Column("last_fetched", sa.String),
    sa.Column("date_modified", sa.String),
    sa.Column("content_hash", sa.String),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    sa.Column("etag", sa.String),
    sa.Column("last_modified", sa.String),
    sa.Column("date_published", sa.String),
    sa.Column("authors", sa.String),
    sa.Index("articles_due", "outlet", "next_attempt"),
    sqlite_with_rowid=False,
)

revisions = sa.Table(
    "revisions",
    _metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("content_hash", sa.String, nullable=False),
    sa.Column("run", sa.String, nullable=False),
    sa.Column("date_modified", sa.String),
    sa.Column("date_fetched", sa.String, nullable=False),
    sa.Index("revisions_run", "outlet", "run"),
    sqlite_with_rowid=False,
)

# What a run must remember of a listing (by its address) or of a job (by its name).
listings = sa.Table(
    "listings",
    _metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("asked", sa.String, nullable=False),
    sa.Column("etag", sa.String),
    sa.Column("last_modified", sa.String),
    sa.Column("due", sa.String),
    sa.Column("pause", sa.Float, nullable=False, server_default="0"),
    sa.Column("position", sa.String),
    sqlite_with_rowid=False,
)

# Which run found an article gone from its site, or back.
withdrawals = sa.Table(
    "withdrawals",
    _metadata,
    sa.Column("outlet", sa.String, primary_key=True),
    sa.Column("run", sa.String, primary_key=True),
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("gone", sa.Boolean, nullable=False),
    sa.Column("date", sa.String, nullable=False),
    sa.Column("reason", sa.String),
    sqlite_with_rowid=False,
)

_version = sa.Table("schema_version", _metadata, sa.Column("version", sa.Integer, primary_key=True))

# What brings a ledger of version n to n + 1: statements, in order.
_MIGRATIONS: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE articles ADD COLUMN date_published VARCHAR",
        "ALTER TABLE articles ADD COLUMN authors VARCHAR",
    ),
    2: (),  # a table more, which is created where it is missing
}


@dataclass(frozen=True, slots=True)
class ArticleState:
    """What the ledger knows of one article; times are UTC as the record writes them."""

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
        """Say whether a listing that names ``modified`` knows a newer version than our copy.

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
        """Say whether to ask for the article again, whatever the listings say.

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
class Schedule:
    """When an article is asked for again.

    ``young`` are ages, in hours after publication, at which a published article is looked at for
    changes; ``pauses`` are the hours before each new try of one that failed. After the last of
    the pauses it is given up.
    """

    young: tuple[float, ...] = (1, 6, 24, 72)
    pauses: tuple[float, ...] = (1, 3, 12, 24, 72)

    def revisit(self, published: str, now: datetime) -> str | None:
        """Return the next time to look at a published article, or None when it is old."""
        born = datetime.fromisoformat(published)
        try:
            times = [born + timedelta(hours=age) for age in self.young]
        except OverflowError:
            # A date at the end of time; the article is looked at when a listing states a change.
            return None
        return next((utc(time) for time in times if time > now), None)

    def retry(self, attempts: int, now: datetime) -> str | None:
        """Return when to try again after so many failures, or None: it is given up."""
        if attempts > len(self.pauses):
            return None
        return utc(now + timedelta(hours=self.pauses[attempts - 1]))


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

    def published(self, content_hash: str) -> "Versions":
        """Return the versions with a new one, which is the latest text."""
        return Versions({**self.hashes, self.revision + 1: content_hash}, content_hash)


# What an outcome without a new revision changes, in the order of ``Ledger._settled``.
_SETTLED = ("state", "reason", "attempts", "next_attempt", "last_fetched")

Change = tuple[sa.Executable, dict[str, Any]]


class Ledger:
    """The ledger of all outlets. ``url`` is SQLAlchemy's; SQLite and PostgreSQL are supported.

    Every method raises LedgerError, one sentence, when the database is locked for minutes,
    damaged or out of reach.
    """

    def __init__(self, url: str) -> None:
        """Open the ledger, creating it or bringing it to today's schema."""
        self.url = _without_password(url)
        try:
            parsed = sa.make_url(url)
            inserts = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
            insert: Callable[..., Any] = inserts[parsed.get_backend_name()]
            self._engine = sa.create_engine(parsed)
        except (sa.exc.ArgumentError, KeyError, ImportError, sa.exc.NoSuchModuleError) as error:
            raise LedgerError(
                f"NEWSCRAWL_LEDGER_URL={_without_password(url)!r} is not allowed: it must be"
                f" sqlite:///… or postgresql://… with its driver installed ({error})."
            ) from error
        if self._engine.dialect.name == "sqlite":
            sa.event.listen(self._engine, "connect", _configure_sqlite)
        # Building a statement costs more than running it: each is built once.
        key = (articles.c.outlet == sa.bindparam("o"), articles.c.id == sa.bindparam("i"))
        self._get = sa.select(*(articles.c[name] for name in ArticleState.__slots__)).where(*key)
        self._seen = insert(articles).on_conflict_do_nothing()
        self._changed = articles.update().where(*key).values(next_attempt=sa.bindparam("now"))
        self._authors = articles.update().where(*key).values(authors=sa.bindparam("new_authors"))
        self._validators = (
            articles.update()
            .where(*key)
            .values(etag=sa.bindparam("new_etag"), last_modified=sa.bindparam("new_modified"))
        )
        self._moved = articles.update().where(*key).values(url=sa.bindparam("new_url"))
        named = (listings.c.outlet == sa.bindparam("o"), listings.c.name == sa.bindparam("n"))
        self._read_checkpoint = sa.select(*(listings.c[it] for it in Checkpoint.__slots__)).where(
            *named
        )
        self._delete_checkpoint = listings.delete().where(*named)
        listed = insert(listings)
        self._save_checkpoint = listed.on_conflict_do_update(
            index_elements=["outlet", "name"],
            set_={name: listed.excluded[name] for name in Checkpoint.__slots__},
        )
        self._forget = articles.delete().where(*key, articles.c.revision == 0)
        self._add_revision = insert(revisions).on_conflict_do_nothing()
        withdraw = insert(withdrawals)
        self._withdraw = withdraw.on_conflict_do_update(
            index_elements=["outlet", "run", "id"],
            set_={name: withdraw.excluded[name] for name in ("gone", "date", "reason")},
        )
        put = insert(articles)
        kept = ("outlet", "id", "first_seen")
        self._put = put.on_conflict_do_update(
            index_elements=["outlet", "id"],
            set_={
                column.name: put.excluded[column.name]
                for column in articles.c
                if column.name not in kept
            },
        )
        self._put_archived = put.on_conflict_do_update(
            index_elements=["outlet", "id"], set_=_of_the_past(put.excluded)
        )
        self._settle = (
            articles.update()
            .where(*key)
            .values({name: sa.bindparam(f"new_{name}") for name in _SETTLED})
        )
        self._versions = (
            sa.select(revisions.c.revision, revisions.c.content_hash, articles.c.content_hash)
            .join(
                articles,
                sa.and_(articles.c.outlet == revisions.c.outlet, articles.c.id == revisions.c.id),
            )
            .where(revisions.c.outlet == sa.bindparam("o"), revisions.c.id == sa.bindparam("i"))
            .order_by(revisions.c.revision)
        )
        self._prepare()

    def _prepare(self) -> None:
        with self._transaction() as connection:
            _metadata.create_all(connection)
            version = connection.scalar(sa.select(sa.func.max(_version.c.version)))
            if version is None:
                connection.execute(_version.insert(), {"version": SCHEMA_VERSION})
                return
            if version > SCHEMA_VERSION:
                raise LedgerError(
                    f"The ledger {self.url} has schema {version}, this newscrawl knows"
                    f" {SCHEMA_VERSION}: use the newscrawl that wrote it, or a later one."
                )
            for old in range(version, SCHEMA_VERSION):
                for statement in _MIGRATIONS[old]:
                    connection.execute(sa.text(statement))
                connection.execute(_version.update(), {"version": old + 1})

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._waiting(self._engine.connect) as connection:
                if self._engine.dialect.name == "sqlite":
                    self._waiting(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))
                with (
                    connection.begin_nested() if connection.in_transaction() else connection.begin()
                ):
                    yield connection
                connection.commit()
        except sa.exc.DBAPIError as error:
            raise self._sentence(error) from error

    def _waiting(self, work: Callable[[], _T]) -> _T:
        """Do something that a lock may hold up; wait for minutes, and say so, before giving up."""
        for attempt in range(_LOCK_TRIES):
            try:
                return work()
            except sa.exc.OperationalError as error:
                if "locked" not in str(error.orig) or attempt == _LOCK_TRIES - 1:
                    raise
                if attempt == 0:
                    logger.warning("The ledger %s is locked by someone else; waiting", self.url)
        raise AssertionError("unreachable")

    def _sentence(self, error: sa.exc.DBAPIError) -> LedgerError:
        reason = str(error.orig).strip()
        if "malformed" in reason or "not a database" in reason or "disk image" in reason:
            return LedgerError(
                f"The ledger {self.url} is damaged ({reason}); rebuild it from the published"
                " parts with: scrapy ledger --rebuild"
            )
        return LedgerError(f"The ledger {self.url} cannot be used: {reason}.")

    def get(self, outlet: str, identity: str) -> ArticleState | None:
        """Return what is known of an article, or None."""
        rows = self._all(self._get, {"o": outlet, "i": identity})
        return ArticleState(*rows[0]) if rows else None

    def _all(self, query: sa.Executable, values: Mapping[str, Any] | None = None) -> Sequence[Any]:
        def ask() -> Sequence[Any]:
            with self._engine.connect() as connection:
                return connection.execute(query, values or {}).all()

        try:
            return self._waiting(ask)
        except sa.exc.DBAPIError as error:
            raise self._sentence(error) from error

    def versions(self, outlet: str, identity: str) -> Versions:
        """Return what was published of an article."""
        rows = self._all(self._versions, {"o": outlet, "i": identity})
        return Versions({number: hash_ for number, hash_, _ in rows}, rows[0][2] if rows else None)

    def due(self, outlet: str, now: str, *, revisits: bool = True) -> list[Candidate]:
        """Return the articles whose next attempt has come, the longest overdue first.

        Without ``revisits`` only those of which something is owed: never published, or failed.
        """
        query = (
            sa.select(articles.c.id, articles.c.url)
            .where(articles.c.outlet == outlet, articles.c.next_attempt <= now)
            .order_by(articles.c.next_attempt)
        )
        if not revisits:
            young = sa.and_(articles.c.state == State.PUBLISHED, articles.c.attempts == 0)
            query = query.where(sa.not_(young))
        return [Candidate(identity, url) for identity, url in self._all(query)]

    def young(self, outlet: str, now: str) -> list[ArticleState]:
        """Return the published articles whose time to be looked at has come, the oldest first."""
        of_article = (articles.c[name] for name in ArticleState.__slots__)
        query = sa.select(*of_article).where(
            articles.c.outlet == outlet,
            articles.c.next_attempt <= now,
            articles.c.state == State.PUBLISHED,
            articles.c.attempts == 0,
        )
        return [ArticleState(*row) for row in self._all(query.order_by(articles.c.next_attempt))]

    def count(self, outlet: str) -> int:
        """Return how many articles are known that have not gone from the site."""
        of_outlet = (articles.c.outlet == outlet, articles.c.state != State.GONE)
        return int(self._all(sa.select(sa.func.count()).where(*of_outlet))[0][0])

    def published_after(self, outlet: str, moment: str) -> list[str]:
        """Return the ids of the articles that were published after a moment, the newest first."""
        query = (
            sa.select(articles.c.id)
            .where(articles.c.outlet == outlet, articles.c.date_published > moment)
            .order_by(articles.c.date_published.desc())
        )
        return [row[0] for row in self._all(query)]

    def read_checkpoint(self, outlet: str, name: str) -> Checkpoint | None:
        """Return the checkpoint of a listing or a job, or None."""
        rows = self._all(self._read_checkpoint, {"o": outlet, "n": name})
        return Checkpoint(*rows[0]) if rows else None

    def count_waiting(self, outlet: str) -> int:
        """Return how many articles failed or were rejected and wait for their retry."""
        waiting = (articles.c.attempts > 0, articles.c.next_attempt.is_not(None))
        query = sa.select(sa.func.count()).where(articles.c.outlet == outlet, *waiting)
        return int(self._all(query)[0][0])

    # Changes: each is returned to be queued; none touches the database.

    def insert_pending(self, outlet: str, candidate: Candidate, now: str) -> Change:
        """Enter an article that was discovered for the first time; it is due until settled."""
        values = {
            "outlet": outlet,
            "id": candidate.id,
            "url": candidate.url,
            "state": State.PENDING,
            "first_seen": now,
            "next_attempt": now,
            "date_published": candidate.published,
            "authors": _authors(candidate.authors),
        }
        return self._seen, values

    def changed(self, outlet: str, identity: str, now: str) -> Change:
        """Note that a listing knows a newer version of an article: it is due until settled."""
        return self._changed, {"o": outlet, "i": identity, "now": now}

    def postponed(self, outlet: str, identity: str, until: str | None) -> Change:
        """Note when an article is to be looked at again; None: it is old."""
        return self._changed, {"o": outlet, "i": identity, "now": until}

    def moved(self, outlet: str, identity: str, url: str) -> Change:
        """Note an article's new address."""
        return self._moved, {"o": outlet, "i": identity, "new_url": url}

    def set_authors(self, outlet: str, identity: str, authors: Iterable[Author]) -> Change:
        """Note the authors that a listing names."""
        return self._authors, {"o": outlet, "i": identity, "new_authors": _authors(authors)}

    def save_checkpoint(self, outlet: str, name: str, checkpoint: Checkpoint) -> Change:
        """Save the checkpoint of a listing or a job."""
        return self._save_checkpoint, {"outlet": outlet, "name": name, **asdict(checkpoint)}

    def delete_checkpoint(self, outlet: str, name: str) -> Change:
        """Delete the checkpoint of a listing or a job."""
        return self._delete_checkpoint, {"o": outlet, "n": name}

    def forget(self, outlet: str, identity: str) -> Change:
        """Take out an article of which nothing was published."""
        return self._forget, {"o": outlet, "i": identity}

    def published(
        self,
        record: Mapping[str, Any],
        run: str,
        next_attempt: str | None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> list[Change]:
        """Enter a published revision of an article: the record that stands on disk.

        One of an archive speaks of the past; see ``_of_the_past``.
        """
        key = {"outlet": record["outlet"], "id": record["id"]}
        is_archived = record["source"] == "archive"
        back: list[Change] = []
        if record["revision"] > 1 and not is_archived:
            known = self.get(record["outlet"], record["id"])
            if known and known.state == State.GONE:
                date = record["date_fetched"]
                back = [self._withdrawn(record["outlet"], run, record["id"], gone=False, date=date)]
        shared = {name: record[name] for name in ("content_hash", "date_modified", "revision")}
        article = {
            **key,
            **shared,
            "url": record["url"],
            "state": State.PUBLISHED,
            "reason": None,
            "attempts": 0,
            "next_attempt": next_attempt,
            "first_seen": record["date_fetched"],
            "last_fetched": record["date_fetched"],
            "etag": etag,
            "last_modified": last_modified,
            "date_published": record["date_published"],
            "authors": _authors(Author(**author) for author in record["authors"]),
        }
        revision = {**key, **shared, "run": run, "date_fetched": record["date_fetched"]}
        put = self._put_archived if is_archived else self._put
        return [(put, article), (self._add_revision, revision), *back]

    def set_validators(
        self, outlet: str, identity: str, etag: str | None, last_modified: str | None
    ) -> Change:
        """Note the validators of an article's page, for conditional requests."""
        values = {"o": outlet, "i": identity, "new_etag": etag, "new_modified": last_modified}
        return self._validators, values

    def unchanged(
        self, outlet: str, identity: str, run: str, next_attempt: str | None
    ) -> list[Change]:
        """Note that an article was looked at and says what our latest revision says."""
        now = utc(datetime.now(UTC))
        known = self.get(outlet, identity)
        changes = [self._settled(outlet, identity, State.PUBLISHED, None, 0, next_attempt, now)]
        if known and known.state == State.GONE:
            changes.append(self._withdrawn(outlet, run, identity, gone=False, date=now))
        return changes

    def record_failure(
        self, outlet: str, identity: str, run: str, state: State, reason: str, schedule: Schedule
    ) -> list[Change]:
        """Note a failure or a rejection, and when to try again; or that it is given up.

        A published article stays published; one that the site no longer has is gone.
        """
        now = utc(datetime.now(UTC))
        known = self.get(outlet, identity)
        attempts = (known.attempts if known else 0) + 1
        retry = schedule.retry(attempts, datetime.now(UTC))
        changes = []
        if known and known.revision > 0:
            # Gone is an article until it is seen again.
            state = State.GONE if known.state == State.GONE else State.PUBLISHED
            if reason in _GONE:
                if state != State.GONE:
                    told = self._withdrawn(
                        outlet, run, identity, gone=True, date=now, reason=reason
                    )
                    changes.append(told)
                state, retry = State.GONE, None
        elif retry is None:
            state = State.ABANDONED
        settled = self._settled(outlet, identity, state, reason, attempts, retry, now)
        return [settled, *changes]

    def _withdrawn(
        self, outlet: str, run: str, identity: str, *, gone: bool, date: str, reason: str = ""
    ) -> Change:
        values = {"outlet": outlet, "run": run, "id": identity, "gone": gone, "date": date}
        return self._withdraw, {**values, "reason": reason or None}

    def _settled(self, outlet: str, identity: str, *values: Any) -> Change:
        new = {f"new_{name}": value for name, value in zip(_SETTLED, values, strict=True)}
        return self._settle, {"o": outlet, "i": identity, **new}

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes, in order, all or none."""
        with self._transaction() as connection:
            for statement, values in changes:
                connection.execute(statement, values)

    def reconcile(
        self, outlet: str, run: str, records: Iterable[Mapping[str, Any]], schedule: Schedule
    ) -> int:
        """Bring the ledger in line with what a killed run left on disk.

        Records that it does not know are entered, revisions of that run that are not on disk are
        taken back. Returns how many articles changed.
        """
        now = datetime.now(UTC)
        on_disk: set[tuple[str, int]] = set()
        changed = 0
        changes: list[Change] = []
        for record in records:
            on_disk.add((record["id"], record["revision"]))
            known = self.get(outlet, record["id"])
            if known is None or known.revision < record["revision"]:
                changed += 1
                next_attempt = schedule.revisit(record["date_published"], now)
                changes += self.published(record, run, next_attempt)
        query = sa.select(revisions.c.id, revisions.c.revision).where(
            revisions.c.outlet == outlet, revisions.c.run == run
        )
        lost = [tuple(row) for row in self._all(query) if tuple(row) not in on_disk]
        with self._transaction() as connection:
            for statement, values in changes:
                connection.execute(statement, values)
            for identity, revision in lost:
                self._take_back(connection, outlet, identity, revision)
        return changed + len(lost)

    def withdrawn(self, outlet: str, run: str) -> list[Withdrawal]:
        """Return which articles a run found gone, or back, as its ``run.json`` tells it."""
        named = ("id", "gone", "date", "reason")
        query = (
            sa.select(*(withdrawals.c[name] for name in named))
            .where(withdrawals.c.outlet == outlet, withdrawals.c.run == run)
            .order_by(withdrawals.c.id)
        )
        return [
            {"id": row[0], "gone": row[1], "date": row[2], "reason": row[3]}
            for row in self._all(query)
        ]

    def restore(self, outlet: str, run: str, told: Iterable[Mapping[str, Any]]) -> None:
        """Enter which articles a run found gone, or back, from its ``run.json``."""
        changes = []
        for it in told:
            state = State.GONE if it["gone"] else State.PUBLISHED
            settled = (state, it["reason"], 0, None, it["date"])
            changes.append(self._settled(outlet, it["id"], *settled))
            changes.append((self._withdraw, {"outlet": outlet, "run": run, **it}))
        self.apply(changes)

    @staticmethod
    def _take_back(connection: sa.Connection, outlet: str, identity: str, revision: int) -> None:
        of_article = (revisions.c.outlet == outlet, revisions.c.id == identity)
        connection.execute(revisions.delete().where(*of_article, revisions.c.revision == revision))
        latest = connection.execute(
            sa.select(revisions.c.revision, revisions.c.content_hash, revisions.c.date_modified)
            .where(*of_article)
            .order_by(revisions.c.revision.desc())
        ).first()
        state = State.PUBLISHED if latest else State.PENDING
        number, content_hash, date_modified = latest or (0, None, None)
        connection.execute(
            articles.update()
            .where(articles.c.outlet == outlet, articles.c.id == identity)
            .values(
                state=state,
                revision=number,
                content_hash=content_hash,
                date_modified=date_modified,
                next_attempt=utc(datetime.now(UTC)),
            )
        )

    def published_revisions(self, outlet: str) -> Iterator[tuple[str, int, str, str]]:
        """Yield id, revision, run and content hash of every published revision."""
        names = ("id", "revision", "run", "content_hash")
        query = sa.select(*(revisions.c[name] for name in names))
        try:
            with self._engine.connect() as connection:
                few = connection.execution_options(yield_per=10_000)
                for row in few.execute(query.where(revisions.c.outlet == outlet)):
                    yield tuple(row)
        except sa.exc.DBAPIError as error:
            raise self._sentence(error) from error

    # For people.

    def counts(self) -> list[tuple[str, str, str, int]]:
        """Return how many articles there are by outlet, state and reason."""
        by = (articles.c.outlet, articles.c.state, sa.func.coalesce(articles.c.reason, ""))
        return [tuple(row) for row in self._all(sa.select(*by, sa.func.count()).group_by(*by))]

    def oldest(
        self, states: Iterable[State], limit: int, outlets: Sequence[str] = ()
    ) -> list[tuple[str, ArticleState]]:
        """Return the articles that have waited longest in any of ``states``, with their outlet.

        ``outlets`` names those that are looked at; without names all are.
        """
        columns = (articles.c.outlet, *(articles.c[name] for name in ArticleState.__slots__))
        query = (
            sa.select(*columns)
            .where(articles.c.state.in_(list(states)))
            .where(articles.c.outlet.in_(outlets) if outlets else sa.true())
            .order_by(articles.c.first_seen)
            .limit(limit)
        )
        return [(row[0], ArticleState(*row[1:])) for row in self._all(query)]

    def history(self, outlet: str, identity: str) -> list[tuple[int, str, str | None, str]]:
        """Return an article's revisions: number, run, date modified and date fetched."""
        columns = (
            revisions.c.revision,
            revisions.c.run,
            revisions.c.date_modified,
            revisions.c.date_fetched,
        )
        query = (
            sa.select(*columns)
            .where(revisions.c.outlet == outlet, revisions.c.id == identity)
            .order_by(revisions.c.revision)
        )
        return [tuple(row) for row in self._all(query)]


def _of_the_past(new: Any) -> dict[str, Any]:
    """Return what an archived version changes of a known article: nothing of its present.

    Whether the site has it, and when it is requested next, stays as it is. The text becomes the
    latest one only if it is later than what is known (the rule of ``Version.is_later``).
    """
    old = articles.c
    both = sa.and_(new.date_modified.is_not(None), old.date_modified.is_not(None))
    is_later = sa.case(
        (
            sa.and_(both, new.date_modified != old.date_modified),
            new.date_modified > old.date_modified,
        ),
        else_=new.last_fetched >= sa.func.coalesce(old.last_fetched, ""),
    )
    is_published = old.revision > 0
    is_latest = sa.or_(sa.not_(is_published), is_later)
    text = ("content_hash", "date_modified", "date_published", "authors", "last_fetched")
    return {
        "revision": new.revision,
        "url": sa.case((sa.and_(is_published, is_later), new.url), else_=old.url),
        **{it: sa.case((is_latest, new[it]), else_=old[it]) for it in text},
        # Validators are of the text that we had before.
        **{it: sa.case((is_latest, sa.null()), else_=old[it]) for it in ("etag", "last_modified")},
    }


def _authors(authors: Iterable[Author]) -> str:
    return json.dumps([[it.name, it.url] for it in authors], ensure_ascii=False)


def sqlite_url(path: Path) -> str:
    """Return SQLAlchemy's address of a SQLite file, whatever its path holds.

    >>> sqlite_url(Path("/what?/50%/ledger.sqlite3"))
    'sqlite:////what%3F/50%25/ledger.sqlite3'
    """
    return str(sa.URL.create("sqlite", database=str(path)))


def sqlite_path(url: str) -> Path | None:
    """Return the file of a SQLite ledger, or None for another database.

    >>> sqlite_path("sqlite:////what%3F/ledger.sqlite3")
    PosixPath('/what?/ledger.sqlite3')
    """
    if not url.startswith("sqlite:///"):
        return None
    return Path(sa.make_url(url).database or "")


def _without_password(url: str) -> str:
    """Return an address as it may stand in a log.

    >>> _without_password("postgresql://ada:s@lt@db.example/news")
    'postgresql://***@db.example/news'
    """
    return re.sub(r"//.*@", "//***@", url)


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Set up a new SQLite connection: one writer beside readers, and commits that last."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()
