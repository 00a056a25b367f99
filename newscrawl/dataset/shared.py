"""The output that several nodes share: one storage, one ledger, and a folder on each node.

A run is published when the ledger says so, and not before: its files are in the storage by then,
and its ``run.json`` follows. The run that holds the outlet's lease finishes what a dead node began.
"""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

from newscrawl import __version__
from newscrawl.dataset.remote import MARK, Target, push_files_of_run
from newscrawl.exceptions import DamagedRunError, RemoteError
from newscrawl.extraction.dates import utc
from newscrawl.monitoring.accepted import ACCEPTED_FILE
from newscrawl.monitoring.findings_file import FINDINGS_FILE
from newscrawl.storage.ledger import Ledger, Owner, RunState, SharedRun, SharedRuns
from newscrawl.storage.parts import sync
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import RUN_FILE, read_run, run_folder, run_of

logger = logging.getLogger(__name__)

STATE_FILES = (FINDINGS_FILE, ACCEPTED_FILE)
"""Files that the outlet's next run needs, on any node."""

SET_ASIDE = "revoked"
"""The folder of an outlet's runs on this node that another node has given up."""


class SharedOutput:
    """One outlet in the shared output, seen from a node that has the outlet's lease.

    Every method may raise LedgerError, RemoteError and OSError.
    """

    def __init__(self, folder: RunFolder, ledger: Ledger, url: str, node: str, owner: Owner):
        """Use the storage at ``url``; ``node`` is the name of this one, ``folder`` is locked."""
        self.folder, self.ledger = folder, ledger
        self.target = Target(url)
        self.node, self.owner = node, owner
        self.runs = SharedRuns(ledger, folder.outlet)
        self.published = 0
        """How many runs of this node were published."""
        self.revoked: list[str] = []
        """Runs that were never published, because their node died or could not upload them."""
        self.aside: list[str] = []
        """Runs of this node among those that were revoked, now or earlier."""
        self.state: dict[str, bytes] = {}
        """The ``STATE_FILES`` as they are in the storage."""

    def publish_waiting(self) -> None:
        """Publish the closed runs of this node that are not published yet.

        One that cannot be, because its files are damaged, is revoked.
        """
        for it in self.runs.of_state(RunState.OPEN):
            path = run_folder(self.folder.output, self.folder.outlet, it.run)
            if wrong := self.publish(path):
                logger.error("%s", " ".join(wrong))
                self.revoke(it)
        self.set_aside()

    def begin(self, run: str) -> None:
        """Enter a run of this node that begins."""
        began = utc(datetime.now(UTC))
        node_id = self.owner.node_id
        self.runs.enter(SharedRun(run, self.node, node_id, __version__, RunState.OPEN, began))

    def publish(self, path: Path) -> list[str]:
        """Publish a closed run of this node; return the reasons why it cannot be published.

        Raises LeaseLostError if another node has given it up.
        """
        try:
            closed = read_run(path)
        except DamagedRunError as error:
            return [str(error)]
        if closed is None:
            return [f"{path} is not closed, and cannot be."]
        run = closed["run"]
        listed = sum(it.get("records", 0) for it in closed["parts"])
        if (known := self.ledger.count_revisions(self.folder.outlet, run)) != listed:
            # For example, the ledger was lost, and another node crawled the outlet meanwhile.
            return [
                f"{path} has {listed} records, and the ledger knows {known} as those of this run:"
                " others published its articles since."
            ]
        # What an earlier attempt has uploaded is uploaded again: that is rare, and a list is not.
        pushed = push_files_of_run(path, self.target, {})
        if pushed.wrong and not pushed.runs:
            return pushed.wrong
        for sentence in pushed.wrong:
            logger.error("%s", sentence)
        document = (path / RUN_FILE).read_text("utf-8")
        self.runs.publish(run, document)
        self.finish(run, document)
        self.published += 1
        return []

    def put_state(self) -> None:
        """Upload the files that the outlet's next run needs, on any node.

        ``accepted.json`` only if there is none yet: ``check-run --accept`` writes it there.
        """
        for name in STATE_FILES:
            path = self.folder.outlet_folder / name
            is_wanted = name == FINDINGS_FILE or name not in self.state
            if path.exists() and is_wanted and (data := path.read_bytes()) != self.state.get(name):
                self.target.put(f"{self.folder.outlet}/{name}", data)

    def here(self) -> set[str]:
        """Return the names of the outlet's runs in this folder."""
        return {run_of(it) for it in self.folder.runs()}

    def finish(self, run: str, document: str) -> None:
        """Put the ``run.json`` of a published run into the storage, and note it there and here."""
        outlet = self.folder.outlet
        self.target.put(f"{outlet}/run={run}/{RUN_FILE}", document.encode())
        # A node that was stopped since, and has lost its lease, writes no older mark.
        self.ledger.apply([])
        mark = {"through": f"run={run}", "missing": [], "nodes": True}
        self.target.put(f"{outlet}/{MARK}", json.dumps(mark).encode())
        self.runs.note_pushed(run)

    def revoke(self, run: SharedRun) -> None:
        """Give up a run that is open: it is never published, and its articles are due."""
        count = self.runs.revoke(run.run)
        self.revoked.append(run.run)
        logger.warning(
            "Run %s of %s on %s began at %s and was never published: its %d records are taken back,"
            " and their articles are due",
            *(run.run, self.folder.outlet, run.node, run.began, count),
        )
        self._clear(run.run)

    def _clear(self, run: str) -> None:
        """Delete what a revoked run has uploaded: readers could take it for published."""
        place = f"{self.folder.outlet}/run={run}"
        try:
            there = self.target.sizes(place)
            if f"{place}/{RUN_FILE}" in there:
                logger.error(
                    "%s/%s is published there, but not in the ledger", self.target.url, place
                )
                return
            for name in there:
                self.target.delete(name)
        except RemoteError as error:
            logger.warning("What the revoked run %s has uploaded is still there: %s", run, error)

    def set_aside(self) -> None:
        """Move the folders of this node's revoked runs away: nobody may publish them any more."""
        here = {run_of(it): it for it in self.folder.runs()}
        aside = self.folder.outlet_folder / SET_ASIDE
        for it in self.runs.of_state(RunState.REVOKED):
            if it.run not in here:
                continue
            # It may have gone on after it was given up.
            self._clear(it.run)
            aside.mkdir(exist_ok=True)
            here[it.run].rename(aside / here[it.run].name)
            sync(aside)
            self.aside.append(it.run)
            logger.warning(
                "Run %s of %s on this node was never published, and its articles were requested"
                " again: its folder is set aside in %s",
                *(it.run, self.folder.outlet, aside),
            )
