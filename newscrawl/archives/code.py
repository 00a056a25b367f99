"""The fingerprint of newscrawl's code, by which processes find out that theirs differs."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from newscrawl import __version__


@cache
def fingerprint() -> str:
    """Return newscrawl's version and a digest of all its code and tables."""
    digest = sha256()
    for name, data in sorted(_files(files("newscrawl"), "")):
        digest.update(f"{name} {len(data)}\n".encode() + data)
    return f"{__version__} {digest.hexdigest()[:16]}"


def _files(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for it in folder.iterdir():
        if it.is_dir():
            yield from _files(it, f"{path}{it.name}/")
        elif it.name.endswith((".py", ".toml", ".json")):
            yield f"{path}{it.name}", it.read_bytes()
