"""Measure how fast archives are read, beside other readers of the same files."""

import json
import pickle
import shutil
import tempfile
from base64 import b32encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha1
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from distributed import Client
from fastwarc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from bench.peers import FUNDUS, PEERS
from bench.program import SCRAPY, Measured, measured
from bench.quality import PAGES
from bench.table import markdown
from newscrawl.archives.reading import read_range
from newscrawl.archives.tasks import Orders, Task
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage.warc import Counts, WarcFile
from tests.archives import http, record, write
from tests.recordings import address, article
from tests.sample.__main__ import write_warc
from tests.sample.site import SampleSite

ARTICLES = 400
ROUNDS = 5
ONE_IN = 50
COPIES = 48  # files of the same pages: two processes read them for a minute
EACH = 34  # captures of each page in the archive that the peers read
WITH_PEERS = True


def with_fastwarc(path: str) -> int:
    """Read every record as it is stored."""
    with Path(path).open("rb") as file:
        return sum(bool(it.reader.read()) for it in ArchiveIterator(file, parse_http=False))


def with_warcio(path: str) -> int:
    """Read every response, decoded; nothing is checked."""
    with Path(path).open("rb") as file:
        return sum(bool(it.content_stream().read()) for it in WarcioIterator(file))


def with_newscrawl(path: str) -> int:
    """Read every response, decoded and checked for damage, cuts and digests."""
    return _captures(path, lambda _: True)


def one_in_fifty(path: str) -> int:
    """Read the responses of one address in fifty."""
    return _captures(path, lambda url: sum(url.encode()) % ONE_IN == 0)


def _captures(path: str, is_wanted: Callable[[str], bool]) -> int:
    counts = Counts()
    with WarcFile(path) as file:
        read = sum(bool(it.decoded(1 << 26)) for it in file.captures(counts, is_wanted))
    assert counts.finished
    assert read <= counts.records
    return counts.records


READERS = {
    "fastwarc": with_fastwarc,
    "warcio": with_warcio,
    "newscrawl": with_newscrawl,
    f"newscrawl, one page in {ONE_IN}": one_in_fifty,
}


def readers(path: Path) -> str:
    """Return the table of readers: CPU time for each record, the best of several rounds."""
    best = dict.fromkeys(READERS, float("inf"))
    records = 0
    for _ in range(ROUNDS):
        for name, read in READERS.items():
            begin = process_time()
            records = max(records, read(str(path)))
            best[name] = min(best[name], process_time() - begin)
    rows = [
        (
            name,
            f"{records / seconds:,.0f}",
            f"{best['warcio'] / seconds:.1f}",
            f"{best['fastwarc'] / seconds:.2f}",
        )
        for name, seconds in best.items()
    ]
    return markdown(("Reader of WARC", "records/s of CPU", "× warcio", "× fastwarc"), rows)


class Read(NamedTuple):
    """What one call of the command took, and its ``run.json``."""

    took: Measured
    run: dict[str, Any]

    @property
    def pages(self) -> int:
        """The captures of articles that were read."""
        return sum(it["articles"] for it in self.run["archives"].values())

    @property
    def lines(self) -> int:
        """The records that were published."""
        return sum(it["records"] for it in self.run["parts"])

    @property
    def reading(self) -> float:
        """The CPU seconds of reading, in all processes."""
        return float(self.run["stats"]["newscrawl/archives/cpu_ms"]) / 1000


def read(output: Path, files: Path, *words: str, **settings: str) -> Read:
    """Run the command on the files of a folder; ``words`` say with which processes."""
    pattern = f"{files}/*.warc.gz"
    words = ("archive", "hill", pattern, *words, "-s", "LOG_LEVEL=ERROR")
    took = measured(output, SCRAPY, *words, **settings)
    assert took.code == 0, words
    return Read(took, json.loads(max(output.glob("hill/run=*/run.json")).read_text("utf-8")))


@contextmanager
def cluster(workers: int) -> Iterator[str]:
    """Start a cluster of Dask on this machine; give its address."""
    with closing(
        Client(
            n_workers=workers,
            threads_per_worker=1,
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address=None,
        )
    ) as client:
        yield client.scheduler.address


def cores() -> str:
    """Return the table of the command with one process, with two, and with two of Dask."""
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as name, cluster(2) as address:
        folder = Path(name)
        (files := folder / "files").mkdir()
        write_warc(SampleSite(ARTICLES), files / "0.warc.gz", 1)
        for number in range(1, COPIES):
            shutil.copy(files / "0.warc.gz", files / f"{number}.warc.gz")
        ways = {
            "one process": (1, "--workers", "1"),
            "two processes": (2, "--workers", "2"),
            "Dask, two workers": (2, "--address", address),
        }
        rows = []
        first = 0.0
        for way, (workers, *words) in ways.items():
            done = read(folder / way, files, *words)
            rate = done.pages / done.took.seconds
            first = first or rate
            rows.append(
                (
                    way,
                    f"{done.pages:,}",
                    f"{1000 * done.reading / done.pages:.1f}",
                    f"{done.pages / done.reading:,.0f}",
                    f"{done.took.seconds:.0f}",
                    f"{rate:,.0f}",
                    f"{rate / first / workers:.2f}",
                    f"{done.took.memory:.0f} MB",
                )
            )
    head = (
        *("`newscrawl archive`", "pages", "ms of CPU a page", "pages/s and core"),
        *("seconds", "pages/s", "of so many times one", "memory of the first process"),
    )
    return markdown(head, rows)


def peers(folder: Path) -> str:
    """Return the table of tools that read articles out of archives, on the same file and core."""
    path = folder / "articles.warc.gz"
    captures = []
    for url, body in _pages().items():
        block = http(body)
        # fundus passes over records without one.
        own = f"sha1:{b32encode(sha1(block, usedforsecurity=False).digest()).decode()}"
        captures.append(record(url, block, WARC_Block_Digest=own))
    write(path, captures * EACH)
    orders = Orders(makers={"hill": pickle.dumps(HillSpider)}, most=1 << 26)
    task = Task(orders=orders, file=str(path), outlets=("hill",))
    taken = []
    for _ in range(ROUNDS + 1):
        begin = process_time()
        lines = [it.line for it in read_range(task).found["hill"].findings if it.line]
        taken.append(process_time() - begin)
    assert len(lines) == len(captures) * EACH
    seconds = min(taken[1:])
    words = sum(it.word_count for it in lines)
    tools: list[dict[str, Any]] = [
        {"tool": "newscrawl", "articles": len(lines), "words": words, "seconds": seconds}
    ]
    story = ", ".join(dict.fromkeys(it.story for it in HillSpider.reader.layouts))
    for environment, name in ((FUNDUS, "fundus"), (PEERS, "news-please")):
        if WITH_PEERS:
            environment.install()
        arguments = (name, str(path), HillSpider.host, story)
        tools += environment.lines("bench.archive_runner", *arguments)
    rate = len(lines) / seconds
    rows = [
        (
            str(it["tool"]),
            f"{it['articles']}",
            f"{it['words'] / it['articles']:.0f}",
            f"{it['articles'] / it['seconds']:,.1f}",
            f"{rate * it['seconds'] / it['articles']:.1f}",
        )
        for it in tools
    ]
    head = ("articles of an archive", "read", "words", "records/s of CPU", "newscrawl is faster by")
    return markdown(head, rows)


def _pages() -> dict[str, bytes]:
    """Return pages by address: real ones, or those of the sample site if there are none."""
    if PAGES.is_dir():
        truth = json.loads((PAGES / "truth.json").read_text("utf-8"))
        return {it["url"]: (PAGES / name).read_bytes() for name, it in truth.items()}
    return {address(it): article(it) for it in range(6_000_001, 6_000_004)}


def run() -> str:
    """Return the tables that do not depend on other work on the machine."""
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as name:
        folder = Path(name)
        write_warc(SampleSite(ARTICLES), folder / "site.warc.gz", 1)
        tables = [readers(folder / "site.warc.gz"), peers(folder)]
    return "\n\n".join(tables)
