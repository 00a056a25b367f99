"""Questions to the ledger."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from newscrawl.items import Candidate
from newscrawl.storage.document import Withdrawal
from newscrawl.storage.ledger.database import Database, rows_given
from newscrawl.storage.ledger.states import (
    ArticleState,
    Basis,
    Checkpoint,
    RangeKey,
    State,
    Versions,
)
from newscrawl.storage.ledger.tables import (
    addresses,
    articles,
    basis,
    checkpoints,
    ranges,
    revisions,
    withdrawals,
)

_OF_ARTICLE = [articles.c[name] for name in ArticleState.__slots__]
_ARTICLE = (articles.c.outlet == sa.bindparam("o"), articles.c.id == sa.bindparam("i"))

# Building a statement costs more than running it: the frequent ones are built once.
_GET = sa.select(*_OF_ARTICLE).where(*_ARTICLE)
_CHECKPOINT = sa.select(*(checkpoints.c[name] for name in Checkpoint.__slots__)).where(
    checkpoints.c.outlet == sa.bindparam("o"), checkpoints.c.name == sa.bindparam("n")
)
_ADDRESS = sa.select(addresses.c.id).where(
    addresses.c.outlet == sa.bindparam("o"), addresses.c.address == sa.bindparam("a")
)
_RUN_OF_REVISION = sa.select(revisions.c.run).where(
    revisions.c.outlet == sa.bindparam("o"),
    revisions.c.id == sa.bindparam("i"),
    revisions.c.revision == sa.bindparam("r"),
)
_RANGES = sa.select(*(ranges.c[name] for name in ("state", "how", "start", "next"))).where(
    ranges.c.outlet == sa.bindparam("o"), ranges.c.file == sa.bindparam("f")
)
_SAME = sa.and_(articles.c.outlet == revisions.c.outlet, articles.c.id == revisions.c.id)
_HASHES = (revisions.c.revision, revisions.c.content_hash, articles.c.content_hash)
_VERSIONS = sa.select(*_HASHES).join(articles, _SAME).where(*_ARTICLE)


@cache
def _versions_of_some(dialect: str) -> sa.Select[Any]:
    keys = (articles.c.outlet, articles.c.id)
    some = rows_given([sa.column(it.name, it.type) for it in keys], dialect)
    are_some = sa.and_(*(it == some.c[it.name] for it in keys))
    tables = some.join(articles, are_some).join(revisions, _SAME)
    return sa.select(*keys, *_HASHES).select_from(tables)


@cache
def _some_addresses(dialect: str) -> sa.Select[Any]:
    """Return the query for the article at each address, and for one that has it as its id."""
    keys = (addresses.c.outlet, addresses.c.address)
    some = rows_given([sa.column(it.name, it.type) for it in keys], dialect)
    are_some = sa.and_(*(it == some.c[it.name] for it in keys))
    is_id = sa.and_(articles.c.outlet == some.c.outlet, articles.c.id == some.c.address)
    tables = some.outerjoin(addresses, are_some).outerjoin(articles, is_id)
    return sa.select(*some.c, addresses.c.id, articles.c.id).select_from(tables)


class Queries(Database):
    """What is known of every article, and the checkpoints."""

    def get(self, outlet: str, identity: str) -> ArticleState | None:
        """Return what is known of an article, or None."""
        rows = self.all_rows(_GET, {"o": outlet, "i": identity})
        return ArticleState(*rows[0]) if rows else None

    def article_at(self, outlet: str, address: str) -> str | None:
        """Return the id of the article at an address, by its key; None if it is not known."""
        rows = self.all_rows(_ADDRESS, {"o": outlet, "a": address})
        return str(rows[0][0]) if rows else None

    def without_address(self, outlet: str) -> list[tuple[str, str]]:
        """Return id and address of the articles whose addresses are not known to be theirs."""
        theirs = sa.exists().where(addresses.c.outlet == outlet, addresses.c.id == articles.c.id)
        query = sa.select(articles.c.id, articles.c.url)
        return [
            tuple(it) for it in self.all_rows(query.where(articles.c.outlet == outlet, ~theirs))
        ]

    def versions(self, outlet: str, identity: str) -> Versions:
        """Return what was published of an article."""
        rows = self.all_rows(_VERSIONS, {"o": outlet, "i": identity})
        return _versions(rows)

    def versions_of(self, some: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Versions]:
        """Return the published versions of some articles, by outlet and id.

        Articles that were never published are left out.
        """
        rows = [{"outlet": outlet, "id": identity} for outlet, identity in some]
        found: dict[tuple[str, str], list[Any]] = {}
        if rows:
            query = _versions_of_some(self.dialect)
            for outlet, identity, *version in self.all_rows(query, {"rows": rows}):
                found.setdefault((outlet, identity), []).append(version)
        return {key: _versions(versions) for key, versions in found.items()}

    def read_ranges(self, outlet: str, file: str) -> dict[RangeKey, int | None]:
        """Return the ranges of an archive's file that were read, and where the next one begins."""
        rows = self.all_rows(_RANGES, {"o": outlet, "f": file})
        return {RangeKey(file, *row[:3]): row[3] for row in rows}

    def due(self, outlet: str, now: str, *, revisits: bool = True) -> list[Candidate]:
        """Return the articles whose next attempt has come, the longest overdue first.

        Without ``revisits`` only those that were never published, or that failed.
        """
        query = (
            sa.select(articles.c.id, articles.c.url)
            .where(articles.c.outlet == outlet, articles.c.next_attempt <= now)
            .order_by(articles.c.next_attempt)
        )
        if not revisits:
            young = sa.and_(articles.c.state == State.PUBLISHED, articles.c.attempts == 0)
            query = query.where(sa.not_(young))
        return [Candidate(identity, url) for identity, url in self.all_rows(query)]

    def young(self, outlet: str, now: str) -> list[ArticleState]:
        """Return the published articles whose time to be looked at has come, the oldest first."""
        query = sa.select(*_OF_ARTICLE).where(
            articles.c.outlet == outlet,
            articles.c.next_attempt <= now,
            articles.c.state == State.PUBLISHED,
            articles.c.attempts == 0,
        )
        return [
            ArticleState(*row) for row in self.all_rows(query.order_by(articles.c.next_attempt))
        ]

    def count(self, outlet: str) -> int:
        """Return how many articles are known that have not gone from the site."""
        of_outlet = (articles.c.outlet == outlet, articles.c.state != State.GONE)
        return int(self.all_rows(sa.select(sa.func.count()).where(*of_outlet))[0][0])

    def published_after(self, outlet: str, moment: str) -> list[str]:
        """Return the ids of the articles that were published after a moment, the newest first."""
        query = (
            sa.select(articles.c.id)
            .where(articles.c.outlet == outlet, articles.c.date_published > moment)
            .order_by(articles.c.date_published.desc())
        )
        return [row[0] for row in self.all_rows(query)]

    def has_double(self, outlet: str, identity: str, content_hash: str) -> bool:
        """Return whether another article has the same latest text."""
        query = sa.select(sa.literal(1)).where(
            articles.c.outlet == outlet,
            articles.c.content_hash == content_hash,
            articles.c.id != identity,
        )
        return bool(self.all_rows(query.limit(1)))

    def read_checkpoint(self, outlet: str, name: str) -> Checkpoint | None:
        """Return the checkpoint of a listing or a job, or None."""
        rows = self.all_rows(_CHECKPOINT, {"o": outlet, "n": name})
        return Checkpoint(*rows[0]) if rows else None

    def basis(self, outlet: str) -> Basis | None:
        """Return what the rows of an outlet rest on, or None if there is no run of it yet."""
        query = sa.select(*(basis.c[name] for name in Basis.__slots__))
        rows = self.all_rows(query.where(basis.c.outlet == outlet))
        return Basis(*rows[0]) if rows else None

    def outputs(self) -> dict[str, str]:
        """Return the identities of the output folders that rows rest on, each with its path."""
        rows = self.all_rows(sa.select(basis.c.output, basis.c.folder).distinct())
        return {row[0]: row[1] for row in rows if row[0]}

    def outlets(self) -> list[str]:
        """Return the outlets that have rows which rest on runs."""
        return [row[0] for row in self.all_rows(sa.select(basis.c.outlet))]

    def count_revisions(self, outlet: str, run: str) -> int:
        """Return how many revisions a run published."""
        of_run = (revisions.c.outlet == outlet, revisions.c.run == run)
        return int(self.all_rows(sa.select(sa.func.count()).where(*of_run))[0][0])

    def next_run(self, outlet: str, after: str) -> str | None:
        """Return the first run after another that published a revision, or None."""
        later = (revisions.c.outlet == outlet, revisions.c.run > after)
        found: str | None = self.all_rows(sa.select(sa.func.min(revisions.c.run)).where(*later))[0][
            0
        ]
        return found

    def run_of_revision(self, outlet: str, identity: str, revision: int) -> str | None:
        """Return the run that published a revision, or None if it is not known."""
        rows = self.all_rows(_RUN_OF_REVISION, {"o": outlet, "i": identity, "r": revision})
        return str(rows[0][0]) if rows else None

    def count_waiting(self, outlet: str) -> int:
        """Return how many articles failed or were rejected and wait for their retry."""
        waiting = (articles.c.attempts > 0, articles.c.next_attempt.is_not(None))
        query = sa.select(sa.func.count()).where(articles.c.outlet == outlet, *waiting)
        return int(self.all_rows(query)[0][0])

    def withdrawn(self, outlet: str, run: str) -> list[Withdrawal]:
        """Return which articles a run found gone, or back, as its ``run.json`` lists them."""
        named = ("id", "gone", "date", "reason")
        query = (
            sa.select(*(withdrawals.c[name] for name in named))
            .where(withdrawals.c.outlet == outlet, withdrawals.c.run == run)
            .order_by(withdrawals.c.id)
        )
        return [
            {"id": row[0], "gone": row[1], "date": row[2], "reason": row[3]}
            for row in self.all_rows(query)
        ]

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

    def counts(self) -> list[tuple[str, str, str, int]]:
        """Return how many articles there are by outlet, state and reason."""
        by = (articles.c.outlet, articles.c.state, sa.func.coalesce(articles.c.reason, ""))
        return [tuple(row) for row in self.all_rows(sa.select(*by, sa.func.count()).group_by(*by))]

    def oldest(
        self, states: Iterable[State], limit: int, outlets: Sequence[str] = ()
    ) -> list[tuple[str, ArticleState]]:
        """Return the articles that have waited longest in any of ``states``, with their outlet.

        ``outlets`` names those that are looked at; without names all are.
        """
        query = (
            sa.select(articles.c.outlet, *_OF_ARTICLE)
            .where(articles.c.state.in_(list(states)))
            .where(articles.c.outlet.in_(outlets) if outlets else sa.true())
            .order_by(articles.c.first_seen)
            .limit(limit)
        )
        return [(row[0], ArticleState(*row[1:])) for row in self.all_rows(query)]

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
        return [tuple(row) for row in self.all_rows(query)]


def _versions(rows: Sequence[Any]) -> Versions:
    hashes = {number: content_hash for number, content_hash, _ in rows}
    return Versions(hashes, rows[0][2] if rows else None)


def articles_at(
    ledger: Database, some: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], tuple[str | None, bool]]:
    """Return the ids of the articles at some addresses, by outlet and address.

    The second value says whether an article has the address itself as its provisional id. Raises
    LedgerError.
    """
    rows = [{"outlet": outlet, "address": address} for outlet, address in some]
    if not rows:
        return {}
    found = ledger.all_rows(_some_addresses(ledger.dialect), {"rows": rows})
    return {(it[0], it[1]): (it[2], it[3] is not None) for it in found}
