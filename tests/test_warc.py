"""Recordings: other tools read ours, and newscrawl reads theirs."""

import gzip
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any
from zlib import crc32

from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from tests.archives import ENCODERS, chunked
from tests.conftest import crawl
from tests.kill import FAST
from tests.recordings import HTML, address, article, write_warc
from tests.sample.answer import Page
from tests.sample.server import running
from tests.sample.site import SampleSite

# What sites answer with, by the header that says it; the last two say it and do not do it.
CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    *((name.removeprefix("raw "), pack) for name, pack in ENCODERS.items()),
    ("x-gzip", gzip.compress),
    ("gzip, br", lambda body: ENCODERS["br"](gzip.compress(body))),
    ("gzip", bytes),
    ("br", bytes),
]


class Encoding:
    """A site that answers each address with a content coding of its own."""

    def __init__(self, site: SampleSite) -> None:
        self.site = site
        self.used: set[int] = set()

    def get(self, url: str) -> Page:
        answer = self.site.get(url)
        # Nobody can tell a picture from a broken encoding.
        if answer.status != 200 or answer.body.startswith(b"\xff\xd8"):
            return answer
        number = crc32(url.encode()) % len(CODINGS)
        self.used.add(number)
        name, pack = CODINGS[number]
        return Page(200, (*answer.headers, ("Content-Encoding", name)), pack(answer.body))


def test_other_peoples_archives_are_read(tmp_path: Path) -> None:
    path = tmp_path / "CC-NEWS-20261123.warc.gz"
    with path.open("wb") as stream:
        writer = WARCWriter(stream, gzip=True)

        def add(url: str, body: bytes, kind: str = "response", *headers: tuple[str, str]) -> None:
            keywords: dict[str, Any] = {"payload": BytesIO(body)} if body else {}
            http = StatusAndHeaders(
                "200 OK", [("Content-Type", HTML), *headers], protocol="HTTP/1.1"
            )
            record = writer.create_warc_record(url, kind, http_headers=http, **keywords)
            writer.write_record(record)

        writer.write_record(writer.create_warcinfo_record("x", {"software": "somebody's"}))
        add("https://other.example/homenews/6000001-not-ours/", article(6000001))
        add(address(6000001), article(6000001))
        add(
            address(6000002),
            chunked(article(6000002)),
            "response",
            ("Transfer-Encoding", "chunked"),
        )
        add(
            f"{address(6000003)}?utm_source=feed",
            gzip.compress(article(6000003)),
            "response",
            ("Content-Encoding", "gzip"),
        )
        add(address(6000004), gzip.compress(article(6000004)), "response", ("X-Nothing", "1"))
        add("https://thehill.com/wp-content/uploads/picture.jpg", b"\xff\xd8\xff")
        add("https://thehill.com/homenews/senate/", b"<html></html>")
        writer.write_record(
            writer.create_revisit_record(
                address(6000001), "sha1:X", address(6000001), "2026-11-23T00:00:00Z"
            )
        )
        # The same version again, and a later one.
        add(address(6000001), article(6000001))
        add(address(6000001), article(6000001, "<p>It rained, and stopped.</p>"))
    done = crawl(tmp_path / "output", "-a", f"archive={path}")
    assert done.code == 0
    assert [(it["id"], it["revision"]) for it in done.records] == [
        ("6000001", 1),
        ("6000002", 1),
        ("6000003", 1),
        # Compressed, and no header says so.
        ("6000004", 1),
        ("6000001", 2),
    ]
    assert {it["source"] for it in done.records} == {"archive"}
    assert done.records[2]["url"] == address(6000003)
    assert done.records[2]["source_url"] == f"{address(6000003)}?utm_source=feed"
    books = done.runs[0]["books"]
    assert (books["discovered"], books["new"]) == (4, 4)
    (counts,) = done.runs[0]["archives"].values()
    assert (counts["records"], counts["articles"], counts["revisits"]) == (11, 7, 1)
    assert not any(done.runs[0]["listings"].values())
    assert "robotstxt/request_count" not in done.stats


def test_a_recorded_crawl_replays_to_the_same_records(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    site = Encoding(SampleSite(30))
    with running(site) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        live = crawl(
            tmp_path / "live",
            *FAST,
            https_proxy=proxy,
            http_proxy=proxy,
            NEWSCRAWL_RECORD=str(kept),
        )
        asked = {url for _, url in server.requests}
    assert live.code == 0
    assert site.used == set(range(len(CODINGS)))
    assert len(live.records) == len(SampleSite(30).expected())
    (recording,) = kept.glob("hill-*.warc.gz")
    with recording.open("rb") as stream:
        records = [
            (it.rec_type, it.rec_headers.get_header("WARC-Target-URI"))
            for it in ArchiveIterator(stream, check_digests="raise")
            if it.raw_stream.read() is not None
        ]
    assert records[0][0] == "warcinfo"
    assert {url for kind, url in records if kind == "response"} == asked
    replayed = crawl(tmp_path / "replayed", *FAST, NEWSCRAWL_REPLAY=str(recording))

    def said(record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in record.items() if key != "date_fetched"}

    by_id = {it["id"]: said(it) for it in live.records}
    assert by_id
    assert {it["id"]: said(it) for it in replayed.records} == by_id
    archived = crawl(tmp_path / "archived", "-a", f"archive={recording}")
    hashes = {it["id"]: it["content_hash"] for it in archived.records}
    assert hashes == {it["id"]: it["content_hash"] for it in live.records}


def test_the_same_address_recorded_twice_answers_in_order(tmp_path: Path) -> None:
    news = (200, HTML, f'<a href="{address(6000001)}">x</a>'.encode())
    answers = [
        ("https://thehill.com/news", news),
        (address(6000001), (503, HTML, b"busy")),
        (address(6000001), (200, HTML, article(6000001))),
    ]
    recording = write_warc(tmp_path / "site.warc.gz", answers)
    arguments = ("-a", "sections=news", "-a", "follow=1")
    done = crawl(tmp_path / "output", *arguments, NEWSCRAWL_REPLAY=str(recording))
    assert [it["id"] for it in done.records] == ["6000001"]
    assert done.stats["retry/count"] == 1


def test_a_folder_that_cannot_be_recorded_into_stops_the_run(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    done = crawl(tmp_path / "output", NEWSCRAWL_RECORD=str(tmp_path / "kept"))
    assert done.code == 2
    assert "Traceback" not in done.log
    assert f"NEWSCRAWL_RECORD='{tmp_path / 'kept'}' cannot be used" in done.log
