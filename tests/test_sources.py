"""Outlets that list their articles otherwise than The Hill: what a crawl of them leaves."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newscrawl.storage.books import balance
from tests.conftest import Crawl, command, crawl, make_due
from tests.outlets import OUTLETS, page
from tests.recordings import HTML, Answer, write_warc

NOW = datetime.now(UTC).replace(microsecond=0)
XML = "application/xml"
GONE = (404, "text/html", b"<html><body><p>Gone.</p></body></html>")
ROBOTS = (200, "text/plain", b"User-agent: *\nDisallow:\n")


def ago(**span: float) -> str:
    return f"{NOW - timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


def html(url: str, body: str = "It rained all night.", published: str = "") -> Answer:
    return (200, HTML, page(url, body, published or ago(hours=2)))


def urlset(*entries: str) -> Answer:
    return (200, XML, f"<urlset>{''.join(f'<url>{it}</url>' for it in entries)}</urlset>".encode())


def index(*entries: str) -> Answer:
    files = "".join(f"<sitemap>{it}</sitemap>" for it in entries)
    return (200, XML, f"<sitemapindex>{files}</sitemapindex>".encode())


def loc(url: str, modified: str = "") -> str:
    return f"<loc>{url}</loc>" + (f"<lastmod>{modified}</lastmod>" if modified else "")


def news(url: str, published: str) -> str:
    return (
        f"<loc>{url}</loc><n:news><n:publication_date>{published}</n:publication_date>"
        "<n:title>Storm nears</n:title></n:news>"
    )


def rss(*urls: str) -> Answer:
    items = "".join(f"<item><title>x</title><link>{url}</link></item>" for url in urls)
    return (200, XML, f"<rss><channel>{items}</channel></rss>".encode())


class Crawls:
    """Crawls of an invented outlet, one after the other; every run has answers of its own."""

    def __init__(self, folder: Path, outlet: str) -> None:
        self.output = folder / "out"
        self.outlet = outlet
        self._count = 0

    def crawl(self, answers: Mapping[str, Answer], *arguments: str, **settings: str) -> Crawl:
        """Crawl a recording; what is not in it is 404."""
        self._count += 1
        hosts = {url.split("/")[0] + "//" + url.split("/")[2] for url in answers}
        robots = {f"{host}/robots.txt": ROBOTS for host in hosts}
        path = self.output.parent / f"{self._count}.warc.gz"
        write_warc(path, {**robots, **answers}.items())
        done = crawl(
            self.output,
            *OUTLETS,
            *arguments,
            outlet=self.outlet,
            NEWSCRAWL_REPLAY=str(path),
            **settings,
        )
        for run in done.runs:
            assert balance(run["books"]) == 0
        return done

    def make_due(self) -> None:
        """Let the time of every revisit have come."""
        make_due(self.output, every=True)


ONE, TWO = (f"https://gazette.example/news/storm-{it}.html" for it in (7001, 7002))
SITEMAP = "https://gazette.example/news.xml"


def test_a_news_sitemap_is_enough(tmp_path: Path) -> None:
    gazette = Crawls(tmp_path, "gazette")
    listed = urlset(news(ONE, ago(hours=2)), news(TWO, ago(hours=3)))
    first = gazette.crawl({SITEMAP: listed, ONE: html(ONE), TWO: html(TWO)})
    assert first.code == 0, first.log
    assert [it["id"] for it in first.records] == ["7001", "7002"]
    assert first.records[0]["date_published"] == ago(hours=2)
    assert first.runs[0]["complete"]
    assert first.runs[0]["listings"]["asked"] == 1
    # Nothing is requested that is known and not due.
    again = gazette.crawl({SITEMAP: listed})
    assert (again.code, again.runs[-1]["books"]["known"]) == (0, 2)
    # A page that has changed is a revision, one that is gone is withdrawn.
    gazette.make_due()
    changed = html(ONE, "It rained, and it snowed.")
    later = gazette.crawl({SITEMAP: listed, ONE: changed, TWO: GONE})
    assert [(it["id"], it["revision"]) for it in later.records[2:]] == [("7001", 2)]
    assert [(it["id"], it["gone"]) for it in later.runs[-1]["withdrawn"]] == [("7002", True)]
    checked = command(gazette.output, "check-run", "gazette", *OUTLETS)
    assert (checked.returncode, "no findings" in checked.stdout) == (0, True), checked.stdout


def test_a_withdrawn_article_of_a_news_sitemap_comes_back(tmp_path: Path) -> None:
    gazette = Crawls(tmp_path, "gazette")
    listed = urlset(news(ONE, ago(hours=2)))
    gazette.crawl({SITEMAP: listed, ONE: html(ONE)})
    gazette.make_due()
    gone = gazette.crawl({SITEMAP: urlset(), ONE: GONE})
    assert [(it["id"], it["gone"]) for it in gone.runs[-1]["withdrawn"]] == [("7001", True)]
    changed = urlset(f"{news(ONE, ago(hours=2))}<lastmod>{ago(minutes=5)}</lastmod>")
    back = gazette.crawl({SITEMAP: changed, ONE: html(ONE)})
    assert [(it["id"], it["gone"]) for it in back.runs[-1]["withdrawn"]] == [("7001", False)]


def test_a_news_sitemap_that_cannot_be_read_is_nothing_to_be_had(tmp_path: Path) -> None:
    done = Crawls(tmp_path, "gazette").crawl({ONE: html(ONE)})
    assert done.code == 4
    assert done.runs[0]["listings"]["failed"] == {"http 404": 1}


def test_a_site_that_refuses_its_pages_is_probed_without_listings(tmp_path: Path) -> None:
    gazette = Crawls(tmp_path, "gazette")
    wall = (403, HTML, b"<html><body>no</body></html>")
    listed = urlset(news(ONE, ago(hours=2)), news(TWO, ago(hours=3)))
    settings = {"NEWSCRAWL_REFUSALS": "1", "NEWSCRAWL_PROBE_HOURS": "0.0000001,1"}
    refused = gazette.crawl({SITEMAP: listed, ONE: wall, TWO: wall}, **settings)
    assert refused.runs[0]["refused"]["reason"]
    front = "https://gazette.example/"
    answers = {SITEMAP: listed, ONE: html(ONE), TWO: html(TWO), front: html(front)}
    # Both wait for their retry.
    opened = gazette.crawl(answers, **settings)
    assert "over" in opened.runs[1]["refused"]
    assert not opened.runs[1]["listings"]["failed"]


WWW, SPORT = "https://www.courier.example", "https://sport.courier.example"


def test_several_feeds_on_several_hosts_are_read(tmp_path: Path) -> None:
    courier = Crawls(tmp_path, "courier")
    first, second = f"{WWW}/news/storm-1.html", f"{SPORT}/cup/final-2.html"
    answers = {
        f"{WWW}/rss.xml": rss(first, "http://courier.example/news/storm-1.html?utm_source=x"),
        f"{SPORT}/rss.xml": rss(second, "https://elsewhere.courier.example/news/no-3.html"),
        first: html(first),
        second: html(second),
    }
    done = courier.crawl(answers)
    assert done.code == 0, done.log
    assert sorted(it["url"] for it in done.records) == [second, first]
    assert done.runs[0]["listings"]["asked"] == done.runs[0]["listings"]["read"] == 2


def test_several_sitemaps_are_read_and_old_news_is_left_out(tmp_path: Path) -> None:
    courier = Crawls(tmp_path, "courier")
    new, old, undated, edited = (f"{WWW}/news/storm-{it}.html" for it in range(1, 5))
    cup = f"{SPORT}/cup/final-5.html"
    answers = {
        f"{WWW}/index.xml": index(
            loc("/posts-1.xml", ago(days=40)), loc("/posts-2.xml", ago(hours=1)), loc("/pages.xml")
        ),
        f"{WWW}/posts-1.xml": urlset(loc(f"{WWW}/news/no-9.html", ago(days=40))),
        f"{WWW}/posts-2.xml": urlset(loc(new, ago(hours=1)), loc(old, ago(days=30))),
        f"{WWW}/pages.xml": urlset(loc(undated), loc(f"{WWW}/about/")),
        f"{SPORT}/months.xml": index(),
        f"{WWW}/{NOW:%Y-%m}.xml": urlset(loc(cup, ago(hours=5))),
        **{it: html(it) for it in (new, old, undated, cup)},
    }
    done = courier.crawl(answers, "-a", "discover=sitemap")
    assert done.code == 0, done.log
    assert sorted(it["url"] for it in done.records) == sorted([new, undated, cup])
    # A file that has changed is read again: what is new in it is taken, not what was there.
    answers[f"{WWW}/index.xml"] = index(
        loc("/posts-1.xml", ago(days=40)), loc("/posts-2.xml", ago(minutes=1))
    )
    answers[f"{WWW}/posts-2.xml"] = urlset(
        loc(new, ago(hours=1)), loc(old, ago(days=30)), loc(edited, ago(minutes=2))
    )
    done = courier.crawl({**answers, edited: html(edited)}, "-a", "discover=sitemap")
    assert [it["url"] for it in done.records[3:]] == [edited]
    assert not done.runs[1]["listings"]["failed"]


def test_a_window_of_a_sitemap_without_files_of_days(tmp_path: Path) -> None:
    courier = Crawls(tmp_path, "courier")
    new, old, older = (f"{WWW}/news/storm-{it}.html" for it in range(1, 4))
    answers = {
        f"{WWW}/index.xml": index(loc("/1.xml", ago(days=90)), loc("/2.xml", ago(days=20))),
        f"{WWW}/2.xml": urlset(
            loc(new, ago(days=20)), loc(old, ago(days=29)), loc(older, ago(days=90))
        ),
        new: html(new, published=ago(days=20)),
        old: html(old, published=ago(days=60)),
    }
    done = courier.crawl(answers, "-a", "discover=sitemap", "-a", f"since={ago(days=30)[:10]}")
    # One was changed in the window, and published before it.
    assert [it["url"] for it in done.records] == [new]


@pytest.mark.parametrize(
    ("outlet", "argument", "says"),
    [
        ("gazette", "discover=api", "discover='api' is not allowed: it must be one of sitemap."),
        ("gazette", "discover=links", "it must be one of sitemap."),
        ("gazette", "fetch=api", "fetch='api' is not allowed"),
        ("gazette", "sections=news", "Leave out sections='news': gazette declares no listings"),
        ("gazette", "tags=tag/storm", "the path of a tag's listing of gazette"),
        ("monitor", "discover=sitemap", "it must be one of links, feeds."),
        ("herald", "limit=1", "herald declares no sources"),
    ],
)
def test_what_is_not_declared_is_a_wrong_argument(
    outlet: str, argument: str, says: str, tmp_path: Path
) -> None:
    done = crawl(tmp_path / "out", *OUTLETS, "-a", argument, outlet=outlet)
    assert (done.code, says in done.log) == (2, True), done.log


def test_feeds_of_sections_are_those_of_wordpress(tmp_path: Path) -> None:
    arguments = (*OUTLETS, "-a", "discover=feeds", "-a", "sections=world")
    done = crawl(tmp_path / "out", *arguments, outlet="monitor")
    assert (done.code, "those of monitor are of the whole outlet" in done.log) == (2, True), (
        done.log
    )


def test_a_site_without_https_is_read_by_http(tmp_path: Path) -> None:
    monitor = Crawls(tmp_path, "monitor")
    url = "http://monitor.example/world/storm-1.html"
    listing = (200, HTML, f'<a href="{url.replace("http", "https")}">x</a>'.encode())
    done = monitor.crawl({"http://monitor.example/world/": listing, url: html(url)})
    assert done.code == 0, done.log
    assert [(it["url"], it["source_url"]) for it in done.records] == [(url, url)]
    assert done.runs[0]["listings"]["asked"] == 1
