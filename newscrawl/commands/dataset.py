"""``scrapy dataset``: make a dataset of the parts, and look after it."""

import argparse
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.exceptions import DatasetError, LedgerError
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import line_of


class Command(OutputCommand, ScrapyCommand):
    """Builds the dataset, verifies it, tells what changed, and writes it as CSV.

    Exit codes: 0 all is well, 1 something is wrong with the data, 3 it cannot be done.
    """

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return (
            "build [--anew] | verify | changes <outlet> [--since RUN] | csv articles|revisions FILE"
            " | duplicates"
        )

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Build the dataset (Parquet) from the parts, verify it, tell what changed"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--anew", action="store_true", help="build: write every month again")
        parser.add_argument("--since", metavar="RUN", help="changes: only of runs after this one")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the first argument names."""
        works: Mapping[str, Callable[[list[str], argparse.Namespace], None]] = {
            "build": self.build,
            "verify": self.verify,
            "changes": self.changes,
            "csv": self.csv,
            "duplicates": self.duplicates,
        }
        if not args or args[0] not in works:
            raise UsageError(f"say what to do: {', '.join(works)}")
        try:
            works[args[0]](args[1:], opts)
        except BrokenPipeError:
            # Whoever reads has enough; Python would complain once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except ModuleNotFoundError as error:
            extra = "duplicates" if args[0] == "duplicates" else "dataset"
            self.give_up(f"{error}: pip install 'newscrawl[{extra}]'")
        except (DatasetError, LedgerError, OSError) as error:
            self.give_up(error)

    def build(self, args: list[str], opts: argparse.Namespace) -> None:
        """Bring the dataset up to date and say what was written."""
        if args:
            raise UsageError("build takes no names: a dataset has every outlet of its folder")
        from newscrawl.dataset.build import build  # noqa: PLC0415  # needs newscrawl[dataset]

        built = build(self.output, anew=opts.anew)
        link = self.output / "dataset"
        if not built.runs:
            print(f"{link} is up to date.")  # noqa: T201
            return
        why = f" ({built.rebuilt})" if built.rebuilt else ""
        print(  # noqa: T201
            f"{link}: {built.runs} runs read, {len(built.written)} months written{why},"
            f" {len(built.kept)} kept."
        )
        if built.doubled:
            told = f"{built.doubled} lines stood in the parts twice: see scrapy dataset verify."
            print(told, file=sys.stderr)  # noqa: T201

    def verify(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print all that is wrong with parts, ledger and dataset; exit code 1 if anything is."""
        if args:
            raise UsageError("verify takes no names")
        from newscrawl.dataset.verify import Verifier  # noqa: PLC0415

        url = self.ledger_url
        if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).exists():
            # Opening it would make one.
            raise LedgerError(f"There is no ledger {url}: rebuild it with scrapy ledger --rebuild.")
        verifier = Verifier(self.output)
        count = 0
        for fault in verifier.faults(Ledger(url)):
            print(fault)  # noqa: T201
            count += 1
        if not verifier.runs and not count:
            raise DatasetError(f"There is no closed run in {self.output}: nothing to verify.")
        verdict = f"{count} faults" if count else "all is well"
        told = f"{verifier.runs} runs, {verifier.records} records: {verdict}."
        print(told, file=sys.stderr)  # noqa: T201
        self.exitcode = 1 if count else 0

    def changes(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print each change since a run as a line of JSON."""
        if len(args) != 1:
            raise UsageError("name an outlet: scrapy dataset changes hill --since RUN")
        from newscrawl.dataset.changes import changes  # noqa: PLC0415

        for change in changes(self.output, args[0], opts.since):
            sys.stdout.buffer.write(line_of(change))
        sys.stdout.buffer.flush()

    def csv(self, args: list[str], opts: argparse.Namespace) -> None:
        """Write a view as CSV."""
        from newscrawl.dataset.export import VIEWS, write_csv  # noqa: PLC0415

        if len(args) != 2 or args[0] not in VIEWS:
            raise UsageError(f"name a view ({' or '.join(VIEWS)}) and a file")
        rows = write_csv(self.output, args[0], Path(args[1]))
        print(f"{args[1]}: {rows} rows.")  # noqa: T201

    def duplicates(self, args: list[str], opts: argparse.Namespace) -> None:
        """Mark near-duplicates and say how many there are."""
        if args:
            raise UsageError("duplicates takes no names: a story may stand at several outlets")
        from newscrawl.dataset.duplicates import mark  # noqa: PLC0415  # needs newscrawl[duplicates]

        done = mark(self.output)
        read = "is up to date" if done.read is None else f"{done.read} texts read"
        print(  # noqa: T201
            f"{self.output / 'dataset'}: {read}; {done.articles} articles are near-duplicates,"
            f" in {done.clusters} clusters."
        )
