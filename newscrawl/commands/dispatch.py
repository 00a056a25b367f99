"""``newscrawl dispatch``: give the crawls that are due to Scrapyd nodes."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.base_spiders import arguments
from newscrawl.commands.base import IMPOSSIBLE, NEGATIVE, WRONG_USAGE, OutputCommand
from newscrawl.dispatch.dispatcher import Dispatcher, Pass
from newscrawl.dispatch.memory import Memory, alone
from newscrawl.dispatch.nodes_table import Crawl, NodesTable, read_nodes
from newscrawl.exceptions import ArgumentError, RowError, RunningError
from newscrawl.extensions.exit_codes import LATER
from newscrawl.extensions.options import unknown
from newscrawl.storage.ledger import Ledger, sqlite_path


class Command(OutputCommand, ScrapyCommand):
    """Makes one pass: asks the nodes what they have to do, and gives them what is due."""

    arguments = "<nodes.toml>"
    summary = "Give the crawls that are due to Scrapyd nodes"
    example = "dispatch /etc/newscrawl/nodes.toml"
    extra = "postgresql"
    exit_codes = (
        "0 done, 1 a node was left out or a crawl was not taken, 2 wrong usage, 3 no node or no"
        " ledger can be used, 75 another dispatcher is working"
    )

    def long_desc(self) -> str:
        """Return what its help says."""
        return (
            "Give the crawls that are due to the Scrapyd nodes of a file, the most overdue first."
            " Start it every minute, by cron or a timer."
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Make one pass, and print what was done and what is wrong."""
        if len(args) != 1:
            raise UsageError("name one file, such as nodes.toml")
        file = Path(args[0])
        try:
            table = read_nodes(file, os.environ)
            outlets, wrong = self._outlets(file, table.crawls)
        except ArgumentError as error:
            self.stop(error, WRONG_USAGE)
        path = sqlite_path(self.ledger_url)
        folder = self.existing_output() if path else self.output
        ledger = Ledger(self.ledger_url)
        try:
            with alone(ledger, path.parent if path else folder):
                done = Dispatcher(table, outlets, Memory(ledger), time.time()).work()
        except RunningError as error:
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = LATER.code
            return
        finally:
            ledger.close()
        left_out = [f"{name} is left out: {why}." for name, why in done.left_out.items()]
        for sentence in (*wrong, *left_out, *(f"Not taken: {it}." for it in done.refused)):
            print(sentence, file=sys.stderr)  # noqa: T201
            self.exitcode = NEGATIVE
        for line in _lines(table, done):
            print(line)  # noqa: T201
        if len(done.left_out) == len(table.nodes):
            self.exitcode = IMPOSSIBLE

    def _outlets(
        self, file: Path, crawls: Iterable[Crawl]
    ) -> tuple[dict[str, list[str]], list[str]]:
        """Return the outlets of each crawl, and what is wrong in rows. Raises ArgumentError."""
        chosen: dict[str, list[str]] = {}
        wrong: dict[str, None] = {}
        for crawl in crawls:
            names: list[str] = []
            try:
                for name in matching(crawl.outlets, self.spider_names()):
                    try:
                        outlet = self.load_outlet(name)
                    except RowError as error:
                        wrong[str(error)] = None
                    else:
                        arguments.parse(crawl.arguments, outlet)
                        names.append(name)
            except ArgumentError as error:
                raise ArgumentError(f"{file}, [crawls.{crawl.name}]: {error}") from None
            chosen[crawl.name] = names
        return chosen, list(wrong)


def matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the names that a pattern matches. Raises ArgumentError if one matches none.

    >>> matching(["k*", "hill"], ["hill", "kron", "ktla", "wgn"])
    ['hill', 'kron', 'ktla']
    """
    for pattern in patterns:
        if not any(fnmatchcase(it, pattern) for it in names):
            raise unknown("outlet", pattern, names)
    return [name for name in names if any(fnmatchcase(name, it) for it in patterns)]


def _lines(table: NodesTable, done: Pass) -> Iterable[str]:
    """Yield a line for each node that got crawls, and one for the rest."""
    for node in table.nodes:
        got = [due.outlet for due, name in done.given if name == node.name]
        if got:
            yield f"{node.name}: gave {len(got)} crawls, {', '.join(got)}"
    latest = max((due.late for due, _ in done.given), default=0)
    yield (
        f"{len(done.given)} crawls given (the latest {latest / 60:.0f} minutes after its time),"
        f" {len(done.waiting)} due without a free place,"
        f" {len(done.busy) - len(done.given)} outlets running or queued."
    )
