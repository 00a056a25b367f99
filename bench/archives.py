"""Measure how fast an archive is read, beside fastwarc alone and warcio on the same file."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time

from fastwarc import ArchiveIterator
from warcio.archiveiterator import ArchiveIterator as WarcioIterator

from bench.table import markdown
from newscrawl.storage.warc import Counts, WarcFile
from tests.sample.__main__ import write_warc
from tests.sample.site import SampleSite

ARTICLES = 400
ROUNDS = 5
ONE_IN = 50


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


def run() -> str:
    """Return the table: CPU time for each record, the best of several rounds."""
    with tempfile.TemporaryDirectory(prefix="newscrawl-bench-") as folder:
        path = Path(folder) / "site.warc.gz"
        write_warc(SampleSite(ARTICLES), path, 1)
        best = dict.fromkeys(READERS, float("inf"))
        records = 0
        for _ in range(ROUNDS):
            for name, read in READERS.items():
                begin = process_time()
                records = max(records, read(str(path)))
                best[name] = min(best[name], process_time() - begin)
    rows = [
        (name, f"{records / seconds:,.0f}", f"{best['warcio'] / seconds:.1f}")
        for name, seconds in best.items()
    ]
    return markdown(("Reader of WARC", "records/s", "× warcio"), rows)
