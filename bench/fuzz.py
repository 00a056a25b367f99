"""Mutated pages, feeds, sitemaps, REST answers and WARC files, through the crawl's own functions.

Each input has a number; seed and number give the same input again. What may come of an input is
a record, a request, or one of the reasons that the books count. Any other exception, and an
input that takes more than a second of CPU time, is a failure: its input is kept.
"""

import asyncio
import gzip
import hashlib
import json
import logging
import os
import random
import re
import signal
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Headers, Response
from scrapy.responsetypes import responsetypes
from scrapy.statscollectors import MemoryStatsCollector
from scrapy.utils.project import get_project_settings

from bench import mutations
from bench.mutations import MARKUP, Mutation, mutated
from bench.table import markdown
from newscrawl import extract
from newscrawl.archives.reading import captured_page
from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.discovery.feeds import Feeds
from newscrawl.discovery.links import Listing
from newscrawl.discovery.post_lists import PostLists
from newscrawl.discovery.sitemap_files import read_sitemap
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.discovery.terms import TermNumbers
from newscrawl.downloader.recordings import captured_response
from newscrawl.exceptions import ArchiveError, UnreadableError
from newscrawl.extraction.loaders import PageStats
from newscrawl.items import Article, Candidate, content_hash, record
from newscrawl.spiders.hill import HillSpider
from newscrawl.storage.capture import Capture
from newscrawl.storage.schema import fault
from newscrawl.storage.warc import Counts, WarcFile
from tests.sample.answer import Page
from tests.sample.day import DaySite

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
COUNT, SEED, FIRST = 100_000, 13, 0
PROCESSES = os.cpu_count() or 1
SLOW, HANGING = 1.0, 20  # seconds
_LARGEST_PAGE = 400_000  # bytes; larger ones tell little more and take long

_START = datetime(2026, 11, 10, 5, tzinfo=UTC)
_DAY = "/sitemap.xml?yyyy=2026&mm=11&dd=09"
_STORY = re.compile(rb'<div[^>]*class="[^"]*article__text[^>]*>')
_CANONICAL = re.compile(rb'rel="?canonical"? href="(https://thehill\.com/[^"]*)"')
_ID = re.compile(rb'"id": ?(\d+)')
URL = "https://thehill.com/homenews/senate/7000001-made-up-story/"
KINDS = {"text/html": 6, "text/html; charset=UTF-8": 3, "text/html; charset={}": 1}


class Seeds(NamedTuple):
    """Sound inputs, by what they are."""

    pages: list[bytes]
    feeds: list[bytes]
    sitemaps: list[bytes]
    posts: list[bytes]
    lists: list[bytes]
    warcs: list[bytes]


@dataclass
class Outcome:
    """What became of many inputs: counted reasons, failures, and the slowest."""

    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    slowest: tuple[float, str, int] = (0.0, "", 0)

    def add(self, other: "Outcome") -> None:
        self.reasons += other.reasons
        self.kinds += other.kinds
        self.seconds += other.seconds
        self.failures += other.failures
        self.slowest = max(self.slowest, other.slowest)


@cache
def seeds() -> Seeds:
    """Return our own fixtures, and the real pages where they are."""
    fixtures = ROOT / "tests/fixtures/hill"
    ours = [it.read_bytes() for it in sorted(fixtures.glob("*/page.html"))]
    posts = [it.read_bytes() for it in sorted(fixtures.glob("*/post.json"))]
    ours += [it.read_bytes() for it in sorted(SHARED.glob("hill/pages/*.html"))]
    pages = [it.read_bytes() for it in sorted(SHARED.glob("stations/*.html"))]
    packed = sorted(SHARED.glob("outlets/pages/*.html.gz"))
    pages += [
        it for path in packed if len(it := gzip.decompress(path.read_bytes())) < _LARGEST_PAGE
    ]
    feeds = [it.read_bytes() for it in sorted(SHARED.glob("hill/feeds/*.xml"))]
    site = DaySite(_START, articles=0, corrections=0, older=60)
    host = "https://thehill.com"
    feeds += [_body(site, f"{host}/feed/?feed=partnerfeed-news-feed&format=rss")]
    sitemaps = [_body(site, f"{host}{it}") for it in ("/sitemap.xml", "/news-sitemap.xml", _DAY)]
    lists = [_body(site, f"{host}/wp-json/wp/v2/{it}") for it in ("posts?_embed=1", "categories")]
    posts_alone = [{**json.loads(it), "_embedded": None} for it in posts]
    lists = [*(it for it in lists if it.startswith(b"[")), json.dumps(posts_alone).encode()]
    bodies = SHARED / "hill/bodies/bodies.jsonl"
    if bodies.exists():
        post = json.loads(posts[0])
        news = (fixtures / "news/page.html").read_bytes()
        for line in bodies.read_text(encoding="utf-8").splitlines()[::2]:
            html = json.loads(line)["html"]
            posts.append(json.dumps(post | {"content": {"rendered": html}}).encode())
            begin = _STORY.search(news)
            assert begin is not None
            ours.append(news[: begin.end()] + html.encode() + news[begin.end() :])
    # Pages of other sites have no article of ours; most of the code is behind ours.
    pages = [*ours * max(1, 4 * len(pages) // len(ours)), *pages]
    listing = _body(site, f"{host}/homenews/senate/")
    return Seeds([*pages, listing], feeds, sitemaps, posts, lists, [_warc(ours[:4])])


def _body(site: DaySite, url: str) -> bytes:
    answer = site.get(url)
    assert isinstance(answer, Page)
    return answer.body


def _warc(pages: Iterable[bytes]) -> bytes:
    """Return a recording of some pages, one of them compressed; the same bytes every time."""
    members = []
    for number, body in enumerate(pages):
        named = _CANONICAL.search(body)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n"
        if number == 1:
            head += b"Content-Encoding: gzip\r\n"
        payload = gzip.compress(body, mtime=0) if number == 1 else body
        block = head + b"Content-Length: %d\r\n\r\n" % len(payload) + payload
        fields = (
            "WARC/1.1",
            "WARC-Type: response",
            f"WARC-Record-ID: <urn:uuid:00000000-0000-4000-8000-00000000000{number}>",
            "WARC-Date: 2026-11-20T19:04:00Z",
            f"WARC-Target-URI: {named[1].decode() if named else URL}",
            f"WARC-Block-Digest: sha256:{hashlib.sha256(block).hexdigest()}",
            "Content-Type: application/http; msgtype=response",
            f"Content-Length: {len(block)}",
            "\r\n",
        )
        record = "\r\n".join(fields).encode() + block + b"\r\n\r\n"
        members.append(gzip.compress(record, mtime=0))
    return b"".join(members)


class Offline:
    """An engine that answers nothing."""

    async def download_async(self, request: Request) -> Response:
        raise IgnoreRequest("offline")


class NoCheckpoints:
    """Checkpoints of a first run."""

    def read(self, name: str) -> None:
        return None

    def save(self, name: str, **values: object) -> None:
        pass


class NothingKnown:
    """What the ledger knows of articles in a first run: nothing, whatever is asked."""

    def __getattr__(self, name: str) -> Callable[..., list[str]]:
        return lambda *_, **__: []

    def id_of(self, identity: str) -> str:
        return identity


class FirstSpider(HillSpider):
    """The spider in a first run."""

    known_articles = NothingKnown()  # type: ignore[assignment]
    checkpoints = NoCheckpoints()  # type: ignore[assignment]


@cache
def spider() -> ArticleSpider:
    """Return a spider as a crawl has it, before any request."""
    crawler = Crawler(FirstSpider, get_project_settings())
    crawler.stats = MemoryStatsCollector(crawler)
    crawler.engine = Offline()  # type: ignore[assignment]
    return FirstSpider.from_crawler(crawler, fetch="page")


def answer(
    url: str, body: bytes, content_type: str, candidate: Candidate | None = None
) -> Response:
    headers = {"Content-Type": content_type}
    kind = responsetypes.from_args(headers=Headers(headers), url=url, body=body)
    request = Request(url)
    if candidate:
        request = ArticleTask(candidate=candidate).on(request)
    return kind(url, headers=headers, body=body, request=request)


def publish(article: Article) -> str:
    """Do with an article what the pipelines do; return what became of it."""
    if reason := fault(article):
        raise UnreadableError(reason.partition(":")[0])
    content_hash(article)
    # Strict: a lone surrogate is no text.
    json.dumps(record(article), ensure_ascii=False).encode()
    return "record"


def read_page(chance: random.Random, body: bytes) -> str:
    named = _CANONICAL.search(body)
    url = named[1].decode("latin-1") if named else URL
    candidate = spider().candidate(url) or spider().candidate(URL)
    assert candidate is not None
    if chance.random() < 0.2:
        return publish(extract(body, candidate.url))
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    kind = kind.format(chance.choice(mutations.CHARSETS))
    response = answer(candidate.url, body, kind, candidate)
    found = list(spider().parse_article(response))
    articles = [publish(it) for it in found if isinstance(it, Article)]
    return articles[0] if articles else "request"


def read_listing(_: random.Random, body: bytes) -> str:
    response = answer("https://thehill.com/homenews/senate/", body, "text/html")
    spider().links._requested.clear()
    listing = Listing("/homenews/senate/", 3)
    return "request" if list(spider().links.parse(response, listing)) else "nothing"


def read_feed(_: random.Random, body: bytes) -> str:
    response = answer("https://thehill.com/feed/", body, "application/rss+xml")
    return "request" if list(Feeds(spider()).parse(response)) else "nothing"


def read_sitemap_file(_: random.Random, body: bytes) -> str:
    found = [spider().candidate(it.url) for it in read_sitemap(body, "https://thehill.com/s.xml")]
    return "request" if any(found) else "nothing"


def read_post(_: random.Random, body: bytes) -> str:
    named = _ID.search(body)
    identity = named[1].decode() if named else "7000001"
    candidate = spider().candidate(f"https://thehill.com/?p={identity}")
    if candidate is None:
        return "no post"
    url = f"https://thehill.com/wp-json/wp/v2/posts/{identity}"
    response = answer(url, body, "application/json", candidate)
    article: Article = asyncio.run(spider().read_post(response, candidate))
    article.source, article.source_url = "api", response.url
    return publish(article)


def read_list(chance: random.Random, body: bytes) -> str:
    response = answer("https://thehill.com/wp-json/wp/v2/posts", body, "application/json")
    for name in ("X-WP-Total", "X-WP-TotalPages"):
        response.headers[name] = chance.choice(("3", "x", "-1", "\u0663", "9" * 5000, ""))
    lists = PostLists(spider())
    if chance.random() < 0.2:
        terms = TermNumbers(
            lists.outlet, lambda filters: Request(f"https://thehill.com/?{filters}")
        )
        parse = chance.choice((terms.parse_tags, partial(terms.parse_categories, page=1, links={})))
        return "request" if list(parse(response)) else "nothing"
    response.status = chance.choice((200, 200, 200, 400))
    known = spider().candidate("https://thehill.com/?p=6013000")
    assert known is not None
    (request,) = lists.articles_by_id([known])
    answered = partial(lists.parse, response, **request.cb_kwargs)

    async def requests() -> list[Request]:
        return [it async for it in answered()]

    return "request" if asyncio.run(requests()) else "nothing"


def read_warc(_: random.Random, body: bytes) -> str:
    counted: Counter[str] = Counter()
    with tempfile.NamedTemporaryFile(suffix=".warc.gz") as written:
        written.write(body)
        written.flush()
        with WarcFile(written.name) as file:
            try:
                file.check()
            except ArchiveError:
                counted["not WARC"] += 1
            for capture in file.captures(Counts(), lambda url: spider().candidate(url) is not None):
                counted[_read_capture(capture.decoded(mutations.MOST_BYTES))] += 1
    return counted.most_common(1)[0][0] if counted else "nothing"


def _read_capture(capture: Capture) -> str:
    candidate = spider().candidate(capture.url)
    if capture.fault or candidate is None:
        return capture.fault or "no candidate"
    response = captured_response(capture, Request(candidate.url))
    try:
        publish(captured_page(spider(), response, candidate, PageStats()).article)
    except UnreadableError as error:
        return str(error)
    return "record"


def warc_field(chance: random.Random, body: bytes) -> bytes:
    """Change the text of a header of a WARC file, and pack each record again."""
    try:
        text = gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        text = body
    name, values = chance.choice(WARC_FIELDS)
    text = mutations.replaced(chance, text, re.compile(name), chance.choice(values))
    records = [b"WARC/1" + it for it in text.split(b"WARC/1")[1:]]
    return (
        b"".join(gzip.compress(it, 1, mtime=0) for it in records) if chance.random() < 0.8 else text
    )


WARC_FIELDS: Sequence[tuple[bytes, Sequence[bytes]]] = (
    (rb"(?<=WARC-Date: )[^\r]*", [it.encode() for it in mutations.DATES]),
    (
        rb"(?<=WARC-Target-URI: )[^\r]*",
        [it.encode("utf-8", "replace") for it in mutations.ADDRESSES],
    ),
    (rb"(?<=Content-Length: )[^\r]*", (b"0", b"-1", b"x", b"99999999999", b"7", b"")),
    (rb"(?<=WARC-Type: )[^\r]*", (b"revisit", b"resource", b"", b"response\xff", b"metadata")),
    (rb"HTTP/1.1 200[^\r]*", (b"HTTP/2 200", b"HTTP/1.1 x", b"", b"HTTP/1.1 304 -", b"200 OK")),
    (rb"(?<=Content-Encoding: )[^\r]*", (b"br", b"zstd", b"x-gzip", b"deflate", b"gzip, gzip")),
    (rb"WARC/1.[01]", (b"WARC/0.18", b"WARC/9", b"HTTP/1.1 200 OK", b"")),
    (rb"\r\n", (b"\n", b"\r\n\r\n", b": \r\n", b"\r\n " + b"x" * 5000 + b"\r\n")),
)

Read = Callable[[random.Random, bytes], str]
_XML = (*MARKUP, mutations.packed)
_JSON: tuple[Mutation, ...] = (
    *[mutations.json_mutation, mutations.json_text] * 5,
    *(mutations.cut, mutations.flipped, mutations.hole, mutations.deep_json),
)
_WARC: tuple[Mutation, ...] = (
    *(warc_field, warc_field, mutations.flipped, mutations.cut, mutations.hole, mutations.again),
)
# What is read how: its share, its seeds and its mutations.
TARGETS: Mapping[str, tuple[int, str, Read, tuple[Mutation, ...]]] = {
    "page": (30, "pages", read_page, (*MARKUP, mutations.structured, mutations.structured)),
    "listing page": (8, "pages", read_listing, MARKUP),
    "feed": (16, "feeds", read_feed, _XML),
    "sitemap": (16, "sitemaps", read_sitemap_file, _XML),
    "REST post": (14, "posts", read_post, _JSON),
    "REST list": (8, "lists", read_list, _JSON),
    "WARC file": (8, "warcs", read_warc, _WARC),
}


def made(seed: int, number: int) -> tuple[str, bytes, random.Random]:
    """Return an input: its kind, its bytes, and the chance that its reader goes on with."""
    chance = random.Random(f"{seed} {number}")
    kind = chance.choices(list(TARGETS), [share for share, *_ in TARGETS.values()])[0]
    _, name, _, mutants = TARGETS[kind]
    return kind, mutated(chance, chance.choice(getattr(seeds(), name)), mutants), chance


def check(seed: int, numbers: Sequence[int]) -> Outcome:
    """Read inputs, and say what became of them."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, _hangs)
    outcome = Outcome()
    for number in numbers:
        kind, body, chance = made(seed, number)
        begun = time.process_time()
        signal.alarm(HANGING)
        try:
            reason = TARGETS[kind][2](chance, body)
        except UnreadableError as error:
            reason = str(error)
        except Exception:
            reason = "exception"
            outcome.failures.append((kind, number, traceback.format_exc()))
        signal.alarm(0)
        seconds = time.process_time() - begun
        if seconds > SLOW:
            outcome.failures.append((kind, number, f"{seconds:.1f} seconds\n"))
        outcome.reasons[f"{kind}: {reason}"] += 1
        outcome.kinds[kind] += 1
        outcome.seconds[kind] += seconds  # type: ignore[assignment]
        outcome.slowest = max(outcome.slowest, (seconds, kind, number))
    return outcome


def _hangs(*_: object) -> None:
    raise TimeoutError(f"not done in {HANGING} seconds")


def fuzz(count: int, seed: int, first: int = 0, processes: int = 1) -> Outcome:
    """Read ``count`` inputs from number ``first`` on, in several processes."""
    outcome = Outcome()
    size = max(1, min(500, count // processes))
    chunks = [range(at, min(at + size, first + count)) for at in range(first, first + count, size)]
    if processes == 1:
        results: Iterable[Outcome] = map(partial(check, seed), chunks)
        for done in results:
            outcome.add(done)
        return outcome
    with ProcessPoolExecutor(processes) as pool:
        for done in pool.map(partial(check, seed), chunks):
            outcome.add(done)
            print(f"{sum(outcome.kinds.values()):,} inputs, {len(outcome.failures)} failures",
                  file=sys.stderr, flush=True)  # fmt: skip
    return outcome


def keep(outcome: Outcome, seed: int, folder: Path) -> None:
    """Write the inputs that failed, each with what happened, into a folder."""
    for kind, number, told in outcome.failures:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{kind.replace(' ', '-').lower()}-{seed}-{number}"
        path.write_bytes(made(seed, number)[1])
        path.with_suffix(".txt").write_text(told, encoding="utf-8")


def report(outcome: Outcome, seed: int, folder: Path) -> str:
    """Return the report in Markdown."""
    slow = [it for it in outcome.failures if it[2].endswith("seconds\n")]
    rows = [
        (
            kind,
            f"{count:,}",
            f"{1000 * outcome.seconds[kind] / count:.1f}",
            f"{sum(it[0] == kind and it not in slow for it in outcome.failures)}",
            f"{sum(it[0] == kind for it in slow)}",
        )
        for kind, count in sorted(outcome.kinds.items())
    ]
    head = ("input", "inputs", "ms each", "exceptions", "over a second")
    seconds, kind, number = outcome.slowest
    lines = [
        f"### Mutated inputs\n\n{markdown(head, rows)}\n",
        f"Seed {seed}. The slowest took {seconds:.2f} seconds of CPU time: {kind} {number}.",
    ]
    if outcome.failures:
        lines.append(f"{len(outcome.failures)} failures are in {folder.name}/.")
    return "\n".join(lines)


def run() -> str:
    """Return the report. Failing inputs are kept in ``fuzz-failures/``."""
    outcome = fuzz(COUNT, SEED, FIRST, PROCESSES)
    folder = ROOT / "fuzz-failures"
    keep(outcome, SEED, folder)
    return report(outcome, SEED, folder)
