"""Changes of the ledger: each is returned to be queued, none touches the database."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import cache
from typing import Any

import sqlalchemy as sa

from newscrawl.items import Author, Candidate
from newscrawl.storage.ledger.database import Change
from newscrawl.storage.ledger.queries import Queries
from newscrawl.storage.ledger.states import Basis, Checkpoint, RangeKey, State
from newscrawl.storage.ledger.tables import (
    addresses,
    articles,
    basis,
    checkpoints,
    ranges,
    revisions,
    withdrawals,
)

_encode = json.JSONEncoder(ensure_ascii=False).encode
_ARTICLE = (articles.c.outlet == sa.bindparam("o"), articles.c.id == sa.bindparam("i"))
# What an outcome without a new revision changes, in the order of ``Changes.set_outcome``.
_OUTCOME = ("state", "reason", "attempts", "next_attempt", "last_fetched")

# Building a statement costs more than running it: each is built once.
_SET_DUE = articles.update().where(*_ARTICLE).values(next_attempt=sa.bindparam("now"))
_SET_AUTHORS = articles.update().where(*_ARTICLE).values(authors=sa.bindparam("new_authors"))
_SET_URL = articles.update().where(*_ARTICLE).values(url=sa.bindparam("new_url"))
_SET_VALIDATORS = (
    articles.update()
    .where(*_ARTICLE)
    .values(etag=sa.bindparam("new_etag"), last_modified=sa.bindparam("new_modified"))
)
_SET_OUTCOME = (
    articles.update()
    .where(*_ARTICLE)
    .values({name: sa.bindparam(f"new_{name}") for name in _OUTCOME})
)
_FORGET_PLANS = (
    articles.update()
    .where(articles.c.outlet == sa.bindparam("o"), articles.c.next_attempt.is_not(None))
    .where(articles.c.last_fetched > sa.bindparam("now"))
    .values(next_attempt=sa.bindparam("now"))
)
_FORGET_CHECKPOINTS = (
    checkpoints.update()
    .where(checkpoints.c.outlet == sa.bindparam("o"), checkpoints.c.asked > sa.bindparam("now"))
    .values(asked=sa.bindparam("now"), due=None)
)
_JOIN_RANGES = ranges.delete().where(
    ranges.c.outlet == sa.bindparam("o"),
    ranges.c.file == sa.bindparam("f"),
    ranges.c.state == sa.bindparam("s"),
    ranges.c.how == sa.bindparam("h"),
)
_OTHER = articles.alias("other")
_RENAME = (
    articles.update()
    .where(*_ARTICLE, articles.c.revision == 0)
    .where(
        ~sa.exists().where(
            _OTHER.c.outlet == sa.bindparam("o"), _OTHER.c.id == sa.bindparam("new_id")
        )
    )
    .values(id=sa.bindparam("new_id"))
)
_FORGET = articles.delete().where(*_ARTICLE, articles.c.revision == 0)
_DELETE_CHECKPOINT = checkpoints.delete().where(
    checkpoints.c.outlet == sa.bindparam("o"), checkpoints.c.name == sa.bindparam("n")
)


class _Upserts:
    """INSERT statements with an ON CONFLICT clause, in the dialect of a database."""

    def __init__(self, insert: Callable[..., Any]) -> None:
        self.pending = insert(articles).on_conflict_do_nothing()
        self.revision = insert(revisions).on_conflict_do_nothing()
        self.checkpoint = _replacing(insert(checkpoints), Checkpoint.__slots__)
        self.basis = _replacing(insert(basis), Basis.__slots__)
        self.range = _replacing(insert(ranges), ("next", "run"))
        self.withdrawal = _replacing(insert(withdrawals), ("gone", "date", "reason"))
        self.address = _replacing(insert(addresses), ("id",))
        kept = ("outlet", "id", "first_seen")
        names = [it.name for it in articles.c if it.name not in kept]
        self.article = _replacing(insert(articles), names)
        put = insert(articles)
        self.archived = put.on_conflict_do_update(
            index_elements=["outlet", "id"], set_=_of_the_past(put.excluded)
        )


def _replacing(insert: Any, names: Iterable[str]) -> sa.Insert:
    """Return an upsert: a row with the same primary key gets the new values of ``names``."""
    changed: sa.Insert = insert.on_conflict_do_update(
        index_elements=[it.name for it in insert.table.primary_key],
        set_={name: insert.excluded[name] for name in names},
    )
    return changed


# The ledgers of all outlets share the statements, so their changes are executed together.
_upserts = cache(_Upserts)


class Changes(Queries):
    """The simple changes: their values are known, whatever the ledger holds."""

    def __init__(self, url: str, *, reading: bool = False) -> None:
        """Open the database, and get the statements in its dialect."""
        super().__init__(url, reading=reading)
        self._put = _upserts(self.insert)

    def insert_pending(self, outlet: str, candidate: Candidate, now: str) -> Change:
        """Enter an article that was discovered for the first time. It is due until it was read."""
        values = {
            "outlet": outlet,
            "id": candidate.id,
            "url": candidate.url,
            "state": State.PENDING,
            "first_seen": now,
            "next_attempt": now,
            "date_published": candidate.published,
            "authors": authors_text(candidate.authors),
        }
        return self._put.pending, values

    def changed(self, outlet: str, identity: str, now: str) -> Change:
        """Note that a listing has a newer version of an article, which is due until it was read."""
        return _SET_DUE, {"o": outlet, "i": identity, "now": now}

    def postponed(self, outlet: str, identity: str, until: str | None) -> Change:
        """Note when an article is to be looked at again; None: it is old."""
        return _SET_DUE, {"o": outlet, "i": identity, "now": until}

    def moved(self, outlet: str, identity: str, url: str) -> Change:
        """Note an article's new address."""
        return _SET_URL, {"o": outlet, "i": identity, "new_url": url}

    def identified(self, outlet: str, provisional: str, identity: str) -> list[Change]:
        """Note the own id of the article at an address, which had a provisional one so far.

        The article is renamed, or joined with the one that has its own id already. What is
        published under the provisional id stays, and is not requested again.
        """
        return [
            (_RENAME, {"o": outlet, "i": provisional, "new_id": identity}),
            self.forget(outlet, provisional),
            self.postponed(outlet, provisional, None),
            self.put_address(outlet, provisional, identity),
        ]

    def put_address(self, outlet: str, address: str, identity: str) -> Change:
        """Note which article is at an address."""
        return self._put.address, {"outlet": outlet, "address": address, "id": identity}

    def set_authors(self, outlet: str, identity: str, authors: Iterable[Author]) -> Change:
        """Note the authors that a listing names."""
        return _SET_AUTHORS, {"o": outlet, "i": identity, "new_authors": authors_text(authors)}

    def save_checkpoint(self, outlet: str, name: str, checkpoint: Checkpoint) -> Change:
        """Save the checkpoint of a listing or a job."""
        return self._put.checkpoint, {"outlet": outlet, "name": name, **asdict(checkpoint)}

    def delete_checkpoint(self, outlet: str, name: str) -> Change:
        """Delete the checkpoint of a listing or a job."""
        return _DELETE_CHECKPOINT, {"o": outlet, "n": name}

    def set_basis(self, outlet: str, rests_on: Basis) -> Change:
        """Note what the rows of an outlet rest on."""
        return self._put.basis, {"outlet": outlet, **asdict(rests_on)}

    def insert_range(self, outlet: str, key: RangeKey, following: int | None, run: str) -> Change:
        """Note that a range of an archive's file was read, and where the next one begins."""
        values = {name: getattr(key, name) for name in RangeKey.__slots__}
        return self._put.range, {**values, "outlet": outlet, "next": following, "run": run}

    def join_ranges(self, outlet: str, key: RangeKey, run: str) -> list[Change]:
        """Note that a file was read to its end, in place of its ranges. ``key`` is of the first."""
        values = {"o": outlet, "f": key.file, "s": key.state, "h": key.how}
        return [(_JOIN_RANGES, values), self.insert_range(outlet, key, None, run)]

    def forget(self, outlet: str, identity: str) -> Change:
        """Take out an article of which nothing was published."""
        return _FORGET, {"o": outlet, "i": identity}

    def forget_future(self, outlet: str, now: str) -> list[Change]:
        """Forget plans that were made by a clock that was ahead: what it made due is due now."""
        return [
            (_FORGET_PLANS, {"o": outlet, "now": now}),
            (_FORGET_CHECKPOINTS, {"o": outlet, "now": now}),
        ]

    def set_validators(
        self, outlet: str, identity: str, etag: str | None, last_modified: str | None
    ) -> Change:
        """Note the validators of an article's page, for conditional requests."""
        values = {"o": outlet, "i": identity, "new_etag": etag, "new_modified": last_modified}
        return _SET_VALIDATORS, values

    def insert_withdrawal(
        self, outlet: str, run: str, identity: str, *, gone: bool, date: str, reason: str = ""
    ) -> Change:
        """Note that a run found an article removed from its site, or back."""
        values = {"outlet": outlet, "run": run, "id": identity, "gone": gone, "date": date}
        return self._put.withdrawal, {**values, "reason": reason or None}

    def set_outcome(self, outlet: str, identity: str, *values: Any) -> Change:
        """Note state, reason, attempts, next attempt and last request of an article."""
        new = {f"new_{name}": value for name, value in zip(_OUTCOME, values, strict=True)}
        return _SET_OUTCOME, {"o": outlet, "i": identity, **new}


def _of_the_past(new: Any) -> dict[str, Any]:
    """Return what an archived version changes of a known article: nothing of its present.

    Whether the site has it, and when it is requested next, stays as it is. The text becomes the
    latest one only if it is later than what is known (the rule of ``Version.is_later``).
    """
    old = articles.c
    both = sa.and_(new.date_modified.is_not(None), old.date_modified.is_not(None))
    is_later = sa.case(
        (
            sa.and_(both, new.date_modified != old.date_modified),
            new.date_modified > old.date_modified,
        ),
        else_=new.last_fetched >= sa.func.coalesce(old.last_fetched, ""),
    )
    is_published = old.revision > 0
    is_latest = sa.or_(sa.not_(is_published), is_later)
    text = ("content_hash", "date_modified", "date_published", "authors", "last_fetched")
    return {
        "revision": new.revision,
        "url": sa.case((sa.and_(is_published, is_later), new.url), else_=old.url),
        **{it: sa.case((is_latest, new[it]), else_=old[it]) for it in text},
        # Validators are of the text that we had before.
        **{it: sa.case((is_latest, sa.null()), else_=old[it]) for it in ("etag", "last_modified")},
    }


def authors_text(authors: Iterable[Author]) -> str:
    """Return authors as the ledger keeps them: JSON."""
    return _encode([[it.name, it.url] for it in authors])
