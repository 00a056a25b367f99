"""``scrapy compare``: an article through its page, REST and the feed, side by side."""

import argparse
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrapy import Request
from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.http import Response

from newscrawl.article_spider import ArticleSpider
from newscrawl.candidates import Candidate
from newscrawl.commands.history import changed_blocks
from newscrawl.discovery.feeds import read_feed
from newscrawl.discovery.wordpress import post_address
from newscrawl.exceptions import UnreadableError
from newscrawl.items import Article, record
from newscrawl.refusal import refusal
from newscrawl.spidermiddlewares import error_reason

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
    # It writes nothing: no run, no books, no ledger, no parts.
    custom_settings = {
        "EXTENSIONS": {"newscrawl.run.Run": None, "newscrawl.progress.Progress": None},
        "SPIDER_MIDDLEWARES": {"newscrawl.spidermiddlewares.BookkeepingMiddleware": None},
        "ITEM_PIPELINES": {
            f"newscrawl.pipelines.{name}Pipeline": None
            for name in ("Validate", "Window", "Revise", "Publish")
        },
    }

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
        request: Request = Request(url, meta={"candidate": candidate}, dont_filter=True)
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
        if lines := changed_blocks(before, after):
            yield f"    - {first}, + {source}"
            yield from (f"    {line}" for line in lines)


class Command(ScrapyCommand):
    """Reads articles through page, REST and feed, and shows where they disagree."""

    requires_project = True

    def syntax(self) -> str:
        """Return the arguments, for the usage line."""
        return "[options] <outlet> <address> ..."

    def short_desc(self) -> str:
        """Return what ``scrapy -h`` says of the command."""
        return "Compare what an article's page, REST post and feed entry say"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add ``--json``."""
        super().add_options(parser)
        parser.add_argument("--json", action="store_true", help="one JSON object an article")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """Log errors only, unless something else was asked for."""
        super().process_options(args, opts)
        assert self.settings is not None
        if not opts.loglevel:
            self.settings.set("LOG_LEVEL", "ERROR", priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Compare; exit code 1 when sources disagree or none can be read, 2 for a wrong address."""
        if len(args) < 2:
            raise UsageError("name an outlet and addresses: scrapy compare hill https://…")
        assert self.crawler_process is not None
        assert self.settings is not None
        outlet, *addresses = args
        base: Any = self.crawler_process.spider_loader.load(outlet)
        comparisons: list[Comparison] = []
        candidates = []
        reader = base()
        for address in addresses:
            candidate = reader.candidate(address)
            if candidate is None:
                print(f"{address!r} is not the address of an article of {outlet}.")  # noqa: T201
                self.exitcode = 2
                return
            candidates.append(candidate)
        wanted = {
            "wanted_articles": tuple(candidates),
            "comparisons": comparisons,
            "feeds": {},
        }
        compared = type(f"Comparing{base.__name__}", (Comparing, base), wanted)
        self.crawler_process.crawl(compared, fetch="page")
        self.crawler_process.start()
        self.report(comparisons, as_json=opts.json)

    def report(self, comparisons: Iterable[Comparison], *, as_json: bool) -> None:
        """Print what was found and set the exit code."""
        agreed = disagreed = 0
        self.exitcode = 0
        for found in comparisons:
            disagreed += len(found.disagreements)
            agreed += sum(found.agrees(name) is True for name in FIELDS)
            if not found.told or found.disagreements:
                self.exitcode = 1
            if as_json:
                shown = {
                    "id": found.id,
                    "url": found.url,
                    "told": found.told,
                    "silent": found.silent,
                    "disagree": found.disagreements,
                }
                print(json.dumps(shown, ensure_ascii=False))  # noqa: T201
            else:
                print("\n".join(describe(found)))  # noqa: T201
        if not as_json:
            print(f"{agreed} fields agree, {disagreed} disagree.")  # noqa: T201
