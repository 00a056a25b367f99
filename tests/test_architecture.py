"""Rules for the whole project: outlets, politeness settings, the schema."""

import ast
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from scrapy.spiderloader import SpiderLoader

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.sources import Listings, WordPress
from newscrawl.storage import schema
from tests.conftest import ROOT, open_spider, project_settings

pytestmark = pytest.mark.fast

PACKAGE = ROOT / "newscrawl"
OUTLET_HEADINGS = ["Domain", "Identity", "History", "Caveats"]
SPIDERS = SpiderLoader(project_settings())


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_the_record_knows_nothing_of_scrapy() -> None:
    for path in (
        PACKAGE / "items.py",
        PACKAGE / "storage/books.py",
        *(PACKAGE / "extraction" / f"{n}.py" for n in ("processors", "story", "structured_data")),
    ):
        assert not {it for it in imports(path) if it.split(".")[0] == "scrapy"}, path


def test_no_drawers() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "misc", "common", "middlewares"}


def test_no_class_is_longer_than_200_lines() -> None:
    classes = {
        f"{path.stem}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    assert not {name: lines for name, lines in classes.items() if lines > 200}


@pytest.mark.parametrize("name", SPIDERS.list())
def test_an_outlet_is_one_documented_polite_file(name: str) -> None:
    cls = SPIDERS.load(name)
    assert issubclass(cls, ArticleSpider)
    assert cls.__module__ == f"newscrawl.spiders.{name}"
    assert cls.__name__ == f"{name.title()}Spider"
    assert cls.__doc__
    for term in OUTLET_HEADINGS:
        assert f"\n    {term}\n" in cls.__doc__, f"{name}'s docstring lacks {term}"
    assert not set(vars(cls)) & {"custom_settings", "download_delay", "user_agent", "start_urls"}
    spider = open_spider(cls)
    assert spider.start_error is None
    assert spider.title
    assert spider.checked
    assert spider.sources


@pytest.mark.parametrize("name", SPIDERS.list())
def test_an_outlet_names_each_fact_of_its_addresses(name: str) -> None:
    spider = open_spider(SPIDERS.load(name))
    pattern = re.compile(spider.article)
    assert spider.identity in ("", "address", "canonical", "page")
    assert spider.identity != "address" or "id" in pattern.groupindex
    for kind in (WordPress, Listings):
        assert sum(isinstance(it, kind) for it in spider.sources) <= 1
    for source in spider.sources:
        address = spider.absolute(getattr(source, "url", ""))
        assert urlsplit(address).hostname in (spider.host, *spider.hosts), source
    for path in spider.listings.paths:
        assert spider.candidate(spider.absolute(f"/{path}")) is None, path
    assert spider.candidate(spider.absolute("/")) is None


@pytest.mark.parametrize("name", SPIDERS.list())
def test_every_outlet_starts_at_its_sections(name: str) -> None:
    spider = open_spider(SPIDERS.load(name))
    first = [request.url for request in spider.links.start()]
    assert first == [f"{spider.scheme}://{spider.host}/{it}" for it in spider.listings.paths]


def test_the_settings_are_polite() -> None:
    settings = project_settings()
    assert settings.getbool("ROBOTSTXT_OBEY")
    assert settings.getbool("AUTOTHROTTLE_ENABLED")
    assert settings.getfloat("DOWNLOAD_DELAY") >= 1
    assert settings.getint("CONCURRENT_REQUESTS_PER_DOMAIN") == 1
    assert settings["USER_AGENT"].startswith("newscrawl/")
    assert "+https://" in settings["USER_AGENT"]
    assert "@" in settings["USER_AGENT"]
    assert not settings.getbool("TELNETCONSOLE_ENABLED")
    assert not settings.getbool("REMOTE_CONTROL_ENABLED")


def test_the_shipped_schema_is_the_generated_one() -> None:
    assert json.loads(schema.shipped()) == schema.generate()
    assert schema.shipped() == schema.dump(schema.generate())


def test_every_field_is_documented_in_the_schema() -> None:
    properties = schema.generate()["properties"]
    assert list(properties) == schema.generate()["required"]
    for name, field in properties.items():
        assert field.get("description"), name
