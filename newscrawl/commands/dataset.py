"""``scrapy dataset``: make a dataset of the parts, and look after it."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.exceptions import DatasetError


class Command(ScrapyCommand):
    """Builds the dataset.

    Exit codes: 0 all is well, 1 something is wrong with the data, 3 it cannot be done.
    """

    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "build [--anew]"

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Build the dataset (Parquet) from the published parts"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--anew", action="store_true", help="build: write every month again")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do what the first argument names."""
        assert self.settings is not None
        works: Mapping[str, Callable[[list[str], argparse.Namespace], None]] = {"build": self.build}
        if not args or args[0] not in works:
            raise UsageError(f"say what to do: {', '.join(works)}")
        try:
            works[args[0]](args[1:], opts)
        except ModuleNotFoundError as error:
            print(f"{error}: pip install 'newscrawl[dataset]'", file=sys.stderr)  # noqa: T201
            self.exitcode = 3
        except (DatasetError, OSError) as error:
            print(error, file=sys.stderr)  # noqa: T201
            self.exitcode = 3

    @property
    def output(self) -> Path:
        """The output folder, absolute."""
        assert self.settings is not None
        return Path(self.settings["NEWSCRAWL_OUTPUT_DIR"]).absolute()

    def build(self, args: list[str], opts: argparse.Namespace) -> None:
        """Bring the dataset up to date and say what was written."""
        if args:
            raise UsageError("build takes no names: a dataset has every outlet of its folder")
        from newscrawl.dataset.build import build  # noqa: PLC0415  # needs newscrawl[dataset]

        built = build(self.output, anew=opts.anew)
        if not built.runs:
            print(f"{self.output / 'dataset'} is up to date.")  # noqa: T201
            return
        why = f" ({built.rebuilt})" if built.rebuilt else ""
        print(  # noqa: T201
            f"{self.output / 'dataset'}: {built.runs} runs read, {len(built.written)} months"
            f" written{why}, {len(built.kept)} kept."
        )
        if built.doubled:
            print(  # noqa: T201
                f"{built.doubled} lines stood in the parts twice: see scrapy dataset verify.",
                file=sys.stderr,
            )
