"""A run is a run: what opens one, how it ends, and what its exit code and ``complete`` say."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from scrapy.http import Response

from newscrawl.downloader.validators import validators
from newscrawl.exceptions import DamagedRunError
from newscrawl.extensions.exit_codes import EXIT_CODES, of_reason
from newscrawl.items import Candidate
from newscrawl.storage.journal import Journal
from newscrawl.storage.ledger import Change, Ledger
from newscrawl.storage.parts import PartWriter
from newscrawl.storage.runs import read_run
from tests.conftest import command, crawl
from tests.made_up import made_up
from tests.recordings import HTML, ROBOTS, Answer, address, article, site, write_warc

NEWS = ("-a", "sections=news")
NEVER = {"NEWSCRAWL_REVISIT_HOURS": ""}
FRONT = "https://thehill.com/news"


def replay(path: Path, answers: Mapping[str, Answer]) -> dict[str, str]:
    """Return settings that answer every request from ``answers``, and 404 to all others."""
    return {**NEVER, "NEWSCRAWL_REPLAY": str(write_warc(path, answers.items()))}


def links(*paths: str) -> bytes:
    shown = "".join(
        f'<article class="archive__item"><a href="{path}">x</a></article>' for path in paths
    )
    return f"<html><body>{shown}</body></html>".encode()


# Only crawl opens a run.


@pytest.mark.parametrize(
    ("arguments", "shows"),
    [
        (("fetch", "--nolog", address(6000001)), "Story 6000001"),
        (("parse", "--nolog", "--nocolour", address(6000001)), "'headline': 'Story 6000001'"),
        (("shell", "--nolog", address(6000001), "-c", "response.status"), "200"),
        (("check", "hill"), ""),
    ],
)
def test_a_command_that_debugs_leaves_no_run(
    arguments: tuple[str, ...], shows: str, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    recording = site(tmp_path / "site.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    done = command(output, *arguments, NEWSCRAWL_REPLAY=str(recording))
    assert (done.returncode, shows in done.stdout) == (0, True), done.stdout + done.stderr
    assert not output.exists()


def test_parse_tells_that_a_page_cannot_be_fetched(tmp_path: Path) -> None:
    recording = site(tmp_path / "site.warc.gz", {})
    done = command(tmp_path / "output", "parse", address(6000001), NEWSCRAWL_REPLAY=str(recording))
    assert (done.returncode, "No response downloaded" in done.stderr) == (1, True)


def test_scrapys_own_export_writes_what_is_published(tmp_path: Path) -> None:
    pages = {address(n): (200, HTML, article(n)) for n in (6000001, 6000002)}
    path = write_warc(tmp_path / "a.warc.gz", pages.items())
    exported = tmp_path / "items.jsonl"
    done = crawl(tmp_path / "out", "-a", f"archive={path}", "-O", str(exported))
    assert (done.code, "Traceback" in done.log) == (0, False)
    lines = [json.loads(it) for it in exported.read_text().splitlines()]
    assert [it["id"] for it in lines] == [it["id"] for it in done.records] != []


@pytest.mark.parametrize("setting", ["ITEM_PIPELINES", "EXTENSIONS", "SPIDER_MIDDLEWARES"])
def test_a_crawl_that_would_publish_nothing_does_not_begin(setting: str, tmp_path: Path) -> None:
    done = crawl(tmp_path / "out", *NEWS, "-s", f"{setting}={{}}")
    assert done.code == 2
    assert f"{setting} is not allowed: it must contain newscrawl." in done.log
    assert done.runs == []


def test_a_fetch_after_a_broken_off_crawl_hides_nothing(tmp_path: Path) -> None:
    numbers = range(6000001, 6000016)
    pages: dict[str, Answer] = {}
    for page, start in enumerate((0, 5, 10), 1):
        more = [f'/news?page={page + 1}" class="next'] if page < 3 else []
        url = FRONT if page == 1 else f"{FRONT}?page={page}"
        shown = [address(number) for number in numbers[start : start + 5]]
        pages[url] = (200, HTML, links(*shown, *more))
    pages |= {address(number): (200, HTML, article(number)) for number in numbers}
    settings = replay(tmp_path / "site.warc.gz", {**ROBOTS, **pages})
    output = tmp_path / "output"
    first = crawl(output, "-s", "CLOSESPIDER_PAGECOUNT=3", **settings)
    assert first.code == 5
    command(output, "fetch", "--nolog", address(6000001), **settings)
    crawl(output, **settings)
    done = crawl(output, **settings)
    assert {it["id"] for it in done.records} == {str(number) for number in numbers}


# Opening.


@pytest.mark.fast
@pytest.mark.parametrize("damaged", ["", "[]", '{"run": 1}', '{"run": "20200101T000000Z"}'])
def test_a_damaged_run_json_is_named(damaged: str, tmp_path: Path) -> None:
    folder = tmp_path / "hill" / "run=20200101T000000Z"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(damaged)
    with pytest.raises(DamagedRunError, match="is damaged") as caught:
        read_run(folder)
    assert caught.value.is_repairable


def test_a_damaged_run_json_is_rebuilt(tmp_path: Path) -> None:
    damaged = '{"run": "20200101T000000Z"}'
    recording = site(tmp_path / "site.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    settings = {"NEWSCRAWL_REPLAY": str(recording)}
    assert crawl(tmp_path, "-a", "sections=news", **settings).code == 0
    [path] = tmp_path.glob("hill/run=*/run.json")
    path.write_text(damaged)
    for arguments, code in (("runs hill", 1), ("check-run hill", 3), ("dataset build", 3)):
        printed = command(tmp_path, *arguments.split())
        assert (printed.returncode, printed.stderr.count("run.json is damaged")) == (code, 1), (
            printed.stderr
        )
    # The next crawl makes it again; nothing is published twice.
    done = crawl(tmp_path, "-a", "sections=news", **settings)
    assert (done.code, "Traceback" in done.log) == (0, False), done.log
    assert "was damaged and is set aside" in done.log
    again, run = done.runs
    assert (again["books"]["new"], again["reason"], run["books"]["known"]) == (1, "crashed", 1)
    assert run["repaired"] == [again["run"]]
    assert [it.read_text() for it in path.parent.glob("run.json.damaged-*")] == [damaged]
    assert len(done.records) == 1
    printed = command(tmp_path, "check-run", "hill")
    assert (printed.returncode, printed.stdout.count("was made again from its parts")) == (1, 1)
    assert command(tmp_path, "dataset", "verify").returncode == 0


# Exit codes.


def test_every_exit_code_has_one_meaning() -> None:
    assert len({it.code for it in EXIT_CODES}) == len(EXIT_CODES)
    assert of_reason("memusage_exceeded").code == of_reason("closespider_timeout").code == 5
    assert (of_reason("limit").code, of_reason(None).code) == (0, 130)


@pytest.mark.parametrize(
    ("answers", "arguments", "settings", "code"),
    [
        ({address(6000001): (200, HTML, article(6000001))}, NEWS, {}, 0),
        ({address(6000001): (500, HTML, b"oops")}, NEWS, {}, 0),
        ({address(6000001): (500, HTML, b"oops")}, (*NEWS, "--strict"), {}, 7),
        ({address(6000001): (200, HTML, b"")}, NEWS, {"NEWSCRAWL_STRICT": "1"}, 7),
        ({FRONT: (500, HTML, b"")}, NEWS, {}, 4),
        ({"https://thehill.com/robots.txt": (503, HTML, b"")}, NEWS, {}, 4),
        ({}, (*NEWS, "-s", "CLOSESPIDER_PAGECOUNT=1"), {}, 5),
        ({}, NEWS, {"NEWSCRAWL_METRICS_DIR": "/nonexistent"}, 6),
        ({}, (*NEWS, "-a", "limit=1"), {}, 0),
    ],
)
def test_the_exit_code_tells_how_a_crawl_ended(
    answers: dict[str, Answer],
    arguments: tuple[str, ...],
    settings: dict[str, str],
    code: int,
    tmp_path: Path,
) -> None:
    front = (200, HTML, links(address(6000001), address(6000002)))
    good = {address(number): (200, HTML, article(number)) for number in (6000001, 6000002)}
    site_settings = replay(tmp_path / "site.warc.gz", {**ROBOTS, FRONT: front, **good, **answers})
    # Scrapy tries a 5xx three times, which takes no time from a recording.
    done = crawl(tmp_path / "output", *arguments, **site_settings, **settings)
    assert done.code == code, done.log


# Complete.


def listings(answers: Mapping[str, int], path: Path) -> dict[str, str]:
    """Return settings for a site whose two sections and front answer with these statuses."""
    pages = {
        f"https://thehill.com/{name}": (status, HTML, links(address(6000001)))
        for name, status in answers.items()
    }
    page = {address(6000001): (200, HTML, article(6000001))}
    return replay(path, {**ROBOTS, **pages, **page})


SENATE, HOUSE = "homenews/senate/", "homenews/house/"


@pytest.mark.parametrize(
    ("answers", "code", "complete"),
    [
        ({SENATE: 200, HOUSE: 200}, 0, True),
        ({SENATE: 404, HOUSE: 200}, 0, True),
        ({SENATE: 500, HOUSE: 200}, 0, False),
        ({SENATE: 404, HOUSE: 410}, 4, False),
    ],
)
def test_a_section_may_be_gone_but_not_all_of_them(
    answers: dict[str, int], code: int, complete: bool, tmp_path: Path
) -> None:
    settings = listings(answers, tmp_path / "site.warc.gz")
    arguments = ("-a", "sections=homenews/senate,homenews/house")
    done = crawl(tmp_path / "output", *arguments, **settings)
    assert (done.code, done.runs[0]["complete"]) == (code, complete), done.log
    checks = command(tmp_path / "output", "check-run", "hill").stdout
    assert ("listing pages failed" in checks) is not complete


@pytest.mark.parametrize("discover", ["api", "feeds", "sitemap"])
def test_without_its_route_a_discovery_method_gets_nothing(discover: str, tmp_path: Path) -> None:
    settings = replay(tmp_path / "site.warc.gz", dict(ROBOTS))
    done = crawl(tmp_path / "output", "-a", f"discover={discover}", **settings)
    assert (done.code, done.runs[0]["complete"]) == (4, False), done.log


def test_what_waits_for_its_retry_is_owed(tmp_path: Path) -> None:
    output = tmp_path / "output"
    pages = {address(6000001): (500, HTML, b""), address(6000002): (200, HTML, article(6000002))}
    settings = {**NEVER, "NEWSCRAWL_REPLAY": str(site(tmp_path / "1.warc.gz", pages))}
    for _ in range(2):
        done = crawl(output, *NEWS, **settings)
    run = done.runs[1]
    assert (run["complete"], run["waiting"]) == (False, 1)
    assert (run["books"]["known"], run["books"]["pending"]) == (1, 1)
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute("UPDATE articles SET next_attempt = '2000-01-01T00:00:00Z'")
    pages[address(6000001)] = (200, HTML, article(6000001))
    settings["NEWSCRAWL_REPLAY"] = str(site(tmp_path / "2.warc.gz", pages))
    last = crawl(output, *NEWS, **settings).runs[2]
    assert (last["complete"], last["waiting"], last["books"]["new"]) == (True, 0, 1)


# Between the line and the ledger nothing can fail.


def test_a_date_at_the_end_of_time_is_published_once(tmp_path: Path) -> None:
    page = article(6000001).replace(b"11/20/26", b"12/31/9999")
    data = b'<script type="application/ld+json">{"@type": "NewsArticle", "headline": "Story",'
    data += b'"datePublished": "9999-12-31T23:00:00Z"}</script></head>'
    pages = {address(6000001): (200, HTML, page.replace(b"</head>", data))}
    settings = {
        "NEWSCRAWL_REVISIT_HOURS": "1,100",
        "NEWSCRAWL_REPLAY": str(site(tmp_path / "site.warc.gz", pages)),
    }
    for _ in range(2):
        done = crawl(tmp_path / "output", *NEWS, **settings)
    assert "Traceback" not in done.log
    assert len(done.records) == sum(run["books"]["new"] for run in done.runs) <= 1


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3")
    yield ledger
    ledger.close()


def test_changes_that_cannot_be_made_leave_no_line(tmp_path: Path, ledger: Ledger) -> None:
    def changes() -> Iterator[Change]:
        yield ledger.changed("hill", "1", "now")
        raise OverflowError

    journal = Journal(PartWriter(tmp_path, 10, 1e9), ledger)
    with pytest.raises(OverflowError):
        journal.publish(made_up(1), changes())
    journal.close()
    assert journal.parts == []


def test_no_text_is_too_odd_for_the_ledger(tmp_path: Path, ledger: Ledger) -> None:
    candidate = Candidate("1", "https://thehill.com/a/1-\ud800\0/")
    journal = Journal(PartWriter(tmp_path, 10, 1e9), ledger)
    journal.publish(made_up(1), [ledger.insert_pending("hill", candidate, "now")])
    journal.close()
    known = ledger.get("hill", "1")
    assert known is not None
    assert (known.url, len(journal.parts)) == ("https://thehill.com/a/1-?/", 1)


@pytest.mark.parametrize(("status", "kept"), [(200, "x"), (304, "x"), (404, None), (500, None)])
def test_an_error_page_leaves_no_validators(status: int, kept: str | None) -> None:
    assert validators(Response(FRONT, status, {"ETag": "x"})) == (kept, None)
