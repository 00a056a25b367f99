"""When articles are requested again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from newscrawl.extraction.dates import utc


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an article is requested again.

    ``young`` are ages, in hours after publication, at which a published article is looked at for
    changes; ``pauses`` are the hours before each new try of one that failed. After the last of
    the pauses it is abandoned.
    """

    young: tuple[float, ...] = (1, 6, 24, 72)
    pauses: tuple[float, ...] = (1, 3, 12, 24, 72)

    def revisit(self, published: str, now: datetime) -> str | None:
        """Return the next time to look at a published article, or None when it is old."""
        born = datetime.fromisoformat(published)
        age = (now - born) / timedelta(hours=1)
        next_age = next((it for it in self.young if it > age), None)
        try:
            return None if next_age is None else utc(born + timedelta(hours=next_age))
        except OverflowError:
            # A date at the end of time; the article is looked at when a listing states a change.
            return None

    def retry(self, attempts: int, now: datetime) -> str | None:
        """Return when to try again after so many failures, or None: it is abandoned."""
        if attempts > len(self.pauses):
            return None
        return utc(now + timedelta(hours=self.pauses[attempts - 1]))
