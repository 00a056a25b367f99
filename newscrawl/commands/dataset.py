"""``newscrawl dataset``: make a dataset of the parts, and look after it."""

import argparse
import sys
from contextlib import closing, nullcontext
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE
from newscrawl.commands.remote import RunsCommand, add_remote
from newscrawl.dataset.remote import missing_at
from newscrawl.dataset.restore import Fetched, Wanted
from newscrawl.exceptions import PROGRAM, DatasetError
from newscrawl.storage.ledger import sqlite_path
from newscrawl.storage.parts import line_of
from newscrawl.storage.runs import RUN_FILE, run_folder


class Command(RunsCommand, ScrapyCommand):
    """Builds the dataset, verifies it, lists changes, and writes it as CSV."""

    arguments = "build | verify | changes | csv | duplicates"
    summary = "Build the dataset (Parquet) from the parts, verify it, list changes"
    example = "dataset build"
    exit_codes = (
        "0 all is well, 1 verify found something wrong, or a damaged run was left out,"
        " 2 wrong usage, 3 it cannot be done"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add a parser for each action; each takes the options of every command."""
        add = self.add_actions(parser, "dataset")
        build = add("build", "bring the dataset up to date", "build")
        build.add_argument("--full", action="store_true", help="write every month again")
        build.add_argument(
            "--allow-fewer",
            action="store_true",
            help="if built from scratch: build even if revisions of the build before would be lost",
        )
        verify = add("verify", "check parts, ledger and dataset against each other", "verify")
        changes = add(
            "changes",
            "print each change as a line of JSON",
            "changes hill --since 20261123T201400Z",
        )
        changes.add_argument("outlet")
        changes.add_argument("--since", metavar="RUN", help="only of runs after this one")
        csv = add("csv", "write a view as CSV", "csv articles articles.csv")
        csv.add_argument("view", choices=("articles", "revisions"))
        csv.add_argument("file", type=Path)
        duplicates = add("duplicates", "mark near-duplicates", "duplicates")
        for action in (build, verify, changes, csv, duplicates):
            add_remote(action)

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the action names."""
        if args:
            raise UsageError(f"{opts.action} does not take {args[0]!r}")
        self.extra = "duplicates" if opts.action == "duplicates" else "dataset"
        self.connect(opts)
        self.existing_output()
        getattr(self, opts.action)(opts)

    def build(self, opts: argparse.Namespace) -> None:
        """Bring the dataset up to date and say what was written."""
        from newscrawl.dataset.build import build, save_memory  # noqa: PLC0415  # needs newscrawl[dataset]

        left_out = self.fetch_all(opts)
        save_memory()
        built = build(self.output, full=opts.full, allow_fewer=opts.allow_fewer, left_out=left_out)
        link = self.output / "dataset"
        for sentence in built.damaged:
            print(sentence, file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE
        if not built.runs:
            print(f"{link} is up to date.")  # noqa: T201
            return
        why = f" ({built.rebuilt})" if built.rebuilt else ""
        print(  # noqa: T201
            f"{link}: {built.runs} runs read, {len(built.written)} months written{why},"
            f" {len(built.kept)} kept."
        )
        if built.doubled:
            hint = f"{built.doubled} lines are in the parts twice: see {PROGRAM} dataset verify."
            print(hint, file=sys.stderr)  # noqa: T201

    def verify(self, opts: argparse.Namespace) -> None:
        """Print all that is wrong with parts, ledger and dataset; exit code 1 if anything is."""
        from newscrawl.dataset.verify import Verifier  # noqa: PLC0415

        fetched = self.fetch(opts, Wanted.PARTS)
        path = sqlite_path(self.ledger_url)
        if self.target and path and not path.exists():
            print("There is no ledger here: parts and dataset are verified.", file=sys.stderr)  # noqa: T201
            ledger = None
        else:
            ledger = self.open_ledger()
        unpublished = {outlet: it.not_there for outlet, it in fetched.items()}
        verifier = Verifier(self.output, self.target, unpublished)
        count = 0
        with closing(ledger) if ledger else nullcontext():
            for fault in verifier.faults(ledger):
                print(fault)  # noqa: T201
                count += 1
        if not verifier.runs and not count:
            raise DatasetError(f"There is no closed run in {self.output}: nothing to verify.")
        verdict = f"{count} faults" if count else "all is well"
        runs = f"{verifier.runs} run{'s' * (verifier.runs != 1)}"
        summary = f"{runs}, {verifier.records} records: {verdict}."
        print(summary, file=sys.stderr)  # noqa: T201
        if count:
            self.exitcode = NEGATIVE

    def changes(self, opts: argparse.Namespace) -> None:
        """Print each change since a run as a line of JSON."""
        from newscrawl.dataset.changes import changes  # noqa: PLC0415

        def note(text: str) -> None:
            print(text, file=sys.stderr)  # noqa: T201

        since = opts.since or ""
        fetched = self.fetch(
            opts, Wanted.PARTS, [opts.outlet], lambda names: [it for it in names if it >= since]
        ).get(opts.outlet, Fetched())
        outlet = self.known_outlet(opts.outlet)
        missing = list(fetched.left_out)
        if self.target:
            missing += [
                it
                for it in missing_at(self.target, outlet)
                if not (run_folder(self.output, outlet, it) / RUN_FILE).exists()
            ]
        for change in changes(self.output, outlet, opts.since, note, missing, fetched.not_there):
            sys.stdout.buffer.write(line_of(change))
        sys.stdout.buffer.flush()

    def csv(self, opts: argparse.Namespace) -> None:
        """Write a view as CSV."""
        from newscrawl.dataset.export import write_csv  # noqa: PLC0415

        self.build_fetched(opts)
        rows = write_csv(self.output, opts.view, opts.file)
        print(f"{opts.file}: {rows} rows.")  # noqa: T201

    def duplicates(self, opts: argparse.Namespace) -> None:
        """Mark near-duplicates and say how many there are."""
        from newscrawl.dataset.duplicates import mark  # noqa: PLC0415  # needs newscrawl[duplicates]

        self.build_fetched(opts)
        done = mark(self.output)
        read = "is up to date" if done.read is None else f"{done.read} texts read"
        print(  # noqa: T201
            f"{self.output / 'dataset'}: {read}; {done.articles} articles are near-duplicates,"
            f" in {done.clusters} clusters."
        )
