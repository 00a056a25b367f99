"""Addresses: which are articles, which are the same article, and which are never followed."""

from pathlib import Path

import pytest
from scrapy.spiderloader import SpiderLoader

from newscrawl.spiders.hill import HillSpider
from tests.conftest import answer, for_article, open_spider, project_settings

pytestmark = pytest.mark.fast


def identity(url: str) -> str | None:
    candidate = open_spider(HillSpider).candidate(url)
    return candidate.id if candidate else None


def test_every_real_address_is_an_article(shared: Path) -> None:
    spider = open_spider(HillSpider)
    urls = (shared / "hill/misc/article-urls-2026-01.txt").read_text().split()
    assert len(urls) == 376
    for url in urls:
        candidate = spider.candidate(url)
        assert candidate is not None, url
        assert f"/{candidate.id}-" in url
        assert spider.candidate(f"{url}/") == type(candidate)(candidate.id, f"{url}/")


def test_no_real_listing_is_an_article(shared: Path) -> None:
    urls = (shared / "hill/misc/nav-section-urls-2024-02.txt").read_text().split()
    assert [url for url in urls if identity(url)] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://thehill.com/homenews/senate/5671027-a-vote/",
        "https://thehill.com/homenews/senate/5671027-a-vote",
        "https://thehill.com/homenews/senate/5671027-a-vote/amp/",
        "https://thehill.com/homenews/senate/5671027-a-vote?amp",
        "https://thehill.com/homenews/senate/5671027-a-vote/?tbref=hp",
        "https://thehill.com/homenews/senate/5671027-a-vote/?utm_source=x&utm_medium=y#top",
        "http://www.thehill.com/homenews/senate/5671027-a-vote/",
        "https://digital-release.thehill.com/homenews/senate/5671027-a-vote/",
        "https://digital-stage.thehill.com/homenews/senate/5671027-another-slug/",
        "https://thehill.com/?p=5671027",
        "https://thehill.com/node/5671027",
        "https://thehill.com/business/5671027-…-of-words/",
        "https://thehill.com/homenews/ap/ap-u-s-news/5671027-ap/",
        "https://thehill.com/homenews/nexstar_media_wire/5671027-nexstar/",
        "https://thehill.com/wp-json/wp/v2/posts/5671027",
    ],
)
def test_one_article_under_many_addresses(url: str) -> None:
    candidate = open_spider(HillSpider).candidate(url)
    assert candidate is not None
    assert candidate.id == "5671027"
    assert candidate.url.startswith("https://thehill.com/")
    assert "amp" not in candidate.url
    assert "utm" not in candidate.url


@pytest.mark.parametrize(
    "url",
    [
        "https://elections2024.thehill.com/national/5671027-poll/",
        "https://nxslink.thehill.com/join/5671027-x/",
        "https://evil.example/homenews/senate/5671027-a-vote/",
        "https://thehill.com.evil.example/homenews/senate/5671027-a-vote/",
        "https://thehill.com:8080/homenews/senate/5671027-a-vote/",
        "ftp://thehill.com/homenews/senate/5671027-a-vote/",
        "mailto:?body=https://thehill.com/homenews/senate/5671027-a-vote/",
        "https://www.facebook.com/sharer.php?u=https://thehill.com/homenews/senate/5671027-a-vote/",
        "https://thehill.com/author/361406-ada-quill/",
        "https://thehill.com/homenews/senate/",
        "https://thehill.com/homenews/senate/page/12345/",
        "https://thehill.com/a/b/c/d/5671027-too-deep/",
        "https://thehill.com/homenews/1234-too-short/",
        "https://thehill.com/?p=abc",
        "https://thehill.com/?s=5671027",
        "http://[broken",
        "",
    ],
)
def test_what_is_not_an_article(url: str) -> None:
    assert identity(url) is None


def test_an_article_page_leads_to_its_own_sections_and_tags_and_nowhere_else() -> None:
    spider = open_spider(HillSpider)
    page = (Path(__file__).parent / "fixtures/hill/news/page.html").read_bytes()
    response = answer("https://thehill.com/homenews/senate/6012345-x/", page)
    candidate = spider.candidate(response.url)
    assert candidate is not None
    asked = [
        it.url
        for it in spider.parse_article(for_article(response, candidate))
        if hasattr(it, "url") and hasattr(it, "meta")
    ]
    assert sorted(asked) == [
        "https://thehill.com/business/6012003-wool-prices/",
        "https://thehill.com/homenews/house/6012001-ferry-bill-stalls/",
        "https://thehill.com/homenews/senate/",
        "https://thehill.com/people/orla-finch/",
        "https://thehill.com/policy/defense/6012002-harbor-guns/",
        "https://thehill.com/social-tags/orla-finch/",
        "https://thehill.com/tag/budget/",
    ]


@pytest.mark.parametrize(
    ("outlet", "path", "identity"),
    [
        ("tagesschau", "/inland/regional/hafen-sturm-101.html", "hafen-sturm-101"),
        ("tagesschau", "/inland/regional/hafen-sturm-101~amp.html", "hafen-sturm-101"),
        ("tagesschau", "/korrespondenten/anna-schmidt-101.html", None),
        ("tagesschau", "/infoservices/alle-meldungen-100.html", None),
        ("tagesschau", "/thema/hafen", None),
        ("lemonde", "/mer/article/2026/11/20/le-port_7000001_823448.html", "7000001"),
        ("lemonde", "/en/sea/article/2026/11/20/the-port_7000003_7.html", "7000003"),
        ("lemonde", "/mer/live/2026/11/20/en-direct-le-port_7000002_3210.html", "7000002"),
        ("lemonde", "/signataires/anne-dubois/", None),
        ("mainichi", "/articles/20261120/k00/00m/040/100000c", "20261120/k00/00m/040/100000c"),
        ("mainichi", "/english/articles/20261120/p2a/00m/0na/012000c", None),
        ("mainichi", "/reporter/yamadataro/", None),
        ("lbc", "/news/lebanon/900001/العاصفة/ar", "900001"),
        ("lbc", "/news/d/breaking-headlines/900002/the-storm/en", "900002"),
        ("lbc", "/news/category/29/%D9%85/ar", None),
    ],
)
def test_addresses_of_other_outlets(outlet: str, path: str, identity: str | None) -> None:
    spider = open_spider(SpiderLoader(project_settings()).load(outlet))
    candidate = spider.candidate(f"https://{spider.host}{path}")
    assert (candidate and candidate.id) == identity
    assert candidate is None or "~" not in candidate.url
