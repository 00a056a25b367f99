"""Upgrades of records from older schema versions. Readers of parts see the current one only."""

from collections.abc import Callable, Mapping
from typing import Any

from newscrawl.exceptions import VersionError
from newscrawl.items import SCHEMA_VERSION, Article

Record = dict[str, Any]


def _with_precision(record: Record) -> Record:
    """Return a record of version 2. Version 1 had no article without a time of publication."""
    return {**record, "date_precision": "second", "accessible": None, "extraction": None}


UPGRADES: Mapping[int, Callable[[Record], Record]] = {1: _with_precision}
"""Functions from a record of version n to one of n + 1, without ``schema_version``.

Every new version adds one. It invents no value."""


def upgraded(record: Record) -> Record:
    """Return a record in the current schema version; without a version it counts as current.

    An upgraded record has its keys in the current order. Raises VersionError for a version that
    this newscrawl does not read.

    >>> list(upgraded({"kind": "news", "source": "page", "schema_version": 1}))
    ['date_precision', 'kind', 'accessible', 'source', 'extraction', 'schema_version']
    >>> upgraded({"schema_version": 99})
    Traceback (most recent call last):
    ...
    newscrawl.exceptions.VersionError: this newscrawl does not read schema version 99
    """
    version: Any = record.get("schema_version", SCHEMA_VERSION)
    if version == SCHEMA_VERSION:
        return record
    while version != SCHEMA_VERSION:
        if version not in UPGRADES:
            raise VersionError(f"this newscrawl does not read schema version {version}")
        record = {**UPGRADES[version](record), "schema_version": version + 1}
        version += 1
    return {name: record[name] for name in Article.__slots__ if name in record} | record
