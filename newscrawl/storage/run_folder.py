"""The folder of one run: locked, created, and found again when the run was killed."""

import fcntl
import json
import logging
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newscrawl.exceptions import OutputError, RunningError
from newscrawl.storage.books import Listings
from newscrawl.storage.runs import RUN_FILE, run_folders, run_name

logger = logging.getLogger(__name__)

PARTIAL = frozenset(("sections", "tags", "follow", "archive", "since", "until"))
"""The arguments with which a crawl is not of the whole outlet."""


class RunFolder:
    """The output folder of one outlet, locked for one run.

    Raises OutputError, one sentence, when it cannot be used, and RunningError when another run
    has it. The lock is the kernel's: it goes with the process, however that dies.
    """

    def __init__(self, output: Path, outlet: str) -> None:
        """Lock ``output/<outlet>``, creating it if need be."""
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
            raise OutputError(f"The output folder {output} cannot be used: {error}.") from error

    def create(self) -> Path:
        """Return a new, empty folder for a run that starts now."""
        moment = datetime.now(UTC)
        while True:
            folder = self.outlet_folder / f"run={run_name(moment)}"
            try:
                folder.mkdir()
            except FileExistsError:
                moment += timedelta(seconds=1)
            else:
                return folder

    def unfinished(self) -> list[Path]:
        """Return the folders of earlier runs that never came to their ``run.json``."""
        folders = run_folders(self.outlet_folder.parent, self.outlet_folder.name)
        return [it for it in folders if it.is_dir() and not (it / RUN_FILE).exists()]

    def is_caught_up(self, pages: int, discover: str) -> bool:
        """Say whether the latest crawl of the whole outlet came to its end, as deep as this one.

        Only then does a listing page without anything new mean that the ``pages`` behind it
        hold nothing new either. ``discover`` is the argument: only a crawl by the same ways
        counts.
        """
        for path in sorted(self.outlet_folder.glob(f"run=*/{RUN_FILE}"), reverse=True):
            document = json.loads(path.read_text("utf-8"))
            given = document.get("arguments", {})
            same = given.get("discover", "links") == discover
            if same and not PARTIAL & set(given):
                told = document.get("listings", {})
                listings = Listings(failed=Counter(told.get("failed", {})))
                finished = document["reason"] == "finished" and listings.complete
                return bool(finished and not told.get("refused") and document["pages"] >= pages)
        return False

    def release(self) -> None:
        """Let other runs have the folder."""
        self._lock.close()
