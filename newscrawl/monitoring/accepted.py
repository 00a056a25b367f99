"""Findings that an operator accepted: ``output/<outlet>/accepted.json``.

Only a person's command writes this file, and only runs write ``findings.json``: neither can undo
what the other wrote.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newscrawl.exceptions import OutputError
from newscrawl.extraction.dates import utc
from newscrawl.monitoring.times import moment
from newscrawl.storage.parts import write_document

ACCEPTED_FILE = "accepted.json"


@dataclass(frozen=True, slots=True)
class Accepted:
    """An acceptance. Without ``until`` the change is the new usual."""

    finding: str
    """The finding's name."""
    since: datetime
    """When the change began."""
    accepted: datetime
    """When an operator accepted it."""
    until: datetime | None = None
    """When the acceptance ends."""

    @property
    def is_usual(self) -> bool:
        """Whether the change became the new usual."""
        return self.until is None

    def covers(self, name: str, began: datetime, now: datetime) -> bool:
        """Return whether a finding that began at some time is accepted now."""
        return (
            self.finding == name
            and began <= self.accepted
            and (self.until is None or now < self.until)
        )


def read_accepted(folder: Path) -> list[Accepted]:
    """Return what is accepted of the outlet in ``folder``. Raises OutputError, one sentence."""
    path = folder / ACCEPTED_FILE
    try:
        document = json.loads(path.read_text("utf-8"))
        return [
            Accepted(
                it["finding"],
                moment(it["since"]),
                moment(it["accepted"]),
                moment(it["until"]) if it["until"] else None,
            )
            for it in document["accepted"]
        ]
    except FileNotFoundError:
        return []
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path} is damaged ({type(error).__name__}: {error}). Remove it, and accept the"
            " findings again."
        ) from error


def write_accepted(folder: Path, accepted: Sequence[Accepted]) -> None:
    """Save what is accepted, atomically. Raises OSError."""
    rows = [
        {
            "finding": it.finding,
            "since": utc(it.since),
            "accepted": utc(it.accepted),
            "until": utc(it.until) if it.until else None,
        }
        for it in accepted
    ]
    write_document(folder / ACCEPTED_FILE, {"accepted": rows})
