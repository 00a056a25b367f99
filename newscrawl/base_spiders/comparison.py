"""An article through its page, REST and the feed, side by side."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrapy import Request
from scrapy.http import Response
from scrapy.settings import BaseSettings

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.discovery.feeds import read_feed
from newscrawl.discovery.rest import post_address
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.downloader.reasons import error_reason
from newscrawl.downloader.walls import refusal
from newscrawl.exceptions import UnreadableError
from newscrawl.extensions.run import switch_off_runs
from newscrawl.items import Article, Candidate, record
from newscrawl.storage import difference

SOURCES = ("page", "api", "feed")
# The fields that are not derived from others and do not describe the source.
FIELDS = (
    *("url", "headline", "description", "authors", "date_published", "date_modified"),
    *("section", "sections", "tags", "kind", "body", "images", "links"),
)
# Sources list these in different orders.
_UNORDERED = ("sections", "tags")


@dataclass
class Comparison:
    """One article: its fields by source, and the errors of sources that could not be read."""

    id: str
    url: str
    fields: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def values(self, name: str) -> dict[str, Any]:
        """Return the values of a field by source, without sources that lack the field."""
        return {source: it[name] for source, it in self.fields.items() if it.get(name)}

    def agrees(self, name: str) -> bool | None:
        """Return whether all sources with a field agree; None if fewer than two have it."""
        values = [_comparable(name, value) for value in self.values(name).values()]
        return all(value == values[0] for value in values) if len(values) > 1 else None

    @property
    def disagreements(self) -> list[str]:
        """The fields on which sources disagree."""
        return [name for name in FIELDS if self.agrees(name) is False]


def _comparable(name: str, value: Any) -> Any:
    if name == "headline":
        return value.casefold()
    return sorted(map(str.casefold, value)) if name in _UNORDERED else value


def fields_of(article: Article) -> dict[str, Any]:
    """Return the compared fields of a record: authors by name, images by address."""
    fields: Mapping[str, Any] = record(article)
    return {
        **{name: fields[name] for name in FIELDS},
        "authors": [author["name"] for author in fields["authors"]],
        "images": [image["url"] for image in fields["images"]],
    }


class Comparing(ArticleSpider):
    """An outlet's spider that requests given articles from every source and compares them."""

    candidates: tuple[Candidate, ...] = ()
    comparisons: list[Comparison]
    entries: dict[str, list[Candidate]]

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Switch off the extensions that open a run: nothing is written."""
        super().update_settings(settings)
        switch_off_runs(settings)

    async def start(self) -> AsyncIterator[Request]:
        """Compare one article after the other, without the scheduler."""
        for candidate in self.candidates:
            self.comparisons.append(await self._compare(candidate))
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request

    @property
    def _sources(self) -> list[str]:
        """The sources that the outlet has."""
        missing = {"api": not self.rest, "feed": not self.feeds}
        return [it for it in SOURCES if not missing.get(it)]

    async def _compare(self, candidate: Candidate) -> Comparison:
        comparison = Comparison(candidate.id, candidate.url)
        for source in self._sources:
            try:
                comparison.fields[source] = await getattr(self, f"_from_{source}")(candidate)
            except Exception as error:  # the other sources are requested all the same
                comparison.errors[source] = error_reason(error)
        return comparison

    async def _fetch(self, url: str, candidate: Candidate) -> Response:
        engine = self.crawler.engine
        assert engine is not None
        request = ArticleTask(candidate=candidate).on(Request(url, dont_filter=True))
        response = await engine.download_async(request)
        if reason := refusal(response):
            raise UnreadableError(reason)
        if response.status != 200:
            raise UnreadableError(f"http {response.status}")
        response.request = request
        return response

    async def _from_page(self, candidate: Candidate) -> dict[str, Any]:
        response = await self._fetch(candidate.url, candidate)
        items = (it for it in self.parse_article(response) if isinstance(it, Article))
        return fields_of(next(items))

    async def _from_api(self, candidate: Candidate) -> dict[str, Any]:
        response = await self._fetch(post_address(self, candidate), candidate)
        return fields_of(await self.read_post(response, candidate))

    async def _from_feed(self, candidate: Candidate) -> dict[str, Any]:
        section = candidate.url.rpartition(f"/{candidate.id}-")[0]
        of_section = (f"{section}/feed/",) if self.rest else ()
        for url in (*self.feeds, *of_section):
            if url not in self.entries:
                response = await self._fetch(url, candidate)
                self.entries[url] = [*read_feed(response, self)]
            same = (
                it for it in self.entries[url] if candidate.id == it.id or candidate.url == it.url
            )
            if entry := next(same, None):
                return {
                    "url": entry.url,
                    "headline": entry.headline,
                    "authors": [author.name for author in entry.authors],
                    "date_published": entry.published,
                    "date_modified": entry.modified,
                }
        raise UnreadableError("not in the feed")


def describe(comparison: Comparison) -> Iterator[str]:
    """Yield the lines of one comparison for people."""
    yield f"{comparison.id}  {comparison.url}"
    for source in SOURCES:
        if source in {**comparison.fields, **comparison.errors}:
            yield f"  {source:<5} {comparison.errors.get(source, 'read')}"
    if not comparison.fields:
        return
    for name in FIELDS:
        values = comparison.values(name)
        agrees = comparison.agrees(name)
        word = {True: "agree", False: "DISAGREE", None: "only in" if values else "missing"}[agrees]
        yield f"  {name:<15} {word} {', '.join(values)}".rstrip()
        if agrees is False:
            yield from _difference(name, values)


def _difference(name: str, values: Mapping[str, Any]) -> Iterator[str]:
    if name != "body":
        for source, value in values.items():
            yield f"    {source:<5} {value if isinstance(value, str) else ', '.join(value)}"
        return
    (first, before), *others = values.items()
    for source, after in others:
        if changed := difference.lines(before, after):
            yield f"    - {first}, + {source}"
            yield from (f"    {line}" for line in changed)


def comparing(base: type[ArticleSpider], candidates: Iterable[Candidate]) -> type[Comparing]:
    """Return a spider that compares articles of an outlet and adds to its ``comparisons``."""
    attributes = {"candidates": tuple(candidates), "comparisons": [], "entries": {}}
    return type(f"Comparing{base.__name__}", (Comparing, base), attributes)
