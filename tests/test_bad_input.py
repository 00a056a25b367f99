"""Bad input: each ends with a clear sentence and a counted outcome, and loses no record."""

import gzip
import json
import os
from pathlib import Path

import pytest

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.sources import Feed, Listings
from newscrawl.storage.parts import read_part
from tests.conftest import Crawl, crawl
from tests.recordings import HTML, ROBOTS, address, article, site, write_warc

NEWS = ("-a", "sections=news")


def replay(tmp_path: Path, pages: dict[str, tuple[int, str, bytes]], *arguments: str) -> Crawl:
    recording = site(tmp_path / "site.warc.gz", pages)
    return crawl(tmp_path / "output", *NEWS, *arguments, NEWSCRAWL_REPLAY=str(recording))


def test_broken_pages_are_counted_and_the_good_ones_are_got(tmp_path: Path) -> None:
    good = article(6000001)
    pages = {
        address(6000001): (200, HTML, good),
        address(6000002): (200, HTML, b""),
        address(6000003): (200, HTML, b" \n "),
        address(6000004): (200, HTML, article(6000004).partition(b"It rained")[0]),
        address(6000005): (200, HTML, b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40),
        address(6000006): (200, "image/jpeg", b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40),
        address(6000007): (200, HTML, b"<html><body><h1>Nothing here</h1></body></html>"),
        address(6000008): (500, HTML, b"oops"),
        address(6000009): (200, "application/json", b"{broken"),
        address(6000010): (200, HTML, article(6000010).replace(b"11/20/26", b"13/45/26")),
        address(6000011): (
            200,
            "text/html; charset=utf-16",
            article(6000011, "<p>Declared wrongly, caf\u00e9.</p>"),
        ),
        address(6000012): (200, HTML, article(6000012).replace(b"rained", b"ra\xe9ned\x00\xff")),
        address(6000013): (200, HTML, article(6000013, "<div>" * 1500 + "deep")),
    }
    done = replay(tmp_path, pages)
    assert done.code == 0
    run = done.runs[0]
    books = run["books"]
    assert books["discovered"] == len(pages)
    assert books["failed"] == {"http 500": 1}
    refused = books["rejected"]
    assert refused["empty answer"] == 2
    assert refused["cut short"] == 1
    assert refused["not a page but image/jpeg"] == 1
    assert refused["broken JSON"] == 1
    assert refused["no date_published"] == 1
    assert refused["no article on the page"] >= 2
    assert run["complete"] is False
    assert books["new"] == len(done.records)
    got = {record["id"]: record for record in done.records}
    assert got["6000001"]["body"] == "It rained."
    assert got["6000011"]["body"] == "Declared wrongly, café."
    assert got["6000013"]["body"] == "deep"
    assert got["6000012"]["body"].startswith("It ra")
    assert f"Rejected {address(6000002)}: empty answer" in done.log
    assert "Traceback" not in done.log


def test_a_page_of_twenty_megabytes_is_read(tmp_path: Path) -> None:
    body = "<p>A long day.</p>" + "<!-- padding -->" * 1_300_000 + "<p>It ended.</p>"
    done = replay(tmp_path, {address(6000001): (200, HTML, article(6000001, body))})
    assert [record["body"] for record in done.records] == ["A long day.\n\nIt ended."]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        (
            "sections=homenews/senat",
            "sections='homenews/senat' is not allowed. Did you mean 'homenews/senate'?",
        ),
        ("sections=", "sections='' is not allowed"),
        ("tags=authors/ada", "tags='authors/ada' is not allowed: it must be the path of"),
        ("pages=-1", "pages='-1' is not allowed: it must be a whole number from 1 up"),
        ("pages=0", "pages='0' is not allowed"),
        ("limit=ten", "limit='ten' is not allowed"),
        ("discover=telepathy", "discover='telepathy' is not allowed: it must be one of"),
        ("fetch=carrier-pigeon", "fetch='carrier-pigeon' is not allowed: it must be one of"),
        ("since=yesterday", "since='yesterday' is not allowed: it must be a date"),
        ("until=2026-13-01", "until='2026-13-01' is not allowed"),
        ("archive=/nowhere/*.warc.gz", "archive='/nowhere/*.warc.gz' is not allowed"),
        ("colour=blue", "Unknown spider argument 'colour'. Known are sections, tags"),
        ("sektions=news", "Unknown spider argument 'sektions'. Did you mean 'sections'?"),
        # What Scrapy or Python would take for its own.
        ("name=../elsewhere", "Unknown spider argument 'name'."),
        ("crawler=x", "Unknown spider argument 'crawler'."),
        ("self=x", "Unknown spider argument 'self'."),
        ("custom_settings={}", "Unknown spider argument 'custom_settings'."),
        ("follow=perhaps", "follow='perhaps' is not allowed: it must be 0 or 1."),
    ],
)
def test_a_wrong_argument_stops_before_the_first_request(
    tmp_path: Path, argument: str, sentence: str
) -> None:
    done = crawl(tmp_path / "output", "-a", argument)
    assert done.code == 2
    assert done.log.startswith(sentence)
    assert len(done.log.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_since_after_until_is_refused(tmp_path: Path) -> None:
    done = crawl(tmp_path, "-a", "since=2026-02-01", "-a", "until=2026-01-01")
    assert done.code == 2
    assert "since='2026-02-01' is not allowed: it must be a time before until" in done.log


def test_a_file_that_is_no_warc_is_refused(tmp_path: Path) -> None:
    for name, content in (("a.warc", b"Hello"), ("b.warc.gz", gzip.compress(b"Hello" * 999))):
        path = tmp_path / name
        path.write_bytes(content)
        done = crawl(tmp_path / "output", "-a", f"archive={path}")
        assert done.code == 2
        assert f"archive='{path}' is not allowed: it must be a WARC file" in done.log
        done = crawl(tmp_path / "output", NEWSCRAWL_REPLAY=str(path))
        assert done.code == 2
        assert f"NEWSCRAWL_REPLAY='{path}' is not a WARC file" in done.log
        assert "Traceback" not in done.log


def test_an_output_folder_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    blocked = tmp_path / "output"
    blocked.write_text("a file where the folder should be")
    recording = site(tmp_path / "site.warc.gz", {address(6000001): (200, HTML, article(6000001))})
    done = crawl(blocked, *NEWS, NEWSCRAWL_REPLAY=str(recording))
    assert done.code == 3
    assert f"The output folder {blocked} cannot be used" in done.log
    assert "Traceback" not in done.log


def test_a_full_disk_stops_the_run_and_tears_no_line(tmp_path: Path) -> None:
    pages = {
        address(n): (200, HTML, article(n, "<p>rain</p>" * 400)) for n in range(6000001, 6000031)
    }
    recording = site(tmp_path / "site.warc.gz", pages)
    output = tmp_path / "output"
    # No file may grow past 96 KiB, the ledger's neither: like a full disk, in the middle of a line.
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=str(recording), limits="ulimit -f 96")
    assert done.code == 3
    assert "cannot be written, the run stops" in done.log
    assert "Traceback" not in done.log
    assert len(done.records) < len(pages)
    # There is room again: what was written counts, the rest is got, nothing twice.
    again = crawl(output, *NEWS, NEWSCRAWL_REPLAY=str(recording))
    assert again.code == 0
    assert sorted((it["id"], it["revision"]) for it in again.records) == [
        (str(number), 1) for number in range(6000001, 6000031)
    ]
    assert len(again.runs) == 2


def test_a_warc_cut_in_the_middle_is_read_up_to_the_cut(tmp_path: Path) -> None:
    pages = [(address(n), (200, HTML, article(n))) for n in range(6000001, 6000011)]
    whole = write_warc(tmp_path / "whole.warc.gz", pages)
    cut = tmp_path / "cut.warc.gz"
    cut.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.55)])
    done = crawl(tmp_path / "output", "-a", f"archive={cut}")
    assert done.code == 0
    assert [record["id"] for record in done.records][:5] == [str(6000001 + n) for n in range(5)]
    books = done.runs[0]["books"]
    assert books["new"] == len(done.records) < 10


def test_a_killed_run_is_salvaged_by_the_next(tmp_path: Path) -> None:
    pages = {address(n): (200, HTML, article(n)) for n in range(6000001, 6000006)}
    recording = site(tmp_path / "site.warc.gz", pages)
    output = tmp_path / "output"
    first = crawl(output, *NEWS, NEWSCRAWL_REPLAY=str(recording))
    run = next(output.glob("hill/run=*"))
    # What kill -9 leaves: no run.json, a part under its temporary name, half a line at its end.
    (run / "run.json").unlink()
    part = run / "part-00000.jsonl"
    lines = part.read_bytes().splitlines(keepends=True)
    (run / "part-00000.jsonl.tmp").write_bytes(b"".join(lines[:3]) + lines[3][:100])
    part.unlink()
    done = crawl(output, *NEWS, NEWSCRAWL_REPLAY=str(recording))
    assert f"{run}: kept 3 records, removed 100 bytes of an incomplete line" in done.log
    assert [record["id"] for record in read_part(part)] == [it["id"] for it in first.records[:3]]
    salvaged = json.loads((run / "run.json").read_text())
    assert salvaged["reason"] == "crashed"
    assert salvaged["complete"] is False
    assert salvaged["books"]["new"] == 3
    assert len(done.runs) == 2
    assert not list(output.glob("**/*.tmp"))
    assert os.access(part, os.R_OK)


def test_an_argument_given_twice_is_refused(tmp_path: Path) -> None:
    done = crawl(tmp_path, "-a", "limit=1", "-a", "limit=2")
    assert (done.code, done.log) == (2, "The spider argument 'limit' is given twice.\n")


def test_a_discovery_method_that_the_outlet_lacks_is_refused() -> None:
    class Paper(ArticleSpider):
        name, host = "paper", "paper.example"
        sources = (Listings(("news/",)), Feed("/feed/"))

    for given in ({"discover": "api"}, {"discover": "links,sitemap"}, {"fetch": "api"}):
        spider = Paper(**given)
        assert spider.start_error
        assert "is not allowed: it must be one of" in spider.start_error
    assert Paper(discover="links,feeds").start_error is None


def test_a_listing_without_articles_of_its_own_is_a_failed_one(tmp_path: Path) -> None:
    aside = f'<html><body><aside><a href="{address(6000001)}">x</a></aside></body></html>'
    pages = {address(6000001): (200, HTML, article(6000001))}
    answers = [*ROBOTS.items(), ("https://thehill.com/news", (200, HTML, aside.encode()))]
    recording = write_warc(tmp_path / "site.warc.gz", [*answers, *pages.items()])
    done = crawl(tmp_path / "output", *NEWS, NEWSCRAWL_REPLAY=str(recording))
    assert done.records == []
    assert done.runs[0]["listings"]["failed"] == {"no articles in the listing": 1}
    assert done.runs[0]["complete"] is False


def test_a_spider_that_breaks_before_its_first_request_could_not_start(tmp_path: Path) -> None:
    done = crawl(tmp_path / "output", "-s", "SPIDER_MODULES=tests.mended.no_start")
    assert done.code == 1
    assert "KeyError: 'front'" in done.log
    assert "AttributeError" not in done.log
    assert done.runs[-1]["reason"] == "start_error"
    assert not done.runs[-1]["complete"]
