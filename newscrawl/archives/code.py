"""Digests of newscrawl's code: of all of it, and of what decides an outlet's records."""

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from uuid import uuid4

from newscrawl import __version__

_READING = (
    "archives/reading.py",
    "base_spiders/outlet_keys.py",
    "downloader/recordings.py",
    "extraction",
    "items.py",
    "storage/article.schema.json",
    "storage/capture.py",
    "storage/http_body.py",
    "storage/schema.py",
    "storage/unpacked.py",
    "storage/warc.py",
)
"""Files and folders that decide what is published of a capture, whatever its outlet."""


@cache
def fingerprint() -> str:
    """Return newscrawl's version and a digest of all its code and tables."""
    return f"{__version__} {_digest(_files(files('newscrawl'), ''))}"


def extraction(outlet: type, row: str = "") -> str:
    """Return a digest of the code that decides what is published of an outlet's captures.

    That code is newscrawl's own, and the files of the outlet's class and of its bases. ``row`` is
    the outlet's row of a table, as text. A class without a file gets another digest each time.
    """
    modules = {it.__module__ for it in outlet.__mro__} - {"builtins"}
    own = [it for it in modules if not it.startswith("scrapy.")]
    try:
        sources = [(it, Path(str(sys.modules[it].__file__)).read_bytes()) for it in own]
    except (OSError, AttributeError):
        sources = [(outlet.__module__, uuid4().bytes)]
    return _digest([("", _reading().encode()), ("row", row.encode()), *sources])


@cache
def _reading() -> str:
    package = files("newscrawl")
    return _digest(it for name in _READING for it in _files(package.joinpath(name), name))


def _digest(named: Iterable[tuple[str, bytes]]) -> str:
    digest = sha256()
    for name, data in sorted(named):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:16]


def _files(it: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    """Yield paths and bytes of a file, or of the files in a folder."""
    if not it.is_dir():
        yield path, it.read_bytes()
        return
    for inner in it.iterdir():
        if inner.is_dir() or inner.name.endswith((".py", ".toml", ".json")):
            yield from _files(inner, f"{path}/{inner.name}")
