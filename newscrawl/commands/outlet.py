"""``newscrawl outlet``: list the outlets, try one on pages, draft a new one."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.spiderloader import get_spider_loader

from newscrawl.base_spiders.spider_loader import OutletLoader
from newscrawl.commands import outlet_new
from newscrawl.commands.base import NEGATIVE, Terminal
from newscrawl.commands.pages import PagesCommand
from newscrawl.exceptions import ArgumentError, RowError
from newscrawl.extensions.progress import near
from newscrawl.workbench.fixtures import EXPECTED, cases_of, differing_from_fixture
from newscrawl.workbench.status import Status, status
from newscrawl.workbench.trial import NOTHING, Trial, attempt

# Rejected responses that are tried.
_REJECTED = 3


class Command(PagesCommand, ScrapyCommand):
    """Lists the outlets with their state, tries one on pages, and drafts a new one."""

    arguments = "list | try | new"
    summary = "List the outlets with their state, try one on pages, draft a new one"
    example = "outlet list"
    exit_codes = (
        "0 done, 1 a row of outlets.toml is wrong, a page has no article, a fixture gives another"
        " record, or no rejected response is kept, 2 wrong usage, 3 it cannot be done"
    )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add a parser for each action; each takes the options of every command."""
        add = self.add_actions(parser, "outlet")
        add("list", "list the outlets: sources, extraction, fixtures, latest run, checks", "list")
        trial = add(
            "try",
            "show record and page side by side: sources of the fields, missing and extra lines",
            "try hill page.html",
        )
        trial.add_argument("outlet", help="an outlet, or generic")
        trial.add_argument(
            "pages",
            nargs="*",
            metavar="page",
            help="a file, an address or a fixture's folder (default: all fixtures of the outlet)",
        )
        trial.add_argument("--url", help="address of a saved page (default: the page's own)")
        trial.add_argument(
            "--rejected",
            action="store_true",
            help="the latest responses that crawls rejected, or with --url those of one article",
        )

        new = add("new", "draft an outlet from pages of a site, and its fixtures", "new page.html")
        outlet_new.add_arguments(new)

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the action names."""
        if args:
            raise UsageError(f"{opts.action} does not take {args[0]!r}")
        if opts.action == "new":
            outlet_new.begin(self, opts.pages, opts)
            return
        {"list": self.show_list, "try": self.try_outlet}[opts.action](opts)

    def try_outlet(self, opts: argparse.Namespace) -> None:
        """Print what the outlet reads of each page, then the selectors that matched nothing."""
        outlet = self.find_outlet(opts.outlet)
        if opts.rejected and opts.pages:
            raise UsageError("name a page or --rejected, not both")
        is_fixture = not opts.pages and not opts.rejected
        folders = cases_of(self.fixtures, outlet.name) if is_fixture else []
        if is_fixture and not folders:
            raise ArgumentError(
                f"{outlet.name} has no fixture in {near(self.fixtures / outlet.name)}: name a page."
            )
        console = Terminal(highlight=False, soft_wrap=True)
        trials = []
        if opts.rejected:
            try:
                pages = self.rejected_pages(outlet, opts.url, _REJECTED)
            except ArgumentError as error:
                self.give_up(error)
                self.exitcode = NEGATIVE
                return
        else:
            pages = self.read_pages(opts.pages or list(map(str, folders)), opts.url)
        for page in pages:
            trial = attempt(outlet, page)
            trials.append(trial)
            differences = differing_from_fixture(outlet, page) if not trial.reason else []
            show_trial(console, trial, differences)
            if trial.reason or differences:
                self.exitcode = NEGATIVE
        matched = frozenset[str]().union(*(it.matched for it in trials))
        unmatched: dict[str, str] = {}
        for selector, what in (pair for it in trials for pair in it.unmatched.items()):
            if selector not in matched and unmatched.get(selector, NOTHING) == NOTHING:
                unmatched[selector] = what
        if unmatched:
            where = "the page" if len(trials) == 1 else f"any of {len(trials)} pages"
            console.print(f"Selectors without effect on {where}:")
            for selector, what in sorted(unmatched.items()):
                console.print(f"  {escape(selector)}   ({escape(what)})", style="yellow")

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
            except ArgumentError as wrong:
                print(f"{name}: {wrong}", file=sys.stderr)  # noqa: T201
                self.exitcode = NEGATIVE
        _print_table(rows)
        for error in loader.errors():
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE


def show_trial(console: Console, trial: Trial, differences: Sequence[str]) -> None:
    """Print a trial. ``differences`` are the fields that differ from the fixture's record."""
    place = trial.page.place or trial.page.url
    console.print(f"[bold]{escape(str(near(Path(place)) if place[:4] != 'http' else place))}[/]")
    if trial.reason:
        console.print(f"  No record: {trial.reason}\n", style="red")
        return
    if trial.note:
        console.print(f"  {escape(trial.note)}", style="yellow")
    for name in differences:
        console.print(f"  differs from {EXPECTED}: {name}", style="red")
    for it in trial.values:
        console.print(f"  {it.field:<15} {it.source:<8} {escape(it.text)}")
        for source, text in it.others:
            console.print(f"  {'':<15} {source:<8} {escape(text)}", style="yellow")
    console.print()
    for line in trial.lines:
        why = f"   ({line.why})" if line.why else ""
        style = {"-": "red", "+": "green"}.get(line.mark, "")
        console.print(f"{line.mark or ' '} {escape(line.text + why)}", style=style)
    console.print()


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
