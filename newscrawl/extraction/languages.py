"""Words of a language that bylines and printed times use, from Unicode's CLDR (Babel's copy).

``dateparser`` has words of the same source, but it invents times: it read twelve of thirty-five
printed forms wrongly. From "4 min." (of reading) it made the present time.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache

from babel import localedata
from babel.core import Locale, UnknownLocaleError

# Halves of the day by CLDR's names. Noon and night are in both.
_HALVES = {"am": "a", "morning1": "a", "morning2": "a"}
_HALVES |= {"pm": "p", "afternoon2": "p", "evening1": "p"}
_SHORTEST = 3  # letters of an abbreviated month


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language, as they are printed: capitals, dots and spaces may differ.

    ``months`` are names with their numbers; ``halves`` the words beside a time, with "a" or "p"
    for before or after noon.
    """

    months: Mapping[str, int] = field(default_factory=dict)
    weekdays: frozenset[str] = frozenset()
    halves: Mapping[str, str] = field(default_factory=dict)


def plain(word: str) -> str:
    """Return the letters of a word without capitals, dots, white space and marks of vowels.

    >>> plain("SEPT."), plain("ARALIK"), plain("EKİM"), plain("p. m."), plain("مساءً")
    ('sept', 'aralik', 'ekim', 'pm', 'مساء')
    """
    folded = unicodedata.normalize("NFC", word.casefold()).replace("ı", "i")
    return "".join(it for it in folded if it not in ".॰" and not it.isspace() and not is_mark(it))


def is_mark(character: str) -> bool:
    """Return whether a character is a mark that is often left out: of Arabic vowels, or a dot."""
    return "\u064b" <= character <= "\u0652" or character == "\u0307"


def primary(tag: str) -> str:
    """Return the language of a BCP 47 tag without script and region, in lower case."""
    return tag.replace("_", "-").partition("-")[0].lower()


@lru_cache(64)
def language(tag: str) -> Language:
    """Return the words of a language by its BCP 47 tag, such as ``de`` or ``pt-BR``.

    They are those of all its countries, none of which contradict each other. A language that CLDR
    does not have has no words.

    >>> language("de").months["Jänner"], language("ar").months["كانون الثاني"]
    (1, 1)
    """
    main = primary(tag)
    found = [it for it in localedata.locale_identifiers() if primary(it) == main]
    # English has a hundred countries, and the same words in all of them.
    found = [main] if main == "en" else found
    if not found:
        return Language()
    locales = list(map(Locale.parse, found))
    months = {name: number for locale in locales for name, number in _months(locale)}
    months |= {name: number for name, number in _abbreviated(months) if name not in months}
    weekdays = frozenset(name for locale in locales for name in _weekdays(locale))
    halves = {word: half for locale in locales for word, half in _halves(locale)}
    return Language(months, weekdays, halves)


def _months(locale: Locale) -> Iterator[tuple[str, int]]:
    for use in ("format", "stand-alone"):
        for width in ("abbreviated", "wide"):
            for number, name in locale.months[use][width].items():
                # Some languages have numbers in place of names.
                if any(map(str.isalpha, name)):
                    yield name, number


def _abbreviated(months: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield the beginnings of one month's name only, by which pages abbreviate in alphabets."""
    found: dict[str, set[int]] = {}
    for name, number in months.items():
        if name.isalpha() and name < "\u0500":
            for end in range(_SHORTEST, len(name)):
                found.setdefault(name[:end], set()).add(number)
    yield from ((name, numbers.pop()) for name, numbers in found.items() if len(numbers) == 1)


def _weekdays(locale: Locale) -> Iterator[str]:
    for width in ("abbreviated", "wide"):
        yield from locale.days["format"][width].values()


def _halves(locale: Locale) -> Iterator[tuple[str, str]]:
    for width in ("abbreviated", "wide"):
        for name, word in locale.day_periods["format"][width].items():
            if half := _HALVES.get(name):
                yield word, half


def is_day_first(tag: str) -> bool:
    """Return whether 3/4/2026 is in April, in a language by its BCP 47 tag.

    >>> [is_day_first(it) for it in ("en-US", "en", "en-GB", "de", "und")]
    [False, False, True, True, True]
    """
    # Babel takes the undetermined language for English.
    if not localedata.exists(primary(tag)):
        return True
    locale = Locale.parse(primary(tag))
    with suppress(ValueError, UnknownLocaleError):
        locale = Locale.parse(tag.replace("-", "_"))
    order = [it for it in locale.date_formats["short"].pattern if it in "yMd"]
    # Where the year is first, a form that ends with it is another country's.
    return bool(order[0] != "M")
