"""Build the dataset from the parts: add new runs, and write only the months that they touch.

The result depends on the closed runs only. Built at once or run after run, its files are the same,
byte for byte.
"""

import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newscrawl.dataset.card import card
from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.dataset.lines import Lines, Month, PartFile, index
from newscrawl.dataset.partition import LATEST, Contents, Gone, write_partition
from newscrawl.dataset.rows import check_count, keys, records
from newscrawl.exceptions import PROGRAM, DamagedRunError, DatasetError
from newscrawl.items import SCHEMA_VERSION
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import is_pruned, lacks_parts, no_parts
from newscrawl.storage.parts import line_of, sha256_of, write_document
from newscrawl.storage.runs import RUN_FILE, closed_runs, outlets, run_folder, run_folders

FORMAT = {"format": 1, "schema_version": SCHEMA_VERSION, "writer": f"pyarrow {pa.__version__}"}
"""If the latest build differs in any of these, everything is built from scratch."""

LeftOut = Mapping[str, Collection[str]]

_OURS = ("outlets", "partitions", "files")
_READ: tuple[Literal["run", "parts", "withdrawn"], ...] = ("run", "parts", "withdrawn")
_TMP = "rewritten"
# Months written at the same time. More would be faster, and take more than a gigabyte.
_AT_ONCE = 2


@dataclass(slots=True)
class Built:
    """Result of a build: the months that it wrote and kept, by path, and counts of its input."""

    folder: Path | None = None
    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    runs: int = 0
    doubled: int = 0
    rebuilt: str = ""
    """Why everything was built from scratch, or empty."""
    damaged: list[str] = field(default_factory=list)
    """A sentence for each run that could not be read; a later build includes it."""


def save_memory() -> None:
    """Let this process return memory early: Arrow's own allocator keeps a quarter more of it."""
    pa.set_memory_pool(pa.system_memory_pool())


def build(
    output: Path,
    *,
    full: bool = False,
    allow_fewer: bool = False,
    left_out: LeftOut = MappingProxyType({}),
) -> Built:
    """Bring the dataset of an output folder up to date; ``full`` builds it from scratch.

    A build from scratch takes the records of pruned runs from the build before. ``left_out`` are
    names of runs, by outlet, that a later build includes once their records can be had. Raises
    DatasetError, one sentence, when there is nothing to build, when a part is not readable, or when
    revisions of the build before would be missing, unless ``allow_fewer``. The dataset then stays
    as it was.
    """
    generations = Generations(output)
    with generations.building() as folder:
        before = generations.manifest()
        built = Built(rebuilt=_must_rebuild(output, before, left_out, full=full))
        base = None if built.rebuilt else generations.current
        manifest: dict[str, Any] = {**FORMAT, **{name: {} for name in _OURS}}
        if base and before:
            # Entries of other commands stay; they name the runs that they include.
            manifest = {**before, **{name: dict(before[name]) for name in _OURS}}
        for outlet in outlets(output):
            source = _Source(
                output,
                outlet,
                generations.current,
                left_out.get(outlet, ()),
                allow_fewer=allow_fewer,
            )
            _build_outlet(source, base, folder, manifest, built)
        if not manifest["outlets"]:
            nothing = f"There is no closed run in {output}: nothing to build."
            raise DatasetError("\n".join([*built.damaged, nothing]))
        if not built.runs:
            built.folder = generations.current
            return built
        if generations.current and not base and not allow_fewer:
            _refuse_fewer(generations.current, folder, built.rebuilt)
        for name in _OURS:
            manifest[name] = dict(sorted(manifest[name].items()))
        if base:
            generations.keep(manifest["files"])
            built.kept = sorted(set(manifest["partitions"]) - set(built.written))
        (folder / "README.md").write_text(card(manifest), "utf-8")
        write_document(folder / MANIFEST, manifest)
        built.folder = generations.publish()
    return built


def _must_rebuild(
    output: Path, before: Mapping[str, Any] | None, left_out: LeftOut, *, full: bool
) -> str:
    """Return why the dataset has to be built from scratch, or an empty string."""
    if before is None:
        return "it is the first build"
    if full:
        return "--full"
    if any(before.get(name) != value for name, value in FORMAT.items()):
        return "the dataset's format has changed"
    for outlet, entry in before["outlets"].items():
        path = run_folder(output, outlet, entry["through"]) / RUN_FILE
        if not path.exists() or sha256_of(path) != entry["run_sha256"]:
            return f"run {entry['through']} of {outlet} has changed"
        if _has_more_runs(output, outlet, entry, left_out.get(outlet, ())):
            return f"runs of {outlet} before {entry['through']} were added"
    return ""


def _has_more_runs(
    output: Path, outlet: str, entry: Mapping[str, Any], left_out: Collection[str]
) -> bool:
    """Return whether runs were added before the last one that the dataset includes."""
    known: int | None = entry.get("runs")
    if known is None or _count(output, outlet, entry["through"]) <= known:
        return False
    # A damaged run.json is a run that the dataset does not include.
    readable = closed_runs(output, outlet, damaged=lambda _: None)
    through: str = entry["through"]
    return sum(it["run"] <= through and it["run"] not in left_out for it in readable) > known


def _count(output: Path, outlet: str, through: str) -> int:
    """Return the number of closed runs up to one."""
    until = f"run={through}"
    folders = (it for it in run_folders(output, outlet) if it.name <= until)
    return sum((it / RUN_FILE).exists() for it in folders)


def _refuse_fewer(before: Path, after: Path, why: str) -> None:
    """Raise DatasetError if a build from scratch lacks revisions of the build before it."""
    missing = Counter[tuple[str, str]]()
    for outlet in (it.name.partition("=")[2] for it in before.glob("revisions/outlet=*")):
        rows = keys(before, outlet)
        is_there = pc.is_in(_joined(rows), value_set=_joined(keys(after, outlet)))
        lost = rows["month"].filter(pc.invert(is_there))
        missing.update((outlet, month) for month in lost.to_pylist())
    if missing:
        raise DatasetError(
            f"A build from scratch ({why}) would lose {sum(missing.values()):,} revisions that the"
            f" dataset has: {_by_outlet(missing)}. No run in the output folder has them. The"
            f" dataset is unchanged. Bring the runs back ({PROGRAM} restore), or build with"
            " --allow-fewer."
        )


def _joined(rows: pa.Table) -> pa.ChunkedArray:
    """Return id and revision of rows as one text each."""
    return pc.binary_join_element_wise(rows["id"], pc.cast(rows["revision"], pa.string()), "/")


def _by_outlet(counts: Mapping[tuple[str, str], int]) -> str:
    """Return counts by outlet and month for a message.

    >>> _by_outlet({("hill", "2026-11"): 2, ("hill", "2026-10"): 1000})
    'hill 2026-10 1,000, 2026-11 2'
    """
    months: dict[str, list[str]] = {}
    for (outlet, month), count in sorted(counts.items()):
        months.setdefault(outlet, []).append(f"{month} {count:,}")
    return "; ".join(f"{outlet} {', '.join(it)}" for outlet, it in months.items())


def _build_outlet(
    source: "_Source",
    base: Path | None,
    folder: Path,
    manifest: dict[str, Any],
    built: Built,
) -> None:
    """Write the months of an outlet that its new runs touch, and enter them in the manifest."""
    outlet = source.outlet
    before = manifest["outlets"].get(outlet, {})
    through = before.get("through", "")

    def note(error: DamagedRunError) -> None:
        built.damaged.append(str(error))

    closed = closed_runs(source.output, outlet, after=through, damaged=note)
    runs = [_needed(it) for it in closed if it["run"] not in source.left_out]
    if not runs:
        return
    temporary = folder / _TMP
    temporary.mkdir()
    revisions = base / "revisions" / f"outlet={outlet}" if base else None
    parts = source.parts(runs, temporary)
    find = partial(_months_of, revisions) if revisions and revisions.exists() else None
    lines = index(outlet, parts, temporary, find)
    by_month = _by_month(_gone(runs), lines, revisions)
    months = sorted(set(lines.months) | set(by_month))
    lines.homes.clear()  # the largest thing in memory

    def write(month: Month) -> tuple[str, Contents, dict[str, Any]]:
        name = f"outlet={outlet}/month={month}"
        folders = (folder / "articles" / name, folder / "revisions" / name)
        old = base / "revisions" / name if base else None
        if old and not old.exists():
            old = None
        gone = by_month.get(month, {})
        contents = write_partition(outlet, month, old, lines, gone, folders)
        return name, contents, files_in(folder, folders)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for name, contents, files in pool.map(write, months):
            manifest["partitions"][name] = contents.as_dict()
            manifest["files"] = {
                path: it for path, it in manifest["files"].items() if f"/{name}/" not in path
            } | files
            built.written.append(name)
            built.doubled += contents.doubled
    shutil.rmtree(temporary)
    last = runs[-1]["run"]
    path = source.folder(last) / RUN_FILE
    count = _count(source.output, outlet, through)
    manifest["outlets"][outlet] = {
        "through": last,
        "run_sha256": sha256_of(path),
        "runs": min(before.get("runs", count), count) + len(runs),
    }
    built.runs += len(runs)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where the records of an outlet come from: the parts of its runs, or the dataset so far."""

    output: Path
    outlet: str
    dataset: Path | None
    left_out: Collection[str]
    allow_fewer: bool

    def folder(self, run: str) -> Path:
        """Return the folder of a run."""
        return run_folder(self.output, self.outlet, run)

    def parts(self, runs: Sequence[RunDocument], temporary: Path) -> Iterator[PartFile]:
        """Yield the parts of runs, in order.

        Records of pruned runs are written into ``temporary``. Raises DatasetError if the dataset
        does not have them.
        """
        pruned = [it["run"] for it in runs if is_pruned(self.folder(it["run"]))]
        counts = self._unpack(pruned, temporary)
        for run in runs:
            name = run["run"]
            if name not in pruned:
                if lacks_parts(self.folder(name), run):
                    raise DatasetError(no_parts(self.folder(name)))
                for part in run["parts"]:
                    yield PartFile(self.folder(name) / part["name"], name, part["records"])
                continue
            if not self.allow_fewer:
                check_count(self.outlet, run, counts[name])
            if count := counts[name]:
                yield PartFile(temporary / f"{name}.jsonl", name, count)

    def _unpack(self, runs: Sequence[str], temporary: Path) -> Counter[str]:
        """Write the records of pruned runs into a file each; return their numbers.

        The revisions of an article in a run come in order: all are in one month.
        """
        counts = Counter[str]()
        if self.dataset is None or not runs:
            return counts
        found = records(self.dataset, self.outlet, "run", runs)
        for run, those in groupby(found, key=itemgetter(0)):
            with (temporary / f"{run}.jsonl").open("ab") as stream:
                for _, record in those:
                    stream.write(line_of(record))
                    counts[run] += 1
        return counts


def _needed(run: RunDocument) -> RunDocument:
    """Return what a build reads of a run: the whole documents of a year take 130 MB."""
    return cast("RunDocument", {it: run[it] for it in _READ if it in run})


def _gone(runs: Iterable[RunDocument]) -> dict[str, Gone]:
    """Return the articles that runs found removed, or back (None), each with the last such run."""
    return {
        it["id"]: (run["run"], it["date"] if it["gone"] else None)
        for run in runs
        for it in run.get("withdrawn", ())
    }


def _by_month(
    gone: Mapping[str, Gone], lines: Lines, revisions: Path | None
) -> dict[Month, dict[str, Gone]]:
    """Return removed articles by their month; unknown ones are left out."""
    homes = _months_of(revisions, {it for it in gone if it not in lines.homes})
    by_month: dict[Month, dict[str, Gone]] = {}
    for identity, entry in gone.items():
        if month := lines.homes.get(identity) or homes.get(identity):
            by_month.setdefault(month, {})[identity] = entry
    return by_month


def _months_of(revisions: Path | None, ids: set[str]) -> dict[str, Month]:
    """Return the months of articles that are in the dataset."""
    months: dict[str, Month] = {}
    if revisions is None or not ids:
        return months
    sought = pa.array(sorted(ids))
    # The latest months first: most revised articles are recent.
    for path in sorted(revisions.glob(f"month=*/{LATEST}"), reverse=True):
        column = pq.ParquetFile(path).read(columns=["id"])["id"]
        month = path.parent.name.partition("=")[2]
        here = column.filter(pc.is_in(column, sought)).to_pylist()
        months |= dict.fromkeys(here, month)
        if len(months) == len(ids):
            break
    return months


def files_in(folder: Path, folders: Iterable[Path]) -> dict[str, Any]:
    """Return size and SHA-256 of the files of some folders, by their path in the dataset."""
    entries: dict[str, Any] = {}
    hashes: dict[int, str] = {}
    for path in sorted(it for folder in folders for it in folder.iterdir()):
        stat = path.stat()
        if stat.st_ino not in hashes:
            hashes[stat.st_ino] = sha256_of(path)
        entries[path.relative_to(folder).as_posix()] = {
            "rows": pq.ParquetFile(path).metadata.num_rows,
            "bytes": stat.st_size,
            "sha256": hashes[stat.st_ino],
        }
    return entries
