"""Near-duplicates: from published parts to the marks in the dataset, as users make them."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench.duplicates import Case, alike, cases, newsletter, rewritten, story, text, wire
from newscrawl.dataset.duplicates import COMMON, THRESHOLD
from newscrawl.items import Article, content_hash, record
from newscrawl.parts import line_of
from tests.conftest import ROOT, environment
from tests.test_real_pages import bodies, read_body

Marks = Mapping[str, list[str]]


def article(identity: str, day: str, body: str, **more: Any) -> Article:
    found = Article(
        id=identity,
        url=f"https://thehill.com/homenews/{identity}-a-story/",
        headline=f"Story {identity}",
        date_published=f"{day}T12:00:00Z",
        date_modified=f"{day}T12:00:00Z",
        kind="news",
        body=body,
        source="page",
        source_url=f"https://thehill.com/homenews/{identity}-a-story/",
        date_fetched="2026-11-24T00:00:00Z",
        **{"outlet": "hill", **more},
    )
    found.content_hash = content_hash(found)
    return found


def publish(output: Path, run: str, articles: Iterable[Article]) -> None:
    """Leave what a crawl leaves: for each outlet a closed run with one part."""
    by_outlet: dict[str, list[bytes]] = {}
    for it in articles:
        by_outlet.setdefault(it.outlet, []).append(line_of(record(it)))
    for outlet, lines in by_outlet.items():
        folder = output / outlet / f"run={run}"
        folder.mkdir(parents=True)
        (folder / "part-00000.jsonl").write_bytes(b"".join(lines))
        part = {
            "name": "part-00000.jsonl",
            "records": len(lines),
            "bytes": sum(len(it) for it in lines),
        }
        (folder / "run.json").write_text(json.dumps({"run": run, "parts": [part]}))


def dataset(output: Path, *arguments: str, seed: str = "0") -> tuple[int, str]:
    """Run ``scrapy dataset``; return its exit code and what it says."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "scrapy", "dataset", *arguments],
        cwd=ROOT,
        env=environment(output, PYTHONHASHSEED=seed),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def build_and_mark(output: Path, seed: str = "0") -> str:
    code, told = dataset(output, "build", seed=seed)
    assert code == 0, told
    code, told = dataset(output, "duplicates", seed=seed)
    assert code == 0, told
    return told


def manifest(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "dataset/dataset.json").read_text("utf-8"))
    return found


def rows(output: Path, name: str = "duplicates") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        pq.ParquetFile(output / f"dataset/duplicates/{name}.parquet").read().to_pylist()
    )
    return found


def clusters(output: Path) -> Marks:
    found: dict[str, list[str]] = {}
    for row in rows(output):
        found.setdefault(row["cluster"], []).append(f"{row['outlet']}/{row['id']}")
    return found


def files(output: Path) -> dict[str, bytes]:
    folder = output / "dataset"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


ORIGINAL = story("a")
BRIEF = "The night ferry is late again."


def first_run() -> list[Article]:
    return [
        article("100", "2026-10-31", text(ORIGINAL)),
        article("101", "2026-11-03", text(ORIGINAL)),
        article("102", "2026-11-02", text(rewritten(ORIGINAL, [4]))),
        article("103", "2026-11-04", BRIEF),
        article("104", "2026-11-05", BRIEF),
        *(article(str(300 + n), "2026-11-06", text(story(f"other {n}"))) for n in range(20)),
        *(
            article(str(200 + n), f"2026-11-{n + 1:02}", text(newsletter(str(n), 1)))
            for n in range(COMMON)
        ),
    ]


def second_run() -> list[Article]:
    later = [str(200 + COMMON + n) for n in range(2)]
    return [
        article("900", "2026-10-30", text(wire(ORIGINAL)), outlet="gazette"),
        article("305", "2026-11-06", text(rewritten(story("other 4"), [7])), revision=2),
        *(article(it, "2026-11-20", text(newsletter(it, 1))) for it in later),
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both runs, built and marked at once."""
    output = tmp_path_factory.mktemp("whole")
    publish(output, "20261121T000000Z", first_run())
    publish(output, "20261122T000000Z", second_run())
    told = build_and_mark(output, seed="1")
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
    kept = pq.read_table(whole / "dataset/articles").to_pylist()
    assert {row["id"] for row in kept} == {it.id for it in first_run() + second_run()}
    signed = {row["id"]: row["signature"] is not None for row in rows(whole, "signatures")}
    assert {it for it, done in signed.items() if not done} == {"103", "104"}


def test_the_manifest_and_the_card_tell_of_it(whole: Path) -> None:
    told = manifest(whole)
    assert told["duplicates"]["through"] == dict.fromkeys(("gazette", "hill"), "20261122T000000Z")
    assert (told["duplicates"]["articles"], told["duplicates"]["clusters"]) == (6, 2)
    assert list(told["files"]) == sorted(told["files"])
    for name, content in files(whole).items():
        if name not in ("dataset.json", "README.md"):
            assert told["files"][name]["sha256"] == hashlib.sha256(content).hexdigest(), name
            assert (
                told["files"][name]["rows"]
                == pq.ParquetFile(whole / "dataset" / name).metadata.num_rows
            )
    card = (whole / "dataset/README.md").read_text("utf-8")
    assert "6 articles are near-duplicates, in 2 clusters" in " ".join(card.split())
    assert "config_name: duplicates\n  data_files: duplicates/duplicates.parquet\n" in card


def test_run_after_run_gives_what_one_run_gives(whole: Path, tmp_path: Path) -> None:
    publish(tmp_path, "20261121T000000Z", first_run())
    build_and_mark(tmp_path)
    assert "hill/100" in clusters(tmp_path)
    before = (tmp_path / "dataset/duplicates/duplicates.parquet").stat()

    publish(tmp_path, "20261122T000000Z", second_run())
    assert dataset(tmp_path, "build")[0] == 0
    # What was found stays, and says up to which runs it goes.
    assert (tmp_path / "dataset/duplicates/duplicates.parquet").stat().st_ino == before.st_ino
    told = manifest(tmp_path)
    assert told["duplicates"]["through"] == {"hill": "20261121T000000Z"}
    assert told["outlets"]["hill"]["through"] == "20261122T000000Z"

    code, said = dataset(tmp_path, "duplicates")
    # The new ones, the revised one, and the issues whose frame is known as one only now.
    assert (code, said.count(f" {4 + COMMON} texts read;")) == (0, 1), said
    assert files(tmp_path) == files(whole)
    assert "is up to date; 6 articles" in dataset(tmp_path, "duplicates")[1]
    assert dataset(tmp_path, "build", "--anew")[0] == 0
    assert "duplicates" not in manifest(tmp_path)
    assert not (tmp_path / "dataset/duplicates").exists()


def test_without_a_dataset_one_sentence(tmp_path: Path) -> None:
    code, told = dataset(tmp_path, "duplicates")
    assert code == 3
    assert told == f"There is no dataset in {tmp_path}: scrapy dataset build makes one.\n"
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize("case", list(cases()), ids=lambda it: it.name)
def test_the_threshold_tells_stories_apart(case: Case) -> None:
    (found,) = alike([case.one], [case.other])
    assert (found >= THRESHOLD) == case.same, found


def test_real_stories_are_alike_only_to_their_copies(shared: Path, tmp_path: Path) -> None:
    real = {str(it["id"]): (read_body(it).text or "").split("\n\n") for it in bodies(shared)}
    originals = [article(it, "2026-11-01", text(blocks)) for it, blocks in real.items()]
    copies = [
        article(f"9{it}", "2026-11-02", text([blocks[0].replace(" ", "  ").upper()], blocks[1:-1]))
        for it, blocks in real.items()
    ]
    publish(tmp_path, "20261121T000000Z", [*originals, *copies])
    build_and_mark(tmp_path)
    assert clusters(tmp_path) == {
        f"hill/{it}": [f"hill/{it}", f"hill/9{it}"] for it in sorted(real)
    }
