"""``scrapy schema``: print the JSON Schema of the record."""

import argparse

from scrapy.commands import ScrapyCommand

from newscrawl.schema import dump, generate


class Command(ScrapyCommand):
    """Prints the JSON Schema that every published line validates against."""

    requires_project = True
    requires_crawler_process = False
    default_settings = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Print the JSON Schema of the record"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print it."""
        print(dump(generate()), end="")  # noqa: T201
