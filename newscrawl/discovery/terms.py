"""The terms of WordPress, categories and tags: their numbers, and their names."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from scrapy import Request
from scrapy.http import Response

from newscrawl.discovery import OutletSpider
from newscrawl.discovery.rest import PER_PAGE, header_number, read_list, rest_address
from newscrawl.discovery.tasks import ListingTask
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.posts import embedded

logger = logging.getLogger(__name__)


class TermNumbers:
    """The numbers of the sections and tags of a crawl, which lists of posts are filtered by."""

    def __init__(self, outlet: OutletSpider, then: Callable[[dict[str, str]], Request]) -> None:
        """Prepare; ``then`` returns the request that follows, of posts with these filters."""
        self.outlet = outlet
        self._then = then

    def first_requests(self) -> dict[str, Request]:
        """Return the first requests by taxonomy; the one for posts of all terms under ``""``."""
        arguments, front = self.outlet.arguments, self.outlet.listings.front
        if front in arguments.sections or not (arguments.sections or arguments.tags):
            return {"": self._then({})}
        requests = {}
        if arguments.sections:
            requests["categories"] = self._categories(1, {})
        if arguments.tags:
            slugs = ",".join(dict.fromkeys(map(_slug, arguments.tags)))
            query = {"slug": slugs, "per_page": PER_PAGE, "_fields": "id,slug,link"}
            url = rest_address(self.outlet, "tags", query)
            requests["tags"] = ListingTask().request(url, self.parse_tags)
        return requests

    def _categories(self, page: int, links: dict[str, str]) -> Request:
        query = {"per_page": PER_PAGE, "page": page, "orderby": "id", "_fields": "id,link"}
        url = rest_address(self.outlet, "categories", query)
        return ListingTask().request(url, self.parse_categories, page=page, links=links)

    def parse_categories(
        self, response: Response, page: int, links: dict[str, str]
    ) -> Iterator[Request]:
        """Request the posts of sections and all below them; ``links`` are those of earlier pages.

        Raises UnreadableError when a section has no category.
        """
        terms = read_list(response)
        links |= {str(it.get("id")): f"{it.get('link')}/".replace("//", "/") for it in terms}
        if terms and page < (header_number(response, "X-WP-TotalPages") or 1):
            yield self._categories(page + 1, links)
            return
        numbers: dict[str, None] = {}
        for path in self.outlet.arguments.sections:
            # WordPress' own `categories=` leaves out the subsections.
            below = [number for number, link in links.items() if f"/{path}/" in link]
            if not below:
                logger.error("The REST interface has no categories for %r.", path)
                raise UnreadableError("unknown categories")
            numbers |= dict.fromkeys(below)
        yield self._then({"categories": ",".join(numbers)})

    def parse_tags(self, response: Response) -> Iterator[Request]:
        """Request the posts of tags. Raises UnreadableError when one is unknown."""
        terms = {str(it.get("slug")): str(it.get("id")) for it in read_list(response)}
        numbers = []
        for path in self.outlet.arguments.tags:
            if _slug(path) not in terms:
                logger.error("The REST interface has no tags for %r.", path)
                raise UnreadableError("unknown tags")
            numbers.append(terms[_slug(path)])
        yield self._then({"tags": ",".join(numbers)})


def _slug(path: str) -> str:
    return path.rpartition("/")[2]


class TermNames:
    """The names of categories and tags, for a site that does not send them along with a post."""

    def __init__(self, outlet: OutletSpider) -> None:
        """Start without names; nothing is requested yet."""
        self.outlet = outlet
        self._known: dict[tuple[str, int], Mapping[str, Any]] = {}

    async def complete(self, posts: Iterable[dict[str, Any]]) -> None:
        """Add the terms that posts lack, in the form of WordPress' own ``_embedded``."""
        lacking = [it for it in posts if "wp:term" not in embedded(it)]
        for taxonomy in ("categories", "tags"):
            numbers = {(taxonomy, n) for post in lacking for n in _numbers(post, taxonomy)}
            unknown = sorted(number for _, number in numbers - self._known.keys())
            for start in range(0, len(unknown), PER_PAGE):
                await self._request(taxonomy, unknown[start : start + PER_PAGE])
        for post in lacking:
            terms = [
                [self._known[key] for n in _numbers(post, it) if (key := (it, n)) in self._known]
                for it in ("categories", "tags")
            ]
            post["_embedded"] = {**embedded(post), "wp:term": terms}

    async def _request(self, taxonomy: str, numbers: Sequence[int]) -> None:
        query = {
            "include": ",".join(map(str, numbers)),
            "per_page": PER_PAGE,
            "_fields": "id,name,slug,link,taxonomy",
        }
        url = rest_address(self.outlet, taxonomy, query)
        engine, stats = self.outlet.crawler.engine, self.outlet.crawler.stats
        assert engine is not None
        assert stats is not None
        try:
            terms = read_list(await engine.download_async(Request(url)))
        except Exception as error:  # articles are published without these names
            stats.inc_value("newscrawl/no_terms")
            why = str(error) or type(error).__name__
            logger.warning("Could not read the names of %s: %s", taxonomy, why)
            return
        self._known |= {
            (taxonomy, term["id"]): term for term in terms if isinstance(term.get("id"), int)
        }


def _numbers(post: Mapping[str, Any], taxonomy: str) -> list[int]:
    """Return the numbers of a post's terms."""
    numbers = post.get(taxonomy)
    return [it for it in numbers if isinstance(it, int)] if isinstance(numbers, list) else []
