"""The benchmarks, each in a tiny form: they run, and print a table of values in every row."""

import re
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import archives, peers, tiny
from tests.conftest import SHARED


# The fuzzer has tests of its own.
@pytest.mark.parametrize("name", sorted(bench.PARTS.keys() - {"fuzz"}))
def test_a_benchmark_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name in ("quality", "outlets", "duplicates") and not SHARED.is_dir():
        pytest.skip("needs the real pages (../shared)")
    tiny.shrink(monkeypatch.setattr)
    tables = [it for it in bench.PARTS[name]().split("\n\n") if it.startswith("|")]
    assert tables
    for table in tables:
        head, line, *rows = [it for it in table.splitlines() if it.startswith("|")]
        assert set(line) <= set("| -:")
        assert rows
        for row in rows:
            # The first column is a name, and one of the others at least has a number.
            _, *values = (it.strip(" *") for it in row.strip("|").split("|"))
            assert any(re.match(r"-?[\d.]+", it) for it in values), (head, row)


@pytest.mark.parametrize("environment", [peers.FUNDUS, peers.PEERS], ids=["fundus", "news-please"])
def test_a_peer_reads_the_same_archive(
    environment: peers.Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not environment.python.exists():
        pytest.skip("`make bench` installs the peers")
    tiny.shrink(monkeypatch.setattr)
    own, *others = archives.peers(tmp_path).splitlines()[2:]
    assert own.startswith("| newscrawl | 6 |")
    name = "fundus" if environment is peers.FUNDUS else "news-please"
    (row,) = (it for it in others if it.startswith(f"| {name} "))
    # The first article is not counted.
    assert row.split(" | ")[1] == "5"
