"""What the commands of the project have in common: checks, help, and one way to fail.

The classes are mixins: Scrapy takes every subclass of ``ScrapyCommand`` here for a command.
"""

import argparse
import io
import logging
import os
import sys
import textwrap
from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn, cast

from rich.console import Console
from scrapy.commands import ScrapyHelpFormatter
from scrapy.exceptions import UsageError
from scrapy.spiderloader import get_spider_loader
from scrapy.utils.log import configure_logging

from newscrawl import exceptions
from newscrawl.base_spiders import arguments
from newscrawl.exceptions import PROGRAM, extra_missing
from newscrawl.extensions.opening import ledger_url, schedule_of
from newscrawl.extensions.options import unknown
from newscrawl.items import Candidate
from newscrawl.settings import check
from newscrawl.storage.kept import read_run_records
from newscrawl.storage.ledger import Ledger, sqlite_path
from newscrawl.storage.reconcile import rebuild
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import outlets, read_run, run_folders, run_of

if TYPE_CHECKING:
    from scrapy.commands import ScrapyCommand as Base

    from newscrawl.base_spiders.article import ArticleSpider
else:
    Base = object

logger = logging.getLogger(__name__)

NEGATIVE, WRONG_USAGE, IMPOSSIBLE = 1, 2, 3
"""Exit codes of commands: the answer is no, the command line is wrong, it cannot be done."""

# What is a sentence for the user; anything else is a fault of ours.
_SENTENCES = (
    exceptions.ArgumentError,
    exceptions.DatasetError,
    exceptions.LedgerError,
    exceptions.OutputError,
    exceptions.RemoteError,
    exceptions.ReportError,
    OSError,
)

# Scrapy lists its versions, components and settings at the start, over sixty lines.
_VERSIONS = "scrapy.utils.log"
_LISTING = (_VERSIONS, "scrapy.addons", "scrapy.middleware", "scrapy.crawler")


def _is_no_list(record: logging.LogRecord) -> bool:
    is_list = record.name == _VERSIONS or "\n" in record.getMessage()
    return record.levelno > logging.INFO or not is_list


@contextmanager
def printing() -> Iterator[None]:
    """Print to any terminal, and to a reader that stops reading, without a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal with ASCII only shows the rest as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has enough; Python would complain once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Terminal(Console):
    """Rich's console, which leaves a closed pipe to the command."""

    def on_broken_pipe(self) -> None:
        """Pass it on, instead of ending with code 1."""
        raise BrokenPipeError


class HelpFormatter(ScrapyHelpFormatter, RawDescriptionHelpFormatter):
    """Scrapy's help, which keeps our line breaks."""


def find_article(outlet: "ArticleSpider", url: str) -> Candidate:
    """Return the article that an address leads to. Raises ArgumentError when it leads to none."""
    found = outlet.find_candidate(url)
    if found is None:
        raise exceptions.ArgumentError(
            f"{url!r} is not the address of an article of {outlet.name}."
        )
    return found


class ProjectCommand(Base):
    """A command that checks the settings first and names an example in its help."""

    requires_project = True
    arguments: ClassVar[str] = ""
    """The command's arguments, for the usage line."""
    summary: ClassVar[str]
    """What the list of commands says."""
    example: ClassVar[str]
    """A command line that works, without the program's name."""
    exit_codes: ClassVar[str] = "0 done, 2 wrong usage, 3 it cannot be done"
    """What the exit codes mean, for the help and the reference."""

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return self.arguments

    def short_desc(self) -> str:
        """Return what the list of commands says."""
        return self.summary

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add Scrapy's options, an example and the exit codes."""
        super().add_options(parser)
        self.add_help(parser)

    def add_help(self, parser: argparse.ArgumentParser) -> None:
        """Add the program's name, an example and the exit codes to the help."""
        parser.prog = PROGRAM
        parser.formatter_class = HelpFormatter
        parser.usage = (parser.usage or "").replace("scrapy", PROGRAM, 1)
        parser.description = textwrap.fill(parser.description or "", 79)
        parser.epilog = self.epilog()

    def epilog(self) -> str:
        """Return what the help ends with."""
        return f"Example: {PROGRAM} {self.example}\nExit codes: {self.exit_codes}"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take Scrapy's options; end with a sentence when a setting is wrong."""
        super().process_options(args, opts)
        assert self.settings is not None
        for name in args:
            if name.startswith("-") and name != "-":
                raise UsageError(f"unknown option {name}", print_help=False)
        if self.settings["LOG_LEVEL"] != "DEBUG":
            for origin in _LISTING:
                logging.getLogger(origin).addFilter(_is_no_list)
        for it in arguments.table:
            name = f"NEWSCRAWL_{it.name.upper()}"
            if name in os.environ or name in self.settings:
                hint = f"{it.name!r} is a spider argument: {PROGRAM} crawl hill -a {it.example}"
                self.stop(f"Unknown setting {name!r}. {hint}", WRONG_USAGE)
        try:
            check(self.settings)
        except exceptions.ArgumentError as error:
            self.stop(error, WRONG_USAGE)

    def stop(self, why: object, code: int) -> NoReturn:
        """End before anything has begun, with a sentence on the terminal and in the log file."""
        assert self.settings is not None
        if path := self.settings["LOG_FILE"]:
            # That is where Scrapyd's users look.
            configure_logging({"LOG_FILE": path})
            logger.error("%s", why)
        print(why, file=sys.stderr)  # noqa: T201
        sys.exit(code)

    def spider_names(self) -> list[str]:
        """Return the outlets that this project can crawl."""
        assert self.settings is not None
        return sorted(get_spider_loader(self.settings).list())

    def load_outlet(self, name: str) -> "ArticleSpider":
        """Return an outlet's spider, for its addresses. Raises ArgumentError for an unknown one."""
        if name not in self.spider_names():
            raise unknown("outlet", name, self.spider_names())
        assert self.settings is not None
        return cast("ArticleSpider", get_spider_loader(self.settings).load(name)())


class SpiderCommand(ProjectCommand):
    """A command that takes spider arguments; wrong ones end it before anything has begun."""

    def epilog(self) -> str:
        """Return what the help ends with: the arguments, too."""
        lines = ["Spider arguments (-a NAME=VALUE):"]
        for it in arguments.table:
            value = f"{it.kind.allowed}; default: {it.default or 'none'}; example: {it.example}"
            for text, indent in ((it.meaning, f"  {it.name:<10}"), (value, " " * 12)):
                lines += textwrap.wrap(text, 79, initial_indent=indent, subsequent_indent=" " * 12)
        return "\n".join([*lines, "", super().epilog()])

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Take Scrapy's options. Scrapy would take an argument that is given twice once."""
        names = [it.partition("=")[0] for it in opts.spargs]
        super().process_options(args, opts)
        known = [it.name for it in arguments.table]
        for name in names:
            # Scrapyd's own argument says which of its jobs this is.
            if name not in (*known, "_job"):
                self.stop(unknown("spider argument", name, known), WRONG_USAGE)
            if names.count(name) > 1:
                self.stop(f"The spider argument {name!r} is given twice.", WRONG_USAGE)

    def check_arguments(self, outlet: str, given: dict[str, str]) -> None:
        """End with a sentence for an outlet, or an argument of its spider's, that is wrong."""
        try:
            spider = self.load_outlet(outlet)
        except exceptions.ArgumentError as error:
            self.stop(error, IMPOSSIBLE)
        try:
            given = {name: value for name, value in given.items() if name != "_job"}
            arguments.read(given, spider)
        except exceptions.ArgumentError as error:
            self.stop(error, WRONG_USAGE)


class OutputCommand(ProjectCommand):
    """A command that looks at an output folder; it needs no crawler and logs nothing."""

    requires_crawler_process = False
    default_settings: ClassVar = {"LOG_ENABLED": False}
    extra = ""
    """The extra of the package that the command needs."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do the work; whatever hinders it is one sentence and an exit code."""
        self.passed_over: set[str] = set()
        try:
            with printing():
                self.work(args, opts)
        except ModuleNotFoundError as error:
            if not self.extra:
                raise
            self.give_up(extra_missing("This command", self.extra, error))
        except _SENTENCES as error:
            self.give_up(error)

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the command is for."""
        raise NotImplementedError

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        assert self.settings is not None
        return Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy's address of the ledger."""
        assert self.settings is not None
        return ledger_url(self.settings)

    def existing_output(self) -> Path:
        """Return the output folder. Raises OutputError when there is none."""
        if not self.output.is_dir():
            raise exceptions.OutputError(
                f"There is no output folder {self.output}."
                " Name another with NEWSCRAWL_OUTPUT_DIR=/path/to/output."
            )
        return self.output

    def open_ledger(self) -> Ledger:
        """Return the ledger, for reading. Raises LedgerError when there is none."""
        self.existing_output()
        path = sqlite_path(self.ledger_url)
        if path and not path.exists():
            raise exceptions.LedgerError(
                f"There is no ledger {path}. Rebuild it from the parts: {PROGRAM} ledger --rebuild"
            )
        return Ledger(self.ledger_url, reading=True)

    def complete_ledger(self, outlet: str, runs: Iterable[str]) -> int:
        """Rebuild the ledger if it lacks a record of runs that came from elsewhere.

        Returns the number of its records then, else 0. Raises LedgerError and OutputError.
        """
        on_disk = {
            (it["id"], it["revision"], run)
            for run in runs
            for it in read_run_records(self.output / outlet / f"run={run}")
        }
        path = sqlite_path(self.ledger_url)
        if not path or path.exists():
            ledger = self.open_ledger()
            on_disk -= {it[:3] for it in ledger.published_revisions(outlet)}
            ledger.close()
        return self.rebuild_ledger() if on_disk else 0

    def rebuild_ledger(self) -> int:
        """Rebuild the ledger while no run is running; return how many records it has."""
        assert self.settings is not None
        output = self.existing_output()
        folders = [RunFolder(output, it) for it in outlets(output)]
        try:
            return rebuild(output, self.ledger_url, schedule_of(self.settings))
        finally:
            for folder in folders:
                folder.release()

    def known_outlet(self, name: str) -> str:
        """Return the name of an outlet that has runs.

        Raises OutputError when it has none, ArgumentError when there is no such outlet.
        """
        known = outlets(self.existing_output())
        if name in known:
            return name
        if name in self.spider_names():
            raise exceptions.OutputError(f"There is no run of {name} in {self.output}.")
        raise unknown("outlet", name, sorted({*known, *self.spider_names()}))

    def closed_run(self, args: list[str]) -> Path:
        """Return the folder of the closed run that is named, or of the latest of the outlet.

        Later ones that are damaged are passed over, and named. Raises UsageError for other
        arguments than these, OutputError when there is no such run.
        """
        if len(args) not in (1, 2):
            raise UsageError("name an outlet, and a run if it is not the latest")
        outlet, *named = self.known_outlet(args[0]), *args[1:]
        for folder in reversed(run_folders(self.output, outlet)):
            if named and run_of(folder) not in named:
                continue
            try:
                if read_run(folder):
                    return folder
            except exceptions.DamagedRunError as error:
                if named:
                    raise
                self.pass_over(error)
        what = f"closed run {named[0]}" if named else "closed run"
        raise exceptions.OutputError(f"There is no {what} of {outlet} in {self.output}.")

    def pass_over(self, error: exceptions.DamagedRunError) -> None:
        """Name a run that is left out, once, and let the exit code say that the answer lacks it."""
        if str(error) not in self.passed_over:
            print(error, file=sys.stderr)  # noqa: T201
        self.passed_over.add(str(error))
        self.exitcode = NEGATIVE

    def give_up(self, why: object) -> None:
        """Say in a sentence why it cannot be done."""
        if isinstance(why, OSError) and why.filename:
            why = f"{why.filename} cannot be used: {why.strerror}."
        print(why, file=sys.stderr)  # noqa: T201
        self.exitcode = IMPOSSIBLE
