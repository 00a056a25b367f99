"""The ledger: what is known of every article, and the only state between crawls."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from newscrawl.extraction.dates import utc
from newscrawl.items import Author
from newscrawl.storage.document import GONE
from newscrawl.storage.ledger.changes import Changes, authors_text
from newscrawl.storage.ledger.database import Change, execute
from newscrawl.storage.ledger.schedule import Schedule
from newscrawl.storage.ledger.states import NOT_PUBLISHED, State
from newscrawl.storage.ledger.tables import OF_OUTLET, articles, ranges, revisions

LEDGER_FIELDS = (
    "outlet",
    "id",
    "revision",
    "url",
    "authors",
    "date_published",
    "date_modified",
    "source",
    "date_fetched",
    "content_hash",
)
"""The fields of a record that the ledger is made from."""

# Reasons for which an article counts as removed from its site.
_GONE = (*GONE, NOT_PUBLISHED)


class Ledger(Changes):
    """The ledger of all outlets.

    One row an article, one row a published revision. The parts are the truth of what was
    published; the ledger can be rebuilt from them. A run queues its changes and applies them in
    one transaction after the lines that they follow from are on disk, never before.
    """

    def insert_revision(
        self,
        record: Mapping[str, Any],
        run: str,
        next_attempt: str | None,
        etag: str | None = None,
        last_modified: str | None = None,
    ) -> list[Change]:
        """Enter a published revision of an article: the record that is on disk.

        One of an archive speaks of the past; see ``_of_the_past``.
        """
        key = {"outlet": record["outlet"], "id": record["id"]}
        is_archived = record["source"] == "archive"
        back: list[Change] = []
        if record["revision"] > 1 and not is_archived:
            known = self.get(record["outlet"], record["id"])
            if known and known.state == State.GONE:
                date = record["date_fetched"]
                back = [
                    self.insert_withdrawal(
                        record["outlet"], run, record["id"], gone=False, date=date
                    )
                ]
        shared = {name: record[name] for name in ("content_hash", "date_modified", "revision")}
        article = {
            **key,
            **shared,
            "url": record["url"],
            "state": State.PUBLISHED,
            "reason": None,
            "attempts": 0,
            "next_attempt": next_attempt,
            "first_seen": record["date_fetched"],
            "last_fetched": record["date_fetched"],
            "etag": etag,
            "last_modified": last_modified,
            "date_published": record["date_published"],
            "authors": authors_text(Author(**author) for author in record["authors"]),
        }
        revision = {**key, **shared, "run": run, "date_fetched": record["date_fetched"]}
        put = self._put.archived if is_archived else self._put.article
        return [(put, article), (self._put.revision, revision), *back]

    def record_unchanged(
        self,
        outlet: str,
        identity: str,
        run: str,
        next_attempt: str | None,
        date: str | None = None,
    ) -> list[Change]:
        """Note that an article said what our latest revision says; ``date`` (now) is when."""
        now = date or utc(datetime.now(UTC))
        known = self.get(outlet, identity)
        changes = [self.set_outcome(outlet, identity, State.PUBLISHED, None, 0, next_attempt, now)]
        if known and known.state == State.GONE:
            changes.append(self.insert_withdrawal(outlet, run, identity, gone=False, date=now))
        return changes

    def record_failure(
        self, outlet: str, identity: str, run: str, state: State, reason: str, schedule: Schedule
    ) -> list[Change]:
        """Note a failure or a rejection, and when to try again; or that it is abandoned.

        A published article stays published; one that the site no longer has is gone.
        """
        now = utc(datetime.now(UTC))
        known = self.get(outlet, identity)
        attempts = (known.attempts if known else 0) + 1
        retry = schedule.retry(attempts, datetime.now(UTC))
        changes = []
        if known and known.revision > 0:
            # Gone is an article until it is seen again.
            state = State.GONE if known.state == State.GONE else State.PUBLISHED
            if reason in _GONE:
                if state != State.GONE:
                    withdrawal = self.insert_withdrawal(
                        outlet, run, identity, gone=True, date=now, reason=reason
                    )
                    changes.append(withdrawal)
                state, retry = State.GONE, None
        elif retry is None:
            state = State.ABANDONED
        outcome = self.set_outcome(outlet, identity, state, reason, attempts, retry, now)
        return [outcome, *changes]

    def spare(self, outlet: str, identity: str, schedule: Schedule) -> list[Change]:
        """Plan one more try, after the longest pause, of an article that has used up its tries."""
        known = self.get(outlet, identity)
        last = len(schedule.pauses)
        if known is None or known.state == State.GONE or known.attempts <= last or not last:
            return []
        state = State.PUBLISHED if known.revision else State.REJECTED
        due = schedule.retry(last, datetime.now(UTC))
        values = (state, known.reason, last, due, known.last_fetched)
        return [self.set_outcome(outlet, identity, *values)]

    def retry(self, outlet: str, state: State, reason: str = "") -> int:
        """Make the articles of a state due as if for the first time; return how many these are.

        A published article of which all tries failed counts as abandoned. With ``reason``, only
        the articles with this one.
        """
        it = articles.c
        is_meant = it.state == state
        if state == State.ABANDONED:
            is_used_up = sa.and_(it.attempts > 0, it.next_attempt.is_(None))
            is_meant = sa.or_(is_meant, sa.and_(it.state == State.PUBLISHED, is_used_up))
        meant = sa.and_(it.outlet == outlet, is_meant, it.reason == reason if reason else sa.true())
        count = int(self.all_rows(sa.select(sa.func.count()).where(meant))[0][0])
        values = {
            "state": sa.case((it.revision > 0, it.state), else_=State.PENDING),
            # attempts > 0 marks a published article whose last request failed.
            "attempts": sa.case((it.revision > 0, 1), else_=0),
            "next_attempt": utc(datetime.now(UTC)),
        }
        self.apply([(articles.update().where(meant).values(values), {})])
        return count

    def reconcile(
        self,
        outlet: str,
        run: str,
        records: Iterable[Mapping[str, Any]],
        schedule: Schedule,
        *,
        take_back: bool = True,
    ) -> int:
        """Bring the ledger in line with what a run left on disk; records need ``LEDGER_FIELDS``.

        Records that it does not know are entered. With ``take_back``, revisions of that run that
        are not on disk are taken back. Returns how many records that were.
        """
        now = datetime.now(UTC)
        on_disk: set[tuple[str, int]] = set()
        changed = 0
        changes: list[Change] = []
        for record in records:
            on_disk.add((record["id"], record["revision"]))
            known = self.get(outlet, record["id"])
            if known is None or known.revision < record["revision"]:
                changed += 1
                next_attempt = schedule.revisit(record["date_published"], now)
                changes += self.insert_revision(record, run, next_attempt)
        query = sa.select(revisions.c.id, revisions.c.revision).where(
            revisions.c.outlet == outlet, revisions.c.run == run
        )
        rows = self.all_rows(query) if take_back else ()
        lost = [tuple(row) for row in rows if tuple(row) not in on_disk]

        def work(connection: sa.Connection) -> None:
            execute(connection, changes)
            for identity, revision in lost:
                take_back_revision(connection, outlet, identity, revision)
            if lost:
                # The archives that these were read from must be read again.
                of_run = (ranges.c.outlet == outlet, ranges.c.run == run)
                connection.execute(ranges.delete().where(*of_run))

        self.in_transaction(work)
        return changed + len(lost)

    def restore(self, outlet: str, run: str, withdrawn: Iterable[Mapping[str, Any]]) -> None:
        """Enter which articles a run found gone, or back, from its ``run.json``."""
        changes = []
        for it in withdrawn:
            state = State.GONE if it["gone"] else State.PUBLISHED
            outcome = (state, it["reason"], 0, None, it["date"])
            changes.append(self.set_outcome(outlet, it["id"], *outcome))
            changes.append((self._put.withdrawal, {"outlet": outlet, "run": run, **it}))
        self.apply(changes)

    def clear(self, outlet: str) -> None:
        """Delete all that is known of an outlet."""
        self.apply((table.delete().where(table.c.outlet == outlet), {}) for table in OF_OUTLET)


def take_back_revision(
    connection: sa.Connection, outlet: str, identity: str, revision: int
) -> None:
    """Forget a revision that is on no disk, and make its article due.

    The validators belong to the lost text: with them the site could answer 304.
    """
    of_article = (revisions.c.outlet == outlet, revisions.c.id == identity)
    connection.execute(revisions.delete().where(*of_article, revisions.c.revision == revision))
    latest = connection.execute(
        sa.select(
            revisions.c.revision,
            revisions.c.content_hash,
            revisions.c.date_modified,
            revisions.c.date_fetched,
        )
        .where(*of_article)
        .order_by(revisions.c.revision.desc())
    ).first()
    number, content_hash, date_modified, date_fetched = latest or (0, None, None, None)
    connection.execute(
        articles.update()
        .where(articles.c.outlet == outlet, articles.c.id == identity)
        .values(
            state=State.PUBLISHED if latest else State.PENDING,
            # With attempts > 0, a published article is requested even if unchanged.
            attempts=1 if latest else 0,
            revision=number,
            content_hash=content_hash,
            date_modified=date_modified,
            last_fetched=date_fetched,
            etag=None,
            last_modified=None,
            next_attempt=utc(datetime.now(UTC)),
        )
    )
