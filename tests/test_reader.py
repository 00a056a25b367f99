"""What an outlet declares of its pages: the order of sources, tags, authors, captions."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.markup import parse
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.story import Figures
from newscrawl.items import Article, Author, Image

pytestmark = pytest.mark.fast

LAYOUT = Layout(
    name="2026",
    article="main",
    headline="h1",
    description="p.lead",
    byline="p.byline",
    section="a.kicker",
    tags="ul.tags a",
    story="div.story",
)
URL = "https://gazette.example/storm"
DATA: dict[str, Any] = {
    "@type": "NewsArticle",
    "url": URL,
    "headline": "Storm in data",
    "description": "Data's summary.",
    "datePublished": "2026-11-20T19:04:00Z",
    "articleSection": "Data",
    "author": {"@type": "Person", "name": "Cy Lund"},
}
MAIN = (
    "<main><a class=kicker>Sea</a><a class=kicker>Coast</a><h1>Storm in print</h1>"
    "<p class=lead>Printed summary.</p><p class=byline>By Ada Quill in Port Halvern, Nov. 21, 2026"
    " 8:00 AM GMT</p>{}<div class=story><p>It rained.</p>{}</div></main>"
)
HEAD = (
    '<meta property="og:title" content="Storm in meta"><meta property="desk" content="Weather">'
    '<meta property="article:section" content="Meta"><meta name="keywords" content="Storm, coast">'
)


def read(
    order: Mapping[str, Sequence[str]] | None = None,
    data: Any = DATA,
    tags: str = "",
    story: str = "",
    layout: Layout = LAYOUT,
    **more: Any,
) -> Article:
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>'
    markup = f"<html><head>{HEAD}{script}</head><body>{MAIN.format(tags, story)}</body></html>"
    reader = Reader(layouts=(layout,), noise=Noise(()), order=order or {}, **more)
    page = reader.read_page(parse(markup), URL)
    assert page
    return page.article


@pytest.mark.parametrize(
    ("field", "order", "value"),
    [
        ("headline", None, "Storm in data"),
        ("headline", ("printed", "data"), "Storm in print"),
        ("headline", ("meta", "data"), "Storm in meta"),
        ("description", None, "Data's summary."),
        ("description", ("printed", "data"), "Printed summary."),
        ("section", None, "Data"),
        ("section", ("printed",), "Sea"),
        ("section", ("meta", "printed"), "Meta"),
        ("section", ("meta:none", "meta:desk"), "Weather"),
        ("date_published", None, "2026-11-20T19:04:00Z"),
        ("date_published", ("printed", "data"), "2026-11-21T08:00:00Z"),
        ("authors", None, [Author("Cy Lund")]),
        ("authors", ("printed", "data"), [Author("Ada Quill")]),
    ],
)
def test_the_order_of_sources_is_the_outlets(field: str, order: Any, value: Any) -> None:
    assert getattr(read({field: order} if order else None), field) == value


def test_the_printed_section_is_before_meta_elements_if_json_ld_has_none() -> None:
    data = {key: value for key, value in DATA.items() if key != "articleSection"}
    assert read(data=data).section == "Sea"
    assert read(data=data, layout=replace(LAYOUT, section="")).section == "Meta"


def test_microdata_states_times_that_no_other_source_has() -> None:
    undated = {key: value for key, value in DATA.items() if key != "datePublished"}
    marks = (
        '<meta itemprop="datePublished" content="2026-11-20T19:04:05+01:00">'
        '<time itemprop="dateModified">2026-11-20T20:00:00Z</time>'
    )
    article = read(data=undated, tags=marks, layout=replace(LAYOUT, byline=""))
    assert (article.date_published, article.date_precision) == ("2026-11-20T18:04:05Z", "second")
    assert article.date_modified == "2026-11-20T20:00:00Z"
    assert read(data=undated, tags=marks).date_published == "2026-11-21T08:00:00Z"


def test_all_sections_have_an_order_too() -> None:
    assert read().sections == ["Data"]
    order = {"section": ("printed",)}
    assert read(order).sections == ["Sea", "Coast"]
    assert read(order | {"sections": ("printed", "meta:desk")}).sections == [
        "Sea",
        "Coast",
        "Weather",
    ]


@pytest.mark.parametrize(
    ("printed", "data", "tags"),
    [
        ("<ul class=tags><li><a>Rain</a></ul>", {"keywords": ["Wind", "Sea"]}, ["Rain"]),
        ("", {"keywords": ["Wind", "Sea"]}, ["Wind", "Sea"]),
        ("", {"keywords": "Wind, Sea"}, ["Wind", "Sea"]),
        ("", {}, ["Storm", "coast"]),
    ],
)
def test_tags_are_of_the_first_source_that_has_some(printed: str, data: Any, tags: Any) -> None:
    assert read(data=DATA | data, tags=printed).tags == tags


def test_a_rule_says_which_keywords_are_tags() -> None:
    data = DATA | {"keywords": ["Subject: Sea", "Day: Monday", "Subject: Rain"]}
    assert read(data=data, tag="Subject: (.+)").tags == ["Sea", "Rain"]
    assert read(data=data, tag="Day.*").tags == ["Day: Monday"]


@pytest.mark.parametrize("order", [{"title": ("data",)}, {"headline": ("page",)}])
def test_an_unknown_field_or_source_is_an_error(order: Any) -> None:
    with pytest.raises(ValueError, match=r"no (field|source) '(title|page)'"):
        read(order)


def test_elements_that_print_one_name_each_are_whole_names() -> None:
    byline = (
        "<p class=by><a href=/ada>Ada Quill</a> Sea editor, <a href=/bo>Parks and Rivers</a></p>"
    )
    article = read(
        {"authors": ("printed", "data")},
        tags=byline,
        layout=replace(LAYOUT, author="p.by a"),
    )
    assert article.authors == [
        Author("Ada Quill", "https://gazette.example/ada"),
        Author("Parks and Rivers", "https://gazette.example/bo"),
    ]


def test_an_element_of_authors_may_print_several_names() -> None:
    names = "<p class=by>By Ada Quill &amp; Bo Marsh</p><p class=job>News, Rome</p>"
    order = {"authors": ("printed", "data")}
    article = read(order, tags=names, layout=replace(LAYOUT, author="p.by"))
    assert article.authors == [Author("Ada Quill"), Author("Bo Marsh")]


def test_captions_and_credits_are_found_by_their_marks() -> None:
    story = (
        '<div class=slide><img src="/a.jpg"><p class=text>The harbour.</p></div>'
        '<figure><img src="/b.jpg"><span class=by>Halvern Wire</span>'
        "<figcaption>The dam</figcaption></figure>"
        '<figure><img src="/c.jpg"><figcaption>The sea. <i class=by>Photo: Bo Marsh</i>'
        "</figcaption></figure>"
        '<figure><img src="/d.jpg"><figcaption>The coast. Photograph: Cy Lund</figcaption></figure>'
        "<p class=text>A caption alone.</p><p>It stopped.</p>"
    )
    figures = Figures(figure="div.slide", caption="p.text", credit=".by")
    article = read(story=story, figures=figures)
    assert article.images == [
        Image("https://gazette.example/a.jpg", "The harbour."),
        Image("https://gazette.example/b.jpg", "The dam", "Halvern Wire"),
        Image("https://gazette.example/c.jpg", "The sea.", "Bo Marsh"),
        Image("https://gazette.example/d.jpg", "The coast.", "Cy Lund"),
    ]
    assert article.body == "It rained.\n\nIt stopped."


def test_all_pictures_before_the_story_are_kept_the_first_one_first() -> None:
    slides = '<div class=slides><img src="/a.jpg"><img src="/b.jpg"></div><p class=note>The sea</p>'
    layout = replace(LAYOUT, lead="div.slides", lead_caption="p.note")
    article = read(tags=slides, layout=layout)
    assert article.images == [
        Image("https://gazette.example/a.jpg", "The sea"),
        Image("https://gazette.example/b.jpg"),
    ]
