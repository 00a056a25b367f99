"""``newscrawl push``: upload the closed runs and the dataset to remote storage."""

import argparse
import sys
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import NEGATIVE, OutputCommand
from newscrawl.dataset.remote import push
from newscrawl.exceptions import RunningError
from newscrawl.extensions.locked_outlet import LockedOutlet
from newscrawl.extensions.opening import schedule_of
from newscrawl.extensions.options import REMOTE, Option
from newscrawl.settings import read
from newscrawl.storage.runs import outlets


class Command(OutputCommand, ScrapyCommand):
    """Sends what is closed and not there yet."""

    arguments = "[<URL>]"
    summary = "Upload runs and dataset to S3, GCS, Azure or a folder"
    example = "push s3://bucket/news"
    extra = "remote"
    exit_codes = "0 uploaded, 1 not all is uploaded, 2 wrong usage, 3 the storage cannot be used"

    def long_desc(self) -> str:
        """Return what its help says."""
        return (
            "Upload closed runs and the dataset to remote storage. URL is any URL of fsspec, for"
            " example s3://bucket/news (default: NEWSCRAWL_REMOTE). On one of several nodes,"
            " publish the runs that a crawl could not publish."
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
        output, only = self.existing_output(), opts.only
        shared = self.settings["NEWSCRAWL_NODE"] and self.settings["NEWSCRAWL_REMOTE"]
        if shared and url.rstrip("/") == shared.rstrip("/"):
            if only != "dataset":
                self.publish_runs(output)
            if only == "runs":
                return
            only = "dataset"
        pushed = push(output, url, only, everything=opts.all)
        for sentence in pushed.wrong:
            print(sentence, file=sys.stderr)  # noqa: T201
        print(f"{url.rstrip('/')}: {pushed}.")  # noqa: T201
        if pushed.wrong:
            self.exitcode = NEGATIVE

    def publish_runs(self, output: Path) -> None:
        """Publish what crawls of this node could not; other nodes may have given it up."""
        assert self.settings is not None
        for name in outlets(output):
            try:
                outlet = LockedOutlet(self.settings, name)
            except RunningError as error:
                print(error, file=sys.stderr)  # noqa: T201
                self.exitcode = NEGATIVE
                continue
            try:
                shared = outlet.catch_up(schedule_of(self.settings))
            finally:
                outlet.release()
            aside = f", {len(shared.aside)} set aside" if shared.aside else ""
            print(f"{name}: {shared.published} runs published{aside}.")  # noqa: T201
            if shared.aside:
                self.exitcode = NEGATIVE
