"""The commands for people who add outlets: ``capture`` and ``outlet``."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT, command
from tests.gazette import SITE, URL, Gazette, html
from tests.made_up import made_up, write_run
from tests.sample.server import running

FAST = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False", "-s", "RETRY_TIMES=0")
NEWS = ROOT / "tests/fixtures/hill/news"
ROW = """[gazette]
title = "The Gazette"
host = "www.gazette.example"
zone = "Europe/London"
language = "en-GB"
article = '/.*-(?P<id>\\d+)\\.html'
sources = [{ feed = "/feed.xml" }]
checked = "an invented page"
"""
SELECTORS = """[gazette.selectors]
article = "article.story-page"
headline = "h1.headline"
byline = "p.byline"
section = "a.kicker"
story = "div.story-text"
tags = "ul.topics a"
noise = ["aside.newsletter"]
"""


def run(
    folder: Path, *arguments: str, site: Gazette | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command on the output folder of ``folder``; addresses lead to ``site``."""
    if site is None:
        return command(folder / "output", *arguments)
    with running(site) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        away = {"https_proxy": proxy, "http_proxy": proxy}
        return command(folder / "output", *arguments, *FAST, **away)


def saved(folder: Path, page: str | bytes = html(), name: str = "page.html") -> str:
    """Save a page; return its path."""
    path = folder / name
    path.write_bytes(page if isinstance(page, bytes) else page.encode())
    return str(path)


def outlets(folder: Path, *rows: str) -> None:
    (folder / "outlets.toml").write_text("\n".join(rows), "utf-8")


# newscrawl capture


def test_capture_writes_a_fixture_that_the_test_of_fixtures_expects(tmp_path: Path) -> None:
    done = run(tmp_path, "capture", "hill", str(NEWS / "page.html"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "A person must compare" in done.stdout
    folder = tmp_path / "tests/fixtures/hill/news"
    assert (
        gzip.decompress((folder / "page.html.gz").read_bytes()) == (NEWS / "page.html").read_bytes()
    )
    assert (folder / "expected.json").read_text() == (NEWS / "expected.json").read_text()
    meta = json.loads((folder / "meta.json").read_text())
    assert meta == json.loads((NEWS / "meta.json").read_text()) | {
        "file": "page.html.gz",
        "content_type": "text/html; charset=utf-8",
    }


def test_capture_names_the_case_after_the_kind_and_overwrites_nothing(tmp_path: Path) -> None:
    outlets(tmp_path, ROW, SELECTORS)
    page = saved(tmp_path, gzip.compress(html().encode()), "page.html.gz")
    for case in ("news", "news_2"):
        assert f"tests/fixtures/gazette/{case}" in run(tmp_path, "capture", "gazette", page).stdout
    done = run(tmp_path, "capture", "gazette", page, "news")
    assert done.returncode == 3
    assert done.stderr.endswith("gazette/news already. Name another case.\n")


def test_capture_reads_a_post_of_rest(tmp_path: Path) -> None:
    done = run(tmp_path, "capture", "hill", str(NEWS.parent / "rest/post.json"), "post")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "tests/fixtures/hill/post"
    expected = (NEWS.parent / "rest/expected.json").read_text()
    assert (folder / "expected.json").read_text() == expected


def test_capture_keeps_the_page_in_utf_8(tmp_path: Path) -> None:
    outlets(tmp_path, ROW, SELECTORS)
    page = html("Brücke öffnet").replace('charset="utf-8"', 'charset="iso-8859-1"')
    run(tmp_path, "capture", "gazette", saved(tmp_path, page.encode("latin-1")))
    folder = tmp_path / "tests/fixtures/gazette/news"
    assert gzip.decompress((folder / "page.html.gz").read_bytes()).decode() == page
    assert json.loads((folder / "expected.json").read_text())["headline"] == "Brücke öffnet"


def test_capture_fetches_an_address_as_the_crawler_does(tmp_path: Path) -> None:
    outlets(tmp_path, ROW)
    site = Gazette()
    with running(site) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        done = command(tmp_path / "output", "capture", "gazette", URL, *FAST, https_proxy=proxy)
        asked = [url for _, url in server.requests]
    assert (done.returncode, done.stderr) == (0, "")
    assert asked == [f"{SITE}/robots.txt", URL]
    expected = json.loads((tmp_path / "tests/fixtures/gazette/news/expected.json").read_text())
    assert (expected["extraction"], expected["id"]) == ("generic", "7001")
    # No run, no ledger.
    assert not (tmp_path / "output").exists()


BAD = f"{SITE}/private/a-story-7003.html"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("nosuch", "page.html"), 3, "Unknown outlet 'nosuch'."),
        (("gazette", "nosuch.html"), 3, "nosuch.html cannot be used: No such file or directory."),
        (("gazette", "empty.html"), 3, "empty.html is empty."),
        (("gazette", "text.html"), 3, "text.html is not HTML."),
        (("gazette", "cut.html.gz"), 3, "cut.html.gz is a damaged gzip file"),
        (("gazette", "bare.html"), 3, "bare.html does not name its address. Name it with --url"),
        (("gazette", "other.html"), 3, "is not the address of an article of gazette."),
        (("gazette", "list.html"), 1, "No record: "),
        (("gazette", "page.html", "A case"), 3, "The case 'A case' is not allowed"),
        (("gazette", URL, "--url", URL), 3, "--url is the address of one saved page."),
        (("gazette", BAD), 3, f"Cannot fetch {BAD}: robots.txt."),
        (("gazette", f"{SITE}/no-7004.html"), 3, "no-7004.html: http 404."),
        (("gazette",), 2, "name an outlet, a page, and a case"),
    ],
)
def test_what_cannot_be_captured_is_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], code: int, sentence: str
) -> None:
    outlets(tmp_path, ROW)
    saved(tmp_path)
    saved(tmp_path, "", "empty.html")
    saved(tmp_path, "It rained <all> day.", "text.html")
    saved(tmp_path, gzip.compress(html().encode())[:-20], "cut.html.gz")
    saved(tmp_path, "<html><body><p>Rain.</p></body></html>", "bare.html")
    saved(tmp_path, html(url="https://other.example/a-7001.html"), "other.html")
    saved(tmp_path, html().replace("article", "website").replace("NewsArticle", "X"), "list.html")
    named = [
        str(tmp_path / it) if it.endswith((".html", ".gz")) and "/" not in it else it
        for it in arguments
    ]
    done = run(tmp_path, "capture", *named, site=Gazette())
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert sentence in done.stderr or sentence in done.stdout
    assert not (tmp_path / "tests").exists()


# newscrawl outlet list


def test_list_shows_each_outlet_with_its_latest_run(tmp_path: Path) -> None:
    outlets(tmp_path, ROW)
    write_run(tmp_path / "output", "20261123T201400Z", [made_up(1)])
    run(tmp_path, "capture", "gazette", saved(tmp_path))
    done = run(tmp_path, "outlet", "list")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {it.split()[0]: " ".join(it.split()) for it in done.stdout.splitlines() if it.split()}
    assert lines["gazette"] == (
        "gazette The Gazette www.gazette.example feed generic 1 an invented page"
    )
    assert "20261123T201400Z, complete" in lines["hill"]
    assert "ktla" in lines


def test_list_names_a_wrong_row(tmp_path: Path) -> None:
    outlets(tmp_path, ROW.replace("Europe/London", "Europe/Halvern"))
    done = run(tmp_path, "outlet", "list")
    assert done.returncode == 1
    assert "[gazette]: " in done.stderr
    assert "hill" in done.stdout
