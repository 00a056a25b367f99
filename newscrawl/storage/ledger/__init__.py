"""The ledger: tables, schedule, questions and changes. ``Ledger`` is all of it."""

from newscrawl.storage.ledger.database import Change, sqlite_path, sqlite_url
from newscrawl.storage.ledger.ledger import Ledger
from newscrawl.storage.ledger.schedule import Schedule
from newscrawl.storage.ledger.states import (
    NOT_PUBLISHED,
    ArticleState,
    Checkpoint,
    State,
    Versions,
)
from newscrawl.storage.ledger.tables import articles, revisions

__all__ = [
    "NOT_PUBLISHED",
    "ArticleState",
    "Change",
    "Checkpoint",
    "Ledger",
    "Schedule",
    "State",
    "Versions",
    "articles",
    "revisions",
    "sqlite_path",
    "sqlite_url",
]
