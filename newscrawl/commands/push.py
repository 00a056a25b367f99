"""``newscrawl push``: upload the closed runs and the dataset to remote storage."""

import argparse
import sys

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.dataset.remote import push
from newscrawl.extensions.options import REMOTE, Option
from newscrawl.settings import read


class Command(OutputCommand, ScrapyCommand):
    """Sends what is closed and not there yet."""

    arguments = "[<URL>]"
    summary = "Upload runs and dataset to S3, GCS, Azure or a folder"
    example = "push s3://bucket/news"
    extra = "remote"
    exit_codes = (
        "0 uploaded, 1 damaged local files skipped, 2 wrong usage, 3 the storage cannot be used"
    )

    def long_desc(self) -> str:
        """Return what its help says."""
        return (
            "Upload closed runs and the dataset to remote storage. URL is any URL of fsspec, for"
            " example s3://bucket/news (default: NEWSCRAWL_REMOTE)."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument(
            "--only",
            choices=("runs", "dataset"),
            default="",
            help="upload only the runs or only the dataset (default: both)",
        )
        parser.add_argument(
            "--all",
            action="store_true",
            help="check every run, not only runs newer than the last upload",
        )

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Push, and say what was sent and what is wrong."""
        assert self.settings is not None
        url = args[0] if args else read(self.settings, "NEWSCRAWL_REMOTE")
        if len(args) > 1 or not url:
            raise UsageError("name one URL, such as s3://bucket/prefix, or set NEWSCRAWL_REMOTE")
        url = Option("URL", None, REMOTE, "", "").read(url)
        pushed = push(self.existing_output(), url, opts.only, everything=opts.all)
        for sentence in pushed.wrong:
            print(sentence, file=sys.stderr)  # noqa: T201
        print(f"{url.rstrip('/')}: {pushed}.")  # noqa: T201
        self.exitcode = NEGATIVE if pushed.wrong else 0
