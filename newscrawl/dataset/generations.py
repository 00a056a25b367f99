"""Store dataset builds side by side and switch readers to the newest one atomically."""

import contextlib
import fcntl
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from newscrawl.exceptions import PROGRAM, DatasetError
from newscrawl.storage.parts import naming, sync

MANIFEST = "dataset.json"
_LINK = "dataset"
_STORE = ".dataset"
_NEXT = "next"
KEEP = timedelta(hours=6)
"""How long a build stays on disk after a later one has replaced it. The one before stays longer."""


class Generations:
    """The builds of a dataset: ``<output>/.dataset/<n>``; ``<output>/dataset`` links to the newest.

    A build never changes. A reader that resolved the link once reads that build, however many
    follow: a replaced build is kept for ``keep``, and the one before the newest in any case. Files
    that builds share are stored once (hard links).
    """

    def __init__(self, output: Path, keep: timedelta = KEEP) -> None:
        """Set the paths of the dataset of an output folder."""
        self.keep_for = keep
        self.link = output / _LINK
        self.store = output / _STORE
        self.next = self.store / _NEXT

    @property
    def current(self) -> Path | None:
        """The folder of the latest build, or None."""
        return self.link.resolve() if self.link.exists() else None

    def existing(self) -> Path:
        """Return the folder of the latest build. Raises DatasetError when there is none."""
        if self.current is None:
            raise DatasetError(
                f"There is no dataset in {self.link.parent}: build it with {PROGRAM} dataset build."
            )
        return self.current

    def manifest(self) -> dict[str, Any] | None:
        """Return the manifest of the latest build, or None. Raises DatasetError."""
        if self.current is None:
            return None
        try:
            document: dict[str, Any] = json.loads((self.current / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{self.link} is not a dataset of newscrawl ({error}). Move it away."
            ) from error
        return document

    @contextlib.contextmanager
    def building(self) -> Iterator[Path]:
        """Give an empty folder for the next build, and lock out other builds meanwhile.

        Raises DatasetError when another build is running, and OSError with a path.
        """
        self.store.mkdir(parents=True, exist_ok=True)
        with (self.store / ".lock").open("a+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatasetError(f"Another build of {self.link} is running.") from None
            if self.link.exists() and not self.link.is_symlink():
                raise DatasetError(f"{self.link} is not a dataset of newscrawl. Move it away.")
            shutil.rmtree(self.next, ignore_errors=True)
            self.next.mkdir()
            try:
                with naming(self.next):
                    yield self.next
            finally:
                shutil.rmtree(self.next, ignore_errors=True)

    def keep(self, names: Iterable[str]) -> None:
        """Link files of the latest build into the next one, unless the next one has its own."""
        assert self.current is not None
        for name in names:
            path = self.next / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.hardlink_to(self.current / name)

    def publish(self) -> Path:
        """Make the folder of ``building()`` the latest build, atomically; return its path."""
        before = self.current
        builds = self._builds()
        folder = self.store / str(int(builds[-1].name) + 1 if builds else 1)
        for path in (*self.next.rglob("*"), self.next):
            sync(path)
        self.next.rename(folder)
        link = self.store / f"{_LINK}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.relative_to(self.link.parent))
        link.rename(self.link)
        for path in (self.store, self.link.parent):
            sync(path)
        served = builds[: builds.index(before) + 1] if before in builds else []
        for killed in builds[len(served) :]:
            shutil.rmtree(killed)
        # A build was replaced when its successor was complete.
        for old, successor in pairwise((*served, folder)):
            age = time.time() - successor.stat().st_mtime
            if old != before and not 0 <= age < self.keep_for.total_seconds():
                shutil.rmtree(old)
        return folder

    def _builds(self) -> list[Path]:
        """Return the folders of the builds on disk, the oldest first."""
        found = (it for it in self.store.iterdir() if it.name.isdigit())
        return sorted(found, key=lambda it: int(it.name))
