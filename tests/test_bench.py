"""The benchmarks, each in a tiny form: they run, and print a table with a number in every row."""

import re
from typing import Any

import pytest

from bench import dataset, duplicates, ledger, memory, quality, throughput
from tests.conftest import SHARED

TINY: dict[Any, dict[str, Any]] = {
    throughput: {"ARTICLES": 4, "ROUNDS": 1, "MORE": ("-a", "limit=4")},
    ledger: {"SIZES": (200,), "LOOKUPS": 50, "ARTICLES": 4},
    memory: {"ARTICLES": 40, "SINCE": "2026-11-08"},
    dataset: {"SIZES": (200,), "PART": 50, "ROUNDS": 1},
    duplicates: {"TIMED": 40},
    quality: {"WITH_PEERS": False},
}


@pytest.mark.parametrize("part", TINY, ids=lambda it: it.__name__.rpartition(".")[2])
def test_a_benchmark_runs(part: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if part in (quality, duplicates) and not SHARED.is_dir():
        pytest.skip("needs the real pages (../shared)")
    for name, value in TINY[part].items():
        monkeypatch.setattr(part, name, value)
    table = part.run()
    head, line, *rows = [it for it in table.splitlines() if it.startswith("|")]
    assert set(line) <= set("| -:")
    assert rows
    for row in rows:
        assert re.search(r"\d", row), head
