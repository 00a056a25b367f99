"""Before a run: finish or revoke open runs of other nodes, and repair after accidents."""

import json
import logging
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import sqlalchemy as sa
from packaging.version import Version

from newscrawl import __version__
from newscrawl.dataset.remote import MARK
from newscrawl.dataset.restore import Wanted, fetch, fetch_document, identity_at
from newscrawl.dataset.shared import STATE_FILES, SharedOutput
from newscrawl.exceptions import OutputError, RemoteError, RemoteRunError
from newscrawl.monitoring.times import HISTORY
from newscrawl.storage.ledger import Basis, RunState, SharedRun
from newscrawl.storage.ledger.database import lock
from newscrawl.storage.parts import write_whole
from newscrawl.storage.run_folder import OUTPUT_ID, create_output_id, read_output_id
from newscrawl.storage.runs import RUN_FILE, is_run_name, run_folder, run_name

logger = logging.getLogger(__name__)

_FEW = 20  # files that are fetched one by one, without a listing


def settle(shared: SharedOutput) -> Basis:
    """Finish or revoke the open runs of other nodes, and fetch the files that a run needs.

    Return the basis of the outlet's rows in the ledger: the shared output.

    Raises OutputError, one sentence, if this node may not publish into the shared output.
    """
    rests_on = shared.ledger.basis(shared.folder.outlet)
    identity = _identity(shared, rests_on)
    _refuse_older(shared)
    _recover(shared)
    _adopt(shared)
    here = shared.here()
    for it in shared.runs.of_state(RunState.OPEN, RunState.PUBLISHED):
        if it.state == RunState.PUBLISHED:
            shared.finish(it.run, it.document or "")
        elif it.node_id != shared.owner.node_id or it.run not in here:
            shared.revoke(it)
    shared.set_aside()
    _fetch_documents(shared)
    for name in STATE_FILES:
        data = shared.target.read(f"{shared.folder.outlet}/{name}")
        if data is not None:
            write_whole(shared.folder.outlet_folder / name, data.decode())
            shared.state[name] = data
    rests_on = shared.ledger.basis(shared.folder.outlet)
    return Basis(rests_on.through if rests_on else "", identity, shared.target.url)


def _fetch_documents(shared: SharedOutput) -> None:
    """Fetch the ``run.json`` of other nodes' latest runs; name what cannot be fetched."""
    since, here = run_name(datetime.now(UTC) - HISTORY), shared.here()
    pushed = (it.run for it in shared.runs.since(since) if it.state == RunState.PUSHED)
    lacking = [it for it in pushed if it not in here]
    place = (shared.folder.output, shared.folder.outlet, shared.target)
    wrong: list[str] = []
    if len(lacking) > _FEW:
        output, outlet, target = place
        choose = set(lacking).intersection
        wrong = fetch(output, target, [outlet], Wanted.DOCUMENT, choose)[outlet].wrong
        lacking = []
    for run in lacking:
        try:
            fetch_document(*place, run)
        except RemoteRunError as error:
            wrong.append(str(error))
    for sentence in wrong:
        logger.warning("%s", sentence)


def _identity(shared: SharedOutput, rests_on: Basis | None) -> str:
    """Return the identity of the shared output; the first node gives it one.

    Raises OutputError if this folder, or the ledger, belongs to another output.
    """
    output = shared.folder.output
    local = read_output_id(output)
    if local and rests_on and (local, shared.target.url) == (rests_on.output, rests_on.folder):
        return local

    def work(connection: sa.Connection) -> str:
        # Of several first nodes, one decides.
        lock(connection, "identity")
        if there := identity_at(shared.target):
            return there
        known = shared.ledger.outputs()
        if known and local not in known:
            raise OutputError(
                f"The ledger {shared.ledger.url} is of the output {', '.join(known.values())},"
                f" and this node publishes into {shared.target.url}. Run"
                f" {shared.folder.outlet} first on the node that has this output folder, with the"
                " same NEWSCRAWL_REMOTE and a NEWSCRAWL_NODE."
            )
        identity = local or uuid.uuid4().hex
        shared.target.put(OUTPUT_ID, f"{identity}\n".encode())
        return identity

    identity = shared.ledger.in_transaction(work)
    if local is None:
        create_output_id(output, identity)
    if {identity, local, rests_on and rests_on.output} - {identity, None}:
        raise OutputError(
            f"The storage {shared.target.url}, the ledger {shared.ledger.url} and the output folder"
            f" {output} do not belong together. Let NEWSCRAWL_OUTPUT_DIR name a new folder, or"
            " NEWSCRAWL_REMOTE and NEWSCRAWL_LEDGER_URL those that the other nodes have."
        )
    return identity


def _refuse_older(shared: SharedOutput) -> None:
    """Raise OutputError if the latest run was of a later newscrawl."""
    outlet, latest = shared.folder.outlet, shared.runs.latest()
    if latest and Version(latest.version or "0") > Version(__version__):
        raise OutputError(
            f"The latest run of {outlet}, {latest.run} on {latest.node}, was of newscrawl"
            f" {latest.version}, and this node has {__version__}: update this node. Two"
            " versions would publish what they read differently in turns."
        )


def _recover(shared: SharedOutput) -> None:
    """Enter the runs of the storage that the ledger lacks, because it was lost or is older."""
    outlet = shared.folder.outlet
    through = _through(shared)
    pushed = shared.runs.latest_pushed()
    if pushed > through:
        through = _latest_there(shared)
    if pushed > through:
        says = f"ends with run {through}" if through else f"has no run of {outlet}"
        raise OutputError(
            f"The ledger {shared.ledger.url} knows that run {pushed} of {outlet} was"
            f" published, and the storage {shared.target.url} {says}: runs are missing. Bring"
            " them back, or let NEWSCRAWL_REMOTE name the storage that has them."
        )
    if through == pushed:
        return
    known = shared.runs.states()
    is_open = {name for name, state in known.items() if state == RunState.OPEN}
    settled = known.keys() - is_open
    if not through or through in settled:
        return
    lacking: list[str] = []

    def choose(names: list[str]) -> list[str]:
        lacking.extend(it for it in names if it not in settled)
        return lacking

    fetched = fetch(shared.folder.output, shared.target, [outlet], Wanted.WHOLE, choose)[outlet]
    if fetched.left_out:
        raise RemoteError(
            f"The ledger {shared.ledger.url} lacks runs of {outlet} that are in the storage, and"
            f" they cannot be fetched: {' '.join(fetched.wrong)}"
        )
    logger.warning(
        "The ledger %s lacked %d runs of %s that are in %s: they were fetched and are entered",
        *(shared.ledger.url, len(lacking), outlet, shared.target.url),
    )
    rests_on = shared.ledger.basis(outlet)
    if rests_on and lacking:
        # The runs after this one will be entered, even if this process dies before.
        lowered = replace(rests_on, through=min(rests_on.through, lacking[0][:-1]))
        shared.ledger.apply([shared.ledger.set_basis(outlet, lowered)])
    for name in lacking:
        if name in is_open:
            path = run_folder(shared.folder.output, outlet, name) / RUN_FILE
            shared.runs.publish(name, path.read_text("utf-8"))
            shared.runs.note_pushed(name)
        else:
            shared.runs.enter(SharedRun(name, "", "", "", RunState.PUSHED, ""))


def _through(shared: SharedOutput) -> str:
    """Return the latest run in the storage by its mark; empty if there is none."""
    try:
        mark = json.loads(shared.target.read(f"{shared.folder.outlet}/{MARK}") or b"")
        return str(mark["through"]).removeprefix("run=")
    except (ValueError, KeyError, TypeError):
        return _latest_there(shared)


def _latest_there(shared: SharedOutput) -> str:
    """Return the latest run in the storage, also if the mark is missing, damaged or old.

    It is old if a node that had lost its lease was the last to write it.
    """
    names = (it.split("/") for it in shared.target.sizes(shared.folder.outlet))
    return max((it[1].removeprefix("run=") for it in names if it[2:] == [RUN_FILE]), default="")


def _adopt(shared: SharedOutput) -> None:
    """Enter the runs here that the ledger does not know: the folder was not a node's before.

    One that is older than a published run was superseded: it is never published.
    """
    known = shared.runs.states()
    newest = max((it for it in known if known[it] != RunState.REVOKED), default="")
    for run in sorted(it for it in shared.here() - known.keys() if is_run_name(it)):
        shared.begin(run)
        if run < newest:
            shared.runs.revoke(run)
