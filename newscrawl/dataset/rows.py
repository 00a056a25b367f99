"""Read the dataset back: its rows as the records that they were made of, and their keys.

Runs whose parts were pruned have their records nowhere else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import jsonlines
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newscrawl.dataset.columns import ADDED
from newscrawl.dataset.generations import Generations
from newscrawl.exceptions import PROGRAM, DatasetError, VersionError
from newscrawl.storage.document import RunDocument
from newscrawl.storage.kept import is_pruned, lacks_parts, no_parts, read_run_records
from newscrawl.storage.parts import read_part
from newscrawl.storage.runs import run_folder
from newscrawl.storage.versions import Record, upgraded

_KEY = ["id", "revision", "content_hash", "run"]
_ORDER = ("run", "revision", "id")
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_BATCH = 500
_RUNS = 200


def keys(build: Path, outlet: str) -> pa.Table:
    """Return ``id``, ``revision``, ``content_hash``, ``run`` and ``month`` of all revisions.

    They are read from the Parquet files of a build, not from its manifest. Raises OSError.
    """
    tables = [
        table.append_column("month", pa.array([_month(path)] * len(table), pa.string()))
        for path in _files(build, outlet)
        for table in [pq.ParquetFile(path).read(columns=_KEY)]
    ]
    names = (*_KEY, "month")
    types = pa.schema([(it, pa.int32() if it == "revision" else pa.string()) for it in names])
    return pa.concat_tables([types.empty_table(), *(it.cast(types) for it in tables)])


def records(
    build: Path, outlet: str, column: str, values: Sequence[str]
) -> Iterator[tuple[str, Record]]:
    """Yield the run and the record of each revision whose ``column`` has one of ``values``.

    They come month by month, in order of run, revision and id. Raises OSError.
    """
    wanted = pa.array(values, pa.string())
    for _, files in groupby(_files(build, outlet), key=_month):
        found = [table for path in files for table in _matching(path, column, wanted)]
        if found:
            table = pa.concat_tables(found).sort_by([(it, "ascending") for it in _ORDER])
            for batch in table.to_batches(_BATCH):
                for row in batch.to_pylist():
                    yield row["run"], _record(row)


def _matching(path: Path, column: str, wanted: pa.Array) -> Iterator[pa.Table]:
    """Yield the rows of a file whose ``column`` has a wanted value, a row group at a time."""
    file = pq.ParquetFile(path)
    for group in range(file.num_row_groups):
        here = file.read_row_group(group, columns=[column])[column]
        if len(places := pc.indices_nonzero(pc.is_in(here, wanted))):
            yield file.read_row_group(group).take(places)


def records_of_runs(
    output: Path, outlet: str, runs: Iterable[RunDocument]
) -> Iterator[tuple[RunDocument, Iterator[Record]]]:
    """Yield runs with their records: from their parts or, if these were pruned, from the dataset.

    Raises DatasetError for a part that cannot be read, and if the dataset lacks a record.
    """
    for pruned, group in groupby(
        runs, key=lambda it: is_pruned(run_folder(output, outlet, it["run"]))
    ):
        if not pruned:
            yield from ((it, _of_parts(output, outlet, it)) for it in group)
        # The rows of many runs are found at once.
        while batch := list(islice(group, _RUNS)):
            found = _of_pruned(output, outlet, batch)
            yield from ((it, iter(found[it["run"]])) for it in batch)


def _of_parts(output: Path, outlet: str, run: RunDocument) -> Iterator[Record]:
    folder = run_folder(output, outlet, run["run"])
    if lacks_parts(folder, run):
        raise DatasetError(no_parts(folder))
    for part in run["parts"]:
        path = folder / part["name"]
        try:
            yield from read_part(path)
        except (OSError, jsonlines.InvalidLineError, VersionError) as error:
            raise DatasetError(
                f"{path} cannot be read: {error}. See {PROGRAM} dataset verify."
            ) from error


def _of_pruned(
    output: Path, outlet: str, runs: Sequence[RunDocument]
) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = {it["run"]: [] for it in runs}
    build = Generations(output).current
    for name, record in records(build, outlet, "run", list(found)) if build else ():
        found[name].append(upgraded(record))
    for run in runs:
        those = found[run["run"]]
        check_count(outlet, run, len(those))
        kept = read_run_records(run_folder(output, outlet, run["run"]))
        order = {(it["id"], it["revision"]): place for place, it in enumerate(kept)}
        those.sort(key=lambda it: order.get((it["id"], it["revision"]), 0))
    return found


def check_count(outlet: str, run: RunDocument, count: int) -> None:
    """Raise DatasetError if the dataset has only ``count`` of the records of a pruned run."""
    if count < (expected := sum(it["records"] for it in run["parts"])):
        raise DatasetError(
            f"Run {run['run']} of {outlet} is pruned, and the dataset has {count} of its {expected}"
            f" records. Bring the run back: {PROGRAM} restore --pruned"
        )


def _files(build: Path, outlet: str) -> list[Path]:
    return sorted(build.glob(f"revisions/outlet={outlet}/month=*/*.parquet"))


def _month(path: Path) -> str:
    return path.parent.name.partition("=")[2]


def _record(row: dict[str, Any]) -> Record:
    return {
        name: value.strftime(_FORM) if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in ADDED
    }
