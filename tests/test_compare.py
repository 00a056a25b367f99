"""``scrapy compare``: where an article's page, REST post and feed entry disagree."""

import json
import subprocess
from pathlib import Path

import pytest

from bench.day import START
from tests.conftest import command
from tests.sample import faults
from tests.sample.answer import Page, Site
from tests.sample.day import DaySite
from tests.sample.faults import Faulty, Rule
from tests.sample.server import running

SITE = DaySite(START, older=140)
TRUTH = SITE.expected()
NEWEST = next(it for it in TRUTH.values() if it.kind == "news" and it.authors)
# Neither in the site's feed nor in its section's.
OLDEST = [it for it in TRUTH.values() if "/homenews/senate/" in it.url][-1]
FAST = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False", "-s", "RETRY_TIMES=0")


class Altered:
    """The site, but for one address, of whose answer some words are others."""

    def __init__(self, where: str, old: str, new: str) -> None:
        self.where = where
        self.old = old.encode()
        self.new = new.encode()

    def get(self, url: str) -> Page:
        page = SITE.get(url)
        if self.where in url:
            assert self.old in page.body
            return Page(page.status, page.headers, page.body.replace(self.old, self.new))
        return page


def compare(
    tmp_path: Path, site: Site, *arguments: str
) -> "tuple[subprocess.CompletedProcess[str], list[str]]":
    with running(site) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        away = {"https_proxy": proxy, "http_proxy": proxy}
        done = command(tmp_path / "out", "compare", *FAST, "hill", *arguments, **away)
        asked = [url for _, url in server.requests]
    assert not (tmp_path / "out").exists()
    return done, asked


def test_three_sources_agree(tmp_path: Path) -> None:
    # Any address of an article will do.
    short = f"https://thehill.com/?p={NEWEST.url.split('/')[-2].split('-')[0]}"
    done, asked = compare(tmp_path, SITE, short, f"{OLDEST.url}amp/")
    assert done.stderr == ""
    assert done.returncode == 0
    assert "DISAGREE" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith("fields agree, 0 disagree.")
    assert "  url             agree page, api, feed" in done.stdout
    assert "  authors         agree page, feed" in done.stdout
    # The oldest is in no feed any more: that is said, and is no disagreement.
    assert "  feed  not in the feed" in done.stdout
    assert asked[0] == "https://thehill.com/robots.txt"
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("where", "field", "old", "new"),
    [
        (NEWEST.url, "body", NEWEST.body[1][:30], "Quite another beginning of"),
        ("partnerfeed", "headline", NEWEST.headline[:20], "Another headline says"),
        ("partnerfeed", "authors", NEWEST.authors[0], "Somebody Else"),
    ],
)
def test_what_differs_is_shown(where: str, field: str, old: str, new: str, tmp_path: Path) -> None:
    done, _ = compare(tmp_path, Altered(where, old, new), NEWEST.url)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines if "DISAGREE" in line] == [field]
    assert new in done.stdout
    assert lines[-1].endswith("1 disagree.")


def test_as_json(tmp_path: Path) -> None:
    altered = Altered("partnerfeed", NEWEST.authors[0], "Somebody Else")
    done, _ = compare(tmp_path, altered, "--json", NEWEST.url)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["disagree"] == ["authors"]
    assert (
        report["fields"]["page"]["headline"]
        == report["fields"]["feed"]["headline"]
        == NEWEST.headline
    )
    assert report["errors"] == {}


def test_a_source_that_does_not_answer_is_named(tmp_path: Path) -> None:
    rules = [Rule(r"^/homenews|^/policy|^/business|^/opinion", faults.refused())]
    done, _ = compare(tmp_path, Faulty(SITE, rules), NEWEST.url)
    assert done.returncode == 0
    assert "  page  http 403" in done.stdout
    assert "  headline        agree api, feed" in done.stdout
    everything = [Rule("wp-json|feed", faults.status(410)), Rule("-", faults.status(404))]
    done, _ = compare(tmp_path, Faulty(SITE, everything), NEWEST.url)
    assert done.returncode == 1
    assert ("  page  http 404" in done.stdout, "  api   http 410" in done.stdout) == (True, True)


@pytest.mark.parametrize("address", ["https://example.org/news/61234-other/", "senate", ""])
def test_what_is_no_article_of_the_outlet_is_refused(address: str, tmp_path: Path) -> None:
    done, asked = compare(tmp_path, SITE, NEWEST.url, address)
    assert done.returncode == 3
    assert f"{address!r} is not the address of an article of hill." in done.stderr
    assert asked == []
