"""What stays after a year: reading and writing on bad disks, pruning, restoring, merging."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newscrawl.dataset.build import build
from newscrawl.storage.ledger import Ledger, sqlite_url
from tests.made_up import gone, made_up, write_run
from tests.mounts import Seen, files_of, full, read_only

RUNS = [f"202611{day:02}T120000Z" for day in range(1, 10)]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """An output folder of three runs, and the dataset that was built of them."""
    folder = tmp_path / "output"
    folder.mkdir()
    october: dict[str, Any] = {"date_published": "2026-10-31T23:59:59Z"}
    write_run(folder, RUNS[0], [made_up(1), made_up(2), made_up(40, **october)])
    write_run(folder, RUNS[1], [made_up(3), made_up(1, 2)], [gone(2, "2026-11-02T12:00:05Z")])
    write_run(folder, RUNS[2], [made_up(4), made_up(40, 2, **october)])
    build(folder)
    return folder


READING = (
    ("ledger",),
    ("ledger", "hill", "1"),
    ("dataset", "verify"),
    ("dataset", "changes", "hill", "--since", RUNS[1]),
    ("runs", "hill"),
    ("history", "hill", "1"),
    ("show", "hill", "1"),
    ("check-run", "hill"),
    ("report", "hill", "--to", "/dev/stdout"),
)


@pytest.mark.parametrize("disk", [read_only, full])
def test_commands_that_read_need_no_disk_that_can_be_written(
    output: Path, disk: Callable[..., Seen]
) -> None:
    before = files_of(output)
    seen = disk(output, *READING)
    for arguments, done in zip(READING, seen.done, strict=True):
        assert done.code == 0, (arguments, done)
        assert bool(done.out) == ("verify" not in arguments), (arguments, done)
        assert done.err in ("", "3 runs, 7 records: all is well.\n"), (arguments, done)
    assert seen.files == before


@pytest.mark.parametrize("disk", [read_only, full])
def test_pending_changes_of_the_ledger_are_read_where_nothing_can_be_written(
    output: Path, disk: Callable[..., Seen]
) -> None:
    """A crawl that was killed leaves them in SQLite's log beside the ledger."""
    path = output / "ledger.sqlite3"
    ledger = Ledger(sqlite_url(path))
    ledger.apply(ledger.insert_revision(made_up(7), RUNS[3], None))
    names = [path.name, f"{path.name}-wal"]
    copies = {name: (output / name).read_bytes() for name in names}
    ledger.close()
    for name, data in copies.items():
        (output / name).write_bytes(data)
    assert copies[names[1]]
    (done,) = disk(output, ("ledger", "hill", "7")).done
    assert (done.code, done.err) == (0, "")
    assert f"revision 1 run {RUNS[3]}" in done.out


def test_a_report_that_cannot_be_written_says_where(output: Path) -> None:
    (done,) = read_only(output, ("report", "hill")).done
    assert done.code == 3
    assert str(output / "hill" / f"run={RUNS[2]}" / "report.html") in done.err
