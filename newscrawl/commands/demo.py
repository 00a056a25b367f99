"""``newscrawl demo``: crawl a recording of an invented site twice, offline; show the result."""

import argparse
import os
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import IMPOSSIBLE, OutputCommand
from newscrawl.commands.history import describe
from newscrawl.commands.show import readable
from newscrawl.exceptions import OutputError, extra_missing
from newscrawl.extensions.progress import near, program, summary
from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger import Ledger, sqlite_url
from newscrawl.storage.parts import read_run_parts
from newscrawl.storage.runs import closed_runs, run_folders

_SHOWN_LINES = 30


class Command(OutputCommand, ScrapyCommand):
    """Runs the real spider on the two editions of the recording in the package."""

    summary = "Crawl an invented site, offline, and show the result"
    example = "demo"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl, crawl again, build the dataset, and show one record and one revision."""
        if args:
            raise UsageError("demo takes no arguments")
        output = unused(self.output / "demo")
        with tempfile.TemporaryDirectory() as folder:
            first, second = unpack_sample(Path(folder))
            say("1. Crawl a recording of an invented site. No network is used.")
            print("   Seven of its pages are broken on purpose.")  # noqa: T201
            self.crawl(output, first)
            say("2. Crawl the site as it was five hours later.")
            print("   Every known article is requested again.")  # noqa: T201
            self.make_due(output)
            self.crawl(output, second)
        say("3. Build the dataset.")
        try:
            from newscrawl.dataset.build import build  # noqa: PLC0415  # needs newscrawl[dataset]
        except ModuleNotFoundError as error:
            print(f"Left out. {extra_missing('The dataset', 'dataset', error)}")  # noqa: T201
        else:
            built = build(output)
            records = len(records_of(output))
            print(f"{near(output / 'dataset')}: {built.runs} runs, {records} records")  # noqa: T201
        self.show(output)

    def crawl(self, output: Path, recording: Path) -> None:
        """Crawl an edition and print the summary. Raises OutputError if the crawl failed."""
        # The warnings are about the broken pages, which the summary counts.
        settings = {
            "NEWSCRAWL_OUTPUT_DIR": output,
            "NEWSCRAWL_REPLAY": recording,
            "NEWSCRAWL_STRICT": 0,
            "LOG_LEVEL": "ERROR",
            "RETRY_TIMES": 0,
        }
        command = [sys.executable, "-m", "newscrawl.commands", "crawl", "hill"]
        for name, value in settings.items():
            command += ["-s", f"{name}={value}"]
        done = subprocess.run(  # noqa: S603
            command, env=environment(), stderr=subprocess.PIPE, text=True, check=False
        )
        runs = list(closed_runs(output, "hill"))
        if done.returncode or not runs:
            self.exitcode = IMPOSSIBLE
            raise OutputError(f"The crawl failed with exit code {done.returncode}:\n{done.stderr}")
        print(summary(runs[-1], run_folders(output, "hill")[-1]))  # noqa: T201

    def make_due(self, output: Path) -> None:
        """Make every article due now, although its next check is hours away."""
        ledger = Ledger(sqlite_url(output / "ledger.sqlite3"))
        now = utc(datetime.now(UTC))
        ledger.apply([ledger.changed("hill", it["id"], now) for it in records_of(output)])
        ledger.close()

    def show(self, output: Path) -> None:
        """Print the revised article, its changes, and commands to try next."""
        records = records_of(output)
        (revised,) = (it for it in records if it["revision"] == 2)
        say("4. One record.")
        head(readable(revised), _SHOWN_LINES)
        say("5. Its changes between the two crawls.")
        head(describe([it for it in records if it["id"] == revised["id"]]), _SHOWN_LINES)
        say("Try next:")
        output = near(output)
        where = f"-s NEWSCRAWL_OUTPUT_DIR={shlex.quote(str(output))}"
        for command in ("runs hill", f"show hill {revised['id']} --json", "ledger hill"):
            print(f"   {program()} {command} {where}")  # noqa: T201
        print(f"Records, one a line: {output}/hill/run=*/part-*.jsonl")  # noqa: T201


def records_of(output: Path) -> list[dict[str, Any]]:
    """Return every published record, in the order of runs and lines."""
    return [record for folder in run_folders(output) for record in read_run_parts(folder)]


def unused(folder: Path) -> Path:
    """Return the folder, or a new name if it exists: the demo deletes nothing."""
    number, free = 1, folder
    while free.exists():
        number += 1
        free = folder.with_name(f"{folder.name}-{number}")
    return free


def environment() -> dict[str, str]:
    """Return the environment without newscrawl's settings, which must not change the demo."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEWSCRAWL_")}


def say(title: str) -> None:
    """Print the title of the next step."""
    print(f"\n{title}", flush=True)  # noqa: T201


def head(lines: Iterable[str], count: int) -> None:
    """Print the first lines, indented."""
    shown = list(lines)
    for line in shown[:count]:
        print(f"   {line}")  # noqa: T201
    if len(shown) > count:
        print("   …")  # noqa: T201


def unpack(tar: tarfile.TarFile, folder: Path) -> None:
    """Unpack a tar file. From Python 3.11.4 on, reject paths that lead out of the folder."""
    tar.extraction_filter = getattr(tarfile, "data_filter", None)
    tar.extractall(folder)  # noqa: S202  # Python before 3.11.4 has no argument ``filter``


def unpack_sample(folder: Path) -> list[Path]:
    """Unpack the recording of the invented site and return its editions, one WARC file each.

    `python -m tests.sample record` creates the recording.
    """
    packed = resources.files("newscrawl.commands") / "sample.tar.xz"
    with packed.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:xz") as tar:
        names = tar.getnames()
        unpack(tar, folder)
    return [folder / name for name in names]
