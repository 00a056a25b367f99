"""Stats in ``run.json``: their names, and their form in JSON."""

from collections.abc import Container, Iterator
from dataclasses import fields
from datetime import datetime
from typing import Any

from newscrawl.items import Article

LATENCY_BOUNDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds. ``newscrawl/latency/le/<bound>`` counts the responses that took at most that long."""

LONG = 100
"""Words. ``newscrawl/long/<source>`` counts the records with so many, ``short`` the others."""

_ALWAYS = {
    *("outlet", "id", "revision", "date_precision", "source", "source_url", "date_fetched"),
    *("extraction", "schema_version"),
}
COVERED = tuple(field.name for field in fields(Article) if field.name not in _ALWAYS)
"""Optional fields. ``newscrawl/filled/<source>/<field>`` counts the records with a value."""


def filled_fields(article: Article) -> tuple[str, ...]:
    """Return the names of the optional fields that have a value; false is one."""
    values = ((name, getattr(article, name)) for name in COVERED)
    return tuple(name for name, value in values if value or value is False)


def counts_of_record(
    source: str, filled: Container[str], *, is_long: bool
) -> Iterator[tuple[str, int]]:
    """Yield the stats of one published record with what each grows by, 0 for fields without value.

    ``filled`` are the names of the optional fields with a value. ``is_long`` states whether the
    body has at least ``LONG`` words.
    """
    yield f"newscrawl/published/{source}", 1
    yield f"newscrawl/{'long' if is_long else 'short'}/{source}", 1
    for name in COVERED:
        yield f"newscrawl/filled/{source}/{name}", int(name in filled)


def plain(stats: dict[str, Any]) -> dict[str, Any]:
    """Return the stats that JSON can represent, sorted by name, with times as ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in sorted(stats.items())
        if isinstance(value, str | int | float | datetime)
    }
