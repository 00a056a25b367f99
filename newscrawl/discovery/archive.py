"""``archive=``: articles that others recorded, from WARC files; nothing is asked of the site."""

from collections.abc import Iterator

from scrapy import Request

from newscrawl.discovery import Outlet
from newscrawl.storage import warc


class Archive:
    """Reads every recorded answer of an article's address, in the order of the files."""

    def __init__(self, outlet: Outlet) -> None:
        """Prepare; no file is open yet."""
        self.outlet = outlet

    def start(self) -> Iterator[Request]:
        """Yield a request for each recorded article; a middleware answers it from the file."""
        stats = self.outlet.crawler.stats
        assert stats is not None
        for path in self.outlet.wanted.archive:
            for entry in warc.entries(path, stats.inc_value):
                if candidate := self.outlet.candidate(entry.url):
                    request = self.outlet.article_request(candidate)
                    # What is in an archive was fetched by others; the site is not asked.
                    meta = {"candidate": candidate, "archived": entry, "dont_obey_robotstxt": True}
                    yield request.replace(url=entry.url, meta=meta, dont_filter=True)
