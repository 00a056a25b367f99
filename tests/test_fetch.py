"""Runs of a storage, read on a machine that has none of them or only some."""

import json
import shutil
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from newscrawl.dataset.build import build
from newscrawl.dataset.remote import Target, push
from newscrawl.dataset.restore import Wanted, fetch, fetch_document
from newscrawl.exceptions import RemoteRunError
from newscrawl.monitoring.findings_file import load, save
from newscrawl.storage.run_folder import RunFolder
from tests.conftest import command, crawl, environment
from tests.forks import Fork, forks
from tests.kill_nodes import two_nodes
from tests.made_up import close_run, edit, gone, made_up, write_run
from tests.mounts import files_of, full
from tests.storage import KEYS, Storage, files
from tests.test_browse import browsing, get
from tests.test_findings import at, hourly
from tests.test_rejected import rejecting

RUNS = [f"202611{day:02}T120000Z" for day in range(1, 10)]


def document(run: str) -> dict[str, str]:
    return {"run": run}


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A storage with three runs, in a folder."""
    output = tmp_path / "first"
    for number, run in enumerate(RUNS[:3], 1):
        write_run(output, run, [made_up(number), made_up(10 + number)], part_records=1)
    push(output, str(tmp_path / "there"))
    return tmp_path / "there"


def test_one_run_comes_as_its_document_or_whole(there: Path, tmp_path: Path) -> None:
    here, target = tmp_path / "here", Target(str(there))
    assert fetch_document(here, "hill", target, RUNS[0])
    folder = here / "hill" / f"run={RUNS[0]}"
    original = files_of(there / "hill" / folder.name)
    assert files_of(here) == {f"hill/{folder.name}/run.json": original["run.json"]}
    assert not fetch_document(here, "hill", target, RUNS[0])
    both = set(RUNS[:2])
    for runs in (sorted(both), []):
        assert fetch(here, target, ["hill"], Wanted.WHOLE, both.intersection)["hill"].runs == runs
    assert files_of(folder) == original
    assert {it.name for it in (here / "hill").iterdir()} == {f"run={it}" for it in RUNS[:2]}


def test_one_run_that_is_at_fault_is_named(there: Path, tmp_path: Path) -> None:
    here, target = tmp_path / "here", Target(str(there))

    def fault_of(run: str) -> str:
        (wrong,) = fetch(here, target, ["hill"], Wanted.WHOLE, {run}.intersection)["hill"].wrong
        return wrong

    with pytest.raises(RemoteRunError, match=f"run={RUNS[7]} has no run"):
        fetch_document(here, "hill", target, RUNS[7])
    folder = there / "hill" / f"run={RUNS[1]}"
    (folder / "part-00000.jsonl").write_bytes(b"{}\n")
    assert "jsonl is damaged" in fault_of(RUNS[1])
    (folder / "part-00000.jsonl").unlink()
    assert "lacks parts" in fault_of(RUNS[1])
    (folder / "run.json").write_text("{")
    with pytest.raises(RemoteRunError, match="json is not readable"):
        fetch_document(here, "hill", target, RUNS[1])
    assert list((here / "hill").iterdir()) == []
    shutil.copytree(there / "hill" / f"run={RUNS[2]}", here / "hill" / f"run={RUNS[2]}")
    edit(here / "hill" / f"run={RUNS[2]}", reason="shutdown")
    (here / "hill" / f"run={RUNS[2]}" / "part-00000.jsonl").unlink()
    assert "differs from the one there" in fault_of(RUNS[2])


# Two machines that push, and a third that reads.


class Shared(NamedTuple):
    """A bucket to which two machines push by turns, and the same runs in one folder."""

    first: Path
    second: Path
    one: Path
    bucket: str
    settings: dict[str, str]

    def run(
        self, machine: Path, name: str, records: list[dict[str, Any]], *withdrawn: dict[str, Any]
    ) -> None:
        """Let a machine do a run and push it."""
        for output in (machine, self.one):
            write_run(output, name, records, withdrawn, part_records=1)
        assert not push(machine, f"s3://{self.bucket}", "runs").wrong

    def read(self, here: Path, *arguments: str) -> tuple[int, str, str]:
        """Run a command that reads the bucket."""
        done = command(here, *arguments, "--remote", **self.settings)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout, done.stderr

    def changes(self, here: Path, since: str = "") -> list[dict[str, Any]]:
        """Return the changes of the bucket."""
        cursor = ("--since", since) if since else ()
        code, out, err = self.read(here, "dataset", "changes", "hill", *cursor)
        assert (code, err) == (0, "")
        return [json.loads(it) for it in out.splitlines()]

    def path(self, run: int, name: str) -> str:
        return f"{self.bucket}/hill/run={RUNS[run]}/{name}"


def changes_of(output: Path, since: str = "") -> list[dict[str, Any]]:
    cursor = ("--since", since) if since else ()
    done = command(output, "dataset", "changes", "hill", *cursor)
    assert done.returncode == 0, done.stderr
    return [json.loads(it) for it in done.stdout.splitlines()]


def contents(output: Path) -> dict[str, str]:
    """Return the files of the dataset."""
    return files_of((output / "dataset").resolve())


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory, storage: Storage) -> Shared:
    machines = (tmp_path_factory.mktemp(it) for it in ("first", "second", "one"))
    shared = Shared(*machines, storage.bucket(), {})
    shared.run(shared.first, RUNS[0], [made_up(1), made_up(2), made_up(3)])
    shared.run(shared.second, RUNS[1], [made_up(4), made_up(1, 2)], gone(2, "2026-11-02T12:00:05Z"))
    shared.run(shared.first, RUNS[2], [])
    shared.run(shared.second, RUNS[3], [made_up(5, date_published="2026-10-31T23:59:59Z")])
    return shared


@pytest.fixture
def shared(pushed: Shared, tmp_path: Path, storage: Storage) -> Shared:
    """Copies that a test may change."""
    names = ("first", "second", "one")
    machines = (Path(shutil.copytree(getattr(pushed, it), tmp_path / it)) for it in names)
    objects, bucket = storage.holds(pushed.bucket), storage.bucket()
    files().pipe({f"{bucket}/{name}": data for name, data in objects.items()})
    storage.took()
    settings = {**storage.environment, "NEWSCRAWL_REMOTE": f"s3://{bucket}"}
    return Shared(*machines, bucket, settings)


def test_an_empty_machine_reads_the_runs_of_two(
    shared: Shared, storage: Storage, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    code, out, err = shared.read(here, "runs", "hill")
    assert (code, err) == (0, "")
    assert out == command(shared.one, "runs", "hill").stdout
    assert not list(here.rglob("part-*"))
    expected = changes_of(shared.one)
    assert shared.changes(here) == expected
    assert shared.changes(here, RUNS[1]) == [it for it in expected if it["run"] > RUNS[1]]
    assert shared.read(here, "dataset", "build")[0] == 0
    build(shared.one)
    assert contents(here) == contents(shared.one)
    code, out, err = shared.read(here, "dataset", "verify")
    assert (code, out) == (0, "")
    assert "4 runs, 6 records: all is well." in err
    assert shared.read(here, "check-run", "hill")[0] == 0
    report = tmp_path / "report.html"
    assert shared.read(here, "report", "hill", "--to", str(report))[0] == 0
    assert "published no article" not in report.read_text()
    for article in ("show", "history"):
        code, out, err = shared.read(here, article, "hill", "1")
        assert (code, err) == (0, "")
        assert out == command(shared.one, article, "hill", "1").stdout
    assert not (here / "ledger.sqlite3").exists()
    # What is here is not asked for again.
    storage.took()
    assert shared.read(here, "runs", "hill")[0] == 0
    assert len(storage.requests) <= 3, storage.requests
    shared.run(shared.first, RUNS[4], [made_up(6)])
    storage.took()
    assert shared.read(here, "dataset", "build")[0] == 0
    # Is it shared, and by which outlets; what is there; run.json and the part.
    assert len(storage.requests) <= 6, storage.requests
    assert shared.read(here, "ledger", "--rebuild")[0] == 0
    assert shared.read(here, "dataset", "verify")[0] == 0


@pytest.mark.parametrize(
    "arguments", [("report", "hill"), ("check-run", "hill"), ("history", "hill", "4")]
)
def test_a_command_fetches_what_it_needs_by_itself(
    shared: Shared, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, out, err = shared.read(tmp_path / "here", *arguments)
    assert (code, err) == (0, "")
    assert out
    parts = {it.parent.name[-16:] for it in (tmp_path / "here").rglob("part-*")}
    # Without a ledger, nobody knows which runs have an article.
    every = {RUNS[0], RUNS[1], RUNS[3]}
    assert parts == {"report": {RUNS[3]}, "check-run": set(), "history": every}[arguments[0]]


def test_the_dataset_of_a_storage_is_browsed_and_written_as_csv(
    shared: Shared, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    with browsing(here, "--remote", **shared.settings) as url:
        status, _, text = get(url)
    assert status == 200
    assert "Storm 5 nears Port Merrow" in text
    shared.run(shared.first, RUNS[4], [made_up(6)])
    code, out, _ = shared.read(here, "dataset", "csv", "articles", str(tmp_path / "a.csv"))
    assert (code, out) == (0, f"{tmp_path / 'a.csv'}: 6 rows.\n")


def test_a_run_that_appears_while_changes_are_read_is_not_skipped(
    shared: Shared, storage: Storage, tmp_path: Path
) -> None:
    """The consumer knows the last run that it read, and keeps no file."""
    arrived = []

    def arrive() -> None:
        shared.run(shared.first, RUNS[4], [made_up(1, 3)])
        shared.run(shared.second, RUNS[5], [made_up(7)])
        arrived.append(True)

    storage.before["part-00000.jsonl"] = arrive
    read = shared.changes(tmp_path / "1")
    assert (arrived, {it["run"] for it in read}) == ([True], {RUNS[0], RUNS[1], RUNS[3]})
    read += shared.changes(tmp_path / "2", read[-1]["run"])
    assert read == changes_of(shared.one)
    assert shared.changes(tmp_path / "3", read[-1]["run"]) == []


def test_runs_that_were_pruned_before_they_were_pushed(shared: Shared, tmp_path: Path) -> None:
    build(shared.one)
    expected = contents(shared.one)
    assert command(shared.one, "prune", "--older-than", "0d").returncode == 0
    assert not push(shared.one, str(tmp_path / "there")).wrong
    here, remote = tmp_path / "here", ("--remote", str(tmp_path / "there"))
    assert command(here, "runs", *remote).returncode == 0
    done = command(here, "dataset", "build", *remote)
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(here) == expected
    assert command(here, "dataset", "verify", *remote).returncode == 0
    done = command(here, "dataset", "changes", "hill", *remote)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, len(changes_of(shared.one)))


def start(here: Path, settings: dict[str, str], *arguments: str) -> Fork:
    return forks().start([*arguments, "--remote"], environment(here, **settings))


@pytest.mark.parametrize("has_documents", [False, True])
def test_a_fetch_that_is_killed_shows_nothing_half_and_is_made_good(
    shared: Shared, storage: Storage, tmp_path: Path, *, has_documents: bool
) -> None:
    here = tmp_path / "here"
    if has_documents:
        assert shared.read(here, "runs", "hill")[0] == 0
    killed = threading.Event()

    def kill() -> None:
        reading.kill()
        assert reading.wait(60) == -signal.SIGKILL
        killed.set()

    # Its first part is here by then.
    storage.before["part-00001.jsonl"] = kill
    reading = start(here, shared.settings, "dataset", "changes", "hill")
    assert killed.wait(60)
    for folder in here.glob("hill/run=*"):
        listed = json.loads((folder / "run.json").read_text())["parts"]
        assert {it.name for it in folder.glob("part-*")} in ({it["name"] for it in listed}, set())
        assert has_documents or list(folder.glob("part-*")) or not listed
    assert [it for it in (here / "hill").iterdir() if it.name.startswith(".run=")]
    assert shared.changes(here) == changes_of(shared.one)
    assert not [it for it in (here / "hill").iterdir() if it.name.startswith(".")]


def test_two_fetches_at_a_time_beside_a_crawl(
    shared: Shared, storage: Storage, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    both = threading.Barrier(2, timeout=60)
    storage.before["output-id"] = lambda: (
        storage.before.update({"output-id": both.wait})
        or (
            both.wait()  # type: ignore[func-returns-value]
        )
    )
    lock = RunFolder(here, "hill")
    running = [start(here, shared.settings, "dataset", "changes", "hill") for _ in range(2)]
    assert [it.wait(60) for it in running] == [0, 0]
    lock.release()
    assert files_of(here / "hill") == {
        name: sha256
        for name, sha256 in files_of(shared.one / "hill").items()
        if not name.endswith("report.html")
    }
    assert [it.name for it in here.glob("hill/.*")] == [".lock"]


def spoil(shared: Shared) -> tuple[str, bytes]:
    return shared.path(1, "part-00000.jsonl"), b"{}\n"


def cut(shared: Shared) -> tuple[str, bytes]:
    return shared.path(1, "run.json"), b"{"


def lose(shared: Shared) -> tuple[str, None]:
    return shared.path(1, "part-00001.jsonl"), None


FAULTS: dict[Callable[[Shared], tuple[str, bytes | None]], str] = {
    spoil: "part-00000.jsonl is damaged: its run is left out.",
    cut: "run.json is not readable: its run is left out.",
    lose: "lacks parts: the run is left out.",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_that_is_damaged_there_is_left_out_and_named(
    shared: Shared, tmp_path: Path, fault: Callable[[Shared], tuple[str, bytes | None]]
) -> None:
    here, (name, bad) = tmp_path / "here", fault(shared)
    good = files().cat_file(name)
    files().pipe_file(name, bad) if bad else files().rm_file(name)
    code, out, err = shared.read(here, "dataset", "build")
    assert (code, FAULTS[fault] in err, err.count("\n")) == (1, True, 1), err
    assert "3 runs read" in out
    # Changes of later runs have to wait, or the consumer would not see those of this run.
    code, out, err = shared.read(here, "dataset", "changes", "hill")
    assert {json.loads(it)["run"] for it in out.splitlines()} == {RUNS[0]}
    assert code == 3
    assert f"Run {RUNS[1]} of hill cannot be read yet" in err
    code, out, err = shared.read(here, "dataset", "build")
    assert (code, out) == (1, f"{here / 'dataset'} is up to date.\n")
    code, _, err = shared.read(here, "ledger", "--rebuild")
    assert (code, "The ledger is not rebuilt: it would lack runs of hill." in err) == (3, True)
    files().pipe_file(name, good)
    build(shared.one)
    code, out, err = shared.read(here, "dataset", "build")
    assert (code, err, "were added" in out) == (0, "", True), out
    assert contents(here) == contents(shared.one)
    assert shared.changes(here, RUNS[0]) == changes_of(shared.one, RUNS[0])


def test_runs_that_differ_are_named_and_left_alone(shared: Shared, tmp_path: Path) -> None:
    here = tmp_path / "here"
    assert shared.read(here, "dataset", "changes", "hill")[0] == 0
    edit(here / "hill" / f"run={RUNS[3]}", reason="something else")
    before = files_of(here)
    code, out, err = shared.read(here, "runs", "hill")
    assert code == 1
    assert f"{here}/hill/run={RUNS[3]}/run.json differs from the one there" in err
    assert len(out.splitlines()) == 4
    assert files_of(here) == before


def test_changes_wait_for_a_run_whose_push_failed(shared: Shared, tmp_path: Path) -> None:
    part = write_run(shared.first, RUNS[4], [made_up(6)]) / "part-00000.jsonl"
    write_run(shared.one, RUNS[4], [made_up(6)])
    good = part.read_bytes()
    part.write_bytes(good[:-1])
    write_run(shared.first, RUNS[5], [made_up(7)])
    write_run(shared.one, RUNS[5], [made_up(7)])
    assert len(push(shared.first, f"s3://{shared.bucket}", "runs").wrong) == 1
    code, out, err = shared.read(tmp_path / "here", "dataset", "changes", "hill")
    assert (code, f"Run {RUNS[4]} of hill cannot be read yet" in err) == (3, True)
    assert json.loads(out.splitlines()[-1])["run"] == RUNS[3]
    part.write_bytes(good)
    assert not push(shared.first, f"s3://{shared.bucket}", "runs").wrong
    assert shared.changes(tmp_path / "here") == changes_of(shared.one)


def test_a_run_that_no_node_published_is_not_read(
    shared: Shared, storage: Storage, tmp_path: Path
) -> None:
    """It is closed on its node, and not in the storage that the nodes share: not yet, or never."""
    node = shared.first
    files().pipe_file(f"{shared.bucket}/output-id", b"0" * 32)
    (node / "output-id").write_text("0" * 32)
    unpublished = write_run(node, RUNS[4], [made_up(8)])
    assert shared.changes(node) == changes_of(shared.one)
    build(shared.one)
    assert shared.read(node, "dataset", "build")[0] == 0
    assert contents(node) == contents(shared.one)
    (node / "ledger.sqlite3").unlink()
    code, _, err = shared.read(node, "dataset", "verify")
    assert (code, "4 runs, 6 records: all is well." in err) == (0, True), err
    # Another node took over, and its run has the next name.
    shared.run(shared.second, RUNS[5], [made_up(8)])
    assert shared.changes(node, RUNS[3]) == changes_of(shared.one, RUNS[3])
    shutil.rmtree(unpublished)
    build(shared.one)
    code, out, err = shared.read(node, "dataset", "build")
    assert (code, err, "1 runs read" in out) == (0, "", True)
    assert contents(node) == contents(shared.one)


def test_a_node_reads_what_all_nodes_published(tmp_path: Path) -> None:
    with two_nodes(4) as nodes:
        first, second = nodes.nodes
        assert first.crawl() == 0
        nodes.site.edition = 2
        nodes.make_due()
        assert second.crawl() == 0
        there = ("--remote", nodes.url)
        consumer = command(tmp_path, "dataset", "changes", "hill", *there)
        assert len(consumer.stdout.splitlines()) == 8
        for node in (first, second):
            done = node.run("dataset", "changes", "hill")
            assert (done.returncode, done.stdout) == (0, consumer.stdout), done.stderr
            assert node.run("dataset", "build").returncode == 0
            done = node.run("dataset", "verify")
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
            assert done.stderr == "2 runs, 8 records: all is well.\n"
            assert node.run("runs", "hill").stdout.count("finished, complete") == 2
        assert contents(first.output) == contents(second.output)
        # A third that never ran a crawl knows the ledger, and so which runs it needs.
        third = nodes.node("c")
        done = third.run("show", "hill", str(nodes.site.numbers[0]), "--revision", "2")
        assert (done.returncode, "Edition 2" in done.stdout) == (0, True), done.stderr
        assert len(list(third.output.glob("hill/run=*/part-*"))) == 2
        assert third.run("ledger", "hill", str(nodes.site.numbers[0])).returncode == 0
        nodes.storage.rename(nodes.folder / "away")
        done = third.run("runs", "hill")
        (nodes.folder / "away").rename(nodes.storage)
        assert (done.returncode, done.stderr) == (3, f"There is no run of hill in {nodes.url}.\n")


# Runs of which only run.json is here.


def test_a_run_without_its_parts_is_not_taken_for_damaged(
    shared: Shared, storage: Storage, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    write_run(here, RUNS[0], [made_up(1), made_up(2), made_up(3)])
    shutil.rmtree(here / "hill")
    assert shared.read(here, "runs", "hill")[0] == 0
    before = storage.holds(shared.bucket)
    hint = f"The parts of {here}/hill/run={RUNS[0]} are not here. Fetch them from the remote"
    for arguments, code in {
        ("dataset", "build"): 3,
        ("dataset", "changes", "hill"): 3,
        ("show", "hill", "1"): 3,
        ("dataset", "verify"): 1,
        ("ledger", "--rebuild"): 3,
        ("report", "hill", RUNS[0]): 0,
    }.items():
        done = command(here, *arguments)
        assert (done.returncode, hint in done.stdout + done.stderr) == (code, True), done
    # What is there stays as it is; another storage cannot get what is not here.
    url = f"s3://{shared.bucket}"
    done = command(here, "push", url, "--all", **shared.settings)
    assert (done.returncode, done.stderr) == (0, "")
    assert storage.holds(shared.bucket) == before
    done = command(here, "push", str(tmp_path / "other"))
    assert done.returncode == 1
    assert f"{hint} storage: add --remote URL, or " in done.stderr
    assert [it.name for it in (tmp_path / "other").glob("hill/run=*")] == [f"run={RUNS[2]}"]
    assert shared.read(here, "dataset", "build")[0] == 0
    done = command(here, "prune", "--older-than", "0d", **shared.settings)
    assert done.returncode == 0
    assert "2 runs pruned, 5 records" in done.stdout
    # And what was pruned here stays pruned.
    assert shared.read(here, "dataset", "verify")[0] == 0
    assert {it.parent.name for it in here.rglob("part-*")} == {f"run={RUNS[3]}"}


# Findings.


def test_what_is_accepted_is_accepted_on_every_machine(tmp_path: Path) -> None:
    first, there = tmp_path / "first", tmp_path / "there"
    runs: list[Any] = [*hourly(60), *hourly(40, at(60), tags=0)]
    for it in runs:
        close_run(first, it)
    standings = load(first / "hill", runs[-1], runs[:-1])
    standings.mark_sent(standings.step(runs[-1]))
    save(first / "hill", standings)
    assert not push(first, str(there), "runs").wrong
    # As machines that share a storage do.
    (there / "output-id").write_text("0" * 32)
    shutil.copy(first / "hill/findings.json", there / "hill")
    reading = ("check-run", "hill", "--remote", str(there))
    done = command(tmp_path / "here", *reading, "--accept", "coverage")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Accepted coverage:page/tags")
    assert '"coverage:page/tags"' in (there / "hill/accepted.json").read_text()
    assert not (tmp_path / "here/hill/accepted.json").exists()
    done = command(tmp_path / "other", *reading)
    assert (done.returncode, done.stderr, "(accepted)" in done.stdout) == (0, "", True)
    assert not (tmp_path / "other/hill/findings.json").exists()


def test_rejected_responses_of_another_machine_are_read_again(
    storage: Storage, tmp_path: Path
) -> None:
    bucket = storage.bucket()
    settings = {**storage.environment, "NEWSCRAWL_REMOTE": f"s3://{bucket}"}
    done = crawl(tmp_path / "first", NEWSCRAWL_REPLAY=rejecting(tmp_path / "s.gz"), **settings)
    (run,) = done.runs
    here = tmp_path / "here"
    mended = ("-s", "SPIDER_MODULES=tests.mended.hill")
    read = command(here, "reread", "hill", *mended, "--remote", **settings)
    assert read.returncode == 0, read.stderr
    folder = here / "hill" / f"run={run['run']}"
    assert {it.name for it in folder.iterdir()} == {"run.json", "rejected.warc.gz"}
    (_, latest) = sorted(here.glob("hill/run=*/run.json"))
    assert json.loads(latest.read_text())["books"]["new"] == 3


# Faults of the storage and of the user.


@pytest.mark.parametrize(
    ("remote", "settings", "code", "says"),
    [
        ("s3://no-such-bucket", {}, 3, "There is no run in s3://no-such-bucket."),
        ("s3://no-such-bucket", {"ARGUMENT": "hill"}, 3, "There is no run of hill in s3://no-"),
        ("s3://denied/x", {}, 3, "s3://denied/x cannot be used: Forbidden."),
        (
            "s3://bucket",
            {"FSSPEC_S3_ENDPOINT_URL": "http://127.0.0.1:1"},
            3,
            "s3://bucket cannot be used: Could not connect to the endpoint URL",
        ),
        ("s3://bucket", dict.fromkeys(KEYS, ""), 3, "Unable to locate credentials"),
        ("s3://ada:s3cr3t@bucket", {}, 3, "The remote URL contains a password."),
        ("nfs4://host/x", {}, 3, "nfs4://host/x cannot be used: Protocol not known: nfs4."),
        ("hill", {}, 2, "--remote hill is no URL: write --remote last, or --remote=./hill"),
        ("", {}, 2, "--remote needs a URL, such as s3://bucket/news"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    storage: Storage,
    tmp_path: Path,
    remote: str,
    settings: dict[str, str],
    code: int,
    says: str,
) -> None:
    storage.denied = "denied"
    files = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", **dict.fromkeys(files, "/nonexistent")}
    option = f"--remote={remote}" if remote else "--remote"
    environ = {**storage.environment, **nowhere, **settings}
    outlet = [environ.pop("ARGUMENT")] if "ARGUMENT" in environ else []
    done = command(tmp_path / "here", "runs", *outlet, option, **environ)
    text = done.stdout + done.stderr
    assert (done.returncode, says in text) == (code, True), text
    assert "s3cr3t" not in text
    assert "Traceback" not in text
    assert not list(tmp_path.glob("here/*"))


def test_the_storage_of_another_output_folder_is_refused(there: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    (there / "output-id").write_text("0" * 32)
    assert command(here, "runs", "--remote", str(there)).returncode == 0
    assert (here / "output-id").read_text().strip() == "0" * 32
    (there / "output-id").write_text("1" * 32)
    done = command(here, "runs", "--remote", str(there))
    assert done.returncode == 3
    assert f"{there} has the runs of another output folder than {here}" in done.stderr
    done = command(here, "runs", f"--remote={here}/there")
    assert (done.returncode, "is in the output folder itself." in done.stderr) == (3, True)


def test_a_disk_that_is_full_is_named(there: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "filler").write_bytes(bytes(100_000))
    seen = full(here, ("dataset", "changes", "hill", "--remote", str(there)))
    (done,) = seen.done
    assert (done.returncode, done.stdout) == (3, "")
    assert f"{here}/hill/.run={RUNS[0]}.restoring" in done.stderr
    assert "cannot be used: No space left on device." in done.stderr
    assert seen.files.keys() == {"filler"}
