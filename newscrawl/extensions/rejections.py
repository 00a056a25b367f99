"""Rejected responses: kept for later, and counted if several articles give the same page."""

from collections import Counter
from hashlib import sha256

from scrapy.crawler import Crawler
from scrapy.http import Response, TextResponse

from newscrawl.discovery import outlet_spider
from newscrawl.discovery.tasks import ArticleTask, source_of
from newscrawl.downloader.walls import visible_text
from newscrawl.extensions.run import Run

_LONGEST_TITLE = 100


class Rejections:
    """Keeps rejected responses with the run; the stats have the most frequent page of them."""

    def __init__(self, crawler: Crawler) -> None:
        """Keep responses of a crawl."""
        self._crawler = crawler
        self._counts: Counter[bytes] = Counter()
        self._most = 0

    def add(self, response: Response, reason: str) -> None:
        """Keep a response, unless it is from a WARC file or not an article's first page."""
        if self.keep(response, reason):
            self._count(response)

    def keep(self, response: Response, reason: str, date: str = "") -> bool:
        """Keep a response of a time (now) for later; return whether it is one to keep."""
        task = ArticleTask.required(response)
        if task.capture or task.first_pages:
            return False
        spider, run = outlet_spider(self._crawler), Run.of(self._crawler)
        found = spider.candidate(response.url) if spider else None
        is_own = found is not None and found.id == task.candidate.id
        url = response.url if is_own else task.candidate.url
        headers = [(name, it) for name, values in response.headers.items() for it in values]
        source = source_of(response)
        try:
            run.rejected.add(url, response.status, headers, response.body, source, reason, date)
        except OSError as error:
            run.fail(error)
        return True

    def _count(self, response: Response) -> None:
        text = visible_text(response)
        if not text or not isinstance(response, TextResponse):
            return
        digest = sha256(text.encode("utf-8", "surrogatepass")).digest()
        self._counts[digest] += 1
        if self._counts[digest] > self._most:
            self._most = self._counts[digest]
            title = " ".join(response.xpath("string(//title)").get("").split())
            self._crawler.stats.set_value("newscrawl/same_page", self._most)
            self._crawler.stats.set_value("newscrawl/same_page_title", title[:_LONGEST_TITLE])
