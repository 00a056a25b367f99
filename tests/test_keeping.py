"""What stays after a year: reading and writing on bad disks, pruning, restoring, merging."""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from newscrawl.dataset.build import build
from newscrawl.dataset.changes import changes
from newscrawl.dataset.verify import Verifier
from newscrawl.storage.kept import keep_records
from newscrawl.storage.ledger import Ledger, sqlite_url
from newscrawl.storage.parts import sha256_of
from tests.conftest import command, crawl, environment
from tests.forks import forks
from tests.made_up import back, edit, gone, made_up, write_run
from tests.mounts import MAIN, Seen, files_of, full, on_a_disk, read_only
from tests.recordings import HTML, address, article, site

RUNS = [f"202611{day:02}T120000Z" for day in range(1, 10)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    october: dict[str, Any] = {"date_published": "2026-10-31T23:59:59Z"}
    write_run(folder, RUNS[0], [made_up(1), made_up(2), made_up(40, **october)])
    write_run(folder, RUNS[1], [made_up(3), made_up(1, 2)], [gone(2, "2026-11-02T12:00:05Z")])
    write_run(folder, RUNS[2], [made_up(4), made_up(40, 2, **october)])
    build(folder)
    return folder


@pytest.fixture
def output(tmp_path: Path, built: Path) -> Path:
    """An output folder of three runs, and the dataset that was built of them."""
    return Path(shutil.copytree(built, tmp_path / "output", symlinks=True))


ELSEWHERE = "a file outside of the output folder"
READING = (
    ("ledger",),
    ("ledger", "hill", "1"),
    ("dataset", "verify"),
    ("dataset", "changes", "hill", "--since", RUNS[1]),
    ("runs", "hill"),
    ("history", "hill", "1"),
    ("show", "hill", "1"),
    ("check-run", "hill"),
    ("report", "hill", "--to", ELSEWHERE),
)


@pytest.mark.parametrize("disk", [read_only, full])
def test_commands_that_read_need_no_disk_that_can_be_written(
    output: Path, disk: Callable[..., Seen]
) -> None:
    before = files_of(output)
    to = str(output.parent / "report.html")
    reading = [[to if it is ELSEWHERE else it for it in them] for them in READING]
    seen = disk(output, *reading, ("report", "hill"))
    *read, written = seen.done
    for arguments, done in zip(READING, read, strict=True):
        assert done.returncode == 0, (arguments, done)
        assert bool(done.stdout) == ("verify" not in arguments), (arguments, done)
        assert done.stderr in ("", "3 runs, 7 records: all is well.\n"), (arguments, done)
    # A report that is to be beside the run cannot be written, and says where.
    assert written.returncode == 3
    assert str(output / "hill" / f"run={RUNS[2]}" / "report.html") in written.stderr
    assert seen.files == before


@pytest.mark.parametrize("disk", [read_only, full])
def test_pending_changes_of_the_ledger_are_read_where_nothing_can_be_written(
    output: Path, disk: Callable[..., Seen]
) -> None:
    """A crawl that was killed leaves them in SQLite's log beside the ledger."""
    path = output / "ledger.sqlite3"
    ledger = Ledger(sqlite_url(path))
    ledger.apply(ledger.insert_revision(made_up(7), RUNS[3], None))
    names = [path.name, f"{path.name}-wal"]
    copies = {name: (output / name).read_bytes() for name in names}
    ledger.close()
    for name, data in copies.items():
        (output / name).write_bytes(data)
    assert copies[names[1]]
    (done,) = disk(output, ("ledger", "hill", "7")).done
    assert (done.returncode, done.stderr) == (0, "")
    assert f"revision 1 run {RUNS[3]}" in done.stdout


def contents(output: Path) -> dict[str, str]:
    """Return the files of the dataset."""
    return files_of((output / "dataset").resolve())


def keyed(output: Path, since: str | None = None) -> list[tuple[str, str, str, int]]:
    """Return run, change, id and revision of each change."""
    return [
        (it["run"], it["change"], it["id"], (it["record"] or {}).get("revision", 0))
        for it in changes(output, "hill", since)
    ]


def faults(output: Path) -> list[str]:
    """Return the faults that ``dataset verify`` would print."""
    ledger = Ledger(sqlite_url(output / "ledger.sqlite3"))
    try:
        return [str(it) for it in Verifier(output).faults(ledger)]
    finally:
        ledger.close()


def pruned(output: Path) -> list[str]:
    """Return the runs that have no parts any more."""
    folders = sorted(output.glob("hill/run=*"))
    return [it.name.partition("=")[2] for it in folders if not list(it.glob("part-*"))]


@pytest.fixture(scope="module")
def half_a_year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("half-a-year")
    for number, run in enumerate(MONTHS, 1):
        records = [made_up(number), made_up(50 + number, date_published="2026-04-30T23:59:59Z")]
        if number > 1:
            records.append(made_up(number - 1, 2))
        write_run(folder, run, records, [gone(1, "2026-07-01T12:00:00Z")] if number == 3 else [])
        if number == len(MONTHS) - 1:
            build(folder)
    return folder


@pytest.fixture
def months(tmp_path: Path, half_a_year: Path) -> Path:
    """An output folder of runs of half a year, built; the last run is not in the dataset."""
    return Path(shutil.copytree(half_a_year, tmp_path / "output", symlinks=True))


MONTHS = [f"2026{month:02}01T120000Z" for month in range(5, 12)]
PRUNE = ("prune", "hill", "--older-than", "90d")


def test_old_runs_are_pruned_once_the_dataset_has_them(months: Path) -> None:
    before = {it: (months / "hill" / f"run={it}" / "run.json").read_bytes() for it in MONTHS}
    every, dataset = keyed(months), contents(months)
    done = command(months, *PRUNE, "--dry-run")
    assert (done.returncode, pruned(months)) == (0, [])
    assert "hill: 4 runs would be pruned, 11 records, " in done.stdout
    done = command(months, *PRUNE)
    assert (done.returncode, done.stderr) == (0, "")
    assert pruned(months) == MONTHS[:4]
    for run, data in before.items():
        assert (months / "hill" / f"run={run}" / "run.json").read_bytes() == data
    # All commands say what they said before.
    assert keyed(months) == every
    done = command(months, "dataset", "changes", "hill", "--since", MONTHS[0])
    assert len(done.stdout.splitlines()) == len([it for it in every if it[0] > MONTHS[0]])
    assert done.stderr == (
        f"3 runs up to {MONTHS[3]} are pruned: their records come from the dataset.\n"
    )
    assert command(months, "dataset", "changes", "hill", "--since", MONTHS[3]).stderr == ""
    assert faults(months) == []
    assert "revision 2" in command(months, "history", "hill", "1").stdout
    assert "Storm 1 nears" in command(months, "show", "hill", "1", "--revision", "1").stdout
    assert command(months, "check-run", "hill", MONTHS[0]).returncode in (0, 1)
    assert command(months, "ledger", "--rebuild").returncode == 0
    assert faults(months) == []
    # A build goes on, and one from scratch takes the records of the dataset before.
    build(months, full=True)
    build(months)
    whole = contents(months)
    assert whole != dataset
    assert faults(months) == []
    assert keyed(months) == every
    assert command(months, *PRUNE).stdout == "hill: 0 runs pruned, 0 records, 0 bytes.\n"


def test_a_pruned_dataset_is_that_of_the_parts(months: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(months, copy, symlinks=True)
    assert command(months, *PRUNE).returncode == 0
    for output in (months, copy):
        build(output, full=True)
    assert contents(months) == contents(copy)


def _spoil_a_row(output: Path) -> None:
    """Give a revision another hash in the dataset, and the manifest what it needs."""
    path = next((output / "dataset").resolve().glob("revisions/*/month=2026-04/latest.parquet"))
    table = pq.ParquetFile(path).read()
    hashes = ["0" * 64, *table["content_hash"].to_pylist()[1:]]
    place = table.schema.get_field_index("content_hash")
    pq.write_table(table.set_column(place, "content_hash", pa.array(hashes)), path)
    manifest = (output / "dataset/dataset.json").resolve()
    document = json.loads(manifest.read_text())
    name = path.relative_to(manifest.parent).as_posix()
    document["files"][name]["sha256"] = sha256_of(path)
    manifest.write_text(json.dumps(document))


def _spoil_a_file(output: Path) -> None:
    path = next((output / "dataset").resolve().glob("revisions/*/month=2026-04/latest.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _spoil_a_part(output: Path) -> None:
    path = output / "hill" / f"run={MONTHS[0]}" / "part-00000.jsonl"
    path.write_bytes(path.read_bytes().replace(b"It rained", b"It rainee", 1))


SPOILT = {
    _spoil_a_row: (1, "1 runs stay: the dataset lacks records of it", MONTHS[1:4]),
    _spoil_a_file: (3, "is damaged: its SHA-256 differs from the manifest", []),
    _spoil_a_part: (1, "1 runs stay: its parts differ from run.json", MONTHS[1:4]),
}


@pytest.mark.parametrize("spoil", SPOILT)
def test_nothing_is_pruned_without_proof(months: Path, spoil: Callable[[Path], None]) -> None:
    spoil(months)
    done = command(months, *PRUNE)
    code, says, gone_by_now = SPOILT[spoil]
    assert (done.returncode, pruned(months)) == (code, gone_by_now)
    assert says in done.stderr


def test_what_is_not_built_or_not_pushed_stays(months: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    older = ("prune", "hill", "--older-than", "0d")
    done = command(months, *older, NEWSCRAWL_REMOTE=str(remote))
    assert (done.returncode, pruned(months)) == (1, [])
    assert f"hill: 6 runs stay: not in the remote storage ({MONTHS[0]} and later)." in done.stderr
    assert command(months, "push", str(remote), "--only", "runs").returncode == 0
    done = command(months, *older, NEWSCRAWL_REMOTE=str(remote))
    # The latest run stays, whatever its age.
    assert (done.returncode, pruned(months)) == (0, MONTHS[:6])
    # What is pruned here stays there, and another storage learns what happened.
    there = files_of(remote)
    done = command(months, "push", str(remote), "--only", "runs", "--all")
    assert (done.returncode, files_of(remote)) == (0, there)
    done = command(months, "push", str(tmp_path / "other"))
    assert done.returncode == 0
    assert "7 runs (6 of them pruned: the dataset has their records)" in done.stdout


def test_a_prune_that_is_killed_is_finished_by_the_next(months: Path) -> None:
    every = keyed(months)
    folder = months / "hill" / f"run={MONTHS[0]}"
    keep_records(folder)
    assert keyed(months) == every
    assert faults(months) == []
    assert "4 runs pruned" in command(months, *PRUNE).stdout
    assert pruned(months) == MONTHS[:4]
    assert faults(months) == []


def test_a_crawl_knows_what_pruned_and_merged_runs_published(tmp_path: Path) -> None:
    output, other = tmp_path / "output", tmp_path / "other"
    pages = {address(n): (200, HTML, article(n)) for n in (6000001, 6000002)}
    first = site(tmp_path / "1.warc.gz", pages)
    more = site(tmp_path / "2.warc.gz", {**pages, address(6000003): (200, HTML, article(6000003))})
    news = ("-a", "sections=news")
    for _ in range(2):
        assert crawl(output, *news, NEWSCRAWL_REPLAY=str(first)).code == 0
    assert crawl(other, *news, NEWSCRAWL_REPLAY=str(more)).code == 0
    # The two may have begun in one second.
    edit(min(output.glob("hill/run=*")), started="2026-11-01T12:00:00Z")
    build(output)
    assert command(output, "prune", "--older-than", "0d").returncode == 0
    assert len(pruned(output)) == 2
    assert (
        "1 new records, 0 further revisions; 2 were" in command(output, "merge", str(other)).stdout
    )
    # A ledger that is lost is made again, from what was kept, too.
    for ledger in (None, output / "ledger.sqlite3"):
        if ledger:
            ledger.unlink()
        done = crawl(output, *news, NEWSCRAWL_REPLAY=str(more))
        assert (done.code, done.runs[-1]["books"]["new"]) == (0, 0)
    assert faults(output) == []
    build(output, full=True)
    assert faults(output) == []


def test_a_build_without_the_rows_of_pruned_runs_refuses(months: Path) -> None:
    assert command(months, *PRUNE).returncode == 0
    shutil.rmtree(months / ".dataset")
    (months / "dataset").unlink()
    done = command(months, "dataset", "build")
    assert (done.returncode, done.stdout) == (3, "")
    assert (
        f"Run {MONTHS[0]} of hill is pruned, and the dataset has 0 of its 2 records" in done.stderr
    )
    assert command(months, "dataset", "build", "--allow-fewer").returncode == 0


# Restoring and merging.


def test_runs_come_back_from_the_remote_storage(months: Path, tmp_path: Path) -> None:
    remote = str(tmp_path / "remote")
    every = keyed(months)
    assert command(months, "push", remote).returncode == 0
    before = files_of(months / "hill")
    shutil.rmtree(months / "hill" / f"run={MONTHS[0]}")
    shutil.rmtree(months / "hill" / f"run={MONTHS[-1]}")
    (months / "hill" / f"run={MONTHS[2]}" / "part-00000.jsonl").unlink()
    done = command(months, "restore", remote)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("hill: 3 runs restored, ")
    # The ledger knew these runs all the time.
    assert "rebuilt" not in done.stdout
    assert files_of(months / "hill") == before
    assert (keyed(months), faults(months)) == (every, [])
    assert command(months, "restore", remote, "hill").stdout.startswith("hill: 0 runs restored, 0 ")
    # All of it, onto another machine.
    fresh = tmp_path / "fresh"
    done = command(fresh, "restore", remote)
    assert (done.returncode, done.stderr) == (0, "")
    assert "The ledger was rebuilt from 20 records." in done.stdout
    assert f"{fresh / 'dataset'} was restored." in done.stdout
    assert files_of(fresh / "hill") == before
    assert (keyed(fresh), faults(fresh)) == (every, [])
    assert "1 runs read" in command(fresh, "dataset", "build").stdout
    assert faults(fresh) == []


def test_pruned_runs_come_back_on_demand(months: Path, tmp_path: Path) -> None:
    remote = str(tmp_path / "remote")
    before = files_of(months / "hill")
    assert command(months, "push", remote).returncode == 0
    assert command(months, *PRUNE, NEWSCRAWL_REMOTE=remote).returncode == 0
    assert command(months, "restore", remote).stdout.startswith("hill: 0 runs restored")
    assert pruned(months) == MONTHS[:4]
    assert command(months, "restore", remote, "--pruned").stdout.startswith("hill: 4 runs restored")
    assert (files_of(months / "hill"), faults(months)) == (before, [])
    # A storage that has them as pruned runs restores them as such, with the dataset.
    assert command(months, *PRUNE, NEWSCRAWL_REMOTE=remote).returncode == 0
    assert command(months, "push", str(tmp_path / "later")).returncode == 0
    fresh = tmp_path / "fresh"
    assert command(fresh, "restore", str(tmp_path / "later")).returncode == 0
    assert (pruned(fresh), faults(fresh)) == (MONTHS[:4], [])
    assert keyed(fresh) == keyed(months)


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ('{"files": {"../../../evil": {"sha256": ""}}}', "a file outside the output folder"),
        ('{"files": {"/tmp/evil": {"sha256": ""}}}', "a file outside the output folder"),
        ('{"files": ["evil"]}', "dataset.json is not readable: no dataset restored"),
        ("{", "dataset.json is not readable: no dataset restored"),
    ],
)
def test_a_bad_manifest_is_not_restored(
    months: Path, tmp_path: Path, manifest: str, sentence: str
) -> None:
    remote, fresh = tmp_path / "a" / "remote", tmp_path / "b" / "fresh"
    assert command(months, "push", str(remote), "--only", "runs").returncode == 0
    (remote / "dataset").mkdir()
    (remote / "dataset" / "dataset.json").write_text(manifest)
    done = command(fresh, "restore", str(remote))
    assert done.returncode == 3
    assert sentence in done.stderr
    assert not (fresh / "dataset").exists()
    assert [it.name for it in (tmp_path / "b").iterdir()] == ["fresh"]


def test_what_is_damaged_is_not_restored(months: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    assert command(months, "push", str(remote), "--only", "runs").returncode == 0
    _spoil_a_part(remote)
    (remote / "hill" / f"run={MONTHS[1]}" / "run.json").write_text("{")
    document = months / "hill" / f"run={MONTHS[2]}" / "run.json"
    document.write_text(document.read_text().replace('"finished"', '"shutdown"'))
    for run in MONTHS[:2]:
        shutil.rmtree(months / "hill" / f"run={run}")
    before = files_of(months / "hill")
    done = command(months, "restore", str(remote), "hill")
    assert done.returncode == 1
    assert f"hill/run={MONTHS[0]}/part-00000.jsonl is damaged: its run is left out" in done.stderr
    assert f"hill/run={MONTHS[1]}/run.json is not readable" in done.stderr
    assert f"{document} differs from the one there: the run is left alone" in done.stderr
    assert files_of(months / "hill") == before


def test_another_output_folder_is_taken_in(tmp_path: Path) -> None:
    here, other = tmp_path / "output", tmp_path / "other"
    for folder in (here, other):
        folder.mkdir()
    early: dict[str, Any] = {"date_modified": "2026-11-01T00:00:00Z", "body": "Early."}
    same: dict[str, Any] = {"body": made_up(2)["body"]}
    late: dict[str, Any] = {"date_modified": "2026-11-25T00:00:00Z", "body": "Late."}
    write_run(here, RUNS[0], [made_up(1), made_up(2)])
    write_run(here, RUNS[4], [made_up(3)], [gone(3, "2026-11-05T12:00:00Z")])
    # The same name as a run here; one article is the same, two have other versions.
    write_run(other, RUNS[0], [made_up(1), made_up(2, **early), made_up(7)])
    write_run(other, RUNS[1], [made_up(2, 2, **same), made_up(1, 2, **late)], part_records=1)
    write_run(
        other, RUNS[2], [], [gone(7, "2026-11-09T12:00:00Z"), gone(2, "2026-10-01T12:00:00Z")]
    )
    build(here)
    since, before = RUNS[4], files_of(here / "hill")
    theirs = files_of(other / "hill")
    done = command(here, "merge", str(other))
    assert (done.returncode, done.stderr) == (0, "")
    assert "hill: 3 runs merged: 1 new records, 2 further revisions; 2 were here" in done.stdout
    assert "The ledger was rebuilt from 6 records" in done.stdout
    # What was here stays as it was, and so does the other folder.
    assert before.items() <= files_of(here / "hill").items()
    assert files_of(other / "hill") == theirs
    assert faults(here) == []
    told = keyed(here, since)
    names = sorted({it[0] for it in told})
    assert told == [
        (names[0], "revised", "2", 2),
        (names[0], "new", "7", 1),
        (names[1], "revised", "1", 2),
        (names[2], "gone", "7", 0),
    ]
    build(here)
    assert faults(here) == []
    rows = pq.read_table(here / "dataset" / "articles").to_pylist()
    texts = {it["id"]: (it["revision"], it["body"][:6], bool(it["date_gone"])) for it in rows}
    # The later text is the article; the early one is an archive's.
    assert texts == {
        "1": (2, "Late.", False),
        "2": (1, "It rai", False),
        "3": (1, "It rai", True),
        "7": (1, "It rai", True),
    }
    # Once is enough.
    done = command(here, "merge", str(other))
    assert "hill: 0 runs merged: 0 new records, 0 further revisions; 5 were here" in done.stdout
    assert keyed(here, since) == told


def test_a_folder_with_a_killed_run_is_not_taken_in(months: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    folder = write_run(other, RUNS[0], [made_up(90)])
    (folder / "run.json").unlink()
    before = files_of(months)
    done = command(months, "merge", str(other))
    assert (done.returncode, files_of(months)) == (3, before)
    assert f"{folder} is not closed" in done.stderr


# Consumers over months.


def test_a_consumer_that_crashes_between_read_and_commit_gets_everything_once(
    tmp_path: Path,
) -> None:
    """It saves the last run with the changes in one transaction, and reads again after a crash."""
    chance = random.Random(7)
    store: dict[str, Any] = {"since": None, "seen": []}

    def consume(*, crash: bool) -> None:
        pending = [
            (it["change"], it["id"], it["run"]) for it in changes(tmp_path, "hill", store["since"])
        ]
        if not crash and pending:
            store.update(seen=store["seen"] + pending, since=pending[-1][2])

    expected = []
    for number, run in enumerate(MONTHS, 1):
        records = [made_up(number)]
        events = []
        if number > 1:
            # Re-dated over months: a version of an archive, and one of the site.
            records.append(made_up(1, number, date_published=f"2026-{number:02}-01T00:00:00Z"))
        if number in (3, 6):
            events = [gone(2, f"2026-0{number}-02T12:00:00Z")]
        if number == 5:
            events = [back(2, "2026-05-02T12:00:00Z")]
        write_run(tmp_path, run, records, events)
        expected += [("new", str(number), run)]
        expected += [("revised", "1", run)] * (number > 1)
        expected += [("back" if number == 5 else "gone", "2", run)] * len(events)
        if number == 4:
            # The ledger is lost and made again.
            (tmp_path / "ledger.sqlite3").unlink()
            assert command(tmp_path, "ledger", "--rebuild").returncode == 0
        if number == 6:
            build(tmp_path)
            assert command(tmp_path, "prune", "--older-than", "0d").returncode == 0
        consume(crash=chance.random() < 0.5)
    consume(crash=False)
    assert store["seen"] == expected
    build(tmp_path)
    assert faults(tmp_path) == []
    (row,) = pq.read_table(tmp_path / "dataset/articles", filters=[("id", "=", "2")]).to_pylist()
    assert row["date_gone"] is not None


# Full disks.


def test_a_full_disk_costs_no_file_and_is_named(months: Path, tmp_path: Path) -> None:
    remote, other = str(tmp_path / "remote"), tmp_path / "other"
    assert command(months, "push", remote, "--only", "runs").returncode == 0
    other.mkdir()
    write_run(
        other, RUNS[0], [made_up(number, body="A long story. " * 999) for number in range(60, 90)]
    )
    folder = months / "hill" / f"run={MONTHS[1]}"
    shutil.rmtree(folder)
    writing = {
        ("dataset", "build", "--full", "--allow-fewer"): ".dataset/next",
        ("dataset", "csv", "articles", str(months / "a.csv")): "a.csv",
        ("restore", remote): f".{folder.name}.restoring",
        ("merge", str(other)): "hill/run=",
        ("prune", "--older-than", "0d"): f"hill/run={MONTHS[0]}/kept.jsonl",
    }
    before = files_of(months)
    seen = full(months, *writing)
    for (arguments, path), done in zip(writing.items(), seen.done, strict=True):
        assert done.returncode == 3, (arguments, done)
        assert str(months / path) in done.stderr or path in done.stderr, (arguments, done)
        assert "No space left on device" in done.stderr, (arguments, done)
        assert "Traceback" not in done.stderr
    assert seen.files == before


def test_a_push_to_a_full_disk_is_named(output: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    remote.mkdir()
    (remote / "there").write_text("something")
    arguments = on_a_disk(remote, 0, "push", str(remote))
    done = forks().run(arguments, environment(output), timeout=120, main=MAIN)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"{remote} cannot be used: No space left on device.\n"


def test_a_link_and_a_pipe_are_written_and_not_replaced(output: Path, tmp_path: Path) -> None:
    target = tmp_path / "target.csv"
    target.write_text("before")
    link = tmp_path / "link.csv"
    link.symlink_to(target)
    assert command(output, "dataset", "csv", "articles", str(link)).returncode == 0
    assert link.is_symlink()
    assert target.read_text().startswith('"outlet"')
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    assert command(output, "dataset", "csv", "articles", str(pipe)).returncode == 0
    assert pipe.is_fifo()
    assert os.read(reader, 2**16).startswith(b'"outlet"')
    os.close(reader)
