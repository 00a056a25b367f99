"""The files that a command line names: paths, patterns, URLs, and lists of these in a file."""

import csv
import gzip
import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from newscrawl.archives.plan import ArchiveFile
from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.options import wrong
from newscrawl.storage.archive_files import full_name, is_url, matches

logger = logging.getLogger(__name__)

# The names of columns in cdx_toolkit's output, and in Common Crawl's columnar index.
_FILE = ("filename", "warc_filename")
_OFFSET = ("offset", "warc_record_offset")
_LENGTH = ("length", "warc_record_length")

Part = tuple[int, int]


def find_files(names: Iterable[str], base: str = "") -> list[ArchiveFile]:
    """Return the files that ``names`` mean, in order, each once.

    ``@list`` is a file with one path or URL a line, or with file, offset and length of captures as
    CSV or lines of JSON; ``base`` precedes its relative names. Raises ArgumentError for a pattern
    without a match, and for a list that cannot be read. Whether a file is there is not tested.
    """
    parts: dict[str, list[Part] | None] = {}
    known: dict[str, str] = {}
    for name, part in _named(names, base):
        first = known.setdefault(full_name(name), name)
        some = parts.get(first, [])
        if part is None and first in parts:
            logger.warning("The archive %s is given twice: it is read once", name)
        parts[first] = None if part is None or some is None else [*some, part]
    return [
        ArchiveFile(name, tuple(sorted(set(some)))) if some else ArchiveFile(name)
        for name, some in parts.items()
    ]


def _named(names: Iterable[str], base: str) -> Iterator[tuple[str, Part | None]]:
    for name in names:
        if name.startswith("@"):
            yield from _listed(name[1:], base)
            continue
        try:
            found = matches(name)
        except OSError as error:
            raise wrong("FILES", name, f"readable ({error.strerror or error})") from error
        if not found:
            raise wrong("FILES", name, "a pattern that matches a file")
        yield from ((it, None) for it in found)


def _listed(path: str, base: str) -> Iterator[tuple[str, Part | None]]:
    try:
        data = Path(path).read_bytes()
        text = (gzip.decompress(data) if path.endswith(".gz") else data).decode()
    except (OSError, EOFError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise wrong("FILES", f"@{path}", f"a list that can be read ({why})") from error
    for number, row in enumerate(_rows(text), start=1):
        try:
            name, part = _read_row(row)
        except (KeyError, ValueError, TypeError) as error:
            raise ArgumentError(
                f"The list {path} has no file, offset and length in row {number}: {row}."
            ) from error
        is_relative = not (is_url(name) or name.startswith("/"))
        yield f"{base.rstrip('/')}/{name}" if base and is_relative else name, part


def _rows(text: str) -> Iterator[Any]:
    """Yield a list's rows: mappings, or names alone."""
    lines = [it for it in text.splitlines() if it.strip() and not it.startswith("#")]
    first = lines[0] if lines else ""
    if first.lstrip().startswith("{"):
        for line in lines:
            try:
                yield json.loads(line)
            except ValueError:
                yield line  # no row, which is said with its number
        return
    delimiter = "\t" if "\t" in first else ","
    columns = {it.strip('" ') for it in first.split(delimiter)}
    if columns & set(_FILE):
        yield from csv.DictReader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    else:
        yield from ({"filename": it.strip()} for it in lines)


def _read_row(row: Mapping[str, Any]) -> tuple[str, Part | None]:
    """Return file, offset and length of a row. Raises KeyError, ValueError and TypeError."""
    name = _value(row, _FILE)
    if not name:
        raise ValueError
    if not any(it in row for it in (*_OFFSET, *_LENGTH)):
        return str(name), None
    offset, length = int(_value(row, _OFFSET)), int(_value(row, _LENGTH))
    if offset < 0 or length <= 0:
        raise ValueError
    return str(name), (offset, length)


def _value(row: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next(row[it] for it in names if it in row)
