"""Item pipelines: validate, check the window, number the revision, publish."""

from datetime import datetime, timedelta
from typing import Self

from scrapy.crawler import Crawler

from newscrawl.discovery import Arguments, outlet_spider
from newscrawl.exceptions import (
    LedgerError,
    OutsideWindow,
    PostponedItem,
    RejectedItem,
    UnchangedItem,
)
from newscrawl.extensions.run import Run
from newscrawl.extraction.dates import utc
from newscrawl.items import Article
from newscrawl.storage.ledger import Versions
from newscrawl.storage.schema import fault

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
        # Times in the record's form sort as text. An article of a day may be of its last second.
        first = last = item.date_published
        if item.date_precision == "day":
            last = utc(datetime.fromisoformat(first) + timedelta(days=1, seconds=-1))
        if (self.since and last < self.since) or (self.until and first > self.until):
            raise OutsideWindow("published outside since and until")
        return item


class RevisePipeline:
    """Numbers the revision of an article, or drops an article that equals a published revision.

    A page is compared with the latest text: a correction that is taken back is a change, too.
    An archive may hold any earlier version again, so it is compared with all of them.
    """

    def __init__(self, run: Run) -> None:
        """Compare with the ledger of ``run``, and with revisions that are not in the ledger yet."""
        self.run = run
        self.versions: dict[str, Versions] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        return cls(Run.of(crawler))

    def process_item(self, item: Article) -> Article:
        """Return the article with its revision. Raises UnchangedItem or PostponedItem."""
        versions = self.versions.get(item.id)
        if versions is None:
            try:
                versions = self.run.ledger.versions(item.outlet, item.id)
            except LedgerError as error:
                self.run.fail(error)
                raise PostponedItem("the ledger cannot be read") from error
        is_archived = item.source == "archive"
        same = versions.hashes.values() if is_archived else [versions.latest]
        if item.content_hash in same:
            raise UnchangedItem("equals a published revision")
        item.revision = versions.revision + 1
        self.versions.pop(item.id, None)
        self.versions[item.id] = versions.published(item.content_hash)
        if len(self.versions) > _RECENT:
            del self.versions[next(iter(self.versions))]
        return item


class PublishPipeline:
    """Writes the record into the part of the run, and stops the run at its ``limit``."""

    def __init__(self, run: Run, limit: int | None) -> None:
        """Write into ``run`` at most ``limit`` records (None: any number)."""
        self.run = run
        self.limit = limit
        self.published = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Find the run. Raises RuntimeError when the Run extension is off."""
        return cls(Run.of(crawler), _arguments(crawler).limit)

    def process_item(self, item: Article) -> Article:
        """Write the line and return the article. Raises PostponedItem past the limit."""
        if self.limit is not None and self.published >= self.limit:
            raise PostponedItem("the run is at its limit")
        try:
            self.run.publish(item)
        except (OSError, LedgerError) as error:
            self.run.fail(error)
            raise PostponedItem("the output cannot be written") from error
        self.published += 1
        if self.published == self.limit:
            self.run.stop("limit")
        return item


def _arguments(crawler: Crawler) -> Arguments:
    """Return the spider arguments; the defaults for a spider of Scrapy's own."""
    spider = outlet_spider(crawler)
    return spider.arguments if spider else Arguments()
