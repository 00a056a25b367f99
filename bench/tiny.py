"""The sizes with which every benchmark takes seconds: they say that it runs, and nothing else."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from types import ModuleType
from typing import Any

from bench import (
    alerts,
    archives,
    browser,
    dataset,
    day,
    duplicates,
    fuzz,
    ledger,
    memory,
    nodes,
    outlets,
    publishing,
    quality,
    throughput,
    timing,
    watch,
    year,
)

SIZES: Mapping[ModuleType, Mapping[str, Any]] = {
    alerts: {
        "SIZES": (100,),
        "SEEDS": 1,
        "HISTORY": timedelta(weeks=2),
        "FAULTS": alerts.FAULTS[:1],
        "AFTER": timedelta(days=2),
        "YEAR": timedelta(days=3),
        "YEARS": 1,
    },
    archives: {
        "ARTICLES": 4,
        "ROUNDS": 1,
        "ONE_IN": 2,
        "COPIES": 1,
        "EACH": 2,
        "WITH_PEERS": False,
    },
    browser: {"PAGES": 2, "STEP": 1},
    dataset: {"SIZES": (200,), "PART": 50, "SENTENCES": 1000, "ROUNDS": 1},
    day: {
        "GOALS": {"feeds": None},
        "HOURS": 1,
        "ARTICLES": 60,
        "CORRECTIONS": 2,
        "OLDER": 20,
        "BACKFILL": 40,
    },
    duplicates: {"TIMED": 50},
    fuzz: {"COUNT": 300, "PROCESSES": 1},
    ledger: {"SIZES": (200,), "LOOKUPS": 50, "ARTICLES": 4},
    memory: {"ARTICLES": 40, "SINCE": "2026-11-09"},
    nodes: {"OUTLETS": 1, "HOURS": 2, "OLDER": 20},
    # Another environment would have to be installed.
    outlets: {"WITH_PEERS": False, "PAGES": 3, "ROUNDS": 1},
    publishing: {"RECORDS": 220, "OUTLETS": (1, 3), "ROUNDS": 1},
    quality: {"WITH_PEERS": False},
    throughput: {"ARTICLES": 4, "ROUNDS": 1},
    timing: {"ROUNDS": 1, "SECONDS": 0.0},
    watch: {
        "HOURS": 2,
        "TROUBLE": {1: watch.TROUBLE[watch.DOWN]},
        "RULES": {1: watch.RULES[watch.DOWN]},
    },
    year: {"RUNS": 40, "COMMANDS": {name: year.COMMANDS[name] for name in ("runs", "history")}},
}


def shrink(setting: Callable[[ModuleType, str, Any], None] = setattr) -> None:
    """Give every benchmark its tiny size; ``setting`` takes a module, a name and a value."""
    for module, values in SIZES.items():
        for name, value in values.items():
            setting(module, name, value)
