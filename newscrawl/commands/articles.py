"""Base class of commands about one article: its id and its records."""

import argparse
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from newscrawl.commands.base import find_article
from newscrawl.commands.remote import RunsCommand
from newscrawl.dataset.restore import Wanted
from newscrawl.exceptions import PROGRAM, OutputError
from newscrawl.storage.kept import is_elsewhere, is_pruned, no_parts
from newscrawl.storage.ledger import Ledger
from newscrawl.storage.parts import read_run_parts
from newscrawl.storage.runs import closed_runs, run_folder
from newscrawl.storage.versions import upgraded


class ArticleCommand(RunsCommand):
    """A command about one article of an output folder."""

    def article_id(self, outlet: str, text: str, ledger: Ledger | None) -> str:
        """Return the id of an article, given its id or address. Raises ArgumentError."""
        if "/" not in text:
            return text
        # The id may be an address without its scheme.
        url = text if "://" in text else f"https://{text}"
        identity = find_article(self.load_outlet(outlet), url).id
        return (ledger and ledger.article_at(outlet, identity)) or identity

    def revisions(
        self, opts: argparse.Namespace, outlet: str, article: str
    ) -> list[dict[str, Any]]:
        """Return the published records of an article, the first revision first.

        Raises OutputError if there is no record, or no such article.
        """
        self.connect(opts)
        ledger = self.ledger_of(self.known_outlet(outlet))
        identity = self.article_id(outlet, article, ledger)
        if ledger is None:
            return self._found(opts, outlet, identity)
        with closing(ledger):
            if ledger.get(outlet, identity) is None:
                raise self.unknown_article(outlet, identity)
            known = ledger.history(outlet, identity)
        self.fetch(opts, Wanted.PARTS, [outlet], {run for _, run, *_ in known}.intersection)
        records = [
            record
            for revision, run, *_ in known
            for record in self._records(outlet, run, identity)
            if record["id"] == identity and record["revision"] == revision
        ]
        if not records:
            raise OutputError(
                f"Article {identity} of {outlet} has no record."
                f" See why: {PROGRAM} ledger {outlet} {identity}"
            )
        return records

    def _found(self, opts: argparse.Namespace, outlet: str, identity: str) -> list[dict[str, Any]]:
        """Return the records of an article from all runs of the storage."""
        self.fetch(opts, Wanted.PARTS, [outlet])
        records = [
            record
            for run in closed_runs(self.output, outlet, damaged=self.pass_over)
            for record in self._records(outlet, run["run"], identity)
            if record["id"] == identity
        ]
        if not records:
            raise self.unknown_article(outlet, identity)
        return records

    def _records(self, outlet: str, run: str, identity: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a run. For a pruned run, yield the article's from the dataset."""
        folder = run_folder(self.output, outlet, run)
        build = self.output / "dataset"
        if is_elsewhere(folder):
            raise OutputError(no_parts(folder))
        if not is_pruned(folder) or not build.exists():
            yield from read_run_parts(folder)
            return
        self.extra = "dataset"
        from newscrawl.dataset.rows import records  # noqa: PLC0415  # needs newscrawl[dataset]

        for name, record in records(build.resolve(), outlet, "id", [identity]):
            if name == run:
                yield upgraded(record)

    def unknown_article(self, outlet: str, identity: str) -> OutputError:
        """Return the error for an article that is not in the ledger."""
        return OutputError(f"Unknown article {identity!r} of {outlet} in {self.output}.")
