"""``reread=``: responses that newscrawl recorded; nothing is requested of the site.

``newscrawl.archives`` reads what others recorded.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.post_lists import BROKEN_POSTS, PostLists
from newscrawl.discovery.rest import read_some
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.urls import page_key
from newscrawl.items import Candidate
from newscrawl.storage.capture import NO_ORIGINAL, Capture
from newscrawl.storage.document import archive_faults
from newscrawl.storage.warc import Counts, WarcFile

logger = logging.getLogger(__name__)


class Archive:
    """Reads recorded pages of articles, and posts with their full text in recorded lists.

    Pages and posts are read in the order of the files. ``counts`` has an entry for each file. A
    recorded response without a page, such as a redirect or a 404, is only counted: it does not
    state what the site has now.
    """

    def __init__(self, outlet: OutletSpider, paths: Iterable[str]) -> None:
        """Prepare to read the files ``paths``; none is open yet."""
        self.outlet = outlet
        self.lists = PostLists(outlet)
        self.counts = outlet.archives
        self.counts.update((path, Counts()) for path in paths)
        self._most = outlet.crawler.settings.getint("DOWNLOAD_MAXSIZE")

    def start(self) -> Iterator[Request]:
        """Yield a request for each recorded article; a middleware answers it from the archive."""
        for path, counts in self.counts.items():
            try:
                with WarcFile(path) as file:
                    for capture in file.captures(counts, self._is_wanted):
                        yield from self._requests(capture)
            except OSError as error:
                logger.error("Could not read %s to its end: %s", path, error.strerror or error)
            else:
                if faults := archive_faults(counts.as_dict()):
                    said = ", ".join(f"{why}: {count}" for why, count in faults.items())
                    logger.warning("Could not read all of %s (%s)", path, said)

    def _is_wanted(self, url: str) -> bool:
        return self.outlet.candidate(url) is not None or self._is_list(url)

    def _is_list(self, url: str) -> bool:
        """Return whether an address is that of a list of posts of the REST interface."""
        rest, path = self.outlet.rest, url.partition("?")[0]
        return bool(rest) and page_key(path) == page_key(f"{rest}/posts")

    def _requests(self, capture: Capture) -> Iterator[Request]:
        """Yield the requests for an article or a list of posts. newscrawl records no revisits."""
        counts = self.counts[capture.path]
        counts.revisits += capture.is_revisit
        if not capture.may_be_page:
            counts.passed_over[f"http {capture.status}"] += 1
            return
        is_original = not capture.is_revisit or capture.fault
        capture = capture.decoded(self._most) if is_original else capture.failed(NO_ORIGINAL)
        if self._is_list(capture.url):
            yield from self._posts(capture)
        elif candidate := self.outlet.candidate(capture.url):
            yield self._request(capture, candidate)

    def _posts(self, capture: Capture) -> Iterator[Request]:
        """Yield a request for each post with its full text in a list, as a capture of its own."""
        posts, fault = list[dict[str, Any]](), capture.fault
        if not fault:
            try:
                posts, are_all = read_some(Response(capture.url, body=capture.payload))
                fault = "" if are_all else BROKEN_POSTS
            except UnreadableError as error:
                fault = str(error)
        if fault:
            self.counts[capture.path].unusable[fault] += 1
            logger.warning("Could not read all of the list of posts %s: %s", capture.url, fault)
        # A post without text is from a list that was requested only to find changes.
        whole = [it for it in posts if "content" in it]
        for request in self.lists.articles(whole, capture.url):
            task = ArticleTask.required(request)
            post = replace(capture, payload=json.dumps(task.post).encode())
            yield self._request(post, task.candidate)

    def _request(self, capture: Capture, candidate: Candidate) -> Request:
        counts = self.counts[capture.path]
        if known := self.outlet.known_articles.get(candidate.id):
            # A post of REST names no authors.
            candidate = replace(candidate, authors=known.known_authors)
        counts.articles += 1
        if capture.fault:
            counts.unusable[capture.fault] += 1
        task = ArticleTask(candidate=candidate, capture=capture)
        # The page is in the archive: no request is sent to the site.
        meta = {"article": task, "dont_obey_robotstxt": True}
        request = self.outlet.article_request(candidate)
        return request.replace(meta=meta, dont_filter=True)
