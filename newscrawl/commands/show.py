"""``newscrawl show``: show one record."""

import argparse
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.articles import ArticleCommand
from newscrawl.exceptions import OutputError


class Command(ArticleCommand, ScrapyCommand):
    """Shows the latest record of one article, or the named revision."""

    arguments = "<outlet> <id or URL>"
    summary = "Show the record of an article"
    example = "show hill 4373704"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add our options to Scrapy's."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="the record as JSON")
        parser.add_argument("--revision", type=int, metavar="N", help="default: the latest")

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the record."""
        if len(args) != 2:
            raise UsageError("name an outlet and an article, by id or URL")
        records = self.revisions(opts, *args)
        if opts.revision is not None:
            records = [it for it in records if it["revision"] == opts.revision]
        if not records:
            raise OutputError(f"There is no revision {opts.revision} of article {args[1]}.")
        if opts.json:
            print(json.dumps(records[-1], ensure_ascii=False, indent=2))  # noqa: T201
        else:
            print("\n".join(readable(records[-1])))  # noqa: T201


def readable(record: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a record: the headline, the fields, the story."""
    yield from textwrap.wrap(record["headline"] or "(no headline)", 79)
    yield ""
    for name, value in record.items():
        if name not in ("headline", "body", "images", "links") and value not in (None, []):
            yield f"{name:<15} {_line(value)}"
    for image in record["images"]:
        yield f"{'image':<15} {image['url']}"
    yield f"{'links':<15} {len(record['links'])}"
    for block in (record["body"] or "").split("\n\n"):
        yield ""
        for line in block.split("\n"):
            yield from textwrap.wrap(line, 79) or [""]


def _line(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(it["name"] if isinstance(it, dict) else str(it) for it in value)
    return str(value)
