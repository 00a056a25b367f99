"""Item pipelines: validate, check the window, number the revision, publish."""

import logging
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from newscrawl.discovery import Arguments, outlet_spider
from newscrawl.exceptions import (
    LedgerError,
    OutputError,
    OutsideWindow,
    PostponedItem,
    RejectedItem,
    UnchangedItem,
)
from newscrawl.extensions.run import Run
from newscrawl.extraction.dates import utc
from newscrawl.items import Article, record
from newscrawl.monitoring.accepted import read_accepted
from newscrawl.storage.document import ADDRESSES_CHANGED
from newscrawl.storage.latest import Version
from newscrawl.storage.ledger import Versions
from newscrawl.storage.rereading import has_answered_since, is_of_the_past
from newscrawl.storage.schema import fault

logger = logging.getLogger(__name__)

# Compare this many new articles; compare more only while over half of them are doubles.
_COMPARED = 5
_ADDRESSES = "site:addresses"
# Articles whose versions are kept in memory; the ledger has them within a second.
_RECENT = 1000


class ValidatePipeline:
    """Rejects articles that are not valid records, with the reason in the books."""

    def process_item(self, item: Article) -> Article:
        """Return the article. Raises RejectedItem."""
        if reason := fault(item):
            raise RejectedItem(reason)
        return item


class WindowPipeline:
    """Drops articles that were published outside ``since`` and ``until``."""

    def __init__(self, since: str | None, until: str | None) -> None:
        """Set the bounds of the time of publication, inclusive; None means no bound."""
        self.since = since
        self.until = until

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the window from the spider's arguments."""
        arguments = _arguments(crawler)
        return cls(arguments.since, arguments.until)

    def process_item(self, item: Article) -> Article:
        """Return the article. Raises OutsideWindow."""
        if is_outside(item, self.since, self.until):
            raise OutsideWindow("published outside since and until")
        return item


def is_outside(article: Article, since: str | None, until: str | None) -> bool:
    """Return whether an article was published outside a window; None means no bound."""
    # Times in the record's form sort as text. An article of a day may be of its last second.
    first = last = article.date_published
    if article.date_precision == "day":
        last = utc(datetime.fromisoformat(first) + timedelta(days=1, seconds=-1))
    return bool((since and last < since) or (until and first > until))


class RereadPipeline:
    """Compares an article that is read again with the revisions that are known.

    If a later one is known, the article is of the past, like those of archives. On with ``reread``
    only.
    """

    def __init__(self, run: Run, replaced: set[str]) -> None:
        """Compare with the ledger of ``run``; ``replaced`` are articles that the fallback read."""
        self.run = run
        self.replaced = replaced
        self.seen: set[str] = set()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Find the run. Raises NotConfigured when nothing is read again."""
        spider = outlet_spider(crawler)
        if not spider or not spider.arguments.reread:
            raise NotConfigured
        return cls(Run.of(crawler), spider.replaced)

    def process_item(self, item: Article) -> Article:
        """Return the article, with its source. Raises PostponedItem."""
        if item.id in self.seen:
            # What this run published of the article is not in the ledger yet.
            self.run.commit()
        self.seen.add(item.id)
        try:
            known = self.run.ledger.get(item.outlet, item.id)
            history = self.run.ledger.history(item.outlet, item.id)
        except LedgerError as error:
            self.run.fail(error)
            raise PostponedItem("the ledger cannot be read") from error
        dates = [fetched for *_, fetched in history]
        if dates.count(item.date_fetched) != 1:
            # No published revision to replace, or it was replaced earlier.
            self.replaced.discard(item.id)
        version = Version(0, item.date_modified, item.date_fetched)
        if is_of_the_past(version, known, history):
            item.source = "archive"
        return item


class RevisePipeline:
    """Numbers the revision of an article, or drops an article that equals a published revision.

    A page is compared with the latest text: a correction that is taken back is a change, too.
    An archive may hold any earlier version again, so it is compared with all of them.
    """

    def __init__(self, run: Run, replaced: Container[str] = (), *, once: bool = False) -> None:
        """Compare with the ledger of ``run``, and with revisions that are not in the ledger yet.

        Articles in ``replaced`` get a revision in any case. With ``once`` only the first response
        of each article counts: two addresses may lead to the same one.
        """
        self.run = run
        self.replaced = replaced
        self.once = once
        self.read: set[str] = set()
        self.versions: dict[str, Versions] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        spider = outlet_spider(crawler)
        if spider is None:
            return cls(Run.of(crawler))
        arguments = spider.arguments
        once = not (arguments.archive or arguments.reread or spider.identified_by == "address")
        return cls(Run.of(crawler), spider.replaced, once=once)

    def process_item(self, item: Article) -> Article:
        """Return the article with its revision. Raises UnchangedItem or PostponedItem."""
        if self.once:
            # Its page and its post may differ in small things.
            if item.id in self.read:
                raise UnchangedItem("read in this run already")
            self.read.add(item.id)
        versions = self.versions.get(item.id)
        if versions is None:
            try:
                versions = self.run.ledger.versions(item.outlet, item.id)
            except LedgerError as error:
                self.run.fail(error)
                raise PostponedItem("the ledger cannot be read") from error
        is_archived = item.source == "archive"
        same = versions.hashes.values() if is_archived else [versions.latest]
        # An exact record replaces that of the fallback, even if the text is the same.
        if item.content_hash in same and item.id not in self.replaced:
            raise UnchangedItem("equals a published revision")
        item.revision = versions.revision + 1
        self.versions.pop(item.id, None)
        self.versions[item.id] = versions.published(item.content_hash, is_latest=not is_archived)
        if len(self.versions) > _RECENT:
            del self.versions[next(iter(self.versions))]
        return item


class DoublesPipeline:
    """Stops the run when articles that earlier runs published appear again under other ids.

    The form of the addresses has changed then, and every article would be published twice. Only
    new articles from before the previous run are compared, and no more than a few while none of
    them is a double. Once stopped, later runs stop at the first double, until an operator accepts
    the finding ``site:addresses``.
    """

    def __init__(self, run: Run) -> None:
        """Compare with the ledger of ``run``."""
        self.run = run
        self.compared = self.doubles = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Find the run. Raises NotConfigured for an archive, which may hold any address."""
        if _arguments(crawler).is_offline:
            raise NotConfigured
        return cls(Run.of(crawler))

    @cached_property
    def was_stopped(self) -> bool:
        """Whether an earlier run was stopped."""
        return self.run.checkpoints.read(ADDRESSES_CHANGED) is not None

    @cached_property
    def is_accepted(self) -> bool:
        """Whether an operator accepted the new addresses."""
        now = datetime.now(UTC)
        try:
            known = read_accepted(self.run.folder.parent)
        except (OutputError, OSError) as error:
            logger.warning("Cannot read accepted.json, treating no finding as accepted: %s", error)
            return False
        return any(it.covers(_ADDRESSES, it.accepted, now) for it in known)

    def process_item(self, item: Article) -> Article:
        """Return the article. Raises PostponedItem for a double that stops the run."""
        if item.revision > 1 and self.was_stopped:
            # A known id appears again: the addresses have their old form.
            self.was_stopped = False
            self.run.checkpoints.delete(ADDRESSES_CHANGED)
        is_old = item.date_published < self.run.previous
        is_enough = self.compared >= _COMPARED and 2 * self.doubles <= self.compared
        if item.revision > 1 or not is_old or (is_enough and not self.was_stopped):
            return item
        if self.is_accepted:
            return item
        self.compared += 1
        try:
            key = (item.outlet, item.id, item.content_hash)
            self.doubles += self.run.ledger.has_double(*key)
        except LedgerError as error:
            self.run.fail(error)
            raise PostponedItem("the ledger cannot be read") from error
        most = 2 * self.doubles > self.compared
        if not most or (self.compared < _COMPARED and not self.was_stopped):
            return item
        logger.error(
            "The addresses of articles have changed: %s has the text of an article that was"
            " published under another id. The run stops before everything is published twice.",
            item.url,
        )
        self.run.checkpoints.save(ADDRESSES_CHANGED)
        self.run.stop(ADDRESSES_CHANGED)
        raise PostponedItem("its address is a new one of a published article")


class PublishPipeline:
    """Writes the record into the part of the run, and stops the run at its ``limit``."""

    def __init__(self, run: Run, limit: int | None, *, is_reread: bool = False) -> None:
        """Write into ``run`` at most ``limit`` records (None: any number)."""
        self.run = run
        self.limit = limit
        self.is_reread = is_reread
        self.published = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        arguments = _arguments(crawler)
        return cls(Run.of(crawler), arguments.limit, is_reread=bool(arguments.reread))

    def process_item(self, item: Article) -> Article:
        """Write the line and return the article. Raises PostponedItem past the limit."""
        if self.limit is not None and self.published >= self.limit:
            raise PostponedItem("the run is at its limit")
        try:
            self._write(item)
        except (OSError, LedgerError) as error:
            self.run.fail(error)
            raise PostponedItem("the output cannot be written") from error
        self.published += 1
        if self.published == self.limit:
            self.run.stop("limit")
        return item

    def _write(self, item: Article) -> None:
        """Write the line and queue what the ledger learns from it, or do neither."""
        run, line = self.run, record(item)
        next_look = run.schedule.revisit(item.date_published, datetime.now(UTC))
        if self.is_reread and has_answered_since(run.ledger, item):
            next_look = utc(datetime.now(UTC))
        run.journal.publish(line, run.ledger.insert_revision(line, run.name, next_look))


def _arguments(crawler: Crawler) -> Arguments:
    """Return the spider arguments; the defaults for a spider of Scrapy's own."""
    spider = outlet_spider(crawler)
    return spider.arguments if spider else Arguments()
