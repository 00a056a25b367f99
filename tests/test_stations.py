"""Nexstar's stations, read from the real pages in ``../shared``: every field, exactly."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from lxml import html

from newscrawl import extract
from newscrawl.items import record
from tests.conftest import crawl
from tests.recordings import HTML, write_warc

UPLOADS = "wp-content/uploads/sites"
# What was read from the pages by eye: facts and addresses, and hashes of texts.
STATIONS: dict[str, dict[str, Any]] = {
    "ktla": {
        "file": "sister-ktla-article-2023-11-08.html",
        "url": "https://ktla.com/news/local-news/"
        "arrest-made-in-connection-with-body-parts-found-in-dumpster-in-tarzana/",
        "id": "2670491",
        "authors": [("Josh DuBose", "https://ktla.com/author/josh-dubose/")],
        "date_published": "2023-11-09T06:35:29Z",
        "date_modified": "2023-11-09T07:55:47Z",
        "sections": ["Local News", "Breaking News Email Alerts", "News"],
        "images": [
            (f"https://ktla.com/{UPLOADS}/4/2023/11/{name}.jpg", credit)
            for name, credit in (
                ("snapshot-37-1", None),
                ("encino-body", "Carlos Saucedo"),
                ("encino-body-2", "Carlos Saucedo"),
                ("encino-body-1", "Carlos Saucedo"),
                ("body", "KTLA"),
                ("tarzana-home", None),
            )
        ],
        "captions": "7b55e3c40a11908e",
        "links": ["https://ktla.com/news/local-news/bag-of-body-parts-found-in-encino/"],
        "blocks": 11,
        "ends": "13fe620c4ef42a47",
    },
    "kxan": {
        "file": "sister-kxan-article-2023-11-08.html",
        "url": "https://www.kxan.com/news/texas/voters-pass-increase-for-retired-public-education-"
        "workers-but-future-shortfalls-likely-to-emerge/",
        "id": "1980620",
        "authors": [("Cora Neas", "https://www.kxan.com/author/cora-neas/")],
        "date_published": "2023-11-08T22:43:30Z",
        "date_modified": "2023-11-08T22:43:31Z",
        "sections": ["Texas", "Education", "News", "Top Stories"],
        "images": [
            (f"https://www.kxan.com/{UPLOADS}/40/2023/08/MLK-Equity-Initiative-Event.jpg", None)
        ],
        "captions": "e336ee6fcc020459",
        "links": [
            "https://www.kxan.com/news/your-local-election-hq/"
            "proposition-9-adds-billions-to-texas-teachers-retirement-system/",
            "https://capitol.texas.gov/tlodocs/88R/billtext/html/SB00010F.htm",
            "https://www.kxan.com/news/your-local-election-hq/"
            "texas-property-owners-set-to-benefit-from-property-tax-relief-with-prop-4/",
        ],
        "blocks": 9,
        "ends": "4c59e67b644cab7e",
    },
    "whnt": {
        "file": "sister-whnt-article-2020-11-20.html",
        "url": "https://whnt.com/news/don-trump-jr-tests-positive-for-coronavirus/",
        "id": "933813",
        "authors": [("Elizabeth Chmurak", None)],
        "date_published": "2020-11-20T23:25:14Z",
        "date_modified": "2020-11-21T01:16:34Z",
        "sections": ["News"],
        "images": [
            (
                f"https://whnt.com/{UPLOADS}/20/2020/11/AP20325834765888.jpg",
                "AP Photo/John Bazemore, File",
            )
        ],
        "captions": "b3a0798a68a5c319",
        "links": ["https://www.newsnationnow.com/"],
        "blocks": 5,
        "ends": "d216b594523738e1",
    },
}


def words(element: Any) -> str:
    return " ".join(element.text_content().split())


def digest(texts: list[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]


@pytest.mark.fast
@pytest.mark.parametrize("name", STATIONS)
def test_a_stations_page_is_read_exactly(shared: Path, name: str) -> None:
    want = STATIONS[name]
    page = (shared / "stations" / want["file"]).read_bytes()
    got = record(extract(page, want["url"], outlet=name))
    root = html.fromstring(page.decode())
    # An independent reading: the paragraphs that are children of the story's element.
    paragraphs = [
        words(it) for it in root.xpath("//article[contains(@class, 'hentry')]/div/p") if words(it)
    ]
    blocks = (got["body"] or "").split("\n\n")
    assert blocks == paragraphs[-want["blocks"] :]
    ends = [" ".join(blocks[0].split()[:4]), " ".join(blocks[-1].split()[-4:])]
    assert digest(ends) == want["ends"]
    assert got["headline"] == words(root.xpath("//h1[@class='article-title']")[0])
    (description,) = root.xpath("//meta[@property='og:description']/@content")
    assert got["description"].startswith(" ".join(description.rstrip("…").split()))
    assert [(it["name"], it["url"]) for it in got["authors"]] == want["authors"]
    assert [(it["url"], it["credit"]) for it in got["images"]] == want["images"]
    assert digest([it["caption"] for it in got["images"]]) == want["captions"]
    same = ("id", "url", "date_published", "date_modified", "sections", "links")
    assert {it: got[it] for it in same} == {it: want[it] for it in same}
    assert got["section"] == want["sections"][0]
    constant = ("outlet", "tags", "kind", "language", "extraction", "date_precision")
    assert [got[it] for it in constant] == [name, [], "news", "en-US", "station", "second"]
    assert got["word_count"] == len(" ".join(blocks).split())


def test_a_station_is_crawled_by_its_feed(tmp_path: Path) -> None:
    """The row has no line of code, and no source of its own."""
    fixture = Path(__file__).parent / "fixtures/ktla/news"
    url = json.loads((fixture / "meta.json").read_text("utf-8"))["url"]
    item = (
        f"<item><title>Dam</title><link>{url}</link><guid>https://ktla.com/?p=2700123</guid></item>"
    )
    feed = f'<?xml version="1.0"?><rss version="2.0"><channel>{item}</channel></rss>'
    answers = {
        "https://ktla.com/robots.txt": (200, "text/plain", b"User-agent: *\nDisallow:\n"),
        "https://ktla.com/feed/": (200, "application/rss+xml", feed.encode()),
        url: (200, HTML, (fixture / "page.html").read_bytes()),
    }
    recording = write_warc(tmp_path / "site.warc.gz", answers.items())
    done = crawl(tmp_path / "output", outlet="ktla", NEWSCRAWL_REPLAY=str(recording))
    assert done.code == 0, done.log
    (got,) = done.records
    expected = json.loads((fixture / "expected.json").read_text("utf-8"))
    expected.pop("disagreements")
    assert {name: got[name] for name in expected} == expected
    assert done.runs[0]["books"]["new"] == 1
