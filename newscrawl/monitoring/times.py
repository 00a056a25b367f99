"""Times of the findings, and the time that is looked back."""

from datetime import UTC, datetime, timedelta

HISTORY = timedelta(days=42)
"""Age of the oldest run that is compared: six of every weekday."""


def moment(text: str) -> datetime:
    """Return the time that a document states; UTC if it names no zone.

    >>> moment("2026-11-23T20:14:00Z") == moment("2026-11-23T20:14:00")
    True
    """
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
