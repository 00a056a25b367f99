"""Three nodes with one PostgreSQL and one S3, set up as docs/how-to/many-nodes.md describes."""

import json
import os
import re
import shlex
import subprocess
import textwrap
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from newscrawl import settings
from newscrawl.base_spiders.arguments import parse
from newscrawl.dispatch.memory import Memory
from newscrawl.dispatch.nodes_table import read_nodes
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage.ledger import Ledger
from tests import postgresql
from tests.conftest import ROOT, open_spider
from tests.machines import Network, network, relay
from tests.sample.answer import TEXT, Page, page
from tests.sample.server import running
from tests.storage import Storage, files, serving
from tests.test_docs import COMMANDS
from tests.test_outlet_table import row
from tests.test_scrapyd import INSTALLED, Server, until

XML = ("Content-Type", "application/rss+xml")
PASSWORD = "of-all-nodes"
MINUTES = 365 * 24 * 60  # no outlet becomes due by itself while the test goes on
NAMES = ("ada", "bea", "cid", "dan")


class Papers:
    """Newspapers, each on a host of its own name, with the same articles.

    While ``are_open`` is not set, a request for an article blocks the server.
    """

    def __init__(self) -> None:
        self.numbers = [7001, 7002, 7003]
        self.are_open = threading.Event()
        self.are_open.set()

    def keys(self) -> list[tuple[str, str, int]]:
        """Return the outlet, id and revision of every record that the crawls must publish."""
        return [(it, str(number), 1) for it in NAMES for number in self.numbers]

    def get(self, url: str) -> Page:
        host, _, path = url.removeprefix("https://").partition("/")
        if path == "robots.txt":
            return page(200, "User-agent: *\nDisallow:\n", TEXT)
        if path == "feed/":
            items = "".join(
                f"<item><title>{number}</title><link>https://{host}/news/dam-{number}.html</link>"
                f"<guid>{number}</guid></item>"
                for number in self.numbers
            )
            feed = f'<rss version="2.0"><channel>{items}</channel></rss>'
            return page(200, feed, XML)
        number = re.search(r"news/dam-(\d+)\.html", path)
        if number is None:
            return page(404, "<p>Not found</p>")
        assert self.are_open.wait(120)
        text = "The dam holds, and the river is calm again. " * 8
        return page(
            200,
            f'<html><head><link rel="canonical" href="{url}"></head><body><main><article>'
            f'<h1>Dam {number[1]} of {host}</h1><p class="by">by Ada Quill'
            ' <time datetime="2026-11-20T14:04:00">Nov 20, 2026</time></p>'
            f'<div class="story"><p>{text}</p></div></article></main></body></html>',
        )


class Cluster:
    """Nodes ``a``, ``b``, ``c``, set up by deploy/install, with the ledger and storage of all."""

    def __init__(
        self, folder: Path, net: Network, ledger: str, proxy: str, storage: Storage, endpoint: str
    ) -> None:
        self.ledger = Ledger(ledger)
        self.bucket = storage.bucket()
        self.nodes = {}
        more = {"FSSPEC_S3_ENDPOINT_URL": endpoint, "NEWSCRAWL_LEASE_SECONDS": "5"}
        for name, machine in zip("abc", net.machines, strict=True):
            node = Server(
                folder / name,
                proxy,
                machine.address,
                machine.inside,
                SCRAPYD_PASSWORD=PASSWORD,
                NEWSCRAWL_NODE=f"node-{name}",
                NEWSCRAWL_LEDGER_URL=ledger,
                NEWSCRAWL_REMOTE=f"s3://{self.bucket}/news",
            )
            with (node.prefix / "etc/newscrawl.env").open("a") as settings:
                for key, value in {**storage.environment, **more}.items():
                    settings.write(f"{key}={value}\n")
            rows = [row(it, host=f'"{it}.example"', title=f'"{it}"') for it in NAMES]
            (node.prefix / "outlets.toml").write_text("\n".join(rows), "utf-8")
            self.nodes[name] = node

    def start(self) -> None:
        for it in self.nodes.values():
            it.start()

    def close(self) -> None:
        for it in self.nodes.values():
            it.kill()
        self.ledger.close()

    def deploy(self, names: str, version: str) -> None:
        """Deploy the same egg to some nodes, under a version."""
        egg = self.nodes["a"].prefix / "newscrawl.egg"
        if not egg.exists():
            self.nodes["a"].deploy("--build-egg", str(egg))
        for name in names:
            done = self.nodes[name].deploy("--egg", str(egg), "--version", version)
            assert '"status": "ok"' in done.stdout

    def configure(self, outlets: Sequence[str]) -> None:
        """Write ``nodes.toml`` of node a, the one with the dispatcher."""
        lines = ["[crawls.hourly]", f"minutes = {MINUTES}", f"outlets = {json.dumps(outlets)}"]
        lines += ["settings = { AUTOTHROTTLE_ENABLED = 0, DOWNLOAD_DELAY = 0 }"]
        for name, node in self.nodes.items():
            lines += [
                f"[nodes.{name}]",
                f'url = "http://{node.address}:{node.port}/"',
                "places = 3",
            ]
        (self.nodes["a"].prefix / "etc/nodes.toml").write_text("\n".join(lines), "utf-8")

    def dispatch(self) -> subprocess.CompletedProcess[str]:
        """Make a pass on node a, as cron does."""
        node = self.nodes["a"]
        return subprocess.run(
            [*node.inside, node.prefix / "bin/dispatch"],
            capture_output=True,
            text=True,
            check=False,
        )

    def wait(self) -> None:
        """Wait until the nodes that are up have no job."""
        for it in self.nodes.values():
            if it.process.poll() is None:
                until(
                    lambda it=it: (
                        not {"pending", "running"}
                        & {key for key, jobs in it.api("listjobs.json").items() if jobs}
                    )
                )

    def let_a_period_pass(self) -> None:
        """Move what was given back by the crawl's period."""
        memory = Memory(self.ledger)
        for outlet, given in memory.given("hourly").items():
            memory.note("hourly", outlet, replace(given, time=given.time - 60 * MINUTES))

    def crawled(self) -> dict[str, list[str]]:
        """Return the outlets of the jobs of each node that is up, in order."""
        return {
            name: [job["spider"] for job in it.api("listjobs.json")["finished"]]
            for name, it in self.nodes.items()
            if it.process.poll() is None
        }

    def crawls_of(self, names: str) -> Counter[str]:
        """Return how many jobs of each outlet have ended on some nodes."""
        return Counter(it for name in names for it in self.crawled()[name])

    def published(self) -> list[tuple[str, str, int]]:
        """Return the key of every record in the storage."""
        keys = []
        for path in files().find(f"{self.bucket}/news"):
            if path.endswith(".jsonl"):
                records = map(json.loads, files().cat_file(path).decode().splitlines())
                keys += [(it["outlet"], it["id"], it["revision"]) for it in records]
        return sorted(keys)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[Cluster, Papers]]:
    if not INSTALLED.exists():
        pytest.skip("Scrapyd is not installed here (make test does)")
    papers = Papers()
    with ExitStack() as stack:
        storage = stack.enter_context(serving())
        server = stack.enter_context(postgresql.running(on_port=True))
        site = stack.enter_context(running(papers))
        net = stack.enter_context(network(3))
        assert server.port
        ports = [stack.enter_context(relay(net.address, it)) for it in (server.port, site.port)]
        endpoint = int(storage.endpoint.rpartition(":")[2])
        storage_port = stack.enter_context(relay(net.address, endpoint))
        ledger, proxy = (f"{net.address}:{it}" for it in ports)
        cluster = Cluster(
            tmp_path,
            net,
            f"postgresql://crawler@{ledger}/postgres",
            f"http://{proxy}",
            storage,
            f"http://{net.address}:{storage_port}",
        )
        stack.callback(cluster.close)
        cluster.start()
        yield cluster, papers


@pytest.mark.fast
def test_what_other_schedulers_start_is_a_command() -> None:
    page = (ROOT / "docs/how-to/many-nodes.md").read_text("utf-8")
    crontab = (ROOT / "deploy/crontab").read_text("utf-8")
    field = r"(?:\*|\d+)"
    cron = re.compile(rf"^[ #]*(?:{field} +){{4}}{field} +(\S.*)$", re.M)
    lines = [*cron.findall(page), *cron.findall(crontab)]
    assert len(lines) == 4
    commands = [shlex.split(it.rpartition("&& ")[2]) for it in lines if "newscrawl crawl" in it]
    for program in re.findall(r"\$PREFIX/bin/(\w+)", " ".join(lines)):
        assert os.access(ROOT / "deploy" / program, os.X_OK), program
    commands += map(shlex.split, re.findall(r'bash_command="([^"]*)"', page))
    job = yaml.safe_load((ROOT / "deploy/cronjob.yaml").read_text("utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert cron.match(job["spec"]["schedule"] + " x")
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    commands.append(container["args"])
    assert {it["name"] for it in container["env"]} <= {it.name for it in settings.table}
    assert len(commands) == 3
    for program, name, *rest in commands:
        assert program.endswith("newscrawl")
        options, more = COMMANDS[name].parse_known_args(rest)
        assert more == ["hill"]
        parse(dict(it.split("=", 1) for it in options.spargs), open_spider(HillSpider))


@pytest.mark.fast
def test_the_example_of_nodes_is_a_file_of_nodes(tmp_path: Path) -> None:
    table = read_nodes(ROOT / "deploy/nodes.toml", {"SCRAPYD_PASSWORD": "x"})
    assert [it.name for it in table.nodes] == ["a", "b", "c"]
    assert [it.name for it in table.crawls] == ["hourly", "nightly"]
    page = (ROOT / "docs/how-to/many-nodes.md").read_text("utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, flags=re.S)
    (tmp_path / "nodes.toml").write_text(textwrap.dedent(text))
    shown = read_nodes(tmp_path / "nodes.toml", {"SCRAPYD_PASSWORD": "x"})
    assert (shown.nodes, shown.crawls) == (table.nodes[:2], table.crawls)


def test_three_nodes(cluster: tuple[Cluster, Papers]) -> None:
    nodes, papers = cluster
    nodes.deploy("abc", "1700000000")
    nodes.configure(NAMES)

    # Every outlet is crawled once, and every node does its share.
    done = nodes.dispatch()
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 crawls given" in done.stdout
    nodes.wait()
    crawled = nodes.crawled()
    assert sorted(it for them in crawled.values() for it in them) == sorted(NAMES)
    assert all(crawled.values())
    assert nodes.published() == papers.keys()
    done = nodes.dispatch()
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 crawls given" in done.stdout

    # A node dies in the middle of its runs: the others take over, and nothing is there twice.
    papers.numbers.append(7004)
    nodes.let_a_period_pass()
    papers.are_open.clear()
    assert nodes.dispatch().returncode == 0
    dead = nodes.nodes["b"]
    had = until(
        lambda: (
            {it["spider"] for it in dead.api("listjobs.json")["running"]}
            & Memory(nodes.ledger).leased()
        )
    )
    before = nodes.crawls_of("ac")
    dead.kill()
    papers.are_open.set()

    def is_whole() -> bool:
        done = nodes.dispatch()
        assert done.returncode == 1
        assert done.stderr.startswith("b is left out: it cannot be reached at http://")
        nodes.wait()
        return nodes.published() == papers.keys()

    until(is_whole)
    assert had <= (nodes.crawls_of("ac") - before).keys()

    # The node is back, with an egg that is older than those of the others.
    dead.start()
    nodes.deploy("ac", "1700000001")
    nodes.configure(NAMES[:1])
    nodes.let_a_period_pass()
    of_dead = nodes.crawled()["b"]
    done = nodes.dispatch()
    assert done.returncode == 1
    assert done.stderr == (
        "b is left out: it has the egg 1700000000, not 1700000001: deploy it there.\n"
    )
    assert "1 crawls given" in done.stdout
    nodes.wait()
    assert nodes.crawled()["b"] == of_dead
    papers.numbers.append(7005)
    nodes.configure(NAMES)
    nodes.deploy("b", "1700000001")
    nodes.let_a_period_pass()
    done = nodes.dispatch()
    assert (done.returncode, done.stderr) == (0, "")
    nodes.wait()
    assert len(nodes.crawled()["b"]) > len(of_dead)
    assert nodes.published() == papers.keys()
