"""The folder of one run: locked, created, and found again when the run was killed."""

import fcntl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from newscrawl.exceptions import OutputError, RunningError
from newscrawl.storage.document import missing_listings
from newscrawl.storage.runs import RUN_FILE, read_run, run_folders, run_name, run_of, run_time

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
            raise OutputError(
                f"The output folder {output} cannot be used: {error.strerror}."
            ) from error

    def create(self) -> Path:
        """Return a new, empty folder for a run that starts now.

        Its name sorts after those of all earlier runs, even if the clock was set back: consumers
        read what comes after the latest run that they know.
        """
        moment = datetime.now(UTC)
        for earlier in self._folders():
            with suppress(ValueError):
                latest = run_time(run_of(earlier))
                moment = max(moment, latest + timedelta(seconds=1))
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
        return [it for it in self._folders() if it.is_dir() and not (it / RUN_FILE).exists()]

    def is_previous_complete(self, pages: int, discover: str) -> bool:
        """Say whether the latest full crawl missed no listing, and went as deep as this one.

        Only then does a listing page without anything new mean that the ``pages`` behind it
        hold nothing new either. ``discover`` is the argument: only a crawl by the same methods
        counts. Raises OutputError for a damaged ``run.json``.
        """
        for folder in reversed(self._folders()):
            run = read_run(folder)
            if run is None or PARTIAL & set(given := run.get("arguments", {})):
                continue
            if given.get("discover", "links") == discover:
                refused = run.get("listings", {}).get("refused", 0)
                missed = refused or missing_listings(run)
                return run["reason"] == "finished" and not missed and run.get("pages", 0) >= pages
        return False

    def _folders(self) -> list[Path]:
        return run_folders(self.outlet_folder.parent, self.outlet_folder.name)

    def release(self) -> None:
        """Let other runs have the folder."""
        self._lock.close()


def remove_unused(folder: Path) -> None:
    """Remove the folder of a run that did not begin; one that holds something stays."""
    with suppress(OSError):
        folder.rmdir()
