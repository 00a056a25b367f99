"""Accidents with ledger, runs and clock: nothing twice, nothing lost, everything told."""

import shutil
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from newscrawl.commands.demo import unpack
from newscrawl.dataset.build import build
from newscrawl.dataset.changes import changes
from newscrawl.extraction.dates import utc
from newscrawl.storage.kept import keep_records
from newscrawl.storage.run_folder import OUTPUT_ID
from newscrawl.storage.runs import run_name
from tests import kill
from tests.conftest import Crawl, command, crawl
from tests.made_up import edit
from tests.mounts import files_of, full, read_only
from tests.recordings import HTML, Answer, address, article, site
from tests.sample.answer import Page
from tests.sample.server import running
from tests.sample.site import SampleSite

# Made by a3a271c, a4ae0b6, 88ddfa6, 647d805 and 6813c63: two crawls of a recording, and all retries
# due.
LEDGERS = Path(__file__).parent / "fixtures" / "ledgers"
NEWS = ("-a", "sections=news")
NEVER = {"NEWSCRAWL_REVISIT_HOURS": ""}
IDS = [str(number) for number in range(6000001, 6000007)]


def pages(first: int, last: int) -> dict[str, Answer]:
    return {address(n): (200, HTML, article(n)) for n in range(6000000 + first, 6000001 + last)}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Recordings of a site that shows three articles, then six."""
    folder = tmp_path_factory.mktemp("recordings")
    return [
        str(site(folder / "1.warc.gz", pages(1, 3))),
        str(site(folder / "2.warc.gz", pages(1, 6))),
    ]


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory, recordings: list[str]) -> Path:
    output = tmp_path_factory.mktemp("crawled")
    for recording in recordings:
        assert go_on(output, recording).code == 0
    return output


@pytest.fixture
def output(tmp_path: Path, crawled: Path) -> Path:
    """An output folder with two runs of three articles each."""
    output = tmp_path / "output"
    shutil.copytree(crawled, output)
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        # The message about a ledger of another folder names this one.
        ledger.execute("UPDATE basis SET folder = ?", [str(output)])
    return output


def go_on(output: Path, recording: str, **settings: str) -> Crawl:
    return crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording, **NEVER, **settings)


def runs(output: Path) -> list[Path]:
    return sorted(output.glob("hill/run=*"))


def changed(output: Path) -> list[tuple[str, str]]:
    """Return what a consumer gets that reads all changes: kind and id."""
    return [(it["change"], it["id"]) for it in changes(output, "hill", None)]


def sound(output: Path, ids: list[str] = IDS) -> None:
    """Parts, ledger, changes and dataset agree, and have every article once."""
    published = kill.published(output)
    assert sorted(key for key, _ in published) == ids
    assert sorted(changed(output)) == [("new", it) for it in ids]
    build(output)
    kill.check(output, published)


def remove_ledger(output: Path) -> None:
    for path in output.glob("ledger.sqlite3*"):
        path.unlink()


# The ledger and the runs.


def test_a_lost_ledger_is_made_again_from_the_parts(output: Path, recordings: list[str]) -> None:
    remove_ledger(output)
    done = go_on(output, recordings[1])
    assert (done.code, done.runs[-1]["books"]["known"]) == (0, 6)
    assert done.log.count("lacked 6 records of 2 runs on disk") == 1
    assert done.runs[-1]["reconciled"] == {"runs": 2, "records": 6, "missing": 0}
    sound(output)
    told = command(output, "check-run", "hill")
    assert (told.returncode, told.stdout.count("The ledger lacked 6 records")) == (1, 1)
    # Told once.
    run = go_on(output, recordings[1]).runs[-1]
    assert "reconciled" not in run
    assert run["stats"]["elapsed_time_seconds"] > 0
    assert run["stats"]["finish_reason"] == "finished"


def test_a_ledger_of_a_backup_gets_what_it_lacks(
    tmp_path: Path, recordings: list[str], output: Path
) -> None:
    backup = tmp_path / "backup"
    go_on(backup, recordings[0])
    # As if the backup had been made after the first run.
    runs(backup)[0].rename(backup / "hill" / runs(output)[0].name)
    with closing(sqlite3.connect(backup / "ledger.sqlite3")) as ledger, ledger:
        for table, column in (("revisions", "run"), ("basis", "through")):
            ledger.execute(f"UPDATE {table} SET {column} = ?", [runs(output)[0].name[4:]])
        ledger.execute("UPDATE basis SET output = ?", [(output / OUTPUT_ID).read_text().strip()])
    remove_ledger(output)
    shutil.copy(backup / "ledger.sqlite3", output)
    done = go_on(output, recordings[1])
    assert (done.code, done.runs[-1]["books"]["known"]) == (0, 6)
    assert done.runs[-1]["reconciled"] == {"runs": 1, "records": 3, "missing": 0}
    sound(output)


def test_a_ledger_that_was_copied_in_mid_run_gets_the_rest(
    output: Path, recordings: list[str]
) -> None:
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        for table in ("articles", "revisions"):
            ledger.execute(f"DELETE FROM {table} WHERE id = '6000006'")
    done = go_on(output, recordings[1])
    assert done.runs[-1]["reconciled"] == {"runs": 1, "records": 1, "missing": 0}
    sound(output)


def test_a_ledger_newer_than_the_runs_is_refused(output: Path, recordings: list[str]) -> None:
    last = runs(output)[-1]
    shutil.rmtree(last)
    done = go_on(output, recordings[1])
    assert done.code == 3
    assert f"knows what run {last.name[4:]} of hill published" in done.log
    assert f"ends with run {runs(output)[0].name[4:]}" in done.log
    assert "scrapy ledger --rebuild" in done.log
    assert len(done.runs) == 1
    # The way out that the sentence names.
    assert command(output, "ledger", "--rebuild").returncode == 0
    assert go_on(output, recordings[1]).runs[-1]["books"]["new"] == 3
    sound(output)


def test_the_ledger_of_another_output_folder_is_refused(
    tmp_path: Path, output: Path, recordings: list[str]
) -> None:
    url = {"NEWSCRAWL_LEDGER_URL": f"sqlite:///{output}/ledger.sqlite3"}
    other = tmp_path / "other"
    go_on(other, recordings[0])
    done = go_on(other, recordings[1], **url)
    assert (done.code, len(done.runs)) == (3, 1)
    assert f"{output}/ledger.sqlite3 has hill of the output folder {output}" in done.log
    assert f"writes into another one, {other}" in done.log
    done = go_on(tmp_path / "empty", recordings[1], **url)
    assert (done.code, done.runs) == (3, [])
    assert f"the output folder {tmp_path}/empty has no run of hill: runs are missing" in done.log
    sound(output)
    # A rebuild for the other folder leaves alone what other outlets have in that ledger.
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute("INSERT INTO basis VALUES ('gazette', '20260101T000000Z', 'x', 'y')")
    assert command(other, "ledger", "--rebuild", **url).returncode == 0
    assert go_on(other, recordings[0], **url).runs[-1]["books"]["known"] == 3
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger:
        assert ledger.execute("SELECT COUNT(*) FROM basis").fetchone() == (2,)


def test_an_output_folder_that_was_moved_is_the_same(output: Path, recordings: list[str]) -> None:
    moved = output.rename(output.with_name("moved"))
    assert go_on(moved, recordings[1]).runs[-1]["books"]["known"] == 6
    # Without its identity it is known by its runs.
    before = (moved / OUTPUT_ID).read_text()
    (moved / OUTPUT_ID).unlink()
    assert go_on(moved, recordings[1]).runs[-1]["books"]["known"] == 6
    assert (moved / OUTPUT_ID).read_text() == before
    sound(moved)


@pytest.mark.parametrize("kept", [True, False])
def test_records_whose_parts_are_gone_are_told(
    kept: bool, output: Path, recordings: list[str]
) -> None:
    first = runs(output)[0]
    if kept:
        assert keep_records(first) == 3
    (first / "part-00000.jsonl").unlink()
    remove_ledger(output)
    done = go_on(output, recordings[1])
    last = done.runs[-1]
    assert last["books"]["known"] == (6 if kept else 3)
    assert last["reconciled"]["missing"] == (0 if kept else 3)
    assert ("3 records of 2 runs are in their run.json and not on disk" in done.log) != kept
    assert ("3 more are in no part" in command(output, "check-run", "hill").stdout) != kept


def test_a_ledger_that_cannot_be_written_is_noticed_before_the_site_is_asked(
    output: Path, recordings: list[str]
) -> None:
    settings = {"NEWSCRAWL_REPLAY": recordings[1], **NEVER}
    seen = read_only(output, ["crawl", "hill", *NEWS], **settings)
    assert seen.done[0].returncode == 3
    # Root may write whatever the mode says; a database that is opened so may not.
    url = f"sqlite:///file:{output}/ledger.sqlite3?mode=ro&uri=true"
    done = go_on(output, recordings[1], NEWSCRAWL_LEDGER_URL=url)
    assert (done.code, len(done.runs)) == (3, 2), done.log
    assert "readonly database" in done.log
    assert "Traceback" not in done.log
    assert "scheduler/dequeued" not in done.log
    sound(output)


@pytest.mark.parametrize("free", [0, 20_000])
def test_a_full_disk_is_noticed_and_leaves_nothing_half(
    free: int, output: Path, recordings: list[str]
) -> None:
    """Without the ledger, the crawl has to write it again, too."""
    settings = {"NEWSCRAWL_REPLAY": recordings[1], **NEVER}
    published = files_of(output / "hill")
    for remove in (False, True):
        if remove:
            remove_ledger(output)
        seen = full(output, ["crawl", "hill", *NEWS], free=free, **settings)
        [done] = seen.done
        assert (done.returncode, "Traceback" in done.stderr) == (3, False), done.stderr
        assert "cannot be used" in done.stderr or "cannot be written" in done.stderr
        assert not [it for it in seen.files if it.endswith(".tmp") or it.startswith(".output-id")]
        left = {it.removeprefix("hill/"): digest for it, digest in seen.files.items()}
        assert {it: left.get(it) for it in published} == published


# Runs.


@pytest.mark.parametrize(
    ("damage", "place"),
    [("", 0), ("\0" * 99, 1), (None, 0), ("edited", 1)],
    ids="empty zeros dir hand".split(),
)
def test_a_damaged_run_json_costs_that_run_only(
    damage: str | None, place: int, output: Path, recordings: list[str]
) -> None:
    folder = runs(output)[place]
    path = folder / "run.json"
    before = path.read_text()
    path.unlink()
    if damage is None:
        path.mkdir()
    else:
        path.write_text(before.replace('"new": 3', '"new": "3"') if damage == "edited" else damage)
    for arguments in ("runs hill", "check-run hill", "report hill"):
        told = command(output, *arguments.split())
        assert told.returncode == 1, (arguments, told.stderr)
        assert told.stderr.count(f"{path} is damaged") == 1, told.stderr
        assert "Traceback" not in told.stderr
        assert told.stdout
    for arguments in ("history", "show"):
        told = command(output, arguments, "hill", "6000001")
        assert (told.returncode, "Story 6000001" in told.stdout) == (0, True)
    done = go_on(output, recordings[1])
    assert done.code == 0
    assert done.log.count(f"The run.json of {folder} was damaged") == 1
    assert done.runs[-1]["repaired"] == [folder.name[4:]]
    assert done.runs[-1]["books"]["known"] == 6
    sound(output)


def test_a_copied_or_renamed_run_is_left_out(output: Path, recordings: list[str]) -> None:
    first, _ = runs(output)
    copy = first.with_name(f"run={run_name(datetime.now(UTC) - timedelta(hours=1))}")
    shutil.copytree(first, copy)
    strange = first.with_name(f"{first.name} (copy)")
    shutil.copytree(first, strange)
    for folder, says in ((copy, "was copied or renamed"), (strange, "is not named as a run is")):
        told = command(output, "runs", "hill")
        assert (told.returncode, told.stderr.count(says)) == (1, 1), told.stderr
        done = go_on(output, recordings[1])
        assert done.code == 0
        assert done.log.count(says) == 1
        assert folder.name[4:] in done.runs[-1]["ignored"]
        assert done.runs[-1]["books"]["known"] == 6
    for folder in (copy, strange):
        shutil.rmtree(folder)
    sound(output)


def test_a_copy_of_a_killed_run_is_left_out(output: Path, recordings: list[str]) -> None:
    _, last = runs(output)
    (last / "run.json").unlink()
    copy = last.with_name(f"run={run_name(datetime.now(UTC) + timedelta(hours=1))}")
    shutil.copytree(last, copy)
    done = go_on(output, recordings[1])
    assert f"{copy} holds the records of run {last.name[4:]}" in done.log
    assert done.runs[-1]["ignored"] == [copy.name[4:]]
    assert done.runs[-1]["salvaged"] == [last.name[4:]]
    shutil.rmtree(copy)
    sound(output)


def test_the_latest_run_renamed_is_refused(output: Path, recordings: list[str]) -> None:
    last = runs(output)[-1]
    renamed = last.rename(last.with_name("run=20200101T000000Z"))
    done = go_on(output, recordings[1])
    assert done.code == 3
    assert f"knows what run {last.name[4:]} of hill published" in done.log
    renamed.rename(last)
    go_on(output, recordings[1])
    sound(output)


def test_a_killed_run_with_a_broken_line_costs_that_run_only(
    output: Path, recordings: list[str]
) -> None:
    last = runs(output)[-1]
    (last / "run.json").unlink()
    part = last / "part-00000.jsonl"
    whole = part.read_bytes()
    lines = whole.splitlines(keepends=True)
    part.write_bytes(b"".join([lines[0], b"no JSON\n", *lines[1:]]))
    remove_ledger(output)
    done = go_on(output, recordings[1])
    assert (done.code, done.runs[-1]["ignored"]) == (0, [last.name[4:]])
    assert f"A part of {last} cannot be read" in done.log
    assert done.runs[-1]["books"]["known"] == 6
    # Mended by hand, as the sentence says.
    part.write_bytes(whole)
    assert go_on(output, recordings[1]).runs[-1]["salvaged"] == [last.name[4:]]
    sound(output)


# The clock.


def set_clock(output: Path, years: float) -> None:
    """Let the latest run have ended so many years from now, and have its name by that clock."""
    last = runs(output)[-1]
    moment = datetime.now(UTC) + timedelta(days=365 * years)
    edit(last, run=run_name(moment), started=utc(moment), finished=utc(moment))
    last.rename(last.with_name(f"run={run_name(moment)}"))
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute(
            "UPDATE revisions SET run = ? WHERE run = ?", [run_name(moment), last.name[4:]]
        )
        ledger.execute("UPDATE basis SET through = ?", [run_name(moment)])


def test_a_clock_that_is_set_back_costs_no_run(output: Path, recordings: list[str]) -> None:
    set_clock(output, 1)
    later = utc(datetime.now(UTC) + timedelta(days=366))
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        # The site asked for a pause, and one article failed, by the clock that was ahead.
        ledger.execute(
            "INSERT INTO checkpoints (outlet, name, asked, due) VALUES ('hill', 'wait', ?, ?)",
            [later, later],
        )
        ledger.execute(
            "UPDATE articles SET state = 'failed', attempts = 1, last_fetched = ?,"
            " next_attempt = ? WHERE id = '6000006'",
            [later, later],
        )
    more = str(site(output.parent / "3.warc.gz", pages(1, 8)))
    done = go_on(output, more)
    ahead, run = done.runs[-2:]
    assert run["run"] > ahead["run"]
    assert run["started"] < ahead["started"]
    assert (run["clock"]["fault"], run["clock"]["expected"]) == ("behind", ahead["finished"])
    assert "WARNING: The machine's clock is wrong, or was in the run before (behind)" in done.log
    assert (run["books"]["new"], run["books"]["unchanged"]) == (2, 1)
    # Everything that follows takes it, and takes its age from the clock.
    sound(output, [*IDS, "6000007", "6000008"])
    told = command(output, "check-run", "hill", "--max-age", "3")
    assert (told.returncode, told.stdout.count("  clock:behind ")) == (1, 1)
    assert "hours ago" not in told.stdout
    again = go_on(output, more)
    assert again.runs[-1]["run"] > run["run"]
    assert "clock" not in again.runs[-1]
    edit(runs(output)[-1], started="2026-01-01T00:00:00Z", finished="2026-01-01T00:00:01Z")
    assert "hours ago" in command(output, "check-run", "hill", "--max-age", "3").stdout


def test_a_clock_that_is_years_ahead_is_told(output: Path, recordings: list[str]) -> None:
    last = runs(output)[-1]
    edit(last, finished=utc(datetime.now(UTC) - timedelta(days=800)))
    done = go_on(output, recordings[1])
    assert (done.code, done.runs[-1]["clock"]["fault"]) == (0, "ahead")
    assert "WARNING: The machine's clock is wrong, or was in the run before (ahead)" in done.log
    sound(output)


class Dated:
    """The sample site, by a clock that shows another time."""

    def __init__(self, ahead: timedelta, age: str = "0") -> None:
        self.site, self.ahead, self.age = SampleSite(6), ahead, age

    def get(self, url: str) -> Page:
        page = self.site.get(url)
        date = format_datetime(datetime.now(UTC) + self.ahead, usegmt=True)
        return replace(page, headers=(*page.headers, ("Date", date), ("Age", self.age)))


@pytest.mark.parametrize(
    ("ahead", "age", "fault"),
    [(0, "0", None), (2, "0", "behind"), (-2, "0", "ahead"), (-2, "7200", None)],
)
def test_the_clock_is_compared_with_that_of_the_site(
    ahead: int, age: str, fault: str | None, tmp_path: Path
) -> None:
    with running(Dated(timedelta(hours=ahead), age)) as server:
        assert kill.start(tmp_path, server.port).wait(60) == 0
    [run] = Crawl(0, "", tmp_path).runs
    assert run.get("clock", {}).get("fault") == fault
    assert run.get("clock", {"by": "site"})["by"] == "site"


# Older versions.


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recording of eleven articles: a revised one, one that is gone, and the others."""
    there = pages(1, 11)
    there[address(6000001)] = (200, HTML, article(6000001, "<p>It snowed.</p>"))
    there[address(6000002)] = (410, HTML, b"gone")
    return str(site(tmp_path_factory.mktemp("later") / "3.warc.gz", there))


# The ledgers of versions 2 and 3 differ from their neighbours in nothing that a salvage reads.
@pytest.mark.parametrize(
    ("schema", "killed"),
    [(1, False), (2, False), (3, False), (4, False), (5, False), (1, True), (5, True)],
)
def test_a_crawl_goes_on_from_the_ledger_of_an_older_version(
    schema: int, killed: bool, tmp_path: Path, later: str
) -> None:
    """Two runs of that version: eight articles, one of them revised, one gone, two failed."""
    with tarfile.open(LEDGERS / f"schema-{schema}.tar.gz") as archive:
        unpack(archive, tmp_path)
    last = runs(tmp_path)[-1]
    if killed:
        (last / "run.json").unlink()
        part = last / "part-00000.jsonl"
        part.rename(part.with_name("part-00000.jsonl.tmp"))
    before = kill.published(tmp_path) if not killed else {}
    done = go_on(tmp_path, later)
    assert (done.code, "Traceback" in done.log) == (0, False), done.log
    run = done.runs[-1]
    # The two that failed are due again, and one is new.
    assert (run["books"]["new"], run["books"]["revised"]) == (3, 0), run["books"]
    assert "reconciled" not in run
    assert run["salvaged"] == ([last.name[4:]] if killed else [])
    after = kill.published(tmp_path)
    assert {key: after[key] for key in before} == before
    assert sorted(after) == sorted(
        [*((str(n), 1) for n in range(6000001, 6000012)), ("6000001", 2)]
    )
    kill.check(tmp_path, after)
    assert len(changed(tmp_path)) == 12 + (schema > 2)
    assert go_on(tmp_path, later).runs[-1]["books"]["new"] == 0
