"""One partition: an outlet's articles of one month, as sorted Parquet files."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.parquet as pq

from newscrawl.dataset.columns import NAME, TIME, dataset_schema, record_schema
from newscrawl.dataset.shuffle import Month, Shuffled
from newscrawl.exceptions import DatasetError

ARTICLES = "articles.parquet"
LATEST = "latest.parquet"
EARLIER = "earlier.parquet"

Gone = tuple[str, str | None]
"""The run that found an article gone, and when; None: the run that found it back."""

# A row group ends after so many rows, or so many bytes of text.
_ROWS = 10_000
_BYTES = 64 << 20
# Zstandard's own default.
_LEVEL = 3
_ORDER = [(name, "ascending") for name in ("date_published", "id", "revision")]
# A dictionary pays where values repeat.
_REPEATING = [
    *("outlet", "section", "kind", "language", "source", "run", "schema_version"),
    *("authors.list.element.name", "authors.list.element.url"),
    *("sections.list.element", "tags.list.element"),
]
_NO_STATISTICS = ("body", "description", "url", "source_url", "content_hash")

_LINES = pa.schema([*record_schema(), pa.field("run", pa.string())])
_SCHEMA = dataset_schema()
_STRICT = pj.ParseOptions(explicit_schema=_LINES, unexpected_field_behavior="error")
_BLOCK = 8 << 20


@dataclass(slots=True)
class Contents:
    """What a partition holds, for the manifest and the card."""

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
        """Return it as the manifest holds it."""
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
    return str(time.as_py().strftime("%Y-%m-%dT%H:%M:%SZ"))


class _Sink:
    """A Parquet file whose row groups depend on nothing but the rows that come in."""

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
        """Write what is left; a file without rows goes again."""
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
    """The rows of a Parquet file of ours, a day at a time."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        self._batches = self._file.iter_batches(batch_size=1000)
        self._rest: pa.Table | None = None

    def until(self, end: datetime | None) -> Iterator[pa.Table]:
        """Yield the rows that come next and were published before ``end``; None: all."""
        while (table := self._rest or self._next()) is not None:
            self._rest = None
            if end is None:
                yield table
                continue
            early = pc.sum(pc.less(table["date_published"], pa.scalar(end, TIME))).as_py()
            if early:
                yield table.slice(0, early)
            if early < table.num_rows:
                self._rest = table.slice(early)
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
    new: Shuffled,
    told: Mapping[str, Gone],
    folders: tuple[Path, Path],
) -> Contents:
    """Write a month anew: its rows of the dataset so far, in ``old``, and the new lines.

    ``told`` says what runs found of articles that went or came back. ``folders`` are those of
    the month in ``articles`` and in ``revisions``.
    """
    contents = Contents()
    articles, revisions = folders
    for folder in folders:
        folder.mkdir(parents=True)
    files = [old / name for name in (LATEST, EARLIER)] if old else []
    streams = [_Stream(path) for path in files if path.exists()]
    newest = _newest(files[0], new) if old else new.newest
    before = _gone(files[0]) if old else {}
    days = new.days(month)
    with _Sink(articles / ARTICLES) as latest_rows, _Sink(revisions / EARLIER) as earlier_rows:
        for day in range(1, 32):
            tables = [_read(outlet, month, days[day], new.longest)] if day in days else []
            end = _end_of(month, day)
            for stream in streams:
                tables += stream.until(end)
            if not tables:
                continue
            table, doubled = _sorted(pa.concat_tables(tables))
            contents.doubled += doubled
            latest, earlier = _split(table, newest)
            latest = _marked(latest, new, told, before)
            contents.count(latest)
            contents.earlier += earlier.num_rows
            latest_rows.put(latest)
            earlier_rows.put(earlier)
    for stream in streams:
        stream.close()
    (revisions / LATEST).hardlink_to(articles / ARTICLES)
    return contents


def _gone(latest: Path) -> dict[str, datetime]:
    """Return which articles of a file are gone, and when that was found."""
    table = pq.ParquetFile(latest).read(columns=["id", "date_gone"])
    table = table.filter(pc.is_valid(table["date_gone"]))
    return dict(zip(table["id"].to_pylist(), table["date_gone"].to_pylist(), strict=True))


def _newest(latest: Path, new: Shuffled) -> dict[str, int]:
    """Return the highest revision, old or new, of each article that has one above 1."""
    table = pq.ParquetFile(latest).read(columns=["id", "revision"])
    table = table.filter(pc.greater(table["revision"], 1))
    found = dict(zip(table["id"].to_pylist(), table["revision"].to_pylist(), strict=True))
    for identity, revision in new.newest.items():
        found[identity] = max(revision, found.get(identity, 0))
    return found


def _end_of(month: Month, day: int) -> datetime | None:
    """Return the end of a day of a month; None for the 31st, which takes all that is left.

    >>> _end_of("2026-02", 28) == _end_of("2026-02", 30), _end_of("2026-02", 31)
    (True, None)
    """
    if day == 31:
        return None
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    following = (first + timedelta(days=31)).replace(day=1)
    return min(first + timedelta(days=day), following)


def _read(outlet: str, month: Month, path: Path, longest: int) -> pa.Table:
    options = pj.ReadOptions(use_threads=False, block_size=max(_BLOCK, longest + 1))
    try:
        table = pj.read_json(path, read_options=options, parse_options=_STRICT).select(_LINES.names)
    except pa.ArrowInvalid as error:
        raise DatasetError(
            f"A line of {outlet} in {month} breaks the schema ({error}): see scrapy dataset verify."
        ) from error
    name = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(table)), [outlet])
    table = table.set_column(0, pa.field("outlet", NAME), name)
    return table.append_column("date_gone", pa.nulls(len(table), TIME)).cast(_SCHEMA)


def _sorted(table: pa.Table) -> tuple[pa.Table, int]:
    """Return the rows in order, each once, and how many were there twice."""
    keys = table.select([name for name, _ in _ORDER])
    order = pc.sort_indices(keys, sort_keys=_ORDER)
    keys = keys.take(order)
    same = pa.chunked_array([[False]])
    if len(table) > 1:
        pairs = (
            pc.equal(keys[name].slice(1), keys[name].slice(0, len(table) - 1))
            for name in ("id", "revision")
        )
        twice = pc.and_(*pairs)
        same = pa.chunked_array([[False], *twice.chunks])
    doubled = pc.sum(same).as_py()
    if doubled:
        order = order.filter(pc.invert(same))
    return table.take(order), doubled


def _split(table: pa.Table, newest: Mapping[str, int]) -> tuple[pa.Table, pa.Table]:
    """Return the rows that are their article's latest revision, and the others."""
    keys = zip(table["id"].to_pylist(), table["revision"].to_pylist(), strict=True)
    latest = pa.array([newest.get(identity, 0) <= revision for identity, revision in keys])
    return table.filter(latest), _cleared(table.filter(pc.invert(latest)))


def _cleared(table: pa.Table) -> pa.Table:
    """Return rows of which only the latest revision tells that the article is gone."""
    place = table.schema.get_field_index("date_gone")
    return table.set_column(place, _SCHEMA.field(place), pa.nulls(len(table), TIME))


def _marked(
    table: pa.Table, new: Shuffled, told: Mapping[str, Gone], before: Mapping[str, datetime]
) -> pa.Table:
    """Return rows that tell whether their article is gone: what happened last counts."""
    if not told and not before:
        return table
    times = []
    for identity in table["id"].to_pylist():
        time = before.get(identity)
        live = new.live.get(identity, "")
        if identity in told:
            run, date = told[identity]
            time = datetime.fromisoformat(date) if date and run >= live else None
        elif live:
            time = None
        times.append(time)
    place = table.schema.get_field_index("date_gone")
    return table.set_column(place, _SCHEMA.field(place), pa.array(times, TIME))
