"""Discovery methods: a simulated day with each, refusals, backfills, real feeds."""

import json
import os
import re
import signal
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scrapy.http import Response

from bench.day import GOALS, PLANNED, START, WIRE, Day, agrees, crawling, latest, simulate
from newscrawl.discovery.feeds import read_feed
from newscrawl.extraction.dates import EASTERN
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage.books import balance
from tests.conftest import open_spider, records_of, runs_of
from tests.sample import faults
from tests.sample.answer import Page
from tests.sample.day import DaySite
from tests.sample.faults import Faulty, Rule

PAGES = r"^/(?!wp-json|sitemap|robots|(?:.*/)?feed/)"
NEXT_DAY = START + timedelta(days=1)


def is_page(url: str) -> bool:
    return bool(re.search(r"/\d{5,8}-[^/]*/?$", url))


def check(day: Day, site: DaySite, output: Path) -> None:
    """Nothing late, nothing twice, everything as the site says, every run balanced and whole."""
    assert day.late == []
    keys = [(it["id"], it["revision"]) for it in records_of(output)]
    assert len(keys) == len(set(keys))
    truth = site.expected()
    past = [event for event in site.events() if event.time <= site.now]
    new = {event.id for event in past if event.kind == "new"}
    assert new <= day.records.keys()
    assert all(balance(run["books"]) == 0 for run in day.runs)
    assert [run["run"] for run in day.runs if not run["complete"]] == []
    for identity in new:
        record, expected = day.records[identity], truth[identity]
        for name in ("url", "date_published", "section", "sections", "kind", "images"):
            assert record[name] == getattr(expected, name), (name, record["url"])
        assert set(record["tags"]) == set(expected.tags), record["url"]
        assert [it["name"] for it in record["authors"]] == expected.authors, record["url"]


@pytest.mark.parametrize("method", GOALS)
def test_a_day_is_whole_by_every_method_and_costs_what_the_docs_say(
    method: str, tmp_path: Path
) -> None:
    site = DaySite(START, planned=PLANNED, wire=WIRE)
    day = simulate(tmp_path / method, method, site)
    assert day.events == 150
    check(day, site, tmp_path / method)
    if method in ("api", "sitemap"):
        truth = site.expected()
        assert [it for it in day.records if not agrees(day.records[it], truth[it])] == []
    most = GOALS[method]
    assert most is None or day.ratio <= most
    # The rules are kept for a day; a page is asked for when it is new or has changed, and by
    # links twice more while it is young.
    assert sum(url.endswith("/robots.txt") for url in day.asked) <= 1
    times = Counter(url for url in day.asked if is_page(url))
    changes = Counter(event.id for event in site.events())
    looks = 2 if method == "links" else 0
    for record in day.records.values():
        if record["id"] in changes:
            assert times[record["url"]] <= changes[record["id"]] + looks
    assert {it["source"] for it in day.records.values()} == {"api" if method == "api" else "page"}


def test_a_change_is_found_whichever_listing_is_read_first(tmp_path: Path) -> None:
    # The pages of sections do not state changes, the feed does.
    site = DaySite(START, older=60)
    output = tmp_path / "out"
    day = simulate(output, "feeds", site, hours=8, discover="links,feeds", fetch="page")
    assert sum(event.kind == "corrected" and event.time <= site.now for event in site.events()) > 5
    check(day, site, output)


@pytest.mark.parametrize(
    ("wall", "hours"), [(faults.refused, 24), (faults.wall_ok, 2), (faults.challenge, 2)]
)
def test_a_day_without_pages_is_whole_by_rest(
    wall: Callable[[], faults.Break], hours: int, tmp_path: Path
) -> None:
    site = DaySite(START, older=80)
    served = Faulty(site, [Rule(PAGES, wall())])
    day = simulate(tmp_path / "out", "links", site, served, hours=hours, warm=False)
    check(day, site, tmp_path / "out")
    assert {it["source"] for it in day.records.values()} == {"api"}
    first, second = day.runs[0], day.runs[1]
    assert first["refused"]["reason"] in ("http 403", "bot wall", "javascript challenge")
    assert second["refused"]["since"] == first["refused"]["since"]
    # Three refusals, and the requests that were sent meanwhile; a probe after 6 and 12 more hours.
    probes = 2 if hours == 24 else 0
    pages = [url for url in day.asked if re.search(PAGES, url.removeprefix("https://thehill.com"))]
    assert len(pages) <= 3 + 8 + probes
    log = (tmp_path / "out.log").read_text()
    assert log.count("The site refuses its pages") == 1 + probes


def test_pages_are_requested_again_when_the_site_answers(tmp_path: Path) -> None:
    site = DaySite(START, older=30)
    served = Faulty(site, [Rule(PAGES, faults.refused())])
    with crawling(tmp_path / "out", served) as (crawler, server):
        assert crawler.crawl(START) == "finished"
        served.rules.clear()
        # Before it is time to probe, nothing is.
        before = len(server.requests)
        site.now = START + timedelta(hours=5)
        assert crawler.crawl(site.now) == "finished"
        assert not [url for _, url in server.requests[before:] if is_page(url)]
        before = len(server.requests)
        site.now = START + timedelta(hours=7)
        assert crawler.crawl(site.now) == "finished"
        probed = [url for _, url in server.requests[before:]]
        assert "https://thehill.com/news" in probed
        before = len(server.requests)
        site.now = START + timedelta(hours=8)
        assert crawler.crawl(site.now) == "finished"
        assert [url for _, url in server.requests[before:] if is_page(url)]
    sources = Counter(it["source"] for it in latest(tmp_path / "out").values())
    assert sources.keys() == {"api", "page"}
    log = (tmp_path / "out.log").read_text()
    assert log.count("The site answers with pages again") == 1


class Killing:
    """A site that kills a process at its n-th request."""

    def __init__(self, site: DaySite) -> None:
        self.site = site
        self.left = 0
        self.victim = 0

    def get(self, url: str) -> Page:
        self.left -= 1
        if self.left == 0:
            os.kill(self.victim, signal.SIGKILL)
        return self.site.get(url)


@pytest.mark.parametrize(
    ("method", "kills", "most"), [("api", (4, 7), 0.045), ("sitemap", (40, 120), None)]
)
def test_a_backfill_goes_on_where_it_was_killed(
    method: str, kills: tuple[int, ...], most: float | None, tmp_path: Path
) -> None:
    older = 700 if method == "api" else 400
    site = DaySite(NEXT_DAY, articles=0, corrections=0, older=older)
    since = "2026-11-05" if method == "api" else "2026-11-08T06:00:00Z"
    arguments = {"discover": method, "since": since, "until": "2026-11-10T12:00:00Z"}
    times = {"since": f"{since}T00:00:00Z"[:20], "until": arguments["until"]}
    expected = {
        identity
        for identity, it in site.expected().items()
        if times["since"] <= it.date_published <= times["until"]
    }
    assert len(expected) > older / 3
    served = Killing(site)
    asked = 0
    for hour, kill in enumerate((*kills, 0)):
        with crawling(tmp_path / "out", served) as (crawler, server):
            served.victim, served.left = crawler.process.pid, kill
            now = NEXT_DAY + timedelta(hours=hour)
            if kill:
                with pytest.raises(RuntimeError):
                    crawler.crawl(now, **arguments)
            else:
                assert crawler.crawl(now, **arguments) == "finished"
            asked += len(server.requests)
    assert latest(tmp_path / "out").keys() == expected
    runs = runs_of(tmp_path / "out")
    assert [run["reason"] for run in runs] == [*(["crashed"] * len(kills)), "finished"]
    assert runs[-1]["complete"]
    assert runs[-1]["books"]["known"] < len(expected)
    assert most is None or asked / len(expected) <= most


def test_a_backfill_is_newest_first_and_cheap(tmp_path: Path) -> None:
    site = DaySite(NEXT_DAY, articles=0, corrections=0, older=1000)
    with crawling(tmp_path / "out", site, CONCURRENT_REQUESTS="1") as (crawler, server):
        assert crawler.crawl(NEXT_DAY, discover="api", since="2026-01-01") == "finished"
        asked = len(server.requests)
    dates = [it["date_published"] for it in records_of(tmp_path / "out")]
    assert len(dates) == 1000
    assert asked / len(dates) <= 0.022
    assert all(it["authors"] for it in latest(tmp_path / "out").values())
    # By the newsroom's clock, as WordPress sorts: one hour of November is lived twice.
    local = [str(datetime.fromisoformat(it).astimezone(EASTERN))[:19] for it in dates]
    assert local == sorted(local, reverse=True)


def test_a_quiet_hour_by_api_costs_two_requests_at_most(tmp_path: Path) -> None:
    site = DaySite(START, articles=0, corrections=0, older=300)
    with crawling(tmp_path / "out", site) as (crawler, server):
        assert crawler.crawl(START, discover="api") == "finished"
        for hour in range(1, 13):
            before = len(server.requests)
            now = START + timedelta(hours=hour)
            assert crawler.crawl(now, discover="api") == "finished"
            assert len(server.requests) - before <= 2


def test_several_methods_together_cost_little_more_than_api(tmp_path: Path) -> None:
    site = DaySite(START, older=300)
    asked = {}
    for discover in ("api", "feeds,api"):
        with crawling(tmp_path / discover, site) as (crawler, server):
            assert crawler.crawl(START, discover=discover) == "finished"
            asked[discover] = len(server.requests)
    assert asked["feeds,api"] <= asked["api"] + 3
    assert latest(tmp_path / "feeds,api").keys() == latest(tmp_path / "api").keys()


def test_a_window_holds_by_every_method(tmp_path: Path) -> None:
    site = DaySite(START, articles=0, corrections=0, older=120)
    since, until = "2026-11-09T12:00:00Z", "2026-11-09T20:00:00Z"
    truth = site.expected()
    expected = {i for i, it in truth.items() if since <= it.date_published <= until}
    assert 10 < len(expected) < 60
    with crawling(tmp_path / "out", site) as (crawler, _):
        for hour, method in enumerate(GOALS):
            now = START + timedelta(hours=hour)
            assert crawler.crawl(now, discover=method, since=since, until=until) == "finished"
            if hour == 0:
                assert latest(tmp_path / "out").keys() == expected
    assert latest(tmp_path / "out").keys() == expected


def test_several_methods_share_one_identity_and_one_ledger(tmp_path: Path) -> None:
    site = DaySite(START, older=60)
    with crawling(tmp_path / "out", site) as (crawler, server):
        both = "feeds,api,sitemap,links"
        assert crawler.crawl(START, discover=both) == "finished"
        asked = Counter(url for _, url in server.requests if is_page(url))
        assert not [url for url, times in asked.items() if times > 1]
        # An article that one method has published is not requested by another.
        for hour, method in enumerate(GOALS, 1):
            before = len(server.requests)
            assert crawler.crawl(START + timedelta(minutes=hour), discover=method) == "finished"
            assert not [url for _, url in server.requests[before:] if is_page(url)]
    assert latest(tmp_path / "out").keys() == site.expected(START).keys()


def test_sections_by_rest(tmp_path: Path) -> None:
    site = DaySite(START, older=150)
    with crawling(tmp_path / "out", site) as (crawler, server):
        # The slug "campaign" is that of two sections; the address tells them apart.
        arguments = {"discover": "api", "sections": "homenews/campaign,policy/defense"}
        assert crawler.crawl(START, **arguments) == "finished"
        assert sum("/categories?" in url for _, url in server.requests) == 1
    got = latest(tmp_path / "out")
    expected = {
        identity
        for identity, it in site.expected().items()
        if it.url.startswith(
            ("https://thehill.com/homenews/campaign/", "https://thehill.com/policy/defense/")
        )
    }
    assert expected
    assert expected <= got.keys()
    assert {"Campaign", "Defense"} >= {it["section"] for it in got.values() if it["id"] in expected}
    assert not [it["url"] for it in got.values() if "/opinion/campaign/" in it["url"]]


@pytest.mark.parametrize(
    ("name", "count", "authors"),
    [
        # Four items of live pages and videos have an empty creator.
        ("rss-2024-07-19-partnerfeed.xml", 100, {0: 4, 1: 87, 2: 8, 3: 1}),
        ("excerpt-rss-2026-09-22-section-administration.xml", 4, {1: 4}),
    ],
)
def test_real_feeds_are_read_whole(
    shared: Path, name: str, count: int, authors: dict[int, int]
) -> None:
    body = (shared / "hill" / "feeds" / name).read_bytes()
    spider = open_spider(HillSpider)
    found = list(read_feed(Response("https://thehill.com/feed/", body=body), spider))
    assert len(found) == len({it.id for it in found}) == count
    assert all(it.url.startswith("https://thehill.com/") for it in found)
    assert all(it.modified and it.published for it in found)
    assert Counter(len(it.authors) for it in found) == authors
    assert all(author.name.strip() == author.name for it in found for author in it.authors)


def test_a_real_rest_body_with_its_terms_is_a_whole_record(shared: Path) -> None:
    lines = (shared / "hill" / "bodies" / "bodies.jsonl").read_text("utf-8").splitlines()
    bodies = [it for line in lines if "rest" in (it := json.loads(line))["source"]]
    assert len(bodies) == 11
    reader = HillSpider.reader
    for it in bodies:
        folder = it["url"].rstrip("/").split("/")[-2]
        post = {
            "id": it["id"],
            "title": {"rendered": it["title"]},
            "content": {"rendered": it["html"]},
            "date_gmt": "2026-01-02T03:04:05",
            "modified_gmt": "2026-01-02T04:04:05",
            "_embedded": {
                "wp:term": [
                    [
                        {"taxonomy": "category", "slug": "news", "name": "News"},
                        {"taxonomy": "category", "slug": folder, "name": "Made &amp; up"},
                    ],
                    [{"taxonomy": "post_tag", "slug": "dams", "name": "Dams"}],
                ]
            },
        }
        article = reader.read_post(post, it["url"], None)
        assert article.body
        assert (article.section, article.sections) == ("Made & up", ["Made & up", "News"])
        assert (article.tags, article.date_modified) == (["Dams"], "2026-01-02T04:04:05Z")
