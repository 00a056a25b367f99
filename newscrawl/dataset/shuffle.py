"""The lines of new parts, sorted into files by the month and day of publication."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newscrawl.exceptions import DatasetError
from newscrawl.items import SCHEMA_VERSION
from newscrawl.parts import line_of
from newscrawl.versions import VersionError, raised

# How our lines begin and end; a quotation mark within a value is escaped, so none can imitate it.
_KEY = re.compile(rb'\{"outlet":"([^"\\]+)","id":"([^"\\]+)","revision":(\d+),')
_PUBLISHED = re.compile(rb'"date_published":"(\d{4}-\d\d)-(\d\d)')
_ARCHIVED = b',"source":"archive",'
_TODAYS = b'"schema_version":%d}\n' % SCHEMA_VERSION
# Bytes of lines that wait in memory to be written to their files.
_WAITING = 64 << 20

Month = str
"""A month as a path has it: ``2026-11``."""


@dataclass(frozen=True, slots=True)
class PartFile:
    """A published part, and what its ``run.json`` says of it."""

    path: Path
    run: str
    records: int
    bytes: int


@dataclass(slots=True)
class Shuffled:
    """New lines by month and day, and what their keys tell of older ones.

    A day's file is ``<folder>/<month>/<day>.jsonl``, its lines of today's schema version and with
    ``run`` as a further key. Days outside the article's month count as its first or last.
    """

    folder: Path
    months: dict[Month, int] = field(default_factory=dict)
    """The bytes of new lines, by month."""
    newest: dict[str, int] = field(default_factory=dict)
    """The highest revision of each article that has a new one above 1."""
    live: dict[str, str] = field(default_factory=dict)
    """The last run that read a new revision above 1 of an article, not from an archive."""
    homes: dict[str, Month] = field(default_factory=dict)
    """The month of each article that is new."""
    longest: int = 0
    """The bytes of the longest line."""

    def days(self, month: Month) -> Mapping[int, Path]:
        """Return the files of a month by the number of their day."""
        return {int(it.stem): it for it in (self.folder / month).glob("*.jsonl")}


class _Sorter:
    """Appends lines to files by month and day, many at a time."""

    def __init__(self, into: Shuffled) -> None:
        self.into = into
        self._waiting: dict[tuple[Month, str], list[bytes]] = {}
        self._size = 0

    def put(self, month: Month, own: Month, day: str, line: bytes) -> None:
        """Add a line to ``month``; ``own`` and ``day`` are when it says that it was published."""
        if own != month:
            day = "01" if own < month else "31"
        self._waiting.setdefault((month, day), []).append(line)
        self.into.months[month] = self.into.months.get(month, 0) + len(line)
        self.into.longest = max(self.into.longest, len(line))
        self._size += len(line)
        if self._size > _WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        for (month, day), lines in self._waiting.items():
            folder = self.into.folder / month
            folder.mkdir(exist_ok=True)
            with (folder / f"{day}.jsonl").open("ab") as stream:
                stream.writelines(lines)
        self._waiting.clear()
        self._size = 0


def shuffle(
    outlet: str,
    parts: Iterable[PartFile],
    folder: Path,
    find: Callable[[set[str]], Mapping[str, Month]],
) -> Shuffled:
    """Sort the lines of parts, the oldest first, into files below ``folder``, which is there.

    ``find`` returns the months of those of the given articles that the dataset has already.
    Raises DatasetError for a line that is none of ours and for a part that is not whole.
    """
    done = Shuffled(folder)
    sorter = _Sorter(done)
    homes = done.homes
    homeless: dict[str, list[tuple[Month, str, bytes]]] = {}
    for part in parts:
        for identity, revision, month, day, line in _lines(outlet, part):
            if revision == 1:
                homes[identity] = month
            else:
                done.newest[identity] = max(revision, done.newest.get(identity, 0))
                if _ARCHIVED not in line:
                    done.live[identity] = part.run
            home = homes.get(identity)
            if home is None:
                homeless.setdefault(identity, []).append((month, day, line))
            else:
                sorter.put(home, month, day, line)
    found = find(set(homeless)) if homeless else {}
    for identity, lines in homeless.items():
        # An article whose first revision is lost lives in the month of the oldest we have.
        home = homes[identity] = found.get(identity, lines[0][0])
        for month, day, line in lines:
            sorter.put(home, month, day, line)
    sorter.flush()
    return done


def _lines(outlet: str, part: PartFile) -> Iterator[tuple[str, int, Month, str, bytes]]:
    """Yield id, revision, month, day and line of every record of a part."""
    mark = b',"run":"%s"}\n' % part.run.encode()
    name = outlet.encode()
    count = 0
    try:
        with part.path.open("rb") as stream:
            for count, line in enumerate(stream, 1):
                key, published = _KEY.match(line), _PUBLISHED.search(line)
                if not (key and published and key[1] == name and line.endswith(_TODAYS)):
                    line = _rewritten(outlet, part.path, count, line)  # noqa: PLW2901
                    key, published = _KEY.match(line), _PUBLISHED.search(line)
                    if not (key and published):
                        raise _no_record(part.path, count, "its key is not readable")
                month, day = published[1].decode(), published[2].decode()
                yield key[2].decode(), int(key[3]), month, day, line[:-2] + mark
    except OSError as error:
        raise DatasetError(f"{part.path} cannot be read: {error.strerror}.") from error
    if count != part.records:
        raise DatasetError(
            f"{part.path} has {count} lines and its run.json says {part.records}:"
            " see scrapy dataset verify."
        )


def _rewritten(outlet: str, path: Path, number: int, line: bytes) -> bytes:
    """Return a line that is not written as ours are now: of an older version, or by others."""
    try:
        record: dict[str, Any] = json.loads(line)
        record = raised(record)
        if record["outlet"] != outlet:
            raise _no_record(path, number, f"its outlet is {record['outlet']!r}")
    except VersionError as error:
        raise _no_record(path, number, str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _no_record(path, number, str(error)) from error
    first = {name: record.pop(name, None) for name in ("outlet", "id", "revision")}
    return line_of(first | record)


def _no_record(path: Path, number: int, why: str) -> DatasetError:
    return DatasetError(f"{path}, line {number}, is no record: {why}. See scrapy dataset verify.")
