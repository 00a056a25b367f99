"""The arguments of a spider (``-a name=value``): read, checked and typed in one place."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from glob import glob
from typing import Any

from newscrawl.discovery import Arguments
from newscrawl.exceptions import ArchiveError, ArgumentError
from newscrawl.extraction.dates import utc
from newscrawl.storage.warc import WarcFile

DISCOVER = ("links", "feeds", "sitemap", "api")
# What says which listings are read, and how pages are requested.
_OF_THE_SITE = ("sections", "tags", "discover", "fetch", "pages")
FETCH = ("auto", "page", "api", "browser")


def read(
    given: Mapping[str, Any], sections: Iterable[str], is_tag: Callable[[str], bool]
) -> Arguments:
    """Return the typed arguments.

    ``sections`` are the outlet's own; ``is_tag`` says whether a path, with slashes around it, is
    a tag's. Raises ArgumentError, one sentence that names argument, value and what is allowed.
    """
    sections = tuple(sections)
    readers: dict[str, Callable[[str, str], Any]] = {
        "sections": lambda name, text: _sections(name, text, sections),
        "tags": lambda name, text: _tags(name, text, is_tag),
        "discover": lambda name, text: tuple(
            dict.fromkeys(_choice(name, way, DISCOVER) for way in _some(name, text))
        ),
        "fetch": lambda name, text: _choice(name, text, FETCH),
        "since": _moment,
        "until": _moment,
        "archive": _files,
        "limit": _count,
        "pages": _count,
    }
    values = {}
    for name, value in given.items():
        if name not in readers:
            raise _wrong("argument", name, f"one of {', '.join(readers)}")
        values[name] = readers[name](name, str(value).strip())
    wanted = Arguments(**values)
    if wanted.since and wanted.until and wanted.since > wanted.until:
        raise _wrong("since", str(given["since"]), f"a time before until={given['until']}")
    if wanted.archive and (other := next((it for it in _OF_THE_SITE if it in given), None)):
        raise _wrong(other, str(given[other]), "left out with archive, which holds what it holds")
    if "sitemap" in wanted.discover and wanted.until and not wanted.since:
        raise _wrong("until", str(given["until"]), "given with since when discover has sitemap")
    if "sitemap" in wanted.discover and wanted.tags:
        raise _wrong("tags", str(given["tags"]), "left out when discover has sitemap")
    return wanted


def _wrong(name: str, value: str, allowed: str) -> ArgumentError:
    return ArgumentError(f"{name}={value!r} is not allowed: it must be {allowed}.")


def _list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _choice(name: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise _wrong(name, text, f"one of {', '.join(allowed)}")
    return text


def _sections(name: str, text: str, sections: Iterable[str]) -> tuple[str, ...]:
    allowed = tuple(section.strip("/") for section in sections)
    return tuple(_choice(name, path.strip("/"), allowed) for path in _some(name, text))


def _tags(name: str, text: str, is_tag: Callable[[str], bool]) -> tuple[str, ...]:
    paths = tuple(path.strip("/") for path in _some(name, text))
    for path in paths:
        if not is_tag(f"/{path}/"):
            raise _wrong(name, path, "a tag's path, such as people/joe-biden")
    return paths


def _some(name: str, text: str) -> list[str]:
    """Return the parts of a list that says something: an empty one is not "everything"."""
    if not (parts := _list(text)):
        raise _wrong(name, text, "at least one value, or left out")
    return parts


def _count(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise _wrong(name, text, "a whole number from 1 up")
    return int(text)


def _moment(name: str, text: str) -> str:
    """Return the first (``since``) or last (``until``) second that a date or time means."""
    try:
        if len(text) == 10:
            day = datetime.combine(datetime.fromisoformat(text), time.min, UTC)
            return utc(day if name == "since" else day + timedelta(days=1, seconds=-1))
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise _wrong(
            name, text, "a date or an ISO time, such as 2026-11-23 or 2026-11-23T14:00:00Z"
        ) from None
    return utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _files(name: str, text: str) -> tuple[str, ...]:
    files = sorted({path for pattern in _list(text) for path in glob(pattern)})
    if not files:
        raise _wrong(name, text, "WARC files that are there (a path, several, or a glob)")
    for path in files:
        try:
            with WarcFile(path) as file:
                file.check()
        except ArchiveError as error:
            raise _wrong(name, path, f"a WARC file ({error})") from error
        except OSError as error:
            raise _wrong(name, path, f"a file that can be read ({error.strerror})") from error
    return tuple(files)
