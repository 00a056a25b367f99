"""Read times: ISO 8601, the form of e-mail, and times as pages print them. Nothing is guessed."""

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, tzinfo
from email.utils import parsedate_to_datetime
from zoneinfo import ZoneInfo

from newscrawl.extraction.byline_words import CHANGED, CHANGED_INSIDE
from newscrawl.extraction.languages import primary
from newscrawl.extraction.processors import clean_text
from newscrawl.extraction.time_forms import Forms, forms

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

    >>> utc(datetime(2026, 11, 23, 15, 0, 0, tzinfo=EASTERN))
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
    match = forms().printed.search(text)
    return _moment(forms(), match, zone) if match and (match["zone"] or zone) else None


def _moment(printed: Forms, match: re.Match[str], zone: tzinfo | None) -> str | None:
    moment = printed.moment(match, zone)
    return _possible(moment) if moment else None


# WordPress' feeds contain "30 Nov -0001" if no time is set.
_NEGATIVE_YEAR = re.compile(r"[A-Za-z]\s+-\d{4}\s+\d")

_CHANGE_NAME = re.compile("modif|updat|revis", re.I)
_PUBLICATION_NAME = re.compile("publi|creat|posted", re.I)
_DIGIT = re.compile(r"\d")
_CHANGED = re.compile(rf"(?:\b(?:{CHANGED})\b|{CHANGED_INSIDE})[^\d]*$", re.I)


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


def printed_dates(text: str, zone: tzinfo, language: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the moments that a text prints, each with whether the text calls it the last change.

    ``zone`` is the zone of times without one. A day without a time is left out, and so is a time
    in an unknown zone. ``language`` is a BCP 47 tag: it gives the names of months, and whether
    12/11/26 is in November. Without it a text is in English of the United States.

    >>> text = "by Ada Quill - 12/22/23 11:35 AM ET | Updated: Dec. 22, 2023, 1:04 p.m. PST"
    >>> list(printed_dates(text, EASTERN))
    [('2023-12-22T16:35:00Z', False), ('2023-12-22T21:04:00Z', True)]
    >>> [it for it, _ in printed_dates("07/04/26 12:05 am", EASTERN)]
    ['2026-07-04T04:05:00Z']
    >>> [it for it, _ in printed_dates("2:04 PM (GMT+2), Mon November 23rd, 2026", EASTERN)]
    ['2026-11-23T12:04:00Z']
    >>> [*printed_dates("13/45/19 06:56 AM, 11/23/26 6:56 AM XYT, 2 hours ago", EASTERN)]
    []
    >>> text = "Publié le 29 août 2022 à 13h27, modifié le 1er sept. 2022 à 9 h 05"
    >>> list(printed_dates(text, ZoneInfo("Europe/Paris"), "fr"))
    [('2022-08-29T11:27:00Z', False), ('2022-09-01T07:05:00Z', True)]
    """
    end = 0
    text = _lines(text)
    known = forms(language)
    for match in list(known.printed.finditer(text)) or list(known.time_first.finditer(text)):
        if moment := _moment(known, match, zone):
            yield moment, bool(_CHANGED.search(text[end : match.start()]))
        end = match.end()


def iso_day(text: str, zone: tzinfo, language: str = "") -> str | None:
    """Return the start of a day in ``zone``, in the record's form; None for anything but a day.

    >>> iso_day("2026-11-20", EASTERN), iso_day("Nov. 20, 2026", EASTERN)
    ('2026-11-20T05:00:00Z', '2026-11-20T05:00:00Z')
    >>> [iso_day(it, EASTERN) for it in ("2026-11-20T25:00", "2026-02-30", "1970-01-01", "Friday")]
    [None, None, None, None]
    """
    known = forms(language)
    found = known.day.fullmatch(clean_text(html.unescape(text[:_LONGEST])))
    return _start_of_day(known, found, zone) if found else None


def printed_days(text: str, zone: tzinfo, language: str = "") -> Iterator[str]:
    """Yield the start of each day that a text prints without a time and does not call a change.

    A day is of ``zone``. A day with a time is left out, also if the time cannot be read.
    ``language`` is a BCP 47 tag, as for ``printed_dates``.

    >>> [*printed_days("by Ada Quill - Nov. 20, 2026 | Updated 11/21/26", EASTERN)]
    ['2026-11-20T05:00:00Z']
    >>> [*printed_days("11/20/26 2:04 PM IST, 11/20/26 26:04", EASTERN)]
    []
    """
    text = _lines(text)
    known = forms(language)
    timed = [
        match.span()
        for pattern in (known.printed, known.time_first)
        for match in pattern.finditer(text)
        if known.has_time(match)
    ]
    end = 0
    for match in known.day.finditer(text):
        is_timed = any(start < match.end() and match.start() < stop for start, stop in timed)
        is_changed = _CHANGED.search(text[end : match.start()])
        if not is_timed and not is_changed and (moment := _start_of_day(known, match, zone)):
            yield moment
        end = match.end()


def sure_days(text: str, zone: tzinfo, language: str = "") -> Iterator[str]:
    """Yield the start of each day that a text prints, with or without a time.

    ``language`` is a BCP 47 tag. If it does not say whether 3/5 is in March or May, skip the day.

    >>> paris = ZoneInfo("Europe/Paris")
    >>> [*sure_days("3 mai 2026, 14h05", paris, "fr"), *sure_days("24.12.2026", paris)]
    ['2026-05-02T22:00:00Z', '2026-12-23T23:00:00Z']
    >>> [*sure_days("03/05/2026", paris, "en"), *sure_days("03/05/2026", paris)]
    []
    """
    is_sure = "-" in language or primary(language) not in ("", "en")
    for known in map(forms, dict.fromkeys((language, "und"))):
        for match in known.day.finditer(_lines(text)):
            moment = _start_of_day(known, match, zone)
            if moment and (is_sure or not match["month"] or match["sign"] == "."):
                yield moment


def _start_of_day(known: Forms, match: re.Match[str], zone: tzinfo) -> str | None:
    with suppress(ValueError):
        return _possible(datetime(*known.date_of(match), tzinfo=zone))
    return None


def printed_date(text: str, zone: tzinfo) -> str | None:
    """Return the first moment that a text prints as the time of publication, or None."""
    return next((moment for moment, changed in printed_dates(text, zone) if not changed), None)


def without_dates(text: str, language: str = "") -> str:
    r"""Return a text in which a line break replaces every date with its time.

    >>> without_dates("by Ada Quill - 12/22/23 11:35 AM ET | Nov. 3, 2026 | Bo Marsh")
    'by Ada Quill - \n | \n | Bo Marsh'
    """
    text = _lines(text)
    known = forms(language)
    for pattern in (known.printed, known.time_first, known.day):
        if not any(map(str.isdigit, text)):
            break
        text = pattern.sub("\n", text)
    return text
