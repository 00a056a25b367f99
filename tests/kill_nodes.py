"""``python -m tests.kill_nodes``: kill the crawls of two nodes, and check what they publish.

Two nodes share a PostgreSQL ledger and a storage. In each round they crawl a site whose articles
change; crawls are killed, stopped for longer than their lease, or cut off from the ledger, at
random moments, and the other node, or the same one, goes on. In the end each key must be in the
storage once, nothing may be missing, and ledger and books must say the same.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import psycopg
import time_machine

from newscrawl.dataset.remote import Target
from newscrawl.dataset.restore import Wanted, fetch
from newscrawl.dataset.verify import Verifier
from newscrawl.extensions.exit_codes import LATER
from newscrawl.storage.books import balance
from tests.conftest import records_of, runs_of
from tests.forks import SCRAPY, Fork, forks
from tests.kill import FAST
from tests.postgresql import Server
from tests.postgresql import running as postgresql
from tests.recordings import address, article
from tests.sample.answer import TEXT, Page, page
from tests.sample.server import running

CRAWL = ("crawl", "hill", "-a", "sections=news", *FAST)
LEASE = 1.0  # seconds
FIRST = 6000001
LONGEST = 150.0  # seconds of one crawl; one may wait for a lock of a process that is stopped


class EditionSite:
    """A site of one listing, whose articles all change at once; one is removed in the end.

    When it is asked for the ``act_at``-th time, ``act`` is called after ``delay`` seconds; without
    a delay, the site answers no request until ``act`` returns.
    """

    def __init__(self, articles: int) -> None:
        self.numbers = range(FIRST, FIRST + articles)
        self.edition = 1
        self.has_removed = False
        self.asked = 0
        self.act_at = 0
        self.delay: float | None = None
        self.act: Any = None

    def text(self, number: int) -> str:
        return f"<p>Edition {self.edition} of story {number}.</p>"

    def get(self, url: str) -> Page:
        self.asked += 1
        if self.asked == self.act_at and self.act:
            if self.delay is None:
                self.act()
            else:
                threading.Timer(self.delay, self.act).start()
        if url.endswith("/robots.txt"):
            return page(200, "User-agent: *\nDisallow:\n", TEXT)
        if url.endswith("/news"):
            links = (
                f'<article class="archive__item"><a href="{address(it)}">x</a></article>'
                for it in self.numbers
            )
            return page(200, f"<html><body>{''.join(links)}</body></html>")
        for number in self.numbers:
            if url == address(number) and not (self.has_removed and number == FIRST):
                return page(200, article(number, self.text(number)))
        return page(404, "<html><body>Not found</body></html>")


def skewed() -> None:
    """Run ``scrapy`` by a clock that differs from the machine's by ``CLOCK_SKEW`` seconds."""
    from scrapy.cmdline import execute  # noqa: PLC0415  # it may install a reactor

    with time_machine.travel(time.time() + float(os.environ["CLOCK_SKEW"]), tick=True):
        execute()


class Node:
    """A node: a name, an output folder, and the environment of its crawls."""

    def __init__(
        self, name: str, folder: Path, ledger: str, storage: str, port: int, skew: float = 0
    ) -> None:
        self.output = folder / name
        self.environment = {
            **os.environ,
            "NEWSCRAWL_OUTPUT_DIR": str(self.output),
            "NEWSCRAWL_LEDGER_URL": ledger,
            "NEWSCRAWL_REMOTE": storage,
            "NEWSCRAWL_NODE": name,
            "NEWSCRAWL_LEASE_SECONDS": str(LEASE),
            "NEWSCRAWL_REVISIT_HOURS": "",
            "NEWSCRAWL_BROWSER": "/nonexistent",
            "https_proxy": f"http://127.0.0.1:{port}",
            "CLOCK_SKEW": str(skew),
        }
        self.main = "tests.kill_nodes:skewed" if skew else SCRAPY

    def run(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run a command; without words, a crawl."""
        environment = self.environment | settings
        return forks().run([*(words or CRAWL)], environment, LONGEST, self.main)

    def start(self) -> Fork:
        """Start a crawl."""
        log = (self.output.parent / f"{self.output.name}.log").open("ab")
        with log, Path(os.devnull).open("rb") as nothing:
            return forks().start([*CRAWL], self.environment, (nothing, log, log), self.main)

    def crawl(self) -> int:
        """Crawl until no other node has the outlet; return the exit code."""
        ends = time.monotonic() + LONGEST
        while (code := self.start().wait(LONGEST)) == LATER.code and time.monotonic() < ends:
            time.sleep(0.1)
        return code


class Round:
    """Two nodes with a fresh ledger and storage, and the site that they crawl."""

    def __init__(
        self, folder: Path, server: Server, site: EditionSite, port: int, url: str = ""
    ) -> None:
        self.folder, self.site, self.server, self.port = folder, site, server, port
        self.storage = folder / "storage"
        """What is in the storage, or was in the end."""
        self.url = url or str(self.storage)
        database = f"k{time.monotonic_ns()}"
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
        self.ledger = server.url.replace("/postgres", f"/{database}")
        # Their clocks differ by five minutes less a second, the most that is not reported.
        self.nodes = [self.node("a"), self.node("b", 299)]

    def node(self, name: str, skew: float = 0) -> Node:
        """Return a node, whose clock is so many seconds ahead."""
        return Node(name, self.folder, self.ledger, self.url, self.port, skew)

    def sql(self, statement: str) -> None:
        """Change the ledger."""
        with psycopg.connect(self.ledger, autocommit=True) as connection:
            connection.execute(statement.encode())

    def is_open(self) -> bool:
        """Return whether a run holds the lease and is not yet published."""
        query = (
            "SELECT (SELECT count(*) FROM leases) > 0"
            " AND (SELECT count(*) FROM runs WHERE state = 'open') = 1"
        )
        with psycopg.connect(self.ledger) as connection:
            return connection.execute(query).fetchone() == (True,)

    def make_due(self) -> None:
        """Let the next crawl look at every article again."""
        self.sql("UPDATE articles SET next_attempt = '2000-01-01T00:00:00Z'")

    def disturb(self, chance: random.Random, requests: int, how: str) -> bool:
        """Disturb a crawl ``how``, and let a node go on; return whether the crawl was at work."""
        first, other = chance.sample(self.nodes, 2)
        self.site.asked, self.site.act = 0, None
        # The last third is disturbed while it closes and publishes.
        late = chance.random() > 0.66
        self.site.delay = chance.random() * (0.5 if late else 0.03)
        self.site.act_at = requests if late else chance.randint(1, requests)
        number = signal.SIGSTOP if how == "stop" else signal.SIGKILL
        victim = first.start()
        self.site.act = lambda: victim.send_signal(number)
        if how == "kill":
            was_at_work = victim.wait(LONGEST) == -signal.SIGKILL
        else:
            # The crawl may end before the stop, if this was its last request.
            while not victim.is_stopped and victim.poll() is None:
                time.sleep(0.02)
            was_at_work = victim.is_stopped and self.is_open()
        self.site.act = None
        follower = chance.choice([first, other]) if how == "kill" else other
        code = follower.crawl()
        assert code == 0, f"{follower.output.name} ended with {code}"
        if how == "stop":
            victim.send_signal(signal.SIGCONT)
            code = victim.wait(LONGEST)
            assert code in ({LATER.code} if was_at_work else {0, LATER.code}), code
        return was_at_work

    def finish(self) -> None:
        """Let both nodes crawl undisturbed."""
        for node in self.nodes:
            self.make_due()
            assert node.crawl() == 0, node.output.name

    def check(self) -> None:
        """Raise AssertionError where storage, ledger, books and site do not say the same."""
        storage = self.storage
        if self.url != str(storage):
            files, root = fsspec.url_to_fs(self.url)
            files.get(f"{root}/", f"{storage}/", recursive=True)
        records = records_of(storage)
        keys = Counter((it["id"], it["revision"]) for it in records)
        twice = [key for key, count in keys.items() if count > 1]
        assert not twice, f"published twice: {twice}"
        runs = runs_of(storage)
        assert all(balance(it["books"]) == 0 for it in runs)
        listed = sum(part["records"] for run in runs for part in run["parts"])
        assert listed == len(records), "a part without run.json, or the other way round"
        latest: dict[str, dict[str, Any]] = {}
        for it in records:
            before = latest.get(it["id"])
            assert it["revision"] == (before["revision"] if before else 0) + 1, it["id"]
            assert not before or before["content_hash"] != it["content_hash"], it["id"]
            latest[it["id"]] = it
        removed = {str(FIRST)} if self.site.has_removed else set()
        wanted = {str(it): f"Edition {self.site.edition} of" for it in self.site.numbers}
        assert removed <= wanted.keys()
        for name, text in wanted.items():
            if name not in removed:
                assert name in latest, f"{name} is missing"
                assert text in latest[name]["body"], f"{name} is not the latest edition"
        gone = [it["gone"] for run in runs for it in run["withdrawn"]]
        # An article that nobody published before it was removed is not one that is gone.
        assert gone == [True] * len(gone)
        assert len(gone) == len(removed & latest.keys()), gone
        with psycopg.connect(self.ledger) as connection:
            known = connection.execute(
                "SELECT id, revision, content_hash, run FROM revisions"
            ).fetchall()
            states = dict(
                connection.execute("SELECT state, count(*) FROM runs GROUP BY 1").fetchall()
            )
            held = connection.execute("SELECT count(*) FROM leases").fetchone()
        where = {
            (it["id"], it["revision"], it["content_hash"], run["run"])
            for run in runs
            for it in records_of_run(storage, run["run"])
        }
        assert set(known) == where, "the ledger disagrees"
        assert states.keys() <= {"pushed", "revoked"}, states
        assert states["pushed"] == len(runs)
        assert held == (0,)
        with tempfile.TemporaryDirectory() as fresh:
            output = Path(fresh)
            fetched = fetch(output, Target(str(storage)), ["hill"], Wanted.WHOLE)
            assert not fetched["hill"].wrong
            faults = list(Verifier(output).faults(None))
            assert not faults, faults


def records_of_run(storage: Path, run: str) -> Iterator[dict[str, Any]]:
    """Yield the records of one run."""
    for part in sorted((storage / "hill" / f"run={run}").glob("part-*.jsonl")):
        yield from map(json.loads, part.read_text("utf-8").splitlines())


@contextmanager
def two_nodes(articles: int, url: str = "", *, on_port: bool = False) -> Iterator[Round]:
    """Give two nodes, a site and a server, and check in the end what they published."""
    folder = Path(tempfile.mkdtemp(prefix="newscrawl-nodes-"))
    site = EditionSite(articles)
    try:
        with postgresql(on_port=on_port) as server, running(site) as http:
            this = Round(folder, server, site, http.port, url)
            yield this
            this.finish()
            this.check()
    except AssertionError as error:
        logs = "".join(it.read_text("utf-8")[-3000:] for it in folder.glob("*.log"))
        raise AssertionError(f"{error}; see {folder}\n{logs}") from error
    shutil.rmtree(folder)


def kill_test(kills: int, articles: int = 20, how: str = "kill", seed: int = 1) -> int:
    """Disturb so many crawls; return how many of them while they were at work."""
    chance = random.Random(seed)
    done = in_time = 0
    while done < kills:
        with two_nodes(articles) as this:
            assert this.nodes[0].crawl() == 0
            requests = this.site.asked
            for _ in range(min(8, kills - done)):
                # Sometimes nothing changed on the site since the crawl before.
                this.site.edition += chance.choice((0, 1, 1))
                this.make_due()
                in_time += this.disturb(chance, requests, how)
                done += 1
            this.site.has_removed = chance.random() > 0.5
    return in_time


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--articles", type=int, default=20)
    parser.add_argument("--how", choices=("kill", "stop"), action="append", help="default: both")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    for how in options.how or ("kill", "stop"):
        count = kill_test(options.kills, options.articles, how, options.seed)
        print(f"{how}: {options.kills}, {count} of them at work: no key twice, nothing lost")
