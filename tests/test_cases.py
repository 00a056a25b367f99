"""The situations of ``../shared/cases``, each tested as a user would meet it.

The inputs are not in this repository: without them the tests are skipped. What each must give
stands in its README; here it is data, or a test of its own that says so with ``case``.
"""

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from newscrawl import extract
from newscrawl.items import record
from tests.conftest import SHARED

pytestmark = pytest.mark.fast

URL = "https://thehill.com/homenews/senate/7000001-made-up-story/"
FOLDERS = sorted(path.name for path in (SHARED / "cases").glob("*") if path.is_dir())
OWN: set[str] = set()
"""Cases that have a test of their own."""


def case(*names: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say that a test is of these cases."""
    OWN.update(names)
    return lambda test: test


def picture(name: str, caption: str | None = None, credit: str | None = None) -> dict[str, Any]:
    address = f"https://thehill.com/wp-content/uploads/{name}"
    return {"url": address, "caption": caption, "credit": credit}


ADA = ["Ada Quill"]
RAIN = {"headline": "Made-up story 7000001", "body": "It rained.", "authors": ADA}
TIME = {"date_published": "2026-11-20T19:04:00Z"}

# What newscrawl.extract makes of each case's page.
PAGES: dict[str, dict[str, Any]] = {
    "23-jsonld-naive-date-good-meta": RAIN | TIME,
    "25-date-year-1": RAIN | TIME,
    "28-jsonld-of-a-related-article-first": RAIN | TIME,
    "29-headline-with-tags": {"headline": "Ada Quill on The Tarn Valley Show"},
    "30-author-org-with-and": {"authors": ["Department of Parks and Rivers"]},
    "34-author-br-in-byline": {"authors": ["Ada Quill", "Bo Marsh"]},
    "35-author-organisation-over-byline": {"authors": ADA},
    "36-language-underscore": {"language": "en-US"},
    "38-canonical-not-a-url": RAIN | TIME | {"url": URL, "id": "7000001"},
    "43-invisible-characters": {"body": "Congress met in Tarn Valley today."},
    "44-wp-caption-div": {
        "body": "Before.\n\nAfter.",
        "images": [picture("2026/dam.jpg", "A dam.", "Bo Marsh")],
    },
    "45-img-in-paragraph": {"images": [picture("2026/chart.png")]},
    "46-img-srcset-only": {"images": [picture("lake.jpg", "A lake.")]},
    "49-links-to-itself": {"links": []},
    "50-link-with-line-break-and-u2028": {
        "links": ["https://example.org/ab", "https://example.org/%E2%80%A8c"]
    },
    "51-screen-reader-text": {"body": "Read the report now."},
    "53-nested-body-container": {"body": "Outer start.\n\nInner story.\n\nOuter end."},
}
# Cases that wait for their test.
MISSING = {
    *("01-own-recording-brotli", "04-cut-br", "08-warc-truncated", "15-warc-whole-file-gzip"),
    *("16-warc-damage-in-the-middle", "17-warc-304", "18-warc-date-odd", "19-warc-redirect"),
    *("20-archived-404-marks-gone", "21-older-capture-becomes-latest"),
    "70-clock-set-back",
    "71-scrapy-fetch-is-taken-for-a-crawl",
    "79-scrapy-shell-leaves-a-killed-run",
}
# Cases whose situation a test of another file makes by itself.
ELSEWHERE = {
    "60-sitemap-blank-line-first": "test_discovery.test_sitemaps_of_the_cases",
    "61-sitemap-undeclared-prefix": "test_discovery.test_sitemaps_of_the_cases",
    "65-backfill-over-an-empty-day": (
        "test_discovery.test_a_backfill_of_forty_days_is_broken_off_after_an_empty_one"
    ),
    "66-feed-relative-links": "test_discovery.test_feed_of_a_case",
    "73-pipe-closed-and-ascii-terminal": (
        "test_commands.test_a_closed_pipe_and_an_ascii_terminal_give_no_traceback"
    ),
    "76-warning-in-every-run-with-live-pages": (
        "test_browser.test_a_live_page_is_no_reason_for_a_warning"
    ),
    "78-question-mark-in-output-path": "test_commands.test_any_path_can_hold_the_output",
    "80-remote-url-with-one-slash": "test_commands.test_a_remote_url_with_one_slash_is_refused",
}


def extracted(html: str | bytes, *further: bytes) -> dict[str, Any]:
    """Return the record of a page, authors by name."""
    article = extract(html, URL, further=further)
    return dict(record(article)) | {"authors": [author.name for author in article.authors]}


@pytest.mark.parametrize("name", PAGES)
def test_page(shared: Path, name: str) -> None:
    got = extracted((shared / "cases" / name / "page.html").read_bytes())
    assert {field: got[field] for field in PAGES[name]} == PAGES[name]


def test_headline_of_a_post(shared: Path) -> None:
    [post] = json.loads((shared / "cases/29-headline-with-tags/post.json").read_text("utf-8"))
    assert extracted(json.dumps(post))["headline"] == "Ada Quill on The Tarn Valley Show"


@case("59-rest-lone-surrogate")
def test_half_a_character_in_a_post(shared: Path) -> None:
    posts = json.loads((shared / "cases/59-rest-lone-surrogate/posts.json").read_text("utf-8"))
    assert extracted(json.dumps(posts[0]))["body"] == "Storm nears."


@case("56-article-of-two-pages")
def test_article_of_two_pages(shared: Path) -> None:
    folder = shared / "cases/56-article-of-two-pages"
    pages = [(folder / f"page-{number}.html").read_bytes() for number in (1, 2)]
    assert extracted(*pages)["body"] == "First page.\n\nSecond page."
    with pytest.warns(match="7000001-made-up-story/2/"):
        assert extracted(pages[0])["body"] == "First page."


def test_every_case_has_a_test(shared: Path) -> None:
    assert sorted({*PAGES, *OWN, *ELSEWHERE, *MISSING}) == FOLDERS
    assert not {*PAGES, *OWN, *ELSEWHERE} & MISSING
    for place in ELSEWHERE.values():
        module, test = place.split(".")
        assert callable(getattr(import_module(f"tests.{module}"), test))
