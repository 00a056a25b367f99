"""Sitemaps and REST listings, also malformed ones."""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bench.day import START, agrees, crawling, latest
from newscrawl.discovery.feeds import read_feed
from newscrawl.discovery.links import Listing
from newscrawl.discovery.sitemap_files import Entry, read_sitemap
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.dates import EASTERN
from newscrawl.extraction.sources import Feed
from newscrawl.items import Author, Candidate
from newscrawl.spiders.hill import HillSpider
from tests.conftest import ROOT, answer, open_spider, read_article, runs_of
from tests.recordings import article
from tests.sample.answer import Page, page
from tests.sample.day import DaySite

URLSET = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
NEWS = 'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"'
IMAGE = 'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
ONE = "https://thehill.com/news/61001-one/"


def urlset(*entries: str) -> bytes:
    return f"<urlset {URLSET} {NEWS} {IMAGE}>{''.join(entries)}</urlset>".encode()


def test_a_sitemap_states_addresses_and_times() -> None:
    body = urlset(
        f"<url><loc>\n {ONE} </loc><lastmod>2026-11-23T10:00:00-05:00</lastmod>"
        "<image:image><image:loc>https://thehill.com/a.jpg</image:loc></image:image>"
        "<news:news><news:publication_date>2026-11-23T09:00:00-05:00</news:publication_date>"
        "<news:title>One &amp; only</news:title></news:news></url>",
        "<url><loc>https://thehill.com/news/61002-two/</loc></url>",
        "<url><lastmod>2026-11-23</lastmod></url>",
    )
    expected = [
        Entry(
            ONE,
            "2026-11-23T15:00:00Z",
            "2026-11-23T14:00:00Z",
            "One & only",
            lastmod="2026-11-23T10:00:00-05:00",
        ),
        Entry("https://thehill.com/news/61002-two/"),
    ]
    assert list(read_sitemap(body)) == expected
    assert list(read_sitemap(gzip.compress(body))) == expected


def test_the_entries_of_an_index_are_sitemaps() -> None:
    day = "https://thehill.com/sitemap.xml?yyyy=2026&amp;mm=03&amp;dd=17"
    body = f"<sitemapindex {URLSET}><sitemap><loc>{day}</loc></sitemap></sitemapindex>".encode()
    assert list(read_sitemap(body)) == [Entry(day.replace("&amp;", "&"), is_sitemap=True)]


TWO = urlset(
    f"<url><loc>{ONE}</loc></url>", "<url><loc>https://thehill.com/news/61002-two/</loc></url>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"\n\r\n " + TWO,
        b"\xef\xbb\xbf\n<?xml version='1.0' encoding='UTF-8'?>" + TWO,
        b"<br />\n<b>Warning</b>: made up in <b>/srv/x.php</b>\n<?xml version='1.0'?>" + TWO,
        TWO + b"\n<b>Fatal error</b>: made up",
        TWO.decode().encode("utf-16"),
        b"<?xml version='1.0' encoding='utf-16'?>" + TWO,
        TWO.replace(b"<url>", b"<!-- <url><loc>https://thehill.com/news/61009-no/</loc> --><url>"),
        TWO.replace(NEWS.encode(), b"").replace(
            b"</loc>", b"</loc><news:news><news:title/></news:news>"
        ),
        TWO.replace(IMAGE.encode(), b"").replace(
            b"<url>",
            b"<url><image:image><image:loc>https://thehill.com/a.jpg</image:loc></image:image>",
        ),
        TWO.replace(b"<url>", b"<url><image:loc>https://thehill.com/news/61009-no/</image:loc>"),
        TWO.replace(b"<", b"<s:").replace(b"<s:/", b"</s:").replace(b"xmlns=", b"xmlns:s="),
        TWO.replace(b"<", b"<s:").replace(b"<s:/", b"</s:"),
        TWO.replace(b"<url>", b"<URL>").replace(b"</url>", b"</URL>"),
        TWO.replace(b"<url>", b'<url xmlns="x">'),
        TWO.replace(b"loc>", b"s:loc>"),
        TWO.replace(b"/news/", b"/news/\n        "),
        TWO.replace(b"<loc>", b"<loc>\n<![CDATA[ ").replace(b"</loc>", b" ]]>\n</loc>"),
        TWO.replace(b"https://thehill.com", b""),
        TWO.replace(b"</loc>", b"</loc><title>a & b &eacute; \x0b&#0; &nosuch; 1 < 2</title>"),
        TWO.replace(b"</loc>", b"</loc><lastmod>yesterday</lastmod>"),
        TWO.replace(b"</urlset>", b"<url><loc>http://[x</loc></url><url/></urlset>"),
        gzip.compress(gzip.compress(TWO)),
        gzip.compress(TWO[:100]) + gzip.compress(TWO[100:]),
        f"\n{ONE}\r\nhttps://thehill.com/news/61002-two/\r\n".encode(),
    ],
    ids=lambda body: body[:0].decode(),
)
def test_a_badly_written_sitemap_is_read_whole(body: bytes) -> None:
    entries = list(read_sitemap(body, "https://thehill.com/sitemap.xml"))
    assert [it.url for it in entries] == [ONE, "https://thehill.com/news/61002-two/"]


@pytest.mark.parametrize(
    ("body", "reason", "count"),
    [
        (b"", "empty sitemap", 0),
        (b"<!DOCTYPE html><html><body><urlset></urlset></body></html>", "not a sitemap", 0),
        (TWO[: -len("</urlset>")], "broken sitemap", 2),
        (TWO.replace(b"</loc>", b"", 1), "broken sitemap", 2),
        (gzip.compress(TWO)[:-3], "broken sitemap", 2),
        (b"<html><body><p>no</p></body></html>", "not a sitemap", 0),
        (b"{}", "not a sitemap", 0),
        (TWO.replace(b"<url>", b"").replace(b"</url>", b""), "broken sitemap", 0),
        (urlset(f"<url><loc>{ONE}</loc></url>" * 3)[:-40], "broken sitemap", 2),
        (gzip.compress(urlset(f"<url><loc>{ONE}</loc></url>"))[:-20][:12], "broken gzip", 0),
        (urlset(f"<url><loc>{ONE}</loc></url>" * 50_001), "sitemap of more than", 50_000),
    ],
    ids=[
        "empty",
        "html page",
        "no end",
        "no end of a tag",
        "no end of gzip",
        "html",
        "json",
        "no entries",
        "cut",
        "cut gzip",
        "too long",
    ],
)
def test_a_broken_sitemap_yields_its_readable_entries_and_an_error(
    body: bytes, reason: str, count: int
) -> None:
    found: list[Entry] = []
    with pytest.raises(UnreadableError, match=reason):
        found.extend(read_sitemap(body))
    assert len(found) == count


FEED = (
    '<rss xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">'
    f"<channel><link>https://thehill.com</link><item><title>One</title><link>{ONE}</link>"
    '<guid isPermaLink="false">id 61001</guid><dc:creator>Ada Quill</dc:creator>'
    "<pubDate>Fri, 20 Nov 2026 14:04:00 -0500</pubDate>"
    "<dcterms:modified>2026-11-20T20:00:00Z</dcterms:modified></item></channel></rss>"
)
ATOM = (
    '<feed xmlns="http://www.w3.org/2005/Atom"><entry><title type="html">&lt;b&gt;One&lt;/b&gt;'
    '</title><id>tag:61001</id><link rel="enclosure" href="https://thehill.com/news/61009-no/"/>'
    f'<link href="{ONE}"/><author><name>Ada Quill</name><email>ada@example.org</email></author>'
    "<published>2026-11-20T14:04:00-05:00</published><updated>2026-11-20T20:00:00Z</updated>"
    "</entry></feed>"
)
RDF = (
    '<rdf:RDF xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    f' xmlns:dcterms="http://purl.org/dc/terms/"><channel/><item rdf:about="{ONE}"><title>One'
    "</title><dc:creator>Ada Quill</dc:creator><dc:date>2026-11-20T19:04:00Z</dc:date>"
    "<dcterms:modified>2026-11-20T20:00:00Z</dcterms:modified></item></rdf:RDF>"
)


@pytest.mark.parametrize(
    "text",
    [
        FEED,
        ATOM,
        RDF,
        f"\n\ufeff<?xml version='1.0' encoding='utf-16'?>{FEED}\n",
        FEED.replace(ONE, "/news/61001-one/"),
        FEED.replace(ONE, "61001-one/").replace("<item>", '<item xml:base="/news/">'),
        FEED.replace(ONE, "one/").replace("<channel>", '<channel xml:base="61001-">')
        .replace("<rss", '<rss xml:base="/news/x/"').replace("one/<", "../61001-one/<"),
        FEED.replace(ONE, "http://[x").replace("id 61001", ONE),
        FEED.replace(f"<link>{ONE}", f"<link>https://example.org/</link><link>{ONE}"),
        FEED.replace(ONE, f"<![CDATA[\n{ONE}?utm_source=rss&x ]]>"),
        FEED.replace('xmlns:dcterms="http://purl.org/dc/terms/"', ""),
        FEED.replace("Fri, 20 Nov 2026 14:04:00 -0500", "20 November 2026 14:04 EST"),
        FEED.replace(f"<link>{ONE}</link>", f"<link/>{ONE}"),
        FEED.replace("<item>", "<ITEM>").replace("</item>", "</ITEM>"),
        FEED.replace("<title>", "<media:title>A chart</media:title><title>"),
        f'<!DOCTYPE rss [<!ENTITY nbsp "&#160;"><!ENTITY % more SYSTEM "x">]>{FEED}',
        FEED.replace(">Ada Quill<", ">ada@example.org (Ada Quill)<").replace("dc:creat", "auth"),
        FEED.replace("<title>", "<description>a & b &nbsp; <p>&#0;</p></description><title>"),
        ATOM.replace("<entry>", '<entry xml:base="http://[x">').replace(ONE, "/news/61001-one/"),
    ],
    ids=lambda text: text[:0],
)  # fmt: skip
def test_a_feed_is_read_however_it_is_written(text: str) -> None:
    response = answer("https://thehill.com/feed/", text.encode(), "application/xml")
    (found,) = read_feed(response, open_spider(HillSpider))
    assert found == Candidate(
        "61001",
        ONE,
        "2026-11-20T20:00:00Z",
        "2026-11-20T19:04:00Z",
        (Author("Ada Quill"),),
        "One",
    )


UNSET = ("Mon, 30 Nov -0001 00:00:00 +0000", "Thu, 01 Jan 1970 00:00:00 GMT")


@pytest.mark.parametrize("time", [*UNSET, "Mon, 20 Nov 2062 14:04:00 GMT", "Fri, 20 Nov 2026"])
def test_a_time_of_a_feed_that_cannot_be_is_none(time: str) -> None:
    text = FEED.replace("Fri, 20 Nov 2026 14:04:00 -0500", time).replace(
        "2026-11-20T20:00:00Z", time
    )
    response = answer("https://thehill.com/feed/", text.encode(), "application/xml")
    (found,) = read_feed(response, open_spider(HillSpider))
    assert (found.published, found.modified) == (None, None)


def test_a_processing_instruction_in_a_sitemap_costs_nothing() -> None:
    entry = "<url><?page 1?><loc>https://thehill.com/news/6000001-a/<?x?></loc></url>"
    body = f"<urlset {URLSET}>{entry}</urlset>".encode()
    assert [it.url for it in read_sitemap(body)] == ["https://thehill.com/news/6000001-a/"]


@pytest.mark.parametrize(
    ("text", "reason", "count"),
    [
        ("", "not a feed", 0),
        ("<html><body>Sorry</body></html>", "not a feed", 0),
        (TWO.decode(), "not a feed", 0),
        (FEED.replace("</channel></rss>", "<item><link>https://th"), "broken feed", 1),
        (FEED[:-60], "broken feed", 0),
        (f'<!DOCTYPE rss [<!ENTITY one "x">]>{FEED.replace("One<", "&one;<")}', "broken feed", 1),
        (FEED.replace(ONE, "https://feeds.example/~r/1"), "only links to other sites", 0),
    ],
)
def test_a_feed_that_is_cut_or_another_document_is_an_error(
    text: str, reason: str, count: int
) -> None:
    response = answer("https://thehill.com/feed/", text.encode(), "application/xml")
    found: list[Candidate] = []
    with pytest.raises(UnreadableError, match=reason):
        found.extend(read_feed(response, open_spider(HillSpider)))
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
        by = "id" if query.get("orderby") == "id" else "date_gmt"
        found.sort(key=lambda post: str(post[by]), reverse=query.get("order") == "desc")
        most = int(query["per_page"])
        start = most * (int(query.get("page", 1)) - 1)
        if found and start >= len(found):
            return self.json({"code": "rest_post_invalid_page_number"}, 400)
        return self.json(found[start : start + most], total=len(found))

    @staticmethod
    def fits(post: dict[str, object], query: dict[str, str]) -> bool:
        time = f"{post['date_gmt']}Z"
        return (
            query.get("after", "") < time < query.get("before", "9")
            and query.get("modified_after", "") < time < query.get("modified_before", "9")
            and str(post["id"]) not in query.get("exclude", "").split(",")
        )

    def json(self, value: object, status: int = 200, total: int | None = None) -> Page:
        headers = [("Content-Type", "application/json; charset=UTF-8")]
        if total is not None and self.totals:
            headers.append(("X-WP-Total", str(total)))
        return Page(status, tuple(headers), json.dumps(value).encode())


Change = Callable[[Page], Page]
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
    runs = runs_of(tmp_path / "out")
    assert [run["listings"]["failed"] for run in runs] == [{}] * len(runs)


class Odd(Posts):
    """A REST interface whose lists of posts are written in another way."""

    def __init__(self, change: Change, count: int = 150) -> None:
        super().__init__([BUSY + timedelta(minutes=n) for n in range(count)])
        self.change = change

    def json(self, value: Any, status: int = 200, total: int | None = None) -> Page:
        answer = super().json(value, status, total)
        return answer if total is None else self.change(answer)


def text(change: Callable[[bytes], bytes]) -> Change:
    return lambda it: replace(it, body=change(it.body))


def rows(change: Callable[[Any], Any]) -> Change:
    return text(lambda body: json.dumps(change(json.loads(body))).encode())


def each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Change:
    return rows(lambda posts: [{**it, **change(it)} for it in posts])


def stating(total: str) -> Change:
    return lambda it: replace(it, headers=(*it.headers[:1], ("X-WP-Total", total)))


def newsrooms_time(post: dict[str, Any]) -> dict[str, Any]:
    # In November New York is five hours behind.
    times = {it: datetime.fromisoformat(post[f"{it}_gmt"]) for it in ("date", "modified")}
    local = {name: f"{time - timedelta(hours=5):%Y-%m-%dT%H:%M:%S}" for name, time in times.items()}
    return local | {"date_gmt": None, "modified_gmt": "0000-00-00T00:00:00"}


NOTICE = b"<br />\n<b>Notice</b>: index [x] in <b>/srv/x.php</b> on line <b>3</b><br />\n"


@pytest.mark.parametrize(
    "change",
    [
        text(lambda body: b"\xef\xbb\xbf\n" + body),
        text(lambda body: NOTICE + body),
        text(lambda body: body + b"\n<!-- cached 0.1 s -->"),
        rows(lambda posts: {str(n + 3): it for n, it in enumerate(posts)}),
        each(lambda it: {"id": str(it["id"])}),
        each(
            lambda it: {"link": it["link"].replace("https://thehill.com", "http://origin.example")}
        ),
        each(lambda it: {"link": it["link"].replace("https://thehill", "http://www.thehill")}),
        each(newsrooms_time),
        stating("0"),
        stating("100"),
    ],
    ids=["mark", "notice", "comment", "object", "id", "origin", "http", "times", "0", "100"],
)
def test_a_list_of_posts_is_read_however_it_is_written(change: Change, tmp_path: Path) -> None:
    site = Odd(change)
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="api") == "finished"
        site.posts[149] |= {"modified_gmt": f"{START + timedelta(minutes=9):%Y-%m-%dT%H:%M:%S}"}
        site.posts[149] |= {"content": {"rendered": "<p>Corrected.</p>"}}
        assert crawler.crawl(START + timedelta(hours=1), discover="api") == "finished"
    records = latest(tmp_path / "out")
    assert len(records) == 150
    assert records["100149"]["body"] == "Corrected."
    assert (
        records["100009"]["date_published"] == f"{BUSY + timedelta(minutes=9):%Y-%m-%dT%H:%M:%SZ}"
    )
    runs = runs_of(tmp_path / "out")
    assert [(run["complete"], run["listings"]["failed"]) for run in runs] == [(True, {})] * 2


@pytest.mark.parametrize(
    ("change", "published", "reason"),
    [
        (rows(lambda posts: [*posts[:3], None, *posts[4:]]), 19, "broken posts in the list"),
        (rows(lambda posts: [{"code": "x"}, *posts[1:]]), 19, "broken posts in the list"),
        (each(lambda _: {"link": "https://thehill.com/made-up/"}), 0, "no articles in the listing"),
        (text(lambda body: NOTICE + body[:-900]), 0, "not JSON"),
        (text(lambda _: b"{}"), 0, "not a list of posts"),
    ],
    ids=["null", "error", "addresses", "cut", "nothing"],
)
def test_a_list_of_posts_that_is_broken_is_a_failed_listing(
    change: Change, published: int, reason: str, tmp_path: Path
) -> None:
    site = Odd(change, 20)
    site.totals = False
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="api") == "finished"
    assert len(latest(tmp_path / "out")) == published
    (run,) = runs_of(tmp_path / "out")
    assert run["listings"]["failed"].keys() == {reason}
    assert not run["complete"]


class Old(Posts):
    """A REST interface that does not know, or refuses, what later versions of WordPress do."""

    def __init__(self, ignored: str, refused: str) -> None:
        first = BUSY - timedelta(days=1)
        super().__init__([first + timedelta(minutes=n) for n in range(170)])
        self.ignored, self.refused = ignored, refused

    def get(self, url: str) -> Page:
        if self.refused and self.refused in url:
            return self.json({"code": "rest_invalid_param", "data": {"params": {}}}, 400)
        return super().get(re.sub(f"&(?:{self.ignored})=[^&]*", "", url))


@pytest.mark.parametrize(
    ("ignored", "refused", "failed"),
    [
        ("modified_(?:after|before)", "", {}),
        ("modified_(?:after|before)|order", "", {"posts in another order": 1}),
        ("order", "", {}),
        ("x", "orderby=modified", {"http 400": 1}),
    ],
)
def test_changed_posts_of_an_old_wordpress(
    ignored: str, refused: str, failed: dict[str, int], tmp_path: Path
) -> None:
    site = Old(ignored, refused)
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="api") == "finished"
        for number in range(60):
            time = f"{START + timedelta(minutes=number % 50):%Y-%m-%dT%H:%M:%S}"
            site.posts[number] |= {"date_gmt": time, "modified_gmt": time}
            site.posts[number] |= {"content": {"rendered": "<p>Corrected.</p>"}}
        assert crawler.crawl(START + timedelta(hours=1), discover="api") == "finished"
    bodies = Counter(it["body"] for it in latest(tmp_path / "out").values())
    run = runs_of(tmp_path / "out")[-1]
    # Where neither order nor time can be chosen, nothing shows what changed, and the run says so.
    assert bodies["Corrected."] == (0 if "order" in ignored and failed else 60)
    assert (run["listings"]["failed"], run["complete"]) == (failed, not failed)


def test_a_site_whose_clock_is_hours_late_loses_no_correction(tmp_path: Path) -> None:
    late = timedelta(hours=5)
    site = Posts([BUSY - late + timedelta(minutes=n) for n in range(20)])
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="api") == "finished"
        edited = START + timedelta(minutes=30) - late
        site.posts[3] |= {"modified_gmt": f"{edited:%Y-%m-%dT%H:%M:%S}"}
        site.posts[3] |= {"content": {"rendered": "<p>Corrected.</p>"}}
        assert crawler.crawl(START + timedelta(hours=1), discover="api") == "finished"
    assert latest(tmp_path / "out")["100003"]["body"] == "Corrected."


def test_the_names_of_terms_that_are_not_embedded_are_requested_once(tmp_path: Path) -> None:
    site = Posts([BUSY + timedelta(minutes=n) for n in range(150)])
    site.posts[3]["link"], site.posts[4]["link"] = "http://[x", None
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
    (run,) = runs_of(tmp_path / "out")
    assert run["listings"]["failed"] == {"fewer posts than stated": 1}
    assert not run["complete"]


def test_a_sitemap_day_is_not_requested_until_the_index_states_a_change(tmp_path: Path) -> None:
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
    # Beside them today's, by both clocks, and an older one whose time for a look has come.
    assert set(days) - corrected <= {"08", "10", "11"}
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


def test_an_index_of_another_site_is_a_failed_listing(tmp_path: Path) -> None:
    files = "<sitemap><loc>https://static.example/1.xml</loc></sitemap>"
    index = Page(200, (), f"<sitemapindex>{files}</sitemapindex>".encode())
    site = Changed(DaySite(START, articles=0, older=20), **{"/sitemap.xml": index})
    with crawling(tmp_path / "out", site) as (crawler, _):
        assert crawler.crawl(START, discover="sitemap") == "finished"
    (run,) = runs_of(tmp_path / "out")
    assert run["listings"]["failed"] == {"only links to other sites": 1}
    assert not run["complete"]


def test_days_that_the_index_does_not_list_are_requested_by_date(tmp_path: Path) -> None:
    site = DaySite(START, articles=60, corrections=0, older=40, days=2)
    with crawling(tmp_path / "out", OldIndex(site)) as (crawler, _):
        # The last of them after midnight, when the day before has had its last articles.
        for hour in (0, 20, 25):
            site.now = START + timedelta(hours=hour)
            assert crawler.crawl(site.now, discover="sitemap") == "finished"
    new = {event.id for event in site.events() if event.time <= site.now}
    assert len(new) > 20
    assert new <= latest(tmp_path / "out").keys()
    runs = runs_of(tmp_path / "out")
    assert [run["listings"]["unchanged"] > 0 for run in runs] == [False, True, True]


class Changed:
    """A living site, some answers of which are another's."""

    def __init__(self, site: DaySite, **answers: Page) -> None:
        self.site = site
        self.answers = answers

    def get(self, url: str) -> Page:
        path = url.partition("thehill.com")[2]
        return self.answers.get(path) or self.site.get(url)  # type: ignore[return-value]


def day_file(back: int) -> str:
    return f"/sitemap.xml?yyyy=2026&mm=11&dd={10 - back:02}"


@pytest.mark.parametrize(
    "empty", [Page(200, (), b""), Page(404, (), b""), Page(404, (), b"<html><p>No</p></html>")]
)
def test_a_backfill_goes_over_empty_days_and_resumes(empty: Page, tmp_path: Path) -> None:
    site = DaySite(START, articles=0, corrections=0, older=120)
    changed = Changed(site, **{day_file(1): empty, day_file(4): empty, day_file(5): empty})
    arguments = {"discover": "sitemap", "since": "2026-11-01", "until": "2026-11-10"}
    days: list[list[str]] = []
    with crawling(tmp_path / "out", changed, CONCURRENT_REQUESTS="1") as (crawler, server):
        for more in ({"limit": "5"}, {}, {}):
            before = len(server.requests)
            crawler.crawl(START + timedelta(hours=len(days)), **arguments, **more)
            days.append([url[-2:] for _, url in server.requests[before:] if "&dd=" in url])
    assert days[1] == ["10", "06", "05", "04", "03", "02", "01", "31"]
    # The job has come to its end: the same arguments start it again from the top.
    assert len(days[2]) == 11
    first, *others = runs_of(tmp_path / "out")
    assert first["reason"] == "limit"
    assert [(run["complete"], run["listings"]["failed"]) for run in others] == [(True, {})] * 2
    expected = {
        identity
        for identity, it in site.expected().items()
        if (local := str(datetime.fromisoformat(it.date_published).astimezone(EASTERN))[:10])
        and local >= "2026-11-01"
        and local[-2:] not in ("09", "06", "05")
    }
    assert latest(tmp_path / "out").keys() == expected


def test_a_backfill_that_finds_no_sitemap_at_all_is_not_complete(tmp_path: Path) -> None:
    holes = {day_file(back): Page(404, (), b"") for back in range(3)}
    site = Changed(DaySite(START, articles=0, corrections=0, older=20), **holes)
    with crawling(tmp_path / "out", site) as (crawler, _):
        for hour in (0, 1):
            now, since = START + timedelta(hours=hour), "2026-11-08T12:00:00Z"
            crawler.crawl(now, discover="sitemap", since=since)
    failed = [run["listings"]["failed"] for run in runs_of(tmp_path / "out")]
    assert failed == [{"no sitemap of any day": 1}] * 2


def test_an_index_may_list_indexes_and_feeds_and_have_status_404(tmp_path: Path) -> None:
    site = DaySite(START, articles=0, corrections=0, older=60)
    real = site.get("https://thehill.com/sitemap.xml")
    assert isinstance(real, Page)
    files = "".join(
        f"<sitemap><loc>{it}</loc></sitemap>"
        for it in ("/sitemap.xml", "/inner.xml", "/feed/", "http://[x", "/gone.xml")
    )
    changed = Changed(
        site,
        **{
            "/sitemap.xml": Page(200, (), f"<sitemapindex>{files}</sitemapindex>".encode()),
            "/inner.xml": Page(404, (), gzip.compress(real.body)),
            day_file(1): Page(404, (), site.get(f"https://thehill.com{day_file(1)}").body),  # type: ignore[union-attr]
        },
    )
    with crawling(tmp_path / "out", changed) as (crawler, server):
        assert crawler.crawl(START, discover="sitemap") == "finished"
        asked = Counter(url for _, url in server.requests if "xml" in url or "feed" in url)
    assert set(asked.values()) == {1}
    assert len(latest(tmp_path / "out")) == 60
    assert [run["listings"]["failed"] for run in runs_of(tmp_path / "out")] == [{"http 404": 1}]


def test_a_redirect_to_nowhere_costs_one_article(tmp_path: Path) -> None:
    site = DaySite(START, articles=0, corrections=0, older=20)
    bad = ("http://[x", "//[", "https://thehill.com:99999/", "javascript:x", "https:///")
    paths = [it.url.partition("thehill.com")[2] for it in site.expected().values()]
    answers = {
        path: Page(301, (("Location", to),), b"") for path, to in zip(paths, bad, strict=False)
    }
    answers[day_file(0)] = Page(302, (("Location", "http://[x"),), b"")
    with crawling(tmp_path / "out", Changed(site, **answers)) as (crawler, _):
        assert crawler.crawl(START, discover="sitemap") == "finished"
    (run,) = runs_of(tmp_path / "out")
    assert run["books"]["new"] == 20 - len(bad)
    assert run["books"]["failed"]["bad address"] >= 3
    assert run["listings"]["failed"] == {"bad address": 1}


BAD = (
    "http://[x",
    "//[",
    "https://thehill.com:99999/news/61009-no/",
    "https://thehill.com:x/",
    "https://\ud800/news/61009-no/",
    "https://a..\u20ac" + "x" * 70 + "/",
    "/" + "y" * 70_000,
    "\x00",
    "javascript:alert(1)",
    "data:text/plain,61009",
    "http:\\\\[",
    "mailto:?",
    "https://[::1]:x",
    f"https://{'a' * 60}!/",
)


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_bad_address_costs_itself_never_the_listing(bad: str) -> None:
    spider = open_spider(HillSpider)
    raw = bad.encode("utf-8", "surrogatepass")
    article = (ROOT / "tests/fixtures/hill/news/page.html").read_bytes()
    page = (
        b'<html><head><base href="%b"><link rel="next" href="%b"></head><body><a href="%b">no</a>'
        b'<a href="/news/61001-one/">yes</a><img src="%b"></body></html>' % (raw, raw, raw, raw)
    )
    listing = answer("https://thehill.com/news/", page)
    asked = spider.links.parse(listing, Listing("/news/", 2))
    assert [ArticleTask.required(it).candidate.id for it in asked] == ["61001"]
    feed = FEED.replace("<link>", "<link><![CDATA[\ue000]]></link><link>").encode()
    response = answer("https://thehill.com/feed/", feed.replace("\ue000".encode(), raw), "text/xml")
    assert [it.id for it in read_feed(response, spider)] == ["61001"]
    sitemap = TWO.replace(b"<url>", b"<url><loc><![CDATA[%b]]></loc></url><url>" % raw, 1)
    assert len([it for it in read_sitemap(sitemap) if it.url]) == 2
    broken = re.sub(rb'(rel="canonical" href|og:url" content|og:image" content|src)="[^"]*"',
                    lambda it: b'%b="%b"' % (it[1], raw), article)  # fmt: skip
    assert broken.count(raw) > 2
    url = "https://thehill.com/homenews/senate/6012345-x/"
    read = read_article(spider, answer(url, broken))
    whole = read_article(spider, answer(url, article))
    assert (read.id, read.body, read.headline) == ("6012345", whole.body, whole.headline)


NOW = datetime(2026, 11, 25, 23, tzinfo=UTC)


class Listed:
    """A site of listings as given, by path, and an article at every article's address."""

    def __init__(self, listings: dict[str, Page]) -> None:
        self.listings = listings

    def get(self, url: str) -> Page:
        path = url.partition("thehill.com")[2]
        if found := re.search(r"/(\d{7})-", path):
            return page(200, article(int(found[1])).replace(b"/homenews/", b"/homenews/senate/"))
        return self.listings.get(path, Page(404, (), b""))


def found_by(output: Path, method: str, listings: dict[str, Page]) -> tuple[set[str], Any]:
    """Return the numbers of the articles that a crawl publishes, and its failed listings."""
    with crawling(output, Listed(listings)) as (crawler, _):
        crawler.crawl(NOW, discover=method)
    (run,) = runs_of(output)
    return set(latest(output)), run["listings"]["failed"]


THREE = {f"700000{number}" for number in (1, 2, 3)}


@pytest.mark.parametrize("name", ["60-sitemap-blank-line-first", "61-sitemap-undeclared-prefix"])
def test_sitemaps_of_the_cases(shared: Path, name: str, tmp_path: Path) -> None:
    index, day = sorted((shared / "cases" / name).glob("*.xml"))
    files = {
        "/sitemap.xml": Page(200, (), index.read_bytes()),
        "/sitemap.xml?yyyy=2026&mm=11&dd=25": Page(200, (), day.read_bytes()),
    }
    assert found_by(tmp_path / "out", "sitemap", files) == (THREE, {})


def test_feed_of_a_case(shared: Path, tmp_path: Path) -> None:
    feed = Page(200, (), (shared / "cases/66-feed-relative-links/feed.xml").read_bytes())
    (source,) = (it for it in HillSpider.sources if isinstance(it, Feed))
    found, failed = found_by(tmp_path / "out", "feeds", {source.url: feed})
    assert (found, "not a feed" in failed, "broken feed" in failed) == (THREE, False, False)


@pytest.mark.parametrize("empty", [Page(200, (), b""), Page(404, (), b"")])
def test_a_backfill_of_forty_days_is_broken_off_after_an_empty_one(
    empty: Page, tmp_path: Path
) -> None:
    days = {}
    for back in range(40):
        day = NOW - timedelta(days=back)
        loc = f"https://thehill.com/homenews/senate/{7000011 + back}-made-up-story/"
        body = f"<urlset><url><loc>{loc}</loc></url></urlset>".encode()
        days[f"/sitemap.xml?yyyy=2026&mm={day:%m}&dd={day:%d}"] = Page(200, (), body)
    days[list(days)[1]] = empty
    arguments = {"discover": "sitemap", "since": "2026-10-17"}
    with crawling(tmp_path / "out", Listed(days), CONCURRENT_REQUESTS="1") as (crawler, server):
        assert crawler.crawl(NOW, **arguments, limit="25") == "limit"
        before = len(server.requests)
        assert crawler.crawl(NOW + timedelta(hours=1), **arguments) == "finished"
    again = [url for _, url in server.requests[before:] if "&dd=" in url]
    assert len(again) < 40 - 20
    assert len(latest(tmp_path / "out")) == 39
    assert runs_of(tmp_path / "out")[-1]["complete"]
