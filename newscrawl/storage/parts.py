"""Parts: crash-safe JSON Lines files.

A part is written as ``part-00000.jsonl.tmp``, each line in one system call. When the part is
complete and flushed to disk, it is renamed to ``part-00000.jsonl``; it never changes after that.
A killed run leaves a temporary part; ``salvage_parts`` keeps its complete lines.
"""

import hashlib
import io
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import jsonlines

from newscrawl.storage.document import PartDocument
from newscrawl.storage.versions import upgraded

TEMPORARY = ".tmp"


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part, as ``run.json`` lists it."""

    name: str
    records: int
    bytes: int
    sha256: str

    def as_dict(self) -> PartDocument:
        """Return the part as ``run.json`` lists it."""
        return {
            "name": self.name,
            "records": self.records,
            "bytes": self.bytes,
            "sha256": self.sha256,
        }


def line_of(record: Mapping[str, Any]) -> bytes:
    """Return a record as its line, newline included. A lone surrogate becomes ``?``."""
    buffer = io.StringIO()
    with jsonlines.Writer(buffer, dumps=_dumps) as writer:
        writer.write(record)
    return buffer.getvalue().encode("utf-8", "replace")


def _dumps(record: Any) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name a path in an OSError that names none, for example that of a full disk."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        why = os.strerror(error.errno) if error.errno else str(error)
        raise OSError(error.errno, why, str(path)) from error


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk, so that a rename outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a stream for a file that readers see whole or not at all.

    A link or a device, such as /dev/stdout, is written through instead. Raises OSError.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        with naming(path), path.open("wb") as stream:
            yield stream
        return
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with naming(path):
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            temporary.rename(path)
            sync(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a file of UTF-8; see ``writing``. Raises OSError."""
    with writing(path) as stream:
        stream.write(text.encode())


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document atomically. Raises OSError."""
    write_whole(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


class PartWriter:
    """Writes records into the parts of one run.

    A part ends, and the next one begins, after ``max_records`` or, when ``rotate_if_old`` is
    called, after ``max_seconds``; ``rotate`` ends it at once.
    Every method may raise OSError. After a failed ``write`` the part still has complete lines only.
    """

    def __init__(self, folder: Path, max_records: int, max_seconds: float) -> None:
        """Write into ``folder``, which must exist."""
        self.folder = folder
        self.max_records = max_records
        self.max_seconds = max_seconds
        self._begun = 0.0
        self.parts: list[Part] = []
        self._descriptor: int | None = None
        self._records = 0
        self._bytes = 0
        self._synced = 0
        self._hash = hashlib.sha256()

    @property
    def _name(self) -> str:
        return f"part-{len(self.parts):05d}.jsonl"

    def write(self, record: Mapping[str, Any]) -> None:
        """Append one record as one line."""
        self.write_line(line_of(record))

    def write_line(self, line: bytes) -> None:
        """Append one line, its newline included."""
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
            self._descriptor = os.open(self.folder / f"{self._name}{TEMPORARY}", flags, 0o644)
            self._begun = time.monotonic()
        try:
            written = os.write(self._descriptor, line)
            if written < len(line):
                raise OSError(28, "No space left on device", self._name)
        except OSError:
            os.ftruncate(self._descriptor, self._bytes)
            raise
        self._hash.update(line)
        self._records += 1
        self._bytes += len(line)
        if self._records >= self.max_records:
            self.rotate()

    def sync(self) -> None:
        """Flush all lines written so far to disk."""
        if self._descriptor is not None and self._synced < self._bytes:
            os.fsync(self._descriptor)
            self._synced = self._bytes

    def rotate_if_old(self) -> None:
        """End the current part if it is older than ``max_seconds``."""
        if self._descriptor is not None and time.monotonic() - self._begun > self.max_seconds:
            self.rotate()

    def rotate(self) -> None:
        """End the current part, so that readers see it. A part without lines is removed."""
        if self._descriptor is None:
            return
        self.sync()
        os.close(self._descriptor)
        self._descriptor = None
        temporary = self.folder / f"{self._name}{TEMPORARY}"
        if not self._records:
            temporary.unlink()
            return
        temporary.rename(self.folder / self._name)
        sync(self.folder)
        part = Part(self._name, self._records, self._bytes, self._hash.hexdigest())
        self.parts.append(part)
        self._records = self._bytes = self._synced = 0
        self._hash = hashlib.sha256()


def read_part(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of a part, upgraded to the current schema version.

    Raises ``jsonlines.InvalidLineError`` for a broken line, and VersionError.
    """
    with jsonlines.open(path) as reader:
        yield from map(upgraded, reader.iter(type=dict))


def part_files(folder: Path) -> list[Path]:
    """Return the finished parts of a run, in the order of their records."""
    return sorted(folder.glob("part-*.jsonl"))


def read_run_parts(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of all finished parts of a run; see ``read_part``."""
    for path in part_files(folder):
        yield from read_part(path)


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def describe(path: Path) -> Part:
    """Return the entry of a finished part for ``run.json``, computed from the file."""
    digest, records, size = hashlib.sha256(), 0, 0
    with path.open("rb") as stream:
        for line in stream:
            digest.update(line)
            records += 1
            size += len(line)
    return Part(path.name, records, size, digest.hexdigest())


def _is_whole(line: bytes) -> bool:
    try:
        return line.endswith(b"\n") and isinstance(json.loads(line), dict)
    except ValueError:
        return False


def whole_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records in all complete lines of a run, also of its unfinished part."""
    for path in sorted(folder.glob("part-*.jsonl*")):
        with path.open("rb") as stream:
            yield from (json.loads(line) for line in stream if _is_whole(line))


def salvage_parts(folder: Path) -> tuple[list[Part], int]:
    """Finish the parts that a killed run left in ``folder``.

    Complete lines are kept and published. An incomplete last line is removed. Return all finished
    parts of the folder, in order, and the number of removed bytes.
    """
    cut = 0
    for temporary in sorted(folder.glob(f"part-*.jsonl{TEMPORARY}")):
        with temporary.open("r+b") as stream:
            whole = 0
            for line in stream:
                if not _is_whole(line):
                    break
                whole += len(line)
            cut += stream.seek(0, os.SEEK_END) - whole
            stream.truncate(whole)
            os.fsync(stream.fileno())
        if whole:
            temporary.rename(temporary.with_suffix(""))
        else:
            temporary.unlink()
    sync(folder)
    return [describe(path) for path in part_files(folder)], cut
