"""``python -m tests.kill``: kill a crawl at many moments and check that no record is lost.

Each round crawls the sample site, served on loopback, into a fresh folder, kills the crawl with
SIGKILL, and lets a normal run follow. What the two published together must be what an
undisturbed crawl publishes, once each, and the ledger must agree with the files.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from newscrawl.dataset.verify import Verifier
from newscrawl.storage.latest import latest_of
from newscrawl.storage.ledger import Ledger
from tests.archives import http, record, write
from tests.conftest import Crawl
from tests.forks import Fork, forks
from tests.recordings import address, article
from tests.sample.answer import Fault, Page, Site
from tests.sample.day import DaySite
from tests.sample.server import running
from tests.sample.site import SampleSite

Published = dict[tuple[str, int], str]

FAST = (
    *("-s", "DOWNLOAD_DELAY=0", "-s", "AUTOTHROTTLE_ENABLED=False", "-s", "RETRY_TIMES=0"),
    *("-s", "CONCURRENT_REQUESTS=8", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=8"),
    # Small parts and no pause between them, so that kills meet renames, too.
    *("-s", "NEWSCRAWL_PART_RECORDS=7"),
)


class KillingSite:
    """The sample site; when it is asked for the n-th time, the crawl dies a moment later."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.asked = 0
        self.kill_at: int | None = None
        self.delay = 0.0
        self.signal = signal.SIGKILL
        self.victim: Fork | None = None

    def get(self, url: str) -> Page | Fault:
        self.asked += 1
        if self.victim is not None and self.asked == self.kill_at:
            threading.Timer(self.delay, self.victim.send_signal, [self.signal]).start()
        return self.site.get(url)


def start(output: Path, port: int, *arguments: str) -> Fork:
    """Start a crawl."""
    return start_command(output, port, "crawl", "hill", *arguments)


def start_command(output: Path, port: int, *words: str) -> Fork:
    """Start a command, with settings that let it work fast."""
    environment = {
        **os.environ,
        "NEWSCRAWL_OUTPUT_DIR": str(output),
        "NEWSCRAWL_REVISIT_HOURS": "",
        "NEWSCRAWL_BROWSER": "/nonexistent",
        "https_proxy": f"http://127.0.0.1:{port}",
    }
    return forks().start([*words, *FAST], environment)


def published(output: Path) -> Published:
    """Return what is on disk, by key; raises ValueError for a torn line, KeyError for a double."""
    found: Published = {}
    for line in Crawl(0, "", output).records:
        key = (line["id"], line["revision"])
        if key in found:
            raise KeyError(f"{key} is published twice")
        found[key] = line["content_hash"]
    return found


def check(output: Path, expected: Published) -> None:
    """Raise AssertionError where files, ledger and books do not say the same as ``expected``."""
    got = published(output)
    assert got == expected, (
        f"lost {expected.keys() - got.keys()}, more {got.keys() - expected.keys()}"
    )
    by_article: dict[str, list[dict[str, Any]]] = {}
    for line in Crawl(0, "", output).records:
        by_article.setdefault(line["id"], []).append(line)
    latest = {
        (identity, len(records)): expected[identity, latest_of(records).revision]
        for identity, records in by_article.items()
    }
    with sqlite3.connect(output / "ledger.sqlite3") as connection:
        rows = connection.execute("SELECT id, revision, content_hash FROM revisions").fetchall()
        known = connection.execute(
            "SELECT id, revision, content_hash FROM articles WHERE revision > 0"
        )
        assert {(row[0], row[1]): row[2] for row in rows} == expected, "the ledger disagrees"
        assert {(row[0], row[1]): row[2] for row in known} == latest, "the ledger disagrees"
    connection.close()
    assert not list(output.glob("**/*.tmp"))
    ledger = Ledger(f"sqlite:///{output}/ledger.sqlite3")
    assert list(Verifier(output).faults(ledger)) == []
    ledger.close()


def _crawl(articles: int, folder: Path) -> tuple[Site, tuple[str, ...]]:
    # These two sections list the same articles.
    return SampleSite(articles), ("crawl", "hill", "-a", "sections=news,homenews/senate")


def _backfill(articles: int, folder: Path) -> tuple[Site, tuple[str, ...]]:
    site = DaySite(datetime(2026, 11, 10, 5, tzinfo=UTC), articles=0, corrections=0, older=articles)
    window = ("-a", "discover=api", "-a", "since=2026-10-01", "-a", "until=2026-11-11")
    return site, ("crawl", "hill", *window)


def _archive(articles: int, folder: Path) -> tuple[Site, tuple[str, ...]]:
    path = write_archive(articles, folder)
    return SampleSite(20), ("crawl", "hill", "-a", f"archive={path}", *RANGES)


def _archives(articles: int, folder: Path) -> tuple[Site, tuple[str, ...]]:
    path = write_archive(articles, folder)
    return SampleSite(20), ("archive", "hill", str(path), "--workers", "2", *RANGES)


# Ranges of some captures.
RANGES = ("-s", "NEWSCRAWL_ARCHIVE_RANGE=3000")


def write_archive(articles: int, folder: Path) -> Path:
    """Write an archive of two captures of each article, the newer one first."""
    captures = [
        record(
            address(number), http(article(number, f"<p>As it was on {date}.</p>")), WARC_Date=date
        )
        for number in range(6000001, 6000001 + articles)
        for date in ("2024-11-22T10:00:00Z", "2023-11-22T10:00:00Z")
    ]
    return write(folder / "input.warc.gz", captures)


def _reread(articles: int, folder: Path) -> tuple[Site, tuple[str, ...]]:
    """Write a recording of two responses of each article, in order, to be read again."""
    captures = [
        record(
            address(number), http(article(number, f"<p>As it was on {date}.</p>")), WARC_Date=date
        )
        for date in ("2023-11-22T10:00:00Z", "2024-11-22T10:00:00Z")
        for number in range(6000001, 6000001 + articles)
    ]
    path = write(folder / "input.warc.gz", captures)
    return SampleSite(20), ("crawl", "hill", "-a", f"reread={path}")


KINDS = {
    "crawl": _crawl,
    "backfill": _backfill,
    "archive": _archive,
    "archives": _archives,
    "reread": _reread,
}


def _lines(output: Path) -> int:
    count = 0
    for path in output.glob("hill/run=*/part-*.jsonl*"):
        with suppress(FileNotFoundError):  # it has just got its last name
            count += path.read_bytes().count(b"\n")
    return count


def _kill_at(line: int, output: Path, victim: Fork, delay: float) -> None:
    """Kill a crawl a moment after its n-th line is on disk."""
    while victim.poll() is None and _lines(output) < line:
        time.sleep(0.002)
    time.sleep(delay)
    victim.kill()


def stop_in_mid_run(process: Fork, output: Path) -> bool:
    """Stop a run with SIGSTOP some time after its first lines are on disk.

    Return whether the run was stopped before its end. If not, wait until its process has ended.
    """
    while process.poll() is None and not list(output.glob("hill/run=*/part-*")):
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    while process.poll() is None and not process.is_stopped:
        time.sleep(0.005)
    if process.poll() is None and not list(output.glob("hill/run=*/run.json")):
        return True
    process.send_signal(signal.SIGCONT)
    process.wait(120)
    return False


# A command is started at most this often, until it can be stopped in mid-run.
TRIES = 9


def kill_test(kills: int, articles: int, kind: str = "crawl", seed: int = 1) -> int:
    """Kill a crawl so many times, spread over the whole run; return how many died in mid-run.

    If fewer than half of the crawls died in mid-run, kill more of them.
    """
    folder = Path(tempfile.mkdtemp(prefix="newscrawl-kill-"))
    inner, words = KINDS[kind](articles, folder)
    site = KillingSite(inner)
    chance = random.Random(seed)
    died = 0
    try:
        with running(site) as server:
            assert start_command(folder / "whole", server.port, *words).wait(120) == 0
            requests = site.asked
            expected = published(folder / "whole")
            assert expected
            turn = 0
            # On a busy machine a crawl may end before the kill. Then another crawl is started.
            while turn < kills or (died < kills / 2 and turn < 9 * kills):
                number = turn % kills
                output = folder / f"kill-{turn}"
                turn += 1
                # The last tenth dies while it closes: up to half a second after the last answer.
                late = 0.5 if number >= kills * 0.9 else 0.03
                delay = chance.random() * late
                if requests:
                    site.asked, site.delay = 0, delay
                    site.kill_at = max(1, requests * (number + 1) // kills)
                site.victim = start_command(output, server.port, *words)
                if not requests:
                    _kill_at(len(expected) * (number + 1) // kills, output, site.victim, delay)
                died += site.victim.wait(120) == -signal.SIGKILL
                site.victim = None
                assert start_command(output, server.port, *words).wait(120) == 0
                check(output, expected)
                shutil.rmtree(output)
    except AssertionError as error:
        raise AssertionError(f"{error}; see {folder}") from error
    finally:
        if site.victim is not None:
            site.victim.kill()
            site.victim.wait(120)
    shutil.rmtree(folder)
    return died


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: all of them")
    options = parser.parse_args()
    for kind in options.kind or KINDS:
        count = kill_test(options.kills, options.articles, kind)
        print(
            f"{kind}: {options.kills} kills, {count} in mid-run:"
            " nothing lost, nothing twice, nothing torn"
        )
