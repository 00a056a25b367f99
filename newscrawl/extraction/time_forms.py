"""The forms in which pages print a day and a time, by language; a match is read as a moment.

English has patterns of its own. The patterns of another language are made of its words in CLDR.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newscrawl.extraction.byline_words import AT
from newscrawl.extraction.languages import is_day_first, is_mark, language, plain, primary

# Zones as they are printed. Zones of the United States follow daylight saving time when neither
# "S" nor "D" is printed. IST is missing, because three zones have that name.
_NAMED: dict[str, tzinfo] = {
    "E": ZoneInfo("America/New_York"),
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
    "MEZ": 1,
    "MESZ": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "МСК": 3,
    "SAST": 2,
    "WIB": 7,
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
_ENGLISH_PRINTED = re.compile(rf"(?<![\d/]){_DATE}{_BETWEEN}{_TIME}\)?", re.I)
_ENGLISH_TIME_FIRST = re.compile(rf"(?<![\d/:]){_TIME}\)?{_BETWEEN}{_WEEKDAY}{_DATE}", re.I)
_ENGLISH_DAY = re.compile(rf"(?<![\d/]){_WEEKDAY}{_DATE}", re.I)
_ENGLISH_MONTHS = {name: number for number, name in enumerate(_MONTHS, 1)}

_DATE_ELSEWHERE = (
    r"(?:(?P<year_1>\d{4})\s?[./年년-]\s?(?P<month_1>\d{1,2})\s?[./月월-]\s?(?P<day_1>\d{1,2})"
    r"(?:\s?[日일号號]|\.(?!\d))?(?:T(?=\d))?"
    r"|(?P<month>\d{1,2})(?P<sign>[./-])\s?(?P<day>\d{1,2})(?P=sign)\s?(?P<year>\d{4}|\d{2})"
    r"|(?P<day_3>\d{1,2})(?:\.|er|[º°ª]|-?го)?[\s.-]+(?:de\s+|d[’']\s?|ב)?(?P<name_3>MONTH)"
    r",?[\s.-]+(?:del?\s+)?(?P<year_3>\d{4})(?:\s?(?:г|года|р|року)\b\.?)?"
    r"|(?P<name>MONTH)\s+(?P<day_2>\d{1,2})\.?,?\s+(?P<year_2>\d{4})"
    r"|(?P<year_4>\d{4})\.?\s(?P<name_4>MONTH)\s+(?P<day_4>\d{1,2})\.?)(?!\d)"
    # Of the Christian era, in Arabic; beside a time the same letter is "p.m.".
    r"(?:\s?م(?!\w))?"
)
_BETWEEN_ELSEWHERE = (
    r"[\s,،、|·•@–—:;.-]{0,9}(?:[(（]\w{1,3}[)）]\s*)?"
    rf"(?:(?<!\w)(?:{AT})(?!\w)\.?)?[\s,،|·•@–—:-]{{0,9}}"
)
_TIME_ELSEWHERE = (
    r"(?:(?P<half_1>HALF)\s*)?(?P<hour>\d{1,2})(?:\s?(?:[:：.]|h(?:rs?)?|Uhr|[時时点點시])\s?"
    r"(?P<minute>\d{2}|\d(?=\s?[分분]))(?:\s?[:：分분]\s?(?P<second>\d{2}))?(?:[.,]\d+)?(?!\d)"
    r"\s?[分분秒초]?|\s?(?P<mark>(?:h|Uhr)\b|[時时点點시]))"
    r"(?:\s*(?P<half>HALF)(?!\w))?(?:\s*(?:Uhr|hrs?|h)\b\.?)?"
    # How long a text or a film is.
    r"(?!\s*(?:min|mn|std|stunde|sec|sek|seg|分钟|分鐘)\.?)"
    # Case decides: "et" is a word, "ET" a zone.
    r"(?:[\s,(]*(?P<zone>(?-i:(?:GMT|UTC)?\s?[+-]\d{1,2}(?::?\d{2})?(?!\d)|Z\b"
    r"|(?:Africa|America|Asia|Atlantic|Australia|Canada|Europe|Indian|Pacific|US)"
    r"(?:/[A-Z][A-Za-z_]+){1,2}\b|(?<!\n)(?:[A-Z]{1,4}T|UTC|MSK|MEZ|MESZ|WIB|МСК|мск)\b)))?\)?"
)


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms of one language: patterns of a day before a time, of a time before a day, of a day.

    ``months`` and ``halves`` of the day are by their plain words.
    """

    printed: re.Pattern[str]
    time_first: re.Pattern[str]
    day: re.Pattern[str]
    months: Mapping[str, int]
    halves: Mapping[str, str]
    day_first: bool

    def date_of(self, match: re.Match[str]) -> tuple[int, int, int]:
        """Return year, month and day of a match; they need not be a day of the calendar."""
        part = match.groupdict()
        year, day = (
            next(found for end in ("", "_1", "_2", "_3", "_4") if (found := part.get(name + end)))
            for name in ("year", "day")
        )
        name = part["name"] or part["name_3"] or part.get("name_4")
        month = self._month(name) if name else int(part["month"] or part["month_1"] or 0)
        if part["month"] and self.day_first:
            month, day = int(day), str(month)
        number = int(year) if len(year) == 4 else 2000 + int(year)
        # Thailand counts years from the death of the Buddha.
        return number - 543 if number > 2400 else number, month, int(day)

    def _month(self, name: str) -> int:
        word = plain(name)
        # English months are abbreviated in many ways.
        return self.months.get(word) or self.months.get(word[:3], 0)

    def moment(self, match: re.Match[str], zone: tzinfo | None) -> datetime | None:
        """Return the moment of a match with a time; None for no valid one.

        ``zone`` is that of a time without a printed one.
        """
        part = match.groupdict()
        hour = int(part["hour"] or 12)
        # "12:00 noon" and "12:00 midnight" have no "am" or "pm".
        twelve = (part.get("twelve") or part.get("noon") or "").lower()
        half = {"noon": "p", "midnight": "a"}.get(twelve, self._half(part))
        # "Nov. 23, 2026 - 5 comments" prints no time; "14:04 PM" and "0:04 AM" do.
        if not (part["minute"] or half or part.get("mark")) or (twelve and hour != 12):
            return None
        if (hour == 0 and half == "p") or (hour > 12 and half == "a"):
            return None
        if half and hour <= 12:
            hour = hour % 12 + (12 if half == "p" else 0)
        printed_zone = _zone(part["zone"], part.get("light"), zone) if part["zone"] else zone
        if printed_zone is None:
            return None
        minute, second = int(part["minute"] or 0), int(part["second"] or 0)
        is_midnight = (hour, minute, second) == (24, 0, 0)
        with suppress(ValueError, OverflowError):
            moment = datetime(
                *self.date_of(match),
                0 if is_midnight else hour,
                minute,
                # Python's times have no leap seconds.
                59 if second == 60 else second,
                tzinfo=printed_zone,
            )
            return moment + timedelta(days=is_midnight)
        return None

    def has_time(self, match: re.Match[str]) -> bool:
        """Return whether a match has more of a time than one number, even if it is no valid one."""
        part = match.groupdict()
        return any(part.get(name) for name in ("minute", "half", "twelve", "noon", "mark"))

    def _half(self, part: Mapping[str, str | None]) -> str:
        word = part["half"] or part.get("half_1")
        return self.halves.get(plain(word), "") if word else ""


@lru_cache(64)
def forms(tag: str = "") -> Forms:
    """Return the forms of a language by its BCP 47 tag; "" is English of the United States.

    >>> found = forms("fr").printed.search("Publié le 1er août 2023 à 14 h 52")
    >>> found and forms("fr").moment(found, timezone.utc)
    datetime.datetime(2023, 8, 1, 14, 52, tzinfo=datetime.timezone.utc)
    """
    if primary(tag) in ("", "en"):
        # The order of numbers needs CLDR, which takes a tenth of a second to load.
        day_first = tag not in ("", "en", "en-US") and is_day_first(tag)
        patterns = _ENGLISH_PRINTED, _ENGLISH_TIME_FIRST, _ENGLISH_DAY
        return Forms(*patterns, _ENGLISH_MONTHS, {"a": "a", "p": "p"}, day_first)
    own, english = language(tag), language("en")
    # Pages in many languages print English months, too.
    months, halves = {**english.months, **own.months}, {**english.halves, **own.halves}
    weekdays = _alternatives((*english.weekdays, *own.weekdays))
    before = rf"(?:(?<!\w)(?:{weekdays})(?!\w)\.?[\s,،]*(?:(?:{AT})\b\.?\s+)?)?"
    date = rf"(?<![\d/.:-]){_DATE_ELSEWHERE.replace('MONTH', _alternatives(months))}"
    time = _TIME_ELSEWHERE.replace("HALF", _alternatives(halves))
    return Forms(
        re.compile(rf"{before}{date}{_BETWEEN_ELSEWHERE}{time}", re.I),
        re.compile(rf"(?<![\d/.:-]){time}{_BETWEEN_ELSEWHERE}{before}{date}", re.I),
        re.compile(rf"{before}{date}", re.I),
        {plain(name): number for name, number in months.items()},
        {plain(word): half for word, half in halves.items()},
        is_day_first(tag),
    )


def _alternatives(words: Iterable[str]) -> str:
    """Return a pattern of any of the words, with or without their dots, spaces and marks."""
    folded = {unicodedata.normalize("NFC", word.casefold()).rstrip(".") for word in words}
    return rf"{_tree(folded)}\.?"


def _tree(words: Iterable[str]) -> str:
    """Return a pattern that prefers the longest word; common beginnings appear once."""
    ends: dict[str, list[str]] = {}
    for word in words:
        ends.setdefault(word[:1], []).append(word[1:])
    is_whole = ends.pop("", None) is not None
    branches = "|".join(_loose(first) + _tree(rest) for first, rest in sorted(ends.items()))
    return f"(?:{branches}){'?' if is_whole else ''}" if branches else ""


def _loose(character: str) -> str:
    if character.isspace():
        return r"\s?"
    return f"{re.escape(character)}?" if character in ".॰" or is_mark(character) else character


def _zone(printed: str, light: str | None, own: tzinfo | None) -> tzinfo | None:
    """Return a printed zone; None for an unknown one.

    ``own`` is the outlet's: of zones with the same name (``IST``) it is the one that is meant.
    """
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
    if own and name in (own.tzname(datetime(2026, month, 1)) for month in (1, 7)):
        return own
    return _NAMED.get(name.removesuffix("T"))
