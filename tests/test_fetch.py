"""Runs of a storage, read on a machine that has none of them or only some."""

import shutil
from pathlib import Path

import pytest

from newscrawl.dataset.remote import Target, push
from newscrawl.dataset.restore import fetch_document, fetch_run
from newscrawl.exceptions import RemoteRunError
from tests.made_up import edit, made_up, write_run
from tests.mounts import files_of

RUNS = [f"202611{day:02}T120000Z" for day in range(1, 10)]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A storage with three runs."""
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
    assert fetch_run(here, "hill", target, RUNS[0])
    assert fetch_run(here, "hill", target, RUNS[1])
    assert not fetch_run(here, "hill", target, RUNS[0])
    assert files_of(folder) == original
    assert {it.name for it in (here / "hill").iterdir()} == {f"run={it}" for it in RUNS[:2]}


def test_one_run_that_is_at_fault_is_named(there: Path, tmp_path: Path) -> None:
    here, target = tmp_path / "here", Target(str(there))
    with pytest.raises(RemoteRunError, match=f"run={RUNS[7]} has no run"):
        fetch_document(here, "hill", target, RUNS[7])
    folder = there / "hill" / f"run={RUNS[1]}"
    (folder / "part-00000.jsonl").write_bytes(b"{}\n")
    with pytest.raises(RemoteRunError, match="jsonl is damaged"):
        fetch_run(here, "hill", target, RUNS[1])
    (folder / "part-00000.jsonl").unlink()
    with pytest.raises(RemoteRunError, match="lacks parts"):
        fetch_run(here, "hill", target, RUNS[1])
    (folder / "run.json").write_text("{")
    with pytest.raises(RemoteRunError, match="json is not readable"):
        fetch_document(here, "hill", target, RUNS[1])
    assert list((here / "hill").iterdir()) == []
    shutil.copytree(there / "hill" / f"run={RUNS[2]}", here / "hill" / f"run={RUNS[2]}")
    edit(here / "hill" / f"run={RUNS[2]}", reason="shutdown")
    (here / "hill" / f"run={RUNS[2]}" / "part-00000.jsonl").unlink()
    with pytest.raises(RemoteRunError, match="differs from the one there"):
        fetch_run(here, "hill", target, RUNS[2])
