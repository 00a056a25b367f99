"""A real WordPress, an editor at work, and what a crawl publishes of it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.day import Crawler, latest
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage.books import balance
from newscrawl.storage.ledger import ArticleState, Ledger
from tests.outlets import HarborSpider
from tests.wordpress import WordPress, missing, running

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="session")
def site() -> Iterator[WordPress]:
    """WordPress itself, set up once."""
    if reason := missing():
        pytest.skip(reason)
    with running() as wordpress:
        yield wordpress


@pytest.fixture
def wordpress(site: WordPress) -> WordPress:
    """WordPress without a post. The test begins now: edits have the real time."""
    global NOW  # noqa: PLW0603
    NOW = datetime.now(UTC).replace(microsecond=0)
    site.clear()
    return site


class Newsroom:
    """A crawl every hour, and what each left."""

    def __init__(
        self, output: Path, crawler: Crawler, wordpress: WordPress, spider: type = HillSpider
    ) -> None:
        self.output = output
        self.spider = f"{spider.__module__}.{spider.__name__}"
        self.outlet: str = spider.name  # type: ignore[attr-defined]
        self.crawler = crawler
        self.wordpress = wordpress
        self.hour = 0

    def crawl(self, hours: float = 1, reason: str = "finished", **arguments: str) -> dict[str, Any]:
        """Crawl so many hours after the last crawl (the first: now); return its run.json."""
        self.wordpress.requests()
        now = NOW + HOUR * self.hour + timedelta(minutes=1)
        self.hour += hours
        assert self.crawler.crawl(now, self.spider, **arguments) == reason
        path = max(self.output.glob(f"{self.outlet}/run=*/run.json"))
        run: dict[str, Any] = json.loads(path.read_text())
        assert balance(run["books"]) == 0
        return run

    @property
    def records(self) -> dict[int, dict[str, Any]]:
        """The latest revision of every article."""
        return {
            int(identity): record for identity, record in latest(self.output, self.outlet).items()
        }

    def known(self, identity: int) -> ArticleState:
        """What the ledger knows of an article."""
        known = Ledger(f"sqlite:///{self.output}/ledger.sqlite3").get(self.outlet, str(identity))
        assert known is not None
        return known


@contextmanager
def crawling(
    output: Path, wordpress: WordPress, spider: type = HillSpider, **settings: str
) -> Iterator[Newsroom]:
    crawler = Crawler(output, wordpress, settings)
    try:
        yield Newsroom(output, crawler, wordpress, spider)
    finally:
        crawler.close()


METHODS = ("api", "feeds", "sitemap")


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def newsroom(wordpress: WordPress, tmp_path: Path) -> Iterator[Newsroom]:
    with crawling(tmp_path / "out", wordpress) as it:
        yield it


def posts(count: int, first: datetime | None = None, **more: Any) -> list[dict[str, Any]]:
    """Return posts for ``WordPress.write_all``, the newest first, a quarter of an hour apart."""
    newest = first or NOW - 2 * HOUR
    return [
        {"title": f"Story {number}", "date": newest - timedelta(minutes=15 * number), **more}
        for number in range(count)
    ]


def test_what_appears_with_an_old_time_is_found(
    wordpress: WordPress, newsroom: Newsroom, method: str
) -> None:
    known = wordpress.write_all(posts(20))
    planned = wordpress.schedule("Planned", NOW + timedelta(days=2))
    newsroom.crawl(discover=method)
    assert newsroom.records.keys() == set(known)
    # WordPress does not touch the time of modification when a scheduled post appears.
    wordpress.appear(planned, NOW - timedelta(minutes=5), NOW - 20 * HOUR)
    wire = wordpress.write("Wire copy", "policy/defense", date=NOW - 6 * HOUR)
    assert wordpress.show(wire)["modified"] == wordpress.show(wire)["date"]
    run = newsroom.crawl(discover=method)
    assert newsroom.records.keys() == {*known, planned, wire}
    assert run["complete"]


def test_hundreds_of_posts_of_one_second_are_found(
    wordpress: WordPress, newsroom: Newsroom
) -> None:
    wordpress.write_all(posts(5))
    newsroom.crawl(discover="api")
    imported = wordpress.import_all(250, NOW - timedelta(days=30), NOW - timedelta(minutes=3))
    later = wordpress.write("After them", date=NOW - timedelta(minutes=1))
    run = newsroom.crawl(discover="api")
    assert {*imported, later} <= newsroom.records.keys()
    assert run["complete"]


@pytest.mark.parametrize(
    ("act", "method"),
    [
        ("draft", "api"),
        ("private", "feeds"),
        ("trash", "api"),
        ("trash", "sitemap"),
        ("delete", "api"),
        ("delete", "links"),
    ],
)
def test_what_is_taken_off_the_site_is_gone(
    wordpress: WordPress, newsroom: Newsroom, act: str, method: str
) -> None:
    first, second, *_ = wordpress.write_all(posts(4))
    newsroom.crawl(discover=method)
    if act in ("trash", "delete"):
        getattr(wordpress, act)(first)
    else:
        wordpress.edit(first, post_status=act)
    withdrawn: list[dict[str, Any]] = []
    # Within the day that the docs state.
    for hours in (1, 6, 24):
        withdrawn += newsroom.crawl(hours, discover=method)["withdrawn"]
    withdrawn += newsroom.crawl(discover=method)["withdrawn"]
    assert [(it["id"], it["gone"]) for it in withdrawn] == [(str(first), True)]
    assert second in newsroom.records


def test_a_record_by_rest_is_as_the_page_gives_it(wordpress: WordPress, newsroom: Newsroom) -> None:
    long = "".join(f"<p>Paragraph {number} of a long story.</p>\n" for number in range(40))
    story = wordpress.write(
        "Senate <em>“votes”</em> &amp; leaves", body=long, authors=["maria-oneill", "ben-quist"]
    )
    closed = wordpress.write("For members", more={"post_password": "invented"})
    run = newsroom.crawl(discover="api", fetch="api")
    by_rest = newsroom.records[story]
    assert by_rest["headline"] == "Senate “votes” & leaves"
    assert by_rest["language"] == "en-US"
    assert by_rest["description"].endswith(" long story. Paragraph")
    assert [it["name"] for it in by_rest["authors"]] == ["María O’Neill-Ortiz", "Ben Quist"]
    assert run["books"]["rejected"] == {"password protected": 1}
    with crawling(newsroom.output.parent / "pages", wordpress) as other:
        run = other.crawl(discover="feeds", fetch="page")
        assert run["books"]["rejected"] == {"password protected": 1}
        page = other.records[story]
    same = ("headline", "authors", "body", "language", "date_published", "url")
    by_rest["authors"] = [{**it, "url": None} for it in by_rest["authors"]]
    page["authors"] = [{**it, "url": None} for it in page["authors"]]
    assert {name: by_rest[name] for name in same} == {name: page[name] for name in same}
    assert closed not in newsroom.records


NAMES = {"ada-lorn": "Ada Lorn", "ben-quist": "Ben Quist", "maria-oneill": "María O’Neill-Ortiz"}


def names(record: dict[str, Any]) -> list[str]:
    return [it["name"] for it in record["authors"]]


@pytest.mark.parametrize("source", ["feed pages", "author feeds", "coauthors"])
def test_every_post_has_its_authors_however_old(
    wordpress: WordPress, newsroom: Newsroom, source: str
) -> None:
    # A feed of few items stands for one of a hundred on a site of thousands of posts.
    wordpress.option("hill_feed_items", 8)
    if source != "feed pages":
        wordpress.option("hill_feed_pages", "no")
    if source == "coauthors":
        wordpress.option("hill_coauthors", "rest")
    slugs = list(NAMES)
    given = [[slugs[n % 3]] if n % 2 else [slugs[n % 3], slugs[(n + 1) % 3]] for n in range(30)]
    written = [p | {"authors": it} for p, it in zip(posts(30), given, strict=True)]
    if source == "author feeds":
        # The oldest are by a third person, the others by a second.
        written = written[:8] + [it | {"more": {"post_author": 3}} for it in written[-6:]]
        given = [*given[:8], *given[-6:]]
    ids = wordpress.write_all(written)
    newsroom.crawl(discover="api")
    got = {identity: names(newsroom.records[identity]) for identity in ids}
    assert got == {it: [NAMES[slug] for slug in who] for it, who in zip(ids, given, strict=True)}
    asked = [url for _, url in wordpress.requests()]
    assert sum("feed=" in url for url in asked) <= (0 if source == "coauthors" else 5)
    # What does not answer is not tried again.
    wordpress.edit(ids[-1], post_content="<p>Corrected.</p>")
    wordpress.saved_at(ids[-1], NOW + 0.5 * HOUR)
    newsroom.crawl(discover="api")
    asked = [url for _, url in wordpress.requests()]
    assert not [url for url in asked if "coauthors/v1" in url or "author=" in url]


@pytest.mark.parametrize("discover", ["api", "feeds", "sitemap"])
def test_corrected_bylines_and_addresses_are_published(
    wordpress: WordPress, newsroom: Newsroom, discover: str
) -> None:
    wordpress.option("hill_feed_items", 8)
    first, second, *_, last = wordpress.write_all(posts(20))
    newsroom.crawl(discover=discover)
    wordpress.credit(first, "ben-quist", "ada-lorn")
    if discover == "api":
        wordpress.credit(last, "maria-oneill")
    wordpress.edit(second, section="policy/defense", post_name="elsewhere")
    newsroom.crawl(discover=discover)
    assert names(newsroom.records[first]) == ["Ben Quist", "Ada Lorn"]
    if discover == "api":
        assert names(newsroom.records[last]) == ["María O’Neill-Ortiz"]
    # Nothing that a reader would notice has changed, so there is no revision; yet it has moved.
    assert newsroom.records[second]["revision"] == 1
    assert newsroom.known(second).url.endswith(f"/policy/defense/{second}-elsewhere/")
    wordpress.edit(second, post_title="Corrected")
    wordpress.saved_at(second, NOW + 1.5 * HOUR)
    newsroom.crawl(discover=discover)
    assert newsroom.records[second]["url"] == newsroom.known(second).url
    assert "/policy/defense/" in newsroom.records[second]["url"]


@pytest.mark.parametrize("lastmod", ["day", "none"])
def test_older_days_of_the_sitemap_are_read_now_and_then(
    wordpress: WordPress, newsroom: Newsroom, lastmod: str
) -> None:
    wordpress.option("hill_lastmod", lastmod)
    old = NOW - timedelta(days=3)
    stale = wordpress.write_all(posts(40, first=old - 5 * HOUR))
    (recent,) = wordpress.write_all(posts(1))
    newsroom.crawl(discover="sitemap")
    assert newsroom.records.keys() == {recent}
    # Neither the correction nor the late article changes what the index says of that day.
    wordpress.edit(stale[0], post_title="Corrected")
    wordpress.saved_at(stale[0], NOW + 0.5 * HOUR)
    late = wordpress.write("Late", date=NOW - timedelta(days=1), modified=NOW - timedelta(days=1))
    files = 0
    for hours in (1, 1, 24, 1):
        newsroom.crawl(hours, discover="sitemap")
        files += sum("yyyy=" in url for _, url in wordpress.requests())
    assert newsroom.records.keys() == {recent, late, stale[0]}
    assert files < 18


def test_sections_hold_their_subsections_and_pages_may_be_small(
    wordpress: WordPress, newsroom: Newsroom
) -> None:
    wordpress.option("hill_per_page", 7)
    inside = wordpress.write_all([*posts(10), {"title": "Above", "section": "homenews"}])
    wordpress.write("Elsewhere", "opinion/campaign")
    run = newsroom.crawl(discover="api", sections="homenews")
    assert newsroom.records.keys() == set(inside)
    assert run["complete"]
    refused = [status for status, _ in wordpress.requests() if status == 400]
    newsroom.crawl(discover="api", sections="homenews")
    # How many the site gives at once is known from then on.
    assert len(refused) == 1
    assert not [status for status, _ in wordpress.requests() if status == 400]


def test_a_window_in_the_hour_that_is_lived_twice_is_whole(
    wordpress: WordPress, newsroom: Newsroom
) -> None:
    # At 06:00 UTC clocks in New York went back from two to one.
    back = datetime(2026, 11, 1, 6, tzinfo=UTC)
    times = [back + timedelta(minutes=10 * number) for number in range(-12, 12)]
    ids = wordpress.write_all([{"title": f"At {it:%H:%M}", "date": it} for it in times])
    for hours, since, until in ((1, -35, 25), (1, -5, 15)):
        bounds = {"since": back + since * HOUR / 60, "until": back + until * HOUR / 60}
        given = {name: f"{it:%Y-%m-%dT%H:%M:%SZ}" for name, it in bounds.items()}
        with crawling(newsroom.output.parent / str(since), wordpress) as other:
            other.crawl(hours, discover="api", **given)
            inside = zip(ids, times, strict=True)
            expected = {it for it, when in inside if bounds["since"] <= when <= bounds["until"]}
            assert other.records.keys() == expected


def test_what_comes_back_is_published_again(wordpress: WordPress, newsroom: Newsroom) -> None:
    first, *_ = wordpress.write_all(posts(3))
    newsroom.crawl(discover="api")
    wordpress.trash(first)
    assert [it["gone"] for it in newsroom.crawl(discover="api")["withdrawn"]] == [True]
    wordpress.restore(first)
    wordpress.saved_at(first, NOW + 1.5 * HOUR)
    assert [it["gone"] for it in newsroom.crawl(discover="api")["withdrawn"]] == [False]
    assert newsroom.known(first).state == "published"


def test_a_feed_that_has_not_changed_answers_304(wordpress: WordPress, newsroom: Newsroom) -> None:
    wordpress.write_all(posts(3))
    newsroom.crawl(discover="feeds")
    wordpress.requests()
    newsroom.crawl(discover="feeds")
    feeds = [status for status, url in wordpress.requests() if "feed=partner" in url]
    assert feeds == [304]


# Addresses that are slugs: the page, REST and the feed name the number of an article.


@pytest.fixture
def slugs(wordpress: WordPress, tmp_path: Path) -> Iterator[Newsroom]:
    """The newsroom of a site whose addresses are slugs."""
    wordpress.permalinks("/%postname%/")
    try:
        with crawling(tmp_path / "out", wordpress, HarborSpider) as it:
            yield it
    finally:
        wordpress.permalinks("/%category%/%post_id%-%postname%/")


@pytest.mark.parametrize("first", ["links", "feeds", "sitemap", "api", "links,api", "feeds,api"])
def test_a_number_identifies_an_article_by_every_method(
    first: str, wordpress: WordPress, slugs: Newsroom
) -> None:
    known = wordpress.write_all([it | {"title": f"The {it['title']}"} for it in posts(6)])
    assert wordpress.show(known[0])["url"] == "https://thehill.com/the-story-0/"
    run = slugs.crawl(discover=first)
    assert slugs.records.keys() == set(known)
    assert (run["complete"], run["books"]["new"], run["books"]["discovered"]) == (True, 6, 6)
    for method in ("api", "feeds", "links", "sitemap"):
        run = slugs.crawl(0.1, discover=method)
        counts = [run["books"][it] for it in ("new", "revised", "rejected", "failed", "pending")]
        assert counts == [0, 0, {}, {}, 0], method
        assert run["complete"], method
    assert run["books"]["known"] == 6


@pytest.mark.parametrize("method", ["links", "feeds", "sitemap", "api"])
def test_a_changed_slug_is_the_same_article(
    method: str, wordpress: WordPress, slugs: Newsroom
) -> None:
    known = wordpress.write_all([it | {"title": f"The {it['title']}"} for it in posts(4)])
    slugs.crawl(discover=method)
    moved, edited = known[:2]
    wordpress.edit(moved, post_name="another-slug-altogether")
    wordpress.edit(edited, post_name="one-more-slug", post_content="<p>It is over.</p>")
    for identity in (moved, edited):
        wordpress.saved_at(identity, NOW + timedelta(hours=2))
    new = wordpress.write("A third storm nears", date=NOW - HOUR)
    run = slugs.crawl(3, discover=method)
    assert run["complete"]
    run = slugs.crawl(3, discover=method)
    assert run["complete"]
    assert slugs.records.keys() == {*known, new}
    assert slugs.records[edited]["body"] == "It is over."
    assert slugs.known(moved).url == "https://thehill.com/another-slug-altogether/"
    assert slugs.known(edited).url == "https://thehill.com/one-more-slug/"
    assert (slugs.known(moved).revision, slugs.known(edited).revision) == (1, 2)


def test_a_post_is_requested_by_its_slug(wordpress: WordPress, slugs: Newsroom) -> None:
    known = wordpress.write_all([it | {"title": f"The {it['title']}"} for it in posts(3)])
    run = slugs.crawl(discover="links", fetch="api", sections="news")
    assert run["complete"]
    assert {it["source"] for it in slugs.records.values()} == {"api"}
    assert slugs.records.keys() == set(known)
    assert any("slug=the-story-0" in url for _, url in wordpress.requests())


@pytest.mark.parametrize("spider", [HillSpider, HarborSpider])
def test_a_recording_of_the_lists_of_posts_is_read_again(
    wordpress: WordPress, tmp_path: Path, spider: type
) -> None:
    folder = tmp_path / "recordings"
    with crawling(
        *(tmp_path / "out", wordpress, spider),
        NEWSCRAWL_RECORD=str(folder),
        NEWSCRAWL_REVISIT_HOURS="",
    ) as newsroom:
        known = wordpress.write_all([it | {"title": f"The {it['title']}"} for it in posts(120)])
        newsroom.crawl(discover="api")
        wordpress.edit(known[3], post_content="<h2>Now</h2><p>It is over.</p>")
        newsroom.crawl(discover="api")
        records = newsroom.records
        assert (records[known[3]]["revision"], len(records)) == (2, 120)
        files = ",".join(sorted(map(str, folder.iterdir())))
        run = newsroom.crawl(0, reread=files)
        assert (run["books"]["unchanged"], run["complete"]) == (120, True)
        assert newsroom.records == records
    # With an empty output folder there is no ledger with authors.
    with crawling(tmp_path / "other", wordpress, spider) as other:
        run = other.crawl(reread=files)
        assert (run["books"]["new"], run["complete"]) == (120, True)
        assert other.records[known[3]]["revision"] == 2
        for name in ("body", "headline", "section", "tags", "url", "images", "source"):
            read = {it: record[name] for it, record in other.records.items()}
            assert read == {it: record[name] for it, record in records.items()}
