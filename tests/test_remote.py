"""Uploads as users run them, to moto's S3 server on loopback and to a folder."""

import json
import os
import shutil
import signal
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.json as pj
import pyarrow.parquet as pq
import pytest
from itemadapter import ItemAdapter

from newscrawl.dataset import remote
from newscrawl.dataset.build import build
from newscrawl.exceptions import RemoteError
from newscrawl.items import Article
from newscrawl.storage.parts import PartWriter, describe
from tests.conftest import command, crawl, environment
from tests.forks import Fork, forks
from tests.kill import FAST
from tests.recordings import HTML, address, site
from tests.recordings import article as page_of
from tests.sample.server import running
from tests.sample.site import SampleSite
from tests.storage import KEYS, Storage, files
from tests.test_checks import run_document


def record(number: int, published: str, revision: int = 1) -> Article:
    address = f"https://thehill.com/homenews/{number}-story/"
    return Article(
        outlet="hill",
        id=str(number),
        revision=revision,
        url=address,
        headline=f"Story {number}",
        date_published=published,
        body=f"It rained {number} times.",
        word_count=4,
        source_url=address,
        date_fetched="2026-11-23T20:14:00Z",
        content_hash="0" * 64,
    )


def run(output: Path, name: str, *articles: Article, is_open: bool = False) -> Path:
    """Write a run with two articles a part; closed or not."""
    folder = output / "hill" / f"run={name}"
    folder.mkdir(parents=True)
    writer = PartWriter(folder, 2, 60)
    for article in articles:
        writer.write(ItemAdapter(article).asdict())
    if is_open:
        return folder
    writer.rotate()
    return close(folder)


def close(folder: Path) -> Path:
    parts = [asdict(describe(path)) for path in sorted(folder.glob("part-*.jsonl"))]
    run = datetime.strptime(folder.name, "run=%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    (folder / "run.json").write_text(json.dumps(run_document(run, parts=parts)))
    return folder


def files_of(*folders: Path) -> dict[str, bytes]:
    """Return files by their path below the output folder."""
    return {
        path.relative_to(folder.parents[1] if "=" in folder.name else folder.parent).as_posix(): (
            path.read_bytes()
        )
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def push(output: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    done = command(output, "push", *arguments, **settings)
    text = done.stdout + done.stderr
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in text
    assert "Traceback" not in text, text
    return done.returncode, text


def start_push(output: Path, *arguments: str, **settings: str) -> Fork:
    return forks().start(["push", *arguments], environment(output, **settings))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two closed runs, one that is open, a ledger, and a dataset."""
    folder = tmp_path_factory.mktemp("made") / "output"
    run(folder, "20261123T201400Z", *(record(n, "2026-11-20T19:04:00Z") for n in (1, 2, 3)))
    run(folder, "20261123T211400Z", record(4, "2026-10-02T10:00:00Z"))
    late = [record(n, "2026-11-21T08:00:00Z") for n in (5, 6, 7)]
    run(folder, "20261123T221400Z", *late, is_open=True)
    (folder / "ledger.sqlite3").write_bytes(b"a ledger")
    build(folder)
    return folder


@pytest.fixture
def output(made: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(made, tmp_path / "output", symlinks=True))


def test_a_closed_run_is_uploaded_once(output: Path, storage: Storage) -> None:
    bucket = storage.bucket()
    url = f"s3://{bucket}/news/"
    code, text = push(output, url, **storage.environment)
    assert (code, text.count("\n")) == (0, 1), text
    assert f"s3://{bucket}/news: " in text
    assert ", 2 runs." in text
    sent = [path.removeprefix(f"/{bucket}/news/") for path in storage.took("PUT", "POST")]
    closed = sorted((output / "hill").glob("run=*/run.json"))
    wanted = files_of(output / "dataset", *(path.parent for path in closed))
    found = storage.holds(f"{bucket}/news")
    assert json.loads(found.pop("hill/pushed.json")) == {
        "through": "run=20261123T211400Z",
        "missing": [],
    }
    assert found == wanted
    # Each list after what it lists.
    assert sorted(sent) == sorted([*wanted, "hill/pushed.json"])
    for folder in {it.rpartition("/")[0] for it in wanted if it.startswith("hill/")}:
        assert (
            max(sent, key=lambda it: (it.startswith(folder), sent.index(it)))
            == f"{folder}/run.json"
        )
    assert sent[-1] == "dataset/dataset.json"

    storage.took()
    code, text = push(output, url, **storage.environment)
    assert (code, text) == (0, f"s3://{bucket}/news: nothing to upload.\n")
    assert len(storage.requests) <= 5, storage.requests
    assert not storage.took("PUT", "POST", "DELETE")

    # And it is read where it is.
    articles = pq.read_table(f"{bucket}/news/dataset/articles", filesystem=files())
    assert articles["id"].to_pylist() == ["4", "1", "2", "3"]
    lines = []
    for path in files().glob(f"{bucket}/news/hill/*/part-*.jsonl"):
        with files().open(path) as stream:
            lines += pj.read_json(stream)["headline"].to_pylist()
    assert lines == ["Story 1", "Story 2", "Story 3", "Story 4"]


def test_one_more_run_asks_for_nothing_of_the_others(tmp_path: Path, storage: Storage) -> None:
    output, bucket = tmp_path / "output", storage.bucket()
    for hour in range(24):
        run(output, f"20261122T{hour:02}1400Z", record(hour, "2026-11-22T00:00:00Z"))
    remote.push(output, f"s3://{bucket}")
    run(output, "20261123T001400Z", record(100, "2026-11-22T00:00:00Z"))
    storage.took()
    settings = {**storage.environment, "NEWSCRAWL_REMOTE": f"s3://{bucket}"}
    assert push(output, **settings)[0] == 0
    asked = storage.took()
    assert not [path for path in asked if "20261122" in path]
    assert len(asked) <= 11, asked


def test_the_mark_of_another_folder_hides_no_run(tmp_path: Path) -> None:
    for folder, hours in {"first": (1, 3), "second": (2, 3)}.items():
        for hour in hours:
            name = f"20261122T{hour:02}14{'00' if folder == 'first' else '30'}Z"
            run(tmp_path / folder, name, record(hour, "2026-11-22T00:00:00Z"))
        assert remote.push(tmp_path / folder, str(tmp_path / "there")).runs == 2
    # The second's latest is the mark; the first has nothing new.
    assert remote.push(tmp_path / "first", str(tmp_path / "there")).runs == 0
    run(tmp_path / "first", "20261122T031410Z", record(4, "2026-11-22T00:00:00Z"))
    assert remote.push(tmp_path / "first", str(tmp_path / "there")).runs == 1
    assert len(list(tmp_path.glob("there/hill/run=*/run.json"))) == 5
    mark = json.loads((tmp_path / "there/hill/pushed.json").read_text())
    assert mark == {"through": "run=20261122T031430Z", "missing": []}


def test_what_is_there_is_known_without_the_mark(tmp_path: Path, storage: Storage) -> None:
    output, bucket = tmp_path / "output", storage.bucket()
    for hour in range(3):
        run(output, f"20261122T{hour:02}1400Z", record(hour, "2026-11-22T00:00:00Z"))
    assert not remote.push(output, f"s3://{bucket}").wrong
    files().rm_file(f"{bucket}/hill/pushed.json")
    files().pipe_file(f"{bucket}/hill/run=20261122T011400Z/part-00000.jsonl", b"half")
    storage.took()
    assert not remote.push(output, f"s3://{bucket}").wrong
    run_1 = f"/{bucket}/hill/run=20261122T011400Z"
    mark = f"/{bucket}/hill/pushed.json"
    assert storage.took("PUT") == [f"{run_1}/part-00000.jsonl", f"{run_1}/run.json", mark]
    files().rm_file(f"{bucket}/hill/run=20261122T021400Z/run.json")
    code, text = push(output, f"s3://{bucket}", "--all", **storage.environment)
    assert (code, ", 1 runs" in text) == (0, True), text


def test_a_new_build_replaces_what_changed(output: Path, storage: Storage) -> None:
    bucket = storage.bucket()
    assert not remote.push(output, f"s3://{bucket}").wrong
    gone = f"{bucket}/dataset/articles/outlet=hill/month=1999-01/articles.parquet"
    files().pipe_file(gone, b"of an older build")
    close(output / "hill" / "run=20261123T221400Z")
    build(output)
    storage.took()
    code, text = push(output, f"s3://{bucket}", "--only", "dataset", **storage.environment)
    assert (code, ", 1 files deleted" in text) == (0, True), text
    asked = storage.requests
    sent = [path for method, path in asked if method == "PUT"]
    assert sent[-1] == f"/{bucket}/dataset/dataset.json"
    assert not [path for path in sent if "2026-10" in path]
    deleted = next(n for n, (method, _) in enumerate(asked) if method == "DELETE")
    assert deleted > asked.index(("PUT", sent[-1]))
    found = storage.holds(f"{bucket}/dataset")
    assert found == {
        name.removeprefix("dataset/"): data for name, data in files_of(output / "dataset").items()
    }


def test_a_file_that_is_not_what_was_written_stays_here(output: Path, storage: Storage) -> None:
    bucket = storage.bucket()
    part = output / "hill" / "run=20261123T201400Z" / "part-00001.jsonl"
    month = output.resolve() / "dataset/articles/outlet=hill/month=2026-11/articles.parquet"
    right = {path: path.read_bytes() for path in (part, month)}
    for path, data in right.items():
        path.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    code, text = push(output, f"s3://{bucket}", **storage.environment)
    assert code == 1, text
    why = "has another SHA-256 than when it was written. It is not uploaded."
    assert f"{part} {why}\n" in text
    assert f"/{month.relative_to(output / 'dataset')} {why}\n" in text
    found = storage.holds(bucket)
    assert "hill/run=20261123T211400Z/run.json" in found
    assert "hill/run=20261123T201400Z/run.json" not in found
    assert "dataset/dataset.json" not in found
    assert "dataset/articles/outlet=hill/month=2026-10/articles.parquet" in found
    for path, data in right.items():
        path.write_bytes(data)
    assert not remote.push(output, f"s3://{bucket}").wrong
    assert storage.holds(bucket).keys() >= files_of(part.parent, output / "dataset").keys()


def large_run(output: Path) -> Path:
    """Write a run with a part that no buffer of a connection holds."""
    folder = output / "hill" / "run=20261123T201400Z"
    folder.mkdir(parents=True)
    line = b'{"outlet":"hill","body":"%s"}\n' % (b"It rained. " * 100)
    (folder / "part-00000.jsonl").write_bytes(line * 15_000)
    return close(folder)


def test_a_killed_upload_shows_nothing_half_and_is_made_good(
    tmp_path: Path, storage: Storage
) -> None:
    output, bucket = tmp_path / "output", storage.bucket()
    folder = large_run(output)
    killed = threading.Event()

    def kill() -> None:
        pushing.kill()
        assert pushing.wait(60) == -signal.SIGKILL
        killed.set()

    storage.upon["part-00000.jsonl"] = kill
    pushing = start_push(output, f"s3://{bucket}", **storage.environment)
    assert killed.wait(60)
    assert storage.holds(bucket) == {}
    assert push(output, f"s3://{bucket}", **storage.environment)[0] == 0
    found = storage.holds(bucket)
    assert {name: found[name] for name in files_of(folder)} == files_of(folder)


def test_a_killed_copy_to_a_folder_shows_nothing_half(tmp_path: Path) -> None:
    output, target = tmp_path / "output", tmp_path / "backup"
    folder = large_run(output)
    there = target / folder.relative_to(output)
    there.mkdir(parents=True)
    # The copy goes through a pipe that takes a little and then no more.
    temporary = there / ".part-00000.jsonl.tmp"
    os.mkfifo(temporary)
    half = []

    def kill() -> None:
        with temporary.open("rb") as pipe:
            half.append(pipe.read(10_000))
            pushing.kill()

    pushing = start_push(output, str(target))
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    assert pushing.wait(60) == -signal.SIGKILL
    killer.join()
    temporary.unlink()
    temporary.write_bytes(half[0])
    assert [path.name for path in target.rglob("*") if path.is_file()] == [temporary.name]
    code, text = push(output, f"file://{target}")
    assert (code, text.startswith(f"file://{target}: 2 files of ")) == (0, True), text
    assert not list(target.rglob("*.tmp"))
    assert files_of(there) == files_of(folder)


def test_a_folder_gets_the_dataset_too(output: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup"
    remote.push(output, str(target), "dataset")
    assert [path.name for path in target.iterdir()] == ["dataset"]
    assert files_of(target / "dataset") == files_of(output / "dataset")
    assert pq.read_table(target / "dataset" / "articles").num_rows == 4


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("s3://no-such-bucket/x", "cannot be used: The specified bucket does not exist."),
        ("s3://denied/x", "cannot be used: Forbidden."),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    url: str, why: str, output: Path, storage: Storage
) -> None:
    storage.denied = "denied"
    code, text = push(output, url, **storage.environment)
    assert (code, text) == (3, f"{url} {why}\n")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nfs4://host/x", "nfs4://host/x cannot be used: Protocol not known: nfs4."),
        (
            "gs://bucket",
            "gs://bucket cannot be used: Please install gcsfs to access Google Storage.",
        ),
        ("s3://ada:s3cr3t@bucket/x", "The remote URL contains a password. Remove it"),
        # Keys may contain a slash.
        ("s3://ada:s3/cr3t@bucket/x", "The remote URL contains a password. Remove it"),
        ("output/backup", "output/backup is in the output folder itself."),
        ("/proc/newscrawl", "/proc/newscrawl cannot be used: No such file or directory."),
    ],
)
def test_an_address_that_leads_nowhere_is_one_sentence(
    url: str, why: str, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(output.parent)
    with pytest.raises(RemoteError) as raised:
        remote.push(output, url)
    assert str(raised.value).startswith(why)
    assert "s3cr3t" not in str(raised.value)


def test_a_host_that_does_not_answer_is_one_sentence(output: Path) -> None:
    nowhere = {**KEYS, "FSSPEC_S3_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}
    code, text = push(output, "s3://bucket", **nowhere)
    assert (code, text.count("\n")) == (3, 1), text
    assert "http://127.0.0.1:1" in text


def test_the_missing_extra_is_named(output: Path, tmp_path: Path) -> None:
    (tmp_path / "fsspec.py").write_text(
        'raise ModuleNotFoundError("No module named \'fsspec\'", name="fsspec")'
    )
    code, text = push(output, "s3://bucket", PYTHONPATH=str(tmp_path))
    assert (code, text) == (
        3,
        "Remote storage needs the extra 'remote' (No module named 'fsspec')."
        " Install it: pip install 'newscrawl[remote]'\n",
    )


def test_a_crawl_pushes_its_run(tmp_path: Path, storage: Storage) -> None:
    bucket = storage.bucket()
    settings = {**storage.environment, "NEWSCRAWL_REMOTE": f"s3://{bucket}/news"}
    log = {"NEWSCRAWL_LOG_JSON": str(tmp_path / "log.jsonl")}
    with running(SampleSite()) as server:
        done = crawl(
            tmp_path / "output",
            *("-a", "sections=homenews/senate", "-a", "limit=12", *FAST, "-s", "LOG_LEVEL=DEBUG"),
            https_proxy=f"http://127.0.0.1:{server.port}",
            **settings,
            **log,
        )
    assert (done.code, len(done.runs)) == (0, 1), done.log
    (folder,) = (done.output / "hill").glob("run=*")
    found = storage.holds(f"{bucket}/news")
    assert {name: found.get(name) for name in files_of(folder)} == files_of(folder), done.log
    for path in (it for it in tmp_path.rglob("*") if it.is_file()):
        assert KEYS["AWS_SECRET_ACCESS_KEY"].encode() not in path.read_bytes(), path
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in done.log
    assert "Remote storage: " in done.log


@pytest.mark.parametrize("does", ["refuses", "hangs"])
def test_a_push_that_fails_changes_nothing_of_the_run(
    does: str, tmp_path: Path, storage: Storage
) -> None:
    bucket = storage.bucket()
    never = threading.Event()
    pages = {address(6000001): (200, HTML, page_of(6000001))}
    storage.denied = "denied"
    storage.upon["run.json"] = never.wait  # type: ignore[assignment]
    done = crawl(
        tmp_path / "output",
        *("-s", f"NEWSCRAWL_REMOTE_SECONDS={1 if does == 'hangs' else 600}"),
        NEWSCRAWL_REPLAY=str(site(tmp_path / "site.warc.gz", pages)),
        NEWSCRAWL_REMOTE="s3://denied" if does == "refuses" else f"s3://{bucket}",
        # The driver itself would wait for longer than the test does.
        FSSPEC_S3='{"config_kwargs": {"read_timeout": 1000}}',
        **storage.environment,
    )
    never.set()
    storage.upon.clear()
    assert (done.code, len(done.runs)) == (6, 1), done.log
    assert "Traceback" not in done.log
    why = {
        "refuses": "The run was not pushed: s3://denied cannot be used: Forbidden.",
        "hangs": "The push did not end within 1 seconds. The next push uploads the rest",
    }
    assert why[does] in done.log
