"""What listings for machines say, down to the awkward ones: sitemaps, and REST by the page."""

import gzip
import json
from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.day import START, agrees, crawling, latest
from newscrawl.discovery.sitemap import Entry, read_sitemap
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.processors import EASTERN
from tests.sample.answer import Page
from tests.sample.day import DaySite

URLSET = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
IMAGE = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
ONE = "https://thehill.com/news/61001-one/"


def urlset(*entries: str) -> bytes:
    return f"<urlset {URLSET} {NEWS} {IMAGE}>{''.join(entries)}</urlset>".encode()


def test_a_sitemap_tells_addresses_and_times() -> None:
    body = urlset(
        f"<url><loc>\n {ONE} </loc><lastmod>2026-11-23T10:00:00-05:00</lastmod>"
        "<image:image><image:loc>https://thehill.com/a.jpg</image:loc></image:image>"
        "<news:news><news:publication_date>2026-11-23T09:00:00-05:00</news:publication_date>"
        "<news:title>One &amp; only</news:title></news:news></url>",
        "<url><loc>https://thehill.com/news/61002-two/</loc></url>",
        "<url><lastmod>2026-11-23</lastmod></url>",
    )
    wanted = [
        Entry(ONE, "2026-11-23T15:00:00Z", "2026-11-23T14:00:00Z"),
        Entry("https://thehill.com/news/61002-two/"),
    ]
    assert list(read_sitemap(body)) == wanted
    assert list(read_sitemap(gzip.compress(body))) == wanted


def test_an_index_is_read_like_a_sitemap() -> None:
    day = "https://thehill.com/sitemap.xml?yyyy=2026&amp;mm=03&amp;dd=17"
    body = f"<sitemapindex {URLSET}><sitemap><loc>{day}</loc></sitemap></sitemapindex>".encode()
    assert [it.url for it in read_sitemap(body)] == [day.replace("&amp;", "&")]


@pytest.mark.parametrize(
    ("body", "reason", "count"),
    [
        (b"", "not a sitemap", 0),
        (b"<html><body><p>no</p></body></html>", "not a sitemap", 0),
        (b"{}", "not a sitemap", 0),
        (urlset(f"<url><loc>{ONE}</loc></url>" * 3)[:-40], "broken sitemap", 2),
        (gzip.compress(urlset(f"<url><loc>{ONE}</loc></url>"))[:-20][:12], "broken gzip", 0),
        (urlset(f"<url><loc>{ONE}</loc></url>" * 50_001), "sitemap of more than", 49_999),
    ],
    ids=["empty", "html", "json", "cut", "cut gzip", "too long"],
)
def test_a_broken_sitemap_gives_what_is_readable_and_says_so(
    body: bytes, reason: str, count: int
) -> None:
    found: list[Entry] = []
    with pytest.raises(UnreadableError, match=reason):
        found.extend(read_sitemap(body))
    assert len(found) == count


def test_an_xml_bomb_does_not_go_off() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "boom"}">' for n in range(12))
    entry = f"<url><loc>{ONE}</loc><lastmod>&e11;</lastmod></url>"
    body = f"<!DOCTYPE urlset [{entities}]><urlset {URLSET}>{entry}</urlset>".encode()
    found: list[Entry] = []
    with suppress(UnreadableError):
        found.extend(read_sitemap(body))
    assert [it for it in found if it.url != ONE or it.modified] == []


class Posts:
    """A REST interface with posts of given times, and nothing else; it counts its answers."""

    def __init__(self, times: list[datetime]) -> None:
        self.posts = [
            {
                "id": 100_000 + number,
                "link": f"https://thehill.com/news/{100_000 + number}-made-up/",
                "date_gmt": f"{time:%Y-%m-%dT%H:%M:%S}",
                "modified_gmt": f"{time:%Y-%m-%dT%H:%M:%S}",
                "title": {"rendered": f"Post {number}"},
                "excerpt": {"rendered": ""},
                "content": {"rendered": f"<p>Text of post {number}.</p>"},
                "categories": [7],
                "tags": [8, 9],
            }
            for number, time in enumerate(times)
        ]
        self.asked: Counter[str] = Counter()
        self.totals = True

    def get(self, url: str) -> Page:
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        name = parts.path.rpartition("/")[2]
        self.asked[name] += 1
        if name in ("categories", "tags"):
            numbers = [int(it) for it in query["include"].split(",")]
            kind = {"categories": "category", "tags": "post_tag"}[name]
            terms = [
                {"id": it, "name": f"Term {it}", "slug": f"t{it}", "taxonomy": kind}
                for it in numbers
                if it != 9
            ]
            return self.json(terms)
        if name != "posts":
            return Page(404, (), b"")
        found = [post for post in self.posts if self.fits(post, query)]
        found.sort(key=lambda post: str(post["date_gmt"]), reverse=query["order"] == "desc")
        start = 100 * (int(query.get("page", 1)) - 1)
        if found and start >= len(found):
            return self.json({"code": "rest_post_invalid_page_number"}, 400)
        return self.json(found[start : start + 100], total=len(found))

    @staticmethod
    def fits(post: dict[str, object], query: dict[str, str]) -> bool:
        time = f"{post['date_gmt']}Z"
        return (
            query.get("after", "") < time < query.get("before", "9")
            and query.get("modified_after", "") < time
        )

    def json(self, value: object, status: int = 200, total: int | None = None) -> Page:
        headers = [("Content-Type", "application/json; charset=UTF-8")]
        if total is not None and self.totals:
            headers.append(("X-WP-Total", str(total)))
        return Page(status, tuple(headers), json.dumps(value).encode())


BUSY = START - timedelta(hours=3)


@pytest.mark.parametrize("totals", [True, False])
@pytest.mark.parametrize("since", [{}, {"since": "2026-11-01"}])
def test_more_posts_of_one_second_than_fit_a_page(
    totals: bool, since: dict[str, str], tmp_path: Path
) -> None:
    times = [BUSY + timedelta(minutes=n) for n in range(20)]
    site = Posts([*times, *[BUSY] * 130])
    site.totals = totals
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="api", **since) == "finished"
        assert len(latest(tmp_path / "out")) == 150
        site.posts += Posts([START + timedelta(minutes=5)] * 110).posts
        for number, post in enumerate(site.posts[150:]):
            post |= {"id": 200_000 + number, "link": f"https://thehill.com/a/{200_000 + number}-b/"}
        if not since:
            assert crawler.crawl(START + timedelta(hours=1), discover="api") == "finished"
            assert len(latest(tmp_path / "out")) == 260
    runs = [json.loads(it.read_text()) for it in tmp_path.glob("out/hill/run=*/run.json")]
    assert [run["listings"]["failed"] for run in runs] == [{}] * len(runs)


def test_a_site_that_embeds_no_terms_is_asked_for_their_names_once(tmp_path: Path) -> None:
    site = Posts([BUSY + timedelta(minutes=n) for n in range(150)])
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="api") == "finished"
    records = latest(tmp_path / "out").values()
    assert len(records) == 150
    assert {(it["section"], *it["tags"]) for it in records} == {("Term 7", "Term 8")}
    # Term 9 does not exist: it is asked for with each page of posts that has it.
    assert site.asked["categories"] == 1
    assert site.asked["tags"] == 2


def test_posts_that_are_missing_from_a_listing_are_counted(tmp_path: Path) -> None:
    site = Posts([BUSY + timedelta(minutes=n) for n in range(20)])
    original = site.json
    site.json = (
        lambda value, status=200, total=None: original(  # type: ignore[method-assign]
            value[:15] if total else value,
            status,
            total and total + 3,  # type: ignore[index]
        )
    )
    with crawling(tmp_path / "out", site) as (crawler, _):
        since = "2026-11-01"
        assert crawler.crawl(START, discover="api", since=since) == "finished"
    run = json.loads(next(tmp_path.glob("out/hill/run=*/run.json")).read_text())
    assert run["listings"]["failed"] == {"fewer posts than told": 1}
    assert not run["complete"]


def test_a_sitemap_day_is_left_alone_until_the_index_says_that_it_changed(tmp_path: Path) -> None:
    site = DaySite(START, articles=0, corrections=8, older=300)
    with crawling(tmp_path / "out", site) as (crawler, server):
        assert crawler.crawl(START, discover="sitemap") == "finished"
        before = len(server.requests)
        site.now = START + timedelta(hours=20)
        assert crawler.crawl(site.now, discover="sitemap") == "finished"
        days = [url[-2:] for _, url in server.requests[before:] if "&dd=" in url]
    changed = {event.id for event in site.events() if event.time <= site.now}
    corrected = {
        str(datetime.fromisoformat(it.date_published).astimezone(EASTERN))[8:10]
        for identity, it in site.expected().items()
        if identity in changed
    }
    assert corrected - {"10", "11"}
    assert len(days) == len(set(days))
    assert corrected <= set(days)
    # Beside them today's, by both clocks.
    assert set(days) - corrected <= {"10", "11"}
    records = latest(tmp_path / "out")
    assert all(agrees(records[it], site.expected()[it]) for it in changed)


class OldIndex:
    """A living site whose sitemap index lists one old day, and never changes."""

    def __init__(self, site: DaySite) -> None:
        self.site = site

    def get(self, url: str) -> Page:
        if not url.endswith("/sitemap.xml"):
            return self.site.get(url)
        old = "https://thehill.com/sitemap.xml?yyyy=2026&amp;mm=01&amp;dd=05"
        entry = f"<sitemap><loc>{old}</loc><lastmod>2026-01-05T10:00:00Z</lastmod></sitemap>"
        body = f"<sitemapindex {URLSET}>{entry}</sitemapindex>".encode()
        return Page(200, (("Content-Type", "application/xml"), ("ETag", '"old"')), body)


def test_days_that_the_index_does_not_list_are_asked_by_date(tmp_path: Path) -> None:
    site = DaySite(START, articles=60, corrections=0, older=40, days=2)
    with crawling(tmp_path / "out", OldIndex(site)) as (crawler, _):
        # The last of them after midnight, when the day before has had its last articles.
        for hour in (0, 20, 25):
            site.now = START + timedelta(hours=hour)
            assert crawler.crawl(site.now, discover="sitemap") == "finished"
    new = {event.id for event in site.events() if event.time <= site.now}
    assert len(new) > 20
    assert new <= latest(tmp_path / "out").keys()
    runs = [json.loads(it.read_text()) for it in sorted(tmp_path.glob("out/hill/run=*/run.json"))]
    assert [run["listings"]["unchanged"] > 0 for run in runs] == [False, True, True]
