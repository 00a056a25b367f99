"""The folder of one run, locked and created; and the identity of the output folder."""

import fcntl
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newscrawl.exceptions import OutputError, RunningError
from newscrawl.storage.document import missing_listings
from newscrawl.storage.parts import sync
from newscrawl.storage.runs import read_run, run_folders, run_name, run_of, run_time

PARTIAL = frozenset(("sections", "tags", "follow", "archive", "reread", "since", "until"))
"""The arguments with which a crawl is not of the whole outlet."""

OUTPUT_ID = "output-id"
"""The file that holds the identity of an output folder; it moves and is copied with the folder."""


NODE_ID = ".node"
"""The file with the identity of this node's output folder; each node has another one."""


class RunFolder:
    """The output folder of one outlet, locked for one run.

    Raises OutputError, one sentence, when it cannot be used, and RunningError when another run
    has it. The lock is the kernel's: it goes with the process, however that dies.
    """

    def __init__(self, output: Path, outlet: str) -> None:
        """Lock ``output/<outlet>``, creating it if need be."""
        self.output, self.outlet = output, outlet
        self.outlet_folder = output / outlet
        try:
            self.outlet_folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.outlet_folder / ".lock").open("a+b")
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunningError(
                f"Another run of {outlet} uses the output folder {output}; this one does nothing."
            ) from None
        except OSError as error:
            raise OutputError(
                f"The output folder {output} cannot be used: {error.strerror}."
            ) from error

    def create(self, after: str = "") -> Path:
        """Return a new, empty folder for a run that starts now.

        Its name sorts after those of all earlier runs and after ``after``, even if the clock was
        set back: consumers read what comes after the latest run that they know.
        """
        moment = datetime.now(UTC)
        for earlier in (after, *map(run_of, self.runs())):
            with suppress(ValueError):
                moment = max(moment, run_time(earlier) + timedelta(seconds=1))
        while True:
            folder = self.outlet_folder / f"run={run_name(moment)}"
            try:
                folder.mkdir()
            except FileExistsError:
                moment += timedelta(seconds=1)
            else:
                return folder

    def runs(self) -> list[Path]:
        """Return the folders of the outlet's runs, in order."""
        return run_folders(self.output, self.outlet)

    def release(self) -> None:
        """Let other runs have the folder."""
        self._lock.close()


def is_previous_complete(
    closed: Sequence[Path], pages: int, discover: Sequence[str], default: Sequence[str]
) -> bool:
    """Return whether the latest full crawl missed no listing, and went as deep as this one.

    Only then does a listing page without anything new mean that the ``pages`` behind it
    hold nothing new either. ``discover`` is the argument, and ``default`` that of runs without
    it: only a crawl by the same methods counts. ``closed`` are the folders of the closed runs, in
    order.
    """
    for folder in reversed(closed):
        run = read_run(folder)
        if run is None or PARTIAL & set(given := run.get("arguments", {})):
            continue
        if given.get("discover", ",".join(default)) != ",".join(discover):
            continue
        missed = run.get("listings", {}).get("refused", 0) or missing_listings(run)
        return run["reason"] == "finished" and not missed and run.get("pages", 0) >= pages
    return False


def read_output_id(output: Path) -> str | None:
    """Return the identity of an output folder, or None if it has none yet. Raises OutputError."""
    path = output / OUTPUT_ID
    try:
        return uuid.UUID(path.read_text("ascii").strip()).hex
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise OutputError(
            f"{path} cannot be read ({error}): remove it, the next crawl makes it again."
        ) from error


def create_output_id(output: Path, identity: str | None = None) -> str:
    """Give an output folder that has no identity this one, or a new one; return it.

    Of two processes at the same time one wins. Raises OSError.
    """
    path = output / OUTPUT_ID
    temporary = output / f".{OUTPUT_ID}.{os.getpid()}"
    try:
        temporary.write_text(f"{identity or uuid.uuid4().hex}\n", "ascii")
        sync(temporary)
        # Unlike a rename, a link does not replace what another process has made.
        path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    sync(output)
    return read_output_id(output) or create_output_id(output, identity)


def read_node_id(output: Path) -> str:
    """Return the identity of an output folder as one of several; it is made if need be.

    Unlike ``output-id`` no other folder has it. Raises OSError.
    """
    path = output / NODE_ID
    temporary = output / f"{NODE_ID}.{os.getpid()}"
    if not path.exists():
        output.mkdir(parents=True, exist_ok=True)
        temporary.write_text(uuid.uuid4().hex, "ascii")
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
        temporary.unlink()
    return path.read_text("ascii").strip()


def remove_unused(folder: Path) -> None:
    """Remove the folder of a run that did not begin; one that holds something stays."""
    with suppress(OSError):
        folder.rmdir()
