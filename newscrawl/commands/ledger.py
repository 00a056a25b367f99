"""``newscrawl ledger``: show the state of the articles, and make failed ones due again."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.articles import ArticleCommand
from newscrawl.commands.base import NEGATIVE, Terminal
from newscrawl.dataset.restore import Wanted
from newscrawl.exceptions import OutputError
from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger import ArticleState, Ledger, State

_WAITING = (State.PENDING, State.FAILED, State.REJECTED, State.ABANDONED)


class Command(ArticleCommand, ScrapyCommand):
    """Shows counts by state, waiting and due articles, or the whole state of one article.

    With --retry, the next crawl requests the articles of a state again, all or those of one reason.
    """

    arguments = "[<outlet> [<id or URL>]] | <outlet> --retry STATE [REASON] | --rebuild"
    summary = "Show the state of the articles, retry them, or rebuild the ledger"
    example = "ledger hill 4373704"
    exit_codes = "0 done, 1 no article to retry, 2 wrong usage, 3 it cannot be done"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="set the ledger aside and create a new one from the published parts",
        )
        parser.add_argument(
            "--retry",
            choices=[State.REJECTED.value, State.FAILED.value, State.ABANDONED.value],
            help="request the articles of this state in the next crawl, as if for the first time",
        )
        parser.add_argument("--limit", type=int, default=10, help="rows of a list (default: 10)")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Show the ledger, or rebuild it."""
        console = Terminal()
        if opts.rebuild:
            if args:
                raise UsageError("--rebuild takes no names: the ledger contains every outlet")
            # A node of several fetches what the ledger lacks, under the leases.
            is_node = self.settings and self.settings["NEWSCRAWL_NODE"]
            fetched = {} if is_node else self.fetch(opts, Wanted.PARTS)
            if lacking := [outlet for outlet, it in fetched.items() if it.left_out]:
                raise OutputError(
                    f"The ledger is not rebuilt: it would lack runs of {', '.join(lacking)}."
                )
            console.print(f"Rebuilt the ledger from {self.rebuild_ledger()} published records.")
        elif opts.retry:
            if len(args) not in (1, 2):
                raise UsageError("name an outlet, and a reason if only its articles are meant")
            self.retry(console, self.known_outlet(args[0]), State(opts.retry), *args[1:])
        elif len(args) > 2:
            raise UsageError("name an outlet, an outlet and an article, or nothing")
        elif len(args) == 2:
            outlet = self.known_outlet(args[0])
            ledger = self.open_ledger()
            identity = self.article_id(outlet, args[1], ledger)
            if (known := ledger.get(outlet, identity)) is None:
                raise self.unknown_article(outlet, identity)
            show_article(ledger, console, known, outlet)
        else:
            chosen = [self.known_outlet(it) for it in args]
            show(self.open_ledger(), console, opts.limit, chosen)

    def known_outlet(self, name: str) -> str:
        """Return ``name`` if it is an outlet of the ledger, or one with runs."""
        ledger = self.open_ledger()
        is_known = name in ledger.outlets()
        ledger.close()
        return name if is_known else super().known_outlet(name)

    def retry(self, console: Console, outlet: str, state: State, reason: str = "") -> None:
        """Make the articles of a state due, and print how many these are."""
        self.open_ledger().close()
        ledger = Ledger(self.ledger_url)
        count = ledger.retry(outlet, state, reason)
        ledger.close()
        why = f" for {reason!r}" if reason else ""
        console.print(f"{outlet}: {count} articles {state}{why} are due now", soft_wrap=True)
        if not count:
            self.exitcode = NEGATIVE
            kept = self.open_ledger()
            reasons = [it[2:] for it in kept.counts() if it[:2] == (outlet, state) and it[2]]
            kept.close()
            said = ", ".join(f"{name!r} ({articles})" for name, articles in sorted(reasons))
            if reason and said:
                console.print(f"The reasons of {state} articles are {said}.", soft_wrap=True)


def show(ledger: Ledger, console: Console, limit: int, chosen: Sequence[str]) -> None:
    """Print the counts by state and reason, the articles that wait longest, and those due now.

    ``chosen`` are the outlets to show; all are shown if it is empty.
    """
    table = Table("Outlet", "State", "Reason", "Articles", title="The ledger")
    shown = set()
    for outlet, state, reason, count in sorted(ledger.counts()):
        if not chosen or outlet in chosen:
            shown.add(outlet)
            table.add_row(outlet, state, reason, str(count))
    console.print(table)
    waiting = Table("Outlet", "Article", "State", "Attempts", "Next", "Reason")
    waiting.columns[4].no_wrap, waiting.columns[4].min_width = True, len(utc(datetime.now(UTC)))
    for outlet, known in ledger.oldest(_WAITING, limit, chosen):
        next_attempt = known.next_attempt or "none"
        values = (known.id, known.state, str(known.attempts), next_attempt, known.reason or "")
        waiting.add_row(outlet, *values)
    if waiting.row_count:
        waiting.title = "Waiting longest"
        console.print(waiting)
    now = utc(datetime.now(UTC))
    for outlet in sorted(shown):
        console.print(f"{outlet}: {len(ledger.due(outlet, now))} due now")


def show_article(ledger: Ledger, console: Console, known: ArticleState, outlet: str) -> None:
    """Print the state and the revisions of one article."""
    for name in ArticleState.__slots__:
        value = getattr(known, name)
        console.print(f"{name:<14} {'–' if value is None else value}", soft_wrap=True)
    for revision, run, modified, fetched in ledger.history(outlet, known.id):
        console.print(f"revision {revision} run {run} modified {modified} fetched {fetched}")
