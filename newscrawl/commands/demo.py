"""``scrapy demo``: crawl the bundled sample site, offline, and show what came out."""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from importlib import resources
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from scrapy.commands import ScrapyCommand

from newscrawl.commands.base import OutputCommand
from newscrawl.storage.parts import read_part


class Command(OutputCommand, ScrapyCommand):
    """Runs the real spider over a recording of the made-up site that is in the package."""

    example = "demo"

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Crawl the bundled sample site, offline, and show what came out"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Crawl the recording, sum up."""
        output = self.output / "demo"
        shutil.rmtree(output, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            recording, _ = unpack_sample(Path(folder))
            self.exitcode = _python(
                # The sample site has faults, to show what becomes of them.
                *("scrapy", "crawl", "hill", "-s", "NEWSCRAWL_ALERTS="),
                NEWSCRAWL_REPLAY=str(recording),
                NEWSCRAWL_OUTPUT_DIR=str(output),
                NEWSCRAWL_LOG_LEVEL="WARNING",
            )
        records = [
            record
            for part in sorted(output.glob("hill/run=*/part-*.jsonl"))
            for record in read_part(part)
        ]
        show(records, Console(), output)


def unpack_sample(folder: Path) -> list[Path]:
    """Unpack the recording of the made-up site: a WARC file for each edition, the first one first.

    `python -m tests.sample record` makes it.
    """
    packed = resources.files("newscrawl.commands") / "sample.tar.xz"
    with packed.open("rb") as stream, tarfile.open(fileobj=stream, mode="r:xz") as tar:
        names = tar.getnames()
        tar.extractall(folder, filter="data")
    return [folder / name for name in names]


def _python(module: str, *arguments: str, **environment: str) -> int:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, env=os.environ | environment, check=False).returncode  # noqa: S603


def show(records: list[dict[str, Any]], console: Console, output: Path) -> None:
    """Print articles by section and kind, and one record as people would read it."""
    kinds = sorted({record["kind"] for record in records})
    by_section: dict[str, Counter[str]] = {}
    for record in records:
        by_section.setdefault(record["section"] or "(no section)", Counter())[record["kind"]] += 1
    table = Table("Section", *kinds, "all", title="The sample site, by section and kind")
    for section, counts in sorted(by_section.items(), key=lambda it: -it[1].total()):
        cells = (str(counts[kind] or "") for kind in kinds)
        table.add_row(section, *cells, str(counts.total()))
    totals = Counter(record["kind"] for record in records)
    table.add_section()
    table.add_row("All", *(str(totals[kind]) for kind in kinds), str(len(records)))
    console.print(table)
    for record in [it for it in records if it["kind"] == "news" and it["word_count"] > 80][:1]:
        console.print(f"\n[bold]{record['headline']}[/bold]")
        names = ", ".join(author["name"] for author in record["authors"])
        console.print(f"{names} · {record['date_published']} · {record['section']}")
        console.print(record["body"][:400] + " …", highlight=False)
    console.print(f"\nEvery record: {output}/hill/*/part-*.jsonl   What the run did: run.json")
