"""From a saved page to a record: one folder a case, for every outlet."""

import json
from pathlib import Path
from typing import Any

import pytest
from scrapy.spiderloader import SpiderLoader, get_spider_loader

from newscrawl.items import record
from newscrawl.pipelines import ValidatePipeline
from newscrawl.workbench.fixtures import saved_page
from tests.conftest import answer, open_spider, project_settings, read_article

pytestmark = pytest.mark.fast

FIXTURES = Path(__file__).parent / "fixtures"
OUTLETS = get_spider_loader(project_settings())
CASES = sorted(meta.parent for meta in FIXTURES.glob("*/*/meta.json"))


def read_case(folder: Path) -> dict[str, Any]:
    """Return the record that a case's saved answer gives; the time of fetching left out."""
    page = saved_page(folder)
    spider = open_spider(OUTLETS.load(folder.parent.name))
    article = read_article(spider, answer(page.url, page.body, page.content_type))
    ValidatePipeline().process_item(article)
    stats = spider.crawler.stats.get_stats()
    disagreements = sorted(
        k.rpartition("/")[2] for k in stats if k.startswith("newscrawl/disagree/")
    )
    return {k: v for k, v in record(article).items() if k != "date_fetched"} | {
        "disagreements": disagreements
    }


@pytest.mark.parametrize("folder", CASES, ids=lambda it: f"{it.parent.name}-{it.name}")
def test_saved_page_gives_the_expected_record(folder: Path) -> None:
    got = json.loads(json.dumps(read_case(folder)))
    expected = folder / "expected.json"
    if not expected.exists():
        expected.write_text(json.dumps(got, indent=2, ensure_ascii=False) + "\n", "utf-8")
        pytest.fail(f"{expected} was missing; it is written now: review it and run again")
    assert got == json.loads(expected.read_text("utf-8"))


def test_every_outlet_has_a_case() -> None:
    covered = {folder.parent.name for folder in CASES}
    assert covered >= set(SpiderLoader(project_settings()).list())
