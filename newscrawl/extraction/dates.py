"""Read times: ISO 8601, the form of e-mail, and times as pages print them. Nothing is guessed."""

import html
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newscrawl.extraction.processors import clean_text

EASTERN = ZoneInfo("America/New_York")

# Days that mean "not set": the zeros of Unix, Excel, the Macintosh, and of Unix west of Greenwich.
_UNSET = frozenset({date(1970, 1, 1), date(1969, 12, 31), date(1900, 1, 1), date(1904, 1, 1)})
# A time is at most so many years ahead. The year this was written in is never too far ahead: a
# clock that is set back must not reject the news of today.
_AHEAD, _WRITTEN_IN = 1, 2026
# Characters that are read of a time, and of a byline.
_LONGEST, _LONGEST_BYLINE = 100, 1000


def utc(moment: datetime) -> str:
    """Return an aware moment as the record writes it: UTC, to the second, with ``Z``.

    >>> utc(datetime(2026, 11, 23, 15, 0, 0, tzinfo=timezone(timedelta(hours=-5))))
    '2026-11-23T20:00:00Z'
    """
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"


def _possible(moment: datetime) -> str | None:
    """Return an aware moment in the record's form; None if no article can be from that time."""
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        return None
    if moment.date() in _UNSET or in_utc.date() in _UNSET:
        return None
    latest = max(datetime.now(UTC).year, _WRITTEN_IN) + _AHEAD
    return utc(in_utc) if 1900 <= in_utc.year <= latest else None


def iso_date(text: str, zone: tzinfo | None = None) -> str | None:
    """Return an ISO 8601 or e-mail time in the record's form; None for anything else.

    ``zone`` is the zone of times without an offset. Without ``zone`` such a time gives None, and
    so do a day without a time and values that mean "not set".

    >>> iso_date("2019-02-07T18:27:43-05:00"), iso_date("Thu, 07 Feb 2019 23:27:43 GMT")
    ('2019-02-07T23:27:43Z', '2019-02-07T23:27:43Z')
    >>> iso_date("Thu Feb 07 2019 18:27:43 GMT-0500 (EST)"), iso_date("2019-02-07 23:27:43 +0000")
    ('2019-02-07T23:27:43Z', '2019-02-07T23:27:43Z')
    >>> iso_date("2019-02-07T18:27:43"), iso_date("2019-02-07 18:27:43", EASTERN)
    (None, '2019-02-07T23:27:43Z')
    >>> iso_date("2019-2-7t18:27:60-5:00"), iso_date("2019-02-07T23:27:43&#43;00:00")
    ('2019-02-07T23:27:59Z', '2019-02-07T23:27:43Z')
    >>> [iso_date(it) for it in ("0001-01-01T00:00:00Z", "2019-13-07T00:00:00Z", "soon")]
    [None, None, None]
    >>> iso_date("1970-01-01T00:00:00Z"), iso_date("9999-12-31T23:59:59Z"), iso_date("2026-11-23")
    (None, None, None)
    """
    text = clean_text(html.unescape(text[:_LONGEST])).replace("−", "-")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _other_date(text, zone)
    # A day alone names no moment.
    if len(text) <= 10 or (moment.tzinfo is None and zone is None):
        return None
    return _possible(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _other_date(text: str, zone: tzinfo | None) -> str | None:
    """Return a moment that is written in the form of e-mail, or as pages print it."""
    if ":" not in text or _NEGATIVE_YEAR.search(text):
        return None
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        moment = parsedate_to_datetime(text)
        if moment.tzinfo:
            return _possible(moment)
    match = _PRINTED.search(text)
    return _moment(match, zone) if match and (match["zone"] or zone) else None


# WordPress' feeds contain "30 Nov -0001" if no time is set.
_NEGATIVE_YEAR = re.compile(r"[A-Za-z]\s+-\d{4}\s+\d")

# Zones as they are printed. Zones of the United States follow daylight saving time when neither
# "S" nor "D" is printed. IST is missing, because three zones have that name.
_NAMED: dict[str, tzinfo] = {
    "E": EASTERN,
    "C": ZoneInfo("America/Chicago"),
    "M": ZoneInfo("America/Denver"),
    "P": ZoneInfo("America/Los_Angeles"),
    "AK": ZoneInfo("America/Anchorage"),
    "H": ZoneInfo("Pacific/Honolulu"),
}
_HOURS = {
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
    "HDT": -9,
    "AST": -4,
    "ADT": -3,
    "NST": -3.5,
    "GMT": 0,
    "UTC": 0,
    "Z": 0,
    "WET": 0,
    "BST": 1,
    "WEST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "SAST": 2,
    "JST": 9,
    "KST": 9,
    "HKT": 8,
    "SGT": 8,
    "AWST": 8,
    "ACST": 9.5,
    "ACDT": 10.5,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
_WORDS = {"EASTERN": "E", "CENTRAL": "C", "MOUNTAIN": "M", "PACIFIC": "P", "ALASKA": "AK"}
_WORDS["HAWAII"] = "H"

_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = rf"(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?"
_DATE = (
    r"(?:(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4}|\d{2})"
    r"|(?<!-)(?P<year_1>\d{4})(?P<sign>[/-])(?P<month_1>\d{1,2})(?P=sign)(?P<day_1>\d{1,2})"
    r"(?:T(?=\d\d?:))?"
    rf"|{_MONTH}\s+(?P<day_2>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<year_2>\d{{4}})"
    rf"|(?P<day_3>\d{{1,2}})(?:st|nd|rd|th)?[\s-]+{_MONTH.replace('name', 'name_3')},?[\s-]+"
    r"(?P<year_3>\d{4}))(?:\b|(?<=T))"
)
_TIME = (
    r"(?:(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s*(?:(?P<half>[ap])\.?\s?m\b\.?|(?P<twelve>noon|midnight)\b))?|(?P<noon>noon)\b)"
    r"(?:[\s,(]*(?P<zone>(?:GMT|UTC)?\s?[+-]\d{1,2}(?::?\d{2})?(?!\d)"
    r"|(?:E|C|M|P|AK|H)\.?[SD]?\.?T\b\.?|Z\b"
    r"|(?:eastern|central|mountain|pacific|alaska|hawaii)(?:\s+(?P<light>standard|daylight))?"
    r"(?:\s+time)?\b|(?-i:(?:Africa|America|Asia|Atlantic|Australia|Canada|Europe|Indian|Pacific|US)"
    # A word on the next line is not a zone.
    r"(?:/[A-Z][A-Za-z_]+){1,2}"
    r"|(?<!\n)(?:[A-Z]{1,4}T|UTC|MSK|(?!Local|Read|Run)[A-Z][a-z]+ [Tt]ime))\b))?"
)
_BETWEEN = r"[\s,|·•@–—-]*(?:\bat\b)?[\s,|·•@–—-]*"
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+)?(?:on\s+)?"
_PRINTED = re.compile(rf"(?<![\d/]){_DATE}{_BETWEEN}{_TIME}\)?", re.I)
_TIME_FIRST = re.compile(rf"(?<![\d/:]){_TIME}\)?{_BETWEEN}{_WEEKDAY}{_DATE}", re.I)
_DAY = re.compile(rf"(?<![\d/]){_WEEKDAY}{_DATE}", re.I)
_CHANGE_NAME = re.compile("modif|updat|revis", re.I)
_PUBLICATION_NAME = re.compile("publi|creat|posted", re.I)
_DIGIT = re.compile(r"\d")
_CHANGED = re.compile(r"\b(?:updated|modified|revised|corrected|changed|edited)\b[^\d]*$", re.I)


def _lines(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.replace("−", "-").split("\n"))
    return "\n".join(filter(None, lines))[:_LONGEST_BYLINE]


def is_change(before: str, text: str, names: str) -> bool:
    """Return whether an element states the time of the last change, not of publication.

    ``before`` is the text before the element, ``text`` its own text, ``names`` its classes and
    other attributes.

    >>> is_change("", "11/23/26", "updated"), is_change("", "", "entry-date published updated")
    (True, False)
    >>> is_change("Ada Quill - Updated: ", "", ""), is_change("", "Updated 2 hours ago", "")
    (True, True)
    """
    if _CHANGE_NAME.search(names) and not _PUBLICATION_NAME.search(names):
        return True
    return any(map(_CHANGED.search, (before, _DIGIT.split(text, maxsplit=1)[0])))


def printed_dates(text: str, zone: tzinfo) -> Iterator[tuple[str, bool]]:
    """Yield the moments that a text prints, each with whether the text calls it the last change.

    ``zone`` is the zone of times without one. A day without a time is left out, and so is a time
    in an unknown zone. Numbers are month, day and year, as in the United States.

    >>> text = "by Ada Quill - 12/22/23 11:35 AM ET | Updated: Dec. 22, 2023, 1:04 p.m. PST"
    >>> list(printed_dates(text, EASTERN))
    [('2023-12-22T16:35:00Z', False), ('2023-12-22T21:04:00Z', True)]
    >>> [it for it, _ in printed_dates("07/04/26 12:05 am", EASTERN)]
    ['2026-07-04T04:05:00Z']
    >>> [it for it, _ in printed_dates("2:04 PM (GMT+2), Mon November 23rd, 2026", EASTERN)]
    ['2026-11-23T12:04:00Z']
    >>> [*printed_dates("13/45/19 06:56 AM, 11/23/26 6:56 AM XYT, 2 hours ago", EASTERN)]
    []
    """
    end = 0
    text = _lines(text)
    for match in list(_PRINTED.finditer(text)) or list(_TIME_FIRST.finditer(text)):
        if moment := _moment(match, zone):
            yield moment, bool(_CHANGED.search(text[end : match.start()]))
        end = match.end()


def iso_day(text: str, zone: tzinfo) -> str | None:
    """Return the start of a day in ``zone``, in the record's form; None for anything but a day.

    >>> iso_day("2026-11-20", EASTERN), iso_day("Nov. 20, 2026", EASTERN)
    ('2026-11-20T05:00:00Z', '2026-11-20T05:00:00Z')
    >>> [iso_day(it, EASTERN) for it in ("2026-11-20T25:00", "2026-02-30", "1970-01-01", "Friday")]
    [None, None, None, None]
    """
    found = _DAY.fullmatch(clean_text(html.unescape(text[:_LONGEST])))
    return _start_of_day(found, zone) if found else None


def printed_days(text: str, zone: tzinfo) -> Iterator[str]:
    """Yield the start of each day that a text prints without a time and does not call a change.

    A day is of ``zone``. A day with a time is left out, also if the time cannot be read.

    >>> [*printed_days("by Ada Quill - Nov. 20, 2026 | Updated 11/21/26", EASTERN)]
    ['2026-11-20T05:00:00Z']
    >>> [*printed_days("11/20/26 2:04 PM IST, 11/20/26 26:04", EASTERN)]
    []
    """
    text = _lines(text)
    timed = [
        match.span()
        for pattern in (_PRINTED, _TIME_FIRST)
        for match in pattern.finditer(text)
        if match["minute"] or match["half"] or match["twelve"] or match["noon"]
    ]
    end = 0
    for match in _DAY.finditer(text):
        is_timed = any(start < match.end() and match.start() < stop for start, stop in timed)
        is_changed = _CHANGED.search(text[end : match.start()])
        if not is_timed and not is_changed and (moment := _start_of_day(match, zone)):
            yield moment
        end = match.end()


def _start_of_day(match: re.Match[str], zone: tzinfo) -> str | None:
    with suppress(ValueError):
        return _possible(datetime(*_year_month_day(match.groupdict()), tzinfo=zone))
    return None


def _year_month_day(part: Mapping[str, str | None]) -> tuple[int, int, int]:
    year, day = (
        next(found for key in (name, f"{name}_1", f"{name}_2", f"{name}_3") if (found := part[key]))
        for name in ("year", "day")
    )
    name = part["name"] or part["name_3"]
    number = part["month"] or part["month_1"] or 0
    month = _MONTHS.index(name[:3].lower()) + 1 if name else int(number)
    return int(year) if len(year) == 4 else 2000 + int(year), month, int(day)


def _moment(match: re.Match[str], zone: tzinfo | None) -> str | None:
    """Return the moment of a match of ``_PRINTED`` or ``_TIME_FIRST``; None for no valid one."""
    part = match.groupdict()
    hour = int(part["hour"] or 12)
    # "12:00 noon" and "12:00 midnight" have no "am" or "pm".
    twelve = (part["twelve"] or part["noon"] or "").lower()
    half = {"noon": "p", "midnight": "a"}.get(twelve, (part["half"] or "").lower())
    # "Nov. 23, 2026 - 5 comments" prints no time; "14:04 PM" and "0:04 AM" do.
    if not (part["minute"] or half) or (twelve and hour != 12):
        return None
    if (hour == 0 and half == "p") or (hour > 12 and half == "a"):
        return None
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    printed_zone = _zone(part["zone"], part["light"]) if part["zone"] else zone
    if printed_zone is None:
        return None
    minute, second = int(part["minute"] or 0), int(part["second"] or 0)
    is_midnight = (hour, minute, second) == (24, 0, 0)
    try:
        moment = datetime(
            *_year_month_day(part),
            0 if is_midnight else hour,
            minute,
            # Python's times have no leap seconds.
            59 if second == 60 else second,
            tzinfo=printed_zone,
        )
        return _possible(moment + timedelta(days=is_midnight))
    except (ValueError, OverflowError):
        return None


def _zone(printed: str, light: str | None) -> tzinfo | None:
    """Return a printed zone; None for an unknown one."""
    if "/" in printed:
        try:
            return ZoneInfo(printed)
        except (ZoneInfoNotFoundError, OSError):
            return None
    name = printed.upper().replace(".", "")
    if offset := re.search(r"([+-])(\d{1,2}):?(\d{2})?$", name):
        size = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(-size if offset[1] == "-" else size) if size < timedelta(hours=24) else None
    if word := _WORDS.get(name.split()[0]):
        name = f"{word}{light[0].upper() if light else ''}T"
    if name in _HOURS:
        return timezone(timedelta(hours=_HOURS[name]))
    return _NAMED.get(name.removesuffix("T"))


def printed_date(text: str, zone: tzinfo) -> str | None:
    """Return the first moment that a text prints as the time of publication, or None."""
    return next((moment for moment, changed in printed_dates(text, zone) if not changed), None)


def without_dates(text: str) -> str:
    r"""Return a text in which a line break replaces every date with its time.

    >>> without_dates("by Ada Quill - 12/22/23 11:35 AM ET | Nov. 3, 2026 | Bo Marsh")
    'by Ada Quill - \n | \n | Bo Marsh'
    """
    text = _lines(text)
    for pattern in (_PRINTED, _TIME_FIRST, _DAY):
        if not any(map(str.isdigit, text)):
            break
        text = pattern.sub("\n", text)
    return text
