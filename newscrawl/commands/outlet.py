"""``newscrawl outlet``: the state of the outlets."""

import argparse
import sys
from typing import cast

from rich import box
from rich.markup import escape
from rich.table import Table
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.spiderloader import get_spider_loader

from newscrawl.base_spiders.spider_loader import OutletLoader
from newscrawl.commands.base import NEGATIVE, Terminal
from newscrawl.commands.pages import PagesCommand
from newscrawl.exceptions import PROGRAM, RowError
from newscrawl.workbench.status import Status, status


class Command(PagesCommand, ScrapyCommand):
    """Lists the outlets: what each declares, its fixtures, its latest run."""

    arguments = "list"
    summary = "List the outlets with their state"
    example = "outlet list"
    exit_codes = "0 done, 1 a row of outlets.toml is wrong, 2 wrong usage, 3 it cannot be done"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add a parser for each action; each takes the options of every command."""
        self.add_help(parser)
        common = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
        ScrapyCommand.add_options(self, common)
        actions = parser.add_subparsers(
            dest="action", required=True, metavar="ACTION", prog=f"{PROGRAM} outlet"
        )

        def add(name: str, text: str, example: str) -> argparse.ArgumentParser:
            return actions.add_parser(
                name,
                parents=[common],
                help=text,
                description=text,
                epilog=f"Example: {PROGRAM} outlet {example}",
            )

        add("list", "list the outlets: sources, extraction, fixtures, latest run, checks", "list")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the action names."""
        if args:
            raise UsageError(f"{opts.action} does not take {args[0]!r}")
        {"list": self.show_list}[opts.action](opts)

    def show_list(self, opts: argparse.Namespace) -> None:
        """Print a table of the outlets, and what is wrong in the tables of outlets."""
        assert self.settings is not None
        loader = cast("OutletLoader", get_spider_loader(self.settings))
        rows = []
        for name in loader.list():
            try:
                rows.append(status(self.find_outlet(name), self.fixtures, self.output))
            except RowError:
                # errors() has it.
                continue
        _print_table(rows)
        for error in loader.errors():
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE


def _print_table(rows: list[Status]) -> None:
    """Print a table if it has room, else some lines for each outlet."""
    console = Terminal(highlight=False)
    if console.is_terminal and console.width < _WIDTH:
        for it in rows:
            console.print(f"[bold]{escape(it.name)}[/bold]  {escape(it.title)}, {it.host}")
            for title, value in zip(_TITLES[3:], _cells(it)[3:], strict=True):
                if value:
                    console.print(f"  {title:<11} {escape(value)}", soft_wrap=True)
        return
    table = Table(*_TITLES, box=box.SIMPLE, pad_edge=False)
    for it in rows:
        table.add_row(*map(escape, _cells(it)))
    Terminal(highlight=False, width=console.width if console.is_terminal else 200).print(table)


_WIDTH = 140  # characters of the table
_TITLES = (
    *("outlet", "title", "host", "sources", "extraction", "cases", "checked on", "latest run"),
    "checks",
)


def _cells(it: Status) -> tuple[str, ...]:
    return (
        *(it.name, it.title, it.host, it.sources, it.extraction, str(it.cases)),
        *(it.checked, it.run, it.checks),
    )
