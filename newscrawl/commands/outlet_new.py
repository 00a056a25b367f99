"""The action ``new`` of ``newscrawl outlet``: from pages of a site to a draft of its outlet."""

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scrapy import Request
from scrapy.spiderloader import get_spider_loader

from newscrawl import settings as defaults
from newscrawl.commands.pages import PagesCommand, read_saved
from newscrawl.exceptions import PROGRAM, ArgumentError, OutputError
from newscrawl.extensions.progress import near
from newscrawl.workbench.fixtures import EXPECTED, free_case, unused_case, write_case
from newscrawl.workbench.pages import is_address

if TYPE_CHECKING:
    from newscrawl.workbench.drafting import Draft
    from newscrawl.workbench.survey import Survey

_NAME = re.compile(r"[a-z][a-z\d_]*", re.ASCII)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the action."""
    parser.add_argument("pages", nargs="+", metavar="page", help="a file or an address")
    parser.add_argument("--url", help="address of a saved page (default: the page's own)")
    parser.add_argument("--name", help="the outlet's name (default: of its host)")
    parser.add_argument(
        "--spider",
        action="store_true",
        help="write newscrawl/spiders/NAME.py with proposed selectors, not a row of outlets.toml",
    )


def begin(command: PagesCommand, names: Sequence[str], opts: argparse.Namespace) -> None:
    """Survey the site, write a draft and its fixtures. Raises ArgumentError and OutputError."""
    survey, report = _survey(command, names, opts.url)
    name = opts.name or survey.name
    target = _target(command, name, as_spider=opts.spider)
    from newscrawl.workbench.drafting import draft  # noqa: PLC0415  # no other command pays for it
    from newscrawl.workbench.survey import declared  # noqa: PLC0415

    drafted = draft(survey, name, as_spider=opts.spider, file=str(target))
    notes = [("note", it) for it in (*_known(command, survey.host), *drafted.notes)]
    # A closed pipe (``| head``) ends the printing: the files are written before.
    _write(target, drafted.text)
    cases = list(_write_cases(command, name, drafted))
    for word, sentence in (*declared(survey), *report, *notes):
        print(f"  {word:<12} {sentence}")  # noqa: T201
    print(f"Wrote {near(target)}:\n\n{drafted.text}")  # noqa: T201
    print(*cases, sep="\n")  # noqa: T201
    print(  # noqa: T201
        f"A person must compare each {EXPECTED} with its page: {PROGRAM} outlet try {name}"
    )


def _known(command: PagesCommand, host: str) -> list[str]:
    """Return a sentence for each outlet that has the host already."""
    assert command.settings is not None
    names = get_spider_loader(command.settings).find_by_request(Request(f"https://{host}/"))
    return [f"The outlet {it} has the host {host}, too." for it in names]


def _survey(
    command: PagesCommand, names: Sequence[str], url: str | None
) -> tuple["Survey", list[tuple[str, str]]]:
    """Return what the pages declare and, if one is fetched, what the site answers."""
    from newscrawl.workbench.survey import survey  # noqa: PLC0415

    addresses = [it for it in names if is_address(it)]
    if url and (len(names) != 1 or addresses):
        raise ArgumentError("--url is the address of one saved page.")
    files = {it: read_saved(Path(it), url or "") for it in names if not is_address(it)}
    if not addresses:
        return survey([files[it] for it in names]), []
    from newscrawl.workbench.fetching import Fetch, fetched_page, fetching  # noqa: PLC0415
    from newscrawl.workbench.probe import probe  # noqa: PLC0415

    async def work(fetch: Fetch) -> tuple["Survey", list[tuple[str, str]]]:
        pages = {**files, **{it: await fetched_page(fetch, it) for it in addresses}}
        return await probe(fetch, survey([pages[it] for it in names]))

    assert command.settings is not None
    return fetching(command.settings, work)


def _target(command: PagesCommand, name: str, *, as_spider: bool) -> Path:
    """Return the file to write. Raises ArgumentError if the name is wrong or taken."""
    if not _NAME.fullmatch(name):
        raise ArgumentError(f"The name {name!r} is not allowed: use lower-case letters and digits.")
    if name in ("dataset", "generic"):
        raise ArgumentError(f"The name {name} is newscrawl's own. Give another --name")
    if name in command.spider_names():
        raise ArgumentError(
            f"There is an outlet {name} already. Give another --name, or for a further fixture of"
            f" it: {PROGRAM} capture {name} PAGE, then {PROGRAM} outlet try {name}"
        )
    if (command.fixtures / name).exists():
        raise ArgumentError(f"There are fixtures {near(command.fixtures / name)} already.")
    assert command.settings is not None
    if not as_spider:
        given: Path | None = defaults.read(command.settings, "NEWSCRAWL_OUTLETS")
        return given or command.output.parent / "outlets.toml"
    folder = command.output.parent / "newscrawl" / "spiders"
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder}: --spider needs a clone of newscrawl.")
    path = folder / f"{name}.py"
    if path.exists():
        raise ArgumentError(f"There is a file {near(path)} already. Give another --name")
    return path


def _write(path: Path, text: str) -> None:
    """Write a spider, or add a row to a table."""
    if path.suffix == ".toml" and path.exists() and (before := path.read_text("utf-8").rstrip()):
        text = f"{before}\n\n{text}"
    path.write_text(text, "utf-8")


def _write_cases(command: PagesCommand, name: str, drafted: "Draft") -> Iterator[str]:
    """Write the fixtures; yield lines about each."""
    for page, article, expected in drafted.cases:
        folder = free_case(
            command.fixtures, name, unused_case(command.fixtures, name, article.kind)
        )
        write_case(folder, page, expected)
        yield f"Wrote {near(folder)}: {article.headline}"
        names = ", ".join(it.name for it in article.authors) or "no author"
        facts = f"{names}, {article.date_published}, {article.word_count} words"
        yield f"  read by {article.extraction}: {facts}"
