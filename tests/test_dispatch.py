"""``newscrawl dispatch``: who gets which crawl when, and what is said of all that is wrong."""

import fcntl
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from newscrawl.dispatch.dispatcher import Dispatcher, Pass
from newscrawl.dispatch.memory import Memory, alone
from newscrawl.dispatch.nodes_table import Crawl, NodesTable, read_nodes
from newscrawl.dispatch.nodes_table import Node as Row
from newscrawl.dispatch.slots import slot
from newscrawl.exceptions import ArgumentError
from newscrawl.storage.ledger import Ledger, sqlite_url
from newscrawl.storage.ledger.leases import Lease, Owner
from newscrawl.storage.ledger.shared_runs import RunState, SharedRun, SharedRuns
from tests import postgresql
from tests.conftest import command
from tests.nodes import PASSWORD, Node, running

NOON = 1_764_158_400.0
HOURLY = (
    '[crawls.hourly]\nminutes = 60\noutlets = ["hill", "k*"]\narguments = { discover = "api" }\n'
)
USER = {"SCRAPYD_USERNAME": "newscrawl", "SCRAPYD_PASSWORD": PASSWORD}


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    with running("a", "b") as them:
        yield them


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    return folder


def write(folder: Path, nodes: list[Node], text: str = HOURLY, **more: str) -> Path:
    """Write a file of nodes, with further lines for some of them."""
    rows = "".join(
        f'[nodes.{it.name}]\nurl = "{it.url}"\n{more.get(it.name, "")}\n' for it in nodes
    )
    path = folder / "nodes.toml"
    path.write_text(rows + text, "utf-8")
    return path


def dispatch(output: Path, path: Path, **settings: str) -> CompletedProcess[str]:
    return command(output, "dispatch", str(path), **{**USER, **settings})


class Clock:
    """Passes at moments of a simulated day, over outlets ``o0``, ``o1``, …"""

    def __init__(self, ledger: Ledger, nodes: list[Node], count: int, minutes: float = 60) -> None:
        self.ledger, self.nodes = ledger, nodes
        self.outlets = [f"o{it}" for it in range(count)]
        rows = [Row(it.name, it.url, 4, "newscrawl", PASSWORD) for it in nodes]
        self.table = NodesTable(tuple(rows), (Crawl("hourly", minutes),))

    def tick(self, moment: float) -> Pass:
        for it in self.nodes:
            it.moment = moment
        memory = Memory(self.ledger)
        return Dispatcher(self.table, {"hourly": self.outlets}, memory, moment).work()


@pytest.fixture
def ledger(output: Path) -> Iterator[Ledger]:
    it = Ledger(sqlite_url(output / "ledger.sqlite3"))
    yield it
    it.close()


def test_a_pass_gives_what_is_due_and_the_next_one_nothing(
    output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    path = write(tmp_path, nodes, HOURLY + "settings = { DOWNLOAD_DELAY = 2 }\n")
    done = dispatch(output, path)
    assert (done.returncode, done.stderr) == (0, "")
    given = [outlet for it in nodes for outlet in it.outlets]
    assert "hill" in given
    assert "ktla" in given
    assert len(given) == len(set(given))
    assert abs(len(nodes[0].taken) - len(nodes[1].taken)) <= 1
    job = nodes[0].taken[0]
    assert job["project"] == ["newscrawl"]
    assert job["_version"] == ["1700000000"]
    assert job["discover"] == ["api"]
    assert job["setting"] == ["DOWNLOAD_DELAY=2"]
    assert f"{len(given)} crawls given" in done.stdout
    done = dispatch(output, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 crawls given" in done.stdout
    assert [outlet for it in nodes for outlet in it.outlets] == given


def test_two_hundred_outlets_are_spread_over_the_hour_and_the_nodes(
    ledger: Ledger, nodes: list[Node]
) -> None:
    clock = Clock(ledger, nodes, 200)
    for it in nodes:
        it.lasts = 100.0
    late: list[float] = []
    for minute in range(3 * 60):
        done = clock.tick(NOON + minute * 60)
        if minute >= 60:
            late += [due.late for due, _ in done.given]
        assert all(sum(end > it.moment for end in it.jobs.values()) <= 8 for it in nodes)
    counts = Counter(outlet for it in nodes for outlet in it.outlets)
    assert set(counts) == set(clock.outlets)
    assert len(late) == 400
    # A pass comes every minute; bunches of the hash wait for places.
    assert max(late) < 5 * 60
    shares = [len(it.taken) for it in nodes]
    assert min(shares) > 0.4 * sum(shares)


def test_the_most_overdue_goes_first(ledger: Ledger, nodes: list[Node]) -> None:
    clock = Clock(ledger, nodes, 16)
    clock.tick(NOON)
    assert len(nodes[0].taken) + len(nodes[1].taken) == 16
    for it in nodes:
        # Places for one crawl more.
        it.lasts = 10**9
        it.jobs = {f"other{number}": 10.0**10 for number in range(8)}
    nodes[0].jobs.popitem()
    done = clock.tick(NOON + 3 * 3600)
    assert len(done.given) == 1
    assert len(done.waiting) == 15
    assert done.given[0][0].late == max(it.late for it in [done.given[0][0], *done.waiting])
    assert done.given[0][0].late > 3600


def test_an_outlet_with_a_job_is_not_given_again(ledger: Ledger, nodes: list[Node]) -> None:
    clock = Clock(ledger, nodes, 4)
    nodes[1].jobs = {"o0": 10.0**10}
    done = clock.tick(NOON)
    assert {due.outlet for due, _ in done.given} == {"o1", "o2", "o3"}
    assert done.busy == {"o0", "o1", "o2", "o3"}


def test_the_outlets_of_a_dead_node_go_to_the_others(ledger: Ledger, nodes: list[Node]) -> None:
    clock = Clock(ledger, nodes, 8)
    for it in nodes:
        it.lasts = 600.0
    clock.tick(NOON)
    first, second = nodes
    had = set(first.outlets)
    assert had
    first.close()
    done = clock.tick(NOON + 60)
    assert set(done.left_out) == {"a"}
    assert {due.outlet for due, _ in done.given} <= had
    assert all(name == "b" for _, name in done.given)
    clock.tick(NOON + 1200)
    assert had <= set(second.outlets)


def test_a_node_that_dies_when_it_gets_a_job_is_left_out(
    ledger: Ledger, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(ledger, nodes, 6)
    answer = nodes[0].answer

    def dying(path: str, form: dict[str, list[str]]) -> dict[str, Any]:
        if path == "/schedule.json":
            nodes[0].status = 500
            raise OSError
        return answer(path, form)

    monkeypatch.setattr(nodes[0], "answer", dying)
    monkeypatch.setattr(nodes[0].server, "handle_error", lambda *_: None)
    done = clock.tick(NOON)
    assert set(done.left_out) == {"a"}
    assert {name for _, name in done.given} == {"b"}
    assert len(done.given) == 6


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("down", "it cannot be reached at {url} (Connection refused)"),
        ("password", "it refuses this user and password"),
        ("empty", "it has no egg of newscrawl: deploy it there"),
        ("older", "it has the egg 1600000000, not 1700000000: deploy it there"),
        ("error", "it answers with status 503"),
        ("moved", "it answers with status 302"),
        ("other", "what answers at {url} is no Scrapyd"),
    ],
)
def test_a_node_that_cannot_be_used_is_left_out(
    ledger: Ledger, nodes: list[Node], wrong: str, says: str
) -> None:
    first, second = nodes
    clock = Clock(ledger, nodes, 4)
    if wrong == "down":
        first.close()
    if wrong == "password":
        rows = [replace(clock.table.nodes[0], password="other"), clock.table.nodes[1]]
        clock.table = replace(clock.table, nodes=tuple(rows))
    first.versions = {"empty": [], "older": ["1600000000"]}.get(wrong, first.versions)
    first.status = {"error": 503, "moved": 302}.get(wrong, 200)
    first.text = "<html>" if wrong == "other" else ""
    done = clock.tick(NOON)
    assert done.left_out == {"a": says.format(url=first.url)}
    assert first.taken == []
    assert set(second.outlets) == set(clock.outlets)


def test_the_command_names_the_node_that_is_left_out(
    output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    path = write(tmp_path, nodes)
    nodes[0].close()
    done = dispatch(output, path)
    assert done.returncode == 1
    assert done.stderr == (
        f"a is left out: it cannot be reached at {nodes[0].url} (Connection refused).\n"
    )
    assert PASSWORD not in done.stdout
    assert "hill" in nodes[1].outlets


def test_without_a_node_nothing_is_noted(output: Path, tmp_path: Path, nodes: list[Node]) -> None:
    path = write(tmp_path, nodes)
    for it in nodes:
        it.status = 503
    done = dispatch(output, path)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 2
    for it in nodes:
        it.status = 200
    done = dispatch(output, path)
    assert done.returncode == 0
    assert "hill" in [outlet for it in nodes for outlet in it.outlets]


def test_an_outlet_that_one_node_lacks_goes_to_the_other(
    output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    path = write(tmp_path, nodes, HOURLY.replace('"k*"', '"ktla"'))
    nodes[1].jobs = {"other": 10.0**10}
    nodes[0].unknown = {"hill", "ktla"}
    done = dispatch(output, path)
    assert done.returncode == 1
    lacking = {f"Not taken: {it} on a: spider '{it}' not found." for it in ("hill", "ktla")}
    assert done.stderr
    assert set(done.stderr.splitlines()) <= lacking
    assert set(nodes[1].outlets) == {"hill", "ktla"}


def test_the_version_of_the_file_is_the_expected_one(
    output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    nodes[0].versions = ["1700000000", "1800000000"]
    path = write(tmp_path, nodes)
    path.write_text('version = "1700000000"\n' + path.read_text())
    done = dispatch(output, path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {it["_version"][0] for node in nodes for it in node.taken} == {"1700000000"}


def test_a_second_dispatcher_does_nothing(output: Path, tmp_path: Path, nodes: list[Node]) -> None:
    path = write(tmp_path, nodes)
    with (output / ".dispatch.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = dispatch(output, path)
    assert done.returncode == 75
    assert done.stderr == (
        f"Another dispatcher works with the ledger in {output}; this one does nothing.\n"
    )
    assert [it.taken for it in nodes] == [[], []]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgresql.running() as it:
        yield it.url


@pytest.fixture
def shared_ledger(server: str) -> Iterator[Ledger]:
    """A ledger that has a run of some node."""
    it = Ledger(server)
    enter(it, "other", "20261126T000000Z", RunState.PUSHED)
    yield it
    it.close()


def test_the_runs_of_a_shared_ledger_tell_what_a_node_that_died_had_done(
    server: str, shared_ledger: Ledger, nodes: list[Node]
) -> None:
    ledger = shared_ledger
    clock = Clock(ledger, nodes, 8)
    for it in nodes:
        it.lasts = 600.0
    clock.tick(NOON)
    first, second = nodes
    had = list(first.outlets)
    assert len(had) >= 3
    enter(ledger, had[0], "20261126T120000Z", RunState.PUSHED)
    enter(ledger, had[1], "20261126T120000Z", RunState.OPEN)
    owner = Owner("of a", "a (machine, process 7)")
    theirs = Ledger(server)
    lease = Lease.acquire(theirs, had[1], (), owner, 60)
    first.close()
    clock.tick(NOON + 60)
    # Published is published; what holds a lease still runs; the others are taken over.
    assert set(had[2:]) <= set(second.outlets)
    assert not {had[0], had[1]} & set(second.outlets)
    lease.release()
    theirs.close()
    done = clock.tick(NOON + 120)
    assert [due.outlet for due, _ in done.given if due.times] == [had[1]]


def test_a_job_without_a_run_is_given_three_times(shared_ledger: Ledger, nodes: list[Node]) -> None:
    clock = Clock(shared_ledger, nodes, 1)
    clock.outlets = ["lonely"]
    start = slot("hourly", "lonely", 3600, NOON)
    given = [minute for minute in range(60) if clock.tick(start + minute * 60 + 1).given]
    assert given == [0, 5, 15]
    assert len(clock.tick(start + 3601).given) == 1


def test_of_two_dispatchers_on_a_server_one_works(
    server: str, shared_ledger: Ledger, output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    path = write(tmp_path, nodes)
    with alone(shared_ledger, output):
        done = dispatch(output, path, NEWSCRAWL_LEDGER_URL=server)
    assert done.returncode == 75
    assert done.stderr.startswith("the dispatcher is already running on ")
    assert done.stderr.count("\n") == 1
    done = dispatch(output, path, NEWSCRAWL_LEDGER_URL=server)
    assert (done.returncode, done.stderr) == (0, "")
    assert "hill" in [outlet for it in nodes for outlet in it.outlets]


def test_a_ledger_that_is_away_is_a_sentence(
    output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    away = "postgresql://crawler@127.0.0.1:1/postgres"
    done = dispatch(output, write(tmp_path, nodes), NEWSCRAWL_LEDGER_URL=away)
    assert done.returncode == 3
    assert "The ledger postgresql://***@127.0.0.1:1/postgres cannot be used" in done.stderr
    assert [it.taken for it in nodes] == [[], []]


def enter(ledger: Ledger, outlet: str, run: str, state: RunState) -> None:
    SharedRuns(ledger, outlet).enter(SharedRun(run, "a", "id", "0.1.0", state, "2026"))


def test_a_clock_that_was_set_back_stops_nothing(ledger: Ledger, nodes: list[Node]) -> None:
    clock = Clock(ledger, nodes, 4)
    clock.tick(NOON + 365 * 86400)
    for it in nodes:
        it.jobs.clear()
    assert len(clock.tick(NOON).given) == 4


WRONG = {
    "url": ('[nodes.a]\nurl = "10.0.0.1:6800"\n' + HOURLY, "nodes.a.url='10.0.0.1:6800' is not"),
    "user": (
        '[nodes.a]\nurl = "http://ada:pw@h.example/"\n' + HOURLY,
        "A node's url has no user or password: give them as username and password.",
    ),
    "key": (
        '[nodes.a]\nurl = "http://h.example/"\nplace = 3\n' + HOURLY,
        "Unknown key 'nodes.a.place'. Did you mean 'nodes.a.places'?",
    ),
    "places": (
        '[nodes.a]\nurl = "http://h.example/"\nplaces = 0\n' + HOURLY,
        "nodes.a.places='0' is not allowed: it must be a whole number from 1 up.",
    ),
    "nodes": (HOURLY, "The key nodes is missing: it is tables [nodes.NAME]."),
    "minutes": (
        '[nodes.a]\nurl = "http://h.example/"\n[crawls.hourly]\noutlets = ["hill"]\n',
        "The key crawls.hourly.minutes is missing: it is a number of minutes from 1 up.",
    ),
    "toml": ("[nodes", "is not TOML: "),
    "text": ("nodes = 3\n" + HOURLY, "nodes='3' is not allowed: it must be tables [nodes.NAME]."),
}


@pytest.mark.fast
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_in_the_file_is_one_sentence(tmp_path: Path, case: str) -> None:
    text, sentence = WRONG[case]
    path = tmp_path / "nodes.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(ArgumentError) as error:
        read_nodes(path, USER)
    assert sentence in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("minutes", "minute"), "Unknown key 'crawls.hourly.minute'. Did you mean"),
        (("hill", "hil"), "[crawls.hourly]: Unknown outlet 'hil'. Did you mean 'hill'?"),
        (('"api"', '"apy"'), "[crawls.hourly]: discover='apy' is not allowed"),
    ],
    ids=["key", "outlet", "argument"],
)
def test_the_command_stops_before_it_gives_anything(
    output: Path, tmp_path: Path, nodes: list[Node], change: tuple[str, str], sentence: str
) -> None:
    path = write(tmp_path, nodes, HOURLY.replace(*change))
    done = dispatch(output, path)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.startswith(str(path))
    assert done.stderr.count("\n") == 1
    assert [it.taken for it in nodes] == [[], []]
    assert not list(output.iterdir())


def test_a_file_with_passwords_is_for_its_user_only(
    output: Path, tmp_path: Path, nodes: list[Node]
) -> None:
    more = f'username = "newscrawl"\npassword = "{PASSWORD}"'
    path = write(tmp_path, nodes, a=more, b=more)
    path.chmod(0o644)
    done = command(output, "dispatch", str(path))
    assert done.returncode == 2
    assert done.stderr == (f"{path} has passwords, and other users may read it: chmod 600 {path}\n")
    path.chmod(0o600)
    done = command(output, "dispatch", str(path))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_not_there(output: Path, tmp_path: Path) -> None:
    done = dispatch(output, tmp_path / "none.toml")
    assert done.returncode == 3
    assert done.stderr == f"{tmp_path}/none.toml cannot be used: No such file or directory.\n"


def test_a_wrong_row_stops_its_outlet_only(output: Path, tmp_path: Path, nodes: list[Node]) -> None:
    (tmp_path / "outlets.toml").write_text('[gazette]\nzoen = "UTC"\n', "utf-8")
    path = write(tmp_path, nodes, HOURLY.replace('"k*"', '"gazette"'))
    done = dispatch(output, path)
    assert done.returncode == 1
    assert "outlets.toml, [gazette]: Unknown key 'zoen'. Did you mean 'zone'?" in done.stderr
    assert [outlet for it in nodes for outlet in it.outlets] == ["hill"]
