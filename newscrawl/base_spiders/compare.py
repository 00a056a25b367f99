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
# What a reader of the dataset relies on; the rest follows from these, or says where they come from.
FIELDS = (
    *("url", "headline", "description", "authors", "date_published", "date_modified"),
    *("section", "sections", "tags", "kind", "body", "images", "links"),
)
# Their order says nothing, or differs by nature.
_UNORDERED = ("sections", "tags")


@dataclass
class Comparison:
    """One article as its sources tell it: fields by source, and why a source told nothing."""

    id: str
    url: str
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)

    def values(self, name: str) -> dict[str, Any]:
        """Return what each source says of a field; a source that says nothing is left out."""
        return {source: it[name] for source, it in self.told.items() if it.get(name)}

    def agrees(self, name: str) -> bool | None:
        """Say whether all sources that tell a field agree; None when fewer than two tell it."""
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
    """Return the fields of a record that are compared: people by name, pictures by address."""
    told: Mapping[str, Any] = record(article)
    return {
        **{name: told[name] for name in FIELDS},
        "authors": [author["name"] for author in told["authors"]],
        "images": [image["url"] for image in told["images"]],
    }


class Comparing(ArticleSpider):
    """What an outlet's spider becomes to compare: it asks for given articles by every source."""

    wanted_articles: tuple[Candidate, ...] = ()
    comparisons: list[Comparison]
    feeds: dict[str, dict[str, Candidate]]

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Switch off what would open a run: nothing is written."""
        super().update_settings(settings)
        switch_off_runs(settings)

    async def start(self) -> AsyncIterator[Request]:
        """Compare one article after the other; nothing is scheduled."""
        for candidate in self.wanted_articles:
            self.comparisons.append(await self._compare(candidate))
        nothing: tuple[Request, ...] = ()
        for request in nothing:
            yield request

    async def _compare(self, candidate: Candidate) -> Comparison:
        found = Comparison(candidate.id, candidate.url)
        for source in SOURCES:
            try:
                found.told[source] = await getattr(self, f"_from_{source}")(candidate)
            except Exception as error:  # whatever it is, the other sources are asked
                found.silent[source] = error_reason(error)
        return found

    async def _ask(self, url: str, candidate: Candidate) -> Response:
        engine = self.crawler.engine
        assert engine is not None
        request: Request = Request(
            url, meta={"article": ArticleTask(candidate=candidate)}, dont_filter=True
        )
        response = await engine.download_async(request)
        if reason := refusal(response):
            raise UnreadableError(reason)
        if response.status != 200:
            raise UnreadableError(f"http {response.status}")
        response.request = request
        return response

    async def _from_page(self, candidate: Candidate) -> dict[str, Any]:
        response = await self._ask(candidate.url, candidate)
        items = (it for it in self.parse_article(response) if isinstance(it, Article))
        return fields_of(next(items))

    async def _from_api(self, candidate: Candidate) -> dict[str, Any]:
        response = await self._ask(post_address(self, candidate.id), candidate)
        return fields_of(await self.read_post(response, candidate))

    async def _from_feed(self, candidate: Candidate) -> dict[str, Any]:
        section = candidate.url.rpartition(f"/{candidate.id}-")[0]
        for url in (f"https://{self.host}{self.feed}", f"{section}/feed/"):
            if url not in self.feeds:
                response = await self._ask(url, candidate)
                self.feeds[url] = {entry.id: entry for entry in read_feed(response, self)}
            if entry := self.feeds[url].get(candidate.id):
                return {
                    "url": entry.url,
                    "headline": entry.headline,
                    "authors": [author.name for author in entry.authors],
                    "date_published": entry.published,
                    "date_modified": entry.modified,
                }
        raise UnreadableError("not in it")


def describe(found: Comparison) -> Iterator[str]:
    """Yield the lines that show one comparison to people."""
    yield f"{found.id}  {found.url}"
    for source in SOURCES:
        yield f"  {source:<5} {found.silent.get(source, 'read')}"
    for name in FIELDS:
        values = found.values(name)
        agrees = found.agrees(name)
        word = {True: "agree", False: "DISAGREE", None: "told by" if values else "not told"}[agrees]
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
    """Return an outlet's spider made to compare; ``comparisons`` will hold what it finds."""
    wanted = {"wanted_articles": tuple(candidates), "comparisons": [], "feeds": {}}
    return type(f"Comparing{base.__name__}", (Comparing, base), wanted)
