"""Export a view of the dataset as one CSV file."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from newscrawl.dataset.generations import Generations
from newscrawl.storage.parts import writing

_QUOTED = pc.WriteOptions(quoting_style="all_valid")


def write_csv(output: Path, view: str, to: Path) -> int:
    """Write a view of the latest build to ``to``, whole or not at all; return its rows.

    Text is in quotation marks and null is an empty cell; lists are JSON; times are UTC, ISO 8601,
    with ``Z``. Raises DatasetError when there is no dataset, and OSError.
    """
    folder = Generations(output).existing()
    rows = 0
    with writing(to) as stream:
        writer = None
        for path in sorted(folder.glob(f"{view}/*/*/*.parquet")):
            for batch in pq.ParquetFile(path).iter_batches(batch_size=500):
                table = _flat(pa.Table.from_batches([batch]))
                writer = writer or pc.CSVWriter(stream, table.schema, write_options=_QUOTED)
                writer.write_table(table)
                rows += table.num_rows
        if writer:
            writer.close()
    return rows


def _flat(table: pa.Table) -> pa.Table:
    """Return a table of which every column is text or a number."""
    for place, field in enumerate(table.schema):
        column = table.column(place)
        if pa.types.is_list(field.type):
            values = [json.dumps(it, ensure_ascii=False) for it in column.to_pylist()]
            column = pa.array(values, pa.string())
        elif pa.types.is_timestamp(field.type):
            times = column.to_pylist()
            values = [it and it.strftime("%Y-%m-%dT%H:%M:%SZ") for it in times]
            column = pa.array(values, pa.string())
        elif pa.types.is_dictionary(field.type):
            column = column.cast(pa.string())
        table = table.set_column(place, field.name, column)
    return table
