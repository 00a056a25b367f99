"""The changing sample site and its faults, as a client sees them."""

import gzip
import json
import re
import ssl
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import (
    HTTPConnection,
    HTTPResponse,
    HTTPSConnection,
    IncompleteRead,
    RemoteDisconnected,
)
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest

from newscrawl.spiders.hill import HillSpider
from tests.sample import faults
from tests.sample.answer import Page
from tests.sample.day import DaySite
from tests.sample.faults import Faulty, Rule
from tests.sample.server import SampleServer, running
from tests.sample.site import SampleSite

START = datetime(2026, 11, 1, 3, tzinfo=UTC)
NOON = START + timedelta(hours=12)
END = START + timedelta(days=1)
SITE = DaySite(START)
POSTS = "/wp-json/wp/v2/posts"
DC = "{http://purl.org/dc/elements/1.1/}"
DCTERMS = "{http://purl.org/dc/terms/}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture
def site() -> DaySite:
    SITE.now = NOON
    return SITE


def ask(site: Any, path: str) -> Page:
    page = site.get(f"https://thehill.com{path}")
    assert isinstance(page, Page)
    return page


def posts(site: Any, **query: object) -> list[dict[str, Any]]:
    """Every page of an answer."""
    rows: list[dict[str, Any]] = []
    for number in range(1, 1000):
        page = ask(site, f"{POSTS}?{urlencode({'per_page': 100, **query, 'page': number})}")
        assert page.status == 200, page.body
        rows += json.loads(page.body)
        if number >= int(dict(page.headers)["X-WP-TotalPages"]):
            return rows
    raise AssertionError("no end")


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [str(row["id"]) for row in rows]


def feed(site: Any, path: str) -> list[ET.Element]:
    return ET.fromstring(ask(site, path).body).findall("channel/item")


def text(item: ET.Element, name: str) -> str:
    value = item.findtext(name)
    assert value is not None, name
    return value


# Time


def test_the_same_arguments_give_the_same_site() -> None:
    paths = ("/", "/news", POSTS, "/feed/?feed=partnerfeed-news-feed", "/sitemap.xml")
    first, second, other = (DaySite(START, 30, 5, 40 + extra) for extra in (0, 0, 1))
    for one in (first, second, other):
        one.now = NOON
    assert [ask(first, path) for path in paths] == [ask(second, path) for path in paths]
    assert first.events() == second.events()
    assert first.expected() == second.expected()
    assert len(other.expected()) == len(first.expected()) + 1


def test_articles_appear_at_their_time_and_not_before(site: DaySite) -> None:
    new = [event for event in site.events() if event.kind == "new"]
    assert len(new) == 120
    assert all(START < event.time <= END for event in new)
    for event in new[::17]:
        url = f"/?p={event.id}"
        site.now = event.time - timedelta(seconds=1)
        assert event.id not in site.expected()
        assert ask(site, f"{POSTS}/{event.id}").status == 404
        assert event.id.encode() not in ask(site, "/news").body
        assert "Location" not in dict(ask(site, url).headers)
        site.now = event.time
        truth = site.expected()[event.id]
        assert dict(ask(site, url).headers)["Location"] == truth.url
        assert site.get(truth.url).status == 200
        assert truth.url.encode() in ask(site, "/news").body + ask(site, "/news?page_num=2").body


def test_the_day_is_busy_in_bunches(site: DaySite) -> None:
    times = Counter(event.time for event in site.events() if event.kind == "new")
    assert max(times.values()) > 1
    hours = Counter((when - START) // timedelta(hours=6) for when in times.elements())
    assert max(hours.values()) > 2 * min(hours.values())


def test_older_articles_go_back_about_a_hundred_a_day() -> None:
    site = DaySite(START, 0, 0, older=1000)
    dates = [it.date_published for it in site.expected().values()]
    assert dates == sorted(dates, reverse=True)
    back = START - datetime.fromisoformat(dates[-1])
    assert timedelta(days=8) < back < timedelta(days=12)


def test_ten_thousand_articles_are_cheap() -> None:
    began = time.perf_counter()
    site = DaySite(START, older=10_000)
    rows = posts(site, _fields="id,modified_gmt")
    assert len(rows) == 10_000
    assert time.perf_counter() - began < 20


def test_corrections_change_what_a_reader_notices(site: DaySite) -> None:
    corrected = [event for event in site.events() if event.kind == "corrected"]
    assert len(corrected) == 30
    assert max(Counter(event.id for event in corrected).values()) > 1
    born = {event.id: event.time for event in site.events() if event.kind == "new"}
    assert 5 < len([it for it in corrected if it.id in born]) < 25
    for event in corrected:
        before = site.expected(event.time - timedelta(seconds=1))[event.id]
        after = site.expected(event.time)[event.id]
        assert (before.headline, before.body) != (after.headline, after.body)
        assert datetime.fromisoformat(after.date_modified) == event.time
        assert before.date_published == after.date_published
        assert before.url == after.url


def test_only_what_was_touched_changes_its_bytes() -> None:
    site = DaySite(START, 40, 15, 60, touched=8)
    changed = {event.id for event in site.events() if event.kind != "new"}
    truth = site.expected(END)
    site.now = START + timedelta(hours=6)
    early = site.expected()
    before = {identity: site.get(it.url) for identity, it in early.items()}
    site.now = END + timedelta(days=1)
    after = {identity: site.get(it.url) for identity, it in early.items()}
    moved = {identity for identity in early if before[identity] != after[identity]}
    assert moved
    assert moved <= changed
    assert len(truth) == 100
    touched = [event for event in site.events() if event.kind == "touched"]
    assert len(touched) == 8
    for event in touched:
        last = site.expected(event.time)[event.id]
        earlier = site.expected(event.time - timedelta(seconds=1))[event.id]
        assert (earlier.body, earlier.headline) == (last.body, last.headline)
        assert earlier.date_modified < last.date_modified


def test_every_kind_of_article_is_there(site: DaySite) -> None:
    truth = site.expected(END).values()
    assert {it.kind for it in truth} == {"news", "opinion", "newsletter", "live", "video"}
    assert {len(it.authors) for it in truth} == {1, 2, 3}
    assert min(len(it.tags) for it in truth) >= 3


def test_every_section_answers(site: DaySite) -> None:
    for path in HillSpider().listings.paths:
        assert ask(site, f"/{path}").status == 200, path


def test_nothing_links_to_an_article_that_is_not_there_yet(site: DaySite) -> None:
    site.now = START
    known = site.expected()
    linked: set[str] = set()
    for truth in known.values():
        page = site.get(truth.url)
        linked |= set(re.findall(rb"thehill\.com/[\w/-]+/(\d{7})-", page.body))
    assert len(linked) > 100
    assert {it.decode() for it in linked} <= known.keys()


@pytest.mark.parametrize(
    "arguments",
    [
        {"older": 19},
        {"days": 0},
        {"articles": -1},
        {"touched": 121},
        {"start": START.replace(tzinfo=None)},
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        DaySite(**{"start": START, **arguments})
    with pytest.raises(ValueError, match="zone"):
        SITE.now = NOON.replace(tzinfo=None)


# REST


@pytest.mark.parametrize("per_page", [1, 7, 100])
def test_pages_of_posts_are_the_whole_list(site: DaySite, per_page: int) -> None:
    after = "2026-11-01T08:00:00Z"
    rows = posts(site, per_page=per_page, after=after, _fields="id,date_gmt")
    dates = [row["date_gmt"] for row in rows]
    assert dates == sorted(dates, reverse=True)
    truth = [key for key, it in site.expected().items() if it.date_published > after]
    assert ids(rows) == truth
    page = ask(site, f"{POSTS}?per_page={per_page}&after={after}")
    headers = dict(page.headers)
    assert int(headers["X-WP-Total"]) == len(truth)
    assert int(headers["X-WP-TotalPages"]) == -(-len(truth) // per_page)
    assert ('rel="next"' in headers["Link"]) is (len(truth) > per_page)


def test_links_lead_from_page_to_page(site: DaySite) -> None:
    path = f"{POSTS}?per_page=50&_fields=id&after=2026-10-31T00:00:00Z"
    seen: list[str] = []
    while path:
        page = ask(site, path)
        seen += ids(json.loads(page.body))
        found = re.search(r'<https://thehill.com([^>]+)>; rel="next"', dict(page.headers)["Link"])
        path = found[1] if found else ""
    assert seen == ids(posts(site, _fields="id", after="2026-10-31T00:00:00Z"))
    assert len(seen) == len(set(seen)) > 100


@pytest.mark.parametrize(
    ("path", "status", "code", "named"),
    [
        ("posts?per_page=101", 400, "rest_invalid_param", "per_page"),
        ("posts?per_page=0", 400, "rest_invalid_param", "per_page"),
        ("posts?per_page=many", 400, "rest_invalid_param", "per_page"),
        ("posts?page=0", 400, "rest_invalid_param", "page"),
        ("posts?after=2026-11-01", 400, "rest_invalid_param", "after"),
        ("posts?after=2026-11-01T00:00:00+00:00", 400, "rest_invalid_param", "after"),
        ("posts?modified_before=2026-13-01T00:00:00", 400, "rest_invalid_param", "modified_before"),
        ("posts?orderby=luck", 400, "rest_invalid_param", "orderby"),
        ("posts?order=up", 400, "rest_invalid_param", "order"),
        ("posts?categories=senate", 400, "rest_invalid_param", "categories"),
        ("posts?page=9999", 400, "rest_post_invalid_page_number", ""),
        ("posts/1", 404, "rest_post_invalid_id", ""),
        ("categories/1", 404, "rest_term_invalid", ""),
        ("users/402113", 404, "rest_user_invalid_id", ""),
        ("pages", 404, "rest_no_route", ""),
    ],
)
def test_errors_are_those_of_wordpress(
    site: DaySite, path: str, status: int, code: str, named: str
) -> None:
    page = ask(site, f"/wp-json/wp/v2/{path}")
    said = json.loads(page.body)
    assert (page.status, said["code"], said["data"]["status"]) == (status, code, status)
    assert said["message"]
    assert dict(page.headers)["Content-Type"] == "application/json; charset=UTF-8"
    assert (named in said["data"].get("params", {})) is bool(named)


def test_no_posts_are_an_empty_list_on_any_page(site: DaySite) -> None:
    page = ask(site, f"{POSTS}?after=2030-01-01T00:00:00Z&page=3")
    assert (page.status, page.body) == (200, b"[]")
    assert dict(page.headers)["X-WP-Total"] == "0"


def test_bounds_are_exclusive_and_without_offset_in_the_newsroom_zone(site: DaySite) -> None:
    rows = posts(site, _fields="id,date,date_gmt")
    edge = rows[60]
    later = [row["id"] for row in rows if row["date_gmt"] > edge["date_gmt"]]
    earlier = [row["id"] for row in rows if row["date_gmt"] < edge["date_gmt"]]
    for bound in (f"{edge['date_gmt']}Z", f"{edge['date_gmt']}+00:00", edge["date"]):
        assert [it["id"] for it in posts(site, after=bound, _fields="id")] == later
        assert [it["id"] for it in posts(site, before=bound, _fields="id")] == earlier
    assert edge["date"] != edge["date_gmt"]


def test_local_dates_follow_daylight_saving(site: DaySite) -> None:
    offsets = set()
    for row in posts(site, _fields="date,date_gmt"):
        here = datetime.fromisoformat(row["date"])
        gmt = datetime.fromisoformat(row["date_gmt"]).replace(tzinfo=UTC)
        assert here == gmt.astimezone(ZoneInfo("America/New_York")).replace(tzinfo=None)
        offsets.add(gmt.replace(tzinfo=None) - here)
    # On this day the clocks go back.
    assert offsets == {timedelta(hours=4), timedelta(hours=5)}


def test_what_was_corrected_is_found_by_its_modification(site: DaySite) -> None:
    since = START + timedelta(hours=8)
    found = ids(posts(site, modified_after=since.isoformat(), orderby="modified", _fields="id"))
    happened = [event for event in site.events() if since < event.time <= NOON]
    assert set(found) == {event.id for event in happened}
    last: dict[str, datetime] = {}
    for event in happened:
        last[event.id] = event.time
    assert [last[it] for it in found] == sorted(last.values(), reverse=True)
    until = ids(posts(site, modified_before=since.isoformat(), order="asc", _fields="id"))
    assert set(until).isdisjoint(found)
    assert len(until) + len(found) == len(site.expected())


def test_sections_and_tags_select(site: DaySite) -> None:
    truth = site.expected()
    rows = json.loads(ask(site, "/wp-json/wp/v2/categories?slug=senate,campaign").body)
    assert Counter(row["slug"] for row in rows) == {"senate": 1, "campaign": 2}
    senate = next(row for row in rows if row["slug"] == "senate")
    assert senate["link"] == "https://thehill.com/homenews/senate/"
    want = {key for key, it in truth.items() if it.section == "Senate"}
    assert set(ids(posts(site, categories=senate["id"], _fields="id"))) == want
    assert senate["count"] == len(want) > 10
    either = {key for key, it in truth.items() if it.section in {"Senate", "Campaign"}}
    both = ",".join(str(row["id"]) for row in rows)
    assert set(ids(posts(site, categories=both, _fields="id"))) == either
    tag = json.loads(ask(site, "/wp-json/wp/v2/tags?slug=treasury").body)[0]
    tagged = {key for key, it in truth.items() if "Treasury" in it.tags}
    assert set(ids(posts(site, tags=tag["id"], _fields="id"))) == tagged
    crossed = posts(site, tags=tag["id"], categories=both, _fields="id")
    assert set(ids(crossed)) == tagged & either
    some = sorted(want)[:3]
    assert set(ids(posts(site, include=",".join(some), _fields="id"))) == set(some)
    slug = posts(site, include=some[0])[0]["slug"]
    assert some[0] in ids(posts(site, slug=slug, _fields="id"))
    by_id = ids(posts(site, orderby="id", order="asc", _fields="id"))
    assert by_id == sorted(by_id, key=int)


def test_terms_have_pages(site: DaySite) -> None:
    whole: list[int] = []
    for number in (1, 2, 3, 4):
        page = ask(site, f"/wp-json/wp/v2/tags?per_page=40&page={number}&_fields=id,name")
        whole += [row["id"] for row in json.loads(page.body)]
        assert all(row.keys() == {"id", "name"} for row in json.loads(page.body))
    total = int(dict(ask(site, "/wp-json/wp/v2/tags").headers)["X-WP-Total"])
    assert len(whole) == len(set(whole)) == total > 40


def test_a_post_has_the_story_and_nothing_of_the_page(site: DaySite) -> None:
    for identity, truth in list(site.expected().items())[:60]:
        post = json.loads(ask(site, f"{POSTS}/{identity}").body)
        assert post["link"] == truth.url
        assert post["date_gmt"] == truth.date_published.removesuffix("Z")
        assert post["modified_gmt"] == truth.date_modified.removesuffix("Z")
        html = post["content"]["rendered"]
        assert html.encode() in site.get(truth.url).body
        assert "Most Popular" not in html
        assert "‘" not in post["title"]["rendered"]
        assert "’" not in post["title"]["rendered"]


def test_fields_narrow_an_answer(site: DaySite) -> None:
    (post,) = json.loads(ask(site, f"{POSTS}?per_page=1&_fields=id,title.rendered,content").body)
    assert post.keys() == {"id", "title", "content"}
    assert post["title"].keys() == {"rendered"}
    assert post["content"].keys() == {"rendered", "protected"}
    assert json.loads(ask(site, f"{POSTS}?per_page=1&_fields=nothing").body) == [{}]


def test_embedding_gives_terms_and_media_but_no_author(site: DaySite) -> None:
    for post in json.loads(ask(site, f"{POSTS}?per_page=30&_embed").body):
        truth = site.expected()[str(post["id"])]
        categories, tags = post["_embedded"]["wp:term"]
        assert [it["id"] for it in categories] == post["categories"]
        assert [it["id"] for it in tags] == post["tags"]
        names = {it["name"].replace("&amp;", "&") for it in categories}
        assert names == set(truth.sections)
        assert {it["name"].casefold() for it in tags} == {it.casefold() for it in truth.tags}
        assert post["_embedded"]["author"][0]["code"] == "rest_user_invalid_id"
        (media,) = post["_embedded"]["wp:featuredmedia"]
        assert media["source_url"] == truth.images[0]["url"]
        assert media["id"] == post["featured_media"]
        assert json.loads(ask(site, f"/wp-json/wp/v2/media/{media['id']}").body) == media


def test_embedding_needs_the_links(site: DaySite) -> None:
    some = f"{POSTS}?per_page=1&_embed=wp:term"
    (post,) = json.loads(ask(site, f"{some}&_fields=id,_links,_embedded").body)
    assert post["_embedded"].keys() == {"wp:term"}
    (post,) = json.loads(ask(site, f"{some}&_fields=id,_embedded").body)
    assert post.keys() == {"id"}


def test_just_in_is_the_newest(site: DaySite) -> None:
    said = json.loads(ask(site, "/wp-json/lakana/v1/template-variables/").body)
    assert ids(said["sidebar"]["just_in"]) == list(site.expected())[:10]


# Feeds


def test_the_main_feed_has_the_newest_hundred(site: DaySite) -> None:
    moved = ask(site, "/feed/")
    assert moved.status == 301
    path = dict(moved.headers)["Location"].removeprefix("https://thehill.com")
    assert path == "/feed/?feed=partnerfeed-news-feed&format=rss"
    items = feed(site, path)
    truth = site.expected()
    assert len(items) == 100
    assert [text(it, "guid").partition("?p=")[2] for it in items] == list(truth)[:100]
    for item, (_, want) in zip(items, truth.items(), strict=False):
        assert text(item, "link") == want.url
        assert text(item, "title") == want.headline
        published = parsedate_to_datetime(text(item, "pubDate"))
        assert published == datetime.fromisoformat(want.date_published)
        modified = datetime.fromisoformat(text(item, f"{DCTERMS}modified"))
        assert modified == datetime.fromisoformat(want.date_modified)
        creators = [it.text for it in item.findall(f"{DC}creator")]
        assert [(it or "").replace("\xa0", " ") for it in creators] == want.authors
        order = [it.tag for it in item]
        assert all(
            place > order.index("description")
            for place, tag in enumerate(order)
            if tag == f"{DC}creator" and place != order.index(f"{DC}creator")
        )
        names = [it.text for it in item.findall("category")]
        assert names[0] == want.section
        assert {(it or "").casefold() for it in names} == {
            it.casefold() for it in (*want.sections, *want.tags)
        }


@pytest.mark.parametrize("kind", ["homenews/senate", "people", "tag", "social-tags"])
def test_listings_have_feeds_of_fifteen(site: DaySite, kind: str) -> None:
    pages = ask(site, "/news").body.decode() + "".join(
        site.get(it.url).body.decode() for it in list(site.expected().values())[:5]
    )
    path = kind if "/" in kind else re.findall(rf"thehill\.com/({kind}/[\w-]+)/", pages)[0]
    items = feed(site, f"/{path}/feed/")
    assert 1 <= len(items) <= 15
    listing = ask(site, f"/{path}/").body.decode()
    assert all(text(it, "link") in listing for it in items)
    assert dict(ask(site, f"/{path}/feed").headers)["Location"].endswith(f"/{path}/feed/")


def test_an_unknown_feed_is_missing(site: DaySite) -> None:
    assert ask(site, "/people/nobody-at-all/feed/").status == 404
    assert ask(site, "/comments/feed/").status == 404


# Sitemaps


def locations(page: Page) -> dict[str, str]:
    rows = ET.fromstring(page.body)
    return {text(row, f"{MAP}loc"): text(row, f"{MAP}lastmod") for row in rows}


def test_day_files_have_every_article_once() -> None:
    site = DaySite(START, older=6000)
    site.now = NOON
    days = locations(ask(site, "/sitemap.xml"))
    assert {re.sub(r".*yyyy=(\d+)&mm=(\d+).*", r"\1-\2", it) for it in days} == {
        "2026-11",
        "2026-10",
    }
    articles: dict[str, str] = {}
    for url, changed in days.items():
        here = locations(site.get(url))
        assert max(map(datetime.fromisoformat, here.values())) == datetime.fromisoformat(changed)
        assert articles.keys().isdisjoint(here)
        articles |= here
    truth = site.expected()
    since = datetime(2026, 10, 1, tzinfo=ZoneInfo("America/New_York"))
    recent = {
        it.url: it.date_modified
        for it in truth.values()
        if datetime.fromisoformat(it.date_published) >= since
    }
    assert articles.keys() == recent.keys()
    assert all(
        datetime.fromisoformat(articles[url]) == datetime.fromisoformat(recent[url])
        for url in recent
    )
    # A day that the index does not list answers, too.
    assert locations(ask(site, "/sitemap.xml?yyyy=2026&mm=09&dd=29"))
    assert locations(ask(site, "/sitemap.xml?yyyy=2001&mm=09&dd=29")) == {}
    assert ask(site, "/sitemap.xml?yyyy=2026&mm=02&dd=30").status == 404


def test_the_news_sitemap_has_two_days(site: DaySite) -> None:
    rows = ET.fromstring(ask(site, "/news-sitemap.xml").body)
    urls = {text(row, f"{MAP}loc") for row in rows}
    since = (NOON - timedelta(days=2)).isoformat()
    assert urls == {it.url for it in site.expected().values() if it.date_published >= since}
    assert len(urls) < len(site.expected())


def test_the_first_site_answers_machines_as_well() -> None:
    site = SampleSite()
    truth = site.expected()
    assert set(ids(posts(site, _fields="id"))) == truth.keys()
    assert len(feed(site, "/feed/?feed=partnerfeed-news-feed")) == len(truth)
    assert locations(ask(site, "/sitemap.xml"))
    broken = next(iter(site.broken()))
    assert ask(site, f"{POSTS}/{broken}").status == 404


# Through the server


@pytest.fixture(scope="module")
def faulty() -> Iterator[tuple[Faulty, SampleServer]]:
    site = Faulty(DaySite(START, 20, 5, 40))
    with running(site) as server:
        yield site, server


@pytest.fixture
def broken(faulty: tuple[Faulty, SampleServer]) -> Faulty:
    faulty[0].rules.clear()
    return faulty[0]


@pytest.fixture
def client(faulty: tuple[Faulty, SampleServer]) -> Iterator[HTTPSConnection]:
    with closing(connect(faulty[1])) as connection:
        yield connection


def connect(server: SampleServer) -> HTTPSConnection:
    context = ssl._create_unverified_context()
    connection = HTTPSConnection("127.0.0.1", server.port, timeout=60, context=context)
    connection.set_tunnel("thehill.com", 443)
    return connection


def answer(client: HTTPSConnection, path: str, **headers: str) -> HTTPResponse:
    client.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return client.getresponse()


@pytest.mark.parametrize(
    "path",
    ["/news", "/robots.txt", POSTS, "/homenews/senate/feed/", "/sitemap.xml", "/news-sitemap.xml"],
)
def test_what_has_not_changed_is_not_sent_again(
    broken: Faulty, client: HTTPSConnection, path: str
) -> None:
    site = broken.site
    assert isinstance(site, DaySite)
    site.now = NOON
    first = answer(client, path)
    assert (first.status, bool(first.read())) == (200, True)
    etag = first.headers["ETag"]
    again = answer(client, path, If_None_Match=etag)
    assert (again.status, again.read()) == (304, b"")
    site.now = END
    later = answer(client, path, If_None_Match=etag)
    assert later.status == (304 if path == "/robots.txt" else 200)
    later.read()


def test_dates_are_enough_for_a_conditional_request(
    broken: Faulty, client: HTTPSConnection
) -> None:
    site = broken.site
    assert isinstance(site, DaySite)
    event = next(event for event in site.events() if event.kind == "corrected")
    site.now = event.time - timedelta(seconds=1)
    path = site.expected()[event.id].url.removeprefix("https://thehill.com")
    first = answer(client, path)
    first.read()
    asked = first.headers["Last-Modified"]
    assert answer(client, path, If_Modified_Since=asked).read() == b""
    site.now = event.time
    later = answer(client, path, If_Modified_Since=asked)
    assert later.status == 200
    assert later.read()


def test_a_test_can_write_robots_txt(broken: Faulty, client: HTTPSConnection) -> None:
    site = broken.site
    assert isinstance(site, DaySite)
    usual = site.robots
    assert "Sitemap: https://thehill.com/sitemap.xml" in usual
    site.robots = "User-agent: *\nCrawl-delay: 3\n"
    assert answer(client, "/robots.txt").read() == site.robots.encode()
    site.robots = usual


@pytest.mark.parametrize(
    ("fault", "status", "header", "content"),
    [
        (faults.refused(), 403, ("Content-Type", "text/html; charset=UTF-8"), b"px-captcha"),
        (faults.wall_ok(), 200, ("Content-Type", "text/html; charset=UTF-8"), b"been denied"),
        (faults.challenge(), 403, ("cf-mitigated", "challenge"), b"Just a moment"),
        (faults.rate_limited("120"), 429, ("Retry-After", "120"), b"too many requests"),
        (faults.rate_limited(), 429, ("Retry-After", None), b"too many requests"),
        (
            faults.status(503),
            503,
            ("Content-Type", "text/html; charset=UTF-8"),
            b"503 Service Unavailable",
        ),
        (
            faults.body(b"<rss", "application/xml"),
            200,
            ("Content-Type", "application/xml"),
            b"<rss",
        ),
        (
            faults.redirect_to("http://169.254.169.254/"),
            302,
            ("Location", "http://169.254.169.254/"),
            b"",
        ),
        (faults.redirect_loop(), 302, ("Location", "https://thehill.com/news?page_num=2"), b""),
    ],
)
def test_a_fault_that_is_an_answer(
    broken: Faulty,
    client: HTTPSConnection,
    fault: faults.Break,
    status: int,
    header: tuple[str, str | None],
    content: bytes,
) -> None:
    broken.rules.append(Rule(r"^/news\?page_num=2$", fault))
    got = answer(client, "/news?page_num=2")
    assert got.status == status
    assert got.headers.get(header[0]) == header[1]
    assert content in got.read()
    assert answer(client, "/news?page_num=3").status == 200


def test_a_rule_applies_so_many_times(broken: Faulty, client: HTTPSConnection) -> None:
    broken.rules += [
        Rule("/wp-json/", faults.status(502), times=2),
        Rule("posts", faults.refused()),
    ]
    statuses = []
    for _ in range(4):
        got = answer(client, POSTS)
        got.read()
        statuses.append(got.status)
    assert statuses == [502, 502, 403, 403]
    broken.rules.clear()
    assert answer(client, POSTS).status == 200


def test_packed_content_grows(broken: Faulty, client: HTTPSConnection) -> None:
    broken.rules.append(Rule("/", faults.gzip_bomb(20)))
    got = answer(client, "/news")
    packed = got.read()
    assert got.headers["Content-Encoding"] == "gzip"
    assert len(packed) < 100_000
    assert len(gzip.decompress(packed)) == 20 * 2**20


def test_packed_content_breaks(broken: Faulty, client: HTTPSConnection) -> None:
    broken.rules.append(Rule("/", faults.broken_gzip()))
    got = answer(client, "/news")
    assert got.headers["Content-Encoding"] == "gzip"
    with pytest.raises((zlib.error, EOFError, gzip.BadGzipFile)):
        gzip.decompress(got.read())


def test_fewer_bytes_than_content_length_states(broken: Faulty, client: HTTPSConnection) -> None:
    broken.rules.append(Rule("/", faults.short()))
    got = answer(client, "/news")
    with pytest.raises(IncompleteRead) as caught:
        got.read()
    assert caught.value.expected == 1000


def test_more_bytes_than_content_length_states(broken: Faulty, client: HTTPSConnection) -> None:
    whole = answer(client, "/news").read()
    client.close()
    broken.rules.append(Rule("/", faults.long()))
    got = answer(client, "/news")
    assert got.read() == whole[: len(whole) // 2]
    assert len(whole) > 1000


def test_a_connection_is_reset_in_the_middle(
    broken: Faulty, faulty: tuple[Faulty, SampleServer], client: HTTPSConnection
) -> None:
    broken.rules.append(Rule("/", faults.reset()))
    # Through TLS, Python takes a reset for the end.
    with closing(HTTPConnection("127.0.0.1", faulty[1].port, timeout=60)) as plain:
        plain.request("GET", "/news")
        got = plain.getresponse()
        assert got.status == 200
        with pytest.raises(ConnectionResetError):
            got.read()
    got = answer(client, "/news")
    with pytest.raises(IncompleteRead) as caught:
        got.read()
    assert len(caught.value.partial) == int(got.headers["Content-Length"]) // 2


def test_a_connection_is_dropped_without_an_answer(broken: Faulty, client: HTTPSConnection) -> None:
    broken.rules.append(Rule("/", faults.dropped()))
    with pytest.raises(RemoteDisconnected):
        answer(client, "/news")


def test_others_are_served_while_some_hang_or_trickle(
    broken: Faulty, faulty: tuple[Faulty, SampleServer], client: HTTPSConnection
) -> None:
    server = faulty[1]
    asked = len(server.requests)
    broken.rules += [Rule("^/policy/", faults.hang()), Rule("^/business/", faults.slow(1))]
    with closing(connect(server)) as hanging, closing(connect(server)) as slow:
        hanging.request("GET", "/policy/defense/")
        slow.request("GET", "/business/")
        # The headers of a slow answer come at once.
        began = time.perf_counter()
        trickle = slow.getresponse()
        assert time.perf_counter() - began < 0.8
        assert answer(client, "/news").status == 200
        assert len(trickle.read()) == int(trickle.headers["Content-Length"])
        assert time.perf_counter() - began > 0.8
        hanging.sock.settimeout(0.1)
        with pytest.raises(TimeoutError):
            hanging.getresponse()
    paths = [url.removeprefix("https://thehill.com") for _, url in server.requests[asked:]]
    assert sorted(paths) == ["/business/", "/news", "/policy/defense/"]


def test_a_server_closes_while_a_client_hangs() -> None:
    site = Faulty(DaySite(START, 5, 0, 20), [Rule("/", faults.hang())])
    began = time.perf_counter()
    with running(site) as server, closing(connect(server)) as client:
        client.request("GET", "/")
    assert time.perf_counter() - began < 3


def test_a_huge_sitemap_is_sent_as_it_is_made(broken: Faulty, client: HTTPSConnection) -> None:
    broken.rules.append(Rule("^/sitemap", faults.huge_sitemap(20_500)))
    got = answer(client, "/sitemap.xml")
    urls = [text(row, f"{MAP}loc") for row in ET.fromstring(got.read())]
    assert len(urls) == len(set(urls)) == 20_500
