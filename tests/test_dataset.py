"""From parts to a dataset: loading, verification, and changes for consumers."""

import csv
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from newscrawl.dataset.build import build
from newscrawl.dataset.changes import changes
from newscrawl.dataset.generations import KEEP, Generations
from newscrawl.dataset.verify import Verifier
from newscrawl.exceptions import DatasetError
from newscrawl.items import SCHEMA_VERSION, Author, Image
from newscrawl.storage import versions
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import describe, line_of, read_part
from newscrawl.storage.runs import read_run
from newscrawl.storage.schema import generate, shipped
from tests.conftest import ROOT, command, crawl, runs_of
from tests.made_up import AWKWARD, back, gone, made_up, write_run
from tests.recordings import HTML, address, article, site

RUNS = [f"202611{day:02}T120000Z" for day in range(1, 10)]


def dataset(output: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run ``scrapy dataset`` as a user does."""
    return command(output, "dataset", *arguments)


def rows(output: Path, view: str = "articles", *columns: str) -> list[dict[str, Any]]:
    """Return the rows of a view in the order of its files."""
    found = []
    for path in sorted((output / "dataset" / view).rglob("*.parquet")):
        found += pq.ParquetFile(path).read(columns=list(columns) or None).to_pylist()
    return found


def contents(output: Path) -> dict[str, bytes]:
    """Return every file of the dataset, by its path in it."""
    folder = (output / "dataset").resolve()
    files = (it for it in folder.rglob("*") if it.is_file())
    return {it.relative_to(folder).as_posix(): it.read_bytes() for it in files}


def time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """An output folder of four runs: news of two months, revisions, withdrawals."""
    october: dict[str, Any] = {"date_published": "2026-10-31T23:59:59Z"}
    write_run(tmp_path, RUNS[0], [made_up(1), made_up(2), made_up(40, **october)])
    write_run(tmp_path, RUNS[1], [made_up(3), made_up(1, 2)], [gone(2, "2026-11-02T12:00:05Z")])
    # Its date of publication was corrected into the next month.
    write_run(tmp_path, RUNS[2], [made_up(40, 2), made_up(1, 3)])
    write_run(
        tmp_path, RUNS[3], [], [back(2, "2026-11-04T12:00:05Z"), gone(3, "2026-11-04T12:00:09Z")]
    )
    return tmp_path


def test_the_views_hold_the_latest_and_all_revisions_typed_and_in_order(history: Path) -> None:
    done = dataset(history, "build")
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 runs read, 2 months written (it is the first build), 0 kept" in done.stdout
    folder = history / "dataset"
    assert sorted(it.relative_to(folder).as_posix() for it in folder.rglob("*.parquet")) == [
        "articles/outlet=hill/month=2026-10/articles.parquet",
        "articles/outlet=hill/month=2026-11/articles.parquet",
        "revisions/outlet=hill/month=2026-10/earlier.parquet",
        "revisions/outlet=hill/month=2026-10/latest.parquet",
        "revisions/outlet=hill/month=2026-11/earlier.parquet",
        "revisions/outlet=hill/month=2026-11/latest.parquet",
    ]
    key = ("id", "revision", "run")
    assert [tuple(it.values()) for it in rows(history, "articles", *key)] == [
        ("40", 2, RUNS[2]),
        ("1", 3, RUNS[2]),
        ("2", 1, RUNS[0]),
        ("3", 1, RUNS[1]),
    ]
    every = {(it["id"], it["revision"]) for it in rows(history, "revisions", *key)}
    assert every == {("1", 1), ("1", 2), ("1", 3), ("2", 1), ("3", 1), ("40", 1), ("40", 2)}
    path = folder / "articles/outlet=hill/month=2026-11/articles.parquet"
    types = {it.name: str(it.type) for it in pq.read_schema(path)}
    assert types["date_published"] == types["date_gone"] == "timestamp[us, tz=UTC]"
    assert types["authors"].startswith("list<")
    assert "struct<name: string, url: string>" in types["authors"]
    assert types["revision"] == types["word_count"] == "int32"
    assert list(types)[: len(made_up(1))] == list(made_up(1))
    assert pq.ParquetFile(path).metadata.row_group(0).column(3).compression == "ZSTD"


def _lines_that_load(page: str) -> list[str]:
    """Return the lines of Python that a page or a card prints, but for Spark's."""
    (code,) = re.findall(r"```python\n(import os.path\nimport duckdb, .*?)```", page, flags=re.S)
    return [it for it in code.splitlines() if it and not it.startswith("spark")]


def _loaded(lines: list[str]) -> dict[str, list[str]]:
    """Run lines that load the articles; return the ids that each library gives."""
    ids = {}
    names: dict[str, Any] = {}
    for line in lines:
        if line.startswith(("import ", "dataset =")):
            exec(line, names)  # the page's own code
            continue
        found = eval(line, names)
        column = found.fetchnumpy()["id"] if line.startswith("duckdb") else found["id"]
        ids[line.partition(".")[0]] = sorted(column)
    return ids


@pytest.mark.parametrize("source", ["page", "card", "the Hub's line"])
def test_every_printed_line_loads_the_newest_build_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """Two folders of the same name, two builds each, one process and one cache."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    numbers = iter(range(1, 9))
    page = (ROOT / "docs/how-to/use-the-dataset.md").read_text("utf-8")
    expected: dict[str, list[str]] = {"one": [], "other": []}
    for run in RUNS[:2]:
        for folder, ids in expected.items():
            output = tmp_path / folder / "output"
            output.mkdir(parents=True, exist_ok=True)
            new = [next(numbers), next(numbers)]
            ids.extend(map(str, new))
            write_run(output, run, [made_up(it) for it in new])
            build(output)
            monkeypatch.chdir(output.parent)
            lines = _lines_that_load(page)
            if source == "card":
                monkeypatch.chdir(output / "dataset")
                lines = _lines_that_load(Path("README.md").read_text("utf-8"))
            elif source == "the Hub's line":
                line = "datasets.load_dataset('output/dataset', 'articles', split='train')"
                lines = ["import datasets", line]
            loaded = _loaded(lines)
            assert set(loaded) >= {"datasets"}
            assert set(loaded) <= {"duckdb", "polars", "pandas", "datasets"}
            assert all(it == ids for it in loaded.values()), loaded


def test_a_reader_that_lists_first_and_reads_later_reads_one_build(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0], [made_up(1), made_up(40, date_published="2026-10-31T23:59:59Z")])
    build(tmp_path)
    folder = (tmp_path / "dataset").resolve()
    listed = sorted(folder.glob("articles/*/*/*.parquet"))
    before = [it.read_bytes() for it in listed]
    for number, run in enumerate(RUNS[1:4], 2):
        write_run(tmp_path, run, [made_up(1, number), made_up(40, number)])
        build(tmp_path)
    assert [it.read_bytes() for it in listed] == before
    assert {it["revision"] for it in rows(tmp_path)} == {4}


def test_builds_are_removed_some_hours_after_they_were_replaced(tmp_path: Path) -> None:
    builds = []
    for run in RUNS[:4]:
        write_run(tmp_path, run, [made_up(int(run[6:8]))])
        folder = build(tmp_path).folder
        assert folder
        builds.append(folder)
        age = KEEP.total_seconds() + 60
        os.utime(folder, (folder.stat().st_atime, folder.stat().st_mtime - age))
    # The one before the newest stays, however old it is.
    assert [it.exists() for it in builds] == [False, False, True, True]


def test_a_build_that_would_lose_revisions_refuses(history: Path) -> None:
    build(history)
    before = contents(history)
    folder = history / "hill" / f"run={RUNS[1]}"
    away = folder.rename(history / "away")
    done = dataset(history, "build", "--full")
    assert (done.returncode, done.stdout) == (3, "")
    assert "(--full) would lose 2 revisions that the dataset has: hill 2026-11 2." in done.stderr
    # An equal number of others makes up for nothing.
    write_run(history, RUNS[4], [made_up(5), made_up(6)])
    done = dataset(history, "build", "--full")
    assert (done.returncode, done.stdout) == (3, "")
    assert "would lose 2 revisions" in done.stderr
    assert contents(history) == before
    done = dataset(history, "build", "--full", "--allow-fewer")
    assert done.returncode == 0
    assert len(rows(history, "revisions")) == 7
    away.rename(folder)
    # Runs that come back are read, though later ones were read before.
    done = dataset(history, "build")
    assert f"(runs of hill before {RUNS[4]} were added)" in done.stdout
    assert len(rows(history, "revisions")) == 9
    assert "up to date" in dataset(history, "build").stdout


def test_spark_loads_it_by_path(history: Path) -> None:
    sql = pytest.importorskip("pyspark.sql", reason="pyspark is not installed (it is not small)")
    build(history)
    spark = sql.SparkSession.builder.master("local[1]").getOrCreate()
    found = spark.read.parquet(str(history / "dataset" / "articles"))
    assert found.count() == 4
    assert found.where("month = '2026-10'").select("id", "authors.name").collect() == [
        ("40", ["Ada Quill", "B. Marsh"])
    ]
    spark.stop()


def test_the_card_tells_counts_span_sources_and_columns(history: Path) -> None:
    build(history)
    card = (history / "dataset" / "README.md").read_text("utf-8")
    assert "4 articles in 7 revisions" in card
    assert "from 2026-11-01 to 2026-11-12" in card
    assert "1 of them were removed from their site" in card
    assert f"| page 4 | {RUNS[3]} |" in card
    assert "belong to their publisher" in card
    for name in [*made_up(1), "run", "date_gone"]:
        assert f"\n| `{name}` | " in card


def test_built_run_after_run_or_at_once_it_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "all").mkdir()
    step, whole = tmp_path / "step", tmp_path / "all"
    october: dict[str, Any] = {"date_published": "2026-10-05T08:00:00Z"}
    runs = [
        ([made_up(n) for n in range(1, 20)], []),
        ([made_up(50, **october), made_up(4, 2), made_up(5, 2)], [gone(7, "2026-11-02T12:00:00Z")]),
        ([made_up(4, 3), made_up(7, 2, source="archive")], []),
        ([made_up(n) for n in range(20, 29)], [back(7, "2026-11-04T12:00:00Z")]),
        ([made_up(9, 2, date_published="2026-12-24T00:00:00Z")], [gone(9, "2026-11-05T12:30:00Z")]),
        ([made_up(9, 3)], []),
    ]
    for run, (records, withdrawn) in zip(RUNS, runs, strict=False):
        write_run(step, run, records, withdrawn)
        write_run(whole, run, records, withdrawn)
        build(step)
    build(whole)
    assert contents(step) == contents(whole)
    build(step, full=True)
    assert contents(step) == contents(whole)
    assert list(Verifier(step).faults(None)) == []


def test_what_was_published_twice_is_there_once(tmp_path: Path) -> None:
    """A lost ledger that nobody rebuilt makes a crawl publish everything again."""
    (tmp_path / "all").mkdir()
    step, whole = tmp_path / "step", tmp_path / "all"
    october: dict[str, Any] = {"date_published": "2026-10-30T12:00:00Z"}
    later: dict[str, Any] = {"date_fetched": "2026-11-20T00:00:00Z"}
    runs = [
        [made_up(1), made_up(2), made_up(2, 2), made_up(3)],
        [made_up(1, **later), made_up(2, **later), made_up(3, **october), made_up(4)],
    ]
    for run, records in zip(RUNS, runs, strict=False):
        for output in (step, whole):
            write_run(output, run, records)
        built = build(step)
    assert built.doubled == 3
    build(whole)
    assert contents(step) == contents(whole)
    assert sorted((it["id"], it["revision"]) for it in rows(step)) == [
        *(("1", 1), ("2", 2), ("3", 1), ("4", 1)),
    ]
    assert len(rows(step, "revisions")) == 5
    assert {it["date_fetched"].day for it in rows(step) if it["id"] == "1"} == {1}
    assert "3 lines are in the parts twice" in dataset(step, "build", "--full").stderr


def test_what_an_archive_adds_is_the_article_only_when_it_is_later(tmp_path: Path) -> None:
    """Readers get the latest text: by when it was modified, else by when it was fetched."""

    def version(number: int, revision: int, modified: str | None, fetched: str, **values: str):
        times = {"date_modified": modified and f"2026-11-{modified}:00:00Z"}
        times["date_fetched"] = f"2026-11-{fetched}:00:00Z"
        return made_up(number, revision, **{"source": "archive", **times, **values})

    runs = [
        [
            # Read from the site; archives of before and of later follow.
            version(1, 1, "20T13", "24T10", source="page"),
            version(2, 1, "20T13", "21T10", source="page"),
            # One archive, the newer capture first.
            version(3, 1, "21T13", "22T10"),
            version(3, 2, "20T13", "20T20"),
            # Pages that do not say when they were modified.
            version(4, 1, None, "22T10"),
            version(4, 2, "20T13", "20T20"),
            version(5, 1, "20T13", "20T20"),
        ],
        [
            version(1, 2, "20T13", "23T10"),
            version(2, 2, "21T13", "22T10"),
            version(3, 3, None, "23T10"),
            version(5, 2, "20T13", "21T20"),
        ],
        # The site's text is later than all that were published before it.
        [version(1, 3, "19T13", "24T20"), version(2, 3, "20T13", "25T10", source="page")],
        [version(2, 4, "21T13", "24T10"), version(5, 3, "20T12", "25T10")],
    ]
    wanted = [
        {1: 1, 2: 1, 3: 1, 4: 1, 5: 1},
        {1: 1, 2: 2, 3: 3, 4: 1, 5: 2},
        {1: 1, 2: 3, 3: 3, 4: 1, 5: 2},
        {1: 1, 2: 4, 3: 3, 4: 1, 5: 2},
    ]
    for number, (records, latest) in enumerate(zip(runs, wanted, strict=True)):
        write_run(tmp_path / "step", f"2026112{number}T000000Z", records)
        build(tmp_path / "step")
        found = {int(it["id"]): it["revision"] for it in rows(tmp_path / "step")}
        assert found == latest, number
        write_run(tmp_path / "once", f"2026112{number}T000000Z", records)
    build(tmp_path / "once")
    assert contents(tmp_path / "once") == contents(tmp_path / "step")
    assert len(rows(tmp_path / "once", "revisions")) == sum(map(len, runs))
    assert list(Verifier(tmp_path / "once").faults(None)) == []


def test_only_the_months_that_a_run_touches_are_written(tmp_path: Path) -> None:
    march: dict[str, Any] = {"date_published": "2026-03-01T00:00:00Z"}
    write_run(tmp_path, RUNS[0], [made_up(1), made_up(2, **march)])
    build(tmp_path)
    before = {it: it.stat().st_ino for it in (tmp_path / "dataset").rglob("*.parquet")}
    write_run(tmp_path, RUNS[1], [made_up(3)])
    done = dataset(tmp_path, "build")
    assert "1 runs read, 1 months written, 1 kept" in done.stdout
    after = {it: it.stat().st_ino for it in (tmp_path / "dataset").rglob("*.parquet")}
    assert {it.parent.name for it, node in after.items() if before[it] == node} == {"month=2026-03"}
    assert {it.parent.name for it, node in after.items() if before[it] != node} == {"month=2026-11"}
    assert "is up to date" in dataset(tmp_path, "build").stdout


def test_whoever_began_to_read_reads_on(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0], [made_up(1)])
    build(tmp_path)
    reading = (tmp_path / "dataset").resolve()
    write_run(tmp_path, RUNS[1], [made_up(1, 2)])
    build(tmp_path)
    (path,) = (reading / "articles").rglob("*.parquet")
    assert pq.ParquetFile(path).read()["revision"].to_pylist() == [1]
    assert [it["revision"] for it in rows(tmp_path)] == [2]


# A build that dies where it says, as kill -9 would end it.
_DYING = """
import os, sys
from pathlib import Path
from newscrawl.dataset import build as building, generations
place = sys.argv[2]
if place == "partition":
    write, seen = building.write_partition, []
    def dying(*given):
        if seen: os._exit(9)
        seen.append(1)
        return write(*given)
    building.write_partition = dying
elif place == "manifest":
    building.write_document = lambda *_: os._exit(9)
else:
    Path.symlink_to = lambda *_: os._exit(9)
building.build(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("place", ["partition", "manifest", "link"])
def test_a_build_that_is_killed_leaves_the_dataset_as_it_was(tmp_path: Path, place: str) -> None:
    march: dict[str, Any] = {"date_published": "2026-03-01T00:00:00Z"}
    write_run(tmp_path, RUNS[0], [made_up(1), made_up(2, **march)])
    build(tmp_path)
    before = contents(tmp_path)
    write_run(tmp_path, RUNS[1], [made_up(1, 2), made_up(2, 2, **march)])
    dying = [sys.executable, "-c", _DYING, str(tmp_path), place]
    assert subprocess.run(dying, cwd=ROOT, check=False).returncode == 9
    assert contents(tmp_path) == before
    build(tmp_path)
    assert [it["revision"] for it in rows(tmp_path)] == [2, 2]
    names = {it.name for it in (tmp_path / ".dataset").iterdir()}
    assert names - {".lock"} == {it for it in names if it.isdigit()}
    assert len(names) <= 3


def test_what_is_open_or_torn_is_not_in_it(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0], [made_up(1)])
    running = write_run(tmp_path, RUNS[1], [made_up(2)])
    (running / "run.json").rename(running / "run.json.tmp")
    build(tmp_path)
    assert [it["id"] for it in rows(tmp_path)] == ["1"]
    (running / "run.json.tmp").rename(running / "run.json")
    build(tmp_path)
    assert [it["id"] for it in rows(tmp_path)] == ["1", "2"]


def test_an_impossible_build_prints_one_sentence(tmp_path: Path) -> None:
    done = dataset(tmp_path / "nowhere", "build")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"There is no output folder {tmp_path / 'nowhere'}. Name another")
    done = dataset(tmp_path, "build")
    assert (done.returncode, done.stdout) == (3, "")
    assert re.fullmatch(r"There is no closed run in .*: nothing to build\.\n", done.stderr)
    assert dataset(tmp_path, "fly").returncode == 2
    write_run(tmp_path, RUNS[0], [made_up(1), made_up(2)])
    build(tmp_path)
    before = contents(tmp_path)
    part = write_run(tmp_path, RUNS[1], [made_up(3), made_up(4)]) / "part-00000.jsonl"
    good = part.read_bytes()
    for bad, says in {
        good.replace(b'"id":"4"', b'"id":4'): r"part-00000\.jsonl, line 2, is not a record: ",
        good[:-40]: r"part-00000\.jsonl, line 2, is not a record: ",
        good.replace(b'"hill","id":"4"', b'"dale","id":"4"'): r"its outlet is 'dale'",
        good.replace(
            b',"schema_version":%d' % SCHEMA_VERSION, b""
        ): r"line 1, is not a record: it has no",
        good.splitlines(keepends=True)[0]: r"has 1 lines and its run\.json says 2",
        line_of({**made_up(3), "mood": "grey"}) + line_of(made_up(4)): (
            r"A line of hill in 2026-11 violates .*unexpected field"
        ),
    }.items():
        part.write_bytes(bad)
        with pytest.raises(DatasetError, match=says):
            build(tmp_path)
        assert contents(tmp_path) == before
    part.unlink()
    with pytest.raises(DatasetError, match=r"The parts of .* are not here\. Fetch them"):
        build(tmp_path)


def test_awkward_content_is_unchanged_in_the_dataset(tmp_path: Path) -> None:
    long = "Fifty words about rain and wind. " * 65_000
    texts = [*AWKWARD.values(), long]
    assert len(long) > 2_000_000
    given = [_awkward(number, text) for number, text in enumerate(texts, 1)]
    given.append(_bare(99))
    write_run(tmp_path, RUNS[0], given)
    build(tmp_path)
    found = {it["id"]: it for it in rows(tmp_path)}
    for it in given:
        assert _as_record(found[it["id"]]) == it
    to = tmp_path / "articles.csv"
    done = dataset(tmp_path, "csv", "articles", str(to))
    assert done.stdout == f"{to}: {len(given)} rows.\n", done.stderr
    csv.field_size_limit(10_000_000)
    with to.open(encoding="utf-8", newline="") as stream:
        table = {it["id"]: it for it in csv.DictReader(stream)}
    for it in given:
        assert _from_csv(table[it["id"]]) == it


def _awkward(number: int, text: str) -> dict[str, Any]:
    return made_up(
        number,
        headline=text[:200],
        description=text[:500],
        body=text,
        section=text[:80],
        sections=[text[:80], "News"],
        tags=[text[:50], ""],
        authors=[Author(text[:40])],
        images=[Image("https://thehill.com/a.jpg", text[:99])],
        links=[],
    )


def _bare(number: int) -> dict[str, Any]:
    lists: dict[str, Any] = {it: [] for it in ("authors", "sections", "tags", "images", "links")}
    none: dict[str, Any] = dict.fromkeys(
        ("description", "date_modified", "section", "body", "language")
    )
    return made_up(number, kind="video", **lists, **none)


def _as_record(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the dataset as the record that it was made of."""
    return {
        name: value.strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
        for name, value in row.items()
        if name not in ("run", "date_gone")
    }


def _from_csv(row: dict[str, str]) -> dict[str, Any]:
    like = made_up(1)
    return {
        name: int(row[name])
        if isinstance(value, int)
        else json.loads(row[name])
        if isinstance(value, list)
        else row[name] or None
        for name, value in like.items()
    }


# Contracts.

FROZEN = {
    1: "1bc52cf8f494afcedb52c30869732f301c484b5d08f0b3a387dc372645050d0d",
    2: "2fbf02114b1fc58fff65a1c4c3d068ead951ccdd413de529deeeb9f7886bfffc",
}


def test_a_changed_schema_has_a_new_version() -> None:
    """The descriptions may be mended; anything else that changes needs a new version.

    With one: raise ``SCHEMA_VERSION``, say in ``versions.UPGRADES`` how older records become new
    ones, ship the new schema, and freeze it here. The older entries stay.
    """
    schema = generate()
    version = schema["properties"]["schema_version"]["const"]
    text = json.dumps(_without_descriptions(schema), sort_keys=True)
    assert FROZEN.get(version) == hashlib.sha256(text.encode()).hexdigest()
    assert max(FROZEN) == version
    assert set(versions.UPGRADES) == set(FROZEN) - {version}
    assert json.loads(shipped()) == schema


def _without_descriptions(schema: Any) -> Any:
    if isinstance(schema, dict):
        properties = isinstance(schema.get("type"), dict)
        return {
            name: _without_descriptions(it)
            for name, it in schema.items()
            if properties or name != "description" or isinstance(it, dict)
        }
    return [_without_descriptions(it) for it in schema] if isinstance(schema, list) else schema


def test_a_record_of_an_older_version_is_upgraded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version before the current one is made up: it had ``title``, and no ``language``."""

    def upgraded(old: dict[str, Any]) -> dict[str, Any]:
        return {"headline": old.pop("title"), "language": None, **old}

    monkeypatch.setattr(versions, "UPGRADES", {SCHEMA_VERSION - 1: upgraded})
    today = made_up(1, language=None)
    old = {**today, "title": today["headline"], "schema_version": SCHEMA_VERSION - 1}
    del old["headline"], old["language"]
    write_run(tmp_path, RUNS[0], [made_up(2)])
    folder = write_run(tmp_path, RUNS[1], [today])
    part = folder / "part-00000.jsonl"
    part.write_bytes(line_of(old))
    document = read_run(folder)
    assert document
    document["parts"] = [
        {**document["parts"][0], "sha256": describe(part).sha256, "bytes": part.stat().st_size}
    ]
    (folder / "run.json").write_text(json.dumps(document))
    (record,) = read_part(part)
    assert record == today
    build(tmp_path)
    assert _as_record(rows(tmp_path)[0]) == today
    assert list(Verifier(tmp_path).faults(None)) == []
    # What is newer than we are is refused, not guessed at.
    newer = SCHEMA_VERSION + 1
    part.write_bytes(line_of({**today, "schema_version": newer}))
    with pytest.raises(DatasetError, match=f"this newscrawl does not read schema version {newer}"):
        build(tmp_path, full=True)


# Verification.


def flip(folder: Path) -> None:
    part = folder / "part-00000.jsonl"
    part.write_bytes(part.read_bytes().replace(b"It rained", b"It rainee", 1))


def lose(folder: Path) -> None:
    (folder / "part-00000.jsonl").unlink()


def rewrite(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    """Return what rewrites a part and, as one who knows how would, what run.json says of it."""

    def act(folder: Path) -> None:
        part = folder / "part-00000.jsonl"
        part.write_bytes(b"".join(change(part.read_bytes().splitlines(keepends=True))))
        document = read_run(folder)
        assert document
        told = describe(part)
        document["parts"][0] |= {
            "records": told.records,
            "bytes": told.bytes,
            "sha256": told.sha256,
        }
        new = part.read_bytes().count(b'"revision":1,')
        document["books"] |= {"discovered": told.records, "new": new, "revised": told.records - new}
        (folder / "run.json").write_text(json.dumps(document))

    return act


def unknown(folder: Path) -> None:
    (folder / "part-00001.jsonl").write_bytes(line_of(made_up(9)))


def unbalance(folder: Path) -> None:
    document = read_run(folder)
    assert document
    document["books"] |= {"new": 0, "known": 1}
    (folder / "run.json").write_text(json.dumps(document))


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a flipped byte": (flip, r"part-00000\.jsonl: the SHA-256 differs from run\.json"),
    "a missing part": (lose, r"run\.json: The parts of .* are not here"),
    "a doubled line": (
        rewrite(lambda lines: [*lines, lines[0]]),
        r"part-00000\.jsonl:3: revision 1 of article 3 is already in run 20261102T120000Z",
    ),
    "a revision gap": (
        rewrite(lambda lines: [lines[0], lines[1].replace(b'"revision":2', b'"revision":4')]),
        r"part-00000\.jsonl:2: revision 4 of article 1 comes after revision 1",
    ),
    "a part that run.json does not know": (
        unknown,
        r"part-00001\.jsonl: the part is not in run\.json",
    ),
    "a line that breaks the schema": (
        rewrite(lambda lines: [lines[0], lines[1].replace(b'"kind":"news"', b'"kind":"gossip"')]),
        r"part-00000\.jsonl:2: the line violates the schema: .*kind",
    ),
    "a line that is no JSON": (
        rewrite(lambda lines: [lines[0], lines[1][:70] + b"\n"]),
        r"part-00000\.jsonl:2: the line is not JSON",
    ),
    "a line that is no record": (
        rewrite(lambda lines: [lines[0], b"[]\n"]),
        r"part-00000\.jsonl:2: the line violates the schema",
    ),
    "books that do not fit": (unbalance, r"run\.json: its books have 0 new and 1 revised"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_verify_finds(history: Path, fault: str) -> None:
    build(history)
    act, says = FAULTS[fault]
    act(history / "hill" / f"run={RUNS[1]}")
    ledger = Ledger(f"sqlite:///{history}/ledger.sqlite3")
    found = [str(it) for it in Verifier(history).faults(ledger)]
    ledger.close()
    assert [it for it in found if re.match(rf"hill/run={RUNS[1]}/{says}", it)], found


def test_verify_passes_what_is_well_and_says_what_is_not(history: Path) -> None:
    build(history)
    done = dataset(history, "verify")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "4 runs, 7 records: all is well.\n"
    # What run.json can be made to say, the ledger contradicts.
    rewrite(lambda lines: lines[:1])(history / "hill" / f"run={RUNS[2]}")
    path = history / "dataset/articles/outlet=hill/month=2026-10/articles.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    done = dataset(history, "verify")
    assert done.returncode == 1
    assert f"hill/run={RUNS[2]}: revision 3 of article 1 is only in the ledger" in done.stdout
    assert "month=2026-10/articles.parquet: the SHA-256 differs from dataset.json" in done.stdout
    assert "month=2026-10/latest.parquet: the SHA-256" in done.stdout
    told = f"7 revisions of hill, but 6 in the parts up to run {RUNS[3]}"
    assert f"dataset/dataset.json: {told}" in done.stdout
    (history / "ledger.sqlite3").unlink()
    done = dataset(history, "verify")
    assert done.returncode == 3
    assert "scrapy ledger --rebuild" in done.stderr
    assert not (history / "ledger.sqlite3").exists()


# Downstream in time.


def test_a_consumer_gets_each_change_exactly_once(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0], [made_up(n) for n in range(1, 6)], part_records=2)
    got = [json.loads(it) for it in dataset(tmp_path, "changes", "hill").stdout.splitlines()]
    assert [(it["run"], it["change"], it["id"]) for it in got] == [
        (RUNS[0], "new", str(n)) for n in range(1, 6)
    ]
    assert got[0]["record"] == made_up(1)
    # Two runs later, one of which is not closed yet.
    write_run(tmp_path, RUNS[1], [made_up(6), made_up(1, 2)], [gone(2, "2026-11-02T12:00:00Z")])
    running = write_run(tmp_path, RUNS[2], [made_up(7)], [back(2, "2026-11-03T12:00:00Z")])
    (running / "run.json").rename(running / "hidden")
    done = dataset(tmp_path, "changes", "hill", "--since", RUNS[0])
    got = [json.loads(it) for it in done.stdout.splitlines()]
    assert [(it["run"], it["change"], it["id"]) for it in got] == [
        (RUNS[1], "new", "6"),
        (RUNS[1], "revised", "1"),
        (RUNS[1], "gone", "2"),
    ]
    assert got[-1]["record"] is None
    (running / "hidden").rename(running / "run.json")
    later = list(changes(tmp_path, "hill", RUNS[1]))
    assert [(it["change"], it["id"]) for it in later] == [("new", "7"), ("back", "2")]
    assert list(changes(tmp_path, "hill", RUNS[2])) == []
    done = dataset(tmp_path, "changes", "hill", "--since", "20200101T000000Z")
    assert (done.returncode, done.stdout) == (3, "")
    assert "There is no closed run 20200101T000000Z of hill" in done.stderr


def test_gone_and_back_are_seen(history: Path) -> None:
    build(history)
    assert {it["id"]: it["date_gone"] for it in rows(history, "articles", "id", "date_gone")} == {
        "1": None,
        "2": None,
        "3": time("2026-11-04T12:00:09Z"),
        "40": None,
    }
    earlier = {(it["id"], it["revision"]): it["date_gone"] for it in rows(history, "revisions")}
    assert [key for key, date in earlier.items() if date] == [("3", 1)]
    # A reader's page brings it back; an archive tells nothing of today.
    write_run(history, RUNS[4], [made_up(3, 2, source="archive")])
    build(history)
    assert {it["id"] for it in rows(history) if it["date_gone"]} == {"3"}
    write_run(history, RUNS[5], [made_up(3, 3)])
    build(history)
    assert not [it for it in rows(history) if it["date_gone"]]


def test_a_crawl_tells_what_is_gone_all_the_way(tmp_path: Path) -> None:
    output = tmp_path / "output"
    pages = {address(n): (200, HTML, article(n)) for n in (6000001, 6000002)}
    there = site(tmp_path / "1.warc.gz", pages)
    away = site(tmp_path / "2.warc.gz", {**pages, address(6000001): (410, HTML, b"gone")})
    always = {"NEWSCRAWL_REVISIT_HOURS": "1000000"}
    for recording in (there, away):
        crawl(output, "-a", "sections=news", NEWSCRAWL_REPLAY=str(recording), **always)
        ledger = Ledger(f"sqlite:///{output}/ledger.sqlite3")
        ledger.apply([ledger.changed("hill", "6000001", "2026-01-01T00:00:00Z")])
        ledger.close()
    first, second = (it["run"] for it in runs_of(output))
    told = list(changes(output, "hill", first))
    assert [(it["run"], it["change"], it["id"]) for it in told] == [(second, "gone", "6000001")]
    assert command(output, "ledger", "--rebuild").returncode == 0
    ledger = Ledger(f"sqlite:///{output}/ledger.sqlite3")
    known = ledger.get("hill", "6000001")
    assert known is not None
    assert (known.state, known.reason) == ("gone", "http 410")
    assert list(Verifier(output).faults(ledger)) == []
    ledger.close()
    build(output)
    assert [it["id"] for it in rows(output) if it["date_gone"]] == ["6000001"]
    # The site has it again.
    ledger = Ledger(f"sqlite:///{output}/ledger.sqlite3")
    ledger.apply([ledger.changed("hill", "6000001", "2026-01-01T00:00:00Z")])
    ledger.close()
    crawl(output, "-a", "sections=news", NEWSCRAWL_REPLAY=str(there), **always)
    assert [(it["change"], it["id"]) for it in changes(output, "hill", second)] == [
        ("back", "6000001")
    ]
    build(output)
    assert not [it for it in rows(output) if it["date_gone"]]


def test_a_damaged_run_costs_that_run_only_and_is_included_once_mended(history: Path) -> None:
    path = history / "hill" / f"run={RUNS[1]}" / "run.json"
    data = path.read_bytes()
    path.write_text("")
    done = dataset(history, "build")
    assert done.returncode == 1
    assert f"{path} is damaged" in done.stderr
    assert "3 runs read" in done.stdout
    assert {it["run"] for it in rows(history, "revisions", "run")} == {RUNS[0], RUNS[2]}
    # A consumer waits for it: afterwards would be too late.
    done = dataset(history, "changes", "hill")
    assert done.returncode == 3
    assert f"{path} is damaged" in done.stderr
    assert {json.loads(it)["run"] for it in done.stdout.splitlines()} == {RUNS[0]}
    path.write_bytes(data)
    done = dataset(history, "build")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"(runs of hill before {RUNS[3]} were added)" in done.stdout
    assert len(rows(history, "revisions")) == 7
    assert len(dataset(history, "changes", "hill").stdout.splitlines()) == 10


def test_a_build_beside_a_build_says_so(tmp_path: Path) -> None:
    write_run(tmp_path, RUNS[0], [made_up(1)])
    with Generations(tmp_path).building():
        done = dataset(tmp_path, "build")
    assert done.returncode == 3
    assert re.fullmatch(r"Another build of .* is running\.\n", done.stderr)
