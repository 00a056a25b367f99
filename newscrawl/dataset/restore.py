"""Fetch closed runs from remote storage or from the copy of an output folder.

Each file is checked against its SHA-256 in ``run.json`` before a run appears under its name. Runs
that are here stay as they are. Of a run, ``run.json`` may be here alone: its parts are then in the
storage only, and are fetched once a command needs them.

No lock of an outlet is taken: a run there is closed, and a crawl here writes into a folder of its
own. Of two processes that fetch the same run, one waits for the other.
"""

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Flag
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path, PurePosixPath

from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.dataset.remote import CARD, DATASET, Target
from newscrawl.exceptions import RemoteError, RemoteRunError
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import KEPT_FILE, is_pruned
from newscrawl.storage.parts import naming, part_files, sha256_of, sync
from newscrawl.storage.rejected import REJECTED_FILE, run_files
from newscrawl.storage.run_folder import (
    OUTPUT_ID,
    RunFolder,
    create_output_id,
    read_output_id,
)
from newscrawl.storage.runs import RUN_FILE, parse_run, run_folder, run_folders, run_of
from newscrawl.storage.runs import outlets as outlets_of

_TMP, _LOCK = ".restoring", ".lock"
_AT_ONCE = 8
_SMALL = 8 << 20


class Wanted(Flag):
    """What is fetched of a run besides its ``run.json``."""

    DOCUMENT = 0
    PARTS = 1
    REJECTED = 2
    """The rejected responses."""
    PRUNED = 4
    """Both also of runs that were pruned here."""
    WHOLE = PARTS | REJECTED


Choose = Callable[[list[str]], Iterable[str]]
"""Returns the names of the wanted runs, given those of an outlet's runs in order."""


@dataclass(slots=True)
class Fetched:
    """What was fetched of an outlet, and what could not be."""

    runs: list[str] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    there: int = 0
    """All closed runs there."""
    not_there: list[str] = field(default_factory=list)
    """Closed runs here that the storage has not, or not yet."""
    wrong: list[str] = field(default_factory=list)
    """A sentence for each fault."""
    left_out: list[str] = field(default_factory=list)
    """Closed runs there that are not here, or not as they should be, because of a fault."""

    def add(self, other: "Fetched") -> None:
        """Add what was fetched of another run."""
        self.runs += other.runs
        self.files += other.files
        self.bytes += other.bytes
        self.wrong += other.wrong
        self.left_out += other.left_out


def outlets_at(target: Target) -> list[str]:
    """Return the folders of a storage that may be those of outlets. Raises RemoteError."""
    return [it for it in target.folders() if it != DATASET and not it.startswith(".")]


def identity_at(target: Target) -> str | None:
    """Return the identity of a storage that several nodes share; None for any other.

    Raises RemoteError.
    """
    if (data := target.read(OUTPUT_ID)) is None:
        return None
    try:
        return uuid.UUID(data.decode("ascii").strip()).hex
    except ValueError:
        raise RemoteError(f"{target.url}/{OUTPUT_ID} is not readable.") from None


def adopt_identity(output: Path, target: Target) -> bool:
    """Give an output folder the identity of a storage that several nodes share.

    Returns whether it is such a storage. Raises RemoteError if the folder has another identity,
    OutputError and OSError.
    """
    if (identity := identity_at(target)) is None:
        return False
    here = read_output_id(output) or create_output_id(output, identity)
    if here != identity:
        raise RemoteError(
            f"{target.url} has the runs of another output folder than {output}: name another with"
            " NEWSCRAWL_OUTPUT_DIR=/path/to/output."
        )
    return True


def fetch_document(output: Path, outlet: str, target: Target, name: str) -> bool:
    """Fetch the ``run.json`` of one run if it is not here; return whether that was done.

    Raises RemoteRunError if the storage has none or one that is damaged, or if the run here is not
    closed, other errors of the storage as RemoteError, and OSError.
    """
    run = _Run(target, outlet, run_folder(output, outlet, name), {})
    return not run.is_here and bool(run.fetch(Wanted.DOCUMENT).runs)


def fetch(
    output: Path,
    target: Target,
    outlets: Collection[str],
    wanted: Wanted,
    choose: Choose = iter,
) -> dict[str, Fetched]:
    """Fetch the missing files of the closed runs of outlets; without names, of all outlets.

    ``choose`` returns the names of the runs that are wanted, given all of an outlet. A run that is
    at fault is left out and named; the others follow. Raises RemoteError, also for a storage
    without any run if no outlet is named, and OSError; the runs that were fetched until then stay.
    """
    names = outlets or sorted({*outlets_at(target), *outlets_of(output)})
    at_once = min(_AT_ONCE, len(names)) or 1
    one = partial(
        _fetch_outlet,
        output=output,
        target=target,
        wanted=wanted,
        choose=choose,
        at_once=_AT_ONCE // at_once,
    )
    # Daemon threads, unlike those of concurrent.futures: a hanging driver must not block the exit.
    with ThreadPool(at_once) as pool:
        fetched = dict(zip(names, pool.imap(one, names), strict=True))
    if not outlets and not any(it.there for it in fetched.values()):
        raise RemoteError(f"There is no run in {target.url}.")
    return fetched


def _fetch_outlet(
    outlet: str,
    output: Path,
    target: Target,
    wanted: Wanted,
    choose: Choose = iter,
    at_once: int = _AT_ONCE,
    *,
    is_thorough: bool = False,
) -> Fetched:
    """Fetch the missing files of an outlet's closed runs; one listing shows what is missing.

    ``is_thorough`` also compares each run that is here with the one there.
    """
    closed = {
        run_of(Path(name)): files
        for name, files in sorted(_by_run(target.sizes(outlet)).items())
        if RUN_FILE in files
    }
    here = (it for it in run_folders(output, outlet) if run_of(it) not in closed)
    not_there = [run_of(it) for it in here if (it / RUN_FILE).exists()]
    fetched = Fetched(there=len(closed), not_there=not_there)
    chosen = set(choose(list(closed)))
    runs = [
        _Run(target, outlet, _inside(output, f"{outlet}/run={name}", target), files)
        for name, files in closed.items()
        if name in chosen
    ]
    # Locks of runs that are being fetched now, or that a killed process left.
    locks = {it.name for it in output.glob(f"{outlet}/.run=*{_LOCK}")}
    lacking = [it for it in runs if is_thorough or it.lock.name in locks or it.lacks(wanted)]
    if not lacking:
        return fetched

    def fetched_of(run: _Run) -> Fetched:
        try:
            return run.fetch(wanted)
        except RemoteRunError as error:
            return Fetched(wrong=[str(error)], left_out=[run_of(run.folder)])

    with ThreadPool(min(at_once, len(lacking))) as pool:
        for it in pool.imap(fetched_of, lacking):
            fetched.add(it)
    return fetched


def restore(output: Path, outlet: str, target: Target, *, pruned: bool = False) -> Fetched:
    """Restore an outlet's closed runs that are missing here, and missing files of those here.

    With ``pruned``, also the files of runs that were pruned here. Raises RemoteError, RunningError
    while a crawl is running, whose ledger would not know these runs, and OSError; the runs that
    were restored until then stay.
    """
    wanted = Wanted.WHOLE | Wanted.PRUNED if pruned else Wanted.WHOLE
    lock = RunFolder(output, outlet)
    try:
        return _fetch_outlet(outlet, output, target, wanted, is_thorough=True)
    finally:
        lock.release()


def _by_run(sizes: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Return the sizes of the files of runs, by the name of the run's folder."""
    runs: dict[str, dict[str, int]] = {}
    for path, size in sizes.items():
        _, folder, name, *rest = (*path.split("/"), "", "")
        if folder.startswith("run=") and name and not any(rest):
            runs.setdefault(folder, {})[name] = size
    return runs


@dataclass(slots=True)
class _Run:
    """A closed run in the storage that belongs into ``folder``; ``there`` are its files there."""

    target: Target
    outlet: str
    folder: Path
    there: Mapping[str, int]

    @property
    def place(self) -> str:
        """The run's folder in the storage."""
        return f"{self.outlet}/{self.folder.name}"

    @property
    def lock(self) -> Path:
        """The file that is locked while the run is fetched."""
        return self.folder.with_name(f".{self.folder.name}{_LOCK}")

    @property
    def is_here(self) -> bool:
        """Whether the run is closed here, with or without its parts."""
        return (self.folder / RUN_FILE).exists()

    def lacks(self, wanted: Wanted) -> bool:
        """Return whether files may be missing here, from the listing and the names here."""
        if not self.is_here or (self.folder / RUN_FILE).stat().st_size != self.there[RUN_FILE]:
            return True
        if is_pruned(self.folder) and Wanted.PRUNED not in wanted:
            return False
        names = [it for it in self.there if _is_wanted(it, wanted)]
        if any(not (self.folder / it).exists() for it in names):
            return True
        if Wanted.PARTS not in wanted or part_files(self.folder):
            return False
        # The storage may lack parts, too.
        document = _document((self.folder / RUN_FILE).read_bytes(), self.folder)
        return document is None or bool(document["parts"])

    def fetch(self, wanted: Wanted) -> Fetched:
        """Fetch what is missing here. Raises RemoteRunError, RemoteError and OSError."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.folder.with_name(f".{self.folder.name}{_TMP}")
        with _locked(self.lock):
            try:
                return self._fetch(wanted, temporary)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)

    def _fetch(self, wanted: Wanted, temporary: Path) -> Fetched:
        fetched = Fetched()
        path = self.folder / RUN_FILE
        is_here = self.is_here
        there = f"{self.target.url}/{self.place}"
        data = self.target.read(f"{self.place}/{RUN_FILE}")
        if data is None:
            raise RemoteRunError(f"{there} has no {RUN_FILE}.")
        document = _document(data, self.folder)
        if document is None:
            raise RemoteRunError(f"{there}/{RUN_FILE} is not readable: its run is left out.")
        if self.folder.exists() and not is_here:
            raise RemoteRunError(f"{self.folder} is not closed: the run there is left alone.")
        if is_here and path.read_bytes() != data:
            raise RemoteRunError(f"{path} differs from the one there: the run is left alone.")
        files = self._files(document, wanted, fetched)
        if not files and is_here:
            return fetched
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        for name, sha256 in files.items():
            place = f"{self.place}/{name}"
            is_small = self.there[name] <= _SMALL
            fetched.bytes += download(self.target, place, temporary / name, is_small=is_small)
            fetched.files += 1
            if sha256 and sha256_of(temporary / name) != sha256:
                raise RemoteRunError(f"{there}/{name} is damaged: its run is left out.")
        self._put_in_place(data, files, temporary)
        fetched.runs.append(run_of(self.folder))
        return fetched

    def _files(
        self, document: RunDocument, wanted: Wanted, fetched: Fetched
    ) -> dict[str, str | None]:
        """Return the wanted files that are missing here, with their SHA-256.

        Of a run that was pruned here, none is missing unless that is wanted. Raises RemoteRunError
        if the storage lacks parts.
        """
        if is_pruned(self.folder) and Wanted.PRUNED not in wanted:
            return {}
        files: dict[str, str | None] = {
            it["name"]: it["sha256"]
            for it in run_files(document)
            if _is_wanted(it["name"], wanted) and not (self.folder / it["name"]).exists()
        }
        lacking = [it for it in files if it not in self.there]
        place = f"{self.target.url}/{self.place}"
        if lacking == [REJECTED_FILE]:
            fetched.wrong.append(f"{place} lacks {REJECTED_FILE}: its run is here without it.")
            del files[REJECTED_FILE]
        elif lacking:
            # The parts were pruned before they were pushed.
            if part_files(self.folder) or KEPT_FILE not in self.there:
                raise RemoteRunError(f"{place} lacks parts: the run is left out.")
            return {KEPT_FILE: None}
        return files

    def _put_in_place(self, data: bytes, files: Mapping[str, str | None], temporary: Path) -> None:
        if not self.folder.exists():
            path = temporary / RUN_FILE
            with naming(path):
                path.write_bytes(data)
            sync(path)
            sync(temporary)
            temporary.rename(self.folder)
            sync(self.folder.parent)
            return
        for name in files:
            (temporary / name).rename(self.folder / name)
        sync(self.folder)
        if any(map(_is_part, files)):
            (self.folder / KEPT_FILE).unlink(missing_ok=True)


def _is_part(name: str) -> bool:
    return name.startswith("part-") and name.endswith(".jsonl")


def _is_wanted(name: str, wanted: Wanted) -> bool:
    if name == REJECTED_FILE:
        return Wanted.REJECTED in wanted
    return _is_part(name) and Wanted.PARTS in wanted


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time fetch a run; ``path`` is there for so long only."""
    while True:
        with path.open("a+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                is_it = os.path.samestat(os.fstat(lock.fileno()), path.stat())
            except FileNotFoundError:
                is_it = False
            # The one that had the lock before has removed the file.
            if is_it:
                try:
                    yield
                finally:
                    path.unlink()
                return


def _document(data: bytes, folder: Path) -> RunDocument | None:
    try:
        document = parse_run(data)
        is_its_own = document["run"] == run_of(folder)
        is_of_outlet = document.get("spider", folder.parent.name) == folder.parent.name
        names = [it["name"] for it in run_files(document) if it["sha256"]]
    except (ValueError, KeyError, TypeError):
        return None
    is_safe = all("/" not in it and (_is_part(it) or it == REJECTED_FILE) for it in names)
    return document if is_its_own and is_of_outlet and is_safe else None


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


def download(target: Target, name: str, path: Path, *, is_small: bool = False) -> int:
    """Download a file, flush it to disk and return its size; a small one by one request.

    Raises RemoteError and OSError.
    """
    size = 0
    with naming(path), path.open("wb") as stream:
        for chunk in [target.read(name) or b""] if is_small else target.chunks(name):
            size += stream.write(chunk)
    sync(path)
    return size
