"""Parts: complete lines, rotation, and what readers see during a run."""

import json
from dataclasses import asdict
from pathlib import Path

from newscrawl.storage.parts import PartWriter, describe, line_of, read_part, salvage_parts
from tests.conftest import crawl
from tests.recordings import HTML, address, article, site

AWKWARD = {"a": "emoji 🗞 and עברית\u2028\x85", "b": None, "c": [], "d": "x\n\ny", "e": "\ud800"}


def test_a_line_is_one_line_whatever_it_holds() -> None:
    line = line_of(AWKWARD)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {**AWKWARD, "e": "?"}


def test_a_part_ends_by_records(tmp_path: Path) -> None:
    pages = {address(n): (200, HTML, article(n)) for n in range(6000001, 6000008)}
    recording = str(site(tmp_path / "site.warc.gz", pages))
    settings = ("-a", "sections=news", "-s", "NEWSCRAWL_PART_RECORDS=3")
    done = crawl(tmp_path / "output", *settings, NEWSCRAWL_REPLAY=recording)
    assert [part["records"] for part in done.runs[0]["parts"]] == [3, 3, 1]
    assert len({it["id"] for it in done.records}) == 7


def test_a_part_ends_by_age_and_readers_see_it_at_once(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, max_records=100, max_seconds=0)
    writer.write({"id": "1"})
    assert not list(tmp_path.glob("part-*.jsonl"))
    writer.rotate_if_old()
    (part,) = tmp_path.glob("part-*.jsonl")
    assert [record["id"] for record in read_part(part)] == ["1"]
    writer.rotate_if_old()
    writer.write({"id": "2"})
    writer.rotate()
    assert [asdict(it) for it in writer.parts] == [
        asdict(describe(path)) for path in sorted(tmp_path.glob("part-*.jsonl"))
    ]


def test_a_young_part_goes_on(tmp_path: Path) -> None:
    writer = PartWriter(tmp_path, max_records=100, max_seconds=3600)
    writer.write({"id": "1"})
    writer.rotate_if_old()
    assert not writer.parts
    writer.rotate()
    assert [part.records for part in writer.parts] == [1]


def test_salvage_keeps_whole_lines_and_cuts_the_rest(tmp_path: Path) -> None:
    whole = b'{"id": "1"}\n{"id": "2"}\n'
    for tail in (b"", b'{"id": "3"', b'{"id": "3"}', b'\x00\x00\n{"id": "4"}\n', b"[]\n"):
        (tmp_path / "part-00000.jsonl.tmp").write_bytes(whole + tail)
        parts, cut = salvage_parts(tmp_path)
        assert [part.records for part in parts] == [2]
        assert cut == len(tail)
        (tmp_path / "part-00000.jsonl").unlink()
    (tmp_path / "part-00000.jsonl.tmp").write_bytes(b'{"id"')
    assert salvage_parts(tmp_path) == ([], 5)
    assert not list(tmp_path.iterdir())
