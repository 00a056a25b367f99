"""Fixtures: saved pages of an outlet with the records that they must give, one folder a case.

A folder has ``meta.json`` (address, file, content type), the page, plain or gzipped, and
``expected.json``: the record without the time of fetching, and the fields on which the page and
its structured data disagree.
"""

import gzip
import json
import re
import shutil
import warnings
from itertools import count
from pathlib import Path
from typing import Any

from newscrawl.base_spiders.saved_page import extract
from newscrawl.exceptions import ArgumentError, NotWholeWarning, OutputError
from newscrawl.extraction.loaders import PageStats
from newscrawl.extraction.outlet import Outlet
from newscrawl.items import Article, record
from newscrawl.workbench.pages import META, SavedPage, is_address, unpacked

EXPECTED = "expected.json"
_CASE = re.compile(r"[a-z\d][a-z\d_-]*", re.ASCII)
_DISAGREE = "newscrawl/disagree/"


def fixtures_folder(output: Path) -> Path:
    """Return the folder of all fixtures: ``tests/fixtures`` beside the output folder."""
    return output.parent / "tests" / "fixtures"


def cases_of(fixtures: Path, outlet: str) -> list[Path]:
    """Return the folders of an outlet's cases."""
    return sorted(it.parent for it in fixtures.glob(f"{outlet}/*/{META}"))


def read_meta(folder: Path) -> dict[str, str]:
    """Return the address, file and content type of a case. Raises OutputError if it is damaged."""
    path = folder / META
    try:
        meta: dict[str, str] = json.loads(path.read_text("utf-8"))
        return {name: meta[name] for name in ("url", "file", "content_type")}
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is damaged ({error}).") from None


def saved_page(folder: Path) -> SavedPage:
    """Return the page of a case. Raises OutputError if it is damaged."""
    meta = read_meta(folder)
    path = folder / meta["file"]
    return SavedPage(
        meta["url"], unpacked(path.read_bytes(), str(path)), meta["content_type"], str(path)
    )


def read_record(outlet: Outlet, page: SavedPage) -> tuple[Article, dict[str, Any]]:
    """Return the article of a page, and the record that ``expected.json`` has of it.

    Raises UnreadableError for a page without article, ArgumentError for an address that is not of
    an article of the outlet, and for an article of several pages.
    """
    stats = PageStats()
    with warnings.catch_warnings(record=True, action="always", category=NotWholeWarning) as missing:
        article = extract(page.body, page.url, outlet, stats=stats)
    if missing:
        raise ArgumentError(f"{missing[0].message}: a fixture is of one page.")
    disagree = sorted(it.removeprefix(_DISAGREE) for it in stats if it.startswith(_DISAGREE))
    values = {name: it for name, it in record(article).items() if name != "date_fetched"}
    found: dict[str, Any] = json.loads(json.dumps(values | {"disagreements": disagree}))
    return article, found


def differing_from_fixture(outlet: Outlet, page: SavedPage) -> list[str]:
    """Return the fields in which a fixture's page does not give the expected record.

    A page of no fixture, and one without ``expected.json``, gives none. Raises OutputError if the
    file is damaged.
    """
    path = Path(page.place).parent / EXPECTED
    if is_address(page.place) or not path.with_name(META).exists() or not path.exists():
        return []
    try:
        expected: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}).") from None
    found = read_record(outlet, page)[1]
    names = dict.fromkeys((*expected, *found))
    return [it for it in names if expected.get(it) != found.get(it)]


def free_case(fixtures: Path, outlet: str, case: str) -> Path:
    """Return the folder of a new case. Raises ArgumentError if the name is wrong or taken."""
    if not _CASE.fullmatch(case):
        raise ArgumentError(
            f"The case {case!r} is not allowed: use lower-case letters, digits, _ and -."
        )
    folder = fixtures / outlet / case
    if folder.exists():
        raise ArgumentError(f"There is a case {folder} already. Name another case.")
    return folder


def unused_case(fixtures: Path, outlet: str, kind: str) -> str:
    """Return the kind of an article as the name of its case, with a number if that is taken."""
    names = (f"{kind}_{number}" if number > 1 else kind for number in count(1))
    return next(it for it in names if not (fixtures / outlet / it).exists())


def write_case(folder: Path, page: SavedPage, expected: dict[str, Any] | None) -> None:
    """Write a new case: all of it, or nothing if that fails. None: there is no record yet."""
    name = "post.json" if page.is_post else "page.html.gz"
    meta = {"url": page.url, "file": name, "content_type": page.content_type}
    # The same page gives the same bytes.
    body = page.body if page.is_post else gzip.compress(page.body, mtime=0)
    folder.mkdir(parents=True)
    try:
        (folder / name).write_bytes(body)
        for file, values in ((META, meta), (EXPECTED, expected)):
            if values is not None:
                text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
                (folder / file).write_text(text, "utf-8")
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
