"""Publish what the ranges of archives hold, for one outlet, and keep its books."""

import json
import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from scrapy.crawler import Crawler
from scrapy.extensions.feedexport import FeedExporter

from newscrawl.archives.code import extraction
from newscrawl.archives.tasks import OUTSIDE, PASSED_OVER, Finding, Found, Line
from newscrawl.discovery import outlet_spider
from newscrawl.extensions.exit_codes import AT_LIMIT
from newscrawl.extensions.run import Run
from newscrawl.items import Article, Author, Image
from newscrawl.storage.books import FAILED, NEW, REVISED, UNCHANGED
from newscrawl.storage.ledger import RangeKey, Versions
from newscrawl.storage.stats import LONG, counts_of_record
from newscrawl.storage.warc import Counts

logger = logging.getLogger(__name__)

Known = dict[tuple[str, str], Versions]
"""Published versions of articles, by outlet and id."""


class OutletWriter:
    """Publishes the lines of one outlet into its run.

    An archive may hold any earlier version again, so a line is new if it equals none of the
    published versions. Its outcomes say nothing of the site: the ledger's state of an article, and
    its retries, stay.
    """

    def __init__(self, crawler: Crawler) -> None:
        """Write into the run of a crawl, which is open."""
        spider = outlet_spider(crawler)
        assert spider is not None
        self.name = spider.name
        self.run = Run.of(crawler)
        self.limit = spider.arguments.limit
        self.published = 0
        self._crawler = crawler
        self._extraction = extraction(type(spider), spider.row)
        self._stats: Counter[str] = Counter()
        self._alike: Counter[tuple[int, str, tuple[str, ...], bool]] = Counter()
        exporter = crawler.get_extension(FeedExporter)
        self._exporter = exporter if crawler.settings.getdict("FEEDS") else None
        for component, order in crawler.settings.getdict("ITEM_PIPELINES").items():
            if order is not None and not str(component).startswith("newscrawl."):
                logger.warning("The pipeline %s does not get the records of archives", component)

    @property
    def is_open(self) -> bool:
        """Whether the run goes on."""
        return self.run.is_writable and not self.is_at_limit

    @property
    def is_at_limit(self) -> bool:
        """Whether the run has published as many lines as it may."""
        return self.limit is not None and self.published >= self.limit

    def counts(self, file: str) -> Counts:
        """Return the counts of a file, for ``run.json``."""
        return self.run.archives.setdefault(file, Counts())

    def write(self, file: str, found: Found, versions: Known) -> None:
        """Publish the findings of a range, and add their versions to ``versions``.

        Raises OSError and LedgerError.
        """
        counts = self.counts(file) if file else Counts()
        counts.add(found.counts)
        self._stats.update(found.stats)
        for finding in found.findings:
            if self.is_at_limit:
                break
            self._record(finding, counts, versions)
        self._count_published()
        grow = self._crawler.stats.inc_value
        for name, count in self._stats.items():
            grow(name, count)
        self._stats.clear()

    def _count_published(self) -> None:
        """Add the stats of the published lines. Lines with the same stats are counted together."""
        for (outcome, kind, filled, is_long), times in self._alike.items():
            self._stats["newscrawl/new" if outcome == NEW else "newscrawl/revised"] += times
            self._stats[f"newscrawl/kind/{kind}"] += times
            self._stats["item_scraped_count"] += times
            for name, count in counts_of_record("archive", filled, is_long=is_long):
                self._stats[name] += count * times
        self._alike.clear()

    def count_time(self, seconds: float) -> None:
        """Count CPU time of reading, which all outlets share."""
        self._crawler.stats.inc_value("newscrawl/archives/cpu_ms", round(1000 * seconds))

    def read_alike(self, rows: Mapping[RangeKey, int | None]) -> dict[RangeKey, int | None]:
        """Return those of the ledger's ranges that were read by today's extraction."""
        own = f"{self._extraction} "
        return {
            replace(key, how=key.how.removeprefix(own)): following
            for key, following in rows.items()
            if key.how.startswith(own)
        }

    def note_range(self, key: RangeKey, following: int | None) -> None:
        """Queue that a range was read; it counts once what it holds is committed."""
        key = self._of_extraction(key)
        self.run.queue(self.run.ledger.insert_range(self.name, key, following, self.run.name))

    def note_file(self, key: RangeKey) -> None:
        """Queue that all ranges of a file were read; ``key`` is that of the first."""
        key = self._of_extraction(key)
        self.run.queue(*self.run.ledger.join_ranges(self.name, key, self.run.name))

    def _of_extraction(self, key: RangeKey) -> RangeKey:
        return replace(key, how=f"{self._extraction} {key.how}")

    def _record(self, finding: Finding, counts: Counts, versions: Known) -> None:
        if finding.outcome == PASSED_OVER:
            if finding.reason:
                counts.passed_over[finding.reason] += 1
            return
        counts.articles += 1
        books, identity = self.run.books, finding.id
        if finding.unusable:
            counts.unusable[finding.unusable] += 1
        books.discover(identity)
        if finding.outcome == OUTSIDE:
            self._stats["newscrawl/outside_window"] += 1
            books.withdraw(identity)
        elif finding.line:
            if finding.unusable:
                self._stats["newscrawl/not_whole"] += 1
                logger.warning("Published only a part of %s: %s", finding.url, finding.unusable)
            self.run.identities.note(identity, identity, finding.url)
            self._publish(identity, finding.line, versions)
        else:
            counts.no_record += 1
            kind = "failed" if finding.outcome == FAILED else "rejected"
            logger.warning("%s %s: %s", kind.title(), finding.url, finding.reason)
            if finding.trace:
                logger.error("Error while reading %s\n%s", finding.url, finding.trace)
            self._stats[f"newscrawl/{kind}/{finding.reason}"] += 1
            books.record(identity, finding.outcome, finding.reason)

    def _publish(self, identity: str, line: Line, versions: Known) -> None:
        key = (self.name, identity)
        known = versions.get(key) or Versions({}, None)
        content_hash = line.record["content_hash"]
        if content_hash in known.hashes.values():
            self._stats["newscrawl/unchanged"] += 1
            self.run.books.record(identity, UNCHANGED)
            return
        revision = known.revision + 1
        whole = b"%s%d%s" % (line.before, revision, line.after)
        record = {**line.record, "revision": revision}
        due = self.run.schedule.revisit(record["date_published"], datetime.now(UTC))
        changes = self.run.ledger.insert_revision(record, self.run.name, due)
        self.run.journal.publish_line(whole, changes)
        versions[key] = known.published(content_hash, is_latest=False)
        self.published += 1
        outcome = NEW if revision == 1 else REVISED
        self.run.books.record(identity, outcome)
        self._alike[outcome, line.kind, line.filled, line.word_count >= LONG] += 1
        if self._exporter and self._crawler.spider:
            self._exporter.item_scraped(_article(whole), self._crawler.spider)
        if self.is_at_limit:
            self.run.stop(AT_LIMIT)


def _article(line: bytes) -> Article:
    fields = json.loads(line)
    authors = [Author(**it) for it in fields.pop("authors")]
    images = [Image(**it) for it in fields.pop("images")]
    return Article(**fields, authors=authors, images=images)
