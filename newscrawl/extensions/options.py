"""Options: spider arguments and settings, with their kinds of values.

The tables are in ``newscrawl.settings`` and ``newscrawl.base_spiders.arguments``. Checks, help and
reference pages are made of them.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from newscrawl.exceptions import ArgumentError


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: the allowed values in words, and a reader that raises ValueError."""

    allowed: str
    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Option:
    """A spider argument or a setting of newscrawl.

    ``default`` is written as a person would write the value; None means that there is none.
    ``scrapy`` is the setting of Scrapy's that this one sets. The value of a secret is never shown.
    """

    name: str
    default: str | None
    kind: Kind
    meaning: str
    example: str
    scrapy: str = ""
    is_secret: bool = False

    def read(self, value: object) -> Any:
        """Return the typed value. Raises ArgumentError, one sentence."""
        text = _text(value).strip()
        try:
            return self.kind.read(text)
        except ArgumentError:
            raise
        except (ValueError, OverflowError):
            raise wrong(self.name, text, self.kind.allowed) from None


def wrong(name: str, value: str, allowed: str) -> ArgumentError:
    """Return the error for a value that is not allowed."""
    shown = re.sub(r"[^/@]*@", "…@", value)  # a password in a URL
    return ArgumentError(f"{name}={shown!r} is not allowed: it must be {allowed}.")


def unknown(what: str, name: str, known: Iterable[str], prefix: str = "") -> ArgumentError:
    """Return the error for an unknown name, with the most similar known name.

    All names begin with ``prefix``, which is not compared.
    """
    short = [it.removeprefix(prefix) for it in known]
    meant = get_close_matches(name.removeprefix(prefix), short, n=1, cutoff=0.7)
    hint = f"Did you mean {prefix + meant[0]!r}?" if meant else f"Known are {', '.join(known)}."
    return ArgumentError(f"Unknown {what} {name!r}. {hint}")


def comma_list(text: str) -> list[str]:
    """Return the parts of a comma-separated list, without empty ones."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _text(value: object) -> str:
    """Return a value as a person would write it; a program may set a list or a dictionary."""
    if isinstance(value, Mapping):
        return json.dumps(dict(value))
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)


def _some(text: str) -> str:
    if not text:
        raise ValueError
    return text


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise ValueError
    return number


def _amount(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError
    return number


def _hours(text: str) -> tuple[float, ...]:
    hours = tuple(map(float, comma_list(text)))
    if not all(math.isfinite(it) and it >= 0 for it in hours):
        raise ValueError
    return hours


def _pair(text: str) -> tuple[float, float]:
    least, most = map(_number, text.split(","))
    if least > most:
        raise ValueError
    return least, most


def _switch(text: str) -> bool:
    # The values of Scrapy's getbool.
    values = {"0": False, "1": True}
    values |= {"False": False, "false": False, "True": True, "true": True}
    if text not in values:
        raise ValueError
    return values[text]


def _object(text: str) -> dict[str, Any]:
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError  # readers raise ValueError
    return document


def _file(text: str) -> Path | None:
    if text and not Path(text).is_file():
        raise ValueError
    return Path(text) if text else None


def _remote(text: str) -> str:
    # "s3:/bucket" would be a folder of that name.
    if ":" in text.partition("/")[0] and "://" not in text:
        raise ValueError
    return text


ANY = Kind("any text", str)
SOME = Kind("some text", _some)
FOLDER = Kind("a path", _some)
WHOLE = Kind("a whole number from 1 up", _whole)
NUMBER = Kind("a number above 0", _number)
AMOUNT = Kind("a number from 0 up", _amount)
HOURS = Kind("hours, comma-separated, or nothing", _hours)
PAIR = Kind("two numbers above 0, the least and the most, such as 6,48", _pair)
SWITCH = Kind("0 or 1", _switch)
OBJECT = Kind("a JSON object", _object)
PATH = Kind("a path", str)
FILE = Kind("the path of a file that is there", _file)
REMOTE = Kind("a URL such as s3://bucket/news, or a folder", _remote)


def choice(*allowed: str) -> Kind:
    """Return the kind of a value that is one of a few words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError
        return text

    return Kind(f"one of {', '.join(allowed)}", read)


def choices(*allowed: str) -> Kind:
    """Return the kind of a comma-separated list of words, each of which is one of a few."""

    def read(text: str) -> tuple[str, ...]:
        words = tuple(dict.fromkeys(comma_list(text)))
        if not words or not set(words) <= set(allowed):
            raise ValueError
        return words

    return Kind(f"one of {', '.join(allowed)}, or several, comma-separated", read)


def markdown(options: Iterable[Option], *, scrapy: bool = False) -> str:
    """Return the reference of some options, each with the same fields."""
    lines = []
    for it in options:
        default = "none" if it.default in (None, "") else f"`{it.default}`"
        lines += [f"## `{it.name}`", "", it.meaning, "", f"- Default: {default}"]
        lines += [f"- Value: {it.kind.allowed}", f"- Example: `{it.example}`"]
        if scrapy and it.scrapy:
            lines += [f"- Sets Scrapy's `{it.scrapy}`"]
        lines += [""]
    return "\n".join(lines)
