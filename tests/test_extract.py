"""One page in, one record out: what pages do to dates, names, addresses, pictures and texts."""

import json
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from subprocess import run
from typing import Any

import pytest

from newscrawl import extract
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extraction.outlet import Outlet
from newscrawl.items import record
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage.schema import fault
from tests.conftest import answer, crawl, open_spider, read_article
from tests.recordings import HTML, address, article, site

pytestmark = pytest.mark.fast

URL = "https://thehill.com/homenews/senate/7000001-made-up-story/"
OTHER = "https://thehill.com/homenews/senate/7000002-another-story/"
DATA = {
    "@type": "NewsArticle",
    "mainEntityOfPage": URL,
    "headline": "A headline",
    "datePublished": "2026-11-20T19:04:00Z",
    "author": {"@type": "Person", "name": "Ada Quill"},
}
BYLINE = 'by <a href="/author/ada-quill/">Ada Quill</a> - 11/20/26 2:04 PM ET'


def page(
    body: str = "<p>It rained.</p>",
    data: Any = DATA,
    head: str = "",
    byline: str = BYLINE,
    headline: str = "A headline",
    html: str = 'lang="en-US"',
) -> str:
    """Return a page of today's layout. ``data`` is its JSON-LD: a value, or the script's text."""
    text = data if isinstance(data, str) else json.dumps(data)
    return f"""<!DOCTYPE html><html {html}><head><title>A headline | The Hill</title>{head}
<script type="application/ld+json">{text}</script></head><body><main>
<article class="article__content"><section class="article__header">
<h1 class="page-title">{headline}</h1>
<section class="submitted-by mobile-only">{byline}</section></section>
<div class="article__text">{body}</div></article></main></body></html>"""


def read(html: str | bytes, *further: str) -> dict[str, Any]:
    got = extract(html, URL, further=further)
    return dict(record(got)) | {"authors": [author.name for author in got.authors]}


def image(name: str, caption: str | None = None, credit: str | None = None) -> dict[str, Any]:
    return {"url": f"https://thehill.com/{name}", "caption": caption, "credit": credit}


# Times: by the structured data, the head, and the byline.

UNSET = (
    *("0001-01-01T00:00:00Z", "0000-00-00T00:00:00+00:00", "1970-01-01T00:00:00Z", "", "soon"),
    *("1970-01-01T00:00:00-05:00", "1969-12-31T19:00:00-05:00", "-0001-11-30T00:00:00+00:00"),
    *("2026-13-01T00:00:00Z", "2026-02-30T10:00:00Z", "2926-11-20T19:04:00Z", "2026-02-30"),
    *("1970-01-01", "11/31/2026", "Friday", "2026"),
    *("1/1/0001 12:00:00 AM +00:00", "Mon, 30 Nov -0001 00:00:00 +0000"),
    *("9999-12-31T23:59:59-05:00", "2026-11-20T25:00:00Z", "2026-11-20T14:04:00", "1795442640"),
)


@pytest.mark.parametrize("unset", UNSET)
def test_a_time_that_cannot_be_yields_to_the_next_source(unset: str) -> None:
    data = DATA | {"datePublished": unset, "dateModified": unset}
    meta = '<meta property="article:{}" content="{}">'
    wrong = meta.format("published_time", unset) + meta.format("modified_time", unset)
    later = '<meta name="dcterms.date" content="2026-11-20T14:05:00-05:00">'
    got = read(page(data=data, head=wrong))
    assert (got["date_published"], got["date_modified"]) == ("2026-11-20T19:04:00Z", None)
    assert read(page(data=data, head=wrong + later))["date_published"] == "2026-11-20T19:05:00Z"
    right = meta.format("published_time", "2026-11-20T19:06:00+00:00")
    right += meta.format("modified_time", "2026-11-20T15:06:00-05:00")
    got = read(page(data=data, head=right))
    assert (got["date_published"], got["date_modified"]) == (
        "2026-11-20T19:06:00Z",
        "2026-11-20T20:06:00Z",
    )
    with pytest.raises(UnreadableError, match=r"^no date_published$"):
        extract(page(data=data, head=wrong, byline="by Ada Quill"), URL)


@pytest.mark.parametrize(
    ("printed", "moment"),
    [
        ("11/20/26 2:04 PM ET", "2026-11-20T19:04:00Z"),
        ("11/20/26 2:04 PM", "2026-11-20T19:04:00Z"),
        ("11/20/2026 02:04 p.m. PT", "2026-11-20T22:04:00Z"),
        ("07/20/26 2:04 PM CT", "2026-07-20T19:04:00Z"),
        ("07/20/26 2:04 PM CST", "2026-07-20T20:04:00Z"),
        ("07/20/26 2:04 PM MDT", "2026-07-20T20:04:00Z"),
        ("11/20/26 2:04pm HST", "2026-11-21T00:04:00Z"),
        ("11/20/26 14:04 GMT", "2026-11-20T14:04:00Z"),
        ("11/20/26 2:04 PM UTC", "2026-11-20T14:04:00Z"),
        ("11/20/26 2:04 PM +02:00", "2026-11-20T12:04:00Z"),
        ("11/20/26 2:04 PM GMT+2", "2026-11-20T12:04:00Z"),
        ("11/20/26 2:04 PM UTC-0330", "2026-11-20T17:34:00Z"),
        ("11/20/26 2:04 PM (Pacific Time)", "2026-11-20T22:04:00Z"),
        ("11/20/26 2:04 PM eastern standard time", "2026-11-20T19:04:00Z"),
        ("11/20/26 2:04 PM E.T.", "2026-11-20T19:04:00Z"),
        ("11/20/26 2:04 PM CEST", "2026-11-20T12:04:00Z"),
        ("11/20/26 12:04 AM ET", "2026-11-20T05:04:00Z"),
        ("11/20/26 12:04 PM ET", "2026-11-20T17:04:00Z"),
        ("Nov. 20, 2026, 2:04 p.m. ET", "2026-11-20T19:04:00Z"),
        ("November 20th, 2026 at 2 PM", "2026-11-20T19:00:00Z"),
        ("Friday, 20 November 2026 | 14:04", "2026-11-20T19:04:00Z"),
        ("2026-11-20 14:04:33", "2026-11-20T19:04:33Z"),
        ("2:04 PM EST, Fri November 20, 2026", "2026-11-20T19:04:00Z"),
        ("11/01/26 1:30 AM ET", "2026-11-01T05:30:00Z"),
        ("11/01/26 1:30 AM EST", "2026-11-01T06:30:00Z"),
        ("Updated 11/21/26 9:00 AM ET, published 11/20/26 2:04 PM ET", "2026-11-20T19:04:00Z"),
        ('<time datetime="2026-11-20T14:04:07-05:00">2 hours ago</time>', "2026-11-20T19:04:07Z"),
        ('<time datetime="2026-11-20 14:04:07">2 hours ago</time>', "2026-11-20T19:04:07Z"),
        ("11/20/26 24:00 ET", "2026-11-21T05:00:00Z"),
        ("11/20/26 2:04 PM America/Los_Angeles", "2026-11-20T22:04:00Z"),
        ("11/20/26 2:04 PM (UTC\u221205:00)", "2026-11-20T19:04:00Z"),
        ("11/20/26 2:04 PM London time", None),
        ("11/20/26 2:04 PM US/Nowhere", None),
        ("11/20/26 2:04 PM Read time: 5 min", "2026-11-20T19:04:00Z"),
        ("11/20/26 2:04 PM<br>PRINT", "2026-11-20T19:04:00Z"),
        ("11/20/26 2:04 PM<br>PT", "2026-11-20T22:04:00Z"),
        ("Nov. 20, 2026, noon ET", "2026-11-20T17:00:00Z"),
        ("Nov. 20, 2026 at 12 noon PT", "2026-11-20T20:00:00Z"),
        ("11/20/26 12:00 midnight ET", "2026-11-20T05:00:00Z"),
        ("11/20/26 11:30 noon ET", None),
        ("11/20/26 0:04 AM ET", "2026-11-20T05:04:00Z"),
        ("11/20/26 14:04 PM ET", "2026-11-20T19:04:00Z"),
        ("11/20/26 14:04 AM ET", None),
        ("11/20/26 0:04 PM ET", None),
        ("2026/11/20 14:04 ET", "2026-11-20T19:04:00Z"),
        ("20-Nov-2026 14:04 ET", "2026-11-20T19:04:00Z"),
        ('<abbr title="2026-11-20T19:04:00Z">2 hours ago</abbr>', "2026-11-20T19:04:00Z"),
        ("1/1/0001 12:00 AM ET", None),
        ("13/45/26 2:04 PM ET", None),
        ("20/11/2026 2:04 PM ET", None),
        ("11/20/26 2:04 PM IST", None),
        ("11/20/26 26:04", None),
        ("2 hours ago", None),
    ],
)
def test_printed_time(printed: str, moment: str | None) -> None:
    html = page(data=DATA | {"datePublished": None}, byline=f"by Ada Quill - {printed}")
    if moment is None:
        with pytest.raises(UnreadableError, match="date_published"):
            extract(html, URL)
    else:
        got = read(html.replace('"author"', '"editor"'))
        assert (got["date_published"], got["authors"]) == (moment, ["Ada Quill"])
        assert got["date_precision"] == "second"


DAYS = (
    *("2026-11-20", "2026/11/20", "11/20/2026", "20 November 2026"),
    *("Fri, 20 Nov 2026", "Friday, November 20th, 2026"),
)


@pytest.mark.parametrize("day", DAYS)
def test_a_day_without_a_time_is_marked_as_one(day: str) -> None:
    data = DATA | {"datePublished": day, "dateModified": day}
    meta = f'<meta property="article:published_time" content="{day}">'
    nothing = DATA | {"datePublished": None}
    marked = f'<time datetime="{day}">Friday</time>'
    for html in (
        page(data=data, byline="by Ada Quill"),
        page(data=nothing, head=meta, byline="by Ada Quill"),
        page(data=nothing, byline=f"by Ada Quill - {marked}"),
    ):
        got = read(html)
        # The day begins at midnight in New York.
        assert (got["date_published"], got["date_precision"]) == ("2026-11-20T05:00:00Z", "day")
        assert (got["date_modified"], got["authors"]) == (None, ["Ada Quill"])
    # A source with a time is better than a day, wherever it stands.
    for html in (
        page(data=data),
        page(data=data, byline='<time datetime="2026-11-20T19:04:00Z">Friday</time>'),
        page(data=data, head='<meta name="dcterms.date" content="2026-11-20T19:04:00Z">'),
    ):
        got = read(html)
        assert (got["date_published"], got["date_precision"]) == ("2026-11-20T19:04:00Z", "second")


@pytest.mark.parametrize(
    ("printed", "moment"),
    [
        ("11/20/26", "2026-11-20T05:00:00Z"),
        ("Nov. 20, 2026 - 5 min read", "2026-11-20T05:00:00Z"),
        ("July 20, 2026", "2026-07-20T04:00:00Z"),
        ("Updated 11/21/26 | Published 11/20/26", "2026-11-20T05:00:00Z"),
        ("Updated 11/21/26 2:04 PM ET | Published 11/20/26", "2026-11-20T05:00:00Z"),
        ("Updated 11/21/26", None),
        ("2/30/26", None),
    ],
)
def test_printed_day(printed: str, moment: str | None) -> None:
    html = page(data=DATA | {"datePublished": None}, byline=f"by Ada Quill - {printed}")
    if moment is None:
        with pytest.raises(UnreadableError, match="date_published"):
            extract(html, URL)
    else:
        got = read(html)
        assert (got["date_published"], got["date_precision"]) == (moment, "day")


def test_the_window_holds_articles_of_a_day_that_it_cuts(tmp_path: Path) -> None:
    days = {10001: "11/19/26", 10002: "11/20/26", 10003: "11/21/26", 10004: "11/22/26"}
    pages = {
        address(number): (200, HTML, article(number).replace(b"11/20/26 2:04 PM ET", day.encode()))
        for number, day in days.items()
    }
    window = ("since=2026-11-20T18:00:00Z", "until=2026-11-21T18:00:00Z")
    arguments = [it for bound in window for it in ("-a", bound)]
    replay = str(site(tmp_path / "site.warc.gz", pages))
    done = crawl(tmp_path / "output", *arguments, NEWSCRAWL_REPLAY=replay)
    assert sorted(it["id"] for it in done.records) == ["10002", "10003"], done.log
    assert {it["date_precision"] for it in done.records} == {"day"}


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20T19:04Z",
        "2026-11-20T19:04:00.123456789+0000",
        "20261120T140400-0500",
        " 2026-11-20 19:04:00 +0000 ",
        "2026-11-20 14:04:00 EST",
        "Fri, 20 Nov 2026 19:04:00 GMT",
        "Fri Nov 20 2026 14:04:00 GMT-0500 (Eastern Standard Time)",
        "2026-11-20T19:04:00&#43;00:00",
        "2026-11-20t14:04:00-5:00",
        "2026-11-20T14:04:00 America/New_York",
        "2026-11-20T14:04:00\u221205:00",
        "\u200e2026-11-20T19:04:00\u200eZ",
        "Published 2026-11-20T19:04:00Z",
        "11/20/26 2:04 PM ET",
    ],
)
def test_time_in_structured_data(written: str) -> None:
    got = read(page(data=DATA | {"datePublished": written}, byline="by Ada Quill"))
    assert got["date_published"] == "2026-11-20T19:04:00Z"


POST = {
    "id": 7000001,
    "link": URL,
    "date_gmt": "2026-11-20T19:04:00",
    "modified_gmt": "2026-11-20T20:04:00",
    "title": {"rendered": "Ada&#8217;s <em>Show</em>"},
    "content": {"rendered": "<p>It rained.</p>"},
}


@pytest.mark.parametrize(
    ("post", "expected"),
    [
        ({}, {"headline": "Ada’s Show", "body": "It rained.", "language": "en-US"}),
        (
            {"date_gmt": "0000-00-00T00:00:00", "date": "2026-11-20T14:04:00"},
            {"date_published": "2026-11-20T19:04:00Z"},
        ),
        (
            {"modified_gmt": "-0001-11-30T00:00:00", "modified": "0000-00-00T00:00:00"},
            {"date_published": "2026-11-20T19:04:00Z", "date_modified": None},
        ),
        ({"title": {"rendered": "Half\ud83d \u200ea character"}}, {"headline": "Half a character"}),
        (
            {"content": {"rendered": "<p>\ud83d</p>a <a href='http://[x'>b</a><![CDATA[c]]>"}},
            {"body": "a bc", "links": []},
        ),
    ],
)
def test_post(post: dict[str, Any], expected: dict[str, Any]) -> None:
    got = read(json.dumps(POST | post))
    assert {field: got[field] for field in expected} == expected


@pytest.mark.parametrize(
    "change",
    [
        "| Updated: 11/20/26 3:30 PM ET",
        '<time class="updated" datetime="2026-11-20T20:30:00Z">an hour ago</time>',
        '<time itemprop="dateModified" datetime="2026-11-20T20:30:00Z">11/20/26</time>',
        'Last updated: <time datetime="2026-11-20T20:30:00Z">11/20/26 3:30 PM ET</time>',
        '<time datetime="2026-11-20T20:30:00Z">Updated an hour ago</time>',
    ],
)
def test_printed_time_of_the_last_change(change: str) -> None:
    time = '<time class="entry-date published" datetime="2026-11-20T19:04:00Z">2:04</time>'
    data = DATA | {"datePublished": None}
    for byline in (f"{BYLINE} {change}", f"by Ada Quill {change} - {time}"):
        got = read(page(data=data, byline=byline))
        assert got["date_published"] == "2026-11-20T19:04:00Z"
        assert got["date_modified"] == "2026-11-20T20:30:00Z"
    never = time.replace("published", "published updated")
    assert read(page(data=data, byline=f"by Ada Quill - {never}"))["date_modified"] is None


def test_a_change_before_publication_is_kept() -> None:
    # WordPress does not touch the time of the last change when a scheduled post appears.
    got = read(page(data=DATA | {"dateModified": "2026-11-20T17:00:00Z"}))
    assert (got["date_published"], got["date_modified"]) == (
        "2026-11-20T19:04:00Z",
        "2026-11-20T17:00:00Z",
    )


# Structured data: which object is of this article.

RELATED = {"@type": "NewsArticle", "headline": "Not this", "datePublished": "2020-01-01T00:00:00Z"}
OURS = {key: value for key, value in DATA.items() if key != "mainEntityOfPage"}


@pytest.mark.parametrize(
    "data",
    [
        [RELATED | {"url": OTHER}, DATA],
        [RELATED | {"@id": OTHER}, OURS | {"@id": f"{URL}#article"}],
        [RELATED | {"mainEntityOfPage": {"@id": OTHER}}, OURS | {"mainEntityOfPage": {"@id": URL}}],
        [RELATED | {"url": "https://paper.example/a-story/"}, OURS | {"url": "?p=7000001"}],
        [
            RELATED | {"url": OTHER},
            OURS | {"url": f"http://www.thehill.com{URL[19:]}amp/?utm_source=x"},
        ],
        [RELATED | {"url": OTHER}, OURS | {"url": "/homenews/senate/7000001-made-up-story"}],
        [RELATED, DATA],
        [RELATED, OURS],
        {
            "@graph": [
                {"@type": "WebSite", "url": "https://thehill.com/"},
                RELATED | {"url": OTHER},
                DATA,
            ]
        },
        {"@type": "WebPage", "@id": URL, "mainEntity": OURS},
        [{"@type": "WebPage", "url": OTHER, "mainEntity": RELATED}, OURS | {"url": URL}],
        {"@type": "WebPage", "mainEntity": [RELATED | {"url": OTHER}, DATA]},
        [[{"@graph": [[RELATED | {"url": OTHER}], [DATA]]}]],
        DATA | {"@type": ["Thing", "schema:NewsArticle"]},
        DATA | {"@type": "https://schema.org/ReportageNewsArticle", "hasPart": RELATED},
        DATA
        | {
            "mainEntityOfPage": {
                "@type": "WebPage",
                "@id": URL,
                "mainEntity": RELATED | {"url": OTHER},
            }
        },
        f"<!--\n{json.dumps(DATA)}\n-->",
        f"//<![CDATA[\n{json.dumps(DATA)}\n//]]>",
        f"<![CDATA[{json.dumps(DATA)}]]>",
        json.dumps(DATA).replace("&", "&amp;").replace('"', "&quot;"),
        json.dumps(DATA)[:-1] + ",}",
        json.dumps(DATA) + json.dumps(RELATED | {"url": OTHER}),
        '[{"@type": "NewsArticle", "headline": "bro"ken", "url": "x"}, ' + json.dumps(DATA) + "]",
        json.dumps(DATA).replace("A headline", "A\t\nheadline\x01"),
        "\ufeff" + json.dumps(DATA) + ";",
        # A fragment names an object, not the page; a reference stands for what it names.
        [RELATED | {"@id": "#a", "url": "#"}, OURS | {"@id": "#b"}],
        {
            "@graph": [
                RELATED | {"mainEntityOfPage": {"@id": "#p2"}, "headline": "A headline"},
                OURS | {"mainEntityOfPage": {"@id": "#p1"}},
                {"@type": "WebPage", "@id": "#p1", "url": URL},
                {"@type": "WebPage", "@id": "#p2", "url": OTHER},
            ]
        },
        {
            "@graph": [
                RELATED | {"@id": "#r", "headline": "A headline"},
                {"@type": "WebPage", "url": URL, "mainEntity": {"@id": "#a"}},
                OURS | {"@id": "#a"},
            ]
        },
        # The entries of a live page have its address.
        [RELATED | {"@type": "BlogPosting", "url": f"{URL}#entry-1"}, OURS | {"url": URL}],
        # What templates written by hand leave in JSON.
        *(
            json.dumps(DATA | {"description": "It's"}).replace(*change)
            for change in (
                ('"headline"', '// the "headline"\n"headline"'),
                ('"headline"', '/* one, * two */ "headline"'),
                ('"headline"', '<!-- block - -- block --> "headline"'),
                (', "headline"', ',, "headline"'),
                ('"It\'s"', "undefined"),
                ("It's", "It\\'s // C:\\dir, ]"),
                ('"A headline"', '"A headline", "keywords": ["a", "b",\n]'),
            )
        ),
        json.dumps(DATA | {"keywords": []}).replace('"', "&quot;").replace("[]", "[1,]"),
    ],
)
def test_structured_data_of_this_article(data: Any) -> None:
    byline = "by Nobody Else - 01/01/01 1:01 AM ET"
    for place in ("head", "body"):
        html = page(data=data, byline=byline)
        if place == "body":
            start, end = html.index("<script"), html.index("</script>") + 9
            html = html[:start] + html[end:-14] + html[start:end] + html[-14:]
        got = read(html)
        assert (got["headline"], got["authors"]) == ("A headline", ["Ada Quill"])
        assert got["date_published"] == "2026-11-20T19:04:00Z"


def test_structured_data_of_another_article_alone_is_not_used() -> None:
    for related in (RELATED | {"url": OTHER}, [RELATED | {"@id": OTHER}]):
        got = read(page(data=related))
        assert (got["headline"], got["date_published"]) == ("A headline", "2026-11-20T19:04:00Z")


def test_one_broken_script_does_not_lose_the_next() -> None:
    for broken in ('{"@type": "NewsArticle", "headline":', "[" * 5000, "null", "{{{" * 999, ""):
        html = page(
            data=broken,
            head=f'<script type="application/LD+JSON; charset=utf-8">{json.dumps(DATA)}</script>',
            byline="",
        )
        assert read(html)["authors"] == ["Ada Quill"]


# Authors.

LINKED = '<a href="/author/a/">Ada Quill</a> and <a href="/author/b/">Bo Marsh</a>'
TWO = ["Ada Quill", "Bo Marsh"]


@pytest.mark.parametrize(
    ("author", "byline", "names"),
    [
        ({"name": "Parks and Rivers"}, BYLINE, ["Parks and Rivers"]),
        ({"name": "Ada Quill, RN, MPH"}, "by Ada Quill, RN, MPH", ["Ada Quill, RN, MPH"]),
        ([{"name": "Bo Marsh, R-Utah"}], "by Bo Marsh, R-Utah", ["Bo Marsh, R-Utah"]),
        (None, "by Bo Marsh, R-Utah - 11/20/26", ["Bo Marsh, R-Utah"]),
        (None, "by Ada Quill, RN, MPH, and Cy Lund", ["Ada Quill, RN, MPH", "Cy Lund"]),
        (
            None,
            'by <a href="/author/pr/">Parks and Rivers</a> and Ada Quill',
            ["Parks and Rivers", "Ada Quill"],
        ),
        (None, "by<br>Ada Quill<br/>Bo Marsh", ["Ada Quill", "Bo Marsh"]),
        (
            None,
            "<p>By ADA QUILL</p><p>Bo Marsh</p><p>White House correspondent</p>",
            ["ADA QUILL", "Bo Marsh"],
        ),
        (
            None,
            "<ul><li>Ada Quill</li><li>Bo Marsh &amp; Cy Lund</li></ul>",
            ["Ada Quill", "Bo Marsh", "Cy Lund"],
        ),
        (None, "By Ada Quill, The Associated Press - 11/20/26 2:04 PM ET", ["Ada Quill"]),
        (None, "Ada Quill | Reuters", ["Ada Quill"]),
        (None, "by ADA QUILL and BO MARSH (AP)", ["ADA QUILL", "BO MARSH"]),
        # Line breaks of the source are spaces.
        (None, "by Ada\n Quill\n\t and\n\t Bo\r\n Marsh", ["Ada Quill", "Bo Marsh"]),
        (None, LINKED.replace(" and ", ""), ["Ada Quill", "Bo Marsh"]),
        (None, LINKED.replace(" and ", "\n "), ["Ada Quill", "Bo Marsh"]),
        (None, f"By {LINKED} <a href='#'>Share</a> <a href='mailto:x'>Email Bo</a>", TWO),
        (None, "By Ada Quill, The Hill, and Bo Marsh for The Hill", ["Ada Quill", "Bo Marsh"]),
        (None, "Words by Ada Quill; Commentary by Bo Marsh; Editing by Cy Lund", TWO),
        (None, "by Dr. Ada Quill, M.D., M.P.H.", ["Dr. Ada Quill, M.D., M.P.H."]),
        (None, "by Ada Quill, CEO of Halvern, and Cy Fellow", ["Ada Quill", "Cy Fellow"]),
        (None, "By Ada Quill on 11/20/26 2:04 PM ET", ["Ada Quill"]),
        (None, "By Ada Quill Posted on Nov. 20, 2026 · 5 minute read", ["Ada Quill"]),
        (None, "By Ada Quill • Updated 2 hours ago<br>Print", ["Ada Quill"]),
        (
            None,
            "by Ada Quill, opinion contributor - 11/20/26 2:04 PM ET"
            "<br>The views expressed by contributors are their own and not the view of The Hill",
            ["Ada Quill"],
        ),
        ({"@type": "NGO", "name": "Board of Parks and Rivers"}, "", ["Board of Parks and Rivers"]),
        ({"@type": "Person", "name": "Hill Staff"}, BYLINE, ["Ada Quill"]),
        ({"name": "Ada Quill, The Hill"}, "", ["Ada Quill"]),
        ({"name": "Ada Quill; Bo Marsh"}, "", ["Ada Quill", "Bo Marsh"]),
        ([[{"name": "Ada Quill"}], ["Bo Marsh"]], "", ["Ada Quill", "Bo Marsh"]),
        # Names as printed; plug-ins write the first of several authors into the data.
        ({"name": "ada quill"}, BYLINE, ["Ada Quill"]),
        ({"name": "Ada Quill"}, "by ADA QUILL", ["Ada Quill"]),
        ({"name": "Ada Quill"}, LINKED, ["Ada Quill", "Bo Marsh"]),
        ({"name": "Ada Quill"}, "by Ada Quill, Washington", ["Ada Quill"]),
        (None, "by The Associated Press", ["The Associated Press"]),
        (None, "Written by: Dr. Ada Quill, opinion contributor", ["Dr. Ada Quill"]),
        (None, "by Ada<span class='sr-only'>, who writes,</span> Quill<!-- x -->", ["Ada Quill"]),
        (None, "By Ada Quill ada@example.org, Bo Marsh (@bo)", ["Ada Quill", "Bo Marsh"]),
        (
            None,
            'By <a href="/author/a/">Ada Quill</a> <a href="https://s.example/a">Follow @a</a>',
            ["Ada Quill"],
        ),
        (None, "By Ada Quill; Bo Marsh with Cy Lund", ["Ada Quill", "Bo Marsh", "Cy Lund"]),
        (None, "By Ada Quill, Special to The Hill", ["Ada Quill"]),
        (None, "By Ada Quill via Reuters<br>Edited by Bo Marsh", ["Ada Quill"]),
        (None, "by Ada\u00a0Quill, Ada Quill and ada quill", ["Ada Quill"]),
        (None, "by Ada Qui\u00adll\u200b\u202c", ["Ada Quill"]),
        (None, "", []),
        ({"@type": "Organization", "name": "The Hill"}, BYLINE, ["Ada Quill"]),
        ({"@type": "Person", "name": "thehill.com"}, BYLINE, ["Ada Quill"]),
        ("The Hill", BYLINE, ["Ada Quill"]),
        (
            {"@type": "Organization", "name": "Associated Press"},
            "by Ada Quill, Associated Press",
            ["Ada Quill"],
        ),
        (
            [{"@type": "Organization", "name": "The Hill"}, {"name": "Bo Marsh"}],
            BYLINE,
            ["Bo Marsh"],
        ),
        ({"@type": "Organization", "name": "The Hill"}, "by The Hill - 11/20/26", ["The Hill"]),
        ({"@type": "NewsMediaOrganization", "name": "Associated Press"}, "", ["Associated Press"]),
        ("Ada Quill", "", ["Ada Quill"]),
        (["Ada Quill", "Bo Marsh", "ADA QUILL"], "", ["Ada Quill", "Bo Marsh"]),
        ({"name": ["Ada Quill", "Bo Marsh"]}, "", ["Ada Quill", "Bo Marsh"]),
        ({"@list": [{"name": "Ada Quill"}]}, "", ["Ada Quill"]),
        ({"name": {"@value": "Ada Quill"}}, "", ["Ada Quill"]),
        ("ada@example.org (Ada Quill)", "", ["Ada Quill"]),
        (["ada@example.org", "admin"], BYLINE, ["Ada Quill"]),
        ({"givenName": "Ada", "familyName": "Quill"}, "", ["Ada Quill"]),
        ({"name": " By Ada Quill, opinion contributor "}, "", ["Ada Quill"]),
        ({"name": "Ada &amp;quot;Kit&amp;quot; <b>Quill</b>"}, "", ['Ada "Kit" Quill']),
        ({"name": "Ada\u200e Quill\ud83d"}, "", ["Ada Quill"]),
        ([{"name": ""}, {"name": None}, None, 7, {}], BYLINE, ["Ada Quill"]),
        (["https://social.example/ada", "null"], BYLINE, ["Ada Quill"]),
        (
            {"name": "Ada Quill and Bo Marsh"},
            LINKED,
            ["Ada Quill", "Bo Marsh"],
        ),
    ],
)
def test_authors(author: Any, byline: str, names: list[str]) -> None:
    assert read(page(data=DATA | {"author": author}, byline=byline))["authors"] == names


def test_one_string_of_several_people_is_what_the_byline_prints() -> None:
    data = DATA | {"author": {"name": "Ada Quill, Bo van Marsh and Cy Lund"}}
    for byline in (
        "by Ada Quill, Bo van Marsh and Cy Lund",
        "Cy Lund<br>Ada Quill<br>Bo van Marsh",
    ):
        got = read(page(data=data, byline=byline))
        assert sorted(got["authors"]) == ["Ada Quill", "Bo van Marsh", "Cy Lund"]
    for name in ("Parks and Rivers", "Department of Parks and Rivers", "Ada Quill and Sons"):
        data = DATA | {"author": {"name": name}}
        assert read(page(data=data, byline=f"by {name}"))["authors"] == [name]


def test_author_by_reference() -> None:
    person = {
        "@type": "Person",
        "@id": "#ada",
        "name": "Ada Quill",
        "url": "/author/361406-ada-quill/",
    }
    data = {"@graph": [DATA | {"author": [{"@id": "#ada"}]}, person]}
    [author] = extract(page(data=data, byline="by Bo Marsh"), URL).authors
    assert (author.name, author.url) == ("Ada Quill", "https://thehill.com/author/ada-quill/")


def test_an_authors_address_is_the_one_that_the_byline_links() -> None:
    # WordPress' own address of a person is in the data, with its entities (Nexstar's stations).
    data = DATA | {"author": {"name": "Ada Quill", "url": "/?post_type=profile&#038;p=7"}}
    for byline, url in (
        (BYLINE, "/author/ada-quill/"),
        ("by Ada Quill", "/?post_type=profile&p=7"),
    ):
        [author] = extract(page(data=data, byline=byline), URL).authors
        assert author.url == f"https://thehill.com{url}"


@pytest.mark.parametrize("href", ["#", "#top", "", " ", "javascript:void(0)"])
def test_an_authors_link_that_leads_nowhere(href: str) -> None:
    html = page(data=DATA | {"author": None}, byline=f'by <a href="{href}">Ada Quill</a>')
    assert [author.url for author in extract(html, URL).authors] == [None]
    html = page(data=DATA | {"author": {"name": "Ada Quill", "url": href}}, byline="")
    assert [author.url for author in extract(html, URL).authors] == [None]


# Language and clean characters.

LANGUAGE = (
    f'<script type="application/ld+json">{{{{"@type": "NewsArticle", "url": "{URL}", "inLanguage":'
    ' {{"@type": "Language", "name": "Spanish", "alternateName": "{}"}}}}</script>'
)


@pytest.mark.parametrize(
    ("html", "head", "language"),
    [
        ('lang="en_US"', "", "en-US"),
        ('lang="EN-us"', "", "en-US"),
        ('lang="en_US.UTF-8"', "", "en-US"),
        ('xml:lang="es"', "", "es"),
        ('lang="" xml:lang="zh-hant-tw"', "", "zh-Hant-TW"),
        # A page that names no language is in that of the outlet.
        ('lang="english"', "", "en-US"),
        ('lang="english"', '<meta property="og:locale" content="en_GB">', "en-GB"),
        ("", '<meta property="og:locale" content="es_LA">', "es-LA"),
        ("", '<meta http-equiv="Content-Language" content="es">', "es"),
        ("", LANGUAGE.format("es"), "es"),
        ("", LANGUAGE.format("Spanish"), "en-US"),
        ('lang="en-UK"', "", "en-GB"),
        ("", "", "en-US"),
        ('lang="und"', "", "en-US"),
        ('lang="{{lang}}"', "", "en-US"),
    ],
)
def test_language(html: str, head: str, language: str) -> None:
    assert read(page(html=html, head=head))["language"] == language
    spoken = page(html=html, head=head).replace("<article", '<article lang="fr-ca"')
    assert read(spoken)["language"] == "fr-CA"


DIRT = "\u200b\u200e\u202a\u202c\u2066\u2069\ufffc\ufeff\u00ad\u2060\u2063\x01\x7f\x9d\ue001"


def test_what_cannot_be_seen_is_in_no_field() -> None:
    dirty = f"A{DIRT} head{DIRT}line"
    data = DATA | {"headline": dirty, "description": dirty, "articleSection": dirty}
    data["author"] = [{"name": dirty}]
    data["image"] = {"url": "https://thehill.com/a.jpg", "name": dirty}
    html = page(
        f"<p>{dirty}</p><ul><li>{dirty}</li></ul><table><tr><th>{dirty}</th></tr></table>", data
    )
    html = html.replace("</article>", f'<a class="tags__item" href="/tag/x/">{dirty}</a></article>')
    got = read(html)
    assert got["headline"] == got["description"] == got["section"] == "A headline"
    assert got["authors"] == got["tags"] == got["sections"] == ["A headline"]
    assert got["images"][0]["caption"] == "A headline"
    assert got["body"] == "A headline\n\n- A headline\n\nA headline"
    assert all(character not in json.dumps(got, ensure_ascii=False) for character in DIRT)


def test_what_has_a_meaning_stays() -> None:
    england = "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    text = f"👩\u200d🚀 flew {england}, می\u200cخواهم"
    assert read(page(f"<p>{text}</p>"))["body"] == text
    assert read(page("<p>It&#146;s a&nbsp;\u2028test</p>"))["body"] == "It’s a test"


def test_markup_and_entities_in_strings() -> None:
    text = "<b>Ada</b> on &lt;em&gt;The Show&lt;/em&gt;: R&amp;amp;D<br>at 5 < 6"
    got = read(page(data=DATA | {"headline": text, "description": f"<p>{text}</p><p>Next</p>"}))
    assert got["headline"] == "Ada on The Show: R&D at 5 < 6"
    assert got["description"] == "Ada on The Show: R&D at 5 < 6 Next"
    got = read(page(data={}, headline="Storm<br>nears<span class=x> &amp; <i>stays</i></span>"))
    assert got["headline"] == "Storm nears & stays"


def test_a_headline_that_was_cut_yields_to_the_printed_one() -> None:
    for cut in ("A head…", "A head&hellip;", "A ..."):
        assert read(page(data=DATA | {"headline": cut}))["headline"] == "A headline"
    for whole in ("Another headline", "A headline …", "Wait…", "A"):
        assert read(page(data=DATA | {"headline": whole}))["headline"] == whole
    long = "word " * 30
    got = read(page(data=DATA | {"headline": long[:104]}, headline=long))
    assert got["headline"] == long.strip()


@pytest.mark.parametrize("suffix", [" | The Hill", " | TheHill", " - The Hill", " – TheHill"])
def test_the_outlets_name_is_no_part_of_a_headline(suffix: str) -> None:
    for headline in ("A headline", "Cats on The Hill"):
        assert read(page(data=DATA | {"headline": headline + suffix}))["headline"] == headline


@pytest.mark.parametrize(
    "href", ["http://[x", "", "/", "https://thehill.com/homenews/", "https://paper.example/x"]
)
def test_a_canonical_address_of_nothing_yields_to_the_next(href: str) -> None:
    link = f'<link rel="canonical" href="{href}">'
    assert read(page(head=link))["url"] == URL
    right = f'<link rel="Canonical" href="{OTHER}">'
    assert read(page(head=link + right))["id"] == "7000002"
    assert read(page(head=f'{link}<meta property="og:url" content="{OTHER}">'))["id"] == "7000002"
    # One in the story, of an e-mail that stands there, says nothing of the page.
    assert read(page(f"<p>It rained.</p>{right}", head=link))["url"] == URL


# Pictures.


@pytest.mark.parametrize(
    ("html", "images"),
    [
        ("<p>A <img src='/a.jpg?w=900'> b</p>", [image("a.jpg")]),
        (
            "<img src='/a-300x200.jpg'"
            " srcset='/a-300x200.jpg 300w, /a.jpg 2000w, /a-1k.jpg 1024w'>",
            [image("a.jpg")],
        ),
        (
            "<img src='/full.jpg' srcset='/a-300x200.jpg 300w, /a-1024x683.jpg 1024w'>",
            [image("full.jpg")],
        ),
        ("<img srcset='/a,w_400.jpg 1x, /a,w_800.jpg 2x'>", [image("a,w_800.jpg")]),
        ("<img srcset='/a.jpg'>", [image("a.jpg")]),
        ("<img src='data:image/gif;base64,R0l' data-src='/a.jpg'>", [image("a.jpg")]),
        ("<img src='/img/placeholder.gif' data-lazy-src='/a.jpg'>", [image("a.jpg")]),
        ("<img src='/spacer.gif' data-srcset='/a.jpg 400w, /b.jpg 800w'>", [image("b.jpg")]),
        ("<img class=lazy src='data:,'><noscript><img src='/a.jpg'></noscript>", [image("a.jpg")]),
        ("<img class=lazy><noscript>&lt;img src='/a.jpg'&gt;</noscript>", [image("a.jpg")]),
        ("<img src='/a.jpg'><noscript><img src='/a-big.jpg'></noscript>", [image("a.jpg")]),
        ("<p>x</p><noscript><img src='https://t.example/tr?id=1' height=1 width=1></noscript>", []),
        (
            "<picture><source srcset='/a.webp 2x, /a.avif'><img src='/a.jpg'></picture>",
            [image("a.jpg")],
        ),
        (
            "<picture><source srcset='/a.jpg 400w, /b.jpg 900w'><img alt=''></picture>",
            [image("b.jpg")],
        ),
        ("<img src='http://[x'><img src='/a.jpg'>", [image("a.jpg")]),
        ("<img src='//thehill.com/a b.jpg'>", [image("a%20b.jpg")]),
        ("<img src='/a.jpg' width=1 height=1><img src=''><img>", []),
        (
            "<figure><img src='/a.jpg'><figcaption>A <b>lake</b>.<br>Still. (Bo Marsh)"
            "</figcaption></figure>",
            [image("a.jpg", "A lake. Still.", "Bo Marsh")],
        ),
        (
            "<dl class='gallery-item'><dt><img src='/a.jpg'></dt>"
            "<dd class='wp-caption-text gallery-caption'>Lake A</dd></dl>",
            [image("a.jpg", "Lake A")],
        ),
        (
            "<figure class='wp-block-gallery'><figure><img src='/a.jpg'></figure><figure>"
            "<img src='/b.jpg'><figcaption>Lake B</figcaption></figure><figcaption>Lakes"
            "</figcaption></figure>",
            [image("a.jpg", "Lakes"), image("b.jpg", "Lake B")],
        ),
        (
            "<figure class='wp-caption'><a href='/a.jpg'><img src='/a.jpg'></a>"
            "<figcaption class='wp-caption-text'>Lake A</figcaption></figure>",
            [image("a.jpg", "Lake A")],
        ),
        ("<img src='/a.jpg'><figure><img src='/a.jpg'></figure>", [image("a.jpg")]),
        *(
            (f"<img src='/{name}'>", [image(name)])
            for name in ("gray-wolf.jpg", "pixel-phone.png", "loading-dock.jpg", "photo-1x1.jpg")
        ),
        *(
            (f"<img src='/{name}'>", [])
            for name in ("1x1-white.jpg", "blank.gif", "grey_1x1.png", "img/lazy-placeholder.png")
        ),
        ("<img src='/t.gif' style='width: 1px; height:1px'>", []),
        ("<img data-src='/a_{width}x.jpg' src='/a_300x.jpg'>", [image("a_300x.jpg")]),
        ("<img data-lazyload='/a.jpg' data-id='7' src='data:,'>", [image("a.jpg")]),
        (
            "<figure><amp-img src='/a.jpg' srcset='/a.jpg 1x, /b.jpg 2x'><noscript>"
            "<img src='/a.jpg'></noscript></amp-img><figcaption>Lake A</figcaption></figure>",
            [image("b.jpg", "Lake A")],
        ),
        *(
            (
                f"<figure><img src='/a.jpg'><figcaption>{text}</figcaption></figure>",
                [image("a.jpg", caption, credit)],
            )
            for text, caption, credit in (
                ("Sen. Ada Quill (D-Mass.)", "Sen. Ada Quill (D-Mass.)", None),
                (
                    "Ada (left) and Bo (second from right).",
                    "Ada (left) and Bo (second from right).",
                    None,
                ),
                ("Ada Quill in (2019)", "Ada Quill in (2019)", None),
                ("A lake. (Photo by Bo Marsh (AP))", "A lake.", "Photo by Bo Marsh (AP)"),
                ("A lake. (Halvern Center)", "A lake.", "Halvern Center"),
            )
        ),
        (
            "<img src='/a.jpg'><figure><img src='/a.jpg'><figcaption>Lake A</figcaption></figure>",
            [image("a.jpg", "Lake A")],
        ),
    ],
)
def test_pictures(html: str, images: list[dict[str, Any]]) -> None:
    got = read(page(f"<p>Before.</p>{html}<p>After.</p>"))
    assert got["images"] == images
    assert got["body"].startswith("Before.")
    assert got["body"].endswith("After.")
    assert not any(str(it["caption"]) in got["body"] for it in images)


@pytest.mark.parametrize(
    ("structured", "expected"),
    [
        ("/a.jpg", image("a.jpg")),
        (["/a.jpg", "/b.jpg"], image("a.jpg")),
        ({"url": {"@id": "/a.jpg"}, "creditText": "Bo"}, image("a.jpg", None, "Bo")),
        ([{"url": ""}, {"url": " "}, {"contentUrl": "/a.jpg"}], image("a.jpg")),
        ({"@id": "#picture"}, image("a.jpg", "Lake A", "Bo")),
        ({"url": "http://[x"}, image("og.jpg")),
    ],
)
def test_lead_picture_of_structured_data(structured: Any, expected: dict[str, Any]) -> None:
    node = {"@type": "ImageObject", "@id": "#picture", "url": "/a.jpg", "caption": "Lake A (Bo)"}
    html = page(
        data={"@graph": [DATA | {"image": structured}, node]},
        head='<meta property="og:image:secure_url" content="/og.jpg">',
    )
    assert read(html)["images"] == [expected]


def test_a_link_in_a_caption_is_one_of_the_story() -> None:
    for caption in ("figcaption", "p class='wp-caption-text'"):
        html = f"<figure><img src='/a.jpg'><{caption}><a href='/b'>x</a></{caption[:10]}></figure>"
        assert read(page(f"<p>It rained.</p>{html}"))["links"] == ["https://thehill.com/b"]


def test_a_story_of_pictures_of_a_page_with_a_base() -> None:
    html = page(
        "<p><a href='x/'>A</a><a href='#top'>B</a><img src='a.jpg'></p>",
        head='<base href="/media/">',
    )
    got = read(html)
    assert got["images"] == [image("media/a.jpg")]
    assert got["links"] == ["https://thehill.com/media/x/"]


# Links.


@pytest.mark.parametrize(
    ("href", "link"),
    [
        ("https://example.org/a?utm_source=x&amp;b=1#c", "https://example.org/a?b=1"),
        ("https://example.org/a?UTM_Source=x&gad_source=1&_ga=2&b=1", "https://example.org/a?b=1"),
        ("  https://example.org/a\n\t b ", "https://example.org/a%20b"),
        ("HTTPS://Example.ORG/%7Ea%2Fb", "https://example.org/%7Ea%2Fb"),
        ("https://example.org/caf\u00e9?q=\u00e9", "https://example.org/caf%C3%A9?q=%C3%A9"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("https://[2001:db8::1]:8080/x", "https://[2001:db8::1]:8080/x"),
        ("https:\\\\example.org\\a", "https://example.org/a"),
        ("//example.org", "https://example.org"),
        ("../7000009-x/", "https://thehill.com/homenews/senate/7000009-x/"),
        *((it, None) for it in ("", "#top", " ", "javascript:void(0)", "mailto:a@example.org")),
        *(
            (it, None)
            for it in ("data:text/html,x", "tel:+1", "http://[x", "https://", "http://a:b/")
        ),
        *((it, None) for it in ("https://example.org:99999/", "https://ex ample.org/", "//[")),
        *((it, None) for it in (URL, f"{URL}#part-2", "/?p=7000001", f"{URL}amp/?utm_medium=x")),
        ("http://www.thehill.com/homenews/senate/7000001-made-up-story", None),
        ("https://user:pass@example.org/", None),
        ("\ud83d" and "https://example.org/\x00a", "https://example.org/a"),
    ],
)
def test_links(href: str, link: str | None) -> None:
    got = read(page(f'<p>See <a href="{href}">this</a>.</p>'))
    assert got["links"] == ([link] if link else [])
    assert got["body"] == "See this."


# The text.


@pytest.mark.parametrize(
    ("html", "body"),
    [
        ("<p>a<br>b</p>c<div>d</div>e", "a b\n\nc\n\nd\n\ne"),
        ("<p>a</p><span class='screen-reader-text'>No</span><p>b</p>", "a\n\nb"),
        (
            "<p>a <i class='icon' aria-hidden='true'>»</i><span aria-hidden='true'>$5</span></p>",
            "a $5",
        ),
        (
            "<p>a<span hidden>x</span><span style='DISPLAY : none'>y</span>b</p>"
            "<p class='sr-only'>z</p>",
            "ab",
        ),
        (
            "<p>a <img class='emoji' alt='😀' src='https://s.w.org/images/core/emoji/1.svg'>b</p>",
            "a 😀b",
        ),
        ("<p>It rained <img class='wp-smiley' alt=':)' src='/x.gif'></p>", "It rained :)"),
        ("<p>It <img alt='☔' src='/twemoji/2614.png'> <img class='emoji'></p>", "It ☔"),
        ("<p><![CDATA[It rained.]]></p><script>//<![CDATA[\nx\n//]]></script>", "It rained."),
        (
            "<p>a</p><div class='article__text'><p>b</p><div class='article__text'>c</div></div>",
            "a\n\nb\n\nc",
        ),
        ("<p>a</p><p class='page-links'>Pages: <span class='post-page-numbers'>1</span></p>", "a"),
        (
            "<table><tr><th></th><th>2025</th><th>2026</th></tr><tr><td>Rain</td><td></td>"
            "<td>3</td></tr></table>",
            "| 2025 | 2026\n\nRain | | 3",
        ),
        # Rows of plain cells are data; in a layout there are blocks, pictures and other tables.
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c<td>d</table>", "a | b\n\nc | d"),
        ("<table class='wp-block-table'><tr><td>a</td><td>b</td></tr></table>", "a | b"),
        ("<div class='wp-block-table'><table><tr><td>a<td>b</table></div>", "a | b"),
        ("<table><tr><td>a</td><td>b</td></tr></table>", "a\n\nb"),
        ("<table><tr><td>a<td>b</td></tr><tr><td>c</td></tr></table>", "a\n\nb\n\nc"),
        ("<table><tr><td>a<td><p>b</p></tr><tr><td>c<td>d</table>", "a\n\nb\n\nc\n\nd"),
        ("<table role=presentation><tr><th>a</th><td>b</td></tr></table>", "a\n\nb"),
        ("<p>a <img alt='🌧️' src='/72x72/1f327.png'> <img alt='…' src='/x.png'></p>", "a 🌧️"),
        (
            "<p>a<span class='elementor-screen-only'>x</span>"
            "<span style='position:absolute; left: -9999px'>y</span></p>"
            "<div style='mso-hide: all'>z</div><p>Advertisement</p>",
            "a",
        ),
        ("<p><math><mi>x</mi><annotation>\\x</annotation></math></p>", "x"),
        ("<p>a <i aria-hidden='true'>»<b></b></i></p>", "a"),
        ("<table><caption>Rain</caption><tr><th>a</th></tr></table>", "Rain\n\na"),
        (
            "<figure class='wp-block-table'><table><tr><td>a</td><td>b</td></tr></table>"
            "<figcaption>Source: x</figcaption></figure>",
            "a | b\n\nSource: x",
        ),
        (
            "<p>a</p><figure class='wp-block-embed'><iframe src='/x'></iframe><figcaption>"
            "Watch it</figcaption></figure>",
            "a\n\nWatch it",
        ),
        (
            "<p>a</p><figure><img src='data:,'><figcaption>Of a lost picture</figcaption></figure>",
            "a",
        ),
        ("<ul><li>a<p>b</p></li><li><ol><li>c</li></ol></li></ul>", "- a b\n- c"),
        ("<p>a<!-- x -->b<?php echo 1 ?>c</p>", "abc"),
        ("<p>5 &lt; 6 &amp;amp; more</p>", "5 < 6 &amp; more"),
    ],
)
def test_text(html: str, body: str) -> None:
    assert read(page(html))["body"] == body


def test_an_article_of_three_pages() -> None:
    def part(number: int, further: str) -> str:
        return page(f'<p>Part {number}.</p><div class="page-links">{further}</div>')

    first = part(
        1, f'Pages: 1 <a href="{URL}2/">2</a> <a href="{URL}3/">3</a> <a href="{OTHER}2/">x</a>'
    )
    second, third = part(2, f'<a href="{URL}">1</a>'), part(3, "")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(first, second, third)["body"] == "Part 1.\n\nPart 2.\n\nPart 3."
        assert read(first, second, third)["word_count"] == 6
    with pytest.warns(match=f"^{URL} goes on at {URL}3/$"):
        read(first, second)
    # Where each page knows the next one only.
    with pytest.warns(match="3/$"):
        read(part(1, f'<a href="{URL}2/">Next</a>'), part(2, f'<a href="{URL}3/">Next</a>'))


def test_a_crawl_reads_all_pages_of_an_article(tmp_path: Path) -> None:
    def part(number: int, *others: int) -> tuple[int, str, bytes]:
        links = "".join(f'<a href="{address(7000001)}{it}/">{it}</a>' for it in others)
        pages = f'<p>Part {number}.</p><div class="page-links">{links}</div>'
        return 200, HTML, article(7000001, pages)

    whole = {
        address(7000001): part(1, 2),
        f"{address(7000001)}2/": part(2, 3),
        f"{address(7000001)}3/": part(3, 2),
    }
    broken = {address(7000002): (200, HTML, whole[address(7000001)][2].replace(b"0001", b"0002"))}
    recording = site(tmp_path / "site.warc.gz", whole | broken)
    done = crawl(tmp_path / "out", "-a", "sections=news", NEWSCRAWL_REPLAY=str(recording))
    assert [it["body"] for it in done.records] == ["Part 1.\n\nPart 2.\n\nPart 3."]
    # Without its second page an article is not published, and is owed.
    [books] = [run["books"] for run in done.runs]
    assert (books["discovered"], books["new"], books["failed"]) == (2, 1, {"not recorded": 1})
    assert not done.runs[0]["complete"]


@pytest.mark.parametrize("kind", ["article", "blog", "press-release", "none"])
def test_pages_before_2022(kind: str) -> None:
    node = {"none": "div id='content'"}.get(
        kind, f"article class='node node-{kind} view-mode-full'"
    )
    html = f"""<html xml:lang="en"><head></head><body><h1 id="page-title">Old news</h1>
<span class="submitted-by">By Ada Quill - <span>11/19/19 06:56 AM EST</span></span><{node}>
<div class="field field-name-body"><div class="field-item"><p>It rained.</p></div></div>
<div class="article-tags"><a href="/social-tags/rain">Rain</a></div>
</{node.split()[0]}></body></html>"""
    got = read(html)
    assert (got["headline"], got["authors"], got["body"]) == (
        "Old news",
        ["Ada Quill"],
        "It rained.",
    )
    assert (got["date_published"], got["tags"]) == ("2019-11-19T11:56:00Z", ["Rain"])


# What the record says of the article as a whole, and of how it was read.


@pytest.mark.parametrize(
    ("stated", "accessible"),
    [
        (True, True),
        (False, False),
        ("True", True),
        ("false", False),
        ("http://schema.org/True", True),
        ("https://schema.org/False", False),
        ({"@type": "Boolean", "@value": "False"}, False),
        ({"@id": "schema:True"}, True),
        ([False], False),
        ("", None),
        ("perhaps", None),
        (0, None),
        (None, None),
    ],
)
def test_access(stated: Any, accessible: bool | None) -> None:
    part = {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": ".paywall"}
    for more in ({}, {"hasPart": part}):
        data = DATA | more | {"isAccessibleForFree": stated}
        assert read(page(data=data))["accessible"] is accessible


def test_access_is_what_this_article_states() -> None:
    wall = {"isAccessibleForFree": False}
    other = {"@type": "NewsArticle", "mainEntityOfPage": OTHER, **wall}
    for data in (
        DATA | {"hasPart": {"@type": "WebPageElement", **wall}},
        [DATA, other],
        [DATA, {"@type": "WebSite", **wall}],
        {**DATA, "isPartOf": {"@type": ["CreativeWork", "Product"], **wall}},
    ):
        assert read(page(data=data))["accessible"] is None
    second = DATA | {"isAccessibleForFree": "perhaps"}
    assert read(page(data=[DATA, second, DATA | wall]))["accessible"] is False


def test_the_record_names_how_it_was_read() -> None:
    assert read(page())["extraction"] == "lakana"
    got = read(json.dumps(POST))
    assert (got["extraction"], got["accessible"], got["date_precision"]) == ("post", None, "second")


class Undecided(HillSpider):
    """An outlet that does not say how to tell kinds."""

    kind_of = Outlet.kind_of


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("NewsArticle", "news"),
        ("ReportageNewsArticle", "news"),
        ("https://schema.org/OpinionNewsArticle", "opinion"),
        ("LiveBlogPosting", "live"),
        (["NewsArticle", "AdvertiserContentArticle"], "sponsored"),
        (["Article", "ImageGallery"], "gallery"),
        (["Article", "schema:PodcastEpisode"], "audio"),
        (["NewsArticle", "VideoObject"], "video"),
    ],
)
def test_kinds_are_types_of_schema_org_where_the_outlet_has_no_rule(
    kind: Any, expected: str
) -> None:
    html = page(data=DATA | {"@type": kind, "video": {"@type": "VideoObject"}})
    found = read_article(open_spider(Undecided), answer(URL, html.encode()))
    assert (found.kind, fault(found)) == (expected, None)
    found.body = None
    lacks = None if expected in ("video", "audio", "gallery", "live") else "no body"
    assert fault(found) == lacks


# The function itself.


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [
        ("utf-8", ""),
        ("utf-8", "utf-16"),
        ("utf-8-sig", ""),
        ("utf-16", ""),
        ("utf-16-le", ""),
        ("utf-16-be", "utf-8"),
        ("cp1252", ""),
        ("cp1252", "iso-8859-1"),
        ("cp1252", "utf-8"),
        ("utf-8", "windows-1252"),
        ("utf-8", "hex"),
    ],
)
def test_bytes(encoding: str, declared: str) -> None:
    head = f'<meta charset="{declared}">' if declared else ""
    html = page("<p>“Café”</p>", head=head).encode(encoding)
    assert read(html)["body"] == "“Café”"


def test_mistakes_in_the_markup_do_not_hide_the_encoding() -> None:
    html = page(f"{'</i>' * 200}<p>“Café”</p>").encode("cp1252")
    assert read(html)["body"] == "“Café”"


def test_one_wrong_byte_does_not_spoil_the_page() -> None:
    for head in ("", '<meta charset="utf-8">', '<meta charset="latin1">'):
        html = page("<p>“Café”</p><p>x</p>", head=head).encode().replace(b">x", b">\xff")
        assert read(html)["body"] == "“Café”\n\n\ufffd"
    # A text that was cut within a character.
    html = page("<p>“It’s” wet</p>").encode().replace("’".encode(), b"\xe2\x80")
    assert read(html)["body"] == "“It\ufffds” wet"


def test_provenance() -> None:
    asked = f"{URL}?utm_source=x"
    got = extract(page(), asked, fetched=datetime(2026, 11, 21, tzinfo=UTC))
    assert (got.url, got.source_url, got.source) == (URL, asked, "page")
    assert (got.outlet, got.id, got.revision) == ("hill", "7000001", 1)
    assert got.date_fetched == "2026-11-21T00:00:00Z"


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        ("", "empty answer"),
        (b" \n", "empty answer"),
        ("<html><body><p>Access denied</p></body></html>", "no article on the page"),
        ("\x00\x01\x02", "no article on the page"),
        (b"\xff\xfe\x00", "no article on the page"),
        ('{"id": 7000002}', "no post in the answer"),
        ('{"id": ', "broken JSON"),
        ("[" * 99999, "no article on the page"),
        ('{"a":' * 99999, "broken JSON"),
        (page(body=""), "no body"),
        (page(body=f"<p>x</p>{'<b>' * 3000}y"), "nested too deep"),
        (json.dumps(POST | {"content": {"rendered": "x" + "<i>" * 3000}}), "nested too deep"),
        (page(headline="", data={}), "no headline"),
    ],
)
def test_no_article(html: str | bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=f"^{reason}$"):
        extract(html, URL)


@pytest.mark.parametrize("url", ["", "http://[x", "https://example.org/", "/homenews/", URL[:36]])
def test_an_address_of_no_article(url: str) -> None:
    with pytest.raises(ArgumentError, match=r" is not the address of an article of hill\.$"):
        extract(page(), url)


@pytest.mark.parametrize("outlet", ["nosuch", "", "../hill"])
def test_an_unknown_outlet(outlet: str) -> None:
    with pytest.raises(ArgumentError, match=f"^Unknown outlet '{outlet}'"):
        extract(page(), URL, outlet)


def test_extract_installs_no_reactor_and_importing_it_costs_nothing() -> None:
    code = (
        "import sys; from newscrawl import extract\n"
        "assert not {'lxml', 'scrapy'} & set(sys.modules)\n"
        f"extract({page()!r}, {URL!r}); assert 'twisted.internet.reactor' not in sys.modules"
    )
    run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_large_stories_are_read_in_steps_that_grow_with_them() -> None:
    # Counted, not timed: what is done for each element must not grow with their number.
    def steps(count: int) -> int:
        rows = "<tr><td>a</td><td>b</td></tr>" * count
        items = "<p>x</p>" * count
        html = page(
            f"<table><tr><th>h</th></tr>{rows}</table><ul><li>{items}</li></ul>{'a<br>' * count}"
        )
        calls = 0

        def counted(*_: object) -> None:
            nonlocal calls
            calls += 1

        sys.setprofile(counted)
        try:
            extract(html, URL)
        finally:
            sys.setprofile(None)
        return calls

    steps(1)
    small, large = steps(100), steps(1000)
    assert large < 11 * small
