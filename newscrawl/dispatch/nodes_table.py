"""The file ``nodes.toml``: the Scrapyd nodes, and which outlets they crawl how often."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from newscrawl.base_spiders.outlet_keys import Key, read_keys
from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.options import Kind

_T = TypeVar("_T")
_NAME = re.compile(r"[a-z][a-z\d_-]*", re.ASCII)
USERNAME, PASSWORD = "SCRAPYD_USERNAME", "SCRAPYD_PASSWORD"  # names of variables


@dataclass(frozen=True, slots=True)
class Node:
    """A Scrapyd: address, number of crawls at once, user and password."""

    name: str
    url: str
    places: int
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Crawl:
    """Outlets, by names and patterns, that are crawled with these arguments every few minutes."""

    name: str
    minutes: float
    outlets: tuple[str, ...] = ("*",)
    arguments: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodesTable:
    """What ``nodes.toml`` says. Without ``version`` the newest egg of all nodes is expected."""

    nodes: tuple[Node, ...]
    crawls: tuple[Crawl, ...]
    project: str = "newscrawl"
    version: str = ""


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _url(value: object) -> str:
    parts = urlsplit(_text(value))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError
    if "@" in parts.netloc:
        raise ArgumentError(
            "A node's url has no user or password: give them as username and password."
        )
    _ = parts.port  # raises ValueError
    return _text(value).rstrip("/") + "/"


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError
    return value


def _minutes(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value < 1e6:
        raise ValueError
    return float(value)


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(map(_text, value))


def _values(value: object) -> dict[str, str]:
    """Return the values of spider arguments or settings as texts."""
    if not isinstance(value, dict) or not all(
        isinstance(it, str | int | float) for it in value.values()
    ):
        raise ValueError
    return {name: str(int(it) if isinstance(it, bool) else it) for name, it in value.items()}


_TEXT = Kind("a text", _text)
_VALUES = Kind("a table of texts and numbers", _values)

NODE_KEYS = (
    Key(
        "url",
        Kind("an address such as http://10.0.0.1:6800/", _url),
        "The address of the node's Scrapyd.",
        "http://10.0.0.1:6800/",
        is_required=True,
    ),
    Key(
        "places",
        Kind("a whole number from 1 up", _whole),
        "Scrapyd's `max_proc` there; default: 4.",
        "4",
    ),
    Key("username", _TEXT, "Scrapyd's user; default: `SCRAPYD_USERNAME`.", "newscrawl"),
    Key("password", _TEXT, "The user's password; default: `SCRAPYD_PASSWORD`.", "…"),
)
"""The keys of a node."""

CRAWL_KEYS = (
    Key(
        "minutes",
        Kind("a number of minutes from 1 up", _minutes),
        "How often each outlet is crawled.",
        "60",
        is_required=True,
    ),
    Key(
        "outlets",
        Kind('a list of outlets or patterns, such as ["hill", "k*"]', _names),
        "The outlets; default: all.",
        '["hill", "k*"]',
    ),
    Key("arguments", _VALUES, "Spider arguments.", '{ discover = "api" }'),
    Key("settings", _VALUES, "Settings of the crawl.", "{ DOWNLOAD_DELAY = 2 }"),
)
"""The keys of a crawl."""


def _table(value: object) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ValueError
    return value


KEYS = (
    Key("project", _TEXT, "The project's name in Scrapyd; default: `newscrawl`.", "newscrawl"),
    Key(
        "version",
        _TEXT,
        "The version of the egg that a node must have; default: the newest of all nodes.",
        "1764158400",
    ),
)
"""The keys of the file, but for its tables."""

_TABLES = (
    Key("nodes", Kind("tables [nodes.NAME]", _table), "", "", is_required=True),
    Key("crawls", Kind("tables [crawls.NAME]", _table), "", "", is_required=True),
)


def read_nodes(path: Path, environ: Mapping[str, str]) -> NodesTable:
    """Return what a file says; ``environ`` has user and password of nodes that name none.

    Raises ArgumentError, one sentence that names the file and the key, and OSError.
    """
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except UnicodeDecodeError:
        raise ArgumentError(f"{path} is not TOML: it is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise ArgumentError(f"{path} is not TOML: {error}.") from None
    try:
        table = _read(values, environ)
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from None
    has_password = any("password" in it for it in values["nodes"].values())
    if has_password and path.stat().st_mode & 0o077:
        raise ArgumentError(f"{path} has passwords, and other users may read it: chmod 600 {path}")
    return table


def _read(values: Mapping[str, object], environ: Mapping[str, str]) -> NodesTable:
    top = _complete(values, (*_TABLES, *KEYS), "")
    default = {"username": environ.get(USERNAME, ""), "password": environ.get(PASSWORD, "")}
    nodes = _each(
        top.pop("nodes"),
        "nodes",
        NODE_KEYS,
        lambda name, it: Node(name, **{"places": 4, **default, **it}),
    )
    crawls = _each(top.pop("crawls"), "crawls", CRAWL_KEYS, lambda name, it: Crawl(name, **it))
    return NodesTable(nodes, crawls, **top)


def _each(
    tables: Mapping[str, object],
    kind: str,
    keys: tuple[Key, ...],
    make: Callable[[str, dict[str, Any]], _T],
) -> tuple[_T, ...]:
    made = []
    for name, values in tables.items():
        if not _NAME.fullmatch(name) or not isinstance(values, dict):
            raise ArgumentError(
                f"[{kind}.{name}] is not allowed: it must be a table, and its name lower-case"
                " letters, digits, _ and -."
            )
        made.append(make(name, _complete(values, keys, f"{kind}.{name}.")))
    return tuple(made)


def _complete(values: Mapping[str, object], keys: tuple[Key, ...], path: str) -> dict[str, Any]:
    """Return the typed values of a table. Raises ArgumentError if a key is wrong or missing."""
    read = read_keys(values, keys, path)
    for key in keys:
        if key.is_required and key.name not in read:
            raise ArgumentError(f"The key {path}{key.name} is missing: it is {key.kind.allowed}.")
    return read
