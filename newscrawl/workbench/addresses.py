"""Propose the regular expression of an outlet's article addresses from a few of them."""

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

# A number at an end of a segment, maybe behind letters: 13615373, article13615373, b1189828.
_NUMBER = r"(?P<before>[A-Za-z]*)(?P<number>\d{4,})"
_FIRST = re.compile(rf"(?:{_NUMBER})(?=[-_.,])")
_LAST = re.compile(rf"(?:^|(?<=[-_.,])){_NUMBER}(?P<end>(?:\.[a-z]+)*)$")
_ENDING = re.compile(r"(?:\.[A-Za-z]{2,5})+$")
_DATES = (
    (re.compile(r"(?:19|20)\d\d"), r"\d{4}"),
    (re.compile(r"\d\d"), r"\d\d"),
    (re.compile(r"\d"), r"\d{1,2}"),
    (re.compile(r"(?:19|20)\d\d-\d\d"), r"\d{4}-\d\d"),
    (re.compile(r"(?:19|20)\d\d-\d\d-\d\d"), r"\d{4}-\d\d-\d\d"),
    (re.compile(r"(?:19|20)\d{6}"), r"\d{8}"),
)
_FOLDERS = r"(?:[^/]+/)*"


def propose(urls: Sequence[str]) -> str:
    """Return a regular expression that matches the paths of all addresses.

    It has a group ``id`` if the addresses have a number that may identify an article. A number
    that two of them have in common does not.
    """
    paths = list(dict.fromkeys(urlsplit(url).path for url in urls))
    form = _common(paths)
    if "(?P<id>" in form:
        numbers = [match["id"] for path in paths if (match := re.fullmatch(form, path))]
        if len(set(numbers)) < len(numbers):
            return form.replace("(?P<id>", "(?:")
    return form


def _common(paths: Sequence[str]) -> str:
    found = list(dict.fromkeys(map(_form, paths)))
    for form in found:
        if all(re.fullmatch(form, path) for path in paths):
            return form
    if all("(?P<id>" in form for form in found):
        # One expression has a name once only.
        return _any_number(paths) or _joined(found)
    return _joined(found)


def _joined(forms: Sequence[str]) -> str:
    return "|".join(form.replace("(?P<id>", "(?:") for form in forms)


def _any_number(paths: Sequence[str]) -> str:
    form = r"/(?:.*[^\d])?(?P<id>\d{4,})(?:[^\d/]|[./][^/]*)*/?"
    return form if all(re.fullmatch(form, path) for path in paths) else ""


def _form(path: str) -> str:
    """Return the expression of one path."""
    *folders, last = path.strip("/").split("/")
    slash = "/?" if not _ENDING.search(last) else ""
    if numbered := _numbered(last):
        return f"/{_FOLDERS}{numbered}{slash}"
    for at in reversed(range(len(folders))):
        if numbered := _numbered(folders[at]):
            rest = "/[^/]+" * (len(folders) - at)
            return f"/{_FOLDERS}{numbered}{rest}{slash}"
    dates = [_date(it) for it in folders]
    ending = re.escape(found[0]) if (found := _ENDING.search(last)) else ""
    if any(dates):
        first = next(at for at, it in enumerate(dates) if it)
        shown = [it or "[^/]+" for it in dates[first:]]
        return f"/{_FOLDERS if first else ''}{'/'.join(shown)}/[^/]+{ending}{slash}"
    if len(re.findall("[-_]", last)) > 1:
        return f"/{_FOLDERS}(?:[^/_-]+[_-]){{2,}}[^/]+{ending}{slash}"
    # Only the folders distinguish this address from a section's.
    kept = "".join(f"{re.escape(it)}/" if it.isalpha() else "[^/]+/" for it in folders)
    word = r"[^/]*\d[^/]*" if re.search(r"\d", last.removesuffix(ending)) else "[^/]+"
    return f"/{kept}{word}{ending}{slash}"


def _numbered(segment: str) -> str:
    """Return the expression of a segment that has the number of an article; "" for others."""
    if (match := _LAST.search(segment)) and not _is_date(match["number"]):
        start = "" if match.start() == 0 and not match["before"] else r"(?:[^/]*\D)?"
        start = start if match.start() else re.escape(match["before"])
        return f"{start}(?P<id>\\d{{{_least(match['number'])},}}){re.escape(match['end'])}"
    # d41586-025-04160-8: the first of several numbers may be a journal's.
    if (
        (match := _FIRST.match(segment))
        and not _is_date(match["number"])
        and not re.search(r"\d", segment[match.end() :])
    ):
        ending = re.escape(found[0]) if (found := _ENDING.search(segment)) else ""
        before = re.escape(match["before"])
        return f"{before}(?P<id>\\d{{{_least(match['number'])},}})[-_.,][^/]*{ending}"
    return ""


def _least(number: str) -> int:
    """Return how many digits a number of an article has at least."""
    return max(4, len(number) - 2)


def _is_date(number: str) -> bool:
    if len(number) == 4:
        return number.startswith(("19", "20"))
    if len(number) != 8:
        return False
    try:
        return 1990 <= datetime.strptime(number, "%Y%m%d").year <= 2100
    except ValueError:
        return False


def _date(segment: str) -> str:
    """Return the expression of a folder that is a part of a date; "" for others."""
    return next((form for known, form in _DATES if known.fullmatch(segment)), "")
