"""Two nodes with one ledger in PostgreSQL and one storage: each key is published once."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from newscrawl.storage.runs import run_name
from tests.conftest import ROOT, records_of, runs_of
from tests.kill_nodes import CRAWL, LONGEST, Node, Round, kill_test, two_nodes
from tests.machines import network, relay
from tests.storage import serving
from tests.test_outlet_table import row


@pytest.fixture
def nodes() -> Iterator[Round]:
    """Two nodes, which are checked in the end."""
    with two_nodes(6) as this:
        yield this


def keys(output: Path) -> list[tuple[str, int]]:
    return [(it["id"], it["revision"]) for it in records_of(output)]


@pytest.mark.parametrize(("how", "count", "seed"), [("kill", 5, 4), ("stop", 2, 6)])
def test_whatever_dies_nothing_is_published_twice_and_nothing_lost(
    how: str, count: int, seed: int
) -> None:
    kill_test(count, 12, how, seed)


def test_a_second_node_is_told_who_has_the_outlet(nodes: Round) -> None:
    first, second = nodes.nodes
    done: list[Any] = []
    nodes.site.act, nodes.site.act_at = lambda: done.append(second.run()), 2
    assert first.run(NEWSCRAWL_LEASE_SECONDS="60").returncode == 0
    assert done[0].returncode == 75
    assert "hill is already running on a (" in done[0].stderr


def test_a_dead_node_is_told_that_another_took_over(nodes: Round) -> None:
    first, second = nodes.nodes
    victim = first.start()
    nodes.site.act, nodes.site.act_at = victim.kill, 5
    victim.wait(LONGEST)
    dead = next(first.output.glob("hill/run=*"))
    name = dead.name.removeprefix("run=")
    # The lease of a node that has died lasts for some time.
    assert second.run(NEWSCRAWL_LEASE_SECONDS="30").returncode in (0, 75)
    assert second.crawl() == 0
    assert name in [it for run in runs_of(second.output) for it in run.get("revoked", ())]
    told = first.run()
    assert told.returncode == 0
    assert f"Run {name} of hill on this node was never published" in told.stderr
    assert (first.output / "hill" / "revoked" / dead.name).is_dir()
    assert not dead.exists()
    assert runs_of(first.output)[-1]["set_aside"] == [name]
    assert runs_of(first.output)[-1]["node"] == "a"


def crawl_without_storage(nodes: Round, node: Node) -> str:
    """Let a node close a run of other texts, while the storage goes away; return its log."""
    place, away = nodes.storage / "hill", nodes.folder / "away"

    def take_away() -> None:
        place.rename(away)
        place.touch()

    nodes.site.edition, nodes.site.asked = 2, 0
    nodes.make_due()
    nodes.site.act, nodes.site.act_at = take_away, 3
    done = node.run(NEWSCRAWL_LEASE_SECONDS="60")
    assert done.returncode == 6, done.stderr
    nodes.site.act = None
    place.unlink()
    away.rename(place)
    return done.stderr


def test_a_run_that_cannot_be_pushed_is_published_later(nodes: Round) -> None:
    first, second = nodes.nodes
    assert first.crawl() == 0
    assert "The run was not pushed" in crawl_without_storage(nodes, first)
    # What was not published keeps the lease for its time.
    assert second.run().returncode == 75
    assert len(keys(nodes.storage)) == 6
    pushed = first.run("push", "--only", "runs")
    assert (pushed.returncode, pushed.stdout) == (0, "hill: 1 runs published.\n"), pushed.stderr
    assert len(keys(nodes.storage)) == 12
    # A storage that is away before the crawl is a sentence.
    done = second.run(
        NEWSCRAWL_REMOTE="s3://bucket/news", FSSPEC_S3_ENDPOINT_URL="http://127.0.0.1:1"
    )
    assert done.returncode == 3
    assert "s3://bucket/news cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def leave_unpublished(nodes: Round, node: Node) -> None:
    """Let a node close a run that it cannot publish, and wait until its lease has ended."""
    crawl_without_storage(nodes, node)
    place = nodes.storage / "hill"
    (run,) = {it.name for it in node.output.glob("hill/run=*")} - {
        it.name for it in nodes.storage.glob("hill/run=*")
    }
    # It had uploaded a part.
    shutil.copytree(node.output / "hill" / run, place / run)
    (place / run / "run.json").unlink()
    nodes.sql("UPDATE leases SET expires = 0")


def test_a_node_that_cannot_publish_holds_nobody_up_for_long(nodes: Round) -> None:
    first, second = nodes.nodes
    assert first.crawl() == 0
    leave_unpublished(nodes, first)
    away = {"NEWSCRAWL_REMOTE": "s3://bucket/news", "FSSPEC_S3_ENDPOINT_URL": "http://127.0.0.1:1"}
    assert first.run(**away, NEWSCRAWL_LEASE_SECONDS="60").returncode == 3
    done = second.run()
    assert done.returncode == 0, done.stderr
    assert "its 6 records are taken back" in done.stderr


def test_a_run_whose_articles_others_published_meanwhile_is_not_published(nodes: Round) -> None:
    first, second = nodes.nodes
    assert first.crawl() == 0
    # Its clock is ahead, so its run is the latest by name.
    leave_unpublished(nodes, second)
    rebuilt = first.run("ledger", "--rebuild")
    assert "Rebuilt the ledger from 6 published records" in rebuilt.stdout, rebuilt.stderr
    nodes.make_due()
    assert first.crawl() == 0
    done = second.run()
    assert done.returncode == 0, done.stderr
    assert "has 6 records, and the ledger knows 0 as those of this run" in done.stderr
    assert "its folder is set aside" in done.stderr
    # The same by hand, past the ledger.
    (aside,) = second.output.glob("hill/revoked/run=*")
    aside.rename(second.output / "hill" / aside.name)
    for pushed in (
        second.run("push", "--all", NEWSCRAWL_NODE=""),
        second.run("push", "--all", f"file://{nodes.storage}"),
    ):
        assert pushed.returncode == 3
        assert "Several nodes publish hill in" in pushed.stderr
    assert second.run("push", f"{nodes.storage}/", "--only", "runs").returncode == 1


def test_what_is_left_here_of_a_published_run_is_not_taken_for_the_run(nodes: Round) -> None:
    first, second = nodes.nodes
    assert first.crawl() == 0
    nodes.site.edition = 2
    nodes.make_due()
    assert second.crawl() == 0
    assert first.crawl() == 0
    own, fetched = sorted(first.output.glob("hill/run=*"))[:2]
    # As in a copy of the folder from the middle of the run.
    (own / "run.json").unlink()
    (own / "part-00001.jsonl").write_bytes(b"")
    (fetched / "run.json").write_text("{", "utf-8")
    done = first.run()
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is missing or damaged, and the storage has its run") == 2
    assert runs_of(nodes.storage)[-1]["ignored"] == [
        it.name.removeprefix("run=") for it in (own, fetched)
    ]


def test_a_run_that_died_before_it_began_gives_its_name_to_no_other(nodes: Round) -> None:
    first, _ = nodes.nodes
    assert first.crawl() == 0
    moment = datetime.now(UTC)
    for seconds in range(60):
        name = run_name(moment + timedelta(seconds=seconds))
        nodes.sql(
            "INSERT INTO runs (outlet, run, node, node_id, version, state, began)"
            f" VALUES ('hill', '{name}', 'c', 'c', '0.1', 'revoked', '') ON CONFLICT DO NOTHING"
        )
    assert first.crawl() == 0
    assert runs_of(nodes.storage)[-1]["run"] > name


def test_a_lease_that_is_lost_in_the_end_is_said(nodes: Round) -> None:
    def lose() -> None:
        nodes.sql("UPDATE leases SET holder = 'c', node_id = 'c', expires = 0")

    nodes.site.act, nodes.site.act_at = lose, 7
    done = nodes.nodes[0].run()
    assert done.returncode == 75, done.stderr
    assert "The lease of hill was lost" in done.stderr
    assert "did not begin" not in done.stderr


def test_a_ledger_that_is_lost_or_old_is_completed_from_the_storage(nodes: Round) -> None:
    first, second = nodes.nodes
    assert first.crawl() == 0
    with psycopg.connect(nodes.server.url, autocommit=True) as connection:
        name = nodes.ledger.partition("/k")[2].partition("?")[0]
        connection.execute(f"CREATE DATABASE backup TEMPLATE k{name}".encode())
    nodes.site.edition = 2
    nodes.make_due()
    assert second.crawl() == 0
    assert len(keys(nodes.storage)) == 12
    # From now on the ledger is the one of before the second run.
    nodes.ledger = nodes.ledger.replace(f"/k{name}", "/backup")
    nodes.nodes = [nodes.node("a"), nodes.node("b")]
    nodes.site.edition = 3
    done = nodes.nodes[0].run()
    assert done.returncode == 0, done.stderr
    assert "lacked 1 runs of hill" in done.stderr
    assert sorted(set(keys(nodes.storage))) == sorted(keys(nodes.storage))
    # Lost, and the node that comes first is new.
    for table in ("articles", "revisions", "runs", "basis", "checkpoints"):
        nodes.sql(f"DELETE FROM {table}")
    new = nodes.node("c")
    nodes.nodes.append(new)
    done = new.run()
    assert done.returncode == 0, done.stderr
    assert runs_of(new.output)[-1]["books"]["known"] == 6
    # Lost but for the place up to which it had been complete.
    for table in ("articles", "revisions", "runs"):
        nodes.sql(f"DELETE FROM {table}")
    done = new.run()
    assert done.returncode == 0, done.stderr
    assert runs_of(new.output)[-1]["books"]["known"] == 6
    rebuilt = new.run("ledger", "--rebuild")
    assert "Rebuilt the ledger from 12 published records" in rebuilt.stdout, rebuilt.stderr


def test_a_single_machine_becomes_one_of_several_nodes(nodes: Round) -> None:
    first, second = nodes.nodes
    alone = {"NEWSCRAWL_NODE": ""}
    assert first.run(**alone).returncode == 0
    done = second.run()
    assert done.returncode == 3
    assert "Run hill first on the node that has this output folder" in done.stderr
    assert first.run().returncode == 0
    assert len(keys(nodes.storage)) == 6
    assert second.crawl() == 0
    assert len(runs_of(nodes.storage)) == 3
    # It cannot go back to a folder of its own.
    done = first.run(**alone)
    assert done.returncode == 3
    refusal = "Several nodes publish hill, the latest run was on b: set NEWSCRAWL_NODE"
    assert refusal in done.stderr
    done = first.run("ledger", "--rebuild", **alone)
    assert done.returncode == 3
    assert refusal in done.stderr
    merged = first.run("merge", str(second.output))
    assert merged.returncode == 2
    assert "several nodes share the output" in merged.stderr


def test_an_older_newscrawl_and_a_newer_ledger_are_refused(nodes: Round) -> None:
    first, second = nodes.nodes
    assert first.crawl() == 0
    nodes.sql("UPDATE runs SET version = '99.1'")
    done = second.run()
    assert done.returncode == 3
    assert "was of newscrawl 99.1, and this node has" in done.stderr
    # Who refuses holds nobody up.
    nodes.sql("UPDATE runs SET version = '0.0.1'")
    assert first.run().returncode == 0
    nodes.sql("UPDATE schema_version SET version = 99")
    done = second.run()
    assert done.returncode == 3
    assert "has schema 99" in done.stderr
    nodes.sql("UPDATE schema_version SET version = 7")


def test_nodes_need_a_ledger_and_a_storage(tmp_path: Path) -> None:
    node = Node("a", tmp_path, "", "", 9)
    done = node.run()
    assert done.returncode == 2
    assert "NEWSCRAWL_NODE needs a ledger and a storage that all nodes share" in done.stderr


def test_two_nodes_never_ask_one_host_at_once(nodes: Round) -> None:
    first, second = nodes.nodes
    table = nodes.folder / "outlets.toml"
    # Another outlet of the same site.
    table.write_text(row(host='"thehill.com"', sources='[{ feed = "/feed/" }]'), "utf-8")
    done: list[Any] = []

    def crawl_gazette() -> None:
        done.append(second.run("crawl", "gazette", NEWSCRAWL_OUTLETS=str(table)))

    nodes.site.act, nodes.site.act_at = crawl_gazette, 2
    assert first.run(NEWSCRAWL_LEASE_SECONDS="60").returncode == 0
    assert done[0].returncode == 75, done[0].stderr
    assert "thehill.com is asked by the run of hill on a (" in done[0].stderr


def test_a_ledger_that_is_away_for_some_seconds_is_waited_for(nodes: Round) -> None:
    first, _ = nodes.nodes
    first.environment["NEWSCRAWL_LEASE_SECONDS"] = "60"
    is_away = threading.Event()

    def go_away() -> None:
        nodes.server.stop()
        is_away.set()

    nodes.site.act, nodes.site.act_at = go_away, 4
    log = nodes.folder / "a.log"
    crawling = first.start()
    while not is_away.is_set() or "; waiting" not in log.read_text("utf-8"):
        assert crawling.poll() is None, log.read_text("utf-8")
        time.sleep(0.02)
    nodes.server.start()
    assert crawling.wait(LONGEST) == 0, log.read_text("utf-8")
    (run,) = runs_of(nodes.storage)
    assert run["books"]["new"] == 6


def test_a_ledger_that_stays_away_is_waited_for_once(nodes: Round) -> None:
    first, _ = nodes.nodes
    first.main = "tests.impatient:execute"
    nodes.site.act, nodes.site.act_at = nodes.server.stop, 2
    # So long that the lease needs no renewal, whose thread would wait for the server, too.
    done = first.run(NEWSCRAWL_LEASE_SECONDS="3600")
    nodes.server.start()
    assert done.returncode == 3, done.stderr
    # And not once more for each article.
    assert done.stderr.count("; waiting") == 1, done.stderr
    nodes.sql("UPDATE leases SET expires = 0")


def test_nodes_publish_into_s3(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as s3:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        with two_nodes(6, f"s3://{s3.bucket()}/news") as nodes:
            first, second = nodes.nodes
            assert first.crawl() == 0
            nodes.site.edition = 2
            nodes.make_due()
            assert second.crawl() == 0
            s3.took()
            # An hour in which nothing happens costs some requests.
            assert first.crawl() == 0
            asked = s3.took()
            assert len(asked) <= 12, "\n".join(asked)


def test_a_node_that_is_cut_off_publishes_nothing_after_its_lease() -> None:
    with ExitStack() as stack:
        net = stack.enter_context(network(1))
        if not net.is_real:
            pytest.skip("no network namespaces here: they need root")
        (machine,) = net.machines
        nodes = stack.enter_context(two_nodes(6, on_port=True))
        first, second = nodes.nodes
        assert second.crawl() == 0
        nodes.site.edition, nodes.site.asked = 2, 0
        nodes.make_due()
        assert nodes.server.port
        ports = [
            stack.enter_context(relay(net.address, it)) for it in (nodes.server.port, nodes.port)
        ]
        ledger, proxy = (f"{net.address}:{it}" for it in ports)
        environment = {
            **first.environment,
            "NEWSCRAWL_LEDGER_URL": nodes.ledger.replace(f"127.0.0.1:{nodes.server.port}", ledger),
            "https_proxy": f"http://{proxy}",
        }
        is_cut = threading.Event()

        def cut() -> None:
            machine.cut()
            is_cut.set()

        nodes.site.act, nodes.site.act_at = cut, 4
        command = [*machine.inside, sys.executable, "-W", "error", "-m", "scrapy", *CRAWL]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
        ) as cut_off:
            # The other node crawls to the end while the first one is cut off.
            while not is_cut.wait(0.02):
                assert cut_off.poll() is None
            assert second.crawl() == 0
            assert cut_off.poll() is None
            machine.join()
            log = cut_off.communicate(timeout=LONGEST)[1]
        assert cut_off.returncode == 75, log
        assert "another run has taken over" in log
