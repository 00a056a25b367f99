"""``discover=feeds``: the outlet's feeds and, of WordPress, those of sections and tags."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.feed_files import FEEDS, items
from newscrawl.discovery.post_lists import PostLists
from newscrawl.discovery.tasks import ListingTask
from newscrawl.discovery.xml_document import Document
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.names import author_names
from newscrawl.extraction.posts import number_in
from newscrawl.items import Author, Candidate

# Hours between requests of a section's feed while it shows nothing new, at first and at most.
_PAUSES = (1, 24)


class Feeds:
    """Reads feeds: links, times of publication and change, and authors; never the text."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Prepare; nothing is requested yet."""
        self.outlet = outlet

    def start(self) -> Iterator[Request]:
        """Yield the feeds of the outlet and all sections, or those of ``sections`` and ``tags``.

        WordPress has a feed below the path of every listing.
        """
        arguments = self.outlet.arguments
        if not (arguments.sections or arguments.tags):
            for url in self.outlet.feeds:
                yield ListingTask(name=url).request(url, self.parse)
            if self._by_rest or not self.outlet.rest:
                # REST lists the articles of all sections; only the site's feed may be faster.
                return
        for path in self.outlet.listing_paths():
            url = self.outlet.absolute(f"{path.rstrip('/')}/feed/")
            task = ListingTask(name=url, pauses=_PAUSES, may_be_gone=True)
            yield task.request(url, self.parse)

    def parse(self, response: Response) -> Iterator[Request]:
        """Request the articles of a feed, then raise UnreadableError if it is cut or broken."""
        candidates: list[Candidate] = []
        is_main = bool(self.outlet.main_listing(response.request.url))  # type: ignore[union-attr]
        for candidate in read_feed(response, self.outlet):
            candidates.append(candidate)
            if not self._by_rest:
                yield self.outlet.article_request(candidate)
        if is_main:
            name = f"newscrawl/listed/{response.request.url}"  # type: ignore[union-attr]
            self.outlet.crawler.stats.set_value(name, len(candidates))
        if not self._by_rest:
            return
        news = [it for it in candidates if self._is_news(it)]
        yield from map(self.outlet.article_request, (it for it in candidates if it not in news))
        yield from PostLists(self.outlet).articles_by_id(news)

    @property
    def _by_rest(self) -> bool:
        """Whether articles are requested by REST, a full page of them in each request."""
        arguments = self.outlet.arguments
        return "api" in arguments.discover and arguments.fetch in ("auto", "api")

    def _is_news(self, candidate: Candidate) -> bool:
        known = self.outlet.known_articles.get(candidate.id)
        return known is None or known.is_changed(candidate.modified)


def read_feed(response: Response, outlet: OutletSpider) -> Iterator[Candidate]:
    """Yield the articles of a feed, in its order.

    Raises UnreadableError for a document that is not a feed, and at the end of a cut or broken one.
    """
    try:
        document = Document(response.body, FEEDS)
    except UnreadableError as error:
        raise UnreadableError("not a feed") from error
    has_links = is_ours = False
    for item in items(document, response.url):
        has_links = has_links or bool(item.links)
        is_ours = is_ours or any(map(outlet.on_site, item.links))
        candidate = next(filter(None, map(outlet.candidate, item.links)), None)
        if candidate:
            number = next(filter(None, map(number_in, item.links)), None)
            if number and outlet.identified_by == "page":
                candidate = replace(candidate, id=number)
            named = (author_names(text, (), outlet.language) for text in item.authors)
            authors = dict.fromkeys(chain.from_iterable(named))
            yield replace(
                candidate,
                modified=item.modified,
                published=item.published,
                authors=tuple(map(Author, authors)),
                headline=item.headline,
            )
    if not document.is_whole:
        raise UnreadableError("broken feed")
    # Links that count readers, or those of another site: what they lead to is lost.
    if has_links and not is_ours:
        raise UnreadableError("only links to other sites")
