"""An outlet that one process has for itself, on this machine and among all nodes."""

import logging
import os
import platform
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

from scrapy.settings import BaseSettings

from newscrawl.dataset.settling import settle
from newscrawl.dataset.shared import SharedOutput
from newscrawl.exceptions import LedgerError
from newscrawl.settings import read
from newscrawl.storage.ledger import Basis, Lease, Ledger, Owner, RunState, Schedule, sqlite_url
from newscrawl.storage.reconcile import Stock, check_basis, take_stock
from newscrawl.storage.run_folder import RunFolder, read_node_id, remove_unused
from newscrawl.storage.runs import run_of

logger = logging.getLogger(__name__)


def ledger_url(settings: BaseSettings) -> str:
    """Return SQLAlchemy's address of the ledger: the setting's, else in the output folder."""
    return settings.get("NEWSCRAWL_LEDGER_URL") or sqlite_url(
        output_folder(settings) / "ledger.sqlite3"
    )


def output_folder(settings: BaseSettings) -> Path:
    """Return the output folder, absolute."""
    return Path(settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()


class LockedOutlet:
    """An outlet that one process has for itself: folder, ledger, lease, and the shared output.

    Raises OutputError when it cannot be used, RunningError when another run has it, LedgerError
    and OSError.
    """

    def __init__(self, settings: BaseSettings, name: str, hosts: Iterable[str] = ()) -> None:
        """Lock the outlet ``name``, and the hosts if several machines share the ledger."""
        self._undo = ExitStack()
        self.lease: Lease | None = None
        self.shared: SharedOutput | None = None
        output, node = output_folder(settings), settings["NEWSCRAWL_NODE"]
        with ExitStack() as undo:
            self.folder = RunFolder(output, name)
            undo.callback(self.folder.release)
            self.ledger = Ledger(ledger_url(settings))
            undo.callback(self.ledger.close)
            if self.ledger.is_server:
                process = f"{platform.node()}, process {os.getpid()}"
                owner = Owner(
                    f"{node}/{read_node_id(output)}", f"{node} ({process})" if node else process
                )
                seconds = read(settings, "NEWSCRAWL_LEASE_SECONDS")
                self.lease = Lease.acquire(self.ledger, name, hosts, owner, seconds)
                undo.callback(self.lease.stop)
                if node:
                    url = settings["NEWSCRAWL_REMOTE"]
                    self.shared = SharedOutput(self.folder, self.ledger, url, node, owner)
            self._undo = undo.pop_all()
        self.is_published = True
        """Whether no run began here that is not published."""

    def take_stock(self, schedule: Schedule) -> tuple[Basis, Stock]:
        """Bring the ledger, the runs here and the shared output in line with each other."""
        if self.shared is None:
            rests_on = check_basis(self.folder, self.ledger)
            return rests_on, take_stock(self.folder, self.ledger, rests_on.through, schedule)
        rests_on = settle(self.shared)
        states = self.shared.runs.states()
        published = {it for it in states if states[it] == RunState.PUSHED}
        stock = take_stock(self.folder, self.ledger, rests_on.through, schedule, published)
        self.shared.publish_waiting()
        return rests_on, stock

    def catch_up(self, schedule: Schedule) -> SharedOutput:
        """Publish the waiting runs of this node; return the shared output with the results.

        Only for one of several nodes.
        """
        assert self.shared is not None
        rests_on, _ = self.take_stock(schedule)
        newest = max(self.shared.runs.states(), default="")
        through = max(rests_on.through, newest)
        self.ledger.apply(
            [self.ledger.set_basis(self.folder.outlet, replace(rests_on, through=through))]
        )
        return self.shared

    def create(self, rests_on: Basis) -> Path:
        """Return the folder of a new run."""
        if self.shared is None:
            return self.folder.create(rests_on.through)
        # A run may have been entered that died before it changed anything.
        later = (it.run for it in self.shared.runs.since(rests_on.through))
        path = self.folder.create(max(later, default=rests_on.through))
        self.shared.begin(run_of(path))
        return path

    def remove(self, path: Path) -> None:
        """Remove a run that did not begin."""
        remove_unused(path)
        if self.shared:
            with suppress(LedgerError):
                self.shared.runs.remove(run_of(path))

    def check(self) -> None:
        """Raise LeaseLostError if another run has taken over."""
        if self.lease and self.lease.is_lost:
            raise self.lease.lost()

    def release(self) -> None:
        """Give the outlet up: at once, or, with an unpublished run, when the lease ends.

        Other nodes wait once for that time before they revoke the unpublished run.
        """
        if self.lease and self.is_published:
            try:
                self.lease.release()
            except LedgerError as error:
                logger.warning("The lease ends when its time is over: %s", error)
        self._undo.close()
