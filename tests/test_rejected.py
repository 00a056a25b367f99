"""Responses that gave no record are kept, with the run, and through all that happens to a run."""

import gzip
import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from newscrawl.monitoring.messages import text
from newscrawl.monitoring.standing import Standings
from newscrawl.storage.rejected import REJECTED_FILE, salvage_rejected
from newscrawl.storage.warc import Counts, WarcFile
from tests.archives import noise
from tests.conftest import Crawl, command, crawl, wait_until_after
from tests.recordings import HTML, address, article, site


def redesigned(number: int, body: str = "<p>It rained.</p>") -> bytes:
    """Return a page of a layout that no selector matches."""
    return (
        article(number, body)
        .replace(b"article__text | body-copy", b"prose")
        .replace(b"article__content", b"story")
    )


def rejecting(path: Path, bad: int = 3, good: int = 2) -> str:
    """Write a recording of a site with pages of a new layout and of the old one."""
    pages = {address(6000000 + number): (200, HTML, redesigned(number)) for number in range(bad)}
    pages |= {
        address(number): (200, HTML, article(number)) for number in range(6000100, 6000100 + good)
    }
    return str(site(path, pages))


def rejected(output: Path) -> list[Path]:
    return sorted(output.glob(f"hill/run=*/{REJECTED_FILE}"))


def captures(path: Path) -> list[tuple[str, bytes]]:
    counts = Counts()
    with WarcFile(str(path)) as file:
        found = [(it.url, it.payload) for it in file.captures(counts, lambda _: True)]
    assert counts.complete
    return found


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    """A crawl of two good articles and three of a new layout."""
    folder = tmp_path_factory.mktemp("broken")
    return crawl(folder / "output", NEWSCRAWL_REPLAY=rejecting(folder / "site.warc.gz"))


@pytest.fixture
def output(broken: Crawl, tmp_path: Path) -> Path:
    """A copy of what that crawl left."""
    return Path(shutil.copytree(broken.output, tmp_path / "output"))


def test_every_rejected_response_is_kept_and_listed(broken: Crawl) -> None:
    (run,) = broken.runs
    assert broken.code == 0
    assert run["books"]["rejected"] == {"no article on the page": 3}
    (path,) = rejected(broken.output)
    entry = run["rejected_file"]
    assert entry == {
        "name": REJECTED_FILE,
        "records": 3,
        "bytes": path.stat().st_size,
        "sha256": sha256(path.read_bytes()).hexdigest(),
        "omitted": 0,
    }
    assert captures(path) == [(address(6000000 + it), redesigned(it)) for it in range(3)]
    text = gzip.decompress(path.read_bytes())
    assert text.count(b"X-Newscrawl-Reason: no article on the page\r\n") == 3
    assert text.count(b"X-Newscrawl-Source: page\r\n") == 3


def test_a_good_run_leaves_no_such_file(tmp_path: Path) -> None:
    warc = rejecting(tmp_path / "site.warc.gz", bad=0)
    done = crawl(tmp_path / "output", NEWSCRAWL_REPLAY=warc)
    assert not list(tmp_path.glob(f"output/hill/run=*/{REJECTED_FILE}*"))
    assert "rejected_file" not in done.runs[0]


def test_the_setting_bounds_the_file_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    pages = {
        address(6000000 + it): (200, HTML, redesigned(it, f"<p>{noise(str(it), 300)}</p>"))
        for it in range(6)
    }
    warc = site(tmp_path / "site.warc.gz", pages)
    done = crawl(tmp_path / "output", NEWSCRAWL_REPLAY=str(warc), NEWSCRAWL_REJECTED_MB="0.03")
    entry = done.runs[0]["rejected_file"]
    assert 0 < entry["records"] < 6
    assert entry["records"] + entry["omitted"] == 6
    assert entry["bytes"] <= 30_000
    check = command(done.output, "check-run", "hill").stdout
    assert f"{entry['omitted']} rejected responses were not kept" in check
    none = crawl(tmp_path / "none", NEWSCRAWL_REPLAY=str(warc), NEWSCRAWL_REJECTED_MB="0")
    assert none.runs[0]["rejected_file"] == {
        "name": "",
        "records": 0,
        "bytes": 0,
        "sha256": "",
        "omitted": 6,
    }
    assert rejected(none.output) == []
    wrong = crawl(tmp_path / "wrong", NEWSCRAWL_REPLAY=str(warc), NEWSCRAWL_REJECTED_MB="-1")
    assert wrong.code == 2
    assert "NEWSCRAWL_REJECTED_MB='-1' is not allowed: it must be a number from 0 up." in wrong.log


# Each of the three records has about 570 bytes.
@pytest.mark.parametrize(("cut", "records"), [(0, 3), (1, 2), (8, 2), (285, 2), (855, 1)])
def test_after_a_kill_what_is_whole_is_kept(
    output: Path, cut: int, records: int, tmp_path: Path
) -> None:
    (path,) = rejected(output)
    whole = path.read_bytes()
    folder = path.parent
    (folder / "run.json").unlink()
    path.unlink()
    temporary = folder / f"{REJECTED_FILE}.tmp"
    temporary.write_bytes(whole[: len(whole) - cut])
    done = crawl(
        output, NEWSCRAWL_REPLAY=rejecting(tmp_path / "good.warc.gz", bad=0), NEWSCRAWL_STRICT="0"
    )
    assert not temporary.exists()
    entry = done.runs[0]["rejected_file"]
    assert done.runs[0]["reason"] == "crashed"
    assert entry["records"] == records
    assert captures(path) == [(address(6000000 + it), redesigned(it)) for it in range(records)]
    assert whole.startswith(path.read_bytes())
    assert entry["sha256"] == sha256(path.read_bytes()).hexdigest()


@pytest.mark.fast
@pytest.mark.parametrize("data", [b"", b"\x1f\x8b", b"no gzip at all"])
def test_nothing_whole_is_nothing(tmp_path: Path, data: bytes) -> None:
    (tmp_path / f"{REJECTED_FILE}.tmp").write_bytes(data)
    assert salvage_rejected(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def verify(output: Path) -> tuple[int, str]:
    done = command(output, "dataset", "verify")
    return done.returncode, done.stdout + done.stderr


def test_verify_compares_the_file_with_run_json(output: Path) -> None:
    assert verify(output)[0] == 0
    (path,) = rejected(output)
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert f"{REJECTED_FILE}: the SHA-256 differs from run.json" in verify(output)[1]
    path.unlink()
    code, text = verify(output)
    assert code == 1
    assert f"{REJECTED_FILE}: the file is missing" in text
    path.write_bytes(whole)
    run = json.loads((path.parent / "run.json").read_text())
    del run["rejected_file"]
    (path.parent / "run.json").write_text(json.dumps(run))
    assert f"{REJECTED_FILE}: the file is not in run.json" in verify(output)[1]


def test_the_file_is_pushed_and_restored_with_its_run(output: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    (path,) = rejected(output)
    whole = path.read_bytes()
    there = remote / path.relative_to(output)
    assert command(output, "push", str(remote)).returncode == 0
    assert there.read_bytes() == whole
    assert "nothing to upload" in command(output, "push", str(remote), "--all").stdout
    # Of a file that is missing here, and of a whole run.
    path.unlink()
    assert command(output, "restore", str(remote)).returncode == 0
    assert path.read_bytes() == whole
    other = tmp_path / "other"
    assert command(other, "restore", str(remote)).returncode == 0
    assert rejected(other)[0].read_bytes() == whole
    # One that is damaged there is not restored.
    there.write_bytes(whole[:-1])
    damaged = command(tmp_path / "third", "restore", str(remote))
    assert damaged.returncode == 1
    assert f"{REJECTED_FILE} is damaged" in damaged.stderr
    # One that was removed there takes no record with it.
    there.unlink()
    fourth = tmp_path / "fourth"
    without = command(fourth, "restore", str(remote))
    assert without.returncode == 1
    assert f"lacks {REJECTED_FILE}: its run is here without it" in without.stderr
    assert len(Crawl(0, "", fourth).records) == 2


def test_a_run_is_pushed_without_a_file_that_was_removed(output: Path, tmp_path: Path) -> None:
    remote = tmp_path / "remote"
    rejected(output)[0].unlink()
    done = command(output, "push", str(remote))
    assert done.returncode == 1
    assert f"{REJECTED_FILE} cannot be read" in done.stdout + done.stderr
    assert list(remote.glob("hill/run=*/run.json"))
    again = command(output, "push", str(remote))
    assert (again.returncode, "nothing to upload" in again.stdout) == (0, True)


def test_the_file_is_pruned_with_the_parts(output: Path, tmp_path: Path) -> None:
    crawl(output, NEWSCRAWL_REPLAY=rejecting(tmp_path / "good.warc.gz", bad=0))
    assert command(output, "dataset", "build").returncode == 0
    done = command(output, "prune", "hill", "--older-than", "0d")
    assert done.returncode == 0, done.stderr
    assert rejected(output) == []
    assert verify(output)[0] == 0


def test_merge_takes_the_file_once(output: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    crawl(here, NEWSCRAWL_REPLAY=rejecting(tmp_path / "good.warc.gz", bad=0))
    for _ in range(2):
        done = command(here, "merge", str(output))
        assert done.returncode == 0, done.stderr
        assert [it.read_bytes() for it in rejected(here)] == [rejected(output)[0].read_bytes()]
    assert verify(here)[0] == 0
    # One that is missing there is no longer listed.
    rejected(output)[0].unlink()
    last = tmp_path / "last"
    crawl(last, NEWSCRAWL_REPLAY=rejecting(tmp_path / "other.warc.gz", bad=0, good=1))
    assert command(last, "merge", str(output)).returncode == 0
    assert verify(last)[0] == 0


def test_a_rejected_response_is_tried_and_becomes_a_fixture(output: Path) -> None:
    tried = command(output, "outlet", "try", "hill", "--rejected")
    assert tried.returncode == 1
    assert tried.stdout.count("No record: no article on the page") == 3
    last = address(6000002)
    one = command(output, "outlet", "try", "hill", "--rejected", "--url", last)
    assert one.stdout.count("No record") == 1
    other = "https://thehill.com/homenews/"
    none = command(output, "outlet", "try", "hill", "--rejected", "--url", other)
    assert (none.returncode, none.stdout) == (1, "")
    assert f"No rejected response of {other} is kept for hill" in none.stderr
    saved = command(output, "capture", "hill", "--rejected", "redesign", "--url", last)
    assert saved.returncode == 0, saved.stderr
    folder = output.parent / "tests/fixtures/hill/redesign"
    assert gzip.decompress((folder / "page.html.gz").read_bytes()) == redesigned(2)
    assert json.loads((folder / "meta.json").read_text())["url"] == last
    assert not (folder / "expected.json").exists()
    assert "Correct the selectors until the page gives a record" in saved.stdout
    mended = ("-s", "SPIDER_MODULES=tests.mended.hill")
    again = command(output, "capture", "hill", "--rejected", *mended)
    assert again.returncode == 0, again.stderr
    expected = json.loads((folder.parent / "news/expected.json").read_text())
    assert expected["extraction"] == "redesign"
    none = command(output, "capture", "hill", "--rejected", "--url", address(6999999))
    assert none.returncode == 3
    assert "No rejected response of https://thehill.com/homenews/6999999-story/" in none.stderr


def test_the_finding_counts_attempts_and_their_reasons(tmp_path: Path) -> None:
    output = tmp_path / "output"
    for name in ("one", "two"):
        warc = rejecting(tmp_path / f"{name}.warc.gz", bad=20, good=0)
        done = crawl(output, NEWSCRAWL_REPLAY=warc)
        command(output, "ledger", "hill", "--retry", "rejected")
        # Of two runs that start in one second, the checks take only the later one.
        wait_until_after(done.runs[-1]["started"])
    check = command(output, "check-run", "hill").stdout
    assert "40 of 40 attempts to read an article were rejected, usually 2.0%" in check
    assert "Next: newscrawl outlet try hill --rejected; correct the layout" in check
    standings, runs = Standings(), Crawl(0, "", output).runs
    for run in runs:
        # The recording has no listings, of which the finding would be a consequence.
        run["listings"].update(failed={}, main_failed={})
    told = [text(standings.step(run), "hill") for run in runs]
    (alert,) = (it for it in told[0].split("\n\n") if it.startswith("NEW rejected"))
    assert "Next: newscrawl outlet try hill --rejected" in alert
    # An alert does not offer to silence it while everything is rejected.
    assert "--accept" not in alert
    says = standings.all["rejected"].finding.says
    assert says.startswith("40 of 40 attempts to read an article were rejected")
    assert "(no article on the page: 40)" in says
