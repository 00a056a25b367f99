"""Upload closed runs and the dataset to remote storage, any URL of fsspec.

Listed files are uploaded first, the list last: if ``run.json`` or ``dataset.json`` is there, so are
the files that it lists. A file gets its final name only when it is complete.

``<URL>/<outlet>/pushed.json`` names the run up to which everything is uploaded, so that the next
push checks newer runs only.
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
from newscrawl.exceptions import RemoteError, extra_missing
from newscrawl.storage.kept import KEPT_FILE, is_pruned, lacks_parts, no_parts
from newscrawl.storage.parts import TEMPORARY, sha256_of, sync
from newscrawl.storage.rejected import REJECTED_FILE, run_files
from newscrawl.storage.runs import RUN_FILE, run_folders, run_of

logger = logging.getLogger(__name__)

MARK = "pushed.json"
DATASET = "dataset"
CARD = "README.md"
# Storage in which an interrupted upload leaves no file.
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az"}
_AT_ONCE = 8
_CHUNK = 1 << 20


@dataclass(slots=True)
class Pushed:
    """Result of a push, and faults of local files, one sentence each."""

    runs: int = 0
    files: int = 0
    bytes: int = 0
    deleted: int = 0
    pruned: int = 0
    """Runs whose parts are neither here nor there; the dataset has their records."""
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Self) -> None:
        """Add the result of another push."""
        self.runs += other.runs
        self.files += other.files
        self.bytes += other.bytes
        self.deleted += other.deleted
        self.pruned += other.pruned
        self.wrong += other.wrong

    def __str__(self) -> str:
        """Return the result for a log."""
        if not (self.files or self.deleted):
            return "nothing to upload"
        deleted = f", {self.deleted} files deleted" if self.deleted else ""
        pruned = f" ({self.pruned} of them pruned: the dataset has their records)"
        runs = f"{self.runs} runs{pruned if self.pruned else ''}"
        return f"{self.files} files of {self.bytes:,} bytes uploaded, {runs}{deleted}"


class Target:
    """The folder of a URL. Names are relative to it.

    Every method may raise RemoteError, one sentence without a secret.
    """

    def __init__(self, url: str) -> None:
        """Open the file system; a driver sends no request yet."""
        if re.search(r"//[^/@]*:(?!\d+/).*@", url):
            raise RemoteError(
                "The remote URL contains a password. Remove it and set the credentials in the"
                " environment, for S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        try:
            import fsspec  # noqa: PLC0415  # needs newscrawl[remote]
            from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise RemoteError(extra_missing("Remote storage", "remote", error)) from error
        self.url = url.rstrip("/")
        with self._as_remote_error():
            self._files, root = fsspec.url_to_fs(url, skip_instance_cache=True)
        self._root: str = root.rstrip("/")
        protocols = self._files.protocol
        names = {protocols} if isinstance(protocols, str) else set(protocols)
        self._is_object_store = bool(names & _OBJECT_STORES)
        # Otherwise S3's driver asks for the size of a file first.
        self._in_one: dict[str, Any] = {"max_concurrency": 1} if names & {"s3", "s3a"} else {}
        self.folder = Path(self._root) if isinstance(self._files, LocalFileSystem) else None
        """The folder, if the URL is on this machine."""

    @contextlib.contextmanager
    def _as_remote_error(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # drivers have exceptions of their own
            why = getattr(error, "strerror", None) or str(error) or type(error).__name__
            why = str(why).splitlines()[0].rstrip(".")
            raise RemoteError(f"{self.url} cannot be used: {why}.") from error

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None if there is no such file."""
        with self._as_remote_error():
            try:
                data: bytes = self._files.cat_file(f"{self._root}/{name}", **self._in_one)
            except FileNotFoundError:
                return None
        return data

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield the bytes of a file. A consumer's own exceptions pass unchanged."""
        with self._as_remote_error():
            stream = self._files.open(f"{self._root}/{name}", "rb")
        with stream:
            while True:
                with self._as_remote_error():
                    chunk: bytes = stream.read(_CHUNK)
                if not chunk:
                    return
                yield chunk

    def sizes(self, folder: str) -> dict[str, int]:
        """Return the files below a folder and their sizes in bytes, from one listing."""
        with self._as_remote_error():
            try:
                found = self._files.find(f"{self._root}/{folder}", detail=True)
            except FileNotFoundError:
                return {}
        return {path.removeprefix(f"{self._root}/"): it["size"] for path, it in found.items()}

    def folders(self) -> list[str]:
        """Return the names of the folders at the URL, from one listing."""
        with self._as_remote_error():
            self._files.invalidate_cache()
            try:
                found = self._files.ls(self._root, detail=True)
            except FileNotFoundError:
                return []
        paths = (it["name"] for it in found if it["type"] == "directory")
        return sorted(PurePosixPath(it).name for it in paths)

    def put(self, name: str, source: Path | bytes) -> int:
        """Upload a file atomically, and return its size as the remote side reports it.

        Raises RemoteError when the size differs from the source.
        """
        place = f"{self._root}/{name}"
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        with self._as_remote_error():
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
        # Always the same name, so that the next push overwrites what a killed one left.
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
        with self._as_remote_error():
            self._files.rm_file(f"{self._root}/{name}")


def push(output: Path, url: str, only: str = "", *, everything: bool = False) -> Pushed:
    """Upload closed runs and the dataset to a URL; ``only`` the ``runs`` or the ``dataset``.

    ``everything`` checks every run, not only those after the last push. Wait for another push of
    the folder. Raises RemoteError when the push fails; files uploaded before stay.
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
    """Upload an outlet's runs, the oldest first."""
    pushed = Pushed()
    last_mark = _document(target.read(f"{outlet}/{MARK}"))
    if last_mark and last_mark.get("nodes"):
        raise RemoteError(
            f"Several nodes publish {outlet} in {target.url}, each run under a lease: set"
            " NEWSCRAWL_NODE and their NEWSCRAWL_LEDGER_URL, or name another URL."
        )
    known: dict[str, Any] = {"through": "", "missing": []} | (last_mark or {})
    names = {it.name for it in folders}
    # Another folder wrote this mark: it does not say which of our runs are uploaded.
    is_ours = known["through"] in names
    before = last_mark if is_ours and not everything else None
    mark: dict[str, Any] = known if before else {"through": "", "missing": []}
    waiting = [it for it in folders if it.name > mark["through"] or it.name in mark["missing"]]
    closed = [it for it in waiting if (it / RUN_FILE).exists()]
    if not closed:
        return pushed
    there: dict[str, int] = {}
    # List few runs one by one, but all runs at once.
    for place in [f"{outlet}/{it.name}" for it in closed] if before else [outlet]:
        there |= target.sizes(place)
    arrived = set()
    # Daemon threads, unlike those of concurrent.futures: a hanging driver must not block the exit.
    with ThreadPool(min(_AT_ONCE, len(closed))) as pool:
        upload = partial(push_files_of_run, target=target, there=there)
        for folder, result in zip(closed, pool.imap(upload, closed), strict=True):
            if result.runs:
                # In the order of the runs: consumers continue after the last run they read.
                data = (folder / RUN_FILE).read_bytes()
                result.bytes += target.put(f"{outlet}/{folder.name}/{RUN_FILE}", data)
                result.files += 1
            pushed.add(result)
            if not result.wrong:
                arrived.add(folder.name)
    through = max(known["through"], closed[-1].name)
    missing = [it.name for it in waiting if it.name <= through and it.name not in arrived]
    theirs = () if is_ours else [it for it in known["missing"] if it not in names]
    after = {"through": through, "missing": sorted({*missing, *theirs})}
    if after != last_mark:
        target.put(f"{outlet}/{MARK}", json.dumps(after).encode())
    return pushed


class PushedRuns:
    """The runs of an outlet in remote storage: the files there, with their sizes."""

    def __init__(self, target: Target, there: Mapping[str, int]) -> None:
        """Take a listing of ``target.sizes()``."""
        self._target = target
        self._there = there

    def has(self, folder: Path) -> bool:
        """Return whether a closed run is there as it is here. Raises OSError and RemoteError.

        Of a run that was pruned here, its parts or what was kept of them must be there. A file of
        rejected responses that was removed here need not be there.
        """
        place = f"{folder.parent.name}/{folder.name}"
        data = (folder / RUN_FILE).read_bytes()
        files = run_files({"parts": (), **(_document(data) or {})})
        is_there = all(
            self._there.get(f"{place}/{it['name']}") == it["bytes"]
            for it in files
            if it["name"] != REJECTED_FILE or (folder / REJECTED_FILE).exists()
        )
        if is_pruned(folder):
            kept = (folder / KEPT_FILE).stat().st_size
            is_there = is_there or self._there.get(f"{place}/{KEPT_FILE}") == kept
        if not is_there or self._there.get(f"{place}/{RUN_FILE}") != len(data):
            return False
        return self._target.read(f"{place}/{RUN_FILE}") == data


def pushed_runs(url: str, outlet: str) -> PushedRuns:
    """Return the runs of an outlet at a URL. Raises RemoteError."""
    target = Target(url)
    return PushedRuns(target, target.sizes(outlet))


def push_files_of_run(folder: Path, target: Target, there: Mapping[str, int]) -> Pushed:
    """Upload the files of a closed run unless it is ``there`` (files and their sizes).

    Of a pruned run, what was kept of its parts is uploaded instead of these. The result counts a
    run if its ``run.json`` is to follow.
    """
    place = f"{folder.parent.name}/{folder.name}"
    data = (folder / RUN_FILE).read_bytes()
    document = _document(data)
    if document is None:
        return Pushed(wrong=[f"{folder / RUN_FILE} is not readable. Its run is not uploaded."])
    if PushedRuns(target, there).has(folder):
        return Pushed()
    if lacks_parts(folder, document):
        return Pushed(wrong=[f"{no_parts(folder)} Its run is not uploaded."])
    is_whole = True
    if is_pruned(folder):
        pushed = Pushed(bytes=target.put(f"{place}/{KEPT_FILE}", folder / KEPT_FILE), files=1)
        pushed.pruned = 1
    else:
        files = {it["name"]: it for it in run_files(document)}
        rejected = {it: files.pop(it) for it in [REJECTED_FILE] if it in files}
        pushed = _push_files(folder, rejected, target, place)
        parts = _push_files(folder, files, target, place)
        is_whole = not parts.wrong
        pushed.add(parts)
    # A run is whole without its rejected responses.
    pushed.runs = int(is_whole)
    return pushed


def _push_files(
    folder: Path, files: Mapping[str, Mapping[str, Any]], target: Target, place: str
) -> Pushed:
    """Upload files that match their entry in ``files``; report the others."""
    pushed = Pushed()
    for name, entry in files.items():
        path = folder / name
        if fault := _fault(path, entry["sha256"]):
            pushed.wrong.append(f"{path} {fault}. It is not uploaded.")
        else:
            pushed.bytes += target.put(f"{place}/{name}", path)
            pushed.files += 1
    return pushed


def _fault(path: Path, sha256: str) -> str:
    """Return the fault of a local file, or an empty string."""
    try:
        same = sha256_of(path) == sha256
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return "" if same else "has another SHA-256 than when it was written"


def _push_dataset(build: Path, target: Target) -> Pushed:
    """Upload a build of the dataset: changed files, its manifest; then delete obsolete files."""
    data = (build / MANIFEST).read_bytes()
    files = json.loads(data)["files"]
    before = target.read(f"{DATASET}/{MANIFEST}")
    known = (_document(before) or {}).get("files", {})
    there = target.sizes(DATASET)
    changed = {
        name: entry
        for name, entry in files.items()
        if there.get(f"{DATASET}/{name}") != entry["bytes"]
        or known.get(name, {}).get("sha256") != entry["sha256"]
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


def missing_at(target: Target, outlet: str) -> list[str]:
    """Return the closed runs that the last push left out: the next one may bring them."""
    mark = _document(target.read(f"{outlet}/{MARK}")) or {}
    return [run_of(Path(it)) for it in mark.get("missing", ())]


def _document(data: bytes | None) -> dict[str, Any] | None:
    """Return a JSON object, or None for anything else."""
    try:
        document = json.loads(data or b"")
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
