"""Run the benchmarks and print their tables in Markdown."""

import argparse
import signal
import sys

from bench import (
    browser,
    dataset,
    day,
    duplicates,
    ledger,
    memory,
    quality,
    throughput,
    watch,
)
from bench.table import measured

PARTS = {
    "quality": quality.run,
    "throughput": throughput.run,
    "ledger": ledger.run,
    "day": day.run,
    "browser": browser.run,
    "dataset": dataset.run,
    "watch": watch.run,
    "memory": memory.run,
    "duplicates": duplicates.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("part", nargs="*", help=f"{' or '.join(PARTS)}; all without one")
    wanted = parser.parse_args().part or list(PARTS)
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
