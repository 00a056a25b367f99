"""``newscrawl runs``: list the runs and their books."""

import argparse

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.remote import RunsCommand
from newscrawl.dataset.restore import Wanted
from newscrawl.exceptions import DamagedRunError
from newscrawl.storage.books import balance
from newscrawl.storage.runs import read_run, run_folders, run_of


class Command(RunsCommand, ScrapyCommand):
    """Lists the runs, the latest last, each with its books."""

    arguments = "[<outlet>]"
    summary = "List the runs and the outcomes of their articles"
    example = "runs hill --limit 5"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--limit", type=int, default=20, help="how many runs (default: 20)")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print one line for each run."""
        if len(args) > 1:
            raise UsageError("name one outlet, or none for all")
        self.fetch(opts, Wanted.DOCUMENT, args, lambda names: names[-opts.limit :])
        outlet = self.known_outlet(args[0]) if args else "*"
        for folder in run_folders(self.existing_output(), outlet)[-opts.limit :]:
            line = f"{run_of(folder)}  {folder.parent.name}  "
            try:
                document = read_run(folder)
            except DamagedRunError as error:
                self.pass_over(error)
                continue
            if document is None:
                print(f"{line}running, or killed")  # noqa: T201
                continue
            books = document["books"]
            counts = [
                f"{name} {sum(it.values()) if isinstance(it, dict) else it}"
                for name, it in books.items()
            ]
            verdict = "complete" if document["complete"] else "incomplete"
            if balance(books):
                verdict = f"counts differ from discovered by {balance(books)}"
            print(f"{line}{document['reason']}, {verdict}: {', '.join(counts)}")  # noqa: T201
