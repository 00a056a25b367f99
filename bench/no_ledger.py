"""The project's settings with a ledger that stores nothing.

For comparison only: it shows what the ledger costs a crawl.
"""

from typing import Any

from newscrawl.extensions.run import Run
from newscrawl.items import Candidate
from newscrawl.settings import *  # noqa: F403
from newscrawl.settings import EXTENSIONS as _EXTENSIONS
from newscrawl.storage.ledger import ArticleState, Ledger, Versions

EXTENSIONS = {
    ("bench.no_ledger.RunWithoutLedger" if name == "newscrawl.extensions.run.Run" else name): order
    for name, order in _EXTENSIONS.items()
}


class NoLedger(Ledger):
    """A ledger that stores nothing."""

    def __init__(self) -> None:
        pass

    def get(self, outlet: str, identity: str) -> None:
        return None

    def read_checkpoint(self, outlet: str, name: str) -> None:
        return None

    def versions(self, outlet: str, identity: str) -> Versions:
        return Versions({}, None)

    def due(self, outlet: str, now: str, *, revisits: bool = True) -> list[Candidate]:
        return []

    def young(self, outlet: str, now: str) -> list[ArticleState]:
        return []

    def published_after(self, outlet: str, moment: str) -> list[str]:
        return []

    def count(self, outlet: str) -> int:
        return 0

    def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return None

    def insert_pending(self, *_: Any) -> Any:
        return None

    def insert_revision(self, *_: Any) -> Any:
        return []

    def record_failure(self, *_: Any) -> Any:
        return None


class RunWithoutLedger(Run):
    """The run, without its ledger."""

    ledger = NoLedger()

    def queue(self, *changes: Any) -> None:
        pass
