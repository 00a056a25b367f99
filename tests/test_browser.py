"""Rendered pages: JavaScript content is read, and a broken page leaves nothing behind."""

import json
import os
import signal
import socket
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from newscrawl.downloader.browser.installed import find_browser
from newscrawl.storage.books import balance
from tests.conftest import Crawl, environment
from tests.forks import forks
from tests.kill import FAST
from tests.recordings import address, article
from tests.sample.live import SCRIPTS
from tests.sample.server import running
from tests.sample.site import HTML, Page, SampleSite

BROWSER = os.environ.get("NEWSCRAWL_BROWSER", "")
pytestmark = pytest.mark.skipif(
    find_browser(BROWSER) is None or sys.platform != "linux",
    reason="no Chromium or Chrome is installed, or no /proc to see its processes",
)

# The sample server's certificate is its own.
TRUST = ("-s", 'NEWSCRAWL_BROWSER_CONTEXT={"ignore_https_errors": true}')
ONE_BY_ONE = ("-s", "CONCURRENT_REQUESTS=1", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
MARK = "TEST_MARK"
LIVE = '<p>Follow along.</p><div id="wpcom-liveblog-container"></div>'


def processes(mark: str) -> Iterator[tuple[int, list[str]]]:
    """Yield id and command line of the living processes that a marked crawl started, and itself."""
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit() and mark.encode() in (folder / "environ").read_bytes():
                yield int(folder.name), (folder / "cmdline").read_text().split("\0")


def kinds(mark: str) -> Counter[str]:
    """Count the processes of a marked crawl: its driver, its browser, the browser's pages."""
    return Counter(filter(None, (kind(command) for _, command in processes(mark))))


def kind(command: list[str]) -> str:
    if "run-driver" in command:
        return "driver"
    if not any("playwright_chromiumdev_profile" in part for part in command):
        return ""
    types = [part for part in command if part.startswith("--type=")]
    return types[0] if types else "browser"


def kill_pages(mark: str) -> None:
    """Kill what shows the pages of a marked crawl; it writes its title over its environment."""
    parents = {}
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if folder.name.isdigit():
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                parents[int(folder.name)] = int(fields[1])
    marked = {number for number, _ in processes(mark)}
    for number in parents:
        above = number
        while above in parents and above not in marked:
            above = parents[above]
        with suppress(OSError):
            if above in marked and "--type=renderer" in Path(f"/proc/{number}/cmdline").read_text():
                os.kill(number, signal.SIGKILL)


def kill_browser(mark: str) -> None:
    """Kill the browser of a marked crawl."""
    for number, command in processes(mark):
        if kind(command) == "browser":
            os.kill(number, signal.SIGKILL)


class Handmade:
    """A site with one listing, ``/news``; an address answers with a page, or does something."""

    def __init__(self, answers: Mapping[str, bytes | Page | Callable[[], Page]]) -> None:
        item = '<article><a href="{}">x</a></article>'
        links = "".join(item.format(url) for url in answers if "/homenews/" in url)
        news = f"<html><body><main>{links}</main></body></html>".encode()
        self.answers = {"https://thehill.com/news": news, **answers}

    def get(self, url: str) -> Page:
        found = self.answers.get(url)
        if callable(found):
            found = found()
        if isinstance(found, bytes):
            found = Page(200, (HTML,), found)
        return found or Page(404, (HTML,), b"<html></html>")


def browse(site: object, output: Path, *arguments: str, **settings: str) -> tuple[Crawl, list[str]]:
    """Crawl a site with the browser at hand; return the crawl and the addresses asked for."""
    settings = {MARK: uuid.uuid4().hex, "NEWSCRAWL_BROWSER": BROWSER, **settings}
    with running(site) as server:  # type: ignore[arg-type]
        proxy = f"http://127.0.0.1:{server.port}"
        ended = forks().run(
            ["crawl", "hill", *FAST, *TRUST, *arguments],
            environment(output, https_proxy=proxy, **settings),
            timeout=300,
        )
        done = Crawl(ended.returncode, ended.stderr, output)
        asked = [url for _, url in server.requests]
    # 4: not one listing could be read.
    assert done.code == (0 if done.runs[-1]["listings"]["read"] else 4), done.log
    assert "Traceback" not in done.log, done.log
    # On a busy machine the driver may end a hanging browser only after the crawl.
    ends = time.monotonic() + 120
    while left := kinds(settings[MARK]):
        assert time.monotonic() < ends, left
        time.sleep(0.05)
    assert balance(done.runs[-1]["books"]) == 0
    return done, asked


def test_live_pages_become_full_records(tmp_path: Path) -> None:
    site = SampleSite(45)
    done, asked = browse(site, tmp_path, "-a", "sections=news")
    live = site.expected_live()
    assert live
    assert {it["id"] for it in done.records} == site.expected().keys()
    for record in done.records:
        truth = live.get(record["id"])
        assert record["source"] == ("browser" if truth else "page")
        if truth:
            assert record["kind"] == "live"
            assert record["body"].split("\n\n") == truth.body
            assert [it["url"] for it in record["images"]] == [it["url"] for it in truth.images]
    assert {urlsplit(url).hostname for url in asked} == {"thehill.com"}


def test_a_live_page_is_no_reason_for_a_warning(tmp_path: Path) -> None:
    entry = '<article id="id_1" class="liveblog-entry"><div><p>It hailed.</p></div></article>'
    fill = f"document.getElementById('wpcom-liveblog-container').innerHTML = '{entry}'"
    page = article(6000001, f"{LIVE}<script>{fill}</script>")
    honest = {"NEWSCRAWL_USER_AGENT": "ada (+mail)"}
    done, _ = browse(Handmade({address(6000001): page}), tmp_path, "-a", "sections=news", **honest)
    assert [it["body"] for it in done.records] == ["Follow along.\n\nIt hailed."]
    assert "WARNING" not in done.log


def test_load_more_is_clicked_and_nothing_is_started_before_it_is_needed(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    seen: list[Counter[str]] = []
    says = "document.querySelector('p').textContent = navigator.userAgent + navigator.webdriver"

    def shown_first() -> Page:
        seen.append(kinds(mark))
        return Page(200, (HTML,), article(6000000, f"<p>?</p><script>{says}</script>"))

    script = SampleSite(1).get(f"https://thehill.com{SCRIPTS}load-more.js").body
    button = f'<button class="load-more" data-source="/more">+</button><script>{script.decode()}'
    item = f'<article><a href="{address(6000000)}">x</a></article>'
    first = f"<main>{item}{button}</script></main>".encode()
    answers: dict[str, Any] = {"https://thehill.com/news": first, address(6000000): shown_first}
    for number in range(1, 5):
        items = [{"url": address(6000000 + number), "title": "x"}]
        document = json.dumps({"items": items, "more": number < 4}).encode()
        json_page = Page(200, (("Content-Type", "application/json"),), document)
        answers[f"https://thehill.com/more?page={number}"] = json_page
    site = Handmade(answers | {address(n): article(n) for n in range(6000001, 6000005)})
    honest = {MARK: mark, "NEWSCRAWL_USER_AGENT": "ada (+mail)"}
    news = ("-a", "sections=news", "-a", "pages=2", "-a")
    plain, _ = browse(site, tmp_path / "plain", *news, "fetch=auto", **honest)
    assert [(it["id"], it["body"]) for it in plain.records] == [("6000000", "?")]
    assert seen == [Counter()]
    done, asked = browse(site, tmp_path / "browser", *news, "fetch=browser", **honest)
    # Two clicks, an item each; the same user agent, and no denying that it is a robot.
    bodies = {it["id"]: it["body"] for it in done.records}
    rained = dict.fromkeys(("6000001", "6000002"), "It rained.")
    assert bodies == rained | {"6000000": "ada (+mail)true"}
    assert asked.count("https://thehill.com/news") == 1
    assert seen[1]["browser"] == 1


def test_the_browser_reads_what_the_pages_say(tmp_path: Path) -> None:
    site = SampleSite(3)
    done, asked = browse(site, tmp_path, "-a", "sections=lobbying", "-a", "fetch=browser")
    expected = site.expected()
    assert {it["id"] for it in done.records} == expected.keys()
    for record in done.records:
        truth = expected[record["id"]]
        assert record["source"] == "browser"
        assert record["headline"] == truth.headline
        assert record["body"].split("\n\n") == truth.body
        assert record["images"] == truth.images
        assert record["tags"] == truth.tags
    # The pages name pictures, fonts, styles and scripts of other hosts; none was asked for.
    assert {urlsplit(url).hostname for url in asked} == {"thehill.com"}
    files = {urlsplit(url).path.rpartition(".")[2] for url in asked if "/wp-content/" in url}
    assert files == {"js"}


@pytest.mark.parametrize("browser", ["/nonexistent", "/bin/false"])
def test_without_a_browser_one_line_says_so_and_the_plain_pages_are_read(
    tmp_path: Path, browser: str
) -> None:
    pages = {address(number): article(number, LIVE) for number in (6000001, 6000002)}
    news = ("-a", "sections=news")
    done, asked = browse(Handmade(pages), tmp_path / "auto", *news, NEWSCRAWL_BROWSER=browser)
    assert done.log.count("No browser: ") == 1
    assert browser in done.log
    assert "apt-get install chromium" in done.log
    assert [(it["body"], it["source"], it["kind"]) for it in done.records] == [
        ("Follow along.", "page", "live")
    ] * 2
    assert done.runs[0]["complete"]
    assert Counter(asked).most_common(1)[0][1] == 1


def test_without_a_browser_rendered_requests_fail(tmp_path: Path) -> None:
    news = ("-a", "sections=news", "-a", "fetch=browser")
    done, _ = browse(Handmade({}), tmp_path, *news, NEWSCRAWL_BROWSER="/nonexistent")
    assert done.log.count("No browser: ") == 1
    assert done.runs[0]["listings"]["failed"] == {"no browser": 1}


def test_where_the_browser_fails_the_plain_page_is_published_and_counted(tmp_path: Path) -> None:
    stuck = LIVE + "<script>if (navigator.webdriver) while (true) {}</script>"
    refused = LIVE + "<script>document.body.textContent = 'Access denied'</script>"
    pages = {6000001: article(6000001, stuck), 6000002: article(6000002, refused)}
    site = Handmade({address(number): page for number, page in pages.items()})
    done, _ = browse(site, tmp_path, "-a", "sections=news", "-s", "DOWNLOAD_TIMEOUT=5")
    assert [(it["body"], it["source"]) for it in done.records] == [("Follow along.", "page")] * 2
    assert done.stats["newscrawl/downloader/browser/plain_instead"] == 2
    assert done.runs[0]["complete"]


def test_every_fault_is_counted_and_the_crawl_goes_on(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    killed: list[str] = []

    def kill_page() -> Page:
        kill_pages(mark)
        return Page(404, (HTML,), b"")

    def kill_browser_once() -> Page:
        if not killed:
            killed.append("browser")
            kill_browser(mark)
        return Page(200, (HTML,), article(6000004))

    def reset() -> Page:
        raise ConnectionResetError

    private = socket.create_server(("127.0.0.1", 0))
    private.setblocking(False)
    port = private.getsockname()[1]
    file = (("Content-Type", "application/zip"), ("Content-Disposition", "attachment"))
    site = Handmade(
        {
            address(6000001): article(6000001),
            address(6000002): article(6000002, "<script>while (true) {}</script>"),
            address(6000003): article(6000003, "<p>Rain.</p><script src=/kill-page.js></script>"),
            "https://thehill.com/kill-page.js": kill_page,
            address(6000004): kill_browser_once,
            address(6000005): reset,
            address(6000006): Page(200, file, b"PK" * 999),
            address(6000007): Page(503, (HTML,), b"<html>busy</html>"),
            address(6000008): Page(302, (("Location", "https://other.example/"),), b""),
            address(6000009): article(6000009),
            address(6000010): Page(302, (("Location", f"http://127.0.0.1:{port}/"),), b""),
        }
    )
    limits = ("-s", "DOWNLOAD_TIMEOUT=20")
    done, asked = browse(
        site,
        tmp_path,
        *("-a", "sections=news", "-a", "fetch=browser"),
        *(*ONE_BY_ONE, *limits),
        **{MARK: mark},
    )
    # Redirects are followed before we are asked, but not to where they lead.
    assert {urlsplit(url).hostname for url in asked} == {"thehill.com"}
    with private, pytest.raises(BlockingIOError):
        private.accept()
    assert killed
    assert sorted(it["id"] for it in done.records) == ["6000001", "6000004", "6000009"]
    failed = Counter(done.runs[0]["books"]["failed"])
    # A busy machine is told of a crash late: then time runs out first.
    stuck = (failed.pop("timeout"), failed.pop("browser: page crashed", 0))
    assert stuck in ((1, 1), (2, 0))
    assert failed == {
        "connection lost": 1,
        "browser: download, not a page": 1,
        "http 503": 1,
        "browser: offsite, or no proxy": 1,
        "no such host": 1,
    }


def test_arguments_of_the_user_leave_the_allow_list(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    commands: list[str] = []

    def look() -> Page:
        commands.extend(part for _, command in processes(mark) for part in command)
        return Page(200, (HTML,), article(6000001))

    elsewhere = Page(302, (("Location", "https://other.example/"),), b"")
    site = Handmade({address(6000001): look, address(6000002): elsewhere})
    args = ["--mute-audio", "--proxy-pac-url=", "--host-resolver-rules="]
    options = json.dumps({"args": args})
    done, asked = browse(
        site,
        tmp_path,
        *("-a", "sections=news", "-a", "fetch=browser"),
        *("-s", f"PLAYWRIGHT_LAUNCH_OPTIONS={options}"),
        **{MARK: mark},
    )
    assert "--mute-audio" in commands
    assert {urlsplit(url).hostname for url in asked} == {"thehill.com"}
    assert [it["id"] for it in done.records] == ["6000001"]
    assert done.runs[0]["books"]["failed"] == {"browser: offsite, or no proxy": 1}


def test_a_browser_that_hangs_is_restarted_after_its_first_time_out(tmp_path: Path) -> None:
    mark = uuid.uuid4().hex
    stopped: list[int] = []

    def stop_browser() -> Page:
        for number, command in processes(mark):
            if not stopped and kind(command) == "browser":
                os.kill(number, signal.SIGSTOP)
                stopped.append(number)
        return Page(200, (HTML,), article(6000001))

    site = Handmade(
        {
            address(6000001): stop_browser,
            **{address(number): article(number) for number in range(6000002, 6000005)},
        }
    )
    done, _ = browse(
        site,
        tmp_path,
        *("-a", "sections=news", "-a", "fetch=browser"),
        # Long enough to start a browser on a busy machine.
        *(*ONE_BY_ONE, "-s", "DOWNLOAD_TIMEOUT=15"),
        **{MARK: mark},
    )
    assert stopped
    assert sorted(it["id"] for it in done.records) == ["6000002", "6000003", "6000004"]
    assert done.runs[0]["books"]["failed"] == {"timeout": 1}


def test_a_browser_is_found_by_path_name_or_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "google-chrome"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    downloaded = tmp_path / "pw/chromium-1200/chrome-linux64/chrome"
    downloaded.parent.mkdir(parents=True)
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PLAYWRIGHT_BROWSERS_PATH", raising=False)
    assert find_browser() is None
    assert find_browser(str(program)) == str(program)
    downloaded.write_text("#!/bin/sh\n")
    downloaded.chmod(0o755)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "pw"))
    assert find_browser() == str(downloaded)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_browser() == str(program)
    assert find_browser("google-chrome") == str(program)
    assert find_browser("/nonexistent") is None
