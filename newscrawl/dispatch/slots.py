"""Slots: the moments at which an outlet is due, spread evenly over the period of its crawl."""

from hashlib import sha256


def share(*names: str) -> float:
    """Return a number from 0 up to 1 that depends on the names alone."""
    return int.from_bytes(sha256(" ".join(names).encode()).digest()[:6]) / 2**48


def slot(crawl: str, outlet: str, seconds: float, moment: float) -> float:
    """Return when the slot began in which ``moment`` is; one begins every ``seconds``.

    >>> slot("hourly", "hill", 3600, 1_000_000) == slot("hourly", "hill", 3600, 999_999)
    True
    >>> slot("hourly", "hill", 3600, 1_003_600) - slot("hourly", "hill", 3600, 1_000_000)
    3600.0
    """
    return moment - (moment - share(crawl, outlet) * seconds) % seconds
