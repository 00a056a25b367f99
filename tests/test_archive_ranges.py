"""Archives in ranges: on several processes, for several outlets, again, and from elsewhere."""

import asyncio
import csv
import gzip
import importlib
import json
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from distributed import Client

from newscrawl.archives.cluster import Cluster, compare
from newscrawl.archives.code import _reading, extraction, fingerprint
from newscrawl.archives.engine import KILLED, OneProcess, Processes
from newscrawl.archives.tasks import Orders, Result, Task
from newscrawl.exceptions import EngineError, OtherCodeError
from newscrawl.extraction.outlet import Outlet
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage import warc
from newscrawl.storage.books import balance
from newscrawl.storage.warc import Counts, WarcFile
from tests.archives import http, noise, record, write
from tests.conftest import ROOT, Crawl, command, crawl, runs_of
from tests.forks import forks
from tests.kill import RANGES, TRIES, start_command, stop_in_mid_run, write_archive
from tests.ports import free_port
from tests.recordings import address, article
from tests.storage import Storage
from tests.storage import files as files_of_s3
from tests.test_archives import FILES, number_of, page, url
from tests.test_outlet_table import SELECTORS, URL, row, table
from tests.test_outlet_table import page as gazettes_page

SMALL = ("-s", "NEWSCRAWL_ARCHIVE_RANGE=5000")


def noisy(name: str, size: int = 30) -> bytes:
    """Return a record of an article whose text does not compress."""
    return record(url(name), http(page(name, f"<p>{noise(name, size)}</p>")))


def archive(output: Path, *arguments: str, **settings: str) -> Crawl:
    """Run ``scrapy archive`` as a user does."""
    done = command(output, "archive", *arguments, **settings)
    return Crawl(done.returncode, done.stdout + done.stderr, output)


def lines_of(output: Path, outlet: str = "hill") -> bytes:
    parts = sorted(output.glob(f"{outlet}/run=*/part-*.jsonl"))
    return b"".join(it.read_bytes() for it in parts)


def run_of(output: Path, outlet: str = "hill") -> dict[str, Any]:
    """Return the latest ``run.json`` of an outlet."""
    document = runs_of(output, outlet)[-1]
    assert balance(document["books"]) == 0
    return document


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files, written well and badly, with some captures twice."""
    folder = tmp_path_factory.mktemp("files")
    for name, (pack, _, _) in FILES.items():
        records = [noisy(f"{name} {number}") for number in range(9)]
        (folder / name).write_bytes(pack(records))
    return folder


@pytest.fixture(scope="module")
def whole(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a crawl publishes of each file as a whole."""
    output = tmp_path_factory.mktemp("whole")
    assert crawl(output, "-a", f"archive={files}/*.warc*").code == 0
    return output


@pytest.mark.parametrize("size", [1000, 9000])
def test_ranges_hold_what_the_whole_holds(
    size: int, files: Path, whole: Path, tmp_path: Path
) -> None:
    ranges = ("-s", f"NEWSCRAWL_ARCHIVE_RANGE={size}")
    done = archive(tmp_path, "hill", f"{files}/*.warc*", "--workers", "1", *ranges)
    assert done.code == 0, done.log
    assert lines_of(tmp_path) == lines_of(whole)
    names = ("books", "archives", "reason", "complete", "withdrawn")
    assert {it: run_of(tmp_path)[it] for it in names} == {it: run_of(whole)[it] for it in names}


def test_processes_publish_the_same_lines_and_no_range_twice(
    files: Path, whole: Path, tmp_path: Path
) -> None:
    arguments = ("hill", f"{files}/*.warc*", "--workers", "2", *SMALL)
    done = archive(tmp_path, *arguments)
    assert done.code == 0, done.log
    assert lines_of(tmp_path) == lines_of(whole)
    again = archive(tmp_path, *arguments)
    assert again.code == 0, again.log
    run = run_of(tmp_path)
    assert run["books"]["discovered"] == 0
    assert all(it["known"] and not it["records"] for it in run["archives"].values())
    assert f"{len(FILES)} files were read, at least in part, by an earlier run" in again.log


@pytest.mark.fast
def test_ranges_of_a_large_file_join_without_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # fastwarc reads the most of a range from this size on.
    path = write(tmp_path / "a.warc.gz", [noisy(str(it)) for it in range(200)])
    size = path.stat().st_size
    monkeypatch.setattr(warc, "_QUICKLY", size // 8)

    def read(start: int, end: int | None) -> tuple[list[str], int | None, int | None]:
        with WarcFile(str(path)) as file:
            found = [it.url for it in file.captures(Counts(), lambda _: True, start, end)]
            return found, file.first, file.next

    everything, first, following = read(0, None)
    assert (len(everything), first, following) == (200, 0, None)
    step = size // 5
    found: list[str] = []
    place: int | None = 0
    for start in range(0, size, step):
        some, first, following = read(start, start + step)
        assert first == place
        place = following
        found += some
    assert found == everything
    assert place is None


@pytest.mark.fast
def test_what_looks_like_a_record_inside_another_is_read_once(tmp_path: Path) -> None:
    """A capture of a .warc.gz file holds records of its own, which are not in the archive."""
    inner = b"".join(gzip.compress(noisy(f"inner {it}")) for it in range(9))
    outer = record("https://mirror.example/a.warc.gz", http(inner, kind="application/gzip"))
    # Not compressed again: its bytes are in the file as they are.
    data = gzip.compress(noisy("first")) + gzip.compress(outer, 0) + gzip.compress(noisy("last"))
    path = tmp_path / "a.warc.gz"
    path.write_bytes(data)
    done = archive(tmp_path / "output", "hill", str(path), *SMALL)
    assert done.code == 0, done.log
    assert [it["source_url"] for it in done.records] == [url("first"), url("last")]
    assert run_of(tmp_path / "output")["archives"][str(path)]["damaged"] == 0


def test_many_outlets_read_a_file_once(tmp_path: Path) -> None:
    output = table(tmp_path, row())
    records = [noisy("a"), record(URL.format(7001), http(gazettes_page(7001))), noisy("b")]
    path = write(tmp_path / "a.warc.gz", records)
    done = archive(output, "hill", "gazette", str(path), "--workers", "2", *SMALL)
    assert done.code == 0, done.log
    assert lines_of(output).count(b"\n") == 2
    assert lines_of(output, "gazette").count(b"\n") == 1
    for outlet, count in (("hill", 2), ("gazette", 1)):
        run = run_of(output, outlet)
        assert (run["books"]["new"], run["complete"], run["arguments"]) == (
            count,
            True,
            {"archive": str(path)},
        )
        assert run["archives"][str(path)]["records"] == 3
    # An outlet that is added later reads the file for itself only.
    assert archive(output, "gazette", "hill", str(path), *SMALL).code == 0
    assert run_of(output, "gazette")["archives"][str(path)]["records"] == 0


def test_another_window_or_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a"), noisy("b")])
    output = tmp_path / "output"
    archive(output, "hill", str(path), "-a", "since=2030-01-01")
    assert run_of(output)["books"]["discovered"] == 0
    archive(output, "hill", str(path))
    assert run_of(output)["books"]["new"] == 2
    with path.open("ab") as stream:
        stream.write(gzip.compress(noisy("c")))
    done = archive(output, "hill", str(path))
    assert (run_of(output)["books"]["new"], run_of(output)["books"]["unchanged"]) == (1, 2)
    assert f"hill reads {path} again: file, extraction or options differ" in done.log


def test_a_changed_outlet_reads_again_and_publishes_what_differs(tmp_path: Path) -> None:
    records = [noisy("a"), *(record(URL.format(n), http(gazettes_page(n))) for n in (7001, 7002))]
    path = str(write(tmp_path / "a.warc.gz", records))

    def read(values: str) -> tuple[dict[str, int], int]:
        """Return the outcomes of the gazette's articles, and how many records hill read."""
        output = table(tmp_path, values)
        done = archive(output, "hill", "gazette", path, *SMALL)
        assert done.code == 0, done.log
        books = run_of(output, "gazette")["books"]
        records = run_of(output)["archives"][path]["records"]
        return {it: books[it] for it in ("new", "revised", "unchanged")}, records

    assert read(row()) == ({"new": 2, "revised": 0, "unchanged": 0}, 3)
    assert read(row()) == ({"new": 0, "revised": 0, "unchanged": 0}, 0)
    better = row(selectors=SELECTORS[:-1] + ', noise = ["aside"] }')
    assert read(better) == ({"new": 0, "revised": 2, "unchanged": 0}, 0)
    assert read(better) == ({"new": 0, "revised": 0, "unchanged": 0}, 0)
    # Another row, the same text: nothing is published twice.
    also = row(selectors=SELECTORS[:-1] + ', noise = ["aside", "form"] }')
    assert read(also) == ({"new": 0, "revised": 0, "unchanged": 2}, 0)
    assert lines_of(tmp_path / "output", "gazette").count(b"\n") == 4
    # Back to a row by which the file was read before.
    assert read(row()) == ({"new": 0, "revised": 0, "unchanged": 0}, 0)


@pytest.mark.fast
def test_the_digest_of_an_extraction_is_of_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = shutil.copytree(ROOT / "newscrawl", tmp_path / "newscrawl")
    monkeypatch.setattr("newscrawl.archives.code.files", lambda _: package)
    monkeypatch.syspath_prepend(tmp_path)
    spider = tmp_path / "spider_of_a_test.py"
    lines = "from newscrawl.spiders.hill import HillSpider\nclass One(HillSpider): pass\n"
    spider.write_text(lines)
    one = importlib.import_module(spider.stem).One

    def digest(outlet: type) -> str:
        _reading.cache_clear()
        return extraction(outlet)

    ones, hills = digest(one), digest(HillSpider)
    assert len({ones, hills, extraction(HillSpider, "a row")}) == 3
    spider.write_text(f"{lines}# better\n")
    assert digest(one) != ones
    assert digest(HillSpider) == hills
    # What other outlets declare, and what only publishes, counts for none.
    for name in ("spiders/bbc.py", "archives/publisher.py"):
        (package / name).write_text("")
        assert digest(HillSpider) == hills
    with (package / "extraction/story.py").open("a") as stream:
        stream.write("# better\n")
    assert digest(HillSpider) != hills
    _reading.cache_clear()


def test_a_revisit_is_read_when_its_original_comes(tmp_path: Path) -> None:
    body = page("elsewhere")
    same = {"WARC_Payload_Digest": f"sha256:{sha256(body).hexdigest()}"}
    revisit = record(url("elsewhere"), http(b""), kind="revisit", **same)
    first = write(tmp_path / "a.warc.gz", [noisy("a"), revisit])
    original = record("https://mirror.example/x", http(body), **same)
    second = write(tmp_path / "b.warc.gz", [original, noisy("b")])
    output = tmp_path / "output"
    assert archive(output, "hill", str(first)).code == 0
    assert run_of(output)["books"]["failed"] == {"revisit without its original": 1}
    done = archive(output, "hill", str(first), str(second), "--workers", "2", *SMALL)
    assert done.code == 0, done.log
    books = run_of(output)["books"]
    assert (books["new"], books["unchanged"], books["failed"]) == (2, 1, {})
    archive(output, "hill", str(first), str(second), *SMALL)
    assert run_of(output)["books"]["discovered"] == 0


def test_what_cannot_be_read_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    good = write(tmp_path / "good.warc.gz", [noisy("a")])
    (tmp_path / "empty.warc.gz").touch()
    (tmp_path / "page.warc.gz").write_text("<html>no archive</html>")
    (tmp_path / "cut.warc.gz").write_bytes(
        gzip.compress(noisy("b")) + gzip.compress(noisy("c"))[:-50]
    )
    (tmp_path / "folder.warc.gz").mkdir()
    # It opens, and what it holds cannot be read.
    (tmp_path / "broken.warc.gz").symlink_to("/proc/self/mem")
    names = ["empty", "page", "missing", "cut", "folder", "broken", "good"]
    paths = [str(tmp_path / f"{it}.warc.gz") for it in names]
    done = archive(tmp_path / "output", "hill", *paths, str(good))
    assert done.code == 0, done.log
    assert f"The archive {good} is given twice" in done.log
    run = run_of(tmp_path / "output")
    assert (run["books"]["new"], run["complete"]) == (2, False)
    assert {Path(name).name: it.get("unread") for name, it in run["archives"].items()} == {
        "empty.warc.gz": {"not a WARC file: it is empty": 1},
        "page.warc.gz": {"not a WARC file: it does not begin with a WARC record": 1},
        "missing.warc.gz": {"No such file or directory": 1},
        "folder.warc.gz": {"Is a directory": 1},
        "broken.warc.gz": {"Input/output error": 1},
        "cut.warc.gz": None,
        "good.warc.gz": None,
    }
    assert run["archives"][paths[3]]["damaged"] == 1
    for name in ("empty", "page", "missing", "folder", "broken"):
        assert f"The archive {tmp_path}/{name}.warc.gz cannot be read: " in done.log
        assert f"  archive    {tmp_path}/{name}.warc.gz: " in done.log
    assert archive(tmp_path / "strict", "hill", *paths, "--strict").code == 7
    assert archive(tmp_path / "none", "hill", paths[0]).code == 4


def test_the_command_line_is_checked(tmp_path: Path) -> None:
    path = str(write(tmp_path / "a.warc.gz", [noisy("a")]))
    (tmp_path / "bad.csv").write_text(f"filename,offset,length\n{path},x,9\n")
    for words, code, sentence in (
        (("hil", path), 3, "Unknown outlet 'hil'. Did you mean 'hill'?"),
        ((path,), 2, "name one outlet or several, and then one file or several"),
        (("hill",), 2, "name one outlet or several, and then one file or several"),
        (("hill", f"{tmp_path}/*.warc"), 2, "it must be a pattern that matches a file"),
        (("hill", f"@{tmp_path}/none"), 2, "a list that can be read (No such file"),
        (("hill", f"@{tmp_path}/bad.csv"), 2, "has no file, offset and length in row 1"),
        (("hill", path, "-a", "sections=news"), 2, "it must be one of since, until, limit"),
        (("hill", path, "-o", "x.jsonl"), 2, "-o and -O are for the command crawl"),
        (("hill", path, "-a", "since=soon"), 2, "since='soon' is not allowed"),
        (("hill", path, "--workers", "0"), 2, "--workers is a whole number"),
    ):
        done = archive(tmp_path / "output", *words)
        assert (done.code, sentence in done.log) == (code, True), done.log
    assert not (tmp_path / "output").exists()


def test_a_list_names_files_or_parts_of_files(tmp_path: Path) -> None:
    members = [gzip.compress(noisy(str(it))) for it in range(6)]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(members))
    write(tmp_path / "b.warc.gz", [noisy("b")])
    places = [sum(map(len, members[:it])) for it in range(6)]
    with (tmp_path / "parts.csv").open("w") as stream:
        rows = csv.writer(stream)
        rows.writerow(["url", "warc_filename", "warc_record_offset", "warc_record_length"])
        # In the order of the index, which is not that of the file.
        for it in (4, 1, 3):
            rows.writerow([url(str(it)), "a.warc.gz", places[it], len(members[it])])
    # As cdx_toolkit writes them.
    index = {"filename": "a.warc.gz", "offset": str(places[5]), "length": str(len(members[5]))}
    (tmp_path / "parts.jsonl").write_text(json.dumps(index) + "\n")
    (tmp_path / "names.txt.gz").write_bytes(gzip.compress(b"# all\nb.warc.gz\n"))
    lists = [f"@{tmp_path}/{it}" for it in ("parts.csv", "parts.jsonl", "names.txt.gz")]
    output = tmp_path / "output"
    done = archive(output, "hill", *lists, "--base", str(tmp_path), "--workers", "2")
    assert done.code == 0, done.log
    assert [it["source_url"] for it in done.records] == [
        url(it) for it in ("1", "3", "4", "5", "b")
    ]
    assert run_of(output)["complete"]
    again = archive(output, "hill", *lists, "--base", str(tmp_path))
    assert again.code == 0
    assert run_of(output)["books"]["discovered"] == 0
    # The file as a whole was not read.
    assert archive(output, "hill", str(tmp_path / "a.warc.gz")).code == 0
    assert (run_of(output)["books"]["new"], run_of(output)["books"]["unchanged"]) == (2, 4)


def test_feeds_of_scrapy_get_the_records_of_an_archive(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a"), noisy("b")])
    done = crawl(tmp_path / "output", "-a", f"archive={path}", "-o", f"{tmp_path}/feed.jsonl")
    feed = [json.loads(it) for it in (tmp_path / "feed.jsonl").read_text().splitlines()]
    assert feed == done.records


def test_a_full_disk_ends_the_run_and_loses_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy(str(it), 300) for it in range(40)])
    output = tmp_path / "output"
    words = ("-a", f"archive={path}", "-s", "NEWSCRAWL_ARCHIVE_RANGE=60000")
    done = crawl(output, *words, limits="ulimit -f 256")
    assert done.code == 3, done.log
    assert "The output cannot be written, the run stops" in done.log
    first = len(done.records)
    assert 0 < first < 40
    assert crawl(output, *words).code == 0
    assert sorted(it["id"] for it in done.records) == sorted(
        str(number_of(str(it))) for it in range(40)
    )


def test_a_signal_ends_the_run_and_the_same_command_goes_on(tmp_path: Path) -> None:
    path = str(write_archive(240, tmp_path))
    words = ("archive", "hill", path, "--workers", "2", *RANGES)
    for turn in range(TRIES):
        output = tmp_path / f"output-{turn}"
        victim = start_command(output, 1, *words)
        if stop_in_mid_run(victim, output):
            break
    victim.send_signal(signal.SIGINT)
    victim.send_signal(signal.SIGCONT)
    assert victim.wait(120) == 0
    assert run_of(output)["reason"] == "shutdown"
    before = lines_of(output).count(b"\n")
    assert 0 < before < 480
    assert start_command(output, 1, *words).wait(120) == 0
    assert (run_of(output)["reason"], run_of(output)["complete"]) == ("finished", True)
    assert lines_of(output).count(b"\n") == 480
    # Of the ranges that were read before, none was read again.
    assert run_of(output)["archives"][path]["known"]


# Engines. A worker gets a function that returns the outlet; here one that ends the process.


def task(path: Path, make: Callable[[], Outlet], code: str = "") -> Task:
    orders = Orders(makers={"hill": pickle.dumps(make)}, most=1 << 20, code=code)
    return Task(orders=orders, file=str(path), outlets=("hill",))


def die_once(marker: str) -> Outlet:
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return HillSpider()
    os._exit(9)


def test_a_worker_that_dies_is_replaced_and_its_range_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a"), noisy("b")])
    makers: list[Callable[[], Any]] = [HillSpider] * 6
    makers[1] = partial(die_once, str(tmp_path / "marker"))
    makers[3] = partial(os._exit, 9)

    async def read() -> list[Result]:
        engine = Processes(2)
        tasks = [task(path, it) for it in makers]
        given = [(it, engine.submit(it)) for it in tasks[:4]]
        results = [await engine.result(*it) for it in given]
        given = [(it, engine.submit(it)) for it in tasks[4:]]
        results += [await engine.result(*it) for it in given]
        engine.close()
        return results

    results = asyncio.run(read())
    assert [it.fault for it in results] == ["", "", "", KILLED, "", ""]
    assert [len(it.found["hill"].findings) for it in results if it.found] == [2] * 5


def without_memory(more: int) -> Outlet:
    """Return the outlet, in a process that gets so many bytes more and not one beyond them."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return HillSpider()


def test_a_worker_without_memory_is_an_outcome_and_harms_no_other_range(tmp_path: Path) -> None:
    large = write(tmp_path / "a.warc.gz", [noisy("a"), record(url("b"), http(bytes(200 << 20)))])
    small = write(tmp_path / "b.warc.gz", [noisy("c")])

    async def read() -> list[Result]:
        engine = Processes(1)
        orders = Orders(
            makers={"hill": pickle.dumps(partial(without_memory, 100 << 20))}, most=1 << 30
        )
        tasks = [
            Task(orders=orders, file=str(large), outlets=("hill",)),
            task(small, HillSpider),
        ]
        given = [(it, engine.submit(it)) for it in tasks]
        results = [await engine.result(*it) for it in given]
        engine.close()
        return results

    first, second = asyncio.run(read())
    assert (first.fault, first.found) == ("error: MemoryError", {})
    assert first.trace.startswith("Traceback")
    assert [bool(it.line) for it in second.found["hill"].findings] == [True]


def break_down(error: type[Exception]) -> Outlet:
    raise error


@pytest.mark.fast
def test_a_range_that_breaks_our_code_is_an_outcome(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a")])
    engine = OneProcess()

    async def read() -> Result:
        given = task(path, partial(break_down, ZeroDivisionError))
        return await engine.result(given, engine.submit(given))

    result = asyncio.run(read())
    engine.close()
    assert result.fault == "error: ZeroDivisionError"
    assert "in break_down" in result.trace


@pytest.mark.fast
def test_a_worker_with_another_newscrawl_says_so(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a")])

    async def read(code: str) -> Result:
        engine = OneProcess()
        given = task(path, HillSpider, code)
        try:
            return await engine.result(given, engine.submit(given))
        finally:
            engine.close()

    assert len(asyncio.run(read(fingerprint())).found["hill"].findings) == 1
    with pytest.raises(OtherCodeError):
        asyncio.run(read("0.0.1 abc"))


class Broken(HillSpider):
    def read_article(self, *_: Any) -> Any:
        raise MemoryError


@pytest.mark.fast
def test_a_page_that_breaks_our_code_is_an_outcome(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a"), noisy("b")])

    engine = OneProcess()

    async def read() -> Result:
        given = task(path, Broken)
        return await engine.result(given, engine.submit(given))

    findings = asyncio.run(read()).found["hill"].findings
    engine.close()
    assert [it.reason for it in findings] == ["error: MemoryError"] * 2
    assert "in read_article" in findings[0].trace


def test_numbers_of_revisions_are_those_of_one_process(tmp_path: Path) -> None:
    """Numbers of revisions depend on nothing but the files."""
    chance = random.Random(7)
    for name in ("a", "b", "c"):
        captures = []
        for _ in range(12):
            number = 6000001 + chance.randrange(5)
            text = f"<p>Version {chance.randrange(4)}.</p>"
            captures.append(record(address(number), http(article(number, text))))
        write(tmp_path / f"{name}.warc.gz", captures)
    one, other = tmp_path / "one", tmp_path / "other"
    crawl(one, "-a", f"archive={tmp_path}/*.warc.gz")
    archive(
        other,
        "hill",
        f"{tmp_path}/*.warc.gz",
        "--workers",
        "2",
        "-s",
        "NEWSCRAWL_ARCHIVE_RANGE=700",
    )
    assert lines_of(one) == lines_of(other)
    assert max(json.loads(it)["revision"] for it in lines_of(one).splitlines()) > 2


# Elsewhere.


def test_archives_are_read_from_a_bucket(storage: Storage, tmp_path: Path) -> None:
    bucket = storage.bucket()
    members = [gzip.compress(noisy(str(it))) for it in range(6)]
    files_of_s3().pipe(f"{bucket}/a.warc.gz", b"".join(members))
    files_of_s3().pipe(f"{bucket}/b.warc.gz", gzip.compress(noisy("b")))
    output = tmp_path / "output"
    words = ("hill", f"s3://{bucket}/*.warc.gz", f"s3://{bucket}/none.warc.gz", "--workers", "2")
    done = archive(output, *words, *SMALL, **storage.environment)
    assert done.code == 0, done.log
    names = [*map(str, range(6)), "b"]
    assert [it["source_url"] for it in done.records] == [url(it) for it in names]
    run = run_of(output)
    assert run["archives"][f"s3://{bucket}/none.warc.gz"]["unread"] == {"No such file": 1}
    assert "s3cr3t" not in done.log
    # Only what has another ETag is read again.
    files_of_s3().pipe(f"{bucket}/b.warc.gz", gzip.compress(noisy("c")))
    archive(output, *words, *SMALL, **storage.environment)
    assert (run_of(output)["books"]["new"], run_of(output)["books"]["discovered"]) == (1, 1)
    # Captures are read by their place.
    (tmp_path / "parts.jsonl").write_text(
        json.dumps({"filename": "a.warc.gz", "offset": len(members[0]), "length": len(members[1])})
    )
    some = ("hill", f"@{tmp_path}/parts.jsonl", "--base", f"s3://{bucket}")
    done = archive(tmp_path / "some", *some, **storage.environment)
    assert [it["source_url"] for it in done.records] == [url("1")]


def test_a_scheduler_that_does_not_answer_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.warc.gz", [noisy("a")])
    address = f"tcp://127.0.0.1:{free_port()}"
    done = archive(tmp_path / "output", "hill", str(path), "--address", address)
    assert done.code == 3
    assert f"The scheduler {address} does not answer" in done.log
    assert not (tmp_path / "output").exists()


def test_a_cluster_publishes_the_same_lines(files: Path, whole: Path, tmp_path: Path) -> None:
    with Client(
        n_workers=1,
        threads_per_worker=2,
        dashboard_address="127.0.0.1:0",
        worker_dashboard_address=None,
    ) as client:
        address = client.scheduler.address
        arguments = ("hill", f"{files}/*.warc*", "--address", address, *SMALL)
        done = archive(tmp_path / "output", *arguments)
        assert done.code == 0, done.log
        assert lines_of(tmp_path / "output") == lines_of(whole)
        # A range that ends its workers is taken out by the scheduler.
        client.run_on_scheduler(
            lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 1)
        )
        path = write(tmp_path / "a.warc.gz", [noisy("a")])
        cluster = Cluster(address)

        async def read() -> Result:
            given = task(path, partial(os._exit, 9))
            return await cluster.result(given, cluster.submit(given))

        assert asyncio.run(read()).fault == KILLED
        cluster.close()


def dask(kind: str, *words: str, **settings: str) -> subprocess.Popen[bytes]:
    """Start a part of a cluster; ``settings`` are environment variables."""
    module = f"distributed.cli.dask_{kind}"
    command = [sys.executable, "-m", module, "--no-dashboard", *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **settings},
        cwd=tempfile.gettempdir(),  # else the newscrawl of this folder comes first
    )


def test_a_scheduler_that_goes_away_in_mid_run_ends_it_with_a_sentence(tmp_path: Path) -> None:
    path = write_archive(60, tmp_path)
    log = tmp_path / "log"
    words = ["archive", "hill", str(path), *RANGES]
    address = f"tcp://127.0.0.1:{free_port()}"
    scheduler = dask("scheduler", "--host", address)
    one = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
    worker = dask("worker", address, *one)
    try:
        with Client(address, timeout=60) as client:
            client.wait_for_workers(1, timeout=60)
        for turn in range(TRIES):
            output = tmp_path / f"output-{turn}"
            environ = {**os.environ, "NEWSCRAWL_OUTPUT_DIR": str(output)}
            with open(os.devnull, "r+b") as nothing, log.open("wb") as stream:  # noqa: PTH123
                streams = (nothing, nothing, stream)
                reader = forks().start(
                    [*words, "--address", address], environ, streams, "tests.impatient:execute"
                )
            if stop_in_mid_run(reader, output):
                break
        scheduler.kill()
        reader.send_signal(signal.SIGCONT)
        assert reader.wait(120) == 5, log.read_text()
    finally:
        for it in (worker, scheduler):
            it.kill()
            it.wait()
    assert f"The scheduler {address} is gone: the run ends." in log.read_text()
    assert run_of(output)["reason"] == "readers lost"
    assert not run_of(output)["complete"]
    done = archive(output, *words[1:], "--workers", "1")
    assert done.code == 0, done.log
    assert archive(tmp_path / "whole", *words[1:], "--workers", "1").code == 0
    assert lines_of(output) == lines_of(tmp_path / "whole")


def test_a_worker_with_another_newscrawl_is_named_before_the_work(tmp_path: Path) -> None:
    package = shutil.copytree(ROOT / "newscrawl", tmp_path / "other" / "newscrawl")
    with (package / "extraction" / "story.py").open("a") as stream:
        stream.write("# Of another version.\n")
    path = write(tmp_path / "a.warc.gz", [noisy("a")])
    with Client(
        n_workers=0, dashboard_address="127.0.0.1:0", worker_dashboard_address=None
    ) as client:
        address = client.scheduler.address
        one = ("--nthreads", "1", "--no-nanny", "--local-directory", str(tmp_path))
        worker = dask("worker", address, *one, PYTHONPATH=str(package.parent))
        try:
            client.wait_for_workers(1, timeout=60)
            done = archive(tmp_path / "output", "hill", str(path), "--address", address)
        finally:
            worker.kill()
            worker.wait()
    assert done.code == 3, done.log
    assert "1 of 1 workers of" in done.log
    assert "have another newscrawl than this machine" in done.log
    assert not (tmp_path / "output").exists()


@pytest.mark.fast
def test_workers_with_another_newscrawl_are_named() -> None:
    with pytest.raises(
        EngineError, match=r"1 of 2 workers of tcp://x have another newscrawl .*on b"
    ):
        compare("tcp://x", {"a": fingerprint(), "b": "0.0.1 abc"})
    with pytest.raises(EngineError, match="on a none that works"):
        compare("tcp://x", {"a": ModuleNotFoundError("No module named 'newscrawl'")})
