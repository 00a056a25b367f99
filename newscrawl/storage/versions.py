"""Records of older schema versions, raised to today's; what reads a part sees only today's."""

from collections.abc import Callable, Mapping
from typing import Any

from newscrawl.exceptions import VersionError
from newscrawl.items import SCHEMA_VERSION

Record = dict[str, Any]

RAISES: Mapping[int, Callable[[Record], Record]] = {}
"""What makes a record of version n one of n + 1, without ``schema_version``: added with each
new version, beside the frozen ``schemas/article-<n>.json``. It never makes up a value."""


def raised(record: Record) -> Record:
    """Return a record as today's version has it; one that names none is taken for today's.

    Raises VersionError.

    >>> raised({"headline": "Storm nears", "schema_version": SCHEMA_VERSION})["headline"]
    'Storm nears'
    >>> raised({"schema_version": 99})
    Traceback (most recent call last):
    ...
    newscrawl.exceptions.VersionError: schema version 99 is none that this newscrawl reads
    """
    version: Any = record.get("schema_version", SCHEMA_VERSION)
    while version != SCHEMA_VERSION:
        if version not in RAISES:
            raise VersionError(f"schema version {version} is none that this newscrawl reads")
        record = {**RAISES[version](record), "schema_version": version + 1}
        version += 1
    return record
