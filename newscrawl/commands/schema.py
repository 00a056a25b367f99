"""``scrapy schema``: print the JSON Schema of the record."""

import argparse

from scrapy.commands import ScrapyCommand

from newscrawl.commands.base import OutputCommand
from newscrawl.storage.schema import dump, generate


class Command(OutputCommand, ScrapyCommand):
    """Prints the JSON Schema that every published line validates against."""

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Print the JSON Schema of the record"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print it."""
        print(dump(generate()), end="")  # noqa: T201
