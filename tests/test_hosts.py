"""An outlet of several hosts: each has its own addresses, robots.txt and pauses."""

from pathlib import Path
from typing import Any

from tests.conftest import crawl
from tests.outlets import OUTLETS
from tests.sample.answer import Page
from tests.sample.server import running
from tests.test_sources import ROBOTS, Crawls, html, loc, rss, urlset

MAIN, HARBOUR = "http://ferry.example", "http://harbour.ferry.example"
FAST = ("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False")


class Ferry:
    """A site of two hosts; the main one asks for a pause before it gives an article."""

    def __init__(self) -> None:
        numbers = {MAIN: range(1, 2), HARBOUR: range(101, 105)}
        self.articles = {
            host: [f"{host}/news/storm-{number}.html" for number in numbers[host]]
            for host in numbers
        }

    def get(self, url: str) -> Page:
        host, _, path = url.partition(".example")
        host += ".example"
        if path == "/robots.txt":
            return Page(200, (("Content-Type", "text/plain"),), ROBOTS[2])
        if path == "/rss.xml":
            return Page(200, (("Content-Type", "application/xml"),), rss(*self.articles[host])[2])
        if host == MAIN:
            return Page(429, (("Retry-After", "600"),), b"")
        return Page(200, (("Content-Type", "text/html"),), html(url)[2])


def test_a_host_that_asks_for_a_pause_does_not_hold_up_the_others(tmp_path: Path) -> None:
    site = Ferry()
    with running(site) as server:
        proxy: dict[str, Any] = {"http_proxy": f"http://127.0.0.1:{server.port}"}
        done = crawl(tmp_path / "out", *OUTLETS, *FAST, "-a", "limit=4", outlet="ferry", **proxy)
    assert done.code == 0, done.log
    assert "pausing all requests to ferry.example for 600 seconds" in done.log
    assert sorted(it["url"] for it in done.records) == site.articles[HARBOUR]
    assert done.runs[0]["reason"] == "limit"


def test_each_host_has_its_own_rules_and_addresses(tmp_path: Path) -> None:
    ferry = Crawls(tmp_path, "ferry")
    here, there = f"{MAIN}/news/storm-1.html", f"{HARBOUR}/news/storm-2.html"
    answers = {
        f"{HARBOUR}/robots.txt": (200, "text/plain", b"User-agent: *\nDisallow: /news/\n"),
        f"{MAIN}/rss.xml": rss(here, there),
        f"{HARBOUR}/rss.xml": rss("https://www.harbour.ferry.example/news/storm-3.html"),
        here: html(here),
        there: html(there),
    }
    done = ferry.crawl(answers)
    assert [it["url"] for it in done.records] == [here]
    assert done.runs[0]["books"]["failed"] == {"robots.txt": 2}


def test_a_sitemap_of_one_host_may_list_articles_of_another(tmp_path: Path) -> None:
    courier = Crawls(tmp_path, "courier")
    www, sport = "https://www.courier.example", "https://sport.courier.example"
    article = f"{sport}/cup/final-5.html"
    done = courier.crawl(
        {f"{www}/index.xml": urlset(loc(article)), article: html(article)},
        *("-a", "discover=sitemap"),
    )
    assert [it["url"] for it in done.records] == [article]
