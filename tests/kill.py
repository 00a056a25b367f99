"""``python -m tests.kill``: kill a crawl at many moments and check that no record is lost.

Each round crawls the sample site, served on loopback, into a fresh folder, kills the crawl with
SIGKILL, and lets a normal run follow. What the two published together must be what an
undisturbed crawl publishes, once each, and the ledger must agree with the files.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from newscrawl.storage.books import balance
from tests.conftest import ROOT, Crawl
from tests.sample.answer import Page
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

    def __init__(self, site: SampleSite) -> None:
        self.site = site
        self.asked = 0
        self.kill_at: int | None = None
        self.delay = 0.0
        self.signal = signal.SIGKILL
        self.victim: subprocess.Popen[bytes] | None = None

    def get(self, url: str) -> Page:
        self.asked += 1
        if self.victim is not None and self.asked == self.kill_at:
            threading.Timer(self.delay, self.victim.send_signal, [self.signal]).start()
        return self.site.get(url)


def start(output: Path, port: int, *arguments: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "scrapy", "crawl", "hill", *FAST, *arguments]
    environment = {
        **os.environ,
        "NEWSCRAWL_OUTPUT_DIR": str(output),
        "NEWSCRAWL_REVISIT_HOURS": "",
        "NEWSCRAWL_BROWSER": "/nonexistent",
        "https_proxy": f"http://127.0.0.1:{port}",
    }
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet)


def published(output: Path) -> Published:
    """Return what is on disk, by key; raises ValueError for a torn line, KeyError for a double."""
    found: Published = {}
    for record in Crawl(0, "", output).records:
        key = (record["id"], record["revision"])
        if key in found:
            raise KeyError(f"{key} is published twice")
        found[key] = record["content_hash"]
    return found


def check(output: Path, wanted: Published) -> None:
    """Raise AssertionError where files, ledger and books do not say the same as ``wanted``."""
    got = published(output)
    assert got == wanted, f"lost {wanted.keys() - got.keys()}, more {got.keys() - wanted.keys()}"
    with sqlite3.connect(output / "ledger.sqlite3") as ledger:
        rows = ledger.execute("SELECT id, revision, content_hash FROM revisions").fetchall()
        latest = ledger.execute(
            "SELECT id, revision, content_hash FROM articles WHERE revision > 0"
        )
        assert {(row[0], row[1]): row[2] for row in rows} == wanted, "the ledger disagrees"
        assert {(row[0], row[1]): row[2] for row in latest} == wanted, "the ledger disagrees"
    ledger.close()
    assert not list(output.glob("**/*.tmp"))
    for path in output.glob("hill/run=*/run.json"):
        assert balance(json.loads(path.read_text())["books"]) == 0


def kill_test(kills: int, articles: int, seed: int = 1) -> int:
    """Kill a crawl so many times, spread over the whole run; return how many died in mid-run."""
    site = KillingSite(SampleSite(articles))
    chance = random.Random(seed)
    died = 0
    folder = Path(tempfile.mkdtemp(prefix="newscrawl-kill-"))
    try:
        with running(site) as server:
            assert start(folder / "whole", server.port).wait(120) == 0
            requests = site.asked
            wanted = published(folder / "whole")
            assert wanted
            for number in range(kills):
                output = folder / f"kill-{number}"
                site.asked = 0
                site.kill_at = max(1, requests * (number + 1) // kills)
                # The last tenth dies while it closes: up to half a second after the last answer.
                late = 0.5 if number >= kills * 0.9 else 0.03
                site.delay = chance.random() * late
                site.victim = start(output, server.port)
                died += site.victim.wait(120) == -signal.SIGKILL
                site.victim = None
                assert start(output, server.port).wait(120) == 0
                check(output, wanted)
                shutil.rmtree(output)
    except AssertionError as error:
        raise AssertionError(f"{error}; see {folder}") from error
    finally:
        if site.victim is not None:
            site.victim.kill()
            site.victim.wait()
    shutil.rmtree(folder)
    return died


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--articles", type=int, default=60)
    options = parser.parse_args()
    count = kill_test(options.kills, options.articles)
    print(f"{options.kills} kills, {count} in mid-run: nothing lost, nothing twice, nothing torn")
