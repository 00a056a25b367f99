"""Index the lines of new parts by month and day of publication."""

import json
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newscrawl.exceptions import PROGRAM, DatasetError, VersionError
from newscrawl.items import SCHEMA_VERSION
from newscrawl.storage.parts import line_of
from newscrawl.storage.versions import Record, upgraded

# Start and end of our lines. Quotation marks within values are escaped, so no value matches.
_KEY = re.compile(rb'\{"outlet":"([^"\\]+)","id":"([^"\\]+)","revision":(\d+),')
_PUBLISHED = re.compile(rb'"date_published":"(\d{4}-\d\d)-(\d\d)')
_ARCHIVED = b',"source":"archive",'
_CURRENT = b'"schema_version":%d}\n' % SCHEMA_VERSION

Month = str
"""A month as in a path: ``2026-11``."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """A published part: its file, its run, and its number of records by ``run.json``."""

    path: Path
    run: str
    records: int


@dataclass(slots=True)
class MonthLines:
    """New lines of one month: their positions, and the revisions in their keys."""

    ranges: "dict[int, array[int]]" = field(default_factory=dict)
    """By day: part number, first byte, end and count of each range of consecutive lines."""
    newest: dict[str, int] = field(default_factory=dict)
    """The highest revision of each article that has a new one above 1."""
    live: dict[str, str] = field(default_factory=dict)
    """The last run that read a new revision above 1 of an article, not from an archive."""
    archived: set[str] = field(default_factory=set)
    """Articles with a new revision above 1 from an archive."""

    def add(self, day: int, part: int, start: int, end: int) -> None:
        """Add a line."""
        ranges = self.ranges.setdefault(day, array("Q"))
        if ranges and ranges[-4] == part and ranges[-2] == start:
            ranges[-2] = end
            ranges[-1] += 1
        else:
            ranges.extend((part, start, end, 1))

    def size(self, day: int) -> int:
        """Return the bytes of a day's lines."""
        ranges = self.ranges.get(day, ())
        return sum(ranges[2::4]) - sum(ranges[1::4])


@dataclass(slots=True)
class Lines:
    """New lines by month. Days outside the article's month count as its first or its last."""

    parts: list[tuple[Path, str]] = field(default_factory=list)
    """File and run of each part, by its number."""
    months: dict[Month, MonthLines] = field(default_factory=dict)
    homes: dict[str, Month] = field(default_factory=dict)
    """The month of each article that has a new line."""

    def read(self, month: Month, days: Iterable[int]) -> tuple[bytes, list[str]]:
        """Return the lines of some days of a month, and the run of each. Raises OSError."""
        pieces, runs = [], []
        for day in days:
            ranges = self.months[month].ranges.get(day, array("Q"))
            for place in range(0, len(ranges), 4):
                part, start, end, count = ranges[place : place + 4]
                path, run = self.parts[part]
                with path.open("rb") as stream:
                    stream.seek(start)
                    pieces.append(stream.read(end - start))
                runs += [run] * count
        return b"".join(pieces), runs

    def versions(self, month: Month) -> dict[str, list[Record]]:
        """Return the new records of a month's articles that archives revised. Raises OSError."""
        lines = self.months.get(month, MonthLines())
        found: dict[str, list[Record]] = {}
        for day in lines.ranges if lines.archived else ():
            for line in self.read(month, [day])[0].splitlines():
                key = _KEY.match(line)
                if key and key[2].decode() in lines.archived:
                    found.setdefault(key[2].decode(), []).append(json.loads(line))
        return found

    def _put(self, home: Month, line: "_Line") -> None:
        day = line.day if line.month == home else 1 if line.month < home else 31
        lines = self.months.setdefault(home, MonthLines())
        lines.add(day, line.part, line.start, line.end)
        if line.revision > 1:
            lines.newest[line.id] = max(line.revision, lines.newest.get(line.id, 0))
            if line.live:
                lines.live[line.id] = self.parts[line.part][1]
            else:
                lines.archived.add(line.id)


@dataclass(frozen=True, slots=True)
class _Line:
    id: str
    revision: int
    month: Month
    day: int
    part: int
    start: int
    end: int
    live: bool


def index(
    outlet: str,
    parts: Iterable[PartFile],
    folder: Path,
    find: Callable[[set[str]], Mapping[str, Month]] | None,
) -> Lines:
    """Return the index of all lines of ``parts``, the oldest part first.

    ``find`` returns the months of given articles that the dataset already has; None if the dataset
    is empty. Lines in another form than today's are rewritten into a file in ``folder``. Raises
    DatasetError for a line that is not a record and for an incomplete part.
    """
    lines = Lines()
    homeless: dict[str, list[_Line]] = {}
    with (folder / "rewritten.jsonl").open("wb") as rewritten:
        reader = _Reader(outlet, lines, rewritten)
        for part in parts:
            for line in reader.read(part):
                if find is None:
                    # The first line of an article is its oldest revision in the parts.
                    lines._put(lines.homes.setdefault(line.id, line.month), line)
                else:
                    homeless.setdefault(line.id, []).append(line)
    found = find(set(homeless)) if find else {}
    for identity, waiting in homeless.items():
        home = lines.homes[identity] = found.get(identity, waiting[0].month)
        for line in waiting:
            lines._put(home, line)
    return lines


class _Reader:
    """Reads the keys of lines; rewrites lines in another form."""

    def __init__(self, outlet: str, lines: Lines, rewritten: Any) -> None:
        self.outlet = outlet
        self.name = outlet.encode()
        self.parts = lines.parts
        self.rewritten = rewritten

    def read(self, part: PartFile) -> Iterator[_Line]:
        """Yield the lines of a part."""
        number = len(self.parts)
        self.parts.append((part.path, part.run))
        again: int | None = None
        count = start = 0
        try:
            with part.path.open("rb") as stream:
                for count, line in enumerate(stream, 1):
                    where, begin, end = number, start, start + len(line)
                    start = end
                    key, published = _KEY.match(line), _PUBLISHED.search(line)
                    if not (key and published and key[1] == self.name and line.endswith(_CURRENT)):
                        line = _rewritten(self.outlet, part.path, count, line)  # noqa: PLW2901
                        key, published = _KEY.match(line), _PUBLISHED.search(line)
                        if not (key and published):
                            raise _no_record(part.path, count, "its key is not readable")
                        if again is None:
                            again = len(self.parts)
                            self.parts.append((Path(self.rewritten.name), part.run))
                        begin = self.rewritten.tell()
                        where, end = again, begin + self.rewritten.write(line)
                    revision = int(key[3])
                    live = revision > 1 and _ARCHIVED not in line
                    month, day = published[1].decode(), int(published[2])
                    yield _Line(key[2].decode(), revision, month, day, where, begin, end, live)
        except OSError as error:
            raise DatasetError(f"{part.path} cannot be read: {error.strerror}.") from error
        if count != part.records:
            raise DatasetError(
                f"{part.path} has {count} lines and its run.json says {part.records}:"
                f" see {PROGRAM} dataset verify."
            )


def _rewritten(outlet: str, path: Path, number: int, line: bytes) -> bytes:
    """Return a line in today's form, from an older version or from another writer."""
    try:
        record: dict[str, Any] = json.loads(line)
        if "schema_version" not in record:
            raise _no_record(path, number, "it has no schema_version")
        record = upgraded(record)
        if record["outlet"] != outlet:
            raise _no_record(path, number, f"its outlet is {record['outlet']!r}")
    except VersionError as error:
        raise _no_record(path, number, str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_record(path, number, str(error)) from error
    first = {name: record.pop(name, None) for name in ("outlet", "id", "revision")}
    return line_of(first | record)


def _no_record(path: Path, number: int, why: str) -> DatasetError:
    return DatasetError(
        f"{path}, line {number}, is not a record: {why}. See {PROGRAM} dataset verify."
    )
