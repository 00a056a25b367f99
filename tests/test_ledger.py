"""Run after run: every article once, every change published, nothing lost."""

import fcntl
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from newscrawl.items import Author, Candidate
from newscrawl.storage.books import balance
from newscrawl.storage.ledger import Checkpoint, Ledger
from tests import kill
from tests.conftest import ROOT, Crawl, command, crawl, environment, make_due
from tests.recordings import HTML, address, article, site
from tests.sample.__main__ import write_warc
from tests.sample.server import running
from tests.sample.site import SampleSite

NEWS = ("-a", "sections=news")
ARTICLES = 40
# Nothing is young, or everything is: whatever day the tests are run on.
NEVER = {"NEWSCRAWL_REVISIT_HOURS": ""}
ALWAYS = {"NEWSCRAWL_REVISIT_HOURS": "1000000"}


@pytest.fixture(scope="module")
def editions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("editions")
    for edition in (1, 2):
        write_warc(SampleSite(ARTICLES, edition), folder / f"{edition}.warc.gz", edition)
    return folder / "1.warc.gz", folder / "2.warc.gz"


def ledger(output: Path) -> sqlite3.Connection:
    return sqlite3.connect(output / "ledger.sqlite3")


def states(output: Path) -> dict[str, tuple[str, int, str | None]]:
    with closing(ledger(output)) as connection:
        rows = connection.execute("SELECT id, state, attempts, reason FROM articles").fetchall()
    return {row[0]: tuple(row[1:]) for row in rows}


def test_an_unchanged_site_costs_only_its_listings(
    editions: tuple[Path, Path], tmp_path: Path
) -> None:
    first = crawl(tmp_path, NEWSCRAWL_REPLAY=str(editions[0]), **NEVER)
    again = crawl(tmp_path, NEWSCRAWL_REPLAY=str(editions[0]), **NEVER)
    books = again.runs[1]["books"]
    # What failed and waits for its retry is pending, not known.
    assert books["known"] + books["pending"] == first.runs[0]["books"]["discovered"]
    assert (books["pending"], again.runs[1]["waiting"]) == (7, 7)
    assert again.records == first.records
    asked = again.runs[1]["listings"]["asked"]
    assert again.stats["scheduler/dequeued"] - asked in (0, 1)


def test_a_shallow_run_does_not_hide_what_is_deeper(
    editions: tuple[Path, Path], tmp_path: Path
) -> None:
    crawl(tmp_path, "-a", "pages=1", NEWSCRAWL_REPLAY=str(editions[0]), **NEVER)
    done = crawl(tmp_path, NEWSCRAWL_REPLAY=str(editions[0]), **NEVER)
    again = crawl(tmp_path, NEWSCRAWL_REPLAY=str(editions[0]), **NEVER)
    deep, caught_up = (run["listings"]["asked"] for run in again.runs[1:])
    assert deep > caught_up, "after a shallow run the pages behind the first are read"
    assert done.runs[1]["books"]["failed"] == {}


def test_a_corrected_article_is_a_new_revision(editions: tuple[Path, Path], tmp_path: Path) -> None:
    crawl(tmp_path, NEWSCRAWL_REPLAY=str(editions[0]), **ALWAYS)
    make_due(tmp_path)
    done = crawl(tmp_path, NEWSCRAWL_REPLAY=str(editions[1]), **ALWAYS)
    books = done.runs[1]["books"]
    assert (books["new"], books["revised"]) == (3, 1)
    assert books["unchanged"] == ARTICLES - 1
    assert balance(books) == 0
    revised = [it for it in done.records if it["revision"] == 2]
    assert len(revised) == 1
    identity = revised[0]["id"]
    first = next(it for it in done.records if it["id"] == identity and it["revision"] == 1)
    assert first["content_hash"] != revised[0]["content_hash"]
    assert first["date_modified"] < revised[0]["date_modified"]
    printed = command(tmp_path, "history", "hill", identity).stdout
    assert "revision 1" in printed
    assert "revision 2" in printed
    assert f"- {first['headline']}" in printed
    assert f"+ {revised[0]['headline']}" in printed
    new_blocks = set(revised[0]["body"].split("\n\n")) - set(first["body"].split("\n\n"))
    assert new_blocks
    for block in new_blocks:
        assert f"+ {block}" in printed
    assert identity in command(tmp_path, "ledger", "hill", identity).stdout


def test_an_archive_brings_old_versions_once(editions: tuple[Path, Path], tmp_path: Path) -> None:
    both = f"archive={editions[1]},{editions[0]}"
    crawl(tmp_path, "-a", both, **NEVER)
    done = crawl(tmp_path, "-a", both, **NEVER)
    keys = [(it["id"], it["revision"]) for it in done.records]
    assert len(keys) == len(set(keys)) == ARTICLES + 3 + 1
    assert sum(revision == 2 for _, revision in keys) == 1
    assert done.runs[1]["parts"] == []


def test_failures_are_kept_tried_again_and_given_up(tmp_path: Path) -> None:
    pages = {
        address(6000001): (500, HTML, b"oops"),
        address(6000002): (200, HTML, b""),
        address(6000003): (200, HTML, article(6000003)),
    }
    recording = str(site(tmp_path / "site.warc.gz", pages))
    patience = {**NEVER, "NEWSCRAWL_RETRY_HOURS": "1,2", "NEWSCRAWL_REPLAY": recording}
    output = tmp_path / "output"
    for attempt in (1, 2, 3):
        crawl(output, *NEWS, **patience)
        expected = ("failed", "rejected") if attempt < 3 else ("abandoned", "abandoned")
        got = states(output)
        assert got["6000001"] == (expected[0], attempt, "http 500")
        assert got["6000002"] == (expected[1], attempt, "empty answer")
        if attempt == 1:
            again = crawl(output, *NEWS, **patience)
            books = again.runs[-1]["books"]
            assert (books["known"], books["pending"]) == (1, 2), "a failure is not due at once"
        make_due(output)
    done = crawl(output, *NEWS, **patience)
    assert done.runs[-1]["books"]["known"] == 3
    shown = command(output, "ledger").stdout
    assert "http 500" in shown
    assert "abandoned" in shown


def test_an_article_that_the_site_took_away_is_gone_and_its_records_stay(tmp_path: Path) -> None:
    output = tmp_path / "output"
    there = site(tmp_path / "1.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    away = site(tmp_path / "2.warc.gz", {address(6000001): (410, HTML, b"gone")})
    crawl(output, *NEWS, NEWSCRAWL_REPLAY=str(there), **ALWAYS)
    make_due(output)
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=str(away), **ALWAYS)
    assert states(output)["6000001"][0] == "gone"
    assert [it["id"] for it in done.records] == ["6000001"]


def test_what_the_limit_left_is_got_by_the_next_run(tmp_path: Path) -> None:
    pages = {address(n): (200, HTML, article(n)) for n in range(6000001, 6000021)}
    recording = str(site(tmp_path / "site.warc.gz", pages))
    output = tmp_path / "output"
    for run in range(1, 5):
        done = crawl(output, *NEWS, "-a", "limit=6", NEWSCRAWL_REPLAY=recording, **NEVER)
        assert len(done.records) == min(6 * run, 20)
    assert sorted(it["id"] for it in done.records) == [str(n) for n in range(6000001, 6000021)]


def test_a_second_run_at_the_same_time_does_nothing(tmp_path: Path) -> None:
    pages = {address(6000001): (200, HTML, article(6000001))}
    recording = str(site(tmp_path / "site.warc.gz", pages))
    output = tmp_path / "output"
    (output / "hill").mkdir(parents=True)
    with (output / "hill/.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording)
    assert done.code == 75
    assert "Another run of hill uses the output folder" in done.log
    assert done.runs == []
    assert crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording).code == 0


@pytest.fixture
def small(tmp_path: Path) -> tuple[Path, str]:
    """A folder that holds one finished run, and the recording that it was made from."""
    pages = {address(n): (200, HTML, article(n)) for n in range(6000001, 6000006)}
    recording = str(site(tmp_path / "site.warc.gz", pages))
    crawl(tmp_path / "output", *NEWS, NEWSCRAWL_REPLAY=recording, **NEVER)
    return tmp_path / "output", recording


def test_a_damaged_ledger_is_named_and_can_be_rebuilt(small: tuple[Path, str]) -> None:
    output, recording = small
    before = states(output)
    for name in ("ledger.sqlite3-wal", "ledger.sqlite3-shm"):
        (output / name).unlink(missing_ok=True)
    (output / "ledger.sqlite3").write_bytes(b"no database at all" * 999)
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording, **NEVER)
    assert done.code == 3
    assert "is damaged" in done.log
    assert "scrapy ledger --rebuild" in done.log
    assert "Traceback" not in done.log
    assert len(done.records) == 5
    printed = command(output, "ledger", "--rebuild")
    assert "Rebuilt the ledger from 5 published records" in printed.stdout
    assert states(output) == before
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording, **NEVER)
    assert done.runs[-1]["books"]["known"] == 5
    assert len(done.records) == 5


def test_a_ledger_of_a_later_newscrawl_is_left_alone(small: tuple[Path, str]) -> None:
    output, recording = small
    with closing(ledger(output)) as connection, connection:
        connection.execute("UPDATE schema_version SET version = 99")
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording)
    assert done.code == 3
    assert "has schema 99" in done.log


@pytest.mark.parametrize("url", ["mongodb://x/y", "sqlite://", "sqlite:///:memory:"])
def test_a_ledger_address_that_is_none_is_refused(url: str, tmp_path: Path) -> None:
    recording = str(site(tmp_path / "site.warc.gz", {}))
    done = crawl(tmp_path, NEWSCRAWL_REPLAY=recording, NEWSCRAWL_LEDGER_URL=url)
    assert done.code == 3
    assert f"NEWSCRAWL_LEDGER_URL='{url}' is not allowed" in done.log


def lines_of(process: "subprocess.Popen[str]") -> Iterator[str]:
    assert process.stderr is not None
    yield from process.stderr


def test_a_ledger_that_someone_else_has_locked_is_waited_for(small: tuple[Path, str]) -> None:
    output, recording = small
    with closing(ledger(output)) as connection:
        connection.isolation_level = None
        connection.execute("BEGIN EXCLUSIVE")
        process = subprocess.Popen(
            [sys.executable, "-m", "scrapy", "crawl", "hill", *NEWS],
            cwd=ROOT,
            env=environment(output, NEWSCRAWL_REPLAY=recording, **NEVER),
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            waited = next(line for line in lines_of(process) if "is locked by someone else" in line)
            connection.execute("ROLLBACK")
            rest = process.communicate(timeout=60)[1]
        finally:
            process.kill()
            process.wait()
    assert "waiting" in waited
    assert process.returncode == 0, rest
    assert "Traceback" not in rest
    assert Crawl(0, "", output).runs[-1]["books"]["known"] == 5


def test_a_killed_run_that_left_less_than_the_ledger_knows(small: tuple[Path, str]) -> None:
    output, recording = small
    run = next(output.glob("hill/run=*"))
    (run / "run.json").unlink()
    part = run / "part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(lines[:2]))
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=recording, **NEVER)
    assert sorted((it["id"], it["revision"]) for it in done.records) == [
        (str(n), 1) for n in range(6000001, 6000006)
    ]
    kill.check(output, kill.published(output))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_closes_cleanly(number: signal.Signals, tmp_path: Path) -> None:
    pages = kill.KillingSite(SampleSite(40))
    with running(pages) as server:
        pages.kill_at = 20
        pages.signal = number
        pages.victim = kill.start(tmp_path, server.port)
        assert pages.victim.wait(60) == 0
    run = Crawl(0, "", tmp_path).runs[0]
    assert run["reason"] == "shutdown"
    assert run["complete"] is False
    assert balance(run["books"]) == 0
    assert run["books"]["pending"] > 0
    kill.check(tmp_path, kill.published(tmp_path))


@pytest.mark.parametrize(
    ("kind", "kills", "articles"),
    [
        ("crawl", 8, 30),
        ("archive", 3, 30),
        ("archives", 3, 60),  # Several processes would be done before the kill.
        ("backfill", 3, 30),
        ("reread", 4, 30),
    ],
)
def test_kill_9_loses_nothing(kind: str, kills: int, articles: int) -> None:
    assert kill.kill_test(kills, articles, kind) >= kills / 2


def test_runs_lists_the_books(small: tuple[Path, str]) -> None:
    output, _ = small
    printed = command(output, "runs").stdout
    assert "finished, complete: discovered 5, known 0, new 5" in printed
    path = next(output.glob("hill/run=*/run.json"))
    document = json.loads(path.read_text())
    document["books"]["new"] = 4
    path.write_text(json.dumps(document))
    assert "counts differ from discovered by 1" in command(output, "runs", "hill").stdout


def test_the_checkpoints_of_an_older_ledger_are_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite3"
    checkpoint = Checkpoint(asked="2026-11-24T00:00:00Z", etag="x", position="here", pause=2.0)
    ledger = Ledger(url)
    ledger.apply([ledger.save_checkpoint("hill", "x", checkpoint)])
    ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as old:
        old.executescript(
            "ALTER TABLE checkpoints RENAME TO listings; UPDATE schema_version SET version = 3;"
        )
    for _ in range(2):
        ledger = Ledger(url)
        assert ledger.read_checkpoint("hill", "x") == checkpoint
        ledger.close()


def test_a_ledger_of_the_first_schema_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite3"
    Ledger(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(
            """
            ALTER TABLE articles DROP COLUMN date_published;
            ALTER TABLE articles DROP COLUMN authors;
            DROP TABLE checkpoints;
            UPDATE schema_version SET version = 1;
            INSERT INTO articles (outlet, id, url, state, first_seen, next_attempt)
                VALUES ('hill', '7', 'https://thehill.com/a/7-b/', 'pending', 'x', 'x');
            """
        )
    today = Ledger(f"sqlite:///{path}")
    known = today.get("hill", "7")
    assert known is not None
    assert (known.state, known.known_authors, known.date_published) == ("pending", (), None)
    candidate = Candidate("8", "https://thehill.com/a/8-c/", authors=(Author("Ada Quill"),))
    checkpoint = Checkpoint(asked="2026-11-24T00:00:00Z", position="here", pause=2.0)
    today.apply(
        [
            today.insert_pending("hill", candidate, "y"),
            today.save_checkpoint("hill", "x", checkpoint),
        ]
    )
    seen = today.get("hill", "8")
    assert seen is not None
    assert seen.known_authors == (Author("Ada Quill"),)
    assert today.read_checkpoint("hill", "x") == checkpoint
    today.apply([today.delete_checkpoint("hill", "x")])
    assert today.read_checkpoint("hill", "x") is None
    today.close()
