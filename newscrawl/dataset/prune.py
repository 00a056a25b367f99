"""Remove the parts of old runs whose records are in the dataset, with proof for each record.

The rejected responses of these runs are removed with the parts. ``run.json`` stays, for checks and
statistics, and ``kept.jsonl`` beside it holds what a rebuild of the ledger needs. From then on the
records are in the dataset only, and in the remote storage.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonlines
import pyarrow as pa

from newscrawl.dataset.generations import Generations
from newscrawl.dataset.rows import keys
from newscrawl.exceptions import DatasetError, VersionError
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import is_pruned, keep_records
from newscrawl.storage.parts import part_files, read_part, sha256_of
from newscrawl.storage.rejected import REJECTED_FILE
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import closed_runs, run_folder, run_start

NOT_BUILT = "not in the dataset yet"
DIFFERENT = "its parts differ from run.json"
MISSING = "the dataset lacks records of it"
NOT_PUSHED = "not in the remote storage"


@dataclass(slots=True)
class Pruned:
    """Result of pruning an outlet: what was removed, and why runs of that age were not."""

    runs: int = 0
    records: int = 0
    bytes: int = 0
    left: dict[str, list[str]] = field(default_factory=dict)
    """Runs that still have their parts, by reason."""


def prune(
    output: Path,
    outlet: str,
    older_than: timedelta,
    is_pushed: Callable[[Path], bool] | None = None,
    *,
    is_dry: bool = False,
) -> Pruned:
    """Remove the parts of an outlet's runs that began ``older_than`` before its latest run.

    ``is_pushed`` says whether a run is in the remote storage; None asks for none. ``is_dry``
    removes nothing. Raises DatasetError without a dataset or with a damaged one, RunningError while
    a crawl is running, and OSError. A run is pruned as a whole, or the next call finishes it.
    """
    pruned = Pruned()
    generations = Generations(output)
    folder = RunFolder(output, outlet)
    try:
        with generations.building():
            proof = _Proof(generations, outlet)
            closed = list(closed_runs(output, outlet, damaged=lambda _: None))
            # A clock that is ahead makes no run old.
            now = min([datetime.now(UTC), *map(run_start, closed[-1:])])
            for run in closed[:-1]:
                path = run_folder(output, outlet, run["run"])
                files = [*part_files(path), *path.glob(REJECTED_FILE)]
                if not files or run_start(run) >= now - older_than:
                    continue
                reason = proof.fault(path, run)
                if not reason and is_pushed and not is_pushed(path):
                    reason = NOT_PUSHED
                if reason:
                    pruned.left.setdefault(reason, []).append(run["run"])
                    continue
                pruned.runs += 1
                pruned.records += sum(it["records"] for it in run["parts"])
                pruned.bytes += sum(it.stat().st_size for it in files)
                if not is_dry:
                    _remove(path, files)
    finally:
        folder.release()
    return pruned


def _remove(folder: Path, files: list[Path]) -> None:
    if not is_pruned(folder):
        keep_records(folder)
    for path in files:
        path.unlink()


class _Proof:
    """The keys of an outlet's revisions, read back from the Parquet files of the latest build."""

    def __init__(self, generations: Generations, outlet: str) -> None:
        build, manifest = generations.current, generations.manifest()
        if build is None or manifest is None:
            raise DatasetError(f"There is no dataset {generations.link}: nothing can be pruned.")
        self.outlet = outlet
        self.through: str = manifest["outlets"].get(outlet, {}).get("through", "")
        for name, entry in manifest["files"].items():
            if f"revisions/outlet={outlet}/" in name and sha256_of(build / name) != entry["sha256"]:
                raise DatasetError(
                    f"{build / name} is damaged: its SHA-256 differs from the manifest."
                    " Nothing was pruned."
                )
        self._keys = keys(build, outlet).sort_by([("run", "ascending")])
        self._places: dict[str, tuple[int, int]] = {}
        start = 0
        for it in self._keys["run"].value_counts().to_pylist():
            self._places[it["values"]] = (start, it["counts"])
            start += it["counts"]

    def _of(self, run: str) -> Mapping[tuple[str, int], str]:
        table: pa.Table = self._keys.slice(*self._places.get(run, (0, 0)))
        columns = (table[it].to_pylist() for it in ("id", "revision", "content_hash"))
        return {(identity, revision): it for identity, revision, it in zip(*columns, strict=True)}

    def fault(self, folder: Path, run: RunDocument) -> str:
        """Return why the parts of a run must stay, or an empty string."""
        if run["run"] > self.through:
            return NOT_BUILT
        held = self._of(run["run"])
        for entry in run["parts"]:
            path = folder / entry["name"]
            if not path.exists() and is_pruned(folder):
                continue
            try:
                if sha256_of(path) != entry["sha256"]:
                    return DIFFERENT
                for record in read_part(path):
                    key = (record["id"], record["revision"])
                    if record["outlet"] != self.outlet or held.get(key) != record["content_hash"]:
                        return MISSING
            except (OSError, KeyError, jsonlines.InvalidLineError, VersionError):
                return DIFFERENT
        return ""
