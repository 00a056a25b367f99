"""Measure how fast archives are read and published, beside fastwarc and warcio on the same file."""

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

from fastwarc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from bench.program import SCRAPY, Measured, measured
from bench.table import markdown
from newscrawl.storage.warc import Counts, WarcFile
from tests.archives import http, record, write
from tests.recordings import address, article
from tests.sample.__main__ import write_warc
from tests.sample.site import SampleSite

ARTICLES = 400
ROUNDS = 5
ONE_IN = 50
COPIES = 12  # files of the same pages: the command reads them for a minute
LINES = 20_000  # of which the publishing is measured


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


def read(output: Path, files: Path, workers: int) -> Read:
    """Run the command on the files of a folder."""
    pattern = f"{files}/*.warc.gz"
    words = ("archive", "hill", pattern, "--workers", str(workers), "-s", "LOG_LEVEL=ERROR")
    took = measured(output, SCRAPY, *words)
    assert took.code == 0, words
    return Read(took, json.loads(max(output.glob("hill/run=*/run.json")).read_text("utf-8")))


def command(folder: Path) -> str:
    """Return the table of the command with one process and with two, on the same files."""
    files = folder / "files"
    files.mkdir()
    for number in range(COPIES):
        shutil.copy(folder / "site.warc.gz", files / f"{number}.warc.gz")
    rows = []
    first = 0.0
    for workers in (1, 2):
        done = read(folder / f"output-{workers}", files, workers)
        rate = done.pages / done.took.seconds
        first = first or rate
        rows.append(
            (
                str(workers),
                f"{done.pages:,}",
                f"{1000 * done.reading / done.pages:.1f}",
                f"{done.pages / done.reading:,.0f}",
                f"{rate:,.0f}",
                f"{rate / first / workers:.2f}",
                f"{done.took.memory:.0f} MB",
            )
        )
    head = (
        *("processes", "pages", "ms of CPU a page", "pages/s and core"),
        *("pages/s", "of so many times one", "memory of the first process"),
    )
    return markdown(head, rows)


def writer(folder: Path) -> str:
    """Return a sentence on the process that publishes: its CPU time for small articles."""
    taken = []
    for count in (LINES // 100, LINES):
        files = folder / f"lines-{count}"
        files.mkdir()
        numbers = range(6_000_000 + count, 6_000_000 + 2 * count)
        write(files / "a.warc.gz", [record(address(it), http(article(it))) for it in numbers])
        done = read(folder / "output-lines", files, 2)
        assert done.lines == count
        taken.append((count, done.took.cpu))
    (few, least), (many, most) = taken
    rate = (many - few) / max(most - least, 0.001)
    return (
        f"The process that publishes, beside two that read: {rate:,.0f} records/s of its CPU"
        f" ({many:,} small articles; the CPU time of {few:,} is taken off)."
    )


def run() -> str:
    """Return the tables."""
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as name:
        folder = Path(name)
        write_warc(SampleSite(ARTICLES), folder / "site.warc.gz", 1)
        tables = [readers(folder / "site.warc.gz"), command(folder), writer(folder)]
    return "\n\n".join(tables)
