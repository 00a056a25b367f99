"""Real pages and bodies from ``../shared``: the expected text, and nothing else."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from parsel import Selector

from newscrawl.extraction.markup import css
from newscrawl.extraction.story import Story, read_story
from newscrawl.items import record
from newscrawl.spiders.hill import HillSpider
from tests.conftest import answer, open_spider, read_article

pytestmark = pytest.mark.fast

PAGES = (
    "article-2023-4373704.html",
    "drupal2019-aeb-156770d676.html",
    "drupal2019-turing-article-1.html",
)


def one_space(text: str) -> str:
    """The truth keeps a no-break space beside a space as two spaces; a record never does."""
    return " ".join(text.split())


@pytest.mark.parametrize("page", PAGES)
def test_page_gives_the_truth(shared: Path, page: str) -> None:
    truth = json.loads((shared / "hill/pages/truth.json").read_text("utf-8"))[page]
    body = (shared / "hill/pages" / page).read_bytes()
    article = read_article(open_spider(HillSpider), answer(truth["url"], body))
    got: dict[str, Any] = {
        **record(article),
        "authors": [author.name for author in article.authors],
    }
    got["body"] = (article.body or "").split("\n\n")
    truth["body"] = [one_space(block) for block in truth["body"]]
    assert {field: got[field] for field in truth} == truth


def test_sister_stations_are_not_taken_for_articles(shared: Path) -> None:
    for path in sorted((shared / "stations").glob("*.html")):
        page = Selector(body=path.read_bytes(), encoding="utf-8", type="html")
        article = HillSpider.reader.read_page(page, "https://example.org/")
        assert article is None or article.article.body, path.name


def bodies(shared: Path) -> list[dict[str, Any]]:
    lines = (shared / "hill/bodies/bodies.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 54
    return [json.loads(line) for line in lines]


def read_body(body: dict[str, Any]) -> Story:
    """Read a saved body where it stands: inside a page, or alone as REST gives it."""
    if body["source"].startswith("rest"):
        roots = [Selector(text=body["html"], type="html").root]
    else:
        page = f"<article>{body['html']}<p>Copyright of the page</p></article>"
        root = Selector(text=f"<html><body>{page}</body></html>", type="html").root
        roots = css("div.article__text")(root)
    return read_story(roots, body["url"], HillSpider.reader.noise)


# What SITE.md lists as inside the body but not of the story, by how it is marked.
NOISE = (
    "aside.ad-unit, .hardwall, .nlp-ignore-block, .instaread-audio-player, #s2n-player,"
    " .civic-science-article-container, .sailthru_shortcode, .sailthru-emco-preheader,"
    " .wp-block-nexstar-video, .desktop_hide, .button_block, script, style, iframe"
)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_bodies_lose_nothing_double_nothing_and_glue_nothing(shared: Path) -> None:
    for body in bodies(shared):
        story = read_body(body)
        root = html.fragment_fromstring(body["html"], create_parent="div")
        for element in root.cssselect(NOISE):
            element.drop_tree()
        # An independent reading: every run of text between tags that make blocks, in order.
        expected: list[str] = []
        for element in root.iter("p", "h1", "h2", "h3", "h4", "li", "blockquote"):
            if not any(child.tag in ("p", "ul", "ol", "li") for child in element.iterdescendants()):
                expected.append(one_space(element.text_content()))
        expected = [text for text in expected if text and text != "Full Story"]
        text = one_space((story.text or "").replace("\n- ", "\n"))
        lines = [one_space(line).removeprefix("- ") for line in "\n".join(story.blocks).split("\n")]
        counts = Counter(lines)
        for block, times in Counter(expected).items():
            assert block in text, (body["id"], "lost", block)
            assert counts[block] <= times, (body["id"], "doubled", block)
        assert Counter(words(" ".join(expected))) - Counter(words(text)) == Counter(), body["id"]
        extra = Counter(words(text)) - Counter(words(root.text_content()))
        assert not extra, (body["id"], "glued or made up", extra)


def test_bodies_hold_no_noise(shared: Path) -> None:
    for body in bodies(shared):
        story = read_body(body)
        root = html.fragment_fromstring(body["html"], create_parent="div")
        kept = html.fragment_fromstring(body["html"], create_parent="div")
        for element in kept.cssselect(NOISE):
            element.drop_tree()
        legitimate = one_space(kept.text_content())
        for element in root.cssselect(NOISE):
            for line in element.text_content().splitlines():
                noise = one_space(line)
                if noise and noise not in legitimate:
                    assert noise not in (story.text or ""), (body["id"], noise)
        assert "{beacon}" not in (story.text or "")
        assert not any("submitting-opinion-content" in link for link in story.links), body["id"]


def test_bodies_have_clean_characters(shared: Path) -> None:
    for body in bodies(shared):
        for block in read_body(body).blocks:
            assert re.search(r"[^\S\n ]|  |^\s|\s$|\n(?!- )", block) is None, (body["id"], block)
            assert re.search(r"&(?:\w+|#\d+);|</?\w+", block) is None, (body["id"], block)
