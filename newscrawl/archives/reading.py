"""Read a range of a WARC file: the work of one process, which returns lines and outcomes."""

import pickle
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache

from scrapy import Request
from scrapy.http import Response

from newscrawl.archives.code import fingerprint
from newscrawl.archives.tasks import OUTSIDE, Finding, Found, Line, Result, Revisit, Task
from newscrawl.downloader.recordings import captured_response
from newscrawl.downloader.walls import NEEDS_JAVASCRIPT, needs_javascript
from newscrawl.exceptions import OtherCodeError, UnreadableError
from newscrawl.extraction.loaders import Page, PageStats, Stats, parsed
from newscrawl.extraction.outlet import Outlet, is_post, post_of
from newscrawl.extraction.structured_data import StructuredData
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Article, Candidate, record
from newscrawl.pipelines import is_outside
from newscrawl.storage.books import FAILED, NEW, REJECTED
from newscrawl.storage.capture import Capture
from newscrawl.storage.ledger import LEDGER_FIELDS
from newscrawl.storage.parts import line_of
from newscrawl.storage.schema import fault
from newscrawl.storage.stats import filled_fields
from newscrawl.storage.warc import Counts, WarcFile

_FIRST_PAGE = "only the first page"
# The hosts of most addresses; the outlet itself looks at any other address.
_HOST = re.compile(r"https?://([a-z0-9.-]+)(?::\d+)?(?:[/?]|$)", re.ASCII)


def read_range(task: Task) -> Result:
    """Return what a range holds. What cannot be read is an outcome, never an exception.

    Raises OtherCodeError when this process has another newscrawl than the one that asks.
    """
    if task.orders.code and task.orders.code != fingerprint():
        raise OtherCodeError(
            f"A worker has newscrawl {fingerprint()}, and the machine that gives the work"
            f" {task.orders.code}: install the same on both."
        )
    began = time.thread_time()
    try:
        reader = RangeReader(task)
        result = reader.originals() if task.revisits else reader.read()
        result.seconds = time.thread_time() - began
        return result
    except OSError as error:
        # What was found before is not published: the range is read again as a whole.
        return Result(fault=f"{error.strerror or error}")
    except Exception as error:  # one range must not end the run
        return Result(fault=f"error: {type(error).__name__}", trace=traceback.format_exc())


@cache
def _outlet(maker: bytes) -> Outlet:
    outlet: Outlet = pickle.loads(maker)()  # noqa: S301  # from the process that gives the tasks
    return outlet


class RangeReader:
    """Reads one task."""

    def __init__(self, task: Task) -> None:
        """Find the outlets."""
        self.task = task
        self.readers = {
            it: OutletReader(_outlet(task.orders.makers[it]), task) for it in task.outlets
        }
        self.by_host: dict[str, list[OutletReader]] = {}
        for reader in self.readers.values():
            for host in reader.outlet.own_hosts:
                self.by_host.setdefault(host, []).append(reader)
        self.wanted: Callable[[str], tuple[tuple[OutletReader, Candidate], ...]]
        # Each address is looked up when its record is read, and again with the two after it.
        self.wanted = lru_cache(maxsize=4096)(self._wanted)

    def _wanted(self, url: str) -> tuple[tuple["OutletReader", Candidate], ...]:
        """Return whose article is at an address. The host is tested before the rest is parsed."""
        host = _HOST.match(url)
        readers = self.by_host.get(host[1], ()) if host else self.readers.values()
        found = ((it, it.outlet.find_candidate(url)) for it in readers)
        return tuple((it, candidate) for it, candidate in found if candidate)

    def read(self) -> Result:
        """Read the range, or the parts."""
        shared, result = Counts(), Result()
        for capture in self._captures(shared, result):
            for reader, candidate in self.wanted(capture.url):
                reader.found.counts.wrong_digests += capture.has_wrong_digest
                reader.read(capture, candidate)
        for name, reader in self.readers.items():
            counts = reader.found.counts
            counts.records, counts.damaged = shared.records, shared.damaged
            reader.found.stats = Counter(reader.stats)
            result.found[name] = reader.found
        return result

    def _captures(self, counts: Counts, result: Result) -> Iterator[Capture]:
        task = self.task

        def is_wanted(url: str) -> bool:
            return bool(self.wanted(url))

        for part in task.parts:
            with WarcFile(task.file, part) as file:
                yield from file.captures(counts, is_wanted)
        if not task.parts:
            with WarcFile(task.file) as file:
                yield from file.captures(
                    counts, is_wanted, task.start, task.end, is_exact=task.is_exact
                )
                result.first, result.next = file.first, file.next

    def originals(self) -> Result:
        """Read the captures of the range to which revisits refer, as captures of the revisits."""
        task = self.task
        keys = frozenset().union(*(it.capture.keys for _, it in task.revisits))
        for part in task.parts or (None,):
            with WarcFile(task.file, part) as file:
                start, end = (0, None) if part else (task.start, task.end)
                for original, hit in file.originals(keys, start, end, is_exact=task.is_exact):
                    for number, (outlet, revisit) in enumerate(task.revisits):
                        if hit & revisit.capture.keys:
                            self.readers[outlet].read_again(original, revisit, number)
        for reader in self.readers.values():
            reader.found.stats = Counter(reader.stats)
        return Result(
            {name: it.found for name, it in self.readers.items()}, first=file.first, next=file.next
        )


class OutletReader:
    """Reads the captures of one outlet's articles."""

    def __init__(self, outlet: Outlet, task: Task) -> None:
        """Read for ``outlet``."""
        self.outlet = outlet
        self.orders = task.orders
        self.found = Found()
        self.stats = PageStats()

    def read(self, capture: Capture, candidate: Candidate) -> None:
        """Read a capture; a revisit waits until all is read."""
        self.found.counts.revisits += capture.is_revisit
        if capture.is_revisit and not capture.fault and capture.may_be_page:
            self.found.revisits.append(Revisit(candidate.id, candidate.url, capture))
        else:
            self.found.findings.append(self._finding(capture, candidate))

    def read_again(self, original: Capture, revisit: Revisit, number: int) -> None:
        """Read an original as the capture of a revisit. One of the same article was read before."""
        candidate = Candidate(revisit.id, revisit.url)
        other = self.outlet.find_candidate(original.url)
        finding = Finding(revisit.id, revisit.url)
        if not (other and other.id == revisit.id and original.may_be_page):
            finding = self._finding(original.standing_for(revisit.capture), candidate)
        self.found.findings.append(replace(finding, number=number))

    def _finding(self, capture: Capture, candidate: Candidate) -> Finding:
        finding = Finding(candidate.id, candidate.url)
        if not capture.may_be_page:
            return replace(finding, reason=f"http {capture.status}")
        try:
            capture = capture.decoded(self.orders.most)
            if capture.fault:
                reason = capture.fault
                return replace(finding, outcome=FAILED, reason=reason, unusable=reason)
            page = self._page(capture, candidate)
            # The id of an address without a number is provisional; the page has the real one.
            finding.id = page.article.id
            # A capture is of one address; other pages may be elsewhere in the archive, or missing.
            finding.unusable = _FIRST_PAGE if page.further else ""
            if why := fault(page.article):
                raise UnreadableError(why)
            if is_outside(page.article, self.orders.since, self.orders.until):
                return replace(finding, outcome=OUTSIDE)
            return replace(finding, outcome=NEW, line=_line(page.article))
        except UnreadableError as error:
            return replace(finding, outcome=REJECTED, reason=str(error))
        except Exception as error:  # one page must not end the range
            reason, trace = f"error: {type(error).__name__}", traceback.format_exc()
            return replace(finding, outcome=FAILED, reason=reason, trace=trace)

    def _page(self, capture: Capture, candidate: Candidate) -> Page:
        response = captured_response(capture, Request(candidate.url))
        try:
            page = captured_page(self.outlet, response, candidate, self.stats)
        except UnreadableError:
            if needs_javascript(response):
                raise UnreadableError(NEEDS_JAVASCRIPT) from None
            raise
        article = page.article
        article.source = "archive"
        article.source_url = absolute_url(capture.url) or capture.url
        article.date_fetched = capture.date
        return page


def captured_page(outlet: Outlet, response: Response, candidate: Candidate, stats: Stats) -> Page:
    """Return the page of a whole capture of an article.

    The caller sets the fields of the source. Raises UnreadableError with the reason.
    """
    if is_post(response.body):
        post = post_of(response.body)
        article = outlet.read_article_post(post, outlet.numbered(candidate, post), stats)
        page = Page(article, StructuredData())
    else:
        page = outlet.read_article(parsed(response), response.url, candidate, stats)
    identity = page.article.id
    if outlet.identified_by == "page" and outlet.is_provisional(identity):
        raise UnreadableError("the page does not name its number")
    if identity != candidate.id and not outlet.is_provisional(candidate.id):
        raise UnreadableError("archived under another article's address")
    return page


def _line(article: Article) -> Line:
    article.revision = 1
    fields = record(article)
    # Quotation marks in text are escaped, so this match is the key.
    before, key, after = line_of(fields).partition(b'"revision":')
    return Line(
        before + key,
        after.removeprefix(b"1"),
        {name: fields[name] for name in LEDGER_FIELDS},
        article.kind,
        filled_fields(article),
        article.word_count,
    )
