"""An output folder of schema version 1, through all doors of today's version.

``fixtures/output_version_1.tar.xz`` is what version 1 left of the sample site: two runs of the
sections business and video-clips, one for each edition, and the dataset of both.
"""

import csv
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from newscrawl.commands.demo import unpack, unpack_sample
from newscrawl.items import SCHEMA_VERSION, Article
from newscrawl.storage.kept import keep_records
from newscrawl.storage.parts import line_of
from newscrawl.storage.schema import violation
from tests.conftest import ROOT, command, crawl, make_due, records_of
from tests.test_browse import browsing, get

OLD = ROOT / "tests/fixtures/output_version_1.tar.xz"
RUNS = ["20261126T053922Z", "20261126T053925Z"]
REVISED = "6093851"
FIELDS = list(Article.__slots__)
UPGRADED: dict[str, Any] = {"date_precision": "second", "accessible": None, "extraction": None}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return the old output folder, with a ledger that is made from its parts."""
    output = tmp_path / "output"
    with tarfile.open(OLD) as tar:
        unpack(tar, output)
    done = command(output, "ledger", "--rebuild")
    assert (done.returncode, done.stdout) == (0, "Rebuilt the ledger from 5 published records.\n")
    return output


def dataset(output: Path, *arguments: str) -> str:
    """Return what ``scrapy dataset`` prints."""
    done = command(output, "dataset", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def changed_records(output: Path) -> list[dict[str, Any]]:
    """Return the records that ``scrapy dataset changes`` prints."""
    return [json.loads(it)["record"] for it in dataset(output, "changes", "hill").splitlines()]


def rows(output: Path, view: str = "revisions") -> list[dict[str, Any]]:
    """Return the rows of a view of the dataset."""
    paths = sorted((output / "dataset" / view).rglob("*.parquet"))
    return [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]


def test_old_records_come_as_current_ones(output: Path) -> None:
    old = records_of(output)
    assert {it["schema_version"] for it in old} == {1}
    assert not any(it.keys() & UPGRADED.keys() for it in old)
    records = changed_records(output)
    shown = command(output, "show", "hill", REVISED, "--json").stdout
    for new, before in zip([*records, json.loads(shown)], [*old, old[-1]], strict=True):
        assert list(new) == FIELDS
        assert new == before | UPGRADED | {"schema_version": SCHEMA_VERSION}
        assert violation(new) is None
    text = command(output, "show", "hill", REVISED).stdout
    assert "\ndate_precision  second\n" in text
    assert "\naccessible" not in text
    text = command(output, "history", "hill", REVISED).stdout
    assert text.count("\nrevision ") == 2
    assert "+ Harbor pilots suspend strike after overnight talks" in text
    # The parts stay as they are.
    assert records_of(output) == old
    assert command(output, "dataset", "verify").stdout == ""


def test_an_unchanged_article_gets_no_revision_and_a_new_one_is_of_the_current_version(
    output: Path, tmp_path: Path
) -> None:
    old = records_of(output)
    make_due(output, every=True)
    edition = unpack_sample(tmp_path / "sample")[1]
    sections = ("-a", "sections=business,video-clips,opinion", "-a", "follow=0")
    done = crawl(output, *sections, NEWSCRAWL_REPLAY=str(edition), NEWSCRAWL_STRICT="0")
    books = done.runs[-1]["books"]
    assert (books["unchanged"], books["revised"], books["known"]) == (4, 0, 0), done.log
    new = done.records[len(old) :]
    assert books["new"] == len(new) > 0
    assert {it["schema_version"] for it in new} == {SCHEMA_VERSION}
    assert {it["extraction"] for it in new} == {"lakana", "drupal"}
    assert "(the dataset's format has changed)" in dataset(output, "build")
    found = {it["id"]: it for it in rows(output) if it["revision"] == 1}
    assert {it["id"] for it in [*old, *new]} == set(found)
    for it in new:
        assert found[it["id"]]["extraction"] == it["extraction"]
    # The next build adds to that one.
    assert dataset(output, "build").endswith(" is up to date.\n")


def test_the_dataset_of_old_records_has_all_columns(output: Path, tmp_path: Path) -> None:
    old = rows(output)
    assert len(old) == 5
    # The browser reads the dataset that version 1 built.
    with browsing(output) as url:
        assert get(url, f"articles/hill/{REVISED}")[0] == 200
    dataset(output, "build")
    new = rows(output)
    assert [list(it) for it in new] == [[*FIELDS, "run", "date_gone"]] * 5
    for row, before in zip(new, old, strict=True):
        assert row == before | UPGRADED | {"schema_version": SCHEMA_VERSION}
    schema = pq.read_schema(next((output / "dataset/articles").rglob("*.parquet")))
    assert str(schema.field("accessible").type) == "bool"
    to = tmp_path / "articles.csv"
    dataset(output, "csv", "articles", str(to))
    with to.open(encoding="utf-8", newline="") as stream:
        cells = list(csv.DictReader(stream))
    assert {(it["date_precision"], it["accessible"], it["extraction"]) for it in cells} == {
        ("second", "", "")
    }


def test_a_build_in_the_new_format_loses_nothing(output: Path) -> None:
    first = output / f"hill/run={RUNS[0]}"
    part = first / "part-00000.jsonl"
    before = (output / "dataset").resolve()
    text = part.read_bytes()
    records = changed_records(output)
    # A pruned run has its records in the dataset of version 1 only.
    keep_records(first)
    part.unlink()
    assert changed_records(output) == records
    shown = command(output, "show", "hill", REVISED, "--revision", "1", "--json").stdout
    assert list(json.loads(shown).items()) == list(records[0].items())
    dataset(output, "build")
    assert changed_records(output) == records
    assert (output / "dataset").resolve() != before
    assert sorted(it["revision"] for it in rows(output) if it["id"] == REVISED) == [1, 2]
    assert {it["schema_version"] for it in rows(output)} == {SCHEMA_VERSION}
    pruned = rows(output)
    part.write_bytes(text)
    (first / "kept.jsonl").unlink()
    dataset(output, "build", "--full")
    assert rows(output) == pruned


def test_a_build_in_the_new_format_that_would_lose_revisions_refuses(output: Path) -> None:
    before = rows(output)
    run = output / f"hill/run={RUNS[1]}"
    run.rename(output.parent / "elsewhere")
    done = command(output, "dataset", "build")
    assert done.returncode == 3
    assert "A build from scratch (the dataset's format has changed) would lose 1 rev" in done.stderr
    assert rows(output) == before


def test_values_of_the_new_fields_reach_every_table(output: Path, tmp_path: Path) -> None:
    part = output / f"hill/run={RUNS[1]}/part-00000.jsonl"
    (record,) = (json.loads(it) for it in part.read_bytes().splitlines())
    record |= {"date_precision": "day", "accessible": False, "extraction": "lakana"}
    record |= {"kind": "sponsored", "schema_version": SCHEMA_VERSION}
    part.write_bytes(line_of({name: record[name] for name in FIELDS}))
    dataset(output, "build")
    (row,) = (it for it in rows(output, "articles") if it["id"] == REVISED)
    assert {name: row[name] for name in UPGRADED} == {name: record[name] for name in UPGRADED}
    to = tmp_path / "articles.csv"
    dataset(output, "csv", "articles", str(to))
    with to.open(encoding="utf-8", newline="") as stream:
        (cells,) = (it for it in csv.DictReader(stream) if it["id"] == REVISED)
    assert (cells["date_precision"], cells["accessible"]) == ("day", "false")
    text = command(output, "show", "hill", REVISED).stdout
    assert "\naccessible      False\n" in text
    with browsing(output) as url:
        page = get(url, f"articles/hill/{REVISED}")[2]
    assert "no time is stated" in page
    assert "<dd>with a subscription</dd>" in page
    assert "read as lakana" in page
