"""What the README shows is true: the new outlet works, the commands are there, the record fits."""

import json
import re
import subprocess
import sys

import jsonschema

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.monitoring.checks import CHECKS
from newscrawl.storage import schema
from tests.conftest import ROOT, answer, open_spider, read_article

README = (ROOT / "README.md").read_text("utf-8")
PAGE = """<html lang="en"><body><main><article><a class="kicker" href="/news/">News</a>
<h1>Bridge opens</h1><p class="byline">By Ada Quill - 11/20/26 2:04 PM ET</p>
<div class="story"><p>The bridge opened.</p><aside>Buy now</aside></div>
<ul class="tags"><li><a href="/tag/bridges">Bridges</a></li></ul></article></main></body></html>"""


def test_the_new_outlet_of_the_readme_reads_a_page() -> None:
    (code,) = re.findall(r"```python\n(class GazetteSpider.*?)```", README, flags=re.S)
    assert len(code.splitlines()) < 40
    names = {"re": re, "ArticleSpider": ArticleSpider, "Layout": Layout, "Reader": Reader}
    exec(code, {**names, "Noise": Noise}, names)  # the README's own code
    spider = open_spider(names["GazetteSpider"])  # type: ignore[arg-type]
    page = answer("https://gazette.example/news/bridge-opens-7001.html", PAGE.encode())
    article = read_article(spider, page)
    assert (article.id, article.headline, article.body) == (
        "7001",
        "Bridge opens",
        "The bridge opened.",
    )
    assert (article.section, article.tags) == ("News", ["Bridges"])
    assert article.date_published == "2026-11-20T19:04:00Z"


def test_the_record_of_the_readme_follows_the_schema() -> None:
    shown = next(
        it for it in re.findall(r"```json\n(.*?)```", README, flags=re.S) if "outlet" in it
    )
    jsonschema.validate(json.loads(shown), schema.generate())


def test_the_commands_of_the_readme_are_there() -> None:
    pages = [README, *(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))]
    called = r"^(?:\$ |\.venv/bin/)?scrapy ([\w-]+)"
    commands = {it for page in pages for it in re.findall(called, page, flags=re.M)}
    assert commands >= {"crawl", "runs", "ledger", "history", "check-run"}
    told = subprocess.run(
        [sys.executable, "-m", "scrapy"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    for command in commands:
        assert re.search(rf"^  {command} ", told, flags=re.M), command


def test_every_check_is_explained() -> None:
    page = (ROOT / "docs" / "reading-a-run.md").read_text("utf-8")
    assert not [name for name in CHECKS if not re.search(rf"^\|[^|]*`{name}`", page, flags=re.M)]


def test_scrapy_schema_prints_the_shipped_schema() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "scrapy", "schema"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told == schema.shipped()
