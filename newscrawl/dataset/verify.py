"""Verify parts, run.json files, ledger and dataset against each other."""

import hashlib
import json
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonlines

from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.dataset.remote import Target
from newscrawl.exceptions import VersionError
from newscrawl.storage.books import balance
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import (
    KEPT_FILE,
    is_pruned,
    lacks_parts,
    no_parts,
    read_run_records,
)
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import sha256_of
from newscrawl.storage.rejected import REJECTED_FILE
from newscrawl.storage.runs import RUN_FILE, outlets, run_folders, run_of
from newscrawl.storage.schema import violation
from newscrawl.storage.versions import upgraded


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its place, as a path from the output folder and a line, and a description."""

    where: str
    what: str

    def __str__(self) -> str:
        """Return the fault as a line for people."""
        return f"{self.where}: {self.what}"


class Verifier:
    """Reads every part of every closed run of an output folder once, and reports faults.

    ``records`` and ``runs`` count what was read.
    """

    def __init__(
        self,
        output: Path,
        target: Target | None = None,
        unpublished: Mapping[str, Collection[str]] = MappingProxyType({}),
    ) -> None:
        """Read the manifest of ``output``. Raises DatasetError if it is not readable.

        Rejected responses that are not here may be in the storage ``target``. Runs by outlet that
        are ``unpublished`` do not count.
        """
        self.output = output
        self.target = target
        self.unpublished = unpublished
        self.generations = Generations(output)
        self.manifest = self.generations.manifest()
        self.records = 0
        self.runs = 0
        self._unread: set[str] = set()
        """Runs of the current outlet whose parts are not here."""
        self._rejected_files = _RejectedFiles(output, target)
        self._rows: dict[str, Mapping[tuple[str, int], tuple[str, str]]] = {}

    def faults(self, ledger: Ledger | None) -> Iterator[Fault]:
        """Yield all faults, outlet by outlet; compare with the ledger if there is one.

        With a storage, an outlet that the ledger does not know is not compared. Raises
        LedgerError when the ledger cannot be read, and RemoteError.
        """
        known = ledger.outlets() if ledger and self.target else None
        for outlet in outlets(self.output):
            published: dict[tuple[str, int], tuple[str, str]] = {}
            latest: dict[str, int] = {}
            self._unread = set()
            unpublished = self.unpublished.get(outlet, ())
            folders = [
                it for it in run_folders(self.output, outlet) if run_of(it) not in unpublished
            ]
            closed = {run_of(it) for it in folders if (it / RUN_FILE).exists()}
            for folder in folders:
                yield from self._run(outlet, folder, published, latest)
            if ledger is not None and (known is None or outlet in known):
                yield from _compared(outlet, published, closed - self._unread, ledger)
            runs = [run for run, _ in published.values()]
            yield from self._dataset_of(outlet, runs)
        yield from self._dataset_files()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.output).as_posix()

    def _run(
        self,
        outlet: str,
        folder: Path,
        published: dict[tuple[str, int], tuple[str, str]],
        latest: dict[str, int],
    ) -> Iterator[Fault]:
        path = folder / RUN_FILE
        try:
            run: RunDocument = json.loads(path.read_bytes())
            parts = {it["name"]: it for it in run["parts"]}
            out_by = balance(run["books"])
        except FileNotFoundError:
            # The run is running, or was killed and will be salvaged.
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield Fault(self._name(path), f"not a run.json: {error!r}")
            return
        self.runs += 1
        if f"run={run.get('run')}" != folder.name or run.get("spider") != outlet:
            yield Fault(self._name(path), f"belongs to run {run.get('run')} of {run.get('spider')}")
        if out_by:
            yield Fault(self._name(path), f"article counts differ from 'discovered' by {out_by}")
        if is_pruned(folder):
            yield from self._pruned(outlet, folder, run, published, latest)
            return
        if lacks_parts(folder, run):
            self._unread.add(run["run"])
            yield Fault(self._name(path), no_parts(folder))
            return
        yield from self._rejected_files.faults(folder, run)
        on_disk = {it.name for it in folder.glob("part-*.jsonl*")}
        for name in sorted(on_disk - set(parts)):
            yield Fault(self._name(folder / name), "the part is not in run.json")
        new: set[str] = set()
        ids: set[str] = set()
        is_whole = True
        for name, part in sorted(parts.items()):
            if name not in on_disk:
                yield Fault(self._name(folder / name), "the part is missing")
                is_whole = False
                continue
            reader = _PartReader(outlet, run["run"], published, latest)
            for what, number in reader.faults(folder / name, part):
                line = f":{number}" if number else ""
                yield Fault(f"{self._name(folder / name)}{line}", what)
            self.records += reader.records
            new |= reader.new
            ids |= reader.ids
        if is_whole:
            yield from self._booked(path, run, new, ids)

    def _booked(
        self, path: Path, run: RunDocument, new: set[str], ids: set[str]
    ) -> Iterator[Fault]:
        """Yield a fault if the books differ from the articles of the parts."""
        # Books count articles. An archive may give several versions of one.
        booked = (run["books"]["new"], run["books"]["revised"])
        if (len(new), len(ids - new)) != booked:
            yield Fault(
                self._name(path),
                f"its books have {booked[0]} new and {booked[1]} revised articles,"
                f" its parts {len(new)} and {len(ids - new)}",
            )

    def _pruned(
        self,
        outlet: str,
        folder: Path,
        run: RunDocument,
        published: dict[tuple[str, int], tuple[str, str]],
        latest: dict[str, int],
    ) -> Iterator[Fault]:
        """Yield faults of a pruned run: what was kept of its records, and the dataset's rows."""
        path = folder / KEPT_FILE
        try:
            kept = list(read_run_records(folder))
            found = {(it["id"], it["revision"]): it["content_hash"] for it in kept}
        except (OSError, jsonlines.InvalidLineError, KeyError) as error:
            yield Fault(self._name(path), f"cannot be read: {error!r}")
            return
        self.records += len(kept)
        if len(found) != (count := sum(it["records"] for it in run["parts"])):
            yield Fault(self._name(path), f"{len(found)} records, but {count} in run.json")
        ids = {identity for identity, _ in found}
        new = {identity for identity, revision in found if revision == 1}
        yield from self._booked(folder / RUN_FILE, run, new, ids)
        held = self._held(outlet)
        for (identity, revision), content_hash in found.items():
            if held.get((identity, revision)) != (run["run"], content_hash):
                what = f"revision {revision} of article {identity} is pruned and not in the dataset"
                yield Fault(self._name(folder), what)
            published[identity, revision] = (run["run"], content_hash)
            latest[identity] = max(revision, latest.get(identity, 0))

    def _held(self, outlet: str) -> Mapping[tuple[str, int], tuple[str, str]]:
        """Return run and content hash of the dataset's revisions of an outlet, by their key."""
        if outlet not in self._rows:
            from newscrawl.dataset.rows import keys  # noqa: PLC0415  # needs newscrawl[dataset]

            build = self.generations.current
            table = keys(build, outlet).to_pydict() if build else {}
            columns = (table.get(it, ()) for it in ("id", "revision", "run", "content_hash"))
            found = {(it[0], it[1]): (it[2], it[3]) for it in zip(*columns, strict=True)}
            self._rows = {outlet: found}
        return self._rows[outlet]

    def _dataset_of(self, outlet: str, runs: list[str]) -> Iterator[Fault]:
        """Yield a fault if the dataset lacks revisions; ``runs`` has the run of each of them."""
        entry = (self.manifest or {}).get("outlets", {}).get(outlet)
        if self.manifest is None or entry is None:
            return
        through = entry["through"]
        expected = sum(run <= through for run in runs)
        partitions = self.manifest["partitions"].items()
        actual = sum(it["revisions"] for name, it in partitions if f"outlet={outlet}/" in name)
        if actual != expected:
            yield Fault(
                f"dataset/{MANIFEST}",
                f"{actual} revisions of {outlet}, but {expected} in the parts up to run {through}",
            )

    def _dataset_files(self) -> Iterator[Fault]:
        """Yield faults of the files of the dataset, if there is one."""
        folder = self.generations.current
        if self.manifest is None or folder is None:
            return
        files = self.manifest["files"]
        on_disk = {it.relative_to(folder).as_posix() for it in folder.rglob("*.parquet")}
        for name in sorted(on_disk - set(files)):
            yield Fault(f"dataset/{name}", f"the file is not in {MANIFEST}")
        for name, entry in files.items():
            if name not in on_disk:
                yield Fault(f"dataset/{name}", "the file is missing")
            elif sha256_of(folder / name) != entry["sha256"]:
                yield Fault(f"dataset/{name}", f"the SHA-256 differs from {MANIFEST}")


class _RejectedFiles:
    """The files of rejected responses, here or in a storage, which is listed outlet by outlet."""

    def __init__(self, output: Path, target: Target | None) -> None:
        self.output = output
        self.target = target
        self._sizes: dict[str, Mapping[str, int]] = {}

    def faults(self, folder: Path, run: RunDocument) -> Iterator[Fault]:
        """Yield a fault if the file of a run is not the one in ``run.json``. Raises RemoteError."""
        path, entry = folder / REJECTED_FILE, run.get("rejected_file")
        name = path.relative_to(self.output).as_posix()
        if not entry or not entry["name"]:
            if path.exists():
                yield Fault(name, "the file is not in run.json")
        elif not path.exists():
            if self._size_there(name) != entry["bytes"]:
                yield Fault(name, "the file is missing")
        elif sha256_of(path) != entry["sha256"]:
            yield Fault(name, "the SHA-256 differs from run.json")

    def _size_there(self, name: str) -> int | None:
        outlet = name.partition("/")[0]
        if self.target and outlet not in self._sizes:
            self._sizes = {outlet: self.target.sizes(outlet)}
        return self._sizes.get(outlet, {}).get(name)


class _PartReader:
    """Reads one part; ``published`` and ``latest`` hold the keys of the outlet so far."""

    def __init__(
        self,
        outlet: str,
        run: str,
        published: dict[tuple[str, int], tuple[str, str]],
        latest: dict[str, int],
    ) -> None:
        self.outlet = outlet
        self.run = run
        self.published = published
        self.latest = latest
        self.records = 0
        self.new: set[str] = set()
        self.ids: set[str] = set()

    def faults(self, path: Path, part: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
        """Yield faults and the number of their line; 0 stands for the whole part."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                digest.update(line)
                size += len(line)
                self.records += 1
                if not line.endswith(b"\n"):
                    yield "the line has no end", number
                for what in self._line(line):
                    yield what, number
        if (self.records, size) != (part["records"], part["bytes"]):
            yield (
                f"{self.records} lines and {size} bytes, but {part['records']} and"
                f" {part['bytes']} in run.json",
                0,
            )
        if digest.hexdigest() != part["sha256"]:
            yield "the SHA-256 differs from run.json", 0

    def _line(self, line: bytes) -> Iterator[str]:
        try:
            record = json.loads(line)
            record = upgraded(record) if isinstance(record, dict) else {}
        except VersionError as error:
            yield str(error)
            return
        except ValueError as error:
            yield f"the line is not JSON ({error})"
            return
        if broken := violation(record):
            yield f"the line violates the schema: {broken}"
            return
        if record["outlet"] != self.outlet:
            yield f"the record is of outlet {record['outlet']!r}"
        identity, revision = record["id"], record["revision"]
        self.ids.add(identity)
        if revision == 1:
            self.new.add(identity)
        if (identity, revision) in self.published:
            run = self.published[identity, revision][0]
            yield f"revision {revision} of article {identity} is already in run {run}"
            return
        before = self.latest.get(identity, 0)
        if revision != before + 1:
            after = f"revision {before}" if before else "no revision"
            yield f"revision {revision} of article {identity} comes after {after}"
        self.published[identity, revision] = (self.run, record["content_hash"])
        self.latest[identity] = max(revision, before)


def _compared(
    outlet: str,
    published: Mapping[tuple[str, int], tuple[str, str]],
    closed: Container[str],
    ledger: Ledger,
) -> Iterator[Fault]:
    """Yield differences of the ledger from the parts of the closed runs."""
    known = set()
    for identity, revision, run, content_hash in ledger.published_revisions(outlet):
        if run not in closed:
            continue
        known.add((identity, revision))
        part = published.get((identity, revision))
        where = f"{outlet}/run={run}"
        if part is None:
            yield Fault(where, f"revision {revision} of article {identity} is only in the ledger")
        elif part != (run, content_hash):
            yield Fault(where, f"revision {revision} of article {identity} differs in the ledger")
    for identity, revision in sorted(published.keys() - known):
        run = published[identity, revision][0]
        yield Fault(
            f"{outlet}/run={run}",
            f"revision {revision} of article {identity} is not in the ledger",
        )
