"""Two outlets in one output folder: every command keeps them apart."""

from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest

from tests.conftest import command, crawl
from tests.outlets import OUTLETS
from tests.recordings import HTML, write_warc
from tests.test_browse import browsing
from tests.test_sources import ROBOTS, ago, html, news, urlset

GAZETTE, TRIBUNE = "https://gazette.example", "https://www.tribune.example"
ONE, TWO = f"{GAZETTE}/news/storm-7001.html", f"{TRIBUNE}/news/flood"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder with a run of each outlet, and the dataset of both."""
    folder = tmp_path_factory.mktemp("two")
    listing = (200, HTML, f'<a href="{TWO}">x</a>'.encode())
    answers = {
        f"{GAZETTE}/robots.txt": ROBOTS,
        f"{GAZETTE}/news.xml": urlset(news(ONE, ago(hours=2))),
        ONE: html(ONE),
        f"{TRIBUNE}/robots.txt": ROBOTS,
        f"{TRIBUNE}/news/": listing,
        TWO: html(TWO, "It snowed for a day."),
    }
    recording = write_warc(folder / "site.warc.gz", answers.items())
    for outlet in ("gazette", "tribune"):
        done = crawl(folder / "out", *OUTLETS, outlet=outlet, NEWSCRAWL_REPLAY=str(recording))
        assert (done.code, len(done.records)) == (0, 1), done.log
    built = command(folder / "out", "dataset", "build", *OUTLETS)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "out"


@pytest.mark.parametrize(
    ("arguments", "shows", "hides"),
    [
        (("runs", "gazette"), "finished", "tribune"),
        (("check-run", "tribune"), "no findings", "gazette"),
        (("show", "tribune", TWO), "It snowed for a day.", "It rained"),
        (("show", "tribune", "tribune.example/news/flood"), "It snowed for a day.", "It rained"),
        (("history", "gazette", "7001"), "7001", "tribune"),
        (("ledger", "gazette", "7001"), ONE, "tribune"),
        (("ledger",), "tribune", "hill"),
    ],
)
def test_a_command_shows_the_outlet_that_is_named(
    arguments: tuple[str, ...], shows: str, hides: str, output: Path
) -> None:
    done = command(output, *arguments, *OUTLETS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shows in done.stdout
    assert hides not in done.stdout.replace(str(output), "")


def test_a_report_is_of_one_outlet(output: Path, tmp_path: Path) -> None:
    for outlet, other in (("gazette", "tribune"), ("tribune", "gazette")):
        page = tmp_path / f"{outlet}.html"
        done = command(output, "report", outlet, "--to", str(page), *OUTLETS)
        assert done.returncode == 0, done.stdout + done.stderr
        assert outlet in page.read_text("utf-8")
        assert other not in page.read_text("utf-8").replace(str(output), "")


def test_the_dataset_has_both(output: Path) -> None:
    names = {it.parent.name for it in (output / "dataset").resolve().glob("articles/outlet=*/*")}
    names |= {it.name for it in (output / "dataset").resolve().rglob("outlet=*")}
    assert {"outlet=gazette", "outlet=tribune"} <= names
    assert command(output, "dataset", "verify", *OUTLETS).returncode == 0


def test_the_browser_shows_an_article_whose_id_is_an_address(output: Path) -> None:
    with browsing(output) as address:
        parts = urlsplit(address)
        assert parts.hostname
        connection = HTTPConnection(parts.hostname, parts.port)
        for outlet, identity in (("gazette", "7001"), ("tribune", "tribune.example/news/flood")):
            connection.request("GET", f"/articles/{outlet}/{quote(identity, safe='')}")
            response = connection.getresponse()
            assert (response.status, b"Storm nears" in response.read()) == (200, True), identity
        connection.close()
