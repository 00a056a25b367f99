"""robots.txt between runs: kept for a day, then asked again, and what comes in its place."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser

from bench.day import START, crawling
from newscrawl.downloader.robots import rules_of
from tests.conftest import runs_of
from tests.sample.answer import Page, page, redirect
from tests.sample.day import DaySite

TEXT = ("Content-Type", "text/plain")
HOUR = timedelta(hours=1)


class Ruled:
    """A living site whose robots.txt is whatever stands in ``rules``."""

    def __init__(self, rules: Page) -> None:
        self.site = DaySite(START, articles=0, corrections=0, older=20)
        self.rules = rules

    def get(self, url: str) -> Page:
        if url.endswith("/robots.txt"):
            return self.rules
        return self.site.get(url)  # type: ignore[return-value]


def rules(*lines: str) -> Page:
    return page(200, "\n".join(("User-agent: *", *lines)), TEXT)


def crawled(output: Path, site: Ruled, *steps: tuple[datetime, Page]) -> list[tuple[int, Any]]:
    """Crawl the feed at some times, robots.txt as it is then.

    Return for each run how often robots.txt was requested, and the counts of listings.
    """
    asked = []
    with crawling(output, site, RETRY_TIMES="0", NEWSCRAWL_PAUSE_SECONDS="1") as (crawler, server):
        for now, answer in steps:
            site.rules = answer
            before = len(server.requests)
            crawler.crawl(now, discover="feeds", sections="news")
            asked.append(sum("/robots.txt" in url for _, url in server.requests[before:]))
    failed = [run["listings"]["failed"] for run in runs_of(output)]
    return list(zip(asked, failed, strict=True))


def test_rules_are_kept_for_a_day_then_requested_again(tmp_path: Path) -> None:
    free, closed = rules("Disallow: /wp-admin/"), rules("Disallow: /")
    steps = (
        (START, free),
        (START + HOUR, closed),
        (START + 23 * HOUR, closed),
        (START + 25 * HOUR, free),
        (START + 50 * HOUR, closed),
        (START + 51 * HOUR, free),
    )
    forbidden = {"robots.txt": 1}
    assert crawled(tmp_path / "out", Ruled(free), *steps) == [
        (1, {}),
        (0, {}),
        (0, {}),
        (1, {}),
        (1, forbidden),
        (0, forbidden),
    ]
    stats = [run["stats"] for run in runs_of(tmp_path / "out")]
    assert [it.get("robotstxt/response_status_count/304", 0) for it in stats] == [0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("fault", [Page(503, (), b""), Page(429, (), b""), redirect("http://[x")])
def test_saved_rules_hold_while_robots_txt_is_unreachable(fault: Page, tmp_path: Path) -> None:
    closed = rules("Disallow: /news/")
    later = START + 30 * HOUR
    steps = ((START, closed), (later, fault), (START + 30 * 24 * HOUR + HOUR, fault))
    assert crawled(tmp_path / "out", Ruled(closed), *steps) == [
        (1, {"robots.txt": 1}),
        (1, {"robots.txt": 1}),
        (1, {"robots.txt unknown": 1}),
    ]


def test_robots_txt_may_be_five_redirects_away(tmp_path: Path) -> None:
    closed = rules("Disallow: /news/")

    class Far(Ruled):
        def get(self, url: str) -> Page:
            if url.endswith("/robots.txt"):
                return redirect("https://thehill.com/robots/1")
            name = url.rpartition("/robots/")[2]
            if not name.isdigit():
                return super().get(url)
            return closed if name == "5" else redirect(f"/robots/{int(name) + 1}")

    assert crawled(tmp_path / "out", Far(closed), (START, closed)) == [(1, {"robots.txt": 1})]


RULES = "User-agent: *\nDisallow: /news/\nAllow: /news/open/"


@pytest.mark.parametrize(
    ("status", "body", "forbids"),
    [
        (200, RULES.encode(), True),
        (200, b"\xef\xbb\xbf" + RULES.encode(), True),
        (200, RULES.encode("utf-16"), True),
        (200, RULES.replace("\n", "\r").encode(), True),
        (200, b"# \xff\xfe\xe9\x00\n" + RULES.encode("latin-1"), True),
        (200, RULES.encode() + b"\n#" + b"x" * 600_000, True),
        # Half a line would forbid what nobody forbade.
        (200, b"User-agent: *\n" + b"#" * (500 * 1024 - 30) + b"\nDisallow: /news/private/", False),
        (200, b"\n<!DOCTYPE html><html><body>\n" + RULES.encode() + b"\n</body></html>", False),
        (200, b"", False),
        (204, b"", False),
        (404, RULES.encode(), False),
        (403, RULES.encode(), False),
    ],
)
def test_the_rules_in_a_response(status: int, body: bytes, forbids: bool) -> None:
    text = rules_of(Response("https://thehill.com/robots.txt", status, body=body))
    parser = ProtegoRobotParser(text, None)
    assert parser.allowed("https://thehill.com/news/61001-one/", "newscrawl") != forbids
    assert parser.allowed("https://thehill.com/news/open/61001-one/", "newscrawl")
