"""``archive=``: articles that others recorded, from WARC files; nothing is asked of the site."""

from collections.abc import Iterator

from scrapy import Request

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.storage import warc


class Archive:
    """Reads every recorded answer of an article's address, in the order of the files."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; no file is open yet."""
        self.outlet = outlet

    def start(self) -> Iterator[Request]:
        """Yield a request for each recorded article; a middleware answers it from the file."""
        stats = self.outlet.crawler.stats
        assert stats is not None
        for path in self.outlet.wanted.archive:
            for entry in warc.entries(path, stats.inc_value):
                if candidate := self.outlet.candidate(entry.url):
                    task = ArticleTask(candidate=candidate, capture=entry)
                    # Others fetched what is in an archive; nothing is requested from the site.
                    meta = {"article": task, "dont_obey_robotstxt": True}
                    request = self.outlet.article_request(candidate)
                    yield request.replace(url=entry.url, meta=meta, dont_filter=True)
