"""Markdown tables, and a line that states machine and date of the measurement."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its first column is text, the others are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def measured() -> str:
    """Return the machine and the date, in one sentence."""
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} CPUs,"
        f" Python {platform.python_version()}."
    )
