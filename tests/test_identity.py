"""What identifies an article whose address names no number: its page, or its canonical address."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from newscrawl import extract
from tests.conftest import Crawl, command
from tests.outlets import OUTLETS
from tests.recordings import HTML, Answer, site
from tests.test_sources import GONE, Crawls, ago
from tests.test_sources import html as plain

INLET = "https://inlet.example"
LISTING = f"{INLET}/news/"
STORM, FLOOD = f"{INLET}/news/storm-nears-the-coast/", f"{INLET}/news/flood-in-the-valley/"


def listing(*urls: str) -> Answer:
    shown = "".join(f'<a href="{url}">x</a>' for url in urls)
    return (200, HTML, f"<html><body>{shown}</body></html>".encode())


def page(number: str, url: str, body: str = "It rained.", names: str = "class") -> Answer:
    """Return a page of a station's layout, which names its number in one of three places."""
    head = {
        "rest": f'<link rel="alternate" type="application/json" href="{INLET}/wp-json/wp/v2/posts/'
        f'{number}">',
        "shortlink": f'<link rel="shortlink" href="{INLET}/?p={number}">',
    }.get(names, "")
    name = f"single postid-{number}" if names == "class" else "single"
    return (
        200,
        HTML,
        f"""<html lang="en"><head><link rel="canonical" href="{url}">
<meta property="article:published_time" content="{ago(hours=2)}">{head}</head><body class="{name}">
<article class="hentry"><h1 class="article-title">Storm nears</h1>
<div class="article-content"><p>{body}</p></div></article></body></html>""".encode(),
    )


def ids(crawls: Crawls) -> set[str]:
    """Return the ids of all articles in the ledger."""
    with closing(sqlite3.connect(crawls.output / "ledger.sqlite3")) as ledger:
        return {identity for (identity,) in ledger.execute("SELECT id FROM articles")}


@pytest.mark.parametrize("names", ["class", "rest", "shortlink"])
def test_the_page_names_the_number(names: str, tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    first = inlet.crawl({LISTING: listing(STORM), STORM: page("7001", STORM, names=names)})
    assert (first.code, [it["id"] for it in first.records]) == (0, ["7001"])
    assert first.runs[0]["books"]["discovered"] == first.runs[0]["books"]["new"] == 1
    assert ids(inlet) == {"7001"}
    # The address is known now, however it is written: nothing is requested.
    again = inlet.crawl({LISTING: listing(f"{STORM}?utm_source=x", STORM.rstrip("/"))})
    assert (again.runs[1]["books"]["known"], again.runs[1]["complete"]) == (1, True)


def test_a_page_that_names_no_number_is_rejected(tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    done = inlet.crawl({LISTING: listing(STORM), STORM: page("", STORM)})
    assert done.runs[0]["books"]["rejected"] == {"the page does not name its number": 1}
    assert not done.records
    # Another day it does.
    inlet.make_due()
    done = inlet.crawl({LISTING: listing(STORM), STORM: page("7001", STORM)})
    assert [it["id"] for it in done.records] == ["7001"]
    assert (ids(inlet), done.runs[1]["complete"]) == ({"7001"}, True)


def test_two_addresses_of_one_article_are_one(tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    old = f"{INLET}/news/storm-nears-coast/"
    answers = {
        LISTING: listing(old, STORM),
        old: page("7001", STORM, "It rained, they say."),
        STORM: page("7001", STORM),
    }
    done = inlet.crawl(answers)
    assert len(done.records) == 1
    assert done.runs[0]["books"]["discovered"] == 1
    again = inlet.crawl({LISTING: listing(old, STORM)})
    assert (again.runs[1]["books"]["known"], again.runs[1]["complete"]) == (1, True)


def test_a_slug_that_another_article_has_now_is_that_article(tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    inlet.crawl({LISTING: listing(STORM), STORM: page("7001", STORM)})
    inlet.make_due()
    done = inlet.crawl({LISTING: listing(STORM), STORM: page("7002", STORM, "Another storm.")})
    assert [(it["id"], it["revision"]) for it in done.records] == [("7001", 1), ("7002", 1)]
    assert done.runs[1]["books"]["rejected"] == {"address of another article": 1}
    assert ids(inlet) == {"7001", "7002"}


def test_a_kill_before_the_ledger_knows_loses_and_repeats_nothing(tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    broken = (500, HTML, b"<html><body>no</body></html>")
    answers = {LISTING: listing(STORM, FLOOD), STORM: broken, FLOOD: broken}
    assert inlet.crawl(answers).runs[0]["books"]["failed"]
    # Without their pages, the addresses are the ids.
    assert ids(inlet) == {it.removeprefix("https://").rstrip("/") for it in (STORM, FLOOD)}
    inlet.make_due()
    ledger = inlet.output / "ledger.sqlite3"
    kept = shutil.copy(ledger, tmp_path / "before.sqlite3")
    answers |= {STORM: page("7001", STORM), FLOOD: page("7002", FLOOD)}
    later = {"NEWSCRAWL_RETRY_HOURS": "0,1"}
    assert len(inlet.crawl(answers, **later).records) == 2
    # The lines are on disk, and nothing else of the run is.
    shutil.copy(kept, ledger)
    max(inlet.output.glob("inlet/run=*/run.json")).unlink()
    done = inlet.crawl(answers)
    assert sorted(it["id"] for it in done.records) == ["7001", "7002"]
    assert ids(inlet) == {"7001", "7002"}
    assert done.runs[-1]["complete"]
    assert done.runs[-1]["books"]["discovered"] == 2


def test_a_ledger_made_again_knows_the_addresses(tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    inlet.crawl({LISTING: listing(STORM), STORM: page("7001", STORM)})
    assert command(inlet.output, "ledger", "--rebuild", *OUTLETS).returncode == 0
    done = inlet.crawl({LISTING: listing(STORM)})
    assert (done.runs[1]["books"]["known"], done.runs[1]["complete"]) == (1, True)
    shown = command(inlet.output, "show", "inlet", STORM, *OUTLETS)
    assert ("7001" in shown.stdout, shown.returncode) == (True, 0)


def test_a_removed_article_is_withdrawn_by_its_number(tmp_path: Path) -> None:
    inlet = Crawls(tmp_path, "inlet")
    inlet.crawl({LISTING: listing(STORM, FLOOD), STORM: page("7001", STORM), FLOOD: GONE})
    inlet.make_due()
    done = inlet.crawl({LISTING: listing(FLOOD), STORM: GONE, FLOOD: page("7002", FLOOD)})
    assert [(it["id"], it["gone"]) for it in done.runs[1]["withdrawn"]] == [("7001", True)]


TRIBUNE = "https://www.tribune.example/news"


def test_an_alias_of_a_canonical_address_is_requested_once(tmp_path: Path) -> None:
    tribune = Crawls(tmp_path, "tribune")
    storm, alias = f"{TRIBUNE}/storm", f"{TRIBUNE}/storm-live"
    answers = {f"{TRIBUNE}/": listing(storm, alias), storm: plain(storm), alias: plain(storm)}
    done = tribune.crawl(answers)
    assert done.code == 0, done.log
    assert [(it["id"], it["url"]) for it in done.records] == [("tribune.example/news/storm", storm)]
    assert done.runs[0]["books"]["discovered"] == 1
    again = tribune.crawl({f"{TRIBUNE}/": listing(storm, alias)})
    assert (again.runs[1]["books"]["known"], again.runs[1]["complete"]) == (1, True)


def test_one_saved_page_has_its_number_or_its_address() -> None:
    url = "https://ktla.com/news/storm-nears-the-coast/"
    assert extract(page("7001", url)[2], url, "ktla").id == "7001"
    assert extract(page("", url)[2], url, "ktla").id == "ktla.com/news/storm-nears-the-coast"


def test_recorded_pages_of_unknown_articles_are_read(tmp_path: Path) -> None:
    pages = {STORM: page("7001", STORM), FLOOD: page("", FLOOD)}
    warc = str(site(tmp_path / "pages.warc.gz", pages))
    for name in ("reread", "archive"):
        done = command(tmp_path / name, name, "inlet", warc, *OUTLETS)
        assert done.returncode == 0, done.stderr
        left = Crawl(0, "", tmp_path / name, "inlet")
        assert [it["id"] for it in left.records] == ["7001"]
        assert left.runs[0]["books"]["rejected"] == {"the page does not name its number": 1}
        assert left.runs[0]["books"]["discovered"] == 2
    # The next crawl knows the address.
    crawls = Crawls(tmp_path, "inlet")
    shutil.copytree(tmp_path / "archive", crawls.output)
    again = crawls.crawl({LISTING: listing(STORM)})
    assert again.runs[-1]["books"]["known"] == 1


def test_a_kept_post_that_was_requested_by_its_slug_is_read(tmp_path: Path) -> None:
    post = {"id": 7001, "link": STORM, "date_gmt": "2026-11-20T10:00:00"}
    texts = {"title": {"rendered": "Storm nears"}, "content": {"rendered": "<p>It rained.</p>"}}
    body = json.dumps([post | texts]).encode()
    kept = str(site(tmp_path / "kept.warc.gz", {STORM: (200, "application/json", body)}))
    done = command(tmp_path, "reread", "inlet", kept, *OUTLETS)
    assert done.returncode == 0, done.stderr
    (record,) = Crawl(0, "", tmp_path, "inlet").records
    assert (record["id"], record["source"], record["body"]) == ("7001", "api", "It rained.")
