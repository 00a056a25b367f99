"""``newscrawl schema``: print the JSON Schema of the record."""

import argparse

from scrapy.commands import ScrapyCommand

from newscrawl.commands.base import OutputCommand
from newscrawl.storage.schema import dump, generate


class Command(OutputCommand, ScrapyCommand):
    """Prints the JSON Schema of every published line."""

    summary = "Print the JSON Schema of the record"
    example = "schema > article.schema.json"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the schema."""
        print(dump(generate()), end="")  # noqa: T201
