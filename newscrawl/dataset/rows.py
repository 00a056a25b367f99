"""Read the dataset back: its rows as the records that they were made of, and their keys.

Runs whose parts were pruned have their records nowhere else.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from newscrawl.dataset.columns import ADDED
from newscrawl.storage.versions import Record

KEPT_FILE = "kept.jsonl"
"""In the folder of a run whose parts were removed."""
_KEY = ["id", "revision", "content_hash", "run"]
_ORDER = ("run", "revision", "id")
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_BATCH = 500


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
