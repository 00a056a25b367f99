"""Whole builds, one beside the other; a link that is renamed leads readers to the latest."""

import contextlib
import fcntl
import json
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from newscrawl.exceptions import DatasetError
from newscrawl.storage.parts import sync

MANIFEST = "dataset.json"
_LINK = "dataset"
_STORE = ".dataset"
_NEXT = "next"


class Generations:
    """The builds of a dataset: ``<output>/.dataset/<n>``, of which ``<output>/dataset`` is one.

    A reader that resolves the link keeps its build: the one before the latest is kept, too. What
    two builds have in common is stored once (hard links).
    """

    def __init__(self, output: Path) -> None:
        """Know where the dataset of an output folder is, or will be."""
        self.link = output / _LINK
        self.store = output / _STORE
        self.next = self.store / _NEXT

    @property
    def current(self) -> Path | None:
        """The folder of the latest build, or None."""
        return self.link.resolve() if self.link.exists() else None

    def manifest(self) -> dict[str, Any] | None:
        """Return what the latest build says of itself, or None. Raises DatasetError."""
        if self.current is None:
            return None
        try:
            document: dict[str, Any] = json.loads((self.current / MANIFEST).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(
                f"{self.link} is no dataset of newscrawl ({error}): move it away."
            ) from error
        return document

    @contextlib.contextmanager
    def building(self) -> Iterator[Path]:
        """Give an empty folder for the next build, and nobody else one meanwhile.

        Raises DatasetError when another build is on.
        """
        self.store.mkdir(parents=True, exist_ok=True)
        with (self.store / ".lock").open("a+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DatasetError(f"Another build of {self.link} is on.") from None
            if self.link.exists() and not self.link.is_symlink():
                raise DatasetError(f"{self.link} is no dataset of newscrawl: move it away.")
            shutil.rmtree(self.next, ignore_errors=True)
            self.next.mkdir()
            try:
                yield self.next
            finally:
                shutil.rmtree(self.next, ignore_errors=True)

    def keep(self, names: Iterable[str]) -> None:
        """Take over files of the latest build as they are; those that the next has are its own."""
        assert self.current is not None
        for name in names:
            path = self.next / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.hardlink_to(self.current / name)

    def publish(self) -> Path:
        """Make the folder that was given the latest build: readers see all of it or nothing."""
        before = self.current
        number = max((int(it.name) for it in self.store.iterdir() if it.name.isdigit()), default=0)
        folder = self.store / str(number + 1)
        for path in (*self.next.rglob("*"), self.next):
            sync(path)
        self.next.rename(folder)
        link = self.store / f"{_LINK}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(folder.relative_to(self.link.parent))
        link.rename(self.link)
        for path in (self.store, self.link.parent):
            sync(path)
        for old in self.store.iterdir():
            if old.name.isdigit() and old not in (folder, before):
                shutil.rmtree(old)
        return folder
