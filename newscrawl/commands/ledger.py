"""``scrapy ledger``: what is known of the articles, for people."""

import argparse
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.exceptions import LedgerError, OutputError
from newscrawl.extensions.run import schedule_of
from newscrawl.extraction.dates import utc
from newscrawl.storage.ledger import Known, Ledger, State
from newscrawl.storage.run_folder import RunFolder
from newscrawl.storage.runs import outlets
from newscrawl.storage.salvage import rebuild

_WAITING = (State.PENDING, State.FAILED, State.REJECTED, State.ABANDONED)


class Command(OutputCommand, ScrapyCommand):
    """Shows the ledger: counts, what waits, what is due, or all that is known of one article."""

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "[<outlet> <article id>] | --rebuild"

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Show what is known of the articles, or rebuild the ledger from the parts"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="set the ledger aside and make a new one from the published parts",
        )
        parser.add_argument("--limit", type=int, default=10, help="rows of a list (10)")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Show or rebuild; exit code 3 when the ledger cannot be used."""
        assert self.settings is not None
        output = self.output
        console = Console()
        try:
            if opts.rebuild:
                folders = [RunFolder(output, it) for it in outlets(output)]
                count = rebuild(output, self.ledger_url, schedule_of(self.settings))
                for folder in folders:
                    folder.release()
                console.print(f"Rebuilt the ledger from {count} published records.")
                return
            ledger = Ledger(self.ledger_url)
            if not args:
                show(ledger, console, opts.limit)
            elif len(args) == 2:
                show_article(ledger, console, *args)
            else:
                raise UsageError("name an outlet and an article's id, or nothing")
        except (LedgerError, OutputError, OSError) as error:
            self.give_up(error)


def show(ledger: Ledger, console: Console, limit: int) -> None:
    """Print the counts by state and reason, what has waited longest, and what is due."""
    table = Table("Outlet", "State", "Reason", "Articles", title="The ledger")
    outlets = set()
    for outlet, state, reason, count in sorted(ledger.counts()):
        outlets.add(outlet)
        table.add_row(outlet, state, reason, str(count))
    console.print(table)
    waiting = Table("Outlet", "Article", "State", "Attempts", "Next", "Reason")
    for outlet, known in ledger.oldest(_WAITING, limit):
        next_attempt = known.next_attempt or "given up"
        values = (known.id, known.state, str(known.attempts), next_attempt, known.reason or "")
        waiting.add_row(outlet, *values)
    if waiting.row_count:
        waiting.title = "Waiting longest"
        console.print(waiting)
    now = utc(datetime.now(UTC))
    for outlet in sorted(outlets):
        console.print(f"{outlet}: {len(ledger.due(outlet, now))} due now")


def show_article(ledger: Ledger, console: Console, outlet: str, identity: str) -> None:
    """Print all that is known of one article. Raises LedgerError when nothing is."""
    known = ledger.get(outlet, identity)
    if known is None:
        raise LedgerError(f"The ledger knows no article {identity} of {outlet}.")
    for name in Known.__slots__:
        value = getattr(known, name)
        console.print(f"{name:<14} {'–' if value is None else value}", soft_wrap=True)
    for revision, run, modified, fetched in ledger.history(outlet, identity):
        console.print(f"revision {revision} run {run} modified {modified} fetched {fetched}")
