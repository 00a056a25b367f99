"""``scrapy history``: an article's revisions, and what changed from one to the next."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from newscrawl.commands.base import OutputCommand
from newscrawl.exceptions import LedgerError
from newscrawl.storage import difference
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import read_part


class Command(OutputCommand, ScrapyCommand):
    """Shows the revisions of one article and a readable difference between them."""

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "<outlet> <article id>"

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Show an article's revisions and what changed between them"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Print the history; exit code 1 when there is none, 3 when the ledger cannot be used."""
        if len(args) != 2:
            raise UsageError("name an outlet and an article's id: scrapy history hill 4373704")
        try:
            known = Ledger(self.ledger_url).history(*args)
        except LedgerError as error:
            self.give_up(error)
            return
        outlet, identity = args
        versions = [
            version
            for revision, run, *_ in known
            for version in published(self.output, outlet, identity, revision, run)
        ]
        if not versions:
            print(f"Nothing of article {args[1]} of {args[0]} was published.")  # noqa: T201
            self.exitcode = 1
            return
        for line in describe(versions):
            print(line)  # noqa: T201


def published(
    output: Path, outlet: str, identity: str, revision: int, run: str
) -> Iterator[dict[str, Any]]:
    """Yield the record of a revision from the parts of the run that published it."""
    for part in sorted(output.glob(f"{outlet}/run={run}/part-*.jsonl")):
        for record in read_part(part):
            if record["id"] == identity and record["revision"] == revision:
                yield record


def describe(versions: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the lines of a history: each revision, and how it differs from the one before."""
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
    """Yield what a reader would notice between two versions: headline, authors, body by block."""
    for field in ("headline", "authors"):
        was, now = _words(old[field]), _words(new[field])
        if was != now:
            yield f"  {field}"
            yield f"    - {was}"
            yield f"    + {now}"
    if changed := difference.lines(old["body"], new["body"]):
        yield "  body"
        for line in changed:
            yield f"    {line}"


def _words(value: Any) -> str:
    return ", ".join(author["name"] for author in value) if isinstance(value, list) else str(value)
