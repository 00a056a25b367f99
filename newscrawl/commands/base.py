"""Base classes of the project's commands: checks, help, error messages and exit codes.

The classes are mixins, because Scrapy lists every subclass of ``ScrapyCommand`` as a command.
"""

import argparse
import io
import logging
import os
import sys
import textwrap
from argparse import RawDescriptionHelpFormatter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
from newscrawl.dataset.remote import Target
from newscrawl.dataset.restore import outlets_at
from newscrawl.exceptions import PROGRAM, extra_missing
from newscrawl.extensions.locked_outlet import LockedOutlet, ledger_url
from newscrawl.extensions.opening import schedule_of
from newscrawl.extensions.options import unknown
from newscrawl.items import Candidate
from newscrawl.settings import check
from newscrawl.storage.kept import is_elsewhere, no_parts, read_run_records
from newscrawl.storage.ledger import Ledger, sqlite_path
from newscrawl.storage.reconcile import rebuild
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import outlets, read_run, run_folder, run_folders, run_of

if TYPE_CHECKING:
    from scrapy.commands import ScrapyCommand as Base

    from newscrawl.base_spiders.article import ArticleSpider
else:
    Base = object

logger = logging.getLogger(__name__)

NEGATIVE, WRONG_USAGE, IMPOSSIBLE = 1, 2, 3
"""Exit codes of commands: the answer is no, the command line is wrong, the work is impossible."""

# Errors that are printed as a sentence. Any other error is a bug and prints a traceback.
_SENTENCES = (
    exceptions.ArgumentError,
    exceptions.DatasetError,
    exceptions.LedgerError,
    exceptions.OutputError,
    exceptions.RemoteError,
    exceptions.ReportError,
    OSError,
)

# Scrapy logs its versions, components and settings at the start, in more than sixty lines.
_VERSIONS = "scrapy.utils.log"
_LISTING = (_VERSIONS, "scrapy.addons", "scrapy.middleware", "scrapy.crawler")


def _is_no_list(record: logging.LogRecord) -> bool:
    is_list = record.name == _VERSIONS or "\n" in record.getMessage()
    return record.levelno > logging.INFO or not is_list


@contextmanager
def printing() -> Iterator[None]:
    """Let the command print to any terminal, and to a pipe that is closed, without a traceback."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal with ASCII only shows other characters as escapes.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader closed the pipe; Python would print another error at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Terminal(Console):
    """Rich's console, which leaves a closed pipe to the command."""

    def on_broken_pipe(self) -> None:
        """Raise the error again, instead of ending with code 1."""
        raise BrokenPipeError


class HelpFormatter(ScrapyHelpFormatter, RawDescriptionHelpFormatter):
    """Scrapy's help, which keeps our line breaks."""


def find_article(outlet: "ArticleSpider", url: str) -> Candidate:
    """Return the article at an address. Raises ArgumentError for any other address."""
    candidate = outlet.find_candidate(url)
    if candidate is None:
        raise exceptions.ArgumentError(
            f"{url!r} is not the address of an article of {outlet.name}."
        )
    return candidate


def existing(output: Path) -> Path:
    """Return the output folder. Raises OutputError if there is none."""
    if not output.is_dir():
        raise exceptions.OutputError(
            f"There is no output folder {output}."
            " Name another with NEWSCRAWL_OUTPUT_DIR=/path/to/output."
        )
    return output


class ProjectCommand(Base):
    """A command that checks the settings first and names an example in its help."""

    requires_project = True
    arguments: ClassVar[str] = ""
    """The command's arguments, for the usage line."""
    summary: ClassVar[str]
    """The command's line in the list of commands."""
    example: ClassVar[str]
    """A command line that works, without the program's name."""
    exit_codes: ClassVar[str] = "0 done, 2 wrong usage, 3 it cannot be done"
    """The meaning of the exit codes, for the help and the reference."""

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return self.arguments

    def short_desc(self) -> str:
        """Return the command's line in the list of commands."""
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

    def add_actions(
        self, parser: argparse.ArgumentParser, command: str
    ) -> Callable[[str, str, str], argparse.ArgumentParser]:
        """Return a function that adds an action of a command by name, summary and example.

        Each action takes the options of every command.
        """
        self.add_help(parser)
        common = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
        super().add_options(common)
        actions = parser.add_subparsers(
            dest="action", required=True, metavar="ACTION", prog=f"{PROGRAM} {command}"
        )

        def add(name: str, text: str, example: str) -> argparse.ArgumentParser:
            return actions.add_parser(
                name,
                parents=[common],
                help=text,
                description=text,
                epilog=f"Example: {PROGRAM} {command} {example}",
            )

        return add

    def epilog(self) -> str:
        """Return the end of the help."""
        return f"Example: {PROGRAM} {self.example}\nExit codes: {self.exit_codes}"

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply Scrapy's options. Exit with a message if a setting is wrong."""
        super().process_options(args, opts)
        assert self.settings is not None
        for name in args:
            if name.startswith("-") and name != "-":
                raise UsageError(f"unknown option {name}", print_help=False)
        if self.settings["LOG_LEVEL"] != "DEBUG":
            for origin in _LISTING:
                logging.getLogger(origin).addFilter(_is_no_list)
        for it in arguments.OPTIONS:
            name = f"NEWSCRAWL_{it.name.upper()}"
            if name in os.environ or name in self.settings:
                hint = f"{it.name!r} is a spider argument: {PROGRAM} crawl hill -a {it.example}"
                self.stop(f"Unknown setting {name!r}. {hint}", WRONG_USAGE)
        try:
            check(self.settings)
        except exceptions.ArgumentError as error:
            self.stop(error, WRONG_USAGE)

    def stop(self, why: object, code: int) -> NoReturn:
        """Exit before the work begins, with a message on the terminal and in the log file."""
        assert self.settings is not None
        if path := self.settings["LOG_FILE"]:
            # Users of Scrapyd read the log file.
            configure_logging({"LOG_FILE": path})
            logger.error("%s", why)
        print(why, file=sys.stderr)  # noqa: T201
        sys.exit(code)

    def spider_names(self) -> list[str]:
        """Return the outlets that this project can crawl."""
        assert self.settings is not None
        return sorted(get_spider_loader(self.settings).list())

    def load_outlet(self, name: str) -> "ArticleSpider":
        """Return an outlet's spider. Raises ArgumentError for an unknown outlet or a wrong row."""
        assert self.settings is not None
        loader = get_spider_loader(self.settings)
        try:
            return cast("ArticleSpider", loader.load(name)())
        except KeyError:
            raise unknown("outlet", name, loader.list()) from None


class SpiderCommand(ProjectCommand):
    """A command with spider arguments, which are checked before the work begins."""

    spider_arguments: ClassVar[Collection[str]] = [it.name for it in arguments.OPTIONS]
    """The spider arguments that the command allows."""

    def epilog(self) -> str:
        """Return the end of the help, with the spider arguments."""
        lines = ["Spider arguments (-a NAME=VALUE):"]
        for it in arguments.OPTIONS:
            if it.name not in self.spider_arguments:
                continue
            value = f"{it.kind.allowed}; default: {it.default or 'none'}; example: {it.example}"
            for text, indent in ((it.meaning, f"  {it.name:<10}"), (value, " " * 12)):
                lines += textwrap.wrap(text, 79, initial_indent=indent, subsequent_indent=" " * 12)
        return "\n".join([*lines, "", super().epilog()])

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Apply Scrapy's options. Reject an argument that is given twice, which Scrapy accepts."""
        names = [it.partition("=")[0] for it in opts.spargs]
        super().process_options(args, opts)
        known = [it.name for it in arguments.OPTIONS]
        for name in names:
            if name not in (*known, *arguments.OF_SCRAPYD):
                self.stop(unknown("spider argument", name, self.spider_arguments), WRONG_USAGE)
            if name not in (*self.spider_arguments, *arguments.OF_SCRAPYD):
                allowed = ", ".join(self.spider_arguments)
                self.stop(f"-a {name} is not allowed: it must be one of {allowed}.", WRONG_USAGE)
            if names.count(name) > 1:
                self.stop(f"The spider argument {name!r} is given twice.", WRONG_USAGE)

    def check_arguments(self, outlet: str, given: dict[str, str]) -> None:
        """Exit with a message if the outlet or an argument of its spider is wrong."""
        try:
            spider = self.load_outlet(outlet)
        except exceptions.ArgumentError as error:
            is_row = isinstance(error, exceptions.RowError)
            self.stop(error, WRONG_USAGE if is_row else IMPOSSIBLE)
        try:
            for layout in spider.reader.layouts:
                layout.check()
            given = {it: value for it, value in given.items() if it not in arguments.OF_SCRAPYD}
            arguments.parse(given, spider)
        except exceptions.ArgumentError as error:
            self.stop(error, WRONG_USAGE)


class OutputCommand(ProjectCommand):
    """A command that reads an output folder. It needs no crawler and logs nothing."""

    requires_crawler_process = False
    default_settings: ClassVar = {"LOG_ENABLED": False}
    extra = ""
    """The extra of the package that the command needs."""

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do the work. Print an expected error as one sentence, and set the exit code."""
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
        """Do the work of the command."""
        raise NotImplementedError

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        assert self.settings is not None
        return Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()

    @property
    def ledger_url(self) -> str:
        """The URL of the ledger, as SQLAlchemy expects it."""
        assert self.settings is not None
        return ledger_url(self.settings)

    def existing_output(self) -> Path:
        """Return the output folder. Raises OutputError if there is none."""
        return existing(self.output)

    def open_ledger(self) -> Ledger:
        """Return the ledger, for reading. Raises LedgerError if there is none."""
        self.existing_output()
        path = sqlite_path(self.ledger_url)
        if path and not path.exists():
            raise exceptions.LedgerError(
                f"There is no ledger {path}. Rebuild it from the parts: {PROGRAM} ledger --rebuild"
            )
        return Ledger(self.ledger_url, reading=True)

    def complete_ledger(self, runs: Mapping[str, Iterable[str]]) -> int:
        """Rebuild the ledger if it lacks a record of restored or merged runs.

        ``runs`` has the names of these runs by outlet. Returns the number of the ledger's records
        if it was rebuilt, else 0. Raises LedgerError and OutputError.
        """
        path = sqlite_path(self.ledger_url)
        is_there = path is None or path.exists()
        for outlet, names in runs.items():
            folders = [run_folder(self.output, outlet, it) for it in names]
            lacking = {
                (it["id"], it["revision"], run_of(folder))
                for folder in folders
                for it in read_run_records(folder)
            }
            if lacking and is_there:
                ledger = self.open_ledger()
                lacking -= {it[:3] for it in ledger.published_revisions(outlet)}
                ledger.close()
            if lacking:
                return self.rebuild_ledger()
        return 0

    def rebuild_ledger(self) -> int:
        """Rebuild the ledger while no run is running; return how many records it has.

        On one of several nodes it is made from the storage. Raises OutputError if parts of a run
        are not here.
        """
        assert self.settings is not None
        if self.settings["NEWSCRAWL_NODE"]:
            return self._rebuild_shared_ledger()
        output = self.existing_output()
        folders = [RunFolder(output, it) for it in outlets(output)]
        try:
            for path in run_folders(output):
                if is_elsewhere(path):
                    raise exceptions.OutputError(
                        f"{no_parts(path)} A ledger without them would let the next crawl publish"
                        " their articles again. If they are lost, move the folder away."
                    )
            return rebuild(output, self.ledger_url, schedule_of(self.settings))
        finally:
            for folder in folders:
                folder.release()

    def _rebuild_shared_ledger(self) -> int:
        assert self.settings is not None
        target = Target(self.settings["NEWSCRAWL_REMOTE"])
        count = 0
        for name in outlets_at(target):
            outlet = LockedOutlet(self.settings, name)
            try:
                outlet.ledger.clear(name)
                outlet.catch_up(schedule_of(self.settings))
                count += sum(1 for _ in outlet.ledger.published_revisions(name))
            finally:
                outlet.release()
        return count

    def known_outlet(self, name: str) -> str:
        """Return ``name`` if it is an outlet with runs.

        Raises OutputError for an outlet without runs, ArgumentError for an unknown outlet.
        """
        known = outlets(self.existing_output())
        if name in known:
            return name
        if name in self.spider_names():
            raise exceptions.OutputError(f"There is no run of {name} in {self.output}.")
        raise unknown("outlet", name, sorted({*known, *self.spider_names()}))

    def closed_run(self, args: list[str]) -> Path:
        """Return the folder of the named closed run, or of the outlet's latest closed run.

        Damaged runs after the latest one are skipped and reported. Raises UsageError for a wrong
        number of arguments, OutputError if there is no such run.
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
        """Report a damaged run that is skipped, once, and set the exit code."""
        if str(error) not in self.passed_over:
            print(error, file=sys.stderr)  # noqa: T201
        self.passed_over.add(str(error))
        self.exitcode = NEGATIVE

    def give_up(self, why: object) -> None:
        """Print the reason as one sentence and set the exit code."""
        if isinstance(why, OSError) and why.filename:
            why = f"{why.filename} cannot be used: {why.strerror}."
        print(why, file=sys.stderr)  # noqa: T201
        self.exitcode = IMPOSSIBLE
