"""Archives of others in a crawl: what is read, what is not, and what stays."""

import base64
import gzip
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from newscrawl.dataset.build import build
from newscrawl.dataset.verify import Verifier
from newscrawl.storage.ledger import Ledger
from tests.archives import DATE, ENCODERS, chunked, digest, http, record, write
from tests.conftest import Crawl, crawl, make_due
from tests.recordings import HTML, address, article, site, write_warc
from tests.test_dataset import rows

STORY = "".join(f"<p>Paragraph {number} of the story.</p>" for number in range(40))


def url(name: str, host: str = "https://thehill.com") -> str:
    """Return the address of an article of its own for each name."""
    return f"{host}/homenews/{number_of(name)}-story/"


def number_of(name: str) -> int:
    return 6000000 + int(sha256(name.encode()).hexdigest()[:4], 16)


def page(name: str, body: str = STORY) -> bytes:
    return article(number_of(name), body)


def encoded(name: str, body: bytes) -> tuple[bytes, str]:
    return ENCODERS[name](body), f"Content-Encoding: {name.removeprefix('raw ')}"


def answers(output: Crawl) -> Counter[str]:
    return Counter(it["id"] for it in output.records)


def readable() -> dict[str, bytes]:
    """Return records that hold a whole article, by what is odd about them."""
    found: dict[str, bytes] = {}

    def add(name: str, block: bytes, address: str = "", **headers: Any) -> None:
        found[name] = record(address or url(name), block, **headers)

    for name in ENCODERS:
        body, header = encoded(name, page(name))
        add(name, http(body, header))
        # Decoded by the archive's tool, which kept the header and the length.
        plain = f"{name}, decoded"
        add(plain, http(page(plain), header, f"Content-Length: {len(body)}"))
        parts = f"{name} in chunks"
        add(
            parts,
            http(chunked(encoded(name, page(parts))[0]), header, "Transfer-Encoding: chunked"),
        )
    add("x-gzip", http(gzip.compress(page("x-gzip")), "Content-Encoding: x-gzip"))
    twice = ENCODERS["br"](gzip.compress(page("twice")))
    add("twice", http(twice, "Content-Encoding: gzip, br"))
    packed = {
        "quoted": 'Content-Encoding: "gzip"',
        "another": "Content-Encoding: br",
        "unsaid": "X-Archive-Orig-Content-Encoding: gzip",
        "transfer": "Transfer-Encoding: gzip",
    }
    for name, header in packed.items():
        add(name, http(gzip.compress(page(name)), header))
    again = gzip.compress(gzip.compress(page("packed again")))
    add("packed again", http(again, "Content-Encoding: gzip"))
    add("identity", http(page("identity"), "Content-Encoding: identity"))
    joined = ("Transfer-Encoding: chunked", f"Content-Length: {len(page('joined'))}")
    add("joined", http(page("joined"), *joined))
    for status in ("HTTP/2 200", "HTTP/1.1 200", "HTTP/1.0 200 Fine", "HTTP/2.0 203 x", "h2 200"):
        add(status, http(page(status), status=status))
    add("continue", b"HTTP/1.1 100 Continue\r\n\r\n" + http(page("continue")))
    add("LF", http(page("LF")).replace(b"\r\n", b"\n"))
    add("folded", http(page("folded"), "X-Note: one\r\n  two", "no colon"))
    add("no HTTP", page("no HTTP"), Content_Type="text/html")
    add("resource", page("resource"), kind="resource", Content_Type="text/html; charset=utf-8")
    add("brackets", http(page("brackets")), f"<{url('brackets')}>")
    add("http", http(page("http")), url("http", "http://www.thehill.com:80"))
    add("staging", http(page("staging")), url("staging", "https://digital-stage.thehill.com"))
    add("case", http(page("case")), url("case", "HTTPS://TheHill.com:443"))
    add("headers", http(page("headers")))
    # As a library of Rust writes them.
    found["headers"] = found["headers"].replace(b"WARC-Type", b"warc-type")
    add("query", http(page("query")), f"{url('query')}?utm_source=feed#top")
    dates = ("2026-11-22T10:00:00", "20261122100000", "2026-11-22T10:00:00.123456789Z")
    dates += ("20261122100000123", "2026-11-22t10:00:00z", "2026-11-22 10:00:00 UTC")
    for date in (*dates, "2026-11-22T05:00:00-05:00", "2026-11-22 10:00:00Z"):
        add(date, http(page(date)), WARC_Date=date)
    clock = "Date: Sun, 22 Nov 2026 10:00:00 GMT"
    for date in ("2026-11-65T10:00:00Z", "9999-12-31T23:59:59Z", None):
        add(f"{date}, HTTP", http(page(f"{date}, HTTP"), clock), WARC_Date=date)
    body = page("digests")
    hexadecimal, binary = sha256(body).hexdigest(), sha256(http(body)).digest()
    base32 = base64.b32encode(binary).decode()
    digests = {
        "WARC_Payload_Digest": f"sha256:{hexadecimal}",
        "WARC_Block_Digest": f"sha-256:{base32}",
    }
    add("digests", http(body), **digests)
    add("unknown digest", http(page("unknown digest")), WARC_Payload_Digest="sha1:X")
    # Taken of what the tool sent on, not of what it wrote.
    packed = gzip.compress(page("digest of decoded"))
    decoded = {"WARC_Payload_Digest": digest(page("digest of decoded"))}
    add("digest of decoded", http(packed, "Content-Encoding: gzip"), **decoded)
    block = http(page("wrong digest"))
    wrong = {"WARC_Payload_Digest": digest(b"x"), "WARC_Block_Digest": digest(block)}
    add("wrong digest", block, **wrong)
    return found


def unusable() -> dict[str, tuple[str, bytes]]:
    """Return records that hold no whole article: the reason that is told, and the record."""
    found: dict[str, tuple[str, bytes]] = {}

    def add(name: str, reason: str, block: bytes, **headers: Any) -> None:
        found[name] = (reason, record(url(name), block, **headers))

    for name in ENCODERS:
        for part in (0.3, 0.7, 0.98):
            body, header = encoded(name, page(f"{name} {part}"))
            reason = f"broken {name.removeprefix('raw ')}"
            add(f"{name} {part}", reason, http(body[: int(len(body) * part)], header))
    bomb = gzip.compress(b" " * 2_000_000)
    add("bomb", "too large", http(bomb, "Content-Encoding: gzip"))
    add("noise", "unknown encoding", http(bytes(range(256)) * 9, "Content-Encoding: compress"))
    length = f"Content-Length: {len(page('length'))}"
    add("length", "cut short", http(page("length")[:-9], length))
    twice = f"Content-Length: {len(page('lengths'))}, {len(page('lengths'))}"
    add("lengths", "cut short", http(page("lengths")[:-9], twice))
    body = chunked(page("chunks"))
    add("chunks", "cut short", http(body[: len(body) // 3], "Transfer-Encoding: chunked"))
    add(
        "last chunk",
        "cut short",
        http(body.removesuffix(b"0\r\n\r\n"), "Transfer-Encoding: chunked"),
    )
    for reason in ("length", "time", "disconnect", "unspecified"):
        name = f"truncated: {reason}"
        add(name, name, http(page(name)), WARC_Truncated=reason)
    add(
        "truncated?", "truncated: unspecified", http(page("truncated?")), WARC_Truncated="who knows"
    )
    add("segment", "segment of a record", http(page("segment")), WARC_Segment_Number="1")
    add("block", "damaged record", http(page("block")), WARC_Block_Digest=digest(b"x"))
    add("payload", "damaged record", http(page("payload")), WARC_Payload_Digest=digest(b"x"))
    add("no date", "no valid WARC-Date", http(page("no date")), WARC_Date="2026-11-65T10:00:00Z")
    add("no HTTP response", "no HTTP response", b"\x00\x01\x02 nothing that we know")
    reference = {"WARC_Payload_Digest": digest(b"elsewhere"), "WARC_Refers_To": "<urn:uuid:1>"}
    revisit = http(b"", "ETag: x")
    add("lost", "revisit without its original", revisit, kind="revisit", **reference)
    return found


PASSED_OVER = (
    "206 Partial Content",
    "301 Moved",
    "304 Not Modified",
    "404 No",
    "410 Gone",
    "503 x",
)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> tuple[Crawl, str]:
    """Read an archive that holds all of this."""
    folder = tmp_path_factory.mktemp("archive")
    whole = readable()
    records = [record("https://thehill.com/", b"software: x", kind="warcinfo"), *whole.values()]
    records += [it for _, it in unusable().values()]
    for status in PASSED_OVER:
        headers = (f"Location: {url('gzip')}",) if status.startswith("3") else ()
        block = http(page(status), *headers, status=f"HTTP/1.1 {status}")
        records.append(record(url(status), block))
    original = http(page("gzip"))
    same = {"WARC_Payload_Digest": digest(page("elsewhere"))}
    # A revisit before its original, which is of the same article; and one of another site's.
    by_time = {"WARC_Refers_To_Target_URI": url("identity"), "WARC_Refers_To_Date": DATE}
    records.insert(1, record(url("identity"), http(b""), kind="revisit", **by_time))
    records.insert(2, record(url("elsewhere"), http(b""), kind="revisit", **same))
    records.append(record("https://mirror.example/x", http(page("elsewhere")), **same))
    records.append(record("https://other.example/homenews/6000001-x/", original))
    records.append(record("https://thehill.com/homenews/", original))
    path = str(write(folder / "input.warc.gz", records))
    limit = ("-s", "DOWNLOAD_MAXSIZE=1000000")
    return crawl(folder / "output", "-a", f"archive={path}", *limit), path


def test_what_is_whole_is_read(read: tuple[Crawl, str]) -> None:
    done, path = read
    assert done.code == 0
    assert "Traceback" not in done.log
    named = {str(number_of(name)): name for name in (*readable(), "elsewhere")}
    assert sorted(named.get(it, it) for it in answers(done)) == sorted(named.values())
    assert set(answers(done).values()) == {1}
    for it in done.records:
        assert it["body"] == "\n\n".join(f"Paragraph {n} of the story." for n in range(40))
        assert (it["source"], it["date_fetched"]) == ("archive", DATE)
        assert it["url"] == address(int(it["id"]))
    by_id = {it["id"]: it["source_url"] for it in done.records}
    assert by_id[str(number_of("staging"))] == url("staging", "https://digital-stage.thehill.com")
    assert done.runs[0]["archives"][path]["wrong_digests"] == 1


def test_an_incomplete_record_is_counted_and_logged(read: tuple[Crawl, str]) -> None:
    done, path = read
    run = done.runs[0]
    reasons = dict(Counter(reason for reason, _ in unusable().values()))
    assert run["books"]["failed"] == dict(sorted(reasons.items()))
    assert run["archives"][path] == {
        "records": len(readable()) + len(unusable()) + len(PASSED_OVER) + 6,
        "articles": len(readable()) + len(unusable()) + 1,
        "no_record": sum(reasons.values()),
        "revisits": 3,
        "damaged": 0,
        "wrong_digests": 1,
        "passed_over": {f"http {status[:3]}": 1 for status in PASSED_OVER},
        "unusable": dict(sorted(reasons.items())),
        "finished": True,
    }
    assert run["complete"] is False
    # An archive tells nothing of what the site has.
    with closing(sqlite3.connect(done.output / "ledger.sqlite3")) as ledger:
        states = dict(ledger.execute("SELECT state, count(*) FROM articles GROUP BY state"))
    assert states == {"published": len(done.records)}
    assert "robotstxt/request_count" not in done.stats


def flipped(data: bytes) -> bytes:
    """Return data with damage in its middle."""
    half = len(data) // 2
    return data[:half] + bytes(it ^ 0x55 for it in data[half : half + 40]) + data[half + 40 :]


def head_of(record: bytes) -> tuple[bytes, bytes]:
    head, _, block = record.partition(b"\r\n\r\n")
    return head, block


def longer(record: bytes, difference: int) -> bytes:
    """Return a record whose length is wrong."""
    head, block = head_of(record)
    start, name, length = head.rpartition(b"Content-Length: ")
    return b"%s%s%d\r\n\r\n%s" % (start, name, int(length) + difference, block)


def without(record: bytes, name: bytes) -> bytes:
    head, block = head_of(record)
    lines = [it for it in head.split(b"\r\n") if not it.startswith(name)]
    return b"%s\r\n\r\n%s" % (b"\r\n".join(lines), block)


def lowered(record: bytes) -> bytes:
    head, block = head_of(record)
    version, _, lines = head.partition(b"\r\n")
    names = [it.partition(b":") for it in lines.split(b"\r\n")]
    lines = b"\r\n".join(name.lower() + colon + value for name, colon, value in names)
    return b"%s\r\n%s\r\n\r\n%s" % (version, lines, block)


def by_lines(record: bytes) -> bytes:
    """Return a record whose header's lines end with LF alone."""
    head, block = head_of(record)
    return head.replace(b"\r\n", b"\n") + b"\n\n" + block


def blocks(data: bytes, size: int) -> list[bytes]:
    return [data[it : it + size] for it in range(0, len(data), size)]


# How a file is written or damaged: of nine articles how many are read, and whether all is well.
FILES: dict[str, tuple[Callable[[list[bytes]], bytes], int, bool]] = {
    "plain.warc": (b"".join, 9, True),
    "members.warc.gz": (lambda it: b"".join(map(gzip.compress, it)), 9, True),
    "whole.warc.gz": (lambda it: gzip.compress(b"".join(it)), 9, True),
    "frames.warc.zst": (lambda it: b"".join(map(ENCODERS["zstd"], it)), 9, True),
    "whole.warc.zst": (lambda it: ENCODERS["zstd"](b"".join(it)), 9, True),
    "padded.warc.gz": (lambda it: b"".join(map(gzip.compress, it)) + b"\0" * 512, 9, True),
    "lines.warc": (lambda it: b"\r\n\r\n\r\n".join(it) + b"\r\n", 9, True),
    "flipped.warc.gz": (lambda it: flipped(b"".join(map(gzip.compress, it))), 8, False),
    "flipped.warc": (lambda it: flipped(b"".join(it)), 8, False),
    "header.warc": (lambda it: b"".join([*it[:3], it[3][8:], *it[4:]]), 8, False),
    "length.warc": (
        lambda it: b"".join(
            [*it[:3], it[3].replace(b"Content-Length: 2", b"Content-Length: 9"), *it[4:]]
        ),
        9,
        False,
    ),
    "short.warc.gz": (
        lambda it: b"".join(gzip.compress(longer(record, -9)) for record in it),
        9,
        False,
    ),
    "short.warc": (lambda it: b"".join(longer(record, -9) for record in it), 9, False),
    "long.warc": (lambda it: b"".join(longer(record, 9) for record in it), 9, False),
    "no length.warc.gz": (
        lambda it: b"".join(gzip.compress(without(record, b"Content-Length")) for record in it),
        9,
        False,
    ),
    "no type.warc": (lambda it: b"".join([without(it[0], b"WARC-Type"), *it[1:]]), 8, False),
    # As a library of Rust writes them.
    "lower.warc.gz": (lambda it: b"".join(map(gzip.compress, map(lowered, it))), 9, True),
    "mixed.warc": (lambda it: b"".join([*it[:4], *map(by_lines, it[4:])]), 9, True),
    "blocks.warc.gz": (
        lambda it: b"".join(map(gzip.compress, blocks(b"".join(it), 5000))),
        9,
        True,
    ),
    "pairs.warc.gz": (
        lambda it: b"".join(gzip.compress(b"".join(it[n : n + 2])) for n in range(0, 9, 2)),
        9,
        True,
    ),
    "empty.warc.gz": (
        lambda it: b"".join(
            [gzip.compress(it[0]), gzip.compress(b""), *map(gzip.compress, it[1:])]
        ),
        9,
        True,
    ),
    "appended.warc": (lambda it: b"".join([*it[:4], it[4][:900], *it[5:]]), 8, False),
    "named.warc": (lambda it: b"".join([*it[:8], it[8][:60]]), 8, False),
    "named.warc.gz": (lambda it: b"".join(map(gzip.compress, [*it[:8], it[8][:60]])), 8, False),
    "begun.warc.gz": (lambda it: b"".join(map(gzip.compress, it[:8])) + b"\x1f\x8b\x08", 8, False),
    "checksum.warc.gz": (lambda it: b"".join(map(gzip.compress, it))[:-5], 9, False),
    "damaged.warc.zst": (
        lambda it: flipped(b"".join(map(ENCODERS["zstd"], it))),
        8,
        False,
    ),
    "first.warc.gz": (lambda it: b"".join([b"\x1f\x8b\x08?", *map(gzip.compress, it)]), 9, False),
    "last.warc.gz": (lambda it: b"".join(map(gzip.compress, it))[:-30], 8, False),
    "last.warc": (lambda it: b"".join(it)[:-30], 8, False),
    "cut.warc.gz": (lambda it: gzip.compress(b"".join(it))[:-30], 8, False),
    "junk.warc.gz": (lambda it: b"".join([*map(gzip.compress, it), b"<html>"]), 9, False),
}


def test_files_are_read_however_written_and_past_damage(tmp_path: Path) -> None:
    for name, (pack, _, _) in FILES.items():
        # Bodies that do not compress, so that damage is of one record.
        records = []
        for number in range(9):
            noise = "".join(
                sha256(f"{name} {number} {it}".encode()).hexdigest() for it in range(30)
            )
            block = http(page(f"{name} {number}", f"<p>{noise}</p>"))
            records.append(record(url(f"{name} {number}"), block, WARC_Block_Digest=digest(block)))
        (tmp_path / name).write_bytes(pack(records))
    done = crawl(tmp_path / "output", "-a", f"archive={tmp_path}/*.warc*")
    assert done.code == 0
    assert "Traceback" not in done.log
    got = answers(done)
    found = {}
    for name in FILES:
        counts = done.runs[0]["archives"][str(tmp_path / name)]
        well = not counts["damaged"] and not counts["unusable"]
        assert counts["finished"]
        articles = sum(got[str(number_of(f"{name} {number}"))] for number in range(9))
        found[name] = (articles, well)
    assert found == {name: (articles, well) for name, (_, articles, well) in FILES.items()}
    assert done.runs[0]["complete"] is False
    assert f"  archive    {tmp_path}/last.warc.gz: " in done.log
    assert f"The archive {tmp_path}/junk.warc.gz was read in part (damaged: 1)" in done.log
    assert list(Verifier(done.output).faults(None)) == []


def state_of(output: Path, number: int) -> dict[str, Any]:
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger:
        ledger.row_factory = sqlite3.Row
        row = ledger.execute("SELECT * FROM articles WHERE id = ?", [str(number)]).fetchone()
        return dict(row) if row else {}


def test_an_archive_speaks_of_the_past(tmp_path: Path) -> None:
    """What is known of the present stays, whatever archives say of earlier times."""
    output = tmp_path / "output"
    here, failing, gone, unknown = 6000001, 6000002, 6000003, 6000004
    live = {address(it): (200, HTML, article(it, "<p>As it is.</p>")) for it in (here, gone)}
    live[address(failing)] = (500, HTML, b"oops")
    recording = str(site(tmp_path / "1.warc.gz", live))
    always = {"NEWSCRAWL_REVISIT_HOURS": "1000000"}
    crawl(output, "-a", "sections=news", NEWSCRAWL_REPLAY=recording, **always)
    away = {**live, address(gone): (410, HTML, b"gone")}
    make_due(output)
    recording = str(site(tmp_path / "2.warc.gz", away))
    crawl(output, "-a", "sections=news", NEWSCRAWL_REPLAY=recording, **always)
    before = {it: state_of(output, it) for it in (here, failing, gone)}
    assert [it["state"] for it in before.values()] == ["published", "failed", "gone"]

    def captured(number: int, body: bytes, date: str, status: str = "200 OK") -> bytes:
        headers = ("Location: https://thehill.com/elsewhere/",) if status[0] == "3" else ()
        block = http(body, *headers, status=f"HTTP/1.1 {status}")
        return record(address(number), block, WARC_Date=date)

    old = "2023-11-20T20:00:00Z"
    records = [
        captured(number, b"<title>x</title>", old, status)
        for number in (here, failing, gone, unknown)
        for status in ("404 Not Found", "410 Gone", "301 Moved", "500 Oops", "304 Not Modified")
    ]
    records += [captured(number, b"", old) for number in (here, failing, gone, unknown)]
    records += [
        captured(number, article(number, f"<p>As it {word}.</p>"), date)
        for number in (here, failing, gone)
        for word, date in (("was later", old), ("was", "2022-11-20T20:00:00Z"))
    ]
    archive = str(write(tmp_path / "old.warc.gz", records))
    done = crawl(output, "-a", f"archive={archive}")
    run = done.runs[-1]
    assert run["archives"][archive]["passed_over"] == dict.fromkeys(
        ("http 301", "http 304", "http 404", "http 410", "http 500"), 4
    )
    assert run["books"]["rejected"] == {"empty answer": 1}
    assert (run["books"]["new"], run["books"]["revised"]) == (1, 2)
    assert run["withdrawn"] == []
    after = {it: state_of(output, it) for it in (here, failing, gone)}
    for number in (here, gone):
        assert after[number] == {**before[number], "revision": 3}
    kept = ("state", "reason", "attempts", "next_attempt", "url", "first_seen")
    assert {it: after[failing][it] for it in kept} == {it: before[failing][it] for it in kept}
    assert (after[failing]["revision"], after[failing]["last_fetched"]) == (2, old)
    assert state_of(output, unknown) == {}
    # The site says what it said: nothing is new.
    make_due(output)
    again = crawl(output, "-a", "sections=news", NEWSCRAWL_REPLAY=recording, **always)
    assert again.runs[-1]["books"]["unchanged"] == 1
    assert again.runs[-1]["parts"] == []
    build(output)
    latest = {it["id"]: (it["revision"], it["body"]) for it in rows(output)}
    assert latest == {
        str(here): (1, "As it is."),
        str(failing): (1, "As it was later."),
        str(gone): (1, "As it is."),
    }
    ledger = Ledger(f"sqlite:///{output}/ledger.sqlite3")
    assert list(Verifier(output).faults(ledger)) == []
    ledger.close()


def test_limit_and_window_hold_for_an_archive(tmp_path: Path) -> None:
    pages = [(address(n), (200, HTML, article(n))) for n in range(6000001, 6000011)]
    path = str(write_warc(tmp_path / "input.warc.gz", pages))
    done = crawl(tmp_path / "output", "-a", f"archive={path}", "-a", "limit=3")
    assert len(done.records) == 3
    assert (done.runs[0]["reason"], done.runs[0]["complete"]) == ("limit", False)
    assert done.runs[0]["archives"][path]["finished"] is False
    done = crawl(tmp_path / "output", "-a", f"archive={path}")
    assert sorted(answers(done)) == [str(n) for n in range(6000001, 6000011)]
    assert set(answers(done).values()) == {1}
    # The last day of a window is part of it, however it is written.
    window = ("-a", "since=20261120", "-a", "until=20261120")
    done = crawl(tmp_path / "day", "-a", f"archive={path}", *window)
    assert done.runs[0]["books"]["new"] == 10
    done = crawl(tmp_path / "window", "-a", f"archive={path}", "-a", "since=2026-11-21")
    assert done.runs[0]["books"]["discovered"] == 0
    assert done.runs[0]["complete"] is True


@pytest.mark.parametrize("argument", ["sections=news", "discover=api", "fetch=page", "pages=2"])
def test_what_speaks_of_the_site_is_refused_beside_an_archive(
    argument: str, tmp_path: Path
) -> None:
    path = write_warc(tmp_path / "input.warc.gz", [(address(6000001), (200, HTML, b""))])
    done = crawl(tmp_path / "output", "-a", f"archive={path}", "-a", argument)
    name, _, value = argument.partition("=")
    assert done.code == 2
    assert f"{name}='{value}' is not allowed: it must be left out with archive" in done.log


def test_the_exit_code_says_that_an_archive_was_not_read(tmp_path: Path) -> None:
    block = http(article(6000001))
    good = gzip.compress(record(address(6000001), block))
    (tmp_path / "part.warc.gz").write_bytes(good + b"<html>" * 9)
    (tmp_path / "none.warc.gz").write_bytes(good[:20] + b"\xff" * 900)
    archive = ("-a", f"archive={tmp_path}/part.warc.gz")
    assert crawl(tmp_path / "a", *archive).code == 0
    strict = crawl(tmp_path / "b", *archive, "--strict")
    assert (strict.code, len(strict.records)) == (7, 1)
    assert crawl(tmp_path / "c", "-a", f"archive={tmp_path}/none.warc.gz").code == 4


@pytest.mark.parametrize("name", ["a,b.warc.gz", "[a].warc.gz", "a b#?%.warc.gz"])
def test_any_name_can_be_an_archives(name: str, tmp_path: Path) -> None:
    path = write_warc(tmp_path / name, [(address(6000001), (200, HTML, article(6000001)))])
    assert len(crawl(tmp_path / "output", "-a", f"archive={path}").records) == 1


def test_a_missing_file_is_not_left_out(tmp_path: Path) -> None:
    path = write_warc(tmp_path / "a.warc.gz", [(address(6000001), (200, HTML, article(6000001)))])
    done = crawl(tmp_path / "output", "-a", f"archive={path},{tmp_path}/b.warc.gz")
    assert done.code == 2
    assert "it must be WARC files that are there" in done.log


def test_a_first_page_alone_is_said(tmp_path: Path) -> None:
    links = f'<div class="page-links">Pages: 1 <a href="{address(6000001)}2/">2</a></div>'
    page = (200, HTML, article(6000001, f"<p>It rained.</p>{links}"))
    path = write_warc(tmp_path / "a.warc.gz", [(address(6000001), page)])
    done = crawl(tmp_path / "output", "-a", f"archive={path}")
    assert [it["body"] for it in done.records] == ["It rained."]
    assert done.runs[0]["archives"][str(path)]["unusable"] == {"only the first page": 1}
    assert done.runs[0]["complete"] is False


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").touch()
    done = crawl(tmp_path / "output", "-a", f"archive={tmp_path}/a.warc.gz")
    assert done.code == 2
    assert "it must be a WARC file (it is empty)" in done.log
