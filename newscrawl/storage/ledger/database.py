"""The database of the ledger: connections, locks, transactions and its schema."""

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary, WeakSet

import sqlalchemy as sa

from newscrawl.exceptions import PROGRAM, LedgerError
from newscrawl.storage.ledger.reading import for_reading
from newscrawl.storage.ledger.tables import (
    LEDGER_VERSION,
    MIGRATIONS,
    metadata,
    version_table,
)

logger = logging.getLogger(__name__)

_WAIT = 120.0  # seconds that a lock, or a server that is away, may hold up a run
_LOCK_WAIT = 5  # seconds of one try; SQLite waits by itself
_SERVER_PAUSE = 1.0  # seconds between two tries
# PostgreSQL: no connection, shutting down or starting up, deadlock, lock timeout.
_AWAY = ("08", "57P", "40", "55P03")
# Time limits after which a node notices that the network or the server is dead; seconds.
_CONNECTION: Mapping[str, int | str] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,  # milliseconds
}

# Names, so that only the dialect in use is imported.
_INSERTS = {
    "sqlite": "sqlalchemy.dialects.sqlite:insert",
    "postgresql": "sqlalchemy.dialects.postgresql:insert",
}

# The databases that use the connections of an engine.
_users: WeakKeyDictionary[sa.Engine, WeakSet["Database"]] = WeakKeyDictionary()

_T = TypeVar("_T")

Change = tuple[sa.Executable, dict[str, Any]]
"""A statement with its values, to be executed later."""


class Guard(Protocol):
    """Says whether a run may change a database. See ``Lease``."""

    def renew(self, connection: sa.Connection, others: Sequence[Any] = ()) -> None:
        """Renew this guard and ``others``. Raises LeaseLostError if a run lost its lease."""


class Database:
    """A database of today's schema. ``url`` is SQLAlchemy's, of SQLite or PostgreSQL.

    Every method raises LedgerError, one sentence, when the database is locked or out of reach for
    two minutes, or damaged. What changes it raises LeaseLostError when the run that does so may
    not any more.
    """

    guard: "Guard | None" = None
    """Renewed first in every transaction."""

    def __init__(self, url: str, *, reading: bool = False) -> None:
        """Open the database, creating it or bringing it to today's schema.

        With ``reading`` a SQLite file stays as it is, and may be in a folder that is not writable.
        Raises OSError when it has to be copied for that and cannot be.
        """
        self.url = _without_password(url)
        try:
            parsed = sa.make_url(url)
            self.insert: Callable[..., Any] = resolve_name(_INSERTS[parsed.get_backend_name()])
            if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
                raise sa.exc.ArgumentError("in memory it is lost with the crawl")
            reading = reading and parsed.get_backend_name() == "sqlite"
            if reading:
                parsed, is_copy = for_reading(parsed)
                reading = not is_copy
            is_file = parsed.get_backend_name() == "sqlite"
            self._engine = sa.create_engine(parsed) if is_file else _engine_of_server(parsed)
        except (sa.exc.ArgumentError, KeyError, ImportError, sa.exc.NoSuchModuleError) as error:
            raise LedgerError(
                f"NEWSCRAWL_LEDGER_URL={_without_password(url)!r} is not allowed: it must be"
                f" sqlite:///… or postgresql://… with its driver installed ({error})."
            ) from error
        if not self.is_server:
            configure = _configure_reading if reading else _configure_sqlite
            sa.event.listen(self._engine, "connect", configure)
        users = _users.setdefault(self._engine, WeakSet())
        # A server that is away when the work begins is most likely a wrong address.
        self._is_patient = bool(users) or not self.is_server
        users.add(self)
        if not reading:
            try:
                self.in_transaction(self._prepare)
            except BaseException:
                self.close()
                raise
        self._is_patient = True

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._engine.dialect.name

    @property
    def is_server(self) -> bool:
        """Whether the database is a server, which several machines may use."""
        return self.dialect != "sqlite"

    def _prepare(self, connection: sa.Connection) -> None:
        if self.is_server:
            # Of two processes that are the first, one creates the tables.
            lock(connection, "tables")
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
        """Close the connections, unless another ledger of this process uses the same pool."""
        users = _users[self._engine]
        users.discard(self)
        if not users:
            self._engine.dispose()

    def in_transaction(
        self, work: Callable[[sa.Connection], _T], others: Sequence["Database"] = ()
    ) -> _T:
        """Do work in one transaction, all or nothing. It may be done again: it must be repeatable.

        Whether a commit arrived is not known when the connection breaks in it. The guards of
        ``others`` are renewed, too.
        """

        def attempt() -> _T:
            with self._engine.connect() as connection:
                if not self.is_server:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                with (
                    connection.begin_nested() if connection.in_transaction() else connection.begin()
                ):
                    if guards := [it.guard for it in (self, *others) if it.guard]:
                        guards[0].renew(connection, guards[1:])
                    result = work(connection)
                connection.commit()
            return result

        return self._patiently(attempt)

    def _patiently(self, work: Callable[[], _T]) -> _T:
        """Do something that a lock or a server may hold up; wait for it, say so, and give up.

        After that nothing is waited for until the database answers again.
        """
        begun = None
        while True:
            try:
                result = work()
            except sa.exc.DBAPIError as error:
                now = time.monotonic()
                begun = begun or now
                is_over = now - begun >= _WAIT
                if is_over or not (self._is_patient and self._is_held_up(error)):
                    self._is_patient &= not is_over
                    raise self._sentence(error) from error
                if now == begun:
                    why = (
                        str(error.orig).split("\n")[0]
                        if self.is_server
                        else "is locked by someone else"
                    )
                    logger.warning("The ledger %s %s; waiting", self.url, why)
            else:
                self._is_patient = True
                return result
            if self.is_server:
                time.sleep(_SERVER_PAUSE)

    def _is_held_up(self, error: sa.exc.DBAPIError) -> bool:
        if not self.is_server:
            return "locked" in str(error.orig)
        state = getattr(error.orig, "sqlstate", None)
        return error.connection_invalidated or (
            isinstance(error, sa.exc.OperationalError)
            and (state is None or state.startswith(_AWAY))
        )

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

        return self._patiently(ask)

    def apply(self, changes: Iterable[Change], others: Sequence["Database"] = ()) -> None:
        """Make changes, in order, all or none. The guards of ``others`` are renewed, too."""
        them = list(changes)
        self.in_transaction(lambda connection: execute(connection, them), others)


def lock(connection: sa.Connection, name: str) -> None:
    """Let one transaction at a time go on that asks for the lock ``name`` of a server."""
    number = sa.func.hashtext(f"newscrawl {name}")
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))


def execute(connection: sa.Connection, changes: Iterable[Change]) -> None:
    """Make changes within the transaction of a connection.

    Those of one table are made in order. Tables do not depend on each other, so the same statement
    in a row is executed once, with all its values: that takes a fifth of the time.
    """
    is_server = connection.dialect.name != "sqlite"
    tables: dict[sa.FromClause, list[Change]] = {}
    for statement, values in changes:
        tables.setdefault(statement.table, []).append((statement, storable(values)))  # type: ignore[attr-defined]
    for of_table in tables.values():
        for _, alike in groupby(of_table, lambda it: id(it[0])):
            statements, rows = zip(*alike, strict=True)
            if is_server and len(rows) > 1 and isinstance(statements[0], sa.Insert):
                _insert_together(connection, statements[0], rows)
            else:
                connection.execute(statements[0], rows)


def _insert_together(
    connection: sa.Connection, statement: sa.Insert, rows: Iterable[Mapping[str, Any]]
) -> None:
    """Insert rows in one statement, or in a few: one must not change a row of the table twice.

    Executing a statement for each row takes three times the CPU time here, and twice the server's.
    """
    key_of = itemgetter(*(it.name for it in statement.table.primary_key))
    turns: list[list[Mapping[str, Any]]] = []
    seen: dict[Any, int] = {}
    for row in rows:
        key = key_of(row)
        number = seen.get(key, 0)
        if number == len(turns):
            turns.append([])
        turns[number].append(row)
        seen[key] = number + 1
    for turn in turns:
        connection.execute(_of_json(statement, tuple(turn[0])), {"rows": turn})


@lru_cache(maxsize=64)
def _of_json(statement: sa.Insert, names: tuple[str, ...]) -> sa.Insert:
    """Return an insertion with the columns ``names`` as one whose values are rows, in JSON."""
    columns = [sa.column(it, statement.table.c[it].type) for it in names]
    return statement.from_select(list(names), sa.select(*rows_given(columns, "postgresql").c))


def rows_given(columns: Iterable[sa.ColumnClause[Any]], dialect: str) -> sa.FromClause:
    """Return a table of the rows in the JSON parameter ``rows``."""
    rows = sa.bindparam("rows", type_=sa.JSON())
    if dialect == "postgresql":
        function = sa.func.json_to_recordset(rows)
        return function.table_valued(*columns).render_derived(with_types=True)
    each = sa.func.json_each(rows).table_valued("value")
    values = (sa.func.json_extract(each.c.value, f"$.{it.name}").label(it.name) for it in columns)
    return sa.select(*values).subquery()


def storable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with texts that every database stores: no lone surrogates, no NUL.

    A line can hold them; what follows from it must not fail when it is written.
    """
    return {
        name: value
        if not isinstance(value, str) or (value.isascii() and "\0" not in value)
        else value.encode("utf-8", "replace").decode().replace("\0", "")
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
    >>> _without_password("postgresql://db.example/news?user=ada&password=salt&sslmode=require")
    'postgresql://db.example/news?user=ada&password=***&sslmode=require'
    """
    return re.sub(r"(password=)[^&]*", r"\1***", re.sub(r"//.*@", "//***@", url))


def _configure_sqlite(connection: Any, _record: Any) -> None:
    """Set up a new SQLite connection: one writer beside readers, and commits that last."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _configure_server(connection: Any, _record: Any) -> None:
    """Set up a new connection to a server, with limits on how long it can block others."""
    cursor = connection.cursor()
    cursor.execute("SET lock_timeout = '60s'")
    # A process that is stopped in a transaction holds locks, too.
    cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
    cursor.close()
    connection.commit()


@cache
def _engine_of_server(url: sa.URL) -> sa.Engine:
    """Return the engine for a server. All ledgers of a process share its connection pool.

    PostgreSQL allows 100 connections by default.
    """
    # Arguments in the address override the defaults.
    arguments = {name: value for name, value in _CONNECTION.items() if name not in url.query}
    # No limit: with one, a thread that waits too long for a connection gets a pool time-out.
    engine = sa.create_engine(url, connect_args=arguments, max_overflow=-1)
    sa.event.listen(engine, "connect", _configure_server)
    return engine


def _configure_reading(connection: Any, _record: Any) -> None:
    """Set up a SQLite connection that changes nothing."""
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_LOCK_WAIT * 1000}")
    cursor.execute("PRAGMA query_only = ON")
    cursor.close()
