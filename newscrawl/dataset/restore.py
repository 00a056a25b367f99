"""Restore closed runs from remote storage or from the copy of an output folder.

Each file is checked against its SHA-256 in ``run.json`` before a run appears under its name. Runs
that are here stay as they are.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.dataset.remote import CARD, DATASET, Target
from newscrawl.exceptions import RemoteError
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import KEPT_FILE, is_pruned
from newscrawl.storage.parts import naming, sha256_of, sync
from newscrawl.storage.rejected import REJECTED_FILE, run_files
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import RUN_FILE, run_of

_TMP = ".restoring"


@dataclass(slots=True)
class Restored:
    """What was restored of an outlet, and what could not be: one sentence each."""

    runs: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    wrong: list[str] = field(default_factory=list)


def outlets_at(target: Target) -> list[str]:
    """Return the outlets that have closed runs in a storage. Raises RemoteError."""
    names = (it.split("/") for it in target.sizes(""))
    return sorted({it[0] for it in names if len(it) == 3 and it[2] == RUN_FILE})


def restore(output: Path, outlet: str, target: Target, *, pruned: bool = False) -> Restored:
    """Restore an outlet's closed runs that are missing here, and missing parts of those here.

    With ``pruned``, also the parts of runs that were pruned here. Raises RemoteError, RunningError
    while a crawl is running, and OSError; the runs that were restored until then stay.
    """
    restored = Restored()
    there = target.sizes(outlet)
    lock = RunFolder(output, outlet)
    try:
        for name in sorted(it for it in there if it.endswith(f"/{RUN_FILE}")):
            place = name.removesuffix(f"/{RUN_FILE}")
            run = _Run(target, place, _inside(output, place, target), there)
            try:
                run.restore(restored, pruned=pruned)
            finally:
                shutil.rmtree(run.temporary, ignore_errors=True)
    finally:
        lock.release()
    return restored


class _Run:
    """A closed run in the storage, at ``place``, that belongs into ``folder``."""

    def __init__(self, target: Target, place: str, folder: Path, there: Mapping[str, int]) -> None:
        self.target = target
        self.place = place
        self.folder = folder
        self.there = there
        self.temporary = folder.with_name(f".{folder.name}{_TMP}")

    def restore(self, restored: Restored, *, pruned: bool) -> None:
        """Restore what is missing of the run, or add a sentence that says why not."""
        path = self.folder / RUN_FILE
        data = self.target.read(f"{self.place}/{RUN_FILE}") or b""
        document = _run_document(data, self.folder)
        if document is None:
            restored.wrong.append(f"{self.target.url}/{self.place}/{RUN_FILE} is not readable.")
            return
        if self.folder.exists() and not path.exists():
            restored.wrong.append(f"{self.folder} is not closed: the run there is left alone.")
            return
        if path.exists() and path.read_bytes() != data:
            restored.wrong.append(f"{path} differs from the one there: the run is left alone.")
            return
        files = self._files(document, restored, pruned=pruned)
        if not files and (files is None or path.exists()):
            return
        if wrong := self._fetch(files, restored):
            restored.wrong.append(wrong)
            return
        self._put_in_place(data, files)
        restored.runs.append(run_of(self.folder))

    def _files(
        self, document: RunDocument, restored: Restored, *, pruned: bool
    ) -> dict[str, str | None] | None:
        """Return the files that are missing here, with their SHA-256; None if they cannot be had.

        Of a run that was pruned here, none is missing unless ``pruned`` is given.
        """
        is_here = (self.folder / RUN_FILE).exists()
        if is_here and is_pruned(self.folder) and not pruned:
            return {}
        files: dict[str, str | None] = {
            it["name"]: it["sha256"]
            for it in run_files(document)
            if not (self.folder / it["name"]).exists()
        }
        lacking = [it for it in files if f"{self.place}/{it}" not in self.there]
        place = f"{self.target.url}/{self.place}"
        if lacking == [REJECTED_FILE]:
            restored.wrong.append(f"{place} lacks {REJECTED_FILE}: restored without it.")
            del files[REJECTED_FILE]
        elif lacking:
            # The parts were pruned before they were pushed.
            if is_here or f"{self.place}/{KEPT_FILE}" not in self.there:
                restored.wrong.append(f"{place} lacks parts: not restored.")
                return None
            return {KEPT_FILE: None}
        return files

    def _fetch(self, files: Mapping[str, str | None], restored: Restored) -> str:
        """Download files into the temporary folder; return what is wrong with one, or nothing."""
        shutil.rmtree(self.temporary, ignore_errors=True)
        self.temporary.mkdir(parents=True)
        for name, sha256 in files.items():
            path = self.temporary / name
            restored.bytes += download(self.target, f"{self.place}/{name}", path)
            restored.files += 1
            if sha256 and sha256_of(path) != sha256:
                return f"{self.target.url}/{self.place}/{name} is damaged: its run is not restored."
        return ""

    def _put_in_place(self, data: bytes, files: Mapping[str, str | None]) -> None:
        if not self.folder.exists():
            path = self.temporary / RUN_FILE
            with naming(path):
                path.write_bytes(data)
            sync(path)
            sync(self.temporary)
            self.temporary.rename(self.folder)
            sync(self.folder.parent)
            return
        for name in files:
            (self.temporary / name).rename(self.folder / name)
        sync(self.folder)
        (self.folder / KEPT_FILE).unlink(missing_ok=True)


def _run_document(data: bytes, folder: Path) -> RunDocument | None:
    try:
        document: RunDocument = json.loads(data)
        is_its_own = document["run"] == run_of(folder)
        names = [it["name"] for it in run_files(document) if it["sha256"]]
    except (ValueError, KeyError, TypeError):
        return None
    is_safe = all("/" not in it and (it.startswith("part-") or it == REJECTED_FILE) for it in names)
    return document if is_its_own and is_safe else None


def restore_dataset(output: Path, target: Target) -> bool:
    """Restore the dataset if there is none here and one there; return whether that was done.

    Raises RemoteError for a manifest that cannot be read or names a file outside the dataset, for a
    file that differs from the manifest, and OSError.
    """
    generations = Generations(output)
    data = None if generations.current else target.read(f"{DATASET}/{MANIFEST}")
    if data is None:
        return False
    try:
        files = {name: it["sha256"] for name, it in json.loads(data)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        place = f"{target.url}/{DATASET}/{MANIFEST}"
        raise RemoteError(f"{place} is not readable: no dataset restored.") from None
    with generations.building() as folder:
        for name, sha256 in files.items():
            path = _inside(folder, name, target)
            path.parent.mkdir(parents=True, exist_ok=True)
            download(target, f"{DATASET}/{name}", path)
            if sha256_of(path) != sha256:
                raise RemoteError(f"{target.url}/{DATASET}/{name} is damaged: no dataset restored.")
        download(target, f"{DATASET}/{CARD}", folder / CARD)
        with naming(folder / MANIFEST):
            (folder / MANIFEST).write_bytes(data)
        generations.publish()
    return True


def _inside(folder: Path, name: str, target: Target) -> Path:
    """Return the path of a file in ``folder``. Raises RemoteError for a name that leads out."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise RemoteError(f"{target.url} names a file outside the output folder: {name!r}.")
    return folder / name


def download(target: Target, name: str, path: Path) -> int:
    """Download a file, flush it to disk and return its size. Raises RemoteError and OSError."""
    size = 0
    with naming(path), path.open("wb") as stream:
        for chunk in target.chunks(name):
            size += stream.write(chunk)
    sync(path)
    return size
