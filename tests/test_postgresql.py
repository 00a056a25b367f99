"""The ledger in a real PostgreSQL. Skipped if there is no server."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import crawl
from tests.recordings import HTML, address, article, site

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)), None)


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a new server that listens on a socket in a folder only."""
    if BIN is None:
        pytest.skip("no PostgreSQL server on this machine")
    folder = Path("/tmp") / f"newscrawl-postgresql-{os.getpid()}"  # a socket's path must be short
    folder.mkdir()
    user: list[str] = []
    if os.geteuid() == 0:
        # PostgreSQL does not run as root.
        user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [*user, str(BIN.with_name(program)), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=60, cwd="/tmp")

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-A", "trust", "-U", "crawler", "-N")
        options = f"-k {folder} -c listen_addresses="
        run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql://crawler@/postgres?host={folder}"
        finally:
            run("pg_ctl", "-D", data, "-m", "fast", "-w", "stop")
    finally:
        shutil.rmtree(folder)


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
