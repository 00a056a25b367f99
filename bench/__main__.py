"""Run the benchmarks and print their tables in Markdown."""

import argparse
import signal
import sys

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
    watch,
    year,
)
from bench.table import measured
from bench.tiny import shrink

PARTS = {
    "quality": quality.run,
    "outlets": outlets.run,
    "throughput": throughput.run,
    "archives": archives.run,
    "cores": archives.cores,
    "publishing": publishing.run,
    "ledger": ledger.run,
    "day": day.run,
    "browser": browser.run,
    "dataset": dataset.run,
    "watch": watch.run,
    "alerts": alerts.run,
    "memory": memory.run,
    "duplicates": duplicates.run,
    "fuzz": fuzz.run,
    "year": year.run,
    "nodes": nodes.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"{' or '.join(PARTS)}; all without one")
    parser.add_argument("--tiny", action="store_true", help="a form that takes seconds")
    parser.add_argument("--count", type=int, default=fuzz.COUNT, help="of fuzz: inputs")
    parser.add_argument("--seed", type=int, default=fuzz.SEED, help="of fuzz: seed")
    parser.add_argument("--first", type=int, default=0, help="of fuzz: number of the first input")
    parser.add_argument("--outlets", type=int, default=nodes.OUTLETS, help="of nodes: outlets")
    parser.add_argument("--hours", type=int, default=nodes.HOURS, help="of nodes: simulated hours")
    arguments = parser.parse_args()
    nodes.OUTLETS, nodes.HOURS = arguments.outlets, arguments.hours
    fuzz.COUNT, fuzz.SEED, fuzz.FIRST = arguments.count, arguments.seed, arguments.first
    wanted = arguments.part or list(PARTS)
    if arguments.tiny:
        shrink()
    if unknown := set(wanted) - set(PARTS):
        parser.error(f"no part is named {', '.join(sorted(unknown))}")
    # SIGTERM becomes an exception, so that every part stops the processes that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        for part in wanted:
            print(PARTS[part](), end="\n\n", flush=True)
    except throughput.BenchError as error:
        sys.exit(f"Not measured: {error}.")
    print(measured())


if __name__ == "__main__":
    main()
