"""Remote storage: closed runs, and the dataset, brought to wherever fsspec leads.

What is listed comes first, the list last: ``run.json`` and ``dataset.json`` say on the other side,
as here, that what they list is there. A file has its final name only once it is whole.

``<URL>/<outlet>/pushed.json`` tells the next push through which run everything is there, so that it
looks at newer ones only, however many there are.
"""

import contextlib
import fcntl
import io
import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from multiprocessing.pool import ThreadPool
from pathlib import Path, PurePosixPath
from typing import Any, Self

from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.exceptions import RemoteError
from newscrawl.storage.parts import TEMPORARY, sha256_of, sync
from newscrawl.storage.runs import RUN_FILE, run_folders

logger = logging.getLogger(__name__)

MARK = "pushed.json"
DATASET = "dataset"
CARD = "README.md"
# Where a file is there as a whole or not at all, whatever happens to its upload.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
_AT_ONCE = 8


@dataclass(slots=True)
class Pushed:
    """What a push did, and what was wrong with files here, one sentence each."""

    runs: int = 0
    files: int = 0
    bytes: int = 0
    deleted: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Add what another push did."""
        self.runs += other.runs
        self.files += other.files
        self.bytes += other.bytes
        self.deleted += other.deleted
        self.wrong += other.wrong

    def __str__(self) -> str:
        """Return what a log says of it."""
        if not (self.files or self.deleted):
            return "nothing to send"
        deleted = f", {self.deleted} files deleted" if self.deleted else ""
        return f"{self.files} files of {self.bytes:,} bytes sent, {self.runs} runs{deleted}"


class Target:
    """The folder at the other end of a URL. Names are relative to it.

    Every method may raise RemoteError, one sentence without a secret.
    """

    def __init__(self, url: str) -> None:
        """Know the way; a driver need not ask anything yet."""
        if re.search(r"//[^/@]*:[^/]*@", url):
            raise RemoteError(
                "The address of the remote storage holds a password, which belongs into the"
                " environment of fsspec's driver."
            )
        try:
            import fsspec  # noqa: PLC0415  # needs newscrawl[remote]
            from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise RemoteError(f"{error}: pip install 'newscrawl[remote]'") from error
        self.url = url.rstrip("/")
        with self._told():
            self._files, root = fsspec.url_to_fs(url, skip_instance_cache=True)
        self._root: str = root.rstrip("/")
        protocols = self._files.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        self._is_object_store = bool(names & _OBJECT_STORES)
        self.folder = Path(self._root) if isinstance(self._files, LocalFileSystem) else None
        """The folder, if it is one of this machine."""

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # drivers have exceptions of their own
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            why = str(why).splitlines()[0].rstrip(".")
            raise RemoteError(f"{self.url} cannot be used: {why}.") from error

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if it is not there."""
        with self._told():
            try:
                data: bytes = self._files.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None
        return data

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder and their bytes: a listing, no question per file."""
        with self._told():
            try:
                found = self._files.find(f"{self._root}/{folder}", detail=True)
            except FileNotFoundError:
                return {}
        return {path.removeprefix(f"{self._root}/"): it["size"] for path, it in found.items()}

    def put(self, name: str, source: Path | bytes) -> int:
        """Bring a file, whole or not at all, and return its bytes as the other side reports them.

        Raises RemoteError when these are not those of the source.
        """
        place = f"{self._root}/{name}"
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        with self._told():
            if not self._is_object_store:
                self._write_and_rename(place, source)
            elif isinstance(source, bytes):
                self._files.pipe_file(place, source)
            else:
                self._files.put_file(str(source), place)
            there: int = self._files.size(place)
        if there != size:
            raise RemoteError(f"{self.url}/{name} has {there} bytes there and {size} here.")
        return there

    def _write_and_rename(self, place: str, source: Path | bytes) -> None:
        # Always the same name: what a killed push leaves is written over by the next one.
        parts = PurePosixPath(place)
        temporary = str(parts.with_name(f".{parts.name}{TEMPORARY}"))
        self._files.makedirs(str(parts.parent), exist_ok=True)
        with (
            io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as data,
            self._files.open(temporary, "wb") as stream,
        ):
            shutil.copyfileobj(data, stream)
        if self.folder:
            sync(Path(temporary))
        self._files.mv(temporary, place)
        if self.folder:
            for folder in Path(place).parents:
                sync(folder)
                if folder == self.folder:
                    break

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._told():
            self._files.rm_file(f"{self._root}/{name}")


def push(output: Path, url: str, only: str = "", *, everything: bool = False) -> Pushed:
    """Bring what is closed in an output folder to a URL; ``only`` the ``runs`` or the ``dataset``.

    ``everything`` looks at every run, not only at those that are newer than the last push.
    Another push of the folder is waited for. Raises RemoteError when it cannot be done; what came
    across until then stays.
    """
    target = Target(url)
    if target.folder and target.folder.resolve().is_relative_to(output.resolve()):
        raise RemoteError(f"{url} is in the output folder itself.")
    pushed = Pushed()
    with (output / ".push.lock").open("a+b") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if only != "dataset":
            folders = sorted(run_folders(output), key=lambda it: it.parent.name)
            for outlet, runs in groupby(folders, key=lambda it: it.parent.name):
                pushed.add(_push_runs(outlet, list(runs), target, everything=everything))
        if only != "runs" and (build := Generations(output).current):
            pushed.add(_push_dataset(build, target))
    return pushed


def _push_runs(outlet: str, folders: list[Path], target: Target, *, everything: bool) -> Pushed:
    """Bring an outlet's runs, of which the oldest comes first."""
    pushed = Pushed()
    told_before = _document(target.read(f"{outlet}/{MARK}"))
    before = None if everything else told_before
    mark = {"through": "", "missing": []} | (before or {})
    waiting = [it for it in folders if it.name > mark["through"] or it.name in mark["missing"]]
    closed = [it for it in waiting if (it / RUN_FILE).exists()]
    if not closed:
        return pushed
    there: dict[str, int] = {}
    # Few runs are asked for one by one, all of them at once.
    for place in [f"{outlet}/{it.name}" for it in closed] if before else [outlet]:
        there |= target.sizes(place)
    arrived = set()
    # Threads that a hanging driver cannot keep a process alive with, unlike concurrent.futures'.
    with ThreadPool(min(_AT_ONCE, len(closed))) as pool:
        bring = partial(_push_run, target=target, there=there)
        for folder, told in zip(closed, pool.imap(bring, closed), strict=True):
            pushed.add(told)
            if not told.wrong:
                arrived.add(folder.name)
    through = max(mark["through"], closed[-1].name)
    missing = [it.name for it in waiting if it.name <= through and it.name not in arrived]
    after = {"through": through, "missing": missing}
    if after != told_before:
        target.put(f"{outlet}/{MARK}", json.dumps(after).encode())
    return pushed


def _push_run(folder: Path, target: Target, there: Mapping[str, int]) -> Pushed:
    """Bring a closed run, unless it is ``there`` (files and their bytes): ``run.json`` last."""
    place = f"{folder.parent.name}/{folder.name}"
    data = (folder / RUN_FILE).read_bytes()
    document = _document(data)
    if document is None:
        return Pushed(wrong=[f"{folder / RUN_FILE} is not readable: its run is not sent."])
    parts = {it["name"]: it for it in document["parts"]}
    sizes = {name: it["bytes"] for name, it in parts.items()} | {RUN_FILE: len(data)}
    is_there = all(there.get(f"{place}/{name}") == size for name, size in sizes.items())
    if is_there and target.read(f"{place}/{RUN_FILE}") == data:
        return Pushed()
    pushed = _push_files(folder, parts, target, place)
    if not pushed.wrong:
        pushed.bytes += target.put(f"{place}/{RUN_FILE}", data)
        pushed.files += 1
        pushed.runs = 1
    return pushed


def _push_files(
    folder: Path, files: Mapping[str, Mapping[str, Any]], target: Target, place: str
) -> Pushed:
    """Bring files that are what ``files`` says of them; tell of those that are not."""
    pushed = Pushed()
    for name, told in files.items():
        path = folder / name
        if fault := _fault(path, told["sha256"]):
            pushed.wrong.append(f"{path} {fault}: it is not sent.")
        else:
            pushed.bytes += target.put(f"{place}/{name}", path)
            pushed.files += 1
    return pushed


def _fault(path: Path, sha256: str) -> str:
    """Return what is wrong with a file of ours, or an empty string."""
    try:
        same = sha256_of(path) == sha256
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if same else "is not what was written, its SHA-256 is another"


def _push_dataset(build: Path, target: Target) -> Pushed:
    """Bring a build of the dataset: what changed, then its manifest, then delete what is gone."""
    data = (build / MANIFEST).read_bytes()
    files = json.loads(data)["files"]
    before = target.read(f"{DATASET}/{MANIFEST}")
    known = (_document(before) or {}).get("files", {})
    there = target.sizes(DATASET)
    changed = {
        name: told
        for name, told in files.items()
        if there.get(f"{DATASET}/{name}") != told["bytes"]
        or known.get(name, {}).get("sha256") != told["sha256"]
    }
    pushed = _push_files(build, changed, target, DATASET)
    if pushed.wrong:
        return pushed
    if before != data:
        for name, source in ((CARD, build / CARD), (MANIFEST, data)):
            pushed.bytes += target.put(f"{DATASET}/{name}", source)
            pushed.files += 1
    for path in there.keys() - {f"{DATASET}/{it}" for it in (*files, CARD, MANIFEST)}:
        target.delete(path)
        pushed.deleted += 1
    return pushed


def _document(data: bytes | None) -> dict[str, Any] | None:
    """Return a JSON object, or None for anything else."""
    try:
        document = json.loads(data or b"")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
