"""A page that ends inside its story is no article; one that only lacks its end tags is."""

import random
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from newscrawl import extract
from newscrawl.exceptions import UnreadableError
from tests.recordings import address, article

pytestmark = pytest.mark.fast

STORY = "".join(
    f'<p class="x">Part <a href="/x/{n}">{n}</a>.</p><!-- ad --><script>var a = "<p>";</script>'
    for n in range(30)
)
REAL = {
    "article-2023-4373704.html": (
        "https://thehill.com/homenews/campaign/4373704-trump-im-not-a-student-of-hitler/",
        (b'<div class="article__text', b"</article>"),
    ),
    "drupal2019-aeb-156770d676.html": (
        "https://thehill.com/homenews/state-watch/478880-x",
        (b"field-name-body", b'<div class="article-tags"'),
    ),
    "drupal2019-turing-article-1.html": (
        "https://thehill.com/homenews/administration/478880-x",
        (b"field-name-body", b'<div class="article-tags"'),
    ),
}


def read(page: bytes, url: str) -> dict[str, Any] | str:
    """Return the record of a page, without the time, or why there is none."""
    try:
        return asdict(extract(page, url)) | {"date_fetched": ""}
    except UnreadableError as error:
        return str(error)


def check(page: bytes, url: str, begin: int, end: int, cuts: int) -> None:
    whole = read(page, url)
    assert isinstance(whole, dict)
    # HTML does not ask for these end tags.
    open_ended = re.sub(rb"(?i)</(body|html)\s*>", b"", page)
    assert read(open_ended, url) == whole
    assert read(open_ended + b"<!-- served from a cache -->", url) == whole
    chance = random.Random(1)
    for cut in sorted(chance.randrange(begin, end) for _ in range(cuts)):
        assert isinstance(read(page[:cut], url), str), page[cut - 80 : cut]


def test_a_page_that_ends_inside_its_story_is_no_article() -> None:
    page = article(6000001, STORY)
    begin = page.index(b"article__text")
    check(page, address(6000001), begin, page.index(b"</article>"), 150)
    assert read(page[: begin + 900], address(6000001)) == "cut short"


@pytest.mark.parametrize("name", REAL)
def test_a_real_page_that_ends_inside_its_story_is_no_article(name: str, shared: Path) -> None:
    url, (first, last) = REAL[name]
    page = (shared / "hill/pages" / name).read_bytes()
    begin = page.index(first) + len(first)
    check(page, url, begin, page.index(last, begin) - 200, 12)


def test_the_end_of_an_email_inside_a_story_ends_neither_story_nor_page() -> None:
    page = article(6000001, "<p>a</p></body></html><p>b</p><p>c</p>")
    whole = read(page, address(6000001))
    assert isinstance(whole, dict)
    assert whole["body"] == "a\n\nb\n\nc"
    for cut in (b"</p><p>c", b"c</p></div>"):
        assert read(page[: page.index(cut)], address(6000001)) == "cut short"
