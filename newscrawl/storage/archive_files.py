"""Files of archives: on this machine, or at a URL of fsspec such as ``s3://bucket/a.warc.gz``.

Every function raises OSError, whatever exceptions a driver has.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob, has_magic
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

from newscrawl.exceptions import extra_missing

_BLOCK = 1 << 20  # bytes of one request; a range of a file is read at several places


@dataclass(frozen=True, slots=True)
class FileState:
    """State of a file: size in bytes, and ETag or modification time."""

    size: int
    tag: str


def is_url(name: str) -> bool:
    """Return whether a name is a URL, not a path."""
    return "://" in name


def full_name(name: str) -> str:
    """Return a path as an absolute one; a URL as it is."""
    return name if is_url(name) else str(Path(name).absolute())


def open_file(name: str) -> BinaryIO:
    """Open a file for reading."""
    if not is_url(name):
        return Path(name).open("rb")
    with _as_os_error(name):
        files, path = _file_system(name)
        stream = files.open(path, "rb", block_size=_BLOCK, cache_type="blockcache")
        return cast("BinaryIO", _RemoteFile(name, stream))


def read_bytes(name: str, offset: int, length: int) -> BinaryIO:
    """Return a stream of a part of a file; a part beyond its end is shorter."""
    if not is_url(name):
        with Path(name).open("rb") as stream:
            stream.seek(offset)
            return BytesIO(stream.read(length))
    with _as_os_error(name):
        files, path = _file_system(name)
        return BytesIO(files.cat_file(path, start=offset, end=offset + length))


def state_of(name: str) -> FileState:
    """Return the state of a file."""
    if not is_url(name):
        status = Path(name).stat()
        return FileState(status.st_size, str(status.st_mtime_ns))
    with _as_os_error(name):
        files, path = _file_system(name)
        files.invalidate_cache()
        info = files.info(path)
    tags = ("ETag", "etag", "mtime", "LastModified", "last_modified", "created")
    tag = next((str(info[it]) for it in tags if info.get(it)), "")
    return FileState(int(info["size"] or 0), tag.strip('"'))


def matches(name: str) -> list[str]:
    """Return the files that a name or pattern means, in order; a name without pattern is one."""
    if not is_url(name):
        # A file's name may contain brackets.
        is_pattern = has_magic(name) and not Path(name).is_file()
        return sorted(glob(name)) if is_pattern else [name]
    if not has_magic(name):
        return [name]
    with _as_os_error(name):
        files, path = _file_system(name)
        return [str(files.unstrip_protocol(it)) for it in sorted(files.glob(path))]


class _RemoteFile:
    """A file of fsspec whose errors are OSErrors."""

    def __init__(self, name: str, stream: Any) -> None:
        self._name = name
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        with _as_os_error(self._name):
            data: bytes = self._stream.read(size)
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        return int(self._stream.seek(place, whence))

    def tell(self) -> int:
        return int(self._stream.tell())

    def close(self) -> None:
        self._stream.close()

    def __enter__(self) -> "_RemoteFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _file_system(name: str) -> tuple[Any, str]:
    try:
        import fsspec  # noqa: PLC0415  # needs newscrawl[remote]
    except ModuleNotFoundError as error:
        raise OSError(extra_missing("A URL", "remote", error)) from error
    files, path = fsspec.url_to_fs(name)
    return files, path


@contextmanager
def _as_os_error(name: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise FileNotFoundError(2, "No such file", name) from error
    except OSError:
        raise
    except Exception as error:  # drivers have exceptions of their own
        why = str(error).splitlines() or [type(error).__name__]
        raise OSError(5, why[0].rstrip("."), name) from error
