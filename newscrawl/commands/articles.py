"""Base class of commands about one article: its id and its records."""

from collections.abc import Iterator
from typing import Any

from newscrawl.commands.base import OutputCommand, find_article
from newscrawl.exceptions import PROGRAM, OutputError
from newscrawl.storage.kept import is_pruned
from newscrawl.storage.parts import read_run_parts
from newscrawl.storage.runs import run_folder
from newscrawl.storage.versions import upgraded


class ArticleCommand(OutputCommand):
    """A command about one article of an output folder."""

    def article_id(self, outlet: str, text: str) -> str:
        """Return the id of an article, given its id or address. Raises ArgumentError."""
        if "/" not in text:
            return text
        # The id may be an address without its scheme.
        url = text if "://" in text else f"https://{text}"
        identity = find_article(self.load_outlet(outlet), url).id
        return self.open_ledger().article_at(outlet, identity) or identity

    def revisions(self, outlet: str, article: str) -> list[dict[str, Any]]:
        """Return the published records of an article, the first revision first.

        Raises OutputError if there is no record, or no such article.
        """
        identity = self.article_id(self.known_outlet(outlet), article)
        ledger = self.open_ledger()
        if ledger.get(outlet, identity) is None:
            raise self.unknown_article(outlet, identity)
        known = ledger.history(outlet, identity)
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

    def _records(self, outlet: str, run: str, identity: str) -> Iterator[dict[str, Any]]:
        """Yield the records of a run. For a pruned run, yield the article's from the dataset."""
        folder = run_folder(self.output, outlet, run)
        build = self.output / "dataset"
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
