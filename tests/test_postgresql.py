"""The ledger in a real PostgreSQL. Skipped if there is no server."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from newscrawl.dataset.verify import Verifier
from newscrawl.storage.ledger import Ledger, articles, revisions
from newscrawl.storage.ledger.tables import withdrawals
from tests.conftest import Crawl, crawl
from tests.forks import SCRAPY, Fork, forks
from tests.kill import RANGES, TRIES, stop_in_mid_run, write_archive
from tests.postgresql import Server, running
from tests.recordings import HTML, address, article, site


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The address of a new server."""
    with running() as server:
        yield server.url


def test_the_ledger_lives_in_postgresql(postgresql: str, tmp_path: Path) -> None:
    pages = {address(n): (200, HTML, article(n)) for n in range(6000001, 6000004)}
    pages[address(6000009)] = (500, HTML, b"oops")
    first = str(site(tmp_path / "1.warc.gz", pages))
    pages[address(6000001)] = (200, HTML, article(6000001, "<p>It snowed.</p>"))
    second = str(site(tmp_path / "2.warc.gz", pages))
    output = tmp_path / "output"
    news = ("-a", "sections=news")
    crawl(output, *news, NEWSCRAWL_REPLAY=first, NEWSCRAWL_LEDGER_URL=postgresql)
    again = crawl(output, *news, NEWSCRAWL_REPLAY=first, NEWSCRAWL_LEDGER_URL=postgresql)
    books = again.runs[1]["books"]
    assert (books["known"], books["pending"]) == (3, 1), books
    assert not (output / "ledger.sqlite3").exists()
    archive = crawl(output, "-a", f"archive={second}", NEWSCRAWL_LEDGER_URL=postgresql)
    assert [(it["id"], it["revision"]) for it in archive.records if it["revision"] == 2] == [
        ("6000001", 2)
    ]
    assert archive.runs[2]["books"]["unchanged"] == 2


def test_many_changes_at_once_leave_what_they_leave_in_sqlite(
    postgresql: str, tmp_path: Path
) -> None:
    """Texts of every kind, values that are missing, and the same article again and again."""
    names = (
        "Zoë O'Hara",
        'A "quoted" \\ name',
        "🗞 新聞",
        "cut \ud83d",
        "nul \0",
        "",
        "{a,b}\n\t",
        "%s :x",
    )
    chance = random.Random(7)
    records = [
        {
            "outlet": "odd",
            "id": str(chance.randrange(20)),
            "revision": number + 1,
            "url": f"https://odd.example/{name}",
            "authors": [{"name": name, "url": chance.choice((None, name))}],
            "date_published": "2026-11-20T14:04:00Z",
            "date_modified": chance.choice((None, f"2026-11-{chance.randrange(10, 30)}")),
            "source": chance.choice(("archive", "page")),
            "date_fetched": f"2026-11-{chance.randrange(10, 30)}T10:00:00Z",
            "content_hash": f"{number}",
        }
        for number, name in enumerate(names * 20)
    ]
    found = []
    for url in (postgresql, f"sqlite:///{tmp_path}/ledger.sqlite3"):
        ledger = Ledger(url)
        changes = [
            change
            for it in records
            for change in ledger.insert_revision(it, "20261124T120000Z", None)
        ]
        ledger.apply([*changes, ledger.insert_withdrawal("odd", "r", "1", gone=True, date="x")])
        found.append(
            [
                list(map(tuple, ledger.all_rows(sa.select(it).where(it.c.outlet == "odd"))))
                for it in (articles, revisions, withdrawals)
            ]
        )
        ledger.close()
    first, second = ([sorted(rows, key=repr) for rows in tables] for tables in found)
    assert first == second
    assert [len(rows) for rows in first] == [20, 160, 1]


def until(condition: Callable[[], bool], reading: Fork) -> None:
    """Wait for a condition while a command runs."""
    while not condition():
        assert reading.poll() is None
        time.sleep(0.01)


def reading(output: Path, path: Path, server: Server, log: Path, main: str = SCRAPY) -> Fork:
    """Start to read an archive in two processes."""
    environment = {
        **os.environ,
        "NEWSCRAWL_OUTPUT_DIR": str(output),
        "NEWSCRAWL_LEDGER_URL": server.url,
    }
    words = ["archive", "hill", str(path), "--workers", "2", *RANGES]
    with open(os.devnull, "r+b") as nothing, log.open("wb") as stream:  # noqa: PTH123
        return forks().start(words, environment, (nothing, nothing, stream), main)


@contextmanager
def stopped_in_mid_run(
    path: Path, folder: Path, main: str = SCRAPY
) -> Iterator[tuple[Server, Fork, Path, Path]]:
    """Stop the server while a command reads an archive; yield server, command, output and log."""
    for turn in range(TRIES):
        output, log = folder / f"output-{turn}", folder / f"log-{turn}"
        with running() as server:
            reader = reading(output, path, server, log, main)
            if stop_in_mid_run(reader, output):
                server.stop()
                reader.send_signal(signal.SIGCONT)
                yield server, reader, output, log
                return
    raise AssertionError("the command always ended before it could be stopped")


def check(server: Server, output: Path, whole: bytes) -> None:
    """Check that files and ledger hold everything once, and as one undisturbed run publishes it."""
    parts = sorted(output.glob("hill/run=*/part-*.jsonl"))
    assert b"".join(it.read_bytes() for it in parts) == whole
    ledger = Ledger(server.url)
    assert list(Verifier(output).faults(ledger)) == []
    ledger.close()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """An archive, and the lines that one undisturbed run publishes of it."""
    folder = tmp_path_factory.mktemp("archive")
    path = write_archive(60, folder)
    assert crawl(folder / "whole", "-a", f"archive={path}").code == 0
    (part,) = folder.glob("whole/hill/run=*/part-*.jsonl")
    return path, part.read_bytes()


def test_a_server_that_is_away_for_a_while_holds_up_the_reading_of_archives(
    archive: tuple[Path, bytes], tmp_path: Path
) -> None:
    path, whole = archive
    with stopped_in_mid_run(path, tmp_path) as (server, reader, output, log):
        until(lambda: "; waiting" in log.read_text(), reader)
        server.start()
        assert reader.wait(120) == 0, log.read_text()
        check(server, output, whole)
        (run,) = Crawl(0, "", output).runs
        assert (run["reason"], run["complete"], run["books"]["new"]) == ("finished", True, 60)
        # All ranges are known as read.
        assert reading(output, path, server, log).wait(120) == 0
        assert Crawl(0, "", output).runs[1]["books"]["discovered"] == 0


def test_a_server_that_stays_away_ends_the_reading_and_nothing_is_lost(
    archive: tuple[Path, bytes], tmp_path: Path
) -> None:
    path, whole = archive
    impatient = "tests.impatient:execute"
    with stopped_in_mid_run(path, tmp_path, impatient) as (server, reader, output, log):
        assert reader.wait(120) == 3, log.read_text()
        said = log.read_text()
        assert "The ledger cannot be written, the run stops: The ledger postgresql://" in said
        assert "Traceback" not in said
        server.start()
        assert reading(output, path, server, log).wait(120) == 0, log.read_text()
        check(server, output, whole)
