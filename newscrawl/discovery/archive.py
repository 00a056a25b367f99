"""``reread=``: responses that newscrawl recorded; nothing is requested of the site.

``newscrawl.archives`` reads what others recorded.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from scrapy import Request

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.storage.capture import NO_ORIGINAL, Capture
from newscrawl.storage.document import archive_faults
from newscrawl.storage.warc import Counts, WarcFile

logger = logging.getLogger(__name__)


class Archive:
    """Reads every recorded page of an article's address, in the order of the files.

    ``counts`` has an entry for each file. A recorded response without a page, such as a redirect
    or a 404, is counted only: it does not state what the site has now.
    """

    def __init__(self, outlet: OutletSpider, paths: Iterable[str]) -> None:
        """Prepare to read the files ``paths``; none is open yet."""
        self.outlet = outlet
        self.counts = outlet.archives
        self.counts.update((path, Counts()) for path in paths)
        self._most = outlet.crawler.settings.getint("DOWNLOAD_MAXSIZE")

    def start(self) -> Iterator[Request]:
        """Yield a request for each recorded article; a middleware answers it from the archive."""
        for path, counts in self.counts.items():
            try:
                with WarcFile(path) as file:
                    for capture in file.captures(counts, self._is_article):
                        yield from self._requests(capture)
            except OSError as error:
                logger.error("Could not read %s to its end: %s", path, error.strerror or error)
            else:
                if faults := archive_faults(counts.as_dict()):
                    said = ", ".join(f"{why}: {count}" for why, count in faults.items())
                    logger.warning("Could not read all of %s (%s)", path, said)

    def _is_article(self, url: str) -> bool:
        return self.outlet.candidate(url) is not None

    def _requests(self, capture: Capture) -> Iterator[Request]:
        """Yield the request for a capture of an article; newscrawl records no revisits."""
        counts = self.counts[capture.path]
        counts.revisits += capture.is_revisit
        if not capture.may_be_page:
            counts.passed_over[f"http {capture.status}"] += 1
        elif capture.is_revisit and not capture.fault:
            yield self._request(capture.failed(NO_ORIGINAL))
        else:
            yield self._request(capture.decoded(self._most))

    def _request(self, capture: Capture) -> Request:
        counts = self.counts[capture.path]
        candidate = self.outlet.candidate(capture.url)
        assert candidate is not None
        if known := self.outlet.known_articles.get(candidate.id):
            # A post of REST names no authors.
            candidate = replace(candidate, credited=known.known_authors)
        counts.articles += 1
        if capture.fault:
            counts.unusable[capture.fault] += 1
        task = ArticleTask(candidate=candidate, capture=capture)
        # The page is in the archive: no request is sent to the site.
        meta = {"article": task, "dont_obey_robotstxt": True}
        request = self.outlet.article_request(candidate)
        return request.replace(meta=meta, dont_filter=True)
