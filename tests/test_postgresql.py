"""The ledger in a real PostgreSQL. Skipped if there is no server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import crawl
from tests.postgresql import running
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
