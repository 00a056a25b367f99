"""The browser of the dataset: what readers find, and that text of pages is escaped."""

import html
import json
import os
import re
import shutil
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, sync_playwright

from newscrawl.downloader.browser.installed import find_browser
from newscrawl.items import Article, Author, Image, content_hash, record
from tests.conftest import command, environment
from tests.forks import SCRAPY, captured, forks
from tests.made_up import close_run
from tests.mounts import MAIN, files_of, on_a_disk

BROWSER = find_browser(os.environ.get("NEWSCRAWL_BROWSER", ""))
EVIL = "<script>window.x = 1; alert(1)</script><img src='https://evil.example/a' onerror='x = 2'>"
ID = "a/b 'c'<d>%41"
TABLE = "news/articles"


def article(identity: str, headline: str, body: str, **fields: Any) -> dict[str, Any]:
    """Return a record as a crawl would have published it."""
    fields["authors"] = [Author(name) for name in fields.pop("authors", ["Ada Quill"])]
    published = fields.setdefault("date_published", "2026-11-02T10:00:00Z")
    url = fields.setdefault("url", f"https://gazette.example/{identity}")
    given = {"date_modified": published, "date_fetched": published, "source_url": url} | fields
    made = Article(outlet="gazette", id=identity, headline=headline, body=body, **given)
    made.word_count, made.content_hash = len(body.split()), content_hash(made)
    return dict(record(made))


def publish(output: Path, run: str, *records: dict[str, Any], **more: Any) -> None:
    """Leave what a closed run leaves."""
    close_run(output, {"run": run, "spider": "gazette", **more}, records)


def build(output: Path) -> None:
    done = command(output, "dataset", "build")
    assert done.returncode == 0, done.stderr


@contextmanager
def browsing(
    output: Path,
    *arguments: str,
    disk: Callable[..., list[str]] | None = None,
    **settings: str,
) -> Iterator[str]:
    """Serve the dataset, give the address, and end it as people do.

    ``disk`` is ``on_a_disk`` with its first two arguments.
    """
    program = ["browse", "--port", "0", *arguments]
    main = SCRAPY
    if disk:
        program, main = disk(*program), MAIN
    ours, other = socket.socketpair()
    with captured() as (out, err, texts):
        with other:
            server = forks().start(
                program, environment(output, **settings), (out, other, err), main
            )
        with ours, ours.makefile() as stdout:
            try:
                url = stdout.readline().strip()
                yield url.replace("0.0.0.0", "127.0.0.1")
            finally:
                server.send_signal(signal.SIGINT)
                code = server.wait(120)
    log = texts[1]
    assert code == 0, log
    assert "Traceback" not in log
    assert "Warning" not in log


def get(url: str, path: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", f"/{path}", headers=headers)
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read().decode()
    connection.close()
    return found


ARABIC = "توقفت العبارات بسبب العاصفة (BBC)."
STORM = {
    "section": "News",
    "sections": ["News"],
    "tags": ["Storm"],
    "authors": ["Ada Quill", "Bo Reyes"],
}
FERRIES = {"section": "Business", "date_published": "2026-10-05T08:00:00Z"}
GALE = {"tags": ["Storm", "Ferries"], "date_published": "2026-11-01T10:00:00Z"}
CAFE = {"section": "News", "tags": ['Coffee & "Tea"'], "authors": ["Zoë O’Marra"]}
HOSTILE = {
    "section": EVIL,
    "tags": [EVIL, "javascript:alert(3)"],
    "authors": [EVIL],
    "url": "javascript:alert(4)",
    "description": EVIL,
    "images": [Image("javascript:alert(5)", EVIL), Image("https://evil.example/i.png", "a cat")],
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of five articles, eight revisions, one story told twice."""
    output = tmp_path_factory.mktemp("browse")
    publish(
        output,
        "20261102T110000Z",
        article(
            "1",
            "Ferries stop",
            f"The storm stopped ferries.\n\n{ARABIC}",
            tags=["Ferries"],
            **FERRIES,
        ),
        article("2", "Storm nears", "It rains.\n\nSchools stay open on Monday.", **STORM),
        article("3", "Café owners vote", "They vote on Tuesday.", **CAFE),
        article(ID, EVIL, f"{EVIL}\n\nIt is hostile.", **HOSTILE),
        article("5", "Gale nears", "It rains here.", **GALE),
    )
    publish(
        output,
        "20261102T120000Z",
        article("2", "Storm is here", "It rains.\n\nSchools close on Monday.", **STORM, revision=2),
        article(ID, f"{EVIL} again", f"{EVIL} now\n\nIt is hostile.", **HOSTILE, revision=2),
    )
    last = STORM | {"authors": ["Ada Quill"], "revision": 3}
    text = "It rains.\n\nSchools close on Monday.\n\n- Boats stay in port\n- So do we"
    publish(
        output,
        "20261102T130000Z",
        article("2", "Storm is here", text, **last),
        withdrawn=[{"id": "3", "gone": True, "date": "2026-11-02T13:00:00Z"}],
    )
    build(output)
    folder = output / "dataset/duplicates"
    folder.mkdir(parents=True)
    same = {"outlet": ["gazette"] * 2, "id": ["2", "5"], "cluster": ["s1", "s1"]}
    pq.write_table(pa.table(same), folder / "duplicates.parquet")
    return output


@pytest.fixture(scope="module")
def site(output: Path) -> Iterator[str]:
    with browsing(output) as url:
        yield url


@pytest.fixture(scope="module")
def context() -> Iterator[BrowserContext]:
    if BROWSER is None:
        pytest.skip("no Chromium or Chrome is installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=BROWSER, chromium_sandbox=False)
        with chromium, chromium.new_context() as context:
            yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page, of which nothing may go wrong and no request may leave this machine."""
    wrong: list[str] = []
    page = context.new_page()
    page.on("request", lambda it: wrong.append(it.url) if "//127.0.0.1" not in it.url else None)
    page.on("pageerror", lambda it: wrong.append(str(it)))
    page.on("console", lambda it: wrong.append(it.text) if " 404 " not in it.text else None)
    page.on("dialog", lambda it: (wrong.append(it.message), it.dismiss()))
    yield page
    page.close()
    assert not wrong


def follow(page: Page, link: Locator) -> None:
    """Click, and wait for the page that it leads to."""
    with page.expect_navigation():
        link.click()


def headlines(page: Page) -> list[str]:
    return page.locator(".list h3").all_text_contents()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("storm", ["Storm is here", "Ferries stop"]),
        ("schools closing", ["Storm is here"]),
        ('"close on monday"', ["Storm is here"]),
        ('"monday close"', []),
        ("cafe zoe", ["Café owners vote"]),
        ("nears", ["Gale nears"]),
        ('"', []),
        ('stop "ferries', ["Ferries stop"]),
        ("AND", []),
        ("ferries (*^:", ["Ferries stop"]),
    ],
)
def test_a_search_finds_what_it_says_and_nothing_else(
    site: str, page: Page, text: str, found: list[str]
) -> None:
    page.goto(site)
    page.get_by_role("searchbox").fill(text)
    follow(page, page.get_by_role("button", name="Search"))
    assert page.get_by_role("searchbox").input_value() == text
    assert headlines(page) == found
    if text == "schools closing":
        assert page.locator("mark").all_text_contents() == ["Schools", "close"]


def test_a_text_is_shown_in_its_own_direction(site: str, page: Page) -> None:
    page.goto(f"{site}articles/gazette/1")
    directions = page.locator(".body p").evaluate_all(
        "it => it.map(e => getComputedStyle(e).direction)"
    )
    assert directions == ["ltr", "rtl"]


def facet(page: Page, name: str) -> dict[str, int]:
    lines = page.locator(f"#facet-{name} li")
    return {
        line.locator("a").text_content() or "": int(line.locator("span").text_content() or "")
        for line in lines.all()
    }


def test_facets_count_and_filter(site: str, page: Page) -> None:
    page.goto(site + TABLE)
    assert facet(page, "section") == {"News": 2, "Business": 1, EVIL: 1}
    assert facet(page, "authors") == {"Ada Quill": 3, "Zoë O’Marra": 1, EVIL: 1}
    tags = {"Ferries": 2, "Storm": 2, 'Coffee & "Tea"': 1, EVIL: 1, "javascript:alert(3)": 1}
    assert facet(page, "tags") == tags
    assert list(facet(page, "month").items()) == [("2026-11", 4), ("2026-10", 1)]
    follow(page, page.locator("#facet-tags >> text=Ferries"))
    assert set(headlines(page)) == {"Ferries stop", "Gale nears"}
    assert facet(page, "month") == {"2026-11": 1, "2026-10": 1}
    follow(page, page.locator("#facet-month >> text=2026-10"))
    assert headlines(page) == ["Ferries stop"]
    # A search stays within what was chosen, and what was chosen can be taken back.
    page.get_by_role("searchbox").fill("gale")
    follow(page, page.get_by_role("button", name="Search"))
    assert headlines(page) == []
    follow(page, page.locator(".chips li", has_text="month").get_by_role("link"))
    assert headlines(page) == ["Gale nears"]
    page.goto(f"{site}{TABLE}?_tags={quote(EVIL)}")
    assert headlines(page) == [f"{EVIL} again"]


def test_a_page_shows_the_article_and_how_it_came_to_be_so(site: str, page: Page) -> None:
    page.goto(site)
    assert page.locator("h1").text_content() == "5 articles"
    assert "8 revisions" in page.locator(".facts").inner_text()
    assert "1 removed from the site" in page.locator(".facts").inner_text()
    changed = page.locator("section", has=page.get_by_role("heading", name="Recently revised"))
    follow(page, changed.get_by_text("Storm is here"))
    assert urlsplit(page.url).path == "/articles/gazette/2"
    assert page.title() == "Storm is here"
    assert page.locator(".body > *").all_inner_texts() == [
        "It rains.",
        "Schools close on Monday.",
        "Boats stay in port\nSo do we",
    ]
    changes = {}
    for revision in page.locator(".revision").all():
        number = (revision.get_attribute("id") or "").removeprefix("revision-")
        marks = revision.locator("ins, del").evaluate_all("all => all.map(it => it.outerHTML)")
        changes[number] = marks
    assert changes == {
        "3": ["<del>Bo Reyes</del>", "<ins>- Boats stay in port\n- So do we</ins>"],
        "2": [
            *("<del>nears</del>", "<ins>is here</ins>"),
            *("<del>stay open</del>", "<ins>close</ins>"),
        ],
        "1": [],
    }
    assert page.locator(".unchanged").all_inner_texts() == [
        "2 paragraphs unchanged",
        "1 paragraph unchanged",
    ]
    assert page.locator("#same h3").all_text_contents() == ["Gale nears"]
    follow(page, page.locator(".about >> text=Storm").first)
    assert headlines(page) == ["Storm is here", "Gale nears"]
    page.goto(f"{site}articles/gazette/3")
    assert "First noticed: 2026-11-02 13:00 UTC" in page.locator(".notice").inner_text()
    assert page.locator("#same").count() == 0
    # Datasette's own tables lead here, too.
    page.goto(f"{site}news/revisions?id=5")
    follow(page, page.locator("text=Gale nears").first)
    assert urlsplit(page.url).path == "/articles/gazette/5"


def test_what_strangers_wrote_does_nothing(site: str, page: Page) -> None:
    own = f"articles/gazette/{quote(ID, safe='')}"
    for path in (
        *("", own, f"nothing{quote(EVIL, safe='')}", "news/revisions"),
        *(f"{TABLE}?_search=hostile", f"{TABLE}?_search={quote(EVIL)}"),
        *(f"{TABLE}?section={quote(EVIL)}", "news?sql=select+headline,url+from+articles"),
    ):
        page.goto(site + path)
        assert page.evaluate("typeof window.x") == "undefined", path
        assert page.locator("img, script:has-text('window.x')").count() == 0, path
        protocols = page.locator("a").evaluate_all("all => all.map(it => it.protocol)")
        assert set(protocols) <= {"http:", "https:"}, path
    page.goto(site + own)
    assert page.title() == f"{EVIL} again"
    assert page.locator("h1").text_content() == f"{EVIL} again"
    assert page.locator("ins").all_text_contents() == ["again", "now"]
    about = page.locator("dl")
    assert "javascript:alert(4)" in about.inner_text()
    assert about.locator("a[href^=https]").all_text_contents() == ["a cat"]


def test_it_fits_a_phone_by_day_and_night(site: str, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    hostile = f"articles/gazette/{quote(ID, safe='')}"
    for path in ("", TABLE, "articles/gazette/2", hostile, "articles/gazette/nope"):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
        grounds = set()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(grounds) == 2, path


def test_the_answers_are_guarded(site: str) -> None:
    for path in ("", TABLE, "articles/gazette/2"):
        status, headers, _ = get(site, path)
        assert status == 200
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "script" not in headers["content-security-policy"]
    assert "unsafe-inline" in get(site, "news")[1]["content-security-policy"]
    assert get(site, Host="evil.example")[0] == 421
    assert get(site, Host="localhost:1")[0] == 200
    status, _, text = get(site, "news.json?sql=delete+from+articles")
    assert (status, json.loads(text)["ok"]) == (400, False)
    assert get(site, "articles/gazette/4")[0] == 404
    assert get(site, "news.db")[0] == 403
    assert get(site, f"{TABLE}.json?_search=qqq%00%22&_shape=array")[::2] == (200, "[]")


@pytest.mark.parametrize("order", ["date_published", "revisions", "word_count"])
def test_pages_follow_one_another_without_a_gap(site: str, order: str) -> None:
    seen: list[str] = []
    more = f"{TABLE}?_size=2&_sort_desc={order}"
    while more:
        _, _, text = get(site, more)
        seen += re.findall(r'<h3 dir="auto"><a href="/articles/gazette/([^"]+)"', text)
        # What is counted is the whole, not what is left of it.
        assert ("facet-tags" in text) == ("_next" not in more)
        found = re.search(r'class="next" href="/([^"]+)"', text)
        more = html.unescape(found[1]) if found else ""
    assert sorted(seen) == sorted(["1", "2", "3", quote(ID, safe=""), "5"])


def test_a_file_is_made_once_for_each_build(output: Path, site: str, tmp_path: Path) -> None:
    shutil.copytree(output, tmp_path, symlinks=True, dirs_exist_ok=True)
    path = tmp_path / ".dataset/browse.sqlite3"
    before = path.stat()
    with browsing(tmp_path) as url:
        assert get(url, "articles/gazette/1")[2].count('class="revision"') == 1
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    new = article("1", "Ferries sail", "The storm is over.", revision=2)
    publish(tmp_path, "20261102T140000Z", new)
    build(tmp_path)
    # Who listens for others gives them no SQL.
    with browsing(tmp_path, "--host", "0.0.0.0") as url:
        _, _, text = get(url, "articles/gazette/1", Host="gazette.example")
        assert text.count('class="revision"') == 2
        assert "<ins>is over.</ins>" in text
        assert get(url, "news.json?sql=select+1")[0] == 403
        assert get(url, f"{TABLE}?_where=1")[0] == 403
    assert path.stat().st_ino != before.st_ino
    names = {it.name for it in path.parent.iterdir()}
    assert names == {".lock", f".{path.name}.lock", "1", "2", path.name}


@pytest.mark.parametrize("free", [None, 8192])
def test_it_serves_from_a_disk_that_cannot_be_written(tmp_path: Path, free: int | None) -> None:
    publish(tmp_path, "20261102T110000Z", article("1", "Ferries stop", "It stopped.", **FERRIES))
    build(tmp_path)
    before = files_of(tmp_path)
    with browsing(tmp_path, disk=partial(on_a_disk, tmp_path, free)) as url:
        assert "Ferries stop" in get(url)[2]
    assert files_of(tmp_path) == before


def test_an_impossible_command_prints_one_sentence(output: Path, tmp_path: Path) -> None:
    (tmp_path / "datasette.py").write_text("raise ModuleNotFoundError('No datasette')")
    with socket.create_server(("127.0.0.1", 0)) as taken, ThreadPoolExecutor() as pool:
        port = str(taken.getsockname()[1])
        none = pool.submit(command, tmp_path, "browse", "--port", "0")
        bare = pool.submit(command, output, "browse", "--port", "0", PYTHONPATH=str(tmp_path))
        busy = pool.submit(command, output, "browse", "--port", port)
    for done, sentence in (
        (none, f"There is no dataset in {tmp_path}: build it with scrapy dataset build."),
        (
            bare,
            "This command needs the extra 'browse' (No datasette)."
            " Install it: pip install 'newscrawl[browse]'",
        ),
        (busy, f"Cannot listen on 127.0.0.1:{port}: Address already in use."),
    ):
        told = done.result()
        assert (told.returncode, told.stdout, told.stderr) == (3, "", f"{sentence}\n")
