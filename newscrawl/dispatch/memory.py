"""The dispatcher's memory in the ledger: crawls that were given, and their results."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from os import getpid
from pathlib import Path
from platform import node as machine
from uuid import uuid4

import sqlalchemy as sa

from newscrawl.exceptions import RunningError
from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger import (
    Checkpoint,
    Lease,
    Ledger,
    Owner,
    RunState,
    SharedRuns,
    leased_outlets,
)
from newscrawl.storage.ledger.tables import checkpoints, runs

_DISPATCHER = "the dispatcher"  # no outlet has such a name
_LEASE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Given:
    """A crawl of an outlet that was given to a node, at ``time`` in seconds since 1970.

    ``times`` says how often it was given in its slot. ``after`` is the outlet's latest run then.
    """

    time: float
    node: str
    job: str
    times: int = 1
    after: str = ""
    done: bool = False


class Memory:
    """The crawls that were given, in the ledger: one checkpoint of an outlet for each crawl.

    Every method raises LedgerError.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        found = ledger.all_rows(sa.select(sa.exists().select_from(runs)))
        self.knows_runs = bool(found[0][0])
        """Whether the nodes share the ledger, so that it has every node's runs."""

    def given(self, crawl: str) -> dict[str, Given]:
        """Return when and to which node a crawl was last given, by outlet."""
        query = sa.select(checkpoints.c.outlet, checkpoints.c.position).where(
            checkpoints.c.name == _name(crawl)
        )
        return {outlet: Given(**json.loads(it)) for outlet, it in self._ledger.all_rows(query)}

    def note(self, crawl: str, outlet: str, given: Given) -> None:
        """Note that a crawl was given."""
        asked = utc(datetime.fromtimestamp(given.time, UTC))
        checkpoint = Checkpoint(asked, position=json.dumps(asdict(given)))
        self._ledger.apply([self._ledger.save_checkpoint(outlet, _name(crawl), checkpoint)])

    def note_done(self, crawl: str, outlet: str, given: Given) -> None:
        """Note that a crawl needs no attention any more."""
        self.note(crawl, outlet, replace(given, done=True))

    def latest_run(self, outlet: str) -> str:
        """Return the name of the outlet's latest run, or an empty text."""
        run = SharedRuns(self._ledger, outlet).latest()
        return run.run if run else ""

    def has_published(self, outlet: str, after: str) -> bool:
        """Return whether a run of the outlet was published that is later than another."""
        done = (RunState.PUBLISHED, RunState.PUSHED)
        found = SharedRuns(self._ledger, outlet).since(after)
        return any(it.run > after and it.state in done for it in found)

    def leased(self) -> set[str]:
        """Return the outlets that runs hold now, on any node."""
        return leased_outlets(self._ledger) - {_DISPATCHER}


def _name(crawl: str) -> str:
    return f"dispatch {crawl}"


@contextmanager
def alone(ledger: Ledger, folder: Path) -> Iterator[None]:
    """Keep other dispatchers off the same ledger. Raises RunningError, one sentence.

    A ledger on a server is locked by a lease, a file by a lock in its ``folder``.
    """
    if ledger.is_server:
        owner = Owner(uuid4().hex, f"{machine()} (process {getpid()})")
        lease = Lease.acquire(ledger, _DISPATCHER, (), owner, _LEASE_SECONDS)
        try:
            yield
        finally:
            lease.release()
        return
    with (folder / ".dispatch.lock").open("a+b") as lock:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise RunningError(
                f"Another dispatcher works with the ledger in {folder}; this one does nothing."
            ) from None
        yield
