"""``archive=`` and ``reread=``: articles in WARC files; nothing is requested of the site."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace

from scrapy import Request

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.storage.capture import NO_ORIGINAL, Capture
from newscrawl.storage.warc import Counts, WarcFile

logger = logging.getLogger(__name__)

_PAGES = (200, 203)


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
        revisits: list[Capture] = []
        for path, counts in self.counts.items():
            try:
                with WarcFile(path) as file:
                    for capture in file.captures(counts, self._is_article):
                        yield from self._requests(capture, revisits)
            except OSError as error:
                logger.error("Could not read %s to its end: %s", path, error)
            if not counts.complete:
                logger.warning("Could not read all of %s: %s", path, counts.as_dict())
        yield from self._revisited(revisits)

    def _is_article(self, url: str) -> bool:
        return self.outlet.candidate(url) is not None

    def _requests(self, capture: Capture, revisits: list[Capture]) -> Iterator[Request]:
        """Yield the request for a capture of an article; a revisit waits until all is read."""
        counts = self.counts[capture.path]
        counts.revisits += capture.is_revisit
        if not self._is_page(capture):
            return
        if capture.is_revisit and not capture.fault:
            revisits.append(capture)
        else:
            yield self._request(capture.decoded(self._most))

    def _revisited(self, revisits: list[Capture]) -> Iterator[Request]:
        """Yield requests for revisits whose original is of another article's address, or missing.

        One of the same article was read already.
        """
        waiting = dict(enumerate(revisits))
        for path in self.counts if waiting else ():
            with WarcFile(path) as file:
                keys = frozenset().union(*(it.keys for it in waiting.values()))
                for original, hit in file.originals(keys):
                    for number, revisit in list(waiting.items()):
                        if hit & revisit.keys:
                            del waiting[number]
                            again = original.standing_for(revisit)
                            if self._is_page(again) and not self._are_same(original, revisit):
                                yield self._request(again.decoded(self._most))
        for revisit in waiting.values():
            yield self._request(revisit.failed(NO_ORIGINAL))

    def _are_same(self, original: Capture, revisit: Capture) -> bool:
        found, again = map(self.outlet.candidate, (original.url, revisit.url))
        return bool(found and again and found.id == again.id)

    def _is_page(self, capture: Capture) -> bool:
        """Return whether a capture may contain a page; another one is counted."""
        if not capture.status or capture.status in _PAGES:
            return True
        self.counts[capture.path].passed_over[f"http {capture.status}"] += 1
        return False

    def _request(self, capture: Capture) -> Request:
        counts = self.counts[capture.path]
        candidate = self.outlet.candidate(capture.url)
        assert candidate is not None
        if self.outlet.arguments.reread and (known := self.outlet.known_articles.get(candidate.id)):
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
