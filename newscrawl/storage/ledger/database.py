"""The database of the ledger: connections, locks, transactions and its schema."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from newscrawl.exceptions import PROGRAM, LedgerError
from newscrawl.storage.ledger.reading import for_reading
from newscrawl.storage.ledger.tables import (
    LEDGER_VERSION,
    MIGRATIONS,
    metadata,
    version_table,
)

logger = logging.getLogger(__name__)

_LOCK_WAIT = 5  # seconds of one try; SQLite waits by itself
_LOCK_TRIES = 24

_T = TypeVar("_T")

Change = tuple[sa.Executable, dict[str, Any]]
"""A statement with its values, to be executed later."""


class Database:
    """A database of today's schema. ``url`` is SQLAlchemy's, of SQLite or PostgreSQL.

    Every method raises LedgerError, one sentence, when the database is locked for minutes,
    damaged or out of reach.
    """

    def __init__(self, url: str, *, reading: bool = False) -> None:
        """Open the database, creating it or bringing it to today's schema.

        With ``reading`` a SQLite file stays as it is, and may be in a folder that is not writable.
        Raises OSError when it has to be copied for that and cannot be.
        """
        self.url = _without_password(url)
        try:
            parsed = sa.make_url(url)
            inserts = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
            self.insert: Callable[..., Any] = inserts[parsed.get_backend_name()]
            if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
                raise sa.exc.ArgumentError("in memory it is lost with the crawl")
            reading = reading and parsed.get_backend_name() == "sqlite"
            if reading:
                parsed, is_copy = for_reading(parsed)
                reading = not is_copy
            self._engine = sa.create_engine(parsed)
        except (sa.exc.ArgumentError, KeyError, ImportError, sa.exc.NoSuchModuleError) as error:
            raise LedgerError(
                f"NEWSCRAWL_LEDGER_URL={_without_password(url)!r} is not allowed: it must be"
                f" sqlite:///… or postgresql://… with its driver installed ({error})."
            ) from error
        if self._engine.dialect.name == "sqlite":
            configure = _configure_reading if reading else _configure_sqlite
            sa.event.listen(self._engine, "connect", configure)
        if not reading:
            self._prepare()

    def _prepare(self) -> None:
        with self._transaction() as connection:
            is_new = not sa.inspect(connection).has_table(version_table.name)
            if not is_new:
                self._migrate(connection)
            metadata.create_all(connection)
            if is_new:
                connection.execute(version_table.insert(), {"version": LEDGER_VERSION})

    def _migrate(self, connection: sa.Connection) -> None:
        """Bring an older schema up to date, but for tables that it lacks. Raises LedgerError."""
        version = connection.scalar(sa.select(sa.func.max(version_table.c.version)))
        if version > LEDGER_VERSION:
            raise LedgerError(
                f"The ledger {self.url} has schema {version}, this newscrawl reads"
                f" {LEDGER_VERSION}: use the newscrawl that wrote it, or a later one."
            )
        for old in range(version, LEDGER_VERSION):
            for statement in MIGRATIONS[old]:
                connection.execute(sa.text(statement))
            connection.execute(version_table.update(), {"version": old + 1})

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
                f" parts with: {PROGRAM} ledger --rebuild"
            )
        return LedgerError(f"The ledger {self.url} cannot be used: {reason}.")

    def all_rows(
        self, query: sa.Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[Any]:
        """Return all rows of a query."""

        def ask() -> Sequence[Any]:
            with self._engine.connect() as connection:
                return connection.execute(query, values or {}).all()

        try:
            return self._waiting(ask)
        except sa.exc.DBAPIError as error:
            raise self._sentence(error) from error

    def apply(self, changes: Iterable[Change]) -> None:
        """Make changes, in order, all or none."""
        with self._transaction() as connection:
            execute(connection, changes)


def execute(connection: sa.Connection, changes: Iterable[Change]) -> None:
    """Make changes within the transaction of a connection.

    Those of one table are made in order. Tables do not depend on each other, so the same statement
    in a row is executed once, with all its values: that takes a fifth of the time.
    """
    tables: dict[sa.FromClause, list[Change]] = {}
    for statement, values in changes:
        tables.setdefault(statement.table, []).append((statement, storable(values)))  # type: ignore[attr-defined]
    for of_table in tables.values():
        for _, alike in groupby(of_table, lambda it: id(it[0])):
            rows = list(alike)
            connection.execute(rows[0][0], [values for _, values in rows])


def storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with texts that every database stores: no lone surrogates, no NUL.

    A line can hold them; what follows from it must not fail when it is written.
    """
    return {
        name: value.encode("utf-8", "replace").decode().replace("\0", "")
        if isinstance(value, str)
        else value
        for name, value in values.items()
    }


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


def _configure_reading(connection: Any, _record: Any) -> None:
    """Set up a SQLite connection that changes nothing."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT * 1000}")
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()
