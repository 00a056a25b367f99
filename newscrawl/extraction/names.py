"""Names of authors: read whole ones from structured data, and divide bylines into names."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from newscrawl.extraction.byline_words import (
    AGENCIES,
    AND,
    AT,
    BY,
    CHANGED,
    CHANGED_INSIDE,
    PUBLISHED,
    ROLE,
    ROLE_ATTACHED,
)
from newscrawl.extraction.dates import without_dates
from newscrawl.extraction.languages import primary
from newscrawl.extraction.processors import clean_text

_BY = re.compile(
    r"^(?:(?:(?:story|written|reported|reporting|posted|published|submitted|opinion|analysis|photos?"
    r"|videos?|text|words|guest|essay|column|commentary|review|interview|perspective)"
    r"\s+)*by\b|authors?\s*:|from\s*:)[:\s]*",
    re.I,
)
_JOB = (
    r"(?:contributors?|contributing (?:writers?|editors?)|columnists?|correspondents?|reporters?"
    r"|(?:staff|guest|senior|freelance|sports|news|political) ?writers?|writers?|editors?"
    r"|editor-in-chief|producers?|anchors?|staff|bureau chief|news desk|newsroom)"
)
# Jobs if "of", "at", "for" or "with" follows; elsewhere they may be names.
_OFFICE = (
    r"(?:ceo|president|director|professor|fellow|founder|chair(?:man|woman)?|analyst|attorney"
    r"|partner|member|secretary)"
)
# Roles that follow a name in a byline.
_ROLE = re.compile(
    r"\s*,?\s*\b(?:(?:opinion )?contribut(?:ors?|ing (?:writers?|editors?))|opinion columnists?"
    r"|columnists?|guest (?:writers?|columnists?)|staff (?:writers?|reporters?))\s*$",
    re.I,
)
# A part of a byline that is only a job: "White House correspondent", "special to The Hill".
_JOB_ALONE = re.compile(
    rf"^(?:(?:[\w&.'’-]+ ){{0,4}}{_JOB}(?: at large)?|special to .*|for the .*"
    rf"|(?:[\w&.'’-]+ ){{0,4}}(?:{_JOB}|{_OFFICE}) (?:of|at|for|with) .*"
    r"|(?:updated|edit(?:ed|ing)|reviewed|produced|translated|fact-checked) by .*)$",
    re.I,
)
# Contacts beside a name: e-mail addresses, names on social networks.
_CONTACT = re.compile(
    r"[<(]?[^\s@()<>,;|]{1,64}@[^\s@()<>,;|]{1,255}\.[a-z]{2,}[>)]?"
    r"|(?:\bfollow\s+|\()?(?<![^\s(|,])@\w+\)?",
    re.I,
)
_SUFFIX = re.compile(
    r"^(?:(?:jr|sr|ii|iii|iv|esq|ret|usn|usa|usaf|usmc|uscg)\b"
    r"|(?:md|phd|do|jd|rn|ba|ma|bs|ms|mba|mph|mpp|mpa|msw|lcsw|edd|psyd"
    r"|dds|dvm|cpa|cfa|pe|pharmd|facp|facs|faap|msn|np|aprn|bsn|llm)$"
    r"|\(?[RDI]-[A-Z][\w ]*\)?$)",
    re.I,
)
# Text after a name: the outlet's disclaimer, and labels before the time.
_BEHIND = re.compile(
    r"\s*(?:\bthe (?:views|opinions) (?:expressed|of)\b.*"
    r"|\b(?:last )?(?:updated|posted|published|modified)(?: (?:on|at))?:?"
    r"|(?-i:\b(?:on|at))|\b\d{1,3} ?[a-z]+ (?:ago|read))[\s:–—-]*$",
    re.I,
)
# A place after an agency or a name of two words or more: "Ada Quill in Halvern".
_PLACE = re.compile(r"(?<=\w) in (?:the )?[A-Z][\w.'’-]*(?: (?:[A-Z][\w.'’-]*|de|la|of|the))*$")
# A role after a name that is a whole text, such as a link: the sign is that of author_names.
_BESIDE_LINK = re.compile("^([\ue000-\uf8ff])[ \xa0].*")
_AND = re.compile(r"\s*(?:,\s*)?(?:\b(?:and|with)\b|&)\s+", re.I)
# Wire services, whose names follow those of people.
_AGENCIES = frozenset(
    "associated press|ap|ap news|afp|agence france-presse|reuters|thomson reuters|upi|bloomberg"
    "|bloomberg news|cnn|cnn wire|nexstar media wire|nexstar|newsnation|kff health news"
    "|kaiser health news|the conversation|stacker|getty images|tribune news service".split("|")
) | frozenset(AGENCIES.split("|"))
_STATION = re.compile(r"^[KW][A-Z]{2,3}(?:-?(?:TV|DT|FM|AM))?$")
_AGENCY_BEHIND = re.compile(
    r"\s*(?:[,/|(]|\b(?:of|for|via|avec|mit|con|com|met|med)\b|[-–—]\s)\s*"
    r"(?:the |avec |mit |l[’'])?"
    rf"(?:{'|'.join(sorted(map(re.escape, _AGENCIES)))})\)?$",
    re.I,
)
# Text beside a time, or instead of one: "Updated", "5 min read", "2 hours ago".
_LABEL = re.compile(
    r"^(?:(?:(?:last )?(?:updated|published|posted|modified|created)|at|on)(?: (?:on|at))?:?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:min(?:ute)?s? )?read|read(?:ing)? time\b.*"
    r"|(?:follow|share|tweet|print|subscribe|e-?mail|contact|comments?|more (?:from|by))\b.*"
    r"|\d.*|@.*|[ -@[-`{-~]*)$",
    re.I,
)
_NO_NAME = frozenset(
    "null|none|undefined|n/a|[object object]|author|no author|by|admin|administrator|guest"
    "|agencies"
    "|facebook|instagram|linkedin|twitter".split("|")
)
_BETWEEN = re.compile(r"[,;|•·、，،]|\s[/+–—-]\s")
_BESIDE = re.compile("(?<=[\ue000-\uf8ff])[ \n]*(?=[\ue000-\uf8ff])")
_JUNK = " \t\n-–—|•·,;:/"

# The same in languages other than English, where one letter may be "and".
_BY_ELSEWHERE = re.compile(rf"^(?:by|{BY})(?:(?<=\W)|(?!\w))[:：\s]*", re.I)
# Arabic writes its "and" without a space; some given names begin with the same letter.
_AND_ELSEWHERE = re.compile(
    rf",?\s+(?:{AND}|&)\s+"
    r"|\s+و(?!(?:ليد|ائل|سام|سيم|فاء|جدي|ديع|حيد|جيه|هيب|داد|صفي|فيق|ردة|رد)\b)(?=\w{3})",
    re.I,
)
# What stands between names; degrees and the like belong to a name.
_SIGNS = re.compile(
    r"\s*[;|•·、，،]\s*|\s[/+–—-]\s"
    r"|,(?!\s*(?:Jr|Sr|I{2,3}|IV|MD|M\.D|Ph\.?D|RN|MPH|MBA|JD|DO|MA|MS|BA|BS|DDS|CPA)\b)\s*"
)
_AND_AGENCY = re.compile(
    rf",?\s+(?:{AND}|&)\s+(?:l[’'])?(?:{'|'.join(sorted(map(re.escape, _AGENCIES)))})$", re.I
)
# Behind a comma: "Ada Quill, und Bo Marsh".
_AND_FIRST = re.compile(rf"^(?:{AND}|&)\s+(?=\S+ \S)", re.I)
_BEHIND_ELSEWHERE = re.compile(
    rf"(?:(?:^|\s+)(?:{CHANGED}|{PUBLISHED})(?:\s+(?:{AT}))?|\s*(?:{CHANGED_INSIDE}))[\s:：–—-]*$",
    re.I,
)
_ROLE_ELSEWHERE = re.compile(rf"(?:^|,?\s+)(?:{ROLE})$|[\s・]*{ROLE_ATTACHED}$", re.I)
_ATTACHED = re.compile(rf"[\s・]+{ROLE_ATTACHED}$")
_IN_PARENTHESES = re.compile(r"\s*[(（][^()（）]*[)）]")


def is_agency(name: str) -> bool:
    """Return whether a name is that of a wire service or a station.

    >>> is_agency("The Associated Press"), is_agency("KXAN"), is_agency("Kay Quill")
    (True, True, False)
    """
    return name.casefold().removeprefix("the ") in _AGENCIES or bool(_STATION.match(name))


# The same authors write many pages.
@lru_cache(4096)
def whole_name(text: str) -> str | None:
    """Return a name from structured data without "by", role and agency; None if it is not a name.

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
    if not name.isascii():
        name = _ATTACHED.sub("", name)
    if name.casefold() in _NO_NAME or "://" in name or name.startswith(("@", "#")):
        return None
    return name or None


def _without_contact(text: str) -> str:
    if "@" not in text:
        return text
    rest = _CONTACT.sub(" ", text).strip()
    # In RSS the name follows the address, in parentheses.
    return rest[1:-1] if rest[:1] == "(" and rest[-1:] == ")" else rest


def people(text: str) -> Iterator[str]:
    """Yield the names in a text of any language. "And" divides it if both sides are full names.

    >>> list(people("Ada Quill und Bo Marsh; Parks and Rivers, Cy Lund, Jr."))
    ['Ada Quill', 'Bo Marsh', 'Parks and Rivers', 'Cy Lund, Jr.']
    >>> list(people("José Ortega y Gasset")), list(people("ليلى حداد وسامر خوري، وليد نصر"))
    (['José Ortega y Gasset'], ['ليلى حداد', 'سامر خوري', 'وليد نصر'])
    """
    for part in _SIGNS.split(text):
        names = _AND_ELSEWHERE.split(_AND_FIRST.sub("", part))
        yield from names if all(map(_is_full, names)) else [part]


def _is_full(name: str) -> bool:
    """Return whether a name has two words, or is of a script that does not divide names."""
    return " " in name.strip() or name[:1] >= "\u3040"


def author_names(byline: str, whole: Sequence[str] = (), language: str = "") -> list[str]:
    r"""Return the names in a printed byline, in order. A line break ends a name.

    ``whole`` are texts in the byline that are one name each, such as links to authors. Jobs are
    left out, and so are agencies beside a person. ``language`` is a BCP 47 tag.

    >>> author_names("by Ada Quill, Bo Marsh and Cy Lund Jr., opinion contributors")
    ['Ada Quill', 'Bo Marsh', 'Cy Lund Jr.']
    >>> author_names("Cy Lund, Jr.\u00a0"), author_names("By  "), author_names("The Halvern Wire")
    (['Cy Lund, Jr.'], [], ['The Halvern Wire'])
    >>> author_names("By Ada Quill, RN, MPH\nBo Marsh, R-Utah\nSenior reporter")
    ['Ada Quill, RN, MPH', 'Bo Marsh, R-Utah']
    >>> author_names("By Ada Quill (ada@example.org) with Bo Marsh @bo; special to The Hill")
    ['Ada Quill', 'Bo Marsh']
    >>> author_names("Ada Quill in Port Halvern and Bo Marsh in Rome"), author_names("Women in Law")
    (['Ada Quill', 'Bo Marsh'], ['Women in Law'])
    >>> author_names("Ada Quill and agencies in Rome"), author_names("Reuters in Port Halvern")
    (['Ada Quill'], ['Reuters'])
    >>> author_names("Parks and Rivers Sea editor, Bo Marsh", ["Parks and Rivers", "Bo Marsh"])
    ['Parks and Rivers', 'Bo Marsh']
    >>> author_names("by Parks and Rivers and Ada Quill, Reuters - 11/23/26", ["Parks and Rivers"])
    ['Parks and Rivers', 'Ada Quill']
    """
    is_english = primary(language) in ("", "en")
    printed = without_dates(byline, language).split("\n")
    lines = "\n".join(_without_contact(clean_text(line)) for line in printed)
    tokens: dict[int, str] = {}
    for token, name in enumerate(sorted(filter(None, whole), key=len, reverse=True), 0xE000):
        if name in lines:
            tokens[token] = name
            lines = lines.replace(name, chr(token))
    # Two links may have no text between them.
    lines = _BESIDE.sub(",", lines)
    parts: list[str] = []
    for line in filter(None, lines.split("\n")):
        if not is_english:
            parts += _elsewhere(line, tokens)
            continue
        shown = _BEHIND.sub("", _BY.sub("", line.strip(_JUNK)))
        for group in _AND.split(_ROLE.sub("", shown)):
            for part in _BETWEEN.split(group):
                name = _BEHIND.sub("", _BY.sub("", part.strip(_JUNK)))
                name = _AGENCY_BEHIND.sub("", _ROLE.sub("", name))
                person = _PLACE.sub("", name)
                if " " in person or is_agency(person) or not whole_name(person):
                    name = person
                name = _BESIDE_LINK.sub(r"\1", name).translate(tokens)
                if parts and _SUFFIX.match(name.replace(".", "")):
                    parts[-1] += f", {name}"
                elif not _LABEL.match(name):
                    parts.append(name)
    names = list(map(whole_name, parts))
    distinct = list(dict.fromkeys(filter(None, names)))
    people = [name for name in distinct if not (is_agency(name) or _JOB_ALONE.match(name))]
    return people or distinct


# The end of a Japanese text: places and writers, "【カイロ山田太郎、佐藤花子】".
_SIGNED = re.compile("【([^【】]{2,60})】$")
_PLACE_JAPANESE = re.compile("^(?:.*・|[\u30a0-\u30ff]{2,}(?=[\u4e00-\u9fff]))")
_NAME_JAPANESE = re.compile("[\u4e00-\u9fff々][\u3040-\u30ff\u4e00-\u9fff々]{1,4}(?<![部局班課社])")


def _signed(text: str) -> Iterator[str]:
    """Yield the writers that stand in brackets at the end of a Japanese text, without places.

    A place in the script of the name looks like a part of it: such a name is left out.

    >>> list(_signed("雨だ。【カイロ山田太郎、大阪・佐藤花子、共同、社会部】"))
    ['山田太郎', '佐藤花子']
    """
    found = _SIGNED.search(text)
    for part in found[1].split("、") if found else ():
        name = _PLACE_JAPANESE.sub("", part.strip())
        if _NAME_JAPANESE.fullmatch(name) and not is_agency(name):
            yield name


def _elsewhere(line: str, tokens: Mapping[int, str]) -> Iterator[str]:
    """Yield the names in a line of a byline in a language other than English."""
    if line.endswith(("】", "。")):
        yield from _signed(line)
        return
    text = _BY_ELSEWHERE.sub("", _IN_PARENTHESES.sub("", line).strip(_JUNK))
    for part in people(_AND_AGENCY.sub("", _BEHIND_ELSEWHERE.sub("", text))):
        name, before = part.strip(_JUNK), ""
        while name != before:
            before = name
            for rule in (_BY_ELSEWHERE, _BEHIND_ELSEWHERE, _ROLE_ELSEWHERE):
                name = rule.sub("", name).strip(_JUNK)
            name = _AGENCY_BEHIND.sub("", name)
        # No name has a number; reading times and counts have.
        if name and not _LABEL.match(name) and not any(map(str.isdigit, name)):
            yield name.translate(tokens)
