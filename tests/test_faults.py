"""Faults between a site and a crawl: each is counted and logged, and the other articles arrive."""

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bench.day import START, crawling
from newscrawl.storage.books import balance
from tests.archives import ENCODERS, raw_deflate
from tests.conftest import ROOT, Crawl, crawl, environment, runs_of
from tests.sample import faults
from tests.sample.answer import Fault, Page, Site
from tests.sample.day import DaySite
from tests.sample.faults import Break, Faulty, Rule
from tests.sample.server import running

SITE = DaySite(datetime.now(UTC) - timedelta(hours=1), articles=0, corrections=0, older=30)
IDS = list(SITE.expected())
ARTICLES = r"^/(?!wp-json/).*/\d{7}-"
PAGES = r"^/(?!robots|wp-json/|feed/|sitemap|.*/feed/)"
REST = r"^/wp-json/"
# Of log lines that differ in the address only, the first is shown above DEBUG.
EACH = {"LOG_LEVEL": "DEBUG"}
# The production's own concurrency: one request at a time, and one that waits for its turn.
QUICK = {
    # Not zero: Scrapy then lets two requests go before it counts the first.
    "DOWNLOAD_DELAY": "0.01",
    "AUTOTHROTTLE_ENABLED": "False",
    "RETRY_TIMES": "1",
    "NEWSCRAWL_PAUSE_SECONDS": "0.2",
}
# Three refusals in a row, and the requests that were sent before the third response.
TRIES = 4
XML_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "bomb">'
    + b"".join(
        b'<!ENTITY a%d "%b">' % (level, b"&a%d;" % (level - 1) * 10) for level in range(1, 10)
    )
    + b"]>"
)
SITEMAP_BOMB = XML_BOMB + b"<urlset><url><loc>&a9;</loc></url></urlset>"
FEED_BOMB = XML_BOMB + b'<rss version="2.0"><channel><title>&a9;</title></channel></rss>'


class Watched:
    """A site that notes when it is asked for what."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.asked: list[tuple[float, str]] = []

    def get(self, url: str) -> Page | Fault:
        self.asked.append((time.monotonic(), url))
        return self.site.get(url)


@dataclass(frozen=True)
class Outcome:
    """A finished crawl, and when the site was asked for what."""

    crawl: Crawl
    asked: list[tuple[float, str]]

    @property
    def run(self) -> dict[str, Any]:
        return self.crawl.runs[-1]

    @property
    def failed(self) -> dict[str, int]:
        """Why articles have no record."""
        return {**self.run["books"]["failed"], **self.run["books"]["rejected"]}

    @property
    def paths(self) -> list[str]:
        return [url.removeprefix("https://thehill.com") for _, url in self.asked]

    def asked_for(self, where: str) -> list[str]:
        return [path for path in self.paths if re.search(where, path)]


def act(
    output: Path, rules: Iterable[Rule], *arguments: str, site: Site = SITE, **settings: str
) -> Outcome:
    """Crawl a site on which the rules hold; arguments are ``-a``, settings ``-s``."""
    watched = Watched(Faulty(site, list(rules)))
    with running(watched) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        # The proxy stands for the whole network: also what leads to 127.0.0.1 would be seen.
        network = {"https_proxy": proxy, "http_proxy": proxy, "no_proxy": "", "NO_PROXY": ""}
        done = crawl(output, *options(arguments, settings), **network)
    return Outcome(done, watched.asked)


def options(arguments: Iterable[str], settings: dict[str, str]) -> list[str]:
    given = [it for argument in arguments for it in ("-a", argument)]
    pairs = (f"{name}={value}" for name, value in {**QUICK, **settings}.items())
    return given + [it for pair in pairs for it in ("-s", pair)]


def published(outcome: Outcome, lost: Iterable[str] = (), site: DaySite = SITE) -> None:
    """Check that everything but ``lost`` is published once, and every run's books balance."""
    # Where not one listing could be read, the exit code says so.
    assert outcome.crawl.code == (0 if outcome.run["listings"]["read"] else 4), outcome.crawl.log
    ids = Counter(record["id"] for record in outcome.crawl.records)
    assert ids == Counter(site.expected().keys() - set(lost)), outcome.crawl.log
    sound(outcome)


def sound(outcome: Outcome) -> None:
    """Check what must hold whatever goes wrong."""
    assert [balance(run["books"]) for run in outcome.crawl.runs] == [0] * len(outcome.crawl.runs)
    assert all(url.startswith("https://thehill.com/") for _, url in outcome.asked)
    assert "Error processing" not in outcome.crawl.log
    assert "Spider error" not in outcome.crawl.log, outcome.crawl.log
    for reason in (*outcome.failed, *outcome.run["listings"]["failed"]):
        assert len(reason) < 40, reason
        assert "://" not in reason


def of(identity: str) -> str:
    """Return where an article's page is."""
    return rf"^/(?!wp-json/).*/{identity}-"


# Articles: each with a fault of its own, in one crawl.

BROKEN: dict[str, tuple[Break, str, str]] = {
    "403": (faults.refused(), "failed", "http 403"),
    "wall that says 200": (faults.wall_ok(), "failed", "bot wall"),
    "javascript challenge": (faults.challenge(), "failed", "javascript challenge"),
    "404": (faults.status(404), "failed", "http 404"),
    "429": (faults.rate_limited(), "failed", "http 429"),
    "500": (faults.status(500), "failed", "http 500"),
    "503": (faults.status(503), "failed", "http 503"),
    "no answer": (faults.hang(), "failed", "timeout"),
    "slow answer": (faults.slow(20), "failed", "timeout"),
    "closed without a byte": (faults.dropped(), "failed", "connection lost"),
    "reset in mid-body": (faults.reset(), "failed", "cut short"),
    "shorter than promised": (faults.short(), "failed", "cut short"),
    "broken gzip": (faults.broken_gzip(), "failed", "broken gzip"),
    "cut deflate": (faults.cut("deflate", raw_deflate), "failed", "broken deflate"),
    "cut br": (faults.cut("br", ENCODERS["br"]), "failed", "broken br"),
    "cut zstd": (faults.cut("zstd", ENCODERS["zstd"]), "failed", "broken zstd"),
    "ends in its story": (faults.cut_story(), "rejected", "cut short"),
    "gzip bomb": (faults.gzip_bomb(64), "failed", "too large"),
    "too large": (faults.body(b" " * 9_000_000), "failed", "too large"),
    "redirect loop": (faults.redirect_loop(), "failed", "redirections"),
    "redirect off the site": (faults.redirect_to("https://evil.example/"), "failed", "offsite"),
    "redirect to a subdomain": (
        faults.redirect_to("https://elections2024.thehill.com/x/"),
        "failed",
        "offsite",
    ),
    "redirect to a private address": (
        faults.redirect_to("http://127.0.0.1:9/latest/meta-data/"),
        "failed",
        "offsite",
    ),
    "redirect to another article": (
        faults.redirect_to(SITE.expected()[IDS[0]].url),
        "rejected",
        "address of another article",
    ),
    "redirect to the front page": (faults.redirect_to("/"), "rejected", "no article on the page"),
    "empty": (faults.body(b""), "rejected", "empty answer"),
    "no post": (faults.body(b'{"code": "rest_no_route"}'), "rejected", "no post in the answer"),
    "picture": (faults.body(b"\xff\xd8\xff" * 9, "image/jpeg"), "rejected", "not a page but image"),
}
PLACES = dict(zip(BROKEN, IDS[1:], strict=False))


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    rules = [Rule(of(PLACES[name]), fault) for name, (fault, _, _) in BROKEN.items()]
    settings = {"DOWNLOAD_TIMEOUT": "2", "DOWNLOAD_MAXSIZE": "8000000", "NEWSCRAWL_REFUSALS": "99"}
    arguments = ("sections=news", "fetch=page")
    return act(tmp_path_factory.mktemp("articles"), rules, *arguments, **settings, **EACH)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_article_is_counted_and_logged(name: str, articles: Outcome) -> None:
    _, outcome, reason = BROKEN[name]
    with closing(sqlite3.connect(articles.crawl.output / "ledger.sqlite3")) as ledger:
        query = "SELECT state, reason, attempts FROM articles WHERE id = ?"
        (state, saved, attempts), *_ = ledger.execute(query, [PLACES[name]])
    assert (state, attempts) == (outcome, 1)
    assert saved.startswith(reason)
    said = {"failed": "Could not fetch article", "rejected": "Rejected"}[outcome]
    assert re.search(rf"{said} \S*\b{PLACES[name]}\b.*: {saved}", articles.crawl.log)
    assert 1 <= len(articles.asked_for(of(PLACES[name]))) <= 6


def test_the_other_articles_are_published_and_the_books_balance(articles: Outcome) -> None:
    published(articles, lost=PLACES.values())
    for fate in ("failed", "rejected"):
        counts = Counter(reason for _, it, reason in BROKEN.values() if it == fate)
        reasons = articles.run["books"][fate]
        assert {
            next(it for it in counts if k.startswith(it)): n for k, n in reasons.items()
        } == counts
    assert articles.run["books"]["pending"] == 0
    assert not articles.run["complete"]
    assert articles.run["reason"] == "finished"


def test_a_request_that_fails_once_is_repeated(tmp_path: Path) -> None:
    fates = [
        faults.status(503),
        faults.status(500),
        faults.dropped(),
        faults.reset(),
        faults.short(),
        faults.broken_gzip(),
        faults.rate_limited(),
    ]
    rules = [Rule(of(it), fault, times=1) for it, fault in zip(IDS, fates, strict=False)]
    outcome = act(tmp_path, [*rules, Rule(r"^/news$", faults.reset(), times=1)], "sections=news")
    published(outcome)
    assert outcome.run["complete"]
    for identity in IDS[: len(fates)]:
        assert len(outcome.asked_for(of(identity))) == 2


# Listings: every feed with a fault of its own, in one crawl; the sitemap leads to the articles.

LISTINGS: dict[str, tuple[str, Break, str]] = {
    "feed with broken XML": (
        "/feed/?",
        lambda _, healthy: replace(healthy, body=healthy.body[:2000] + b"<item><title>&nope;</x>"),
        "broken feed",
    ),
    "HTML": ("/homenews/feed/", faults.status(200), "not a feed"),
    "wall": ("/homenews/house/feed/", faults.wall_ok(), "not a feed"),
    "403": ("/homenews/senate/feed/", faults.refused(), "http 403"),
    "empty feed": ("/homenews/media/feed/", faults.body(b"", "application/rss+xml"), "not a feed"),
    "500": ("/policy/feed/", faults.status(500), "http 500"),
    "no answer": ("/policy/defense/feed/", faults.hang(), "timeout"),
    "reset": ("/policy/healthcare/feed/", faults.reset(), "cut short"),
    "gzip bomb": ("/policy/technology/feed/", faults.gzip_bomb(64), "too large"),
    "redirect loop": ("/business/feed/", faults.redirect_loop(), "redirections"),
    "redirect off the site": (
        "/business/trade/feed/",
        faults.redirect_to("https://evil.example/feed/"),
        "offsite",
    ),
    "XML bomb": ("/opinion/feed/", faults.body(FEED_BOMB, "application/rss+xml"), "broken feed"),
}


@pytest.fixture(scope="module")
def listings(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    rules = [Rule(f"^{re.escape(path)}", fault) for path, fault, _ in LISTINGS.values()]
    settings = {"DOWNLOAD_TIMEOUT": "2", "DOWNLOAD_MAXSIZE": "8000000"}
    folder = tmp_path_factory.mktemp("listings")
    return act(folder, rules, "discover=feeds,sitemap", "fetch=page", **settings, **EACH)


@pytest.mark.parametrize("name", LISTINGS)
def test_a_broken_listing_is_counted_and_logged(name: str, listings: Outcome) -> None:
    path, _, reason = LISTINGS[name]
    url = re.escape(f"https://thehill.com{path}")
    assert re.search(rf"Could not read listing page {url}\S*: {reason}\n", listings.crawl.log)


def test_the_articles_are_found_in_other_listings(listings: Outcome) -> None:
    published(listings)
    counts = Counter(reason for _, _, reason in LISTINGS.values())
    assert listings.run["listings"]["failed"] == counts
    assert not listings.run["complete"]
    assert memory(listings) < 300


def memory(outcome: Outcome) -> float:
    """Return the most memory that a crawl had, in MB, as the kernel counts it."""
    most: int = outcome.run["stats"]["memusage/max"]
    return most / 1024**2


def test_sitemaps_of_a_million_entries_and_xml_bombs(tmp_path: Path) -> None:
    rules = [
        Rule(r"^/sitemap\.xml$", faults.body(SITEMAP_BOMB, "application/xml")),
        Rule(r"^/sitemap\.xml\?", faults.huge_sitemap(1_000_000)),
    ]
    outcome = act(tmp_path, rules, "discover=sitemap,api", MEMUSAGE_CHECK_INTERVAL_SECONDS="0.1")
    published(outcome)
    days = len(set(outcome.asked_for(r"dd=")))
    assert outcome.run["listings"]["failed"] == {"too large": days, "broken sitemap": 1}
    assert not outcome.run["complete"]
    assert memory(outcome) < 400


def test_a_sitemap_of_more_entries_than_the_protocol_allows(tmp_path: Path) -> None:
    rules = [
        Rule(r"^/sitemap\.xml$", faults.body(b"", "application/xml")),
        Rule(r"^/sitemap\.xml\?", faults.huge_sitemap(60_000)),
    ]
    # The entries are of another section, so that they are read but not asked for.
    arguments = ("discover=sitemap,api", "sections=news")
    outcome = act(tmp_path, rules, *arguments, MEMUSAGE_CHECK_INTERVAL_SECONDS="0.1")
    published(outcome)
    days = len(set(outcome.asked_for(r"dd=")))
    reasons = {"sitemap of more than 50,000 entries": days, "empty sitemap": 1}
    assert outcome.run["listings"]["failed"] == reasons
    assert not outcome.run["complete"]
    assert memory(outcome) < 300


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.body(b""), "empty answer"),
        (faults.body(b"GIF89a", "image/gif"), "not a page but image/gif"),
        (faults.status(200), "no articles in the listing"),
        (faults.redirect_to("/"), "leads to the front page"),
        (lambda _, page: replace(page, body=page.body[: len(page.body) // 2]), "cut short"),
        (faults.redirect_loop(), "redirections"),
        (faults.redirect_to("http://10.0.0.1/"), "offsite"),
    ],
)
def test_a_listing_page_that_is_none(fault: Break, reason: str, tmp_path: Path) -> None:
    outcome = act(tmp_path, [Rule(r"^/news$", fault)], "sections=news,homenews")
    sound(outcome)
    assert outcome.run["listings"]["failed"] == {reason: 1}
    assert outcome.run["books"]["new"] > 0
    assert not outcome.run["complete"]


# Pauses.


def dated(seconds: int) -> Break:
    """Answer 429 with the date so many seconds from now."""

    def answer(url: str, healthy: Page) -> Page | Fault:
        when = datetime.now(UTC) + timedelta(seconds=seconds)
        return faults.rate_limited(format_datetime(when, usegmt=True))(url, healthy)

    return answer


def busy(seconds: str) -> Break:
    """Answer 503 with a Retry-After."""
    more = ("Retry-After", seconds)
    answer = faults.status(503)

    def broken(url: str, healthy: Page) -> Page | Fault:
        page = answer(url, healthy)
        assert isinstance(page, Page)
        return replace(page, headers=(*page.headers, more))

    return broken


def test_nothing_is_requested_until_the_pause_is_over(tmp_path: Path) -> None:
    # The date of a pause has no fractions: up to a second of it may be over.
    stated = [(faults.rate_limited("1"), 1.0), (dated(2), 1.0), (busy("1"), 1.0)]
    unstated = [(faults.rate_limited(), 0.5), (faults.rate_limited("soon"), 0.5)]
    cases = dict(zip(IDS[::3], stated + unstated, strict=False))
    rules = [Rule(of(it), fault, times=1) for it, (fault, _) in cases.items()]
    outcome = act(tmp_path, rules, "sections=news", NEWSCRAWL_PAUSE_SECONDS="0.5")
    published(outcome)
    assert outcome.run["complete"]
    for identity, (_, pause) in cases.items():
        asked = outcome.asked_for(of(identity))
        assert len(asked) == 2
        first = outcome.paths.index(asked[0])
        assert outcome.asked[first + 1][0] - outcome.asked[first][0] >= pause, identity
    assert outcome.crawl.log.count("Rate limited (HTTP 429)") == 4
    assert outcome.crawl.log.count("Rate limited (HTTP 503)") == 1


def test_pauses_grow_while_the_site_says_nothing(tmp_path: Path) -> None:
    rule = Rule(REST, faults.rate_limited(), times=3)
    settings = {"RETRY_TIMES": "3", "NEWSCRAWL_PAUSE_SECONDS": "0.3"}
    outcome = act(tmp_path, [rule], "discover=api", **settings)
    published(outcome)
    assert outcome.run["complete"]
    times = [when for when, url in outcome.asked if "/posts?" in url]
    gaps = [later - when for when, later in pairwise(times)]
    assert len(gaps) == 3
    assert [gap >= 0.3 * 2**turn for turn, gap in enumerate(gaps)] == [True] * 3


def test_a_site_that_answers_nothing_but_429_is_not_hammered(tmp_path: Path) -> None:
    rules = [Rule(ARTICLES, faults.rate_limited())]
    settings = {"NEWSCRAWL_LONGEST_PAUSE_SECONDS": "3", "NEWSCRAWL_PAUSE_SECONDS": "0.2"}
    outcome = act(tmp_path, rules, "sections=news", **settings)
    sound(outcome)
    assert outcome.crawl.code == 75
    assert outcome.run["reason"] == "asked to wait"
    assert len(outcome.asked_for(ARTICLES)) < 10


def test_a_wait_that_is_longer_than_a_run_ends_the_run_and_is_kept(tmp_path: Path) -> None:
    wall = Rule(of(IDS[3]), faults.rate_limited("7200"))
    first = act(tmp_path, [wall], "sections=news")
    sound(first)
    assert first.crawl.code == 75
    assert first.run["reason"] == "asked to wait"
    assert not first.run["complete"]
    books = first.run["books"]
    assert books["pending"] == books["discovered"] - books["new"] > 0
    assert first.failed == {}
    assert first.crawl.log.count("The site asks to be left alone until") == 1
    assert re.search(wall.where, first.paths[-1])

    second = act(tmp_path, [], "sections=news")
    assert (second.crawl.code, second.asked) == (75, [])
    assert len(second.crawl.runs) == 1
    assert "to be left alone until" in second.crawl.log

    with closing(sqlite3.connect(tmp_path / "ledger.sqlite3")) as ledger:
        (due,) = ledger.execute("SELECT due FROM checkpoints WHERE name = 'wait'").fetchone()
        assert datetime.fromisoformat(due) > datetime.now(UTC) + timedelta(hours=1)
        ledger.execute("UPDATE checkpoints SET due = '2026-01-01T00:00:00Z' WHERE name = 'wait'")
        ledger.commit()
    third = act(tmp_path, [], "sections=news")
    published(third)
    assert third.run["complete"]


def test_ctrl_c_ends_a_long_pause(tmp_path: Path) -> None:
    watched = Watched(Faulty(SITE, [Rule(of(IDS[3]), faults.rate_limited("800"))]))
    with running(watched) as server:
        command = [sys.executable, "-m", "scrapy", "crawl", "hill"]
        proxy = f"http://127.0.0.1:{server.port}"
        with subprocess.Popen(
            [*command, *options(["sections=news"], {})],
            cwd=ROOT,
            env=environment(tmp_path, https_proxy=proxy),
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stderr is not None
                assert any("Rate limited" in line for line in process.stderr)
                asked = len(watched.asked)
                process.send_signal(signal.SIGINT)
                # Far below the pause; the test would not end with it.
                log = process.communicate(timeout=60)[1]
            finally:
                process.kill()
    assert process.returncode == 0, log
    (run,) = runs_of(tmp_path)
    assert run["reason"] == "shutdown"
    assert balance(run["books"]) == 0
    assert (run["books"]["failed"], run["complete"]) == ({}, False)
    assert run["books"]["pending"] == run["books"]["discovered"] - run["books"]["new"] > 0
    assert len(watched.asked) == asked


# robots.txt.


def robots(*lines: str) -> Rule:
    text = "\n".join(("User-agent: *", *lines, ""))
    return Rule(r"^/robots\.txt$", faults.body(text.encode(), "text/plain"))


def test_robots_txt_holds_for_every_discovery_method(tmp_path: Path) -> None:
    arguments = ("discover=links,feeds,sitemap,api", "sections=news,policy/defense")
    outcome = act(tmp_path, [robots("Disallow: /")], *arguments)
    published(outcome, lost=IDS)
    assert outcome.paths == ["/robots.txt"]
    listings = outcome.run["listings"]
    assert listings["failed"] == {"robots.txt": listings["asked"]}
    assert not outcome.run["complete"]


def test_no_request_is_sent_that_robots_txt_forbids(tmp_path: Path) -> None:
    path = SITE.expected()[IDS[0]].url.removeprefix("https://thehill.com")
    outcome = act(tmp_path, [robots(f"Disallow: {path}")], "sections=news")
    published(outcome, lost=IDS[:1])
    assert outcome.asked_for(IDS[0]) == []
    assert outcome.failed == {"robots.txt": 1}
    assert not outcome.run["complete"]


def test_too_many_requests_for_robots_txt_means_wait_and_ask_again(tmp_path: Path) -> None:
    rule = Rule(r"^/robots\.txt$", faults.rate_limited("1"), times=1)
    outcome = act(tmp_path, [rule], "discover=api")
    published(outcome)
    assert outcome.run["complete"]
    assert outcome.paths[:2] == ["/robots.txt"] * 2
    assert outcome.asked_for(r"^/robots\.txt$") == ["/robots.txt"] * 2
    assert outcome.asked[1][0] - outcome.asked[0][0] >= 1


@pytest.mark.parametrize(
    "fault",
    [faults.rate_limited(), faults.status(503), faults.hang(), faults.wall_ok()],
    ids=["429", "503", "timeout", "wall"],
)
def test_nothing_is_requested_while_the_rules_are_unknown(fault: Break, tmp_path: Path) -> None:
    rules = [Rule(r"^/robots\.txt$", fault)]
    outcome = act(tmp_path, rules, "sections=news,homenews", DOWNLOAD_TIMEOUT="2")
    published(outcome, lost=IDS)
    assert set(outcome.paths) == {"/robots.txt"}
    assert len(outcome.paths) <= 2
    assert outcome.run["listings"]["failed"] == {"robots.txt unknown": 2}
    assert outcome.crawl.log.count("Cannot read robots.txt of thehill.com") == 1
    assert "Traceback" not in outcome.crawl.log
    assert not outcome.run["complete"]


def test_a_wait_of_ages_for_robots_txt(tmp_path: Path) -> None:
    rules = [Rule(r"^/robots\.txt$", faults.rate_limited("9" * 30))]
    outcome = act(tmp_path, rules, "sections=news")
    sound(outcome)
    assert outcome.paths == ["/robots.txt"]
    assert (outcome.crawl.code, outcome.run["reason"]) == (75, "asked to wait")


def test_no_robots_txt_forbids_nothing(tmp_path: Path) -> None:
    rules = [Rule(r"^/robots\.txt$", faults.status(404))]
    outcome = act(tmp_path, rules, "discover=api")
    published(outcome)
    assert outcome.run["complete"]


@pytest.mark.parametrize("delay", ["0.01", "1"])
def test_crawl_delay_is_kept(delay: str, tmp_path: Path) -> None:
    # The crawl sends requests a second apart, but the test sees only when they arrive. On a busy
    # machine a late request may arrive close to the next one, but hardly in five crawls.
    for turn in range(5):
        outcome = act(
            tmp_path / str(turn),
            [robots("Crawl-delay: 1")],
            *("sections=news", "limit=2"),
            DOWNLOAD_DELAY=delay,
            CONCURRENT_REQUESTS="3",
            CONCURRENT_REQUESTS_PER_DOMAIN="3",
        )
        sound(outcome)
        assert outcome.run["books"]["new"] == 2
        times = [when for when, _ in outcome.asked]
        gaps = [later - when for when, later in pairwise(times)]
        assert len(gaps) >= 3
        if min(gaps) >= 0.7:
            break
    assert min(gaps) >= 0.7, gaps


def test_a_crawl_delay_that_is_longer_than_a_run_may_wait_ends_the_run(
    tmp_path: Path,
) -> None:
    for _ in range(2):
        outcome = act(tmp_path, [robots("Crawl-delay: 99999999")], "sections=news")
        assert outcome.crawl.code == 75
        assert set(outcome.paths) <= {"/robots.txt"}
    (run,) = outcome.crawl.runs
    assert (run["reason"], run["complete"]) == ("asked to wait", False)


# Refused pages.


@pytest.mark.parametrize(
    ("wall", "reason"),
    [
        (faults.refused(), "http 403"),
        (faults.wall_ok(), "bot wall"),
        (faults.challenge(), "javascript challenge"),
    ],
)
def test_a_wall_before_pages_leads_to_rest(wall: Break, reason: str, tmp_path: Path) -> None:
    outcome = act(tmp_path, [Rule(PAGES, wall)])
    published(outcome)
    assert outcome.run["complete"]
    assert 3 <= len(outcome.asked_for(PAGES)) <= TRIES
    assert outcome.crawl.log.count("The site refuses its pages") == 1
    assert f"The site refuses its pages ({reason})" in outcome.crawl.log
    listings = outcome.run["listings"]
    # Two lists of posts are read: the one instead of pages, and that of late posts.
    assert (listings["failed"], listings["refused"], listings["read"]) == (
        {},
        listings["asked"] - 1,
        2,
    )
    assert outcome.run["refused"]["reason"] == reason
    assert len(outcome.asked_for(r"^/wp-json/wp/v2/posts")) == 2
    assert {record["source"] for record in outcome.crawl.records} == {"api"}


def test_refused_articles_are_requested_by_rest_one_by_one(tmp_path: Path) -> None:
    outcome = act(tmp_path, [Rule(ARTICLES, faults.refused())], "sections=news")
    published(outcome)
    assert 3 <= len(outcome.asked_for(ARTICLES)) <= TRIES
    assert outcome.crawl.log.count("The site refuses its pages") == 1
    # The listing's next page was refused as well, so REST lists what it would have shown.
    assert outcome.run["complete"]
    assert outcome.run["listings"]["refused"] == 1

    later = act(tmp_path, [Rule(ARTICLES, faults.refused())], "sections=news")
    published(later)
    assert later.run["complete"]
    assert later.asked_for(PAGES) == []
    assert later.crawl.log.count("the site has refused its pages (http 403) since") == 1
    assert "The site refuses its pages" not in later.crawl.log


def test_a_redirect_to_the_wall_is_a_refusal(tmp_path: Path) -> None:
    rules = [
        Rule(ARTICLES, faults.redirect_to("/blocked/")),
        Rule(r"^/blocked/$", faults.wall_ok()),
    ]
    outcome = act(tmp_path, rules, "sections=news")
    published(outcome)
    assert outcome.run["complete"]
    assert 3 <= len(outcome.asked_for(r"^/blocked/$")) <= len(outcome.asked_for(ARTICLES))
    assert len(outcome.asked_for(ARTICLES)) <= TRIES
    assert "The site refuses its pages (bot wall)" in outcome.crawl.log


def test_a_single_refused_article_opens_no_breaker(tmp_path: Path) -> None:
    rules = [Rule(of(it), faults.refused()) for it in (IDS[2], IDS[9], IDS[16])]
    outcome = act(tmp_path, rules, "sections=news")
    published(outcome)
    assert outcome.run["complete"]
    assert "refused" not in outcome.run
    sources = Counter(record["source"] for record in outcome.crawl.records)
    assert sources == {"page": len(IDS) - 3, "api": 3}
    assert len(outcome.asked_for(r"^/wp-json/wp/v2/posts/")) == 3


def test_without_rest_refused_pages_are_missing(tmp_path: Path) -> None:
    rules = [Rule(ARTICLES, faults.refused())]
    outcome = act(tmp_path, rules, "sections=news", "fetch=page")
    published(outcome, lost=IDS)
    assert outcome.asked_for(REST) == []
    assert 3 <= len(outcome.asked_for(ARTICLES)) <= TRIES
    assert outcome.failed == {"http 403": outcome.run["books"]["discovered"]}
    assert outcome.run["listings"]["failed"] == {"http 403": 1}
    assert not outcome.run["complete"]


def test_by_rest_alone_no_page_is_requested(tmp_path: Path) -> None:
    rules = [Rule(PAGES, faults.refused())]
    outcome = act(tmp_path, rules, "discover=sitemap", "fetch=api")
    published(outcome)
    assert outcome.run["complete"]
    assert outcome.asked_for(PAGES) == []


def test_refused_pages_and_rest_that_robots_txt_forbids(tmp_path: Path) -> None:
    rules = [Rule(ARTICLES, faults.refused()), robots("Disallow: /wp-json/")]
    outcome = act(tmp_path, rules, "sections=news")
    published(outcome, lost=IDS)
    assert outcome.asked_for(REST) == []
    assert 3 <= len(outcome.asked_for(ARTICLES)) <= TRIES
    assert outcome.failed == {"robots.txt": outcome.run["books"]["discovered"]}
    assert outcome.run["listings"]["failed"] == {"robots.txt": 1}
    assert re.search(
        r"Could not read listing page \S*/wp-json/\S*: robots\.txt\n", outcome.crawl.log
    )
    assert not outcome.run["complete"]


def test_a_redirect_of_rest_off_the_site(tmp_path: Path) -> None:
    rules = [
        Rule(of(IDS[2]), faults.refused()),
        Rule(rf"^/wp-json/.*/{IDS[2]}", faults.redirect_to("http://169.254.169.254/latest/")),
        Rule(of(IDS[5]), faults.status(503), times=1),
        Rule(of(IDS[5]), faults.redirect_to("http://169.254.169.254/latest/")),
    ]
    outcome = act(tmp_path, rules, "sections=news")
    published(outcome, lost=(IDS[2], IDS[5]))
    assert outcome.failed == {"offsite": 2}


class Hours:
    """Crawls of a site whose pages may be refused, at moved times, in one process."""

    def __init__(self, output: Path, **arguments: str) -> None:
        self.site = DaySite(START, articles=0, corrections=0, older=20)
        self.faulty = Faulty(self.site)
        self.output, self.arguments = output, arguments

    def play(self, *acts: tuple[float, bool]) -> tuple[list[list[str]], str]:
        """Crawl after so many hours, refused or not; return the pages asked for, and the log."""
        asked = []
        with crawling(self.output, self.faulty, RETRY_TIMES="0") as (crawler, server):
            for hours, refused in acts:
                self.faulty.rules = [Rule(PAGES, faults.refused())] if refused else []
                now = START + timedelta(hours=hours)
                self.site.now = now
                before = len(server.requests)
                assert crawler.crawl(now, **self.arguments) == "finished"
                paths = [url.removeprefix("https://thehill.com") for _, url in server.requests]
                asked.append([path for path in paths[before:] if re.search(PAGES, path)])
        return asked, Path(crawler.log.name).read_text()


def test_an_open_breaker_is_probed_in_later_runs(tmp_path: Path) -> None:
    hours = Hours(tmp_path / "out", sections="news", fetch="auto")
    hours.faulty.rules = []
    # Closed by the articles of the first run; then tried after 6 hours, 12, and 24.
    acts = [(0, True), (1, True), (6.2, True), (13, True), (18.5, True), (43, False), (44, False)]
    hours.arguments["sections"] = "news,homenews,policy"
    asked, log = hours.play(*acts)
    assert [len(pages) for pages in asked[:5]] == [3, 0, 1, 0, 1]
    assert len(asked[5]) >= 1
    assert len(asked[6]) > 1
    runs = Crawl(0, "", tmp_path / "out").runs
    assert [run["complete"] for run in runs] == [True] * 7
    assert [balance(run["books"]) for run in runs] == [0] * 7
    probes = [datetime.fromisoformat(run["refused"]["probe"]) - START for run in runs[:5]]
    assert [round(it / timedelta(hours=1)) for it in probes] == [6, 6, 18, 18, 42]
    assert {run["refused"]["since"] for run in runs[:6]} == {runs[0]["refused"]["since"]}
    assert "over" in runs[5]["refused"]
    assert "refused" not in runs[6]
    assert log.count("The site refuses its pages (http 403)") == 3
    assert log.count("The site answers with pages again") == 1
    published_once = Counter(record["id"] for record in Crawl(0, "", tmp_path / "out").records)
    assert published_once == Counter(hours.site.expected().keys())


def test_an_open_breaker_is_probed_without_rest_too(tmp_path: Path) -> None:
    hours = Hours(tmp_path / "out", sections="news,homenews,policy", follow="1", fetch="page")
    asked, log = hours.play((0, True), (1, True), (6.2, True), (19, False))
    assert [len(pages) for pages in asked[:3]] == [3, 0, 1]
    runs = Crawl(0, "", tmp_path / "out").runs
    assert [run["complete"] for run in runs] == [False, False, False, True]
    assert {record["id"] for record in Crawl(0, "", tmp_path / "out").records} == set(
        hours.site.expected()
    )
    assert log.count("The site answers with pages again") == 1


# REST.

MANY = DaySite(datetime.now(UTC) - timedelta(hours=1), articles=0, corrections=0, older=120)


def posts(change: Callable[[list[Any]], Any], **headers: str) -> Break:
    """Answer a list of posts with a change, and other headers; a dash for a hyphen."""

    def broken(_: str, healthy: Page) -> Page:
        other = {name.replace("_", "-"): value for name, value in headers.items()}
        kept = [(name, other.pop(name, value)) for name, value in healthy.headers]
        data = json.dumps(change(json.loads(healthy.body))).encode()
        return Page(healthy.status, tuple(kept), data)

    return broken


def unlinked(rows: list[Any]) -> list[Any]:
    return [{**rows[0], "link": "https://thehill.com/about-us/"}, *rows[1:]]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (faults.status(200), "not JSON"),
        (faults.body(b"", "application/json"), "not JSON"),
        (faults.body(b'{"code": "x"}', "application/json"), "not a list of posts"),
        (faults.body(b"[1, null]", "application/json"), "not a list of posts"),
    ],
    ids=["HTML", "empty", "object", "numbers"],
)
def test_rest_that_is_none(fault: Break, reason: str, tmp_path: Path) -> None:
    # Also where REST takes the place of refused pages.
    rules = [Rule(r"^/wp-json/wp/v2/posts\?", fault), Rule(PAGES, faults.refused())]
    outcome = act(tmp_path, rules, "sections=news")
    published(outcome, lost=IDS)
    assert outcome.run["listings"]["failed"] == {reason: 1}
    assert outcome.run["listings"]["refused"] == 1
    assert re.search(rf"Could not read listing page \S*/wp-json/\S*: {reason}\n", outcome.crawl.log)
    assert not outcome.run["complete"]


def test_a_post_that_is_no_article(tmp_path: Path) -> None:
    outcome = act(tmp_path, [Rule(REST, posts(unlinked))], "discover=api")
    published(outcome, lost=IDS[:1])
    assert f"Post {IDS[0]} has no article's address: https://thehill.com/about-us/" in (
        outcome.crawl.log
    )
    assert outcome.run["books"]["discovered"] == len(IDS) - 1


def test_no_posts_at_all(tmp_path: Path) -> None:
    none = posts(lambda _: [], X_WP_Total="0", X_WP_TotalPages="0")
    outcome = act(tmp_path, [Rule(REST, none)], "discover=api")
    published(outcome, lost=IDS)
    assert outcome.run["complete"]
    assert len(outcome.asked_for(REST)) == 1


def test_pages_of_posts_that_end_too_early(tmp_path: Path) -> None:
    first = act(tmp_path, [Rule(r"[?&]page=2", faults.status(400))], "discover=api", site=MANY)
    published(first, lost=list(MANY.expected())[100:], site=MANY)
    assert first.run["listings"]["failed"] == {"fewer posts than stated": 1}
    assert not first.run["complete"]
    # The next run asks for them again.
    second = act(tmp_path, [], "discover=api", site=MANY)
    published(second, site=MANY)
    assert second.run["complete"]
    assert second.run["books"]["known"] == 100


@pytest.mark.parametrize("total", ["119", "500"], ids=["shrinks", "grows"])
def test_a_total_that_changes_between_pages(total: str, tmp_path: Path) -> None:
    rules = [Rule(r"[?&]page=2", posts(lambda rows: rows, X_WP_Total=total))]
    outcome = act(tmp_path, rules, "discover=api", site=MANY)
    published(outcome, site=MANY)
    assert outcome.run["complete"]
    assert len(outcome.asked_for(r"/posts\?")) == 2


def test_rest_that_never_ends(tmp_path: Path) -> None:
    page = MANY.get("https://thehill.com/wp-json/wp/v2/posts?per_page=100&_embed=1")
    rows = json.loads(page.body)
    same = posts(lambda _: rows, X_WP_Total="1000000", X_WP_TotalPages="10000")
    # From the newest to the oldest, then what was changed since.
    for arguments in (["since=2020-01-01"], [], []):
        outcome = act(tmp_path, [Rule(r"/posts\?", same)], "discover=api", *arguments, site=MANY)
        published(outcome, lost=list(MANY.expected())[100:], site=MANY)
        assert len(outcome.asked_for(r"/posts\?")) < 12
        assert sum(outcome.run["listings"]["failed"].values()) == 1, outcome.crawl.log
        assert not outcome.run["complete"]


def test_changed_posts_without_dates(tmp_path: Path) -> None:
    published(act(tmp_path, [], "discover=api"))
    bare = posts(
        lambda rows: [{"id": it["id"], "link": it["link"]} for it in rows], X_WP_Total="999"
    )
    outcome = act(tmp_path, [Rule(r"/posts\?", bare)], "discover=api")
    published(outcome)
    assert len(outcome.asked_for(r"/posts\?")) < 5
    assert not outcome.run["complete"]
