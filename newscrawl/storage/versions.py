"""Upgrades of records from older schema versions. Readers of parts see the current one only."""

from collections.abc import Callable, Mapping
from typing import Any

from newscrawl.exceptions import VersionError
from newscrawl.items import SCHEMA_VERSION

Record = dict[str, Any]

UPGRADES: Mapping[int, Callable[[Record], Record]] = {}
"""Functions from a record of version n to one of n + 1, without ``schema_version``.

Every new version adds one. It invents no value."""


def upgraded(record: Record) -> Record:
    """Return a record in the current schema version; without a version it counts as current.

    Raises VersionError for a version that this newscrawl does not read.

    >>> upgraded({"headline": "Storm nears", "schema_version": SCHEMA_VERSION})["headline"]
    'Storm nears'
    >>> upgraded({"schema_version": 99})
    Traceback (most recent call last):
    ...
    newscrawl.exceptions.VersionError: this newscrawl does not read schema version 99
    """
    version: Any = record.get("schema_version", SCHEMA_VERSION)
    while version != SCHEMA_VERSION:
        if version not in UPGRADES:
            raise VersionError(f"this newscrawl does not read schema version {version}")
        record = {**UPGRADES[version](record), "schema_version": version + 1}
        version += 1
    return record
