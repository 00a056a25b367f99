"""``scrapy push``: bring the closed runs and the dataset to remote storage."""

import argparse
import sys

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.dataset.remote import push
from newscrawl.exceptions import DatasetError, RemoteError


class Command(OutputCommand, ScrapyCommand):
    """Sends what is closed and not there yet.

    Exit codes: 0 all of it is there, 1 something is wrong with files here, 3 it cannot be done.
    """

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "[<URL>]"

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Bring runs and dataset to S3, GCS, Azure or a folder"

    def long_desc(self) -> str:
        """Return what ``scrapy push -h`` says of it."""
        return (
            "Brings the closed runs and the dataset to a URL of fsspec, NEWSCRAWL_REMOTE if none"
            " is given. What is there already is not sent again."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--only", choices=("runs", "dataset"), default="", help="one of them")
        parser.add_argument(
            "--all", action="store_true", help="look at runs that were pushed before, too"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Push, and say what was sent and what is wrong."""
        assert self.settings is not None
        url = args[0] if args else self.settings["NEWSCRAWL_REMOTE"]
        if len(args) > 1 or not url:
            raise UsageError("name one URL, such as s3://bucket/prefix, or set NEWSCRAWL_REMOTE")
        try:
            pushed = push(self.output, url, opts.only, everything=opts.all)
        except (RemoteError, DatasetError, OSError) as error:
            self.give_up(error)
            return
        for sentence in pushed.wrong:
            print(sentence, file=sys.stderr)  # noqa: T201
        print(f"{url.rstrip('/')}: {pushed}.")  # noqa: T201
        self.exitcode = 1 if pushed.wrong else 0
