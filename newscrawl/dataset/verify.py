"""Whether the parts, and the dataset made of them, are what they say that they are."""

import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.exceptions import VersionError
from newscrawl.storage.books import balance
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import sha256_of
from newscrawl.storage.runs import RUN_FILE, outlets, run_folders
from newscrawl.storage.schema import violation
from newscrawl.storage.versions import raised


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong: where, as a path from the output folder and a line, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        """Return it as a line for people."""
        return f"{self.where}: {self.what}"


class Verifier:
    """Reads every part of every closed run of an output folder, once, and tells what is wrong.

    ``records`` and ``runs`` count what was read.
    """

    def __init__(self, output: Path) -> None:
        """Look at ``output``. Raises DatasetError when its dataset is none of ours."""
        self.output = output
        self.generations = Generations(output)
        self.manifest = self.generations.manifest()
        self.records = 0
        self.runs = 0

    def faults(self, ledger: Ledger | None) -> Iterator[Fault]:
        """Yield all that is wrong, outlet by outlet; without a ledger it is not compared.

        Raises LedgerError when the ledger cannot be read.
        """
        for outlet in outlets(self.output):
            published: dict[tuple[str, int], tuple[str, str]] = {}
            latest: dict[str, int] = {}
            folders = run_folders(self.output, outlet)
            closed = {it.name.partition("=")[2] for it in folders if (it / RUN_FILE).exists()}
            for folder in folders:
                yield from self._run(outlet, folder, published, latest)
            if ledger is not None:
                yield from _compared(outlet, published, closed, ledger)
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
            run = json.loads(path.read_bytes())
            parts = {it["name"]: it for it in run["parts"]}
            out_by = balance(run["books"])
        except FileNotFoundError:
            # It is on, or was killed and will be salvaged.
            return
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            yield Fault(self._name(path), f"is no run.json: {error!r}")
            return
        self.runs += 1
        if f"run={run.get('run')}" != folder.name or run.get("spider") != outlet:
            yield Fault(self._name(path), f"is of run {run.get('run')} of {run.get('spider')}")
        if out_by:
            yield Fault(self._name(path), f"its books are out of balance by {out_by}")
        on_disk = {it.name for it in folder.glob("part-*.jsonl*")}
        for name in sorted(on_disk - set(parts)):
            yield Fault(self._name(folder / name), "a part that run.json does not know")
        new: set[str] = set()
        ids: set[str] = set()
        is_whole = True
        for name, part in sorted(parts.items()):
            if name not in on_disk:
                yield Fault(self._name(folder / name), "a part of run.json is missing")
                is_whole = False
                continue
            reader = _PartReader(outlet, run["run"], published, latest)
            for what, number in reader.faults(folder / name, part):
                line = f":{number}" if number else ""
                yield Fault(f"{self._name(folder / name)}{line}", what)
            self.records += reader.records
            new |= reader.new
            ids |= reader.ids
        # Books count articles. An archive may give several versions of one.
        booked = (run["books"]["new"], run["books"]["revised"])
        if is_whole and (len(new), len(ids - new)) != booked:
            yield Fault(
                self._name(path),
                f"its books have {booked[0]} new and {booked[1]} revised articles,"
                f" its parts {len(new)} and {len(ids - new)}",
            )

    def _dataset_of(self, outlet: str, runs: list[str]) -> Iterator[Fault]:
        """Yield that the dataset has not the revisions of the parts, whose ``runs`` are given."""
        told = (self.manifest or {}).get("outlets", {}).get(outlet)
        if self.manifest is None or told is None:
            return
        through = told["through"]
        wanted = sum(run <= through for run in runs)
        partitions = self.manifest["partitions"].items()
        found = sum(it["revisions"] for name, it in partitions if f"outlet={outlet}/" in name)
        if found != wanted:
            yield Fault(
                f"dataset/{MANIFEST}",
                f"it has {found} revisions of {outlet}, the parts up to run {through} {wanted}",
            )

    def _dataset_files(self) -> Iterator[Fault]:
        """Yield what is wrong with the files of the dataset, if there is one."""
        folder = self.generations.current
        if self.manifest is None or folder is None:
            return
        files = self.manifest["files"]
        on_disk = {it.relative_to(folder).as_posix() for it in folder.rglob("*.parquet")}
        for name in sorted(on_disk - set(files)):
            yield Fault(f"dataset/{name}", f"a file that {MANIFEST} does not know")
        for name, told in files.items():
            if name not in on_disk:
                yield Fault(f"dataset/{name}", f"a file of {MANIFEST} is missing")
            elif sha256_of(folder / name) != told["sha256"]:
                yield Fault(f"dataset/{name}", f"its SHA-256 is not that of {MANIFEST}")


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
        """Yield what is wrong and in which line; 0: in the part as a whole."""
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
                f"{self.records} lines and {size} bytes, by run.json {part['records']} and"
                f" {part['bytes']}",
                0,
            )
        if digest.hexdigest() != part["sha256"]:
            yield "its SHA-256 is not that of run.json", 0

    def _line(self, line: bytes) -> Iterator[str]:
        try:
            record = json.loads(line)
            record = raised(record) if isinstance(record, dict) else {}
        except VersionError as error:
            yield str(error)
            return
        except ValueError as error:
            yield f"it is no JSON ({error})"
            return
        if broken := violation(record):
            yield f"it breaks the schema: {broken}"
            return
        if record["outlet"] != self.outlet:
            yield f"its outlet is {record['outlet']!r}"
        identity, revision = record["id"], record["revision"]
        self.ids.add(identity)
        if revision == 1:
            self.new.add(identity)
        if (identity, revision) in self.published:
            run = self.published[identity, revision][0]
            yield f"revision {revision} of article {identity} stands in run {run} already"
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
    """Yield where the ledger and the parts of the closed runs tell of different revisions."""
    known = set()
    for identity, revision, run, content_hash in ledger.published_revisions(outlet):
        if run not in closed:
            continue
        known.add((identity, revision))
        told = published.get((identity, revision))
        where = f"{outlet}/run={run}"
        if told is None:
            yield Fault(where, f"the ledger has revision {revision} of article {identity} here")
        elif told != (run, content_hash):
            yield Fault(where, f"the ledger's revision {revision} of {identity} is another")
    for identity, revision in sorted(published.keys() - known):
        run = published[identity, revision][0]
        yield Fault(
            f"{outlet}/run={run}",
            f"the ledger does not know revision {revision} of article {identity}",
        )
