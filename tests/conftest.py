"""Shared fixtures: real pages, a reader without a crawl, and crawls as users run them."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from scrapy.crawler import Crawler
from scrapy.http import Request, Response
from scrapy.responsetypes import responsetypes
from scrapy.settings import Settings
from scrapy.statscollectors import MemoryStatsCollector

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.discovery.tasks import ArticleTask
from newscrawl.extraction.dates import utc
from newscrawl.items import Article, Candidate
from tests.forks import ROOT, forks

SHARED = ROOT.parent / "shared"


# The files that take longest, the longest first.
LONG = (
    *("test_many_nodes.py", "test_browser.py", "test_discovery_methods.py", "test_bench.py"),
    *("test_wordpress.py", "test_nodes.py", "test_fetch.py", "test_ledger.py", "test_scrapyd.py"),
    *("test_commands.py", "test_faults.py", "test_archive_ranges.py", "test_discovery.py"),
    *("test_checks.py", "test_redesign.py", "test_browse.py", "test_state.py", "test_dataset.py"),
    *("test_remote.py", "test_docs.py", "test_outlet_tools.py", "test_reread.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Take the doctests for fast; a file or a test says so with ``pytest.mark.fast``.

    Put the files first that take longest. Otherwise one of several workers would be left alone with
    such a file at the end.
    """
    for item in items:
        if isinstance(item, pytest.DoctestItem):
            item.add_marker("fast")
    places = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path.name, len(LONG)))


@pytest.fixture(autouse=True)
def same_environment() -> Iterator[None]:
    """Give every test the environment that the one before it found."""
    before = dict(os.environ)
    yield
    if os.environ != before:
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pages, which are other people's text and not in this repository."""
    if not SHARED.is_dir():
        pytest.skip("the real pages (../shared) are not on this machine")
    return SHARED


@pytest.fixture(scope="module")
def storage() -> Iterator[Any]:
    """moto's S3 server."""
    from tests.storage import serving  # noqa: PLC0415  # moto takes a second to import

    with serving() as storage:
        yield storage


def project_settings() -> Settings:
    """Return the project's settings; Scrapy's function would name them in the environment, too."""
    settings = Settings()
    settings.setmodule("newscrawl.settings", priority="project")
    return settings


def open_spider(cls: type[ArticleSpider], **arguments: str) -> ArticleSpider:
    """Return a spider as a crawl would have it, with stats, before any request.

    It reads pages as they are: nobody is here to ask a browser.
    """
    crawler = Crawler(cls, project_settings())
    crawler.stats = MemoryStatsCollector(crawler)
    return cls.from_crawler(crawler, **{"fetch": "page", **arguments})


def answer(url: str, body: bytes, content_type: str = "text/html; charset=UTF-8") -> Response:
    """Return what a server at ``url`` answered, as Scrapy would hand it to a callback."""
    headers = {"Content-Type": content_type}
    kind = responsetypes.from_args(headers={b"Content-Type": content_type.encode()}, body=body)
    return kind(url, headers=headers, body=body, request=Request(url))


def read_article(spider: ArticleSpider, response: Response) -> Article:
    """Return the article that a saved answer gives, through the spider's own callback."""
    candidate = spider.candidate(response.url)
    assert candidate is not None, response.url
    response = for_article(response, candidate)
    return next(it for it in spider.parse_article(response) if isinstance(it, Article))


def for_article(response: Response, candidate: Candidate) -> Response:
    """Return the response as the answer to the request for an article."""
    request = ArticleTask(candidate=candidate).on(response.request or Request(response.url))
    return response.replace(request=request)


def records_of(output: Path, outlet: str = "hill") -> list[dict[str, Any]]:
    """Return every published record of the outlet, in the order of runs and lines."""
    parts = sorted(output.glob(f"{outlet}/run=*/part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text("utf-8").splitlines()]


def runs_of(output: Path, outlet: str = "hill") -> list[dict[str, Any]]:
    """Return every ``run.json`` of the outlet, the oldest first."""
    return [json.loads(it.read_text()) for it in sorted(output.glob(f"{outlet}/run=*/run.json"))]


def wait_until_after(moment: str) -> None:
    """Wait until the time, in whole seconds as records and ``run.json`` have it, is a later one."""
    while utc(datetime.now(UTC)) <= moment:
        time.sleep(0.01)


def make_due(output: Path, *, every: bool = False) -> None:
    """Make the articles due that have a next attempt; ``every`` takes the others, too."""
    with closing(sqlite3.connect(output / "ledger.sqlite3")) as ledger, ledger:
        ledger.execute(
            "UPDATE articles SET next_attempt = '2000-01-01T00:00:00Z'"
            " WHERE next_attempt > '' OR ?",
            [every],
        )


@dataclass(frozen=True)
class Crawl:
    """A finished crawl: its exit code, its log, and what it left."""

    code: int
    log: str
    output: Path
    outlet: str = "hill"

    @property
    def records(self) -> list[dict[str, Any]]:
        return records_of(self.output, self.outlet)

    @property
    def runs(self) -> list[dict[str, Any]]:
        return runs_of(self.output, self.outlet)

    @property
    def stats(self) -> dict[str, Any]:
        """The stats of the latest run."""
        stats: dict[str, Any] = self.runs[-1]["stats"]
        return stats


def environment(output: Path, **more: str) -> dict[str, str]:
    """Return the environment of a command that works on ``output``."""
    # Whether this machine has a browser makes a difference to the tests of the browser only.
    quiet = {"NEWSCRAWL_BROWSER": "/nonexistent"}
    return {**os.environ, **quiet, "NEWSCRAWL_OUTPUT_DIR": str(output), **more}


def command(output: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of ``scrapy``'s as a user does, with settings from the environment."""
    environ = environment(output, **settings)
    if forks().can(environ):
        return forks().run([*arguments], environ, timeout=120)
    return _scrapy("", arguments, environ)


def crawl(
    output: Path, *arguments: str, outlet: str = "hill", limits: str = "", **settings: str
) -> Crawl:
    """Run ``scrapy crawl`` as a user does, with settings from the environment.

    ``limits`` are a shell's resource limits for it, such as ``ulimit -f 32``.
    """
    if limits:
        done = _scrapy(limits, ("crawl", outlet, *arguments), environment(output, **settings))
    else:
        done = command(output, "crawl", outlet, *arguments, **settings)
    return Crawl(done.returncode, done.stdout + done.stderr, output, outlet)


def _scrapy(
    limits: str, arguments: tuple[str, ...], environ: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "scrapy", *arguments]
    if limits:
        command = ["bash", "-c", f'{limits}; exec "$@"', "bash", *command]
    return subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False
    )
