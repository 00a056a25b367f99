"""The arguments of a spider (``-a name=value``): a table, read and checked in one place."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from glob import glob
from pathlib import Path
from typing import Any

from newscrawl.discovery import Arguments
from newscrawl.exceptions import ArchiveError, ArgumentError
from newscrawl.extensions import options
from newscrawl.extensions.options import Kind, Option, comma_list, unknown, wrong
from newscrawl.extraction.dates import utc
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.sources import METHODS
from newscrawl.storage.runs import is_run_name
from newscrawl.storage.warc import WarcFile

# Arguments that have no meaning for an archive.
_OF_THE_SITE = ("sections", "tags", "follow", "discover", "fetch", "pages")
FETCH = ("auto", "page", "api", "browser")


def _paths(text: str) -> tuple[str, ...]:
    """Return the paths of a list. Raises ValueError for an empty one, which is a mistake."""
    if not (paths := tuple(path.strip("/") for path in comma_list(text))):
        raise ValueError
    return paths


def _moment(*, last: bool) -> Callable[[str], str]:
    """Return a reader of the first or the last second that a date or time means."""

    def read(text: str) -> str:
        try:
            day = datetime.combine(date.fromisoformat(text), time.min, UTC)
        except ValueError:
            moment = datetime.fromisoformat(text)
            return utc(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
        return utc(day + timedelta(days=1, seconds=-1) if last else day)

    return read


def _files(text: str, argument: str = "archive") -> tuple[str, ...]:
    # A file's name may contain brackets or a comma.
    names = [text] if Path(text).is_file() else comma_list(text)
    matches = [[name] if Path(name).is_file() else glob(name) for name in names]
    files = sorted({path for paths in matches for path in paths})
    # A missing file is an error even if others exist.
    if not all(matches):
        raise ValueError
    for path in files:
        try:
            with WarcFile(path) as file:
                file.check()
        except ArchiveError as error:
            raise wrong(argument, path, f"a WARC file ({error})") from error
        except OSError as error:
            allowed = f"a file that can be read ({error.strerror})"
            raise wrong(argument, path, allowed) from error
    return tuple(files)


def _runs_or_files(text: str) -> tuple[str, ...]:
    names = comma_list(text)
    runs = [it for it in names if is_run_name(it)]
    files = ",".join(it for it in names if it not in runs)
    if not names:
        raise ValueError
    try:
        return (*runs, *(_files(files, "reread") if files else ()))
    except ArgumentError:
        raise
    except ValueError:
        raise ArgumentError(f"reread={files!r}: there is no such file.") from None


_TIME = "a date or an ISO time, such as 2026-11-23 or 2026-11-23T14:00:00Z"

OPTIONS = (
    Option(
        "sections",
        None,
        Kind("paths of sections, comma-separated", _paths),
        "Only the articles of these listings. Without sections and tags: the whole outlet.",
        "sections=homenews/senate,policy/defense",
    ),
    Option(
        "tags",
        None,
        Kind("paths of tags, comma-separated", _paths),
        "Only the articles of these tags' listings.",
        "tags=people/joe-biden",
    ),
    Option(
        "follow",
        None,
        options.SWITCH,
        "1: also the articles that listings and articles link to. Default: 0 with sections or tags,"
        " 1 without.",
        "follow=1",
    ),
    Option(
        "pages",
        "10",
        options.WHOLE,
        "Pages of a listing that are read at most, while they show something new.",
        "pages=3",
    ),
    Option(
        "since",
        None,
        Kind(_TIME, _moment(last=False)),
        "Start of the publication window, inclusive, in UTC unless the time says otherwise.",
        "since=2026-11-01",
    ),
    Option(
        "until",
        None,
        Kind(_TIME, _moment(last=True)),
        "End of the publication window, inclusive, in UTC unless the time says otherwise.",
        "until=2026-11-23T14:00:00Z",
    ),
    Option(
        "limit",
        None,
        options.WHOLE,
        "New or revised articles after which the run stops.",
        "limit=200",
    ),
    Option(
        "discover",
        None,
        options.choices(*METHODS),
        "How articles are found: by the links of pages, by feeds, sitemaps, or the REST interface"
        " (api). Default: the first of these that the outlet has.",
        "discover=feeds,api",
    ),
    Option(
        "fetch",
        "auto",
        options.choice(*FETCH),
        "How articles are fetched. page: as the site sends them; api: by REST; browser: through"
        " Chromium; auto: pages, by REST once they are refused, live updates through Chromium.",
        "fetch=page",
    ),
    Option(
        "archive",
        None,
        Kind("WARC files that are there (a path, several, or a glob)", _files),
        "Articles come from these WARC files and nothing from the network.",
        "archive=CC-NEWS-2026*.warc.gz",
    ),
    Option(
        "reread",
        None,
        Kind("names of runs, or WARC files of NEWSCRAWL_RECORD, comma-separated", _runs_or_files),
        "The rejected responses of these runs, or these recordings, are read again. The command"
        " `reread` sets this argument.",
        "reread=20261123T201400Z",
    ),
)


OF_SCRAPYD = ("_job", "_version")
"""What Scrapyd adds to the arguments: the id of its job, and the egg that a job names."""


def parse(given: Mapping[str, Any], outlet: Outlet) -> Arguments:
    """Return the typed arguments of a crawl of ``outlet``.

    Raises ArgumentError, one sentence that names the argument, its value and the allowed values.
    """
    known = {it.name: it for it in OPTIONS}
    for name in given:
        if name not in known:
            raise unknown("spider argument", name, known)
    values = {name: known[name].read(value) for name, value in given.items()}
    values.setdefault("follow", not {"sections", "tags"} & values.keys())
    values.setdefault("discover", outlet.methods[:1])
    arguments = Arguments(**values)
    _check_outlet(arguments, outlet)
    if arguments.since and arguments.until and arguments.since > arguments.until:
        raise wrong("since", str(given["since"]), f"a time before until={given['until']}")
    if not (arguments.discover or arguments.is_offline):
        raise ArgumentError(f"{outlet.name} declares no sources: there is nothing to crawl.")
    if arguments.is_offline and (other := next((it for it in _OF_THE_SITE if it in given), None)):
        name = "archive" if arguments.archive else "reread"
        raise wrong(other, str(given[other]), f"left out with {name}: an archive has no listings")
    if arguments.archive and arguments.reread:
        raise wrong("archive", str(given["archive"]), "left out with reread")
    if "sitemap" in arguments.discover and arguments.until and not arguments.since:
        raise wrong("until", str(given["until"]), "given with since when discover has sitemap")
    if "sitemap" in arguments.discover and arguments.tags:
        raise wrong("tags", str(given["tags"]), "left out when discover has sitemap")
    some = next((it for it in ("sections", "tags") if it in given), None)
    if some and "feeds" in arguments.discover and not outlet.rest:
        allowed = (
            f"left out when discover has feeds: those of {outlet.name} are of the whole outlet"
        )
        raise wrong(some, str(given[some]), allowed)
    return arguments


def _check_outlet(arguments: Arguments, outlet: Outlet) -> None:
    """Raise ArgumentError for a section, tag or method that the outlet does not have."""
    sections = [section.strip("/") for section in outlet.listings.paths]
    for path in arguments.sections:
        if not sections:
            raise ArgumentError(f"Leave out sections={path!r}: {outlet.name} declares no listings.")
        _check("sections", path, sections)
    for path in arguments.tags:
        if not outlet.is_tag(f"/{path}/"):
            raise wrong("tags", path, f"the path of a tag's listing of {outlet.name}")
    for method in arguments.discover:
        _check("discover", method, outlet.methods)
    _check("fetch", arguments.fetch, [it for it in FETCH if it != "api" or outlet.rest])


def _check(name: str, value: str, allowed: Iterable[str]) -> None:
    allowed = list(allowed)
    if value in allowed:
        return
    if meant := get_close_matches(value, allowed, n=1, cutoff=0.8):
        raise ArgumentError(f"{name}={value!r} is not allowed. Did you mean {meant[0]!r}?")
    raise wrong(name, value, f"one of {', '.join(allowed)}")
