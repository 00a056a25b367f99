"""``scrapy schema``: print the JSON Schema of the record."""

import argparse

from newscrawl.output_command import OutputCommand
from newscrawl.schema import dump, generate


class Command(OutputCommand):
    """Prints the JSON Schema that every published line validates against."""

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Print the JSON Schema of the record"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print it."""
        print(dump(generate()), end="")  # noqa: T201
