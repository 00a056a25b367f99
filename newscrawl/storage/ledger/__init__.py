"""The ledger: tables, schedule, questions and changes. ``Ledger`` is all of it."""

from newscrawl.storage.ledger.database import Change, sqlite_path, sqlite_url
from newscrawl.storage.ledger.leases import Lease, Owner, leased_outlets
from newscrawl.storage.ledger.ledger import LEDGER_FIELDS, Ledger
from newscrawl.storage.ledger.queries import articles_at
from newscrawl.storage.ledger.schedule import Schedule
from newscrawl.storage.ledger.shared_runs import RunState, SharedRun, SharedRuns
from newscrawl.storage.ledger.states import (
    NOT_PUBLISHED,
    ArticleState,
    Basis,
    Checkpoint,
    RangeKey,
    State,
    Versions,
)
from newscrawl.storage.ledger.tables import articles, revisions

__all__ = [
    "LEDGER_FIELDS",
    "NOT_PUBLISHED",
    "ArticleState",
    "Basis",
    "Change",
    "Checkpoint",
    "Lease",
    "Ledger",
    "Owner",
    "RangeKey",
    "RunState",
    "Schedule",
    "SharedRun",
    "SharedRuns",
    "State",
    "Versions",
    "articles",
    "articles_at",
    "leased_outlets",
    "revisions",
    "sqlite_path",
    "sqlite_url",
]
