"""Commands that read runs, also those of a storage: what is missing here is fetched first."""

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.dataset.generations import Generations
from newscrawl.dataset.remote import Target
from newscrawl.dataset.restore import (
    Choose,
    Fetched,
    Wanted,
    adopt_identity,
    fetch,
    restore_dataset,
)
from newscrawl.exceptions import OutputError, RemoteError
from newscrawl.extensions.options import REMOTE, Option
from newscrawl.monitoring.times import HISTORY
from newscrawl.settings import read
from newscrawl.storage.kept import KEPT_FILE
from newscrawl.storage.ledger import Ledger, sqlite_path
from newscrawl.storage.runs import is_run_name, run_name, run_time
from newscrawl.storage.runs import outlets as outlets_of


def add_remote(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the storage."""
    parser.add_argument(
        "--remote",
        nargs="?",
        const="",
        metavar="URL",
        help="read the runs of this storage, too (default: NEWSCRAWL_REMOTE)",
    )


def connect(settings: BaseSettings, given: str | None, output: Path) -> Target | None:
    """Return the storage whose runs a command reads, if any; create the output folder for them.

    ``given`` is the option's value. Raises UsageError, ArgumentError, RemoteError and OSError.
    """
    if given is None and not settings["NEWSCRAWL_NODE"]:
        return None
    if given and "/" not in given:
        # Of "--remote hill", the outlet is meant.
        raise UsageError(
            f"--remote {given} is no URL: write --remote last, or --remote=./{given} for a folder",
            print_help=False,
        )
    url = given or read(settings, "NEWSCRAWL_REMOTE")
    if not url:
        raise UsageError(
            "--remote needs a URL, such as s3://bucket/news: name one or set NEWSCRAWL_REMOTE",
            print_help=False,
        )
    target = Target(Option("URL", None, REMOTE, "", "").read(url))
    if target.folder and target.folder.resolve().is_relative_to(output.resolve()):
        raise RemoteError(f"{url} is in the output folder itself.")
    output.mkdir(parents=True, exist_ok=True)
    return target


def name_faults(fetched: Fetched) -> None:
    """Print what could not be fetched."""
    for sentence in fetched.wrong:
        print(sentence, file=sys.stderr)  # noqa: T201


class RunsCommand(OutputCommand):
    """A command that reads runs. With ``--remote`` it first fetches those of a storage."""

    exit_codes = "0 done, 1 a damaged run was left out, 2 wrong usage, 3 it cannot be done"
    target: Target | None = None
    is_shared = False
    """Whether several nodes share the storage: a run counts if it is there."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the option that names the storage."""
        super().add_options(parser)
        add_remote(parser)

    def connect(self, opts: argparse.Namespace) -> None:
        """Open the storage, if one is to be read."""
        assert self.settings is not None
        if self.target is None:
            self.target = connect(self.settings, opts.remote, self.output)
            self.is_shared = self.target is not None and adopt_identity(self.output, self.target)

    def fetch(
        self,
        opts: argparse.Namespace,
        wanted: Wanted,
        outlets: Collection[str] = (),
        choose: Choose = iter,
    ) -> dict[str, Fetched]:
        """Fetch runs of the storage, if one is to be read; see ``fetch`` of ``restore``.

        Faults are printed, and set the exit code. If several nodes share the storage, ``not_there``
        are runs that are not published; else it is empty. Raises OutputError for a storage without
        runs of an outlet that has some here.
        """
        self.connect(opts)
        if self.target is None:
            return {}
        fetched = fetch(self.output, self.target, outlets, wanted, choose)
        for outlet, it in fetched.items():
            if not it.there and outlet in outlets and outlet in outlets_of(self.output):
                raise OutputError(f"There is no run of {outlet} in {self.target.url}.")
            name_faults(it)
            if it.wrong:
                self.exitcode = NEGATIVE
            if not self.is_shared:
                it.not_there.clear()
        return fetched

    def fetch_all(self, opts: argparse.Namespace) -> dict[str, list[str]]:
        """Fetch every run; return those that the dataset leaves out, by outlet.

        The records of runs that were pruned before they were pushed are in the dataset there.
        """
        fetched = self.fetch(opts, Wanted.PARTS)
        is_built = Generations(self.output).current is not None
        if self.target and not is_built and any(self.output.glob(f"*/run=*/{KEPT_FILE}")):
            restore_dataset(self.output, self.target)
        return {outlet: [*it.left_out, *it.not_there] for outlet, it in fetched.items()}

    def fetch_compared(self, opts: argparse.Namespace, args: list[str]) -> None:
        """Fetch the ``run.json`` of a run, the latest or the named one, and of those before it.

        ``args`` are an outlet and perhaps a run.
        """

        def compared(names: list[str]) -> list[str]:
            until = [it for it in names if is_run_name(it) and (len(args) == 1 or it <= args[1])]
            first = run_name(run_time(until[-1]) - HISTORY) if until else ""
            return [it for it in until if it >= first]

        if len(args) in (1, 2):
            self.fetch(opts, Wanted.DOCUMENT, args[:1], compared)

    def build_fetched(self, opts: argparse.Namespace) -> None:
        """Build the dataset of the runs of the storage, if one is to be read."""
        left_out = self.fetch_all(opts)
        if self.target is None:
            return
        from newscrawl.dataset.build import build, save_memory  # noqa: PLC0415  # needs newscrawl[dataset]

        save_memory()
        for sentence in build(self.output, left_out=left_out).damaged:
            print(sentence, file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE

    def known_outlet(self, name: str) -> str:
        """Return ``name`` if it is an outlet with runs, here or in the storage."""
        if self.target and name not in outlets_of(self.output):
            if name in self.target.folders():
                return name
            if name in self.spider_names():
                raise OutputError(f"There is no run of {name} in {self.target.url}.")
        return super().known_outlet(name)

    def ledger_of(self, outlet: str) -> Ledger | None:
        """Return the ledger. None if it does not know an outlet, whose runs are of the storage."""
        if self.target is None:
            return self.open_ledger()
        path = sqlite_path(self.ledger_url)
        if path and not path.exists():
            return None
        ledger = self.open_ledger()
        if outlet in ledger.outlets():
            return ledger
        ledger.close()
        return None
