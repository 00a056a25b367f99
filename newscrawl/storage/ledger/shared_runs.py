"""The runs of all nodes that share a ledger, and how far each is published.

``open`` → ``published`` → ``pushed``, or ``open`` → ``revoked``. A run is published at the moment
in which its row says so; the row keeps its ``run.json`` until the storage has that, too. A run that
was left open by a node whose lease has ended is revoked: what the ledger knows of it is taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from newscrawl.exceptions import LedgerError
from newscrawl.storage.ledger.ledger import Ledger, take_back_revision
from newscrawl.storage.ledger.states import State
from newscrawl.storage.ledger.tables import articles, ranges, revisions, runs, withdrawals


class RunState(StrEnum):
    """How far a run is published."""

    OPEN = "open"
    PUBLISHED = "published"
    PUSHED = "pushed"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class SharedRun:
    """A run of any node.

    ``node`` is the node's name, ``node_id`` that of its output folder, ``began`` the start in UTC
    as the record writes it, by the node's clock; ``document`` is the text of ``run.json`` while
    the state is ``published``.
    """

    run: str
    node: str
    node_id: str
    version: str
    state: str
    began: str
    document: str | None = None


class SharedRuns:
    """The runs of one outlet. Every method raises LedgerError, those that change LeaseLostError."""

    def __init__(self, ledger: Ledger, outlet: str) -> None:
        """Use the ledger of a run of ``outlet``."""
        self.ledger, self.outlet = ledger, outlet

    def enter(self, run: SharedRun) -> None:
        """Enter a run that begins, or one that is in the storage and not in the ledger."""
        values = {name: getattr(run, name) for name in SharedRun.__slots__}
        insert = self.ledger.insert(runs).on_conflict_do_nothing()
        self.ledger.apply([(insert, {"outlet": self.outlet, **values})])

    def latest(self) -> SharedRun | None:
        """Return the latest run that was not revoked, or None."""
        found = self._select(runs.c.state != RunState.REVOKED, newest=1)
        return found[0] if found else None

    def of_state(self, *states: RunState) -> Sequence[SharedRun]:
        """Return the runs of some states, in order."""
        return self._select(runs.c.state.in_(states))

    def latest_pushed(self) -> str:
        """Return the name of the latest run in the storage, or "" if there is none."""
        found = self._select(runs.c.state == RunState.PUSHED, newest=1)
        return found[0].run if found else ""

    def states(self) -> dict[str, str]:
        """Return the state of every run by name, in order: years of runs, but no other columns."""
        query = sa.select(runs.c.run, runs.c.state).where(runs.c.outlet == self.outlet)
        return dict(self.ledger.all_rows(query.order_by(runs.c.run)))

    def since(self, run: str) -> Sequence[SharedRun]:
        """Return the runs named ``run`` or later, in order."""
        return self._select(runs.c.run >= run)

    def publish(self, run: str, document: str) -> None:
        """Publish a run: from now on it counts, whatever happens to its node.

        Raises LedgerError if it was revoked.
        """
        this = (runs.c.outlet == self.outlet, runs.c.run == run)

        def work(connection: sa.Connection) -> None:
            state = connection.scalar(sa.select(runs.c.state).where(*this).with_for_update())
            if state == RunState.OPEN:
                values = {"state": RunState.PUBLISHED, "document": document}
                connection.execute(runs.update().where(*this).values(values))
            elif state not in (RunState.PUBLISHED, RunState.PUSHED):
                raise LedgerError(
                    f"Run {run} of {self.outlet} cannot be published: the ledger has it as"
                    f" {state or 'unknown'}."
                )

        self.ledger.in_transaction(work)

    def note_pushed(self, run: str) -> None:
        """Note that the storage has all of a published run."""
        this = (runs.c.outlet == self.outlet, runs.c.run == run)
        values = {"state": RunState.PUSHED, "document": None}
        published = runs.c.state == RunState.PUBLISHED
        self.ledger.apply([(runs.update().where(*this, published).values(values), {})])

    def remove(self, run: str) -> None:
        """Remove a run that did not begin."""
        this = (runs.c.outlet == self.outlet, runs.c.run == run, runs.c.state == RunState.OPEN)
        self.ledger.apply([(runs.delete().where(*this), {})])

    def revoke(self, run: str) -> int:
        """Revoke a run that is open: it will never be published. Return how many revisions it had.

        The revisions are taken back, and their articles are due. Withdrawals are undone, too.
        Raises LedgerError if it is not open.
        """
        outlet = self.outlet
        this = (runs.c.outlet == outlet, runs.c.run == run)

        def work(connection: sa.Connection) -> int:
            state = connection.scalar(sa.select(runs.c.state).where(*this).with_for_update())
            if state not in (RunState.OPEN, RunState.REVOKED):
                raise LedgerError(
                    f"Run {run} of {outlet} cannot be given up: the ledger has it as"
                    f" {state or 'unknown'}."
                )
            of_run = (revisions.c.outlet == outlet, revisions.c.run == run)
            lost = connection.execute(
                sa.select(revisions.c.id, revisions.c.revision)
                .where(*of_run)
                .order_by(revisions.c.revision.desc())
            ).all()
            for identity, revision in lost:
                take_back_revision(connection, outlet, identity, revision)
            withdrawn = (withdrawals.c.outlet == outlet, withdrawals.c.run == run)
            for it in connection.execute(sa.select(withdrawals).where(*withdrawn)).all():
                connection.execute(
                    articles.update()
                    .where(articles.c.outlet == outlet, articles.c.id == it.id)
                    .values(
                        state=State.PUBLISHED if it.gone else State.GONE,
                        attempts=1,
                        next_attempt=it.date,
                        etag=None,
                        last_modified=None,
                    )
                )
            connection.execute(withdrawals.delete().where(*withdrawn))
            connection.execute(
                ranges.delete().where(ranges.c.outlet == outlet, ranges.c.run == run)
            )
            connection.execute(runs.update().where(*this).values(state=RunState.REVOKED))
            return len(lost)

        return self.ledger.in_transaction(work)

    def _select(self, *conditions: sa.ColumnElement[bool], newest: int = 0) -> Sequence[SharedRun]:
        query = sa.select(*(runs.c[name] for name in SharedRun.__slots__)).where(
            runs.c.outlet == self.outlet, *conditions
        )
        if newest:
            query = query.order_by(runs.c.run.desc()).limit(newest)
        else:
            query = query.order_by(runs.c.run)
        return [SharedRun(*row) for row in self.ledger.all_rows(query)]
