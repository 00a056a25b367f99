"""Days on which an outlet publishes little: public holidays and the days beside them."""

from datetime import date, timedelta
from functools import lru_cache

_DAY = timedelta(days=1)


class Calendar:
    """The quiet days of a country: its public holidays, bridge days, and the end of the year.

    ``country`` is ISO 3166's code, such as ``US``; without one only the end of the year is quiet.
    """

    def __init__(self, country: str) -> None:
        """Take a country."""
        self.country = country

    def is_quiet(self, day: date) -> bool:
        """Return whether an outlet may publish little on a day."""
        return _is_quiet(self.country, day)


def missing_holidays(country: str) -> str:
    """Return why the holidays of a country are not known; empty if they are.

    >>> missing_holidays("")
    ''
    """
    if not country:
        return ""
    try:
        import holidays  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        return "holidays are not considered: pip install 'newscrawl[alerts]'"
    if country not in holidays.list_supported_countries():
        return f"the library holidays does not know the country {country!r}"
    return ""


@lru_cache(maxsize=4096)
def _is_quiet(country: str, day: date) -> bool:
    if (day.month, day.day) >= (12, 24) or (day.month, day.day) == (1, 1):
        return True
    before, after = day - _DAY, day + _DAY
    if any(_is_holiday(country, it) for it in (before, day, after)):
        # A bridge: between a holiday and a weekend.
        return _is_holiday(country, day) or any(
            it.weekday() >= 5 and _is_holiday(country, other)
            for it, other in ((before, after), (after, before))
        )
    return False


@lru_cache(maxsize=4096)
def _is_holiday(country: str, day: date) -> bool:
    return day in _holidays(country, day.year)


@lru_cache(maxsize=64)
def _holidays(country: str, year: int) -> frozenset[date]:
    if not country or missing_holidays(country):
        return frozenset()
    import holidays  # noqa: PLC0415  # an extra

    return frozenset(holidays.country_holidays(country, years=year))
