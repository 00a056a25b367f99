"""The sample site as input, files as output: the whole project, as ``make demo`` runs it."""

import json
import re
from collections import Counter
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
import pytest

from newscrawl.commands.demo import unpack_sample
from newscrawl.storage import schema
from newscrawl.storage.books import balance
from newscrawl.storage.parts import describe
from newscrawl.storage.warc import Counts, WarcFile
from tests.conftest import Crawl, crawl
from tests.kill import FAST
from tests.sample.__main__ import SHIPPED, write_editions, write_warc
from tests.sample.server import running
from tests.sample.site import SampleSite

SITE = SampleSite()


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "site.warc.gz"
    write_warc(SITE, path, 1)
    return path


@pytest.fixture(scope="module")
def done(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    # Of log lines that differ in the address only, the first is shown above DEBUG.
    settings = {"NEWSCRAWL_REPLAY": str(recording), "NEWSCRAWL_LOG_LEVEL": "DEBUG"}
    done = crawl(tmp_path_factory.mktemp("output"), **settings)
    assert done.code == 0, done.log
    return done


def plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def test_every_article_is_got_once_and_exactly(done: Crawl) -> None:
    expected = SITE.expected()
    assert len(expected) >= 80
    got = {record["id"]: record for record in done.records}
    assert len(done.records) == len(got)
    assert got.keys() == expected.keys()
    for identity, truth in expected.items():
        record = got[identity]
        for field in ("url", "headline", "date_published", "date_modified", "section", "kind"):
            assert record[field] == getattr(truth, field), (identity, field)
        assert [author["name"] for author in record["authors"]] == plain(truth.authors), identity
        assert record["sections"] == plain(truth.sections), identity
        assert record["tags"] == plain(truth.tags), identity
        assert (record["body"] or "").split("\n\n") == (plain(truth.body) or [""]), identity
        assert record["images"] == plain(truth.images), identity


def test_the_site_is_as_rich_as_the_real_one() -> None:
    expected = SITE.expected().values()
    assert {it.kind for it in expected} == {"news", "opinion", "newsletter", "live", "video"}
    assert len({it.section for it in expected} - {None}) >= 6
    assert SITE.broken()


def test_what_cannot_be_got_is_counted_with_its_reason(done: Crawl) -> None:
    run = done.runs[0]
    books = run["books"]
    assert balance(books) == 0
    assert books["discovered"] == len(SITE.expected()) + len(SITE.broken())
    refused = sum(books["rejected"].values()) + sum(books["failed"].values())
    assert refused == len(SITE.broken())
    assert books["pending"] == 0
    assert run["complete"] is False
    for identity in SITE.broken():
        assert any(
            identity in line and ("Rejected" in line or "Could not fetch" in line)
            for line in done.log.splitlines()
        ), identity


def test_run_json_describes_the_parts(done: Crawl) -> None:
    run = done.runs[0]
    folder = next(done.output.glob("hill/run=*"))
    parts = sorted(folder.glob("part-*.jsonl"))
    assert run["parts"] == [asdict(describe(part)) for part in parts]
    assert sum(part["records"] for part in run["parts"]) == run["books"]["new"]
    assert not list(done.output.glob("**/*.tmp"))


def test_every_line_follows_the_schema_and_its_order(done: Crawl) -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema.shipped()))
    order = schema.generate()["required"]
    for record in done.records:
        validator.validate(record)
        assert list(record) == order


def test_no_article_is_fetched_twice_and_nothing_off_the_site(tmp_path: Path) -> None:
    with running(SampleSite(60)) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        done = crawl(tmp_path, *FAST, https_proxy=proxy, http_proxy=proxy)
        asked = [url for _, url in server.requests]
    assert done.code == 0
    assert done.log.count("a placeholder instead of your address") == 1
    assert Counter(asked).most_common(1)[0][1] == 1
    assert {urlsplit(url).hostname for url in asked} == {"thehill.com"}
    never = ("/wp-login", "/wp-admin", "xmlrpc", "oembed", "/comments/", "/search/", "/author/")
    assert not [url for url in asked if any(part in url for part in (*never, "share", "utm_"))]
    pages = Counter(
        found[1] for url in asked if (found := re.search(r"/(\d{5,8})-[^/]*(?:/|$)", url))
    )
    # A second request for an article only follows the first one's redirect.
    redirected = {
        found[1]
        for url in asked
        if (found := re.search(r"(?:\?p=|/node/|/)(\d{5,8})(?:-|$)", url))
        and SampleSite(60).get(url).status == 301
    }
    assert {identity for identity, times in pages.items() if times > 1} <= redirected
    assert len(pages) >= 60


def test_sections_narrow_the_crawl(recording: Path, tmp_path: Path) -> None:
    done = crawl(
        tmp_path, "-a", "sections=homenews/senate", "-a", "pages=1", NEWSCRAWL_REPLAY=str(recording)
    )
    listings = done.runs[0]["listings"]
    assert (listings["asked"], listings["failed"]) == (1, {})
    senate = SITE.get("https://thehill.com/homenews/senate/").body.decode()
    main = senate.partition("<main")[2].partition("</main>")[0]
    shown = set(re.findall(r"/(\d{6,7})-", main)) - SITE.broken().keys()
    assert {it["id"] for it in done.records} == shown
    assert done.runs[0]["books"]["discovered"] == len(shown | set(re.findall(r"/(\d{6,7})-", main)))


def test_further_articles_are_followed_on_request(recording: Path, tmp_path: Path) -> None:
    arguments = ("-a", "sections=homenews/senate", "-a", "pages=1", "-a", "follow=1")
    done = crawl(tmp_path, *arguments, NEWSCRAWL_REPLAY=str(recording))
    assert done.runs[0]["listings"]["asked"] == 1
    assert len({it["section"] for it in done.records}) > 3


def test_a_tag_is_read_like_a_section(recording: Path, tmp_path: Path) -> None:
    tag = next(url for url in SITE.urls() if "/people/" in url and "?" not in url)
    path = tag.removeprefix("https://thehill.com/").strip("/")
    done = crawl(tmp_path, "-a", f"tags={path}", NEWSCRAWL_REPLAY=str(recording))
    assert done.code == 0
    assert done.runs[0]["listings"]["asked"] >= 1
    assert done.records


def test_limit_stops_at_exactly_so_many(recording: Path, tmp_path: Path) -> None:
    done = crawl(tmp_path, "-a", "limit=7", NEWSCRAWL_REPLAY=str(recording))
    run = done.runs[0]
    assert len(done.records) == 7
    assert run["reason"] == "limit"
    assert run["books"]["new"] == 7
    assert balance(run["books"]) == 0
    assert run["complete"] is False


def test_since_and_until_bound_the_time_of_publication(recording: Path, tmp_path: Path) -> None:
    dates = sorted(it.date_published for it in SITE.expected().values())
    since, until = dates[20], dates[60]
    done = crawl(
        tmp_path, "-a", f"since={since}", "-a", f"until={until}", NEWSCRAWL_REPLAY=str(recording)
    )
    assert sorted(it["date_published"] for it in done.records) == dates[20:61]


def test_an_archive_gives_the_same_articles(done: Crawl, recording: Path, tmp_path: Path) -> None:
    archived = crawl(tmp_path, "-a", f"archive={recording}")
    fields = ("id", "headline", "body", "content_hash", "url")
    assert sorted([it[f] for f in fields] for it in archived.records if it["revision"] == 1) == (
        sorted([it[f] for f in fields] for it in done.records)
    )
    assert {it["source"] for it in archived.records} == {"archive"}
    with WarcFile(str(recording)) as file:
        recorded = {it.date for it in file.captures(Counts(), lambda _: True)}
    assert {it["date_fetched"] for it in archived.records} == recorded


def test_the_recording_of_the_package_is_small_and_not_stale(tmp_path: Path) -> None:
    again = write_editions(tmp_path)
    shipped = tmp_path / "shipped"
    for packed, made in zip(unpack_sample(shipped), again, strict=True):
        same = packed.read_bytes() == made.read_bytes()
        assert same, f"{made.name} is stale: run python -m tests.sample record"
    assert SHIPPED.stat().st_size < 300_000
