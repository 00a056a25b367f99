"""The benchmarks, each in a tiny form: they run, and print a table of values in every row."""

import re

import pytest

from bench import __main__ as bench
from bench import tiny
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
