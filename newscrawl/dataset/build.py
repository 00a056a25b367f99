"""From parts to a dataset: what is new is added, and only the months that it touches are written.

The result depends on nothing but the closed runs: built at once or run after run, its files are
the same, byte for byte.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newscrawl.dataset.card import card
from newscrawl.dataset.generations import MANIFEST, Generations
from newscrawl.dataset.lines import Lines, Month, PartFile, index
from newscrawl.dataset.partition import LATEST, Contents, Gone, write_partition
from newscrawl.exceptions import DatasetError
from newscrawl.items import SCHEMA_VERSION
from newscrawl.storage.parts import sha256_of, write_document
from newscrawl.storage.runs import RUN_FILE, closed_runs, outlets

FORMAT = {"format": 1, "schema_version": SCHEMA_VERSION, "writer": f"pyarrow {pa.__version__}"}
"""What a build must have in common with the one before, or everything is written anew."""

_OURS = ("outlets", "partitions", "files")
_TMP = "rewritten"
# Months that are written at once: more would be faster, and take more than a gigabyte.
_AT_ONCE = 2


@dataclass(slots=True)
class Built:
    """What a build did: the months that it wrote and kept, by path, and what it came upon."""

    folder: Path | None = None
    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    runs: int = 0
    doubled: int = 0
    rebuilt: str = ""
    """Why everything was written anew, or empty."""


def build(output: Path, *, anew: bool = False) -> Built:
    """Bring the dataset of an output folder up to date; ``anew`` writes all of it.

    Raises DatasetError, one sentence, when there is nothing to build or a part is not readable;
    the dataset is then as it was.
    """
    generations = Generations(output)
    with generations.building() as folder:
        before = generations.manifest()
        built = Built(rebuilt=_must_rebuild(output, before, anew=anew))
        base = None if built.rebuilt else generations.current
        manifest: dict[str, Any] = {**FORMAT, **{name: {} for name in _OURS}}
        if base and before:
            # What other commands added stays, and says itself up to which runs it goes.
            manifest = {**before, **{name: dict(before[name]) for name in _OURS}}
        for outlet in outlets(output):
            _build_outlet(output, outlet, base, folder, manifest, built)
        if not manifest["outlets"]:
            raise DatasetError(f"There is no closed run in {output}: nothing to build.")
        if not built.runs:
            built.folder = generations.current
            return built
        for name in _OURS:
            manifest[name] = dict(sorted(manifest[name].items()))
        if base:
            generations.keep(manifest["files"])
            built.kept = sorted(set(manifest["partitions"]) - set(built.written))
        (folder / "README.md").write_text(card(manifest), "utf-8")
        write_document(folder / MANIFEST, manifest)
        built.folder = generations.publish()
    return built


def _must_rebuild(output: Path, before: Mapping[str, Any] | None, *, anew: bool) -> str:
    """Return why nothing of the latest build can be kept, or an empty string."""
    if before is None:
        return "it is the first build"
    if anew:
        return "it was asked for"
    if any(before.get(name) != value for name, value in FORMAT.items()):
        return "the dataset's format is another now"
    for outlet, told in before["outlets"].items():
        path = output / outlet / f"run={told['through']}" / RUN_FILE
        if not path.exists() or sha256_of(path) != told["run_sha256"]:
            return f"run {told['through']} of {outlet} is not what it was"
    return ""


def _build_outlet(
    output: Path,
    outlet: str,
    base: Path | None,
    folder: Path,
    manifest: dict[str, Any],
    built: Built,
) -> None:
    """Write the months of an outlet that its new runs touch, and enter them in the manifest."""
    through = manifest["outlets"].get(outlet, {}).get("through", "")
    runs = list(closed_runs(output, outlet, after=through))
    if not runs:
        return
    temporary = folder / _TMP
    temporary.mkdir()
    revisions = base / "revisions" / f"outlet={outlet}" if base else None
    parts = _parts(output, outlet, runs)
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
        told = by_month.get(month, {})
        contents = write_partition(outlet, month, old, lines, told, folders)
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
    path = output / outlet / f"run={last}" / RUN_FILE
    manifest["outlets"][outlet] = {"through": last, "run_sha256": sha256_of(path)}
    built.runs += len(runs)


def _parts(output: Path, outlet: str, runs: Iterable[Mapping[str, Any]]) -> Iterator[PartFile]:
    for run in runs:
        for part in run["parts"]:
            path = output / outlet / f"run={run['run']}" / part["name"]
            yield PartFile(path, run["run"], part["records"])


def _gone(runs: Iterable[Mapping[str, Any]]) -> dict[str, Gone]:
    """Return of which articles runs tell that they are gone, or (None) back, and which run."""
    return {
        it["id"]: (run["run"], it["date"] if it["gone"] else None)
        for run in runs
        for it in run.get("withdrawn", ())
    }


def _by_month(
    gone: Mapping[str, Gone], lines: Lines, revisions: Path | None
) -> dict[Month, dict[str, Gone]]:
    """Return what is told of gone articles, by their month; of unknown ones nothing is."""
    homes = _months_of(revisions, {it for it in gone if it not in lines.homes})
    found: dict[Month, dict[str, Gone]] = {}
    for identity, told in gone.items():
        if month := lines.homes.get(identity) or homes.get(identity):
            found.setdefault(month, {})[identity] = told
    return found


def _months_of(revisions: Path | None, ids: set[str]) -> dict[str, Month]:
    """Return in which months of the dataset articles are."""
    found: dict[str, Month] = {}
    if revisions is None or not ids:
        return found
    wanted = pa.array(sorted(ids))
    # The latest months first: what is revised is new, as a rule.
    for path in sorted(revisions.glob(f"month=*/{LATEST}"), reverse=True):
        column = pq.ParquetFile(path).read(columns=["id"])["id"]
        month = path.parent.name.partition("=")[2]
        here = column.filter(pc.is_in(column, wanted)).to_pylist()
        found |= dict.fromkeys(here, month)
        if len(found) == len(ids):
            break
    return found


def files_in(folder: Path, folders: Iterable[Path]) -> dict[str, Any]:
    """Return size and SHA-256 of the files of some folders, by their path in the dataset."""
    found: dict[str, Any] = {}
    hashes: dict[int, str] = {}
    for path in sorted(it for folder in folders for it in folder.iterdir()):
        told = path.stat()
        if told.st_ino not in hashes:
            hashes[told.st_ino] = sha256_of(path)
        found[path.relative_to(folder).as_posix()] = {
            "rows": pq.ParquetFile(path).metadata.num_rows,
            "bytes": told.st_size,
            "sha256": hashes[told.st_ino],
        }
    return found
