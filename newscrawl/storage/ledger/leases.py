"""Leases: which run may change an outlet's rows, and may ask a host, in a ledger on a server.

A lease is held for some minutes and renewed while its run goes on. Its times are those of the
database's clock, so the clocks of the machines do not matter. Every transaction of the run renews
the lease, or fails: a run that lost it can change nothing any more.
"""

import logging
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from newscrawl.exceptions import LeaseLostError, LedgerError, RunningError
from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger.database import Database, lock
from newscrawl.storage.ledger.tables import leases

logger = logging.getLogger(__name__)

_RENEWALS = 5  # in the time that a lease lasts
_NOW = sa.func.extract("epoch", sa.func.clock_timestamp())
_RENEW = (
    leases.update()
    .where(leases.c.holder == sa.any_(sa.bindparam("holders", type_=sa.ARRAY(sa.String))))
    .values(expires=_NOW + sa.bindparam("seconds", type_=sa.Double))
    .returning(leases.c.holder)
)


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that holds a lease: ``says`` is for people, ``node_id`` names its output folder.

    Who has the lock of an outlet in that folder knows that an earlier owner with the same
    ``node_id`` has died.
    """

    node_id: str
    says: str


class Lease:
    """The lease of an outlet, with those of all hosts that its run may ask.

    It renews itself from a thread until it is released. ``is_lost`` says that another run has
    taken over.
    """

    def __init__(self, database: Database, outlet: str, names: Sequence[str], seconds: float):
        """Use ``acquire``."""
        self.holder = uuid.uuid4().hex
        self.outlet = outlet
        self.is_lost = False
        self._database = database
        self._names = names
        self._seconds = seconds
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {outlet}", daemon=True)

    @classmethod
    def acquire(
        cls, database: Database, outlet: str, hosts: Iterable[str], owner: Owner, seconds: float
    ) -> "Lease":
        """Return the lease of an outlet and of hosts, all or none, for ``seconds`` at a time.

        The database's transactions need it from now on. Raises RunningError, one sentence that
        names the owner, while another run has one of them, and LedgerError.
        """
        names = sorted([f"outlet:{outlet}", *{f"host:{it}" for it in hosts}])
        lease = cls(database, outlet, names, seconds)
        row = {"holder": lease.holder, "owner": owner.says, "node_id": owner.node_id}

        def work(connection: sa.Connection) -> None:
            lock(connection, "leases")
            now = float(connection.execute(sa.select(_NOW)).scalar_one())
            found = connection.execute(
                sa.select(leases)
                .where(leases.c.name.in_(names))
                .order_by(leases.c.name)
                .with_for_update()
            ).all()
            own = (owner.node_id, outlet)
            others = [it for it in found if it.expires > now and (it.node_id, it.outlet) != own]
            if others:
                # Name the conflict of the outlet rather than those of its hosts.
                raise RunningError(_conflict(others[-1], outlet))
            is_old = sa.and_(leases.c.node_id == owner.node_id, leases.c.outlet == outlet)
            connection.execute(leases.delete().where(leases.c.name.in_(names) | is_old))
            values = {**row, "outlet": outlet, "expires": now + seconds}
            connection.execute(leases.insert(), [{**values, "name": it} for it in names])

        database.in_transaction(work)
        database.guard = lease
        lease._thread.start()
        return lease

    def renew(self, connection: sa.Connection, others: Sequence["Lease"] = ()) -> None:
        """Renew the lease and ``others``, leases in the same database, in a transaction.

        Raises LeaseLostError if another run has taken over one of these leases.
        """
        them = (self, *others)
        seconds = max(it._seconds for it in them)
        values = {"holders": [it.holder for it in them], "seconds": seconds}
        renewed = Counter(connection.scalars(_RENEW, values))
        lost = [it for it in them if renewed[it.holder] != len(it._names)]
        for lease in lost:
            lease.is_lost = True
        if lost:
            raise lost[0].lost()

    def lost(self) -> LeaseLostError:
        """Return the error of a lease that was lost."""
        return LeaseLostError(
            f"The lease of {self.outlet} was lost, because it was not renewed for"
            f" {self._seconds:g} seconds: another run has taken over, and this one publishes"
            " nothing more."
        )

    def stop(self) -> None:
        """Stop renewing; the lease ends when its time is over. Another one may replace it."""
        self._ends.set()
        # Wait for a renewal under way: the caller may close the connections next.
        self._thread.join()
        if self._database.guard is self:
            self._database.guard = None

    def release(self) -> None:
        """Give the lease back. Raises LedgerError; then it ends when its time is over."""
        self.stop()
        self._database.apply([(leases.delete().where(leases.c.holder == self.holder), {})])

    def _keep(self) -> None:
        while not self._ends.wait(self._seconds / _RENEWALS):
            try:
                self._database.apply(())
            except LeaseLostError:
                return
            except LedgerError as error:
                logger.warning("The lease of %s was not renewed: %s", self.outlet, error)


def leased_outlets(database: Database) -> set[str]:
    """Return the outlets whose leases are held now."""
    if not database.is_server:
        return set()
    rows = database.all_rows(sa.select(leases.c.outlet).where(leases.c.expires > _NOW))
    return {row[0] for row in rows}


def _conflict(row: Any, outlet: str) -> str:
    until = utc(datetime.fromtimestamp(row.expires, UTC))
    kind, _, name = row.name.partition(":")
    if kind == "outlet":
        says = f"{outlet} is already running on {row.owner}"
    else:
        says = f"{name} is asked by the run of {row.outlet} on {row.owner}"
    return f"{says}, whose lease lasts until {until} if it is not renewed; this one does nothing."
