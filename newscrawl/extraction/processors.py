"""Pure functions that loaders use: one value in, one value out. Nothing of Scrapy, no state."""

import html
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
_OFFSETS = {"EST": timezone(timedelta(hours=-5)), "EDT": timezone(timedelta(hours=-4))}

# Zero-width space, word joiner, byte order mark, soft hyphen: invisible, and in the way of search.
_INVISIBLE = "\u200b\u2060\ufeff\u00ad"
_UNWANTED = re.compile(f"[{_INVISIBLE}\x00-\x08\x0e-\x1b\x7f\ud800-\udfff]")


def clean_text(text: str) -> str:
    r"""Return ``text`` on one line: every run of white space, no-break spaces too, is one space.

    >>> clean_text("  The\u00a0 Senate\n\tvoted\u200b. ")
    'The Senate voted.'
    """
    line = " ".join(text.split())
    # Nearly every line is printable, which a look in C tells: there is nothing to remove.
    return line if line.isprintable() else " ".join(_UNWANTED.sub("", text).split())


def unescape(text: str) -> str:
    """Return clean text of a string in which characters may be HTML entities, once or twice.

    Structured data escapes its strings on some pages and not on others.

    >>> unescape("Budget &#8216;hole&#8217; &amp;amp; a vote")
    'Budget ‘hole’ & a vote'
    """
    return clean_text(html.unescape(html.unescape(text)) if "&" in text else text)


def utc(moment: datetime) -> str:
    """Return an aware moment as the record writes it: UTC, to the second, with ``Z``.

    >>> utc(datetime(2026, 11, 23, 15, 0, 0, tzinfo=timezone(timedelta(hours=-5))))
    '2026-11-23T20:00:00Z'
    """
    return f"{moment.astimezone(UTC).isoformat(timespec='seconds')[:19]}Z"


def iso_date(text: str) -> str | None:
    """Return an ISO 8601 time with an offset in the record's form; None for anything else.

    A time without an offset names no moment, so it gives None rather than a guess.

    >>> iso_date("2019-02-07T18:27:43-05:00")
    '2019-02-07T23:27:43Z'
    >>> iso_date("2019-02-07T18:27:43"), iso_date("0000-00-00T00:00:00+00:00"), iso_date("soon")
    (None, None, None)
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        return utc(moment) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


_PRINTED = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})\s+(\d{1,2}):(\d{2})\s*([AP])\.?M\.?\s*(E[SD]?T)?", re.I
)


def eastern_date(text: str) -> str | None:
    """Return the moment of a printed American time, Eastern unless it says EST or EDT; or None.

    >>> eastern_date("by Ada Quill - 12/22/23 11:35 AM ET")
    '2023-12-22T16:35:00Z'
    >>> eastern_date("07/04/26 12:05 am ET"), eastern_date("11/19/19 06:56 AM EST")
    ('2026-07-04T04:05:00Z', '2019-11-19T11:56:00Z')
    >>> eastern_date("13/45/19 06:56 AM"), eastern_date("2 hours ago")
    (None, None)
    """
    if not (found := _PRINTED.search(text)):
        return None
    month, day, year, hour, minute = (int(part) for part in found.groups()[:5])
    half, zone = found[6].upper(), (found[7] or "ET").upper()
    if not 1 <= hour <= 12:
        return None
    try:
        return utc(
            datetime(
                year if year > 99 else 2000 + year,
                month,
                day,
                hour % 12 + (12 if half == "P" else 0),
                minute,
                tzinfo=_OFFSETS.get(zone, EASTERN),
            )
        )
    except ValueError:
        return None


_BY = re.compile(r"^by\b[:\s]*", re.I)
# What follows a name in a byline without being part of it.
_ROLE = re.compile(
    r"\s*,?\s*\b(?:(?:opinion )?contribut(?:ors?|ing (?:writers?|editors?))|opinion columnists?"
    r"|columnists?|guest (?:writers?|columnists?))\s*$",
    re.I,
)
_SUFFIX = re.compile(r"^(?:jr|sr|ii|iii|iv|m\.?d|ph\.?d|esq|ret|usn|usa|usmc)\b\.?", re.I)
_AND = re.compile(r"\s*(?:,\s*)?(?:\band\b|&)\s+", re.I)


def author_names(byline: str) -> list[str]:
    r"""Return the names in a byline, as printed, in order.

    >>> author_names("by Ada Quill, Bo Marsh and Cy Lund Jr., opinion contributors")
    ['Ada Quill', 'Bo Marsh', 'Cy Lund Jr.']
    >>> author_names("Cy Lund, Jr.\u00a0"), author_names("By  "), author_names("The Halvern Wire")
    (['Cy Lund, Jr.'], [], ['The Halvern Wire'])
    """
    text = _PRINTED.split(clean_text(byline), maxsplit=1)[0].rstrip(" -–—|")
    text = _ROLE.sub("", _BY.sub("", text))
    names: list[str] = []
    for group in _AND.split(text):
        for part in group.split(","):
            name = part.strip(" -–—|")
            if names and _SUFFIX.match(name):
                names[-1] += f", {name}"
            elif name:
                names.append(_ROLE.sub("", name))
    return names


def unique(values: Iterable[str]) -> list[str]:
    """Return values in order, without empty ones and without repeats, compared without case.

    >>> unique(["House", "Budget", "", "house"])
    ['House', 'Budget']
    """
    seen: dict[str, str] = {}
    for value in values:
        if value:
            seen.setdefault(value.casefold(), value)
    return list(seen.values())


def without_suffix(pattern: str) -> Callable[[str], str]:
    r"""Return a processor that removes what ``pattern`` (a regular expression) matches at the end.

    >>> without_suffix(r" \| The ?Hill")("Storm nears | TheHill")
    'Storm nears'
    """
    compiled = re.compile(f"(?:{pattern})$")
    return lambda text: compiled.sub("", text)


_CREDIT = re.compile(r"\s*\(([^()]{2,120})\)[\s.]*$")


def caption_and_credit(text: str | None) -> tuple[str | None, str | None]:
    """Split a picture's printed text into caption and credit, the parenthesis that ends it.

    >>> caption_and_credit("Senators wait. (Bo Marsh/Halvern Wire)")
    ('Senators wait.', 'Bo Marsh/Halvern Wire')
    >>> caption_and_credit("(Stock Photos)"), caption_and_credit(" "), caption_and_credit("A dam")
    ((None, 'Stock Photos'), (None, None), ('A dam', None))
    """
    text = clean_text(text or "")
    if found := _CREDIT.search(text):
        return text[: found.start()] or None, found[1].strip()
    return text or None, None
