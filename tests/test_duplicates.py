"""Near-duplicates: from published parts to the marks in the dataset."""

import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from bench.duplicates import Case, alike, cases, newsletter, rewritten, story, text, wire
from newscrawl.dataset.build import build
from newscrawl.dataset.duplicates import COMMON, THRESHOLD, Marked, mark
from newscrawl.dataset.verify import Verifier
from newscrawl.storage.ledger import Ledger
from tests.conftest import ROOT, command
from tests.made_up import made_up, write_run
from tests.test_real_pages import bodies, read_body


def article(number: int, day: str, body: str, **more: Any) -> dict[str, Any]:
    """Return the record of an article that was published on a day of 2026."""
    return made_up(number, date_published=f"2026-{day}T12:00:00Z", body=body, **more)


def dataset(output: Path, *arguments: str, seed: str = "0") -> tuple[int, str]:
    """Run ``scrapy dataset``; return its exit code and what it says."""
    done = command(output, "dataset", *arguments, PYTHONHASHSEED=seed)
    return done.returncode, done.stdout + done.stderr


def manifest(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "dataset/dataset.json").read_text("utf-8"))
    return found


def rows(output: Path, name: str = "duplicates") -> list[dict[str, Any]]:
    path = output / f"dataset/duplicates/{name}.parquet"
    found: list[dict[str, Any]] = pq.ParquetFile(path).read().to_pylist()
    return found


def clusters(output: Path) -> dict[str, list[str]]:
    """Return the members of each cluster, in the order of the rows."""
    found: dict[str, list[str]] = {}
    for row in rows(output):
        found.setdefault(row["cluster"], []).append(f"{row['outlet']}/{row['id']}")
    return found


def files(output: Path) -> dict[str, bytes]:
    """Return all that the dataset has, by path."""
    folder = (output / "dataset").resolve()
    found = (it for it in folder.rglob("*") if it.is_file())
    return {it.relative_to(folder).as_posix(): it.read_bytes() for it in found}


ORIGINAL = story("a")
BRIEF = "The night ferry is late again."


def publish_first(output: Path) -> list[dict[str, Any]]:
    records = [
        article(100, "10-31", text(ORIGINAL)),
        article(101, "11-03", text(ORIGINAL)),
        article(102, "11-02", text(rewritten(ORIGINAL, [4]))),
        article(103, "11-04", BRIEF),
        article(104, "11-05", BRIEF),
        *(article(300 + n, "11-06", text(story(f"other {n}"))) for n in range(20)),
        *(article(200 + n, f"11-{n + 1:02}", text(issue(n))) for n in range(COMMON)),
    ]
    write_run(output, "20261121T000000Z", records)
    return records


def publish_second(output: Path) -> list[dict[str, Any]]:
    elsewhere = [article(900, "10-30", text(wire(ORIGINAL)), outlet="gazette")]
    write_run(output, "20261122T000000Z", elsewhere, outlet="gazette")
    records = [
        article(305, "11-06", text(rewritten(story("other 4"), [7])), revision=2),
        *(article(200 + n, "11-20", text(issue(n))) for n in range(COMMON, COMMON + 2)),
    ]
    write_run(output, "20261122T000000Z", records)
    return elsewhere + records


def issue(number: int) -> list[str]:
    """Return an issue of a series whose frame is most of it."""
    return newsletter(f"issue {number}", 1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both runs, built and marked at once."""
    output = tmp_path_factory.mktemp("whole")
    publish_first(output)
    publish_second(output)
    code, told = dataset(output, "build", seed="1")
    assert code == 0, told
    code, told = dataset(output, "duplicates", seed="1")
    assert code == 0, told
    assert "38 texts read; 6 articles are near-duplicates, in 2 clusters." in told
    return output


def test_the_same_story_is_marked_and_nothing_is_dropped(whole: Path) -> None:
    assert clusters(whole) == {
        # Called after the first, wherever it stood; in the order of publication.
        "gazette/900": ["gazette/900", "hill/100", "hill/102", "hill/101"],
        "hill/304": ["hill/304", "hill/305"],
    }
    similar = {row["id"]: row["similarity"] for row in rows(whole)}
    assert similar["900"] == similar["304"] == similar["101"] == 1
    assert THRESHOLD < similar["100"] < similar["102"] < 1
    # Neither the brief, twice the same, nor an issue of a series that shares most of its text.
    assert pq.read_table(whole / "dataset/articles").num_rows == 5 + 20 + COMMON + 1 + 2
    signed = {row["id"]: row["signature"] is not None for row in rows(whole, "signatures")}
    assert {it for it, done in signed.items() if not done} == {"103", "104"}


def test_the_manifest_and_the_card_tell_of_it(whole: Path) -> None:
    told = manifest(whole)
    assert told["duplicates"]["through"] == dict.fromkeys(("gazette", "hill"), "20261122T000000Z")
    assert (told["duplicates"]["articles"], told["duplicates"]["clusters"]) == (6, 2)
    # Which compares every file with the manifest.
    assert list(Verifier(whole).faults(Ledger(f"sqlite:///{whole}/ledger.sqlite3"))) == []
    marks = told["files"]["duplicates/duplicates.parquet"]
    assert marks["rows"] == 6
    assert list(told["files"]) == sorted(told["files"])
    card = (whole / "dataset/README.md").read_text("utf-8")
    assert "6 articles are near-duplicates, in 2 clusters" in " ".join(card.split())
    assert "config_name: duplicates\n  data_files: duplicates/duplicates.parquet\n" in card


def test_the_query_of_the_documentation_takes_each_story_once(whole: Path) -> None:
    page = (ROOT / "docs/how-to/use-the-dataset.md").read_text("utf-8")
    (query,) = re.findall(r"```sql\n(from[^`]*duplicates.*?)```", page, flags=re.S)
    found = duckdb.sql(query.replace("'output/", f"'{whole}/")).fetchall()
    assert len(found) == 38 - (6 - 2)


def test_run_after_run_gives_what_one_run_gives(whole: Path, tmp_path: Path) -> None:
    publish_first(tmp_path)
    build(tmp_path)
    mark(tmp_path)
    assert "hill/100" in clusters(tmp_path)
    before = (tmp_path / "dataset/duplicates/duplicates.parquet").stat()

    publish_second(tmp_path)
    assert dataset(tmp_path, "build", seed="2")[0] == 0
    # What was found stays, and says up to which runs it goes.
    assert (tmp_path / "dataset/duplicates/duplicates.parquet").stat().st_ino == before.st_ino
    told = manifest(tmp_path)
    assert told["duplicates"]["through"] == {"hill": "20261121T000000Z"}
    assert told["outlets"]["hill"]["through"] == "20261122T000000Z"

    code, said = dataset(tmp_path, "duplicates", seed="2")
    # The new ones, the revised one, and the issues whose frame is known as one only now.
    assert (code, said.count(f" {4 + COMMON} texts read;")) == (0, 1), said
    assert files(tmp_path) == files(whole)
    assert mark(tmp_path) == Marked(6, 2, read=None)
    build(tmp_path, full=True)
    assert "duplicates" not in manifest(tmp_path)
    assert not (tmp_path / "dataset/duplicates").exists()


def test_without_a_dataset_one_sentence(tmp_path: Path) -> None:
    code, told = dataset(tmp_path, "duplicates")
    assert code == 3
    assert told == f"There is no dataset in {tmp_path}: build it with scrapy dataset build.\n"
    assert not (tmp_path / "dataset").exists()


def test_without_stories_nothing_is_marked(tmp_path: Path) -> None:
    write_run(tmp_path, "20261121T000000Z", [])
    build(tmp_path)
    assert mark(tmp_path) == Marked(0, 0, read=None)
    write_run(tmp_path, "20261122T000000Z", [article(n, "11-04", BRIEF) for n in (1, 2)])
    build(tmp_path)
    assert mark(tmp_path) == Marked(0, 0, read=2)
    assert rows(tmp_path) == []


@pytest.mark.parametrize("case", list(cases()), ids=lambda it: it.name)
def test_the_threshold_tells_stories_apart(case: Case) -> None:
    (found,) = alike([case.one], [case.other])
    assert (found >= THRESHOLD) == case.same, found


def test_real_stories_are_alike_only_to_their_copies(shared: Path, tmp_path: Path) -> None:
    real = {it["id"]: (read_body(it).text or "").split("\n\n") for it in bodies(shared)}
    originals = [article(it, "11-01", text(blocks)) for it, blocks in real.items()]
    copies = [
        article(10_000_000 + it, "11-02", text([blocks[0].upper()], blocks[1:-1]))
        for it, blocks in real.items()
    ]
    write_run(tmp_path, "20261121T000000Z", [*originals, *copies])
    build(tmp_path)
    mark(tmp_path)
    wanted = {f"hill/{it}": [f"hill/{it}", f"hill/{10_000_000 + it}"] for it in real}
    assert clusters(tmp_path) == wanted
