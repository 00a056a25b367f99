"""``newscrawl history``: show an article's revisions and their differences."""

import argparse
from collections.abc import Iterator
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.articles import ArticleCommand
from newscrawl.storage import difference


class Command(ArticleCommand, ScrapyCommand):
    """Shows the revisions of one article and the differences between them."""

    arguments = "<outlet> <id or URL>"
    summary = "Show an article's revisions and what changed between them"
    example = "history hill 4373704"

    def work(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the history."""
        if len(args) != 2:
            raise UsageError("name an outlet and an article, by id or URL")
        for line in describe(self.revisions(opts, *args)):
            print(line)  # noqa: T201


def describe(versions: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a history: each revision, and its difference to the one before."""
    first = versions[0]
    yield f"{first['outlet']} {first['id']}  {first['url']}"
    for index, version in enumerate(versions):
        yield ""
        yield (
            f"revision {version['revision']}  modified {version['date_modified']}"
            f"  fetched {version['date_fetched']}"
        )
        if index == 0:
            yield f"  headline  {version['headline']}"
            yield f"  body      {version['word_count']} words"
        else:
            yield from changes(versions[index - 1], version)


def changes(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Yield the changes of headline, authors and body between two versions, block by block."""
    for field in ("headline", "authors"):
        before, after = _words(old[field]), _words(new[field])
        if before != after:
            yield f"  {field}"
            yield f"    - {before}"
            yield f"    + {after}"
    if changed := difference.lines(old["body"], new["body"]):
        yield "  body"
        for line in changed:
            yield f"    {line}"


def _words(value: Any) -> str:
    return ", ".join(author["name"] for author in value) if isinstance(value, list) else str(value)
