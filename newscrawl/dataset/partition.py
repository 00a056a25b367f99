"""One partition: an outlet's articles of one month, as sorted Parquet files."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from newscrawl.dataset.columns import NAME, TIME, dataset_schema, record_schema
from newscrawl.dataset.lines import Lines, Month, MonthLines
from newscrawl.exceptions import PROGRAM, DatasetError
from newscrawl.storage.latest import Version, latest_of
from newscrawl.storage.versions import Record

ARTICLES = "articles.parquet"
LATEST = "latest.parquet"
EARLIER = "earlier.parquet"

Gone = tuple[str, str | None]
"""The run that found an article removed, and the time; None if the run found it back."""

# A row group ends after so many rows, or so many bytes of text.
_ROWS = 10_000
_BYTES = 64 << 20
# A third less work than Zstandard's default, 3, for 3 % more bytes (measured on generated news).
_LEVEL = 2
_ORDER = [(name, "ascending") for name in ("date_published", "id", "revision")]
# A dictionary pays where values repeat.
_REPEATING = [
    *("outlet", "section", "kind", "language", "source", "run", "schema_version"),
    *("authors.list.element.name", "authors.list.element.url"),
    *("sections.list.element", "tags.list.element"),
]
_TIMES = ("date_modified", "date_fetched")
_FORM = "%Y-%m-%dT%H:%M:%SZ"
_NO_STATISTICS = ("body", "description", "url", "source_url", "content_hash")

_SCHEMA = dataset_schema()
_STRICT = pj.ParseOptions(explicit_schema=record_schema(), unexpected_field_behavior="error")
# Bytes of rows that are sorted at once.
_BATCH = 24 << 20


@dataclass(slots=True)
class Contents:
    """Counts of a partition, for the manifest and the card."""

    articles: int = 0
    earlier: int = 0
    doubled: int = 0
    gone: int = 0
    first: str | None = None
    last: str | None = None
    sources: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)

    def count(self, latest: pa.Table) -> None:
        """Count rows of the latest revisions, which come in order."""
        if not latest.num_rows:
            return
        self.articles += latest.num_rows
        self.gone += latest.num_rows - latest["date_gone"].null_count
        times = latest["date_published"]
        self.first = self.first or _text(times[0])
        self.last = _text(times[-1])
        for name, counter in (("source", self.sources), ("kind", self.kinds)):
            for it in latest[name].value_counts().to_pylist():
                counter[it["values"]] += it["counts"]

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as the manifest stores them."""
        return {
            "articles": self.articles,
            "revisions": self.articles + self.earlier,
            "gone": self.gone,
            "first": self.first,
            "last": self.last,
            "sources": dict(sorted(self.sources.items())),
            "kinds": dict(sorted(self.kinds.items())),
        }


def _text(time: pa.Scalar) -> str:
    return str(time.as_py().strftime(_FORM))


class _Sink:
    """A Parquet file whose row groups depend on its rows only."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._waiting: list[pa.Table] = []
        self._writer = pq.ParquetWriter(
            path,
            _SCHEMA,
            compression="zstd",
            compression_level=_LEVEL,
            use_dictionary=_REPEATING,
            write_statistics=[it for it in _SCHEMA.names if it not in _NO_STATISTICS],
        )

    def put(self, table: pa.Table) -> None:
        """Add rows; whole row groups are written."""
        self._waiting.append(table)
        if sum(it.num_rows for it in self._waiting) >= _ROWS or self._size() >= _BYTES:
            self._write(last=False)

    def _size(self) -> int:
        return sum(it["body"].nbytes for it in self._waiting)

    def _write(self, *, last: bool) -> None:
        table = pa.concat_tables(self._waiting)
        start = 0
        for end in _group_ends(table["body"]):
            self._writer.write_table(table.slice(start, end - start).combine_chunks())
            start = end
        rest = table.slice(start)
        if last and rest.num_rows:
            self._writer.write_table(rest.combine_chunks())
            rest = rest.slice(0, 0)
        self.rows += table.num_rows - rest.num_rows
        self._waiting = [rest]

    def close(self) -> None:
        """Write the remaining rows; delete a file without rows."""
        if self._waiting:
            self._write(last=True)
        self._writer.close()
        if not self.rows:
            self.path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self._writer.close()


def _group_ends(bodies: pa.ChunkedArray) -> Iterator[int]:
    """Yield where whole row groups end."""
    rows = size = 0
    for place, length in enumerate(pc.binary_length(bodies).to_pylist(), 1):
        rows += 1
        size += length or 0
        if rows == _ROWS or size >= _BYTES:
            yield place
            rows = size = 0


class _Stream:
    """The rows of a Parquet file of the dataset, a day at a time."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        self._batches = self._file.iter_batches(batch_size=1000)
        self._rest: pa.Table | None = None
        metadata = self._file.metadata
        groups = (metadata.row_group(it) for it in range(metadata.num_row_groups))
        self.size: int = sum(it.total_byte_size for it in groups)

    def until(self, end: datetime | None) -> Iterator[pa.Table]:
        """Yield the next rows that were published before ``end``; None: all remaining rows."""
        while (table := self._rest or self._next()) is not None:
            self._rest = None
            if end is None:
                yield table
                continue
            before = pc.sum(pc.less(table["date_published"], pa.scalar(end, TIME))).as_py()
            if before:
                yield table.slice(0, before)
            if before < table.num_rows:
                self._rest = table.slice(before)
                return

    def _next(self) -> pa.Table | None:
        batch = next(self._batches, None)
        return None if batch is None else pa.Table.from_batches([batch], _SCHEMA)

    def close(self) -> None:
        self._file.close()


def write_partition(
    outlet: str,
    month: Month,
    old: Path | None,
    lines: Lines,
    gone: Mapping[str, Gone],
    folders: tuple[Path, Path],
) -> Contents:
    """Rewrite a month: its rows of the dataset so far, in ``old``, and the new lines.

    ``gone`` lists articles that runs found removed or back. ``folders`` are those of the month in
    ``articles`` and in ``revisions``. Raises DatasetError for a line that violates the schema.
    """
    contents = Contents()
    articles, revisions = folders
    for folder in folders:
        folder.mkdir(parents=True)
    files = [old / name for name in (LATEST, EARLIER)] if old else []
    streams = [_Stream(path) for path in files if path.exists()]
    new = lines.months.get(month, MonthLines())
    newest = _newest(files, new.newest, lines.versions(month))
    before = _gone(files[0]) if old else {}
    revised = pa.array(sorted(newest), pa.string())
    seen: set[tuple[str, int]] = set()
    with _Sink(articles / ARTICLES) as latest_rows, _Sink(revisions / EARLIER) as earlier_rows:
        for days in _batches(new, sum(it.size for it in streams)):
            end = _end_of(month, days[-1])
            tables = [table for stream in streams for table in stream.until(end)]
            if set(days) & set(new.ranges):
                tables.append(_read(outlet, month, lines, days))
            if not tables:
                continue
            table = pa.concat_tables(tables)
            latest, earlier = _split(table, newest, revised, seen)
            contents.doubled += table.num_rows - latest.num_rows - earlier.num_rows
            latest = _marked(latest, new, gone, before)
            contents.count(latest)
            contents.earlier += earlier.num_rows
            latest_rows.put(latest)
            earlier_rows.put(_with_gone(earlier, pa.nulls(earlier.num_rows, TIME)))
    for stream in streams:
        stream.close()
    (revisions / LATEST).hardlink_to(articles / ARTICLES)
    return contents


def _batches(new: MonthLines, old: int) -> Iterator[range]:
    """Yield ranges of days that are read together, small enough for memory.

    ``old`` are the bytes of the rows so far, assumed to be spread evenly.
    """
    first, size = 1, 0.0
    for day in range(1, 32):
        size += new.size(day) + old / 31
        if size >= _BATCH or day == 31:
            yield range(first, day + 1)
            first, size = day + 1, 0.0


def _gone(latest: Path) -> dict[str, datetime]:
    """Return the removed articles of a file, and when each was found to be removed."""
    table = pq.ParquetFile(latest).read(columns=["id", "date_gone"])
    table = table.filter(pc.is_valid(table["date_gone"]))
    return dict(zip(table["id"].to_pylist(), table["date_gone"].to_pylist(), strict=True))


def _newest(
    old: Sequence[Path], new: Mapping[str, int], archived: Mapping[str, list[Record]]
) -> dict[str, int]:
    """Return the revision that readers get of each article that has several.

    ``old`` are the files of the latest and the earlier revisions so far, or none; ``new`` holds the
    highest new revision of each article, ``archived`` all new records of those of which archives
    gave some.
    """
    found: dict[str, int] = {}
    times: dict[str, Version] = {}
    if old:
        latest, earlier = old
        table = pq.ParquetFile(latest).read(columns=["id", "revision", *_TIMES])
        several = pc.greater(table["revision"], 1)
        if earlier.exists():
            ids = pq.ParquetFile(earlier).read(columns=["id"])["id"]
            several = pc.or_(several, pc.is_in(table["id"], ids.combine_chunks()))
        several = pc.or_(several, pc.is_in(table["id"], pa.array(list(archived), pa.string())))
        for row in table.filter(several).to_pylist():
            found[row["id"]] = row["revision"]
            modified, fetched = (it and it.strftime(_FORM) for it in map(row.get, _TIMES))
            times[row["id"]] = Version(row["revision"], modified, fetched)
    for identity, revision in new.items():
        if identity not in archived:
            found[identity] = max(revision, found.get(identity, 0))
    for identity, records in archived.items():
        found[identity] = latest_of(records, times.get(identity)).revision
    return found


def _end_of(month: Month, day: int) -> datetime | None:
    """Return the end of a day of a month; None for the 31st, which takes all remaining rows.

    >>> _end_of("2026-02", 28) == _end_of("2026-02", 30), _end_of("2026-02", 31)
    (True, None)
    """
    if day == 31:
        return None
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    following = (first + timedelta(days=31)).replace(day=1)
    return min(first + timedelta(days=day), following)


def _read(outlet: str, month: Month, lines: Lines, days: range) -> pa.Table:
    data, runs = lines.read(month, days)
    options = pj.ReadOptions(use_threads=False, block_size=len(data) + 1)
    try:
        table = pj.read_json(pa.BufferReader(data), read_options=options, parse_options=_STRICT)
    except pa.ArrowInvalid as error:
        raise DatasetError(
            f"A line of {outlet} in {month} violates the schema ({error})."
            f" See {PROGRAM} dataset verify."
        ) from error
    name = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(table)), [outlet])
    table = table.set_column(0, pa.field("outlet", NAME), name)
    table = table.append_column("run", pa.array(runs, pa.string()))
    return table.append_column("date_gone", pa.nulls(len(table), TIME)).select(_SCHEMA.names)


def _split(
    table: pa.Table, newest: Mapping[str, int], revised: pa.Array, seen: set[tuple[str, int]]
) -> tuple[pa.Table, pa.Table]:
    """Return the rows that are their article's latest revision, and the others, in order.

    ``revised`` are the articles in ``newest``. Rows whose key was ``seen`` are left out:
    the first one stays.
    """
    order = pc.sort_indices(table, sort_keys=_ORDER)
    ids, revisions = (table[it].combine_chunks().take(order) for it in ("id", "revision"))
    latest = bytearray(b"\1") * len(order)
    for place in pc.indices_nonzero(pc.is_in(ids, revised)).to_pylist():
        latest[place] = newest[ids[place].as_py()] == revisions[place].as_py()
    is_latest = pc.cast(pa.array(latest, pa.uint8()), pa.bool_())
    chosen = [is_latest, pc.invert(is_latest)]
    keys = list(zip(ids.to_pylist(), revisions.to_pylist(), strict=True))
    fresh = set(keys)
    if len(fresh) < len(keys) or not seen.isdisjoint(fresh):
        once = pa.array([_is_new(key, seen) for key in keys])
        chosen = [pc.and_(it, once) for it in chosen]
    seen |= fresh
    latest_rows, earlier_rows = (table.take(order.filter(it)) for it in chosen)
    return latest_rows, earlier_rows


def _is_new(key: tuple[str, int], seen: set[tuple[str, int]]) -> bool:
    """Return whether a key is new, and add it to ``seen``."""
    count = len(seen)
    seen.add(key)
    return len(seen) > count


def _marked(
    table: pa.Table, new: MonthLines, gone: Mapping[str, Gone], before: Mapping[str, datetime]
) -> pa.Table:
    """Return rows with ``date_gone``. The last event of an article counts."""
    if not gone and not before:
        return table
    times = []
    for identity in table["id"].to_pylist():
        time = before.get(identity)
        live = new.live.get(identity, "")
        if identity in gone:
            run, date = gone[identity]
            time = datetime.fromisoformat(date) if date and run >= live else None
        elif live:
            time = None
        times.append(time)
    return _with_gone(table, pa.array(times, TIME))


def _with_gone(table: pa.Table, times: pa.Array) -> pa.Table:
    place = _SCHEMA.get_field_index("date_gone")
    return table.set_column(place, _SCHEMA.field(place), times)
