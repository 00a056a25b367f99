"""Names of authors: structured data gives whole ones, and bylines are taken apart."""

import re
from collections.abc import Sequence

from newscrawl.extraction.dates import without_dates
from newscrawl.extraction.processors import clean_text

_BY = re.compile(
    r"^(?:(?:(?:story|written|reported|posted|published|submitted|opinion|analysis|photos?|text)"
    r"\s+)*by\b|authors?\s*:|from\s*:)[:\s]*",
    re.I,
)
_JOB = (
    r"(?:contributors?|contributing (?:writers?|editors?)|columnists?|correspondents?|reporters?"
    r"|(?:staff|guest|senior|freelance|sports|news|political) ?writers?|writers?|editors?"
    r"|editor-in-chief|producers?|anchors?|staff|bureau chief|news desk|newsroom)"
)
# What follows a name in a byline without being part of it.
_ROLE = re.compile(
    r"\s*,?\s*\b(?:(?:opinion )?contribut(?:ors?|ing (?:writers?|editors?))|opinion columnists?"
    r"|columnists?|guest (?:writers?|columnists?)|staff (?:writers?|reporters?))\s*$",
    re.I,
)
# A part of a byline that is a job and no name: "White House correspondent", "special to The Hill".
_JOB_ALONE = re.compile(
    rf"^(?:(?:[\w&.'’-]+ ){{0,4}}{_JOB}(?: at large)?|special to .*|for the .*"
    r"|(?:updated|edited|reviewed|produced|translated|fact-checked) by .*)$",
    re.I,
)
# How to reach a person, beside the name: addresses of e-mail, names on social networks.
_CONTACT = re.compile(
    r"[<(]?[^\s@()<>,;|]{1,64}@[^\s@()<>,;|]{1,255}\.[a-z]{2,}[>)]?"
    r"|(?:\bfollow\s+|\()?(?<![^\s(|,])@\w+\)?",
    re.I,
)
_SUFFIX = re.compile(
    r"^(?:(?:jr|sr|ii|iii|iv|esq|ret|usn|usa|usaf|usmc|uscg)\b\.?"
    r"|(?:m\.?d|ph\.?d|d\.?o|j\.?d|r\.?n|b\.?a|m\.?a|b\.?s|m\.?s|mba|mph|mpp|mpa|msw|lcsw|edd|psyd"
    r"|dds|dvm|cpa|cfa|pe|pharmd|facp|facs|faap|msn|np|aprn|bsn|llm|ll\.m)\b\.?$"
    r"|\(?[RDI]-[A-Z][\w. ]*\)?$)",
    re.I,
)
_AND = re.compile(r"\s*(?:,\s*)?(?:\b(?:and|with)\b|&)\s+", re.I)
# Wire services, whose names stand behind those of people.
_AGENCIES = frozenset(
    "associated press|ap|ap news|afp|agence france-presse|reuters|thomson reuters|upi|bloomberg"
    "|bloomberg news|cnn|cnn wire|nexstar media wire|nexstar|newsnation|kff health news"
    "|kaiser health news|the conversation|stacker|getty images|tribune news service".split("|")
)
_STATION = re.compile(r"^[KW][A-Z]{2,3}(?:-?(?:TV|DT|FM|AM))?$")
_AGENCY_BEHIND = re.compile(
    r"\s*(?:[,/|(]|\bof\b|\bfor\b|\bvia\b|[-–—]\s)\s*(?:the )?"
    rf"(?:{'|'.join(sorted(map(re.escape, _AGENCIES)))})\)?$",
    re.I,
)
# What stands beside a time, or in its place: "Updated", "5 min read", "2 hours ago".
_LABEL = re.compile(
    r"^(?:(?:(?:last )?(?:updated|published|posted|modified|created)|at|on)(?: (?:on|at))?:?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|\d.*|@.*|[ -@[-`{-~]*)$",
    re.I,
)
_NO_NAME = frozenset(
    {"null", "none", "undefined", "n/a", "[object object]", "author", "by", "admin"}
)
_JUNK = " \t\n-–—|•·,;:/"


def is_agency(name: str) -> bool:
    """Say whether a name is a wire service's or a station's.

    >>> is_agency("The Associated Press"), is_agency("KXAN"), is_agency("Kay Quill")
    (True, True, False)
    """
    return name.casefold().removeprefix("the ") in _AGENCIES or bool(_STATION.match(name))


def whole_name(text: str) -> str | None:
    """Return a name as structured data gives it, without "by", role and agency; None for no name.

    >>> [whole_name(it) for it in ("Parks and Rivers", "Ada Quill, RN, MPH", "Bo Marsh, R-Utah")]
    ['Parks and Rivers', 'Ada Quill, RN, MPH', 'Bo Marsh, R-Utah']
    >>> whole_name("By Cy Lund, opinion contributor"), whole_name("Cy Lund, Associated Press")
    ('Cy Lund', 'Cy Lund')
    >>> whole_name("https://social.example/ada"), whole_name("null"), whole_name(" ")
    (None, None, None)
    >>> whole_name("ada@example.org (Ada Quill)"), whole_name("Ada Quill @aquill")
    ('Ada Quill', 'Ada Quill')
    """
    name = _BY.sub("", _without_contact(clean_text(text))).strip(_JUNK)
    name = _AGENCY_BEHIND.sub("", _ROLE.sub("", name)).strip(_JUNK)
    if name.casefold() in _NO_NAME or "://" in name or name.startswith(("@", "#")):
        return None
    return name or None


def _without_contact(text: str) -> str:
    if "@" not in text:
        return text
    rest = _CONTACT.sub(" ", text).strip()
    # RSS has the name in parentheses behind the address.
    return rest[1:-1] if rest[:1] == "(" and rest[-1:] == ")" else rest


def author_names(byline: str, whole: Sequence[str] = ()) -> list[str]:
    r"""Return the names in a printed byline, in order; line breaks divide it.

    ``whole`` are texts in it that are one name each, such as those of links to authors. Jobs,
    and agencies beside a person, are left out.

    >>> author_names("by Ada Quill, Bo Marsh and Cy Lund Jr., opinion contributors")
    ['Ada Quill', 'Bo Marsh', 'Cy Lund Jr.']
    >>> author_names("Cy Lund, Jr.\u00a0"), author_names("By  "), author_names("The Halvern Wire")
    (['Cy Lund, Jr.'], [], ['The Halvern Wire'])
    >>> author_names("By Ada Quill, RN, MPH\nBo Marsh, R-Utah\nSenior reporter")
    ['Ada Quill, RN, MPH', 'Bo Marsh, R-Utah']
    >>> author_names("By Ada Quill (ada@example.org) with Bo Marsh @bo; special to The Hill")
    ['Ada Quill', 'Bo Marsh']
    >>> author_names("by Parks and Rivers and Ada Quill, Reuters - 11/23/26", ["Parks and Rivers"])
    ['Parks and Rivers', 'Ada Quill']
    """
    printed = without_dates(byline).split("\n")
    lines = "\n".join(_without_contact(clean_text(line)) for line in printed)
    tokens: dict[str, str] = {}
    for number, name in enumerate(sorted(filter(None, whole), key=len, reverse=True)):
        token = chr(0xE000 + number)
        if name in lines:
            tokens[token] = name
            lines = lines.replace(name, token)
    parts: list[str] = []
    for line in lines.split("\n"):
        for group in _AND.split(_ROLE.sub("", _BY.sub("", line.strip(_JUNK)))):
            for part in re.split(r"[,;|•·]|\s[/–—-]\s", group):
                name = _AGENCY_BEHIND.sub("", _ROLE.sub("", _BY.sub("", part.strip(_JUNK))))
                if parts and _SUFFIX.match(name):
                    parts[-1] += f", {name}"
                elif not _LABEL.match(name):
                    parts.append(name)
    names = [whole_name("".join(tokens.get(letter, letter) for letter in part)) for part in parts]
    found = list(dict.fromkeys(filter(None, names)))
    people = [name for name in found if not (is_agency(name) or _JOB_ALONE.match(name))]
    return people or found
