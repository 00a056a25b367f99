"""The outlet ``generic``: pages of invented sites in, records out; a test for each rule."""

import json
from typing import Any

import pytest

from newscrawl import extract
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.items import record

pytestmark = pytest.mark.fast

URL = "https://www.gazette.example/storm-nears-the-coast/?utm_source=feed"
ONE = "The storm that left the islands on Monday will reach the coast during the night, Quill said."
TWO = "Schools stay closed, and the ferries of Port Halvern will not leave before Thursday morning."
THREE = (
    "Nobody remembers a storm as large as this one so early in the year, said the harbour master."
)
STORY = f"<p>{ONE}</p><p>{TWO}</p><p>{THREE}</p>"
TITLE = "Storm nears the coast of Halvern"
DATA: dict[str, Any] = {
    "@type": "NewsArticle",
    "headline": TITLE,
    "datePublished": "2026-11-20T19:04:00+01:00",
    "author": {"@type": "Person", "name": "Ada Quill"},
}


def page(story: str = STORY, data: Any = DATA, head: str = "", around: str = "{}") -> str:
    """Return a page. ``around`` is the body, with a place for the story."""
    script = f'<script type="application/ld+json">{json.dumps(data)}</script>' if data else ""
    main = f'<h1>{TITLE}</h1><div class="x1">{story}</div>'
    return (
        f"<!DOCTYPE html><html lang=en-GB><head><title>{TITLE} | The Gazette</title>{head}{script}"
        f"</head><body><div>{around.format(main)}</div></body></html>"
    )


def read(html: str, url: str = URL) -> dict[str, Any]:
    article = extract(html, url, outlet="generic")
    return dict(record(article)) | {"authors": [author.name for author in article.authors]}


def blocks(html: str) -> list[str]:
    return (read(html)["body"] or "").split("\n\n")


def test_a_page_gives_a_record_that_says_how_it_was_read() -> None:
    got = read(page())
    assert blocks(page()) == [ONE, TWO, THREE]
    assert {key: got[key] for key in ("outlet", "id", "url", "headline", "authors")} == {
        "outlet": "generic",
        "id": "gazette.example/storm-nears-the-coast",
        "url": "https://www.gazette.example/storm-nears-the-coast/",
        "headline": TITLE,
        "authors": ["Ada Quill"],
    }
    assert (got["date_published"], got["date_precision"]) == ("2026-11-20T18:04:00Z", "second")
    assert (got["extraction"], got["language"], got["source"]) == ("generic", "en-GB", "page")


def test_the_canonical_address_is_the_identity() -> None:
    got = read(page(head='<link rel="canonical" href="http://gazette.example/a/storm">'))
    assert (got["id"], got["url"]) == ("gazette.example/a/storm", "http://gazette.example/a/storm")


MORE = "".join(f"<p>{text} It is the story of another day.</p>" for text in (ONE, TWO, THREE) * 2)


@pytest.mark.parametrize(
    "around",
    [
        # The h1's article, though there is more text in another one.
        f"<article>{{}}</article><article>{MORE}</article>",
        # Where the markup names the body.
        f'<h1>x</h1><div itemprop="articleBody">{STORY}</div><div>{MORE}</div>',
        f"<main>{{}}</main><div>{STORY}</div>",
        # Furniture counts a tenth: by its tag, its names, or because it is hidden.
        f"{{}}<footer>{MORE}</footer>",
        f'{{}}<div class="site-newsletter">{MORE}</div>',
        f"{{}}<div style='display:none'>{MORE}</div>",
        # A page of ASP.NET is one form.
        "<form id=aspnetForm><header><a href=/a>Start</a></header>{}</form>",
    ],
)
def test_the_container_holds_the_story_and_nothing_beside_it(around: str) -> None:
    assert blocks(page(around=around)) == [ONE, TWO, THREE]


NOISE = (
    '<div class="relatedArticles"><p>Read this, which is about something else.</p></div>',
    '<div id="ad-slot-3"><p>Buy it.</p></div>',
    '<section role="navigation"><p>Here and there.</p></section>',
    '<div data-component="PromoBox"><p>Try us for a month.</p></div>',
    "<aside><p>About the author, who has lived on the coast for a long time now.</p></aside>",
    "<figure><img src=/a.jpg><figcaption>The harbour.</figcaption></figure>",
    "<ul><li><a href=/a>Another storm</a></li><li><a href=/b>A dam breaks</a></li></ul>",
    '<div><h3><a href="/b">A dam breaks</a></h3><p>It rained. <a href=/b>More</a></p></div>',
    "<div><p>Our letter, every day.</p><input name=mail></div>",
    "<article><p>Another article, in short.</p></article>",
    "<p>ALSO READ: <a href=/b>A dam breaks</a></p>",
    "<p><a href=/b><strong>A dam breaks after the rain</strong></a></p>",
    "<p hidden>Only for machines.</p>",
    "<p>Advertisement</p>",
)


@pytest.mark.parametrize("noise", NOISE)
def test_noise_is_left_out(noise: str) -> None:
    assert blocks(page(f"<p>{ONE}</p>{noise}<p>{TWO}</p><p>{THREE}</p>")) == [ONE, TWO, THREE]


@pytest.mark.parametrize(
    "part",
    [
        # Random ids contain "Ad", words are longer names.
        f'<div id="xkAdq"><p>{TWO}</p></div>',
        f'<div class="adverbial shared"><p>{TWO}</p></div>',
        # A name that holds much of the story is none of noise; a paywall hides text.
        f'<div class="sidebar-grid"><p>{TWO}</p><p>{TWO}</p></div>',
        f"<div hidden><p>{TWO}</p><p>{TWO}</p></div>",
        f"<figure><blockquote>{TWO}</blockquote></figure>",
        f'<p><a class="tag" href="/q">{TWO[:7]}</a>{TWO[7:]}</p>',
    ],
)
def test_what_looks_like_noise_and_is_the_story_stays(part: str) -> None:
    found = blocks(page(f"<p>{ONE}</p>{part}<p>{THREE}</p>"))
    assert list(dict.fromkeys(found)) == [ONE, TWO, THREE]


def test_what_is_around_the_story_is_trimmed() -> None:
    standfirst = "A storm of a size that nobody has seen in years is near the coast of Halvern."
    story = (
        "<p><em>This text is from our archive, which has been there since 1920.</em></p>"
        f"<p>News</p><p>{TITLE}</p><h2>{standfirst}</h2>"
        f"<p>{ONE}</p><h2>What is open</h2><p>{TWO}</p>"
        f"<p>Share it!</p><p>{THREE}</p><p>Share it!</p><p>More on the sea</p><p>Share it!</p>"
        "<p>Topics</p><p><i>Ada Quill reports from the coast.</i></p>"
    )
    head = f'<meta name="description" content="{standfirst}">'
    assert blocks(page(story, head=head)) == [ONE, "What is open", TWO, THREE]


def test_a_list_of_sentences_may_begin_a_story_and_one_of_words_does_not() -> None:
    long = f"<ul><li>{ONE}</li><li>{TWO}</li></ul>"
    assert blocks(page(f"{long}{STORY}"))[0] == f"- {ONE}\n- {TWO}"
    assert blocks(page(f"<ul><li>Storm</li><li>Coast</li></ul>{STORY}")) == [ONE, TWO, THREE]


def test_text_without_spaces_is_measured_by_its_characters() -> None:
    texts = [
        "嵐は今夜、海岸に達する見込みだと港の責任者が述べた。",
        "学校は木曜日まで休みとなり、船も出ない。",
    ]
    story = "".join(f"<p>{text}</p>" for text in texts)
    assert blocks(page(story, around="<div>広告のある所</div>{}")) == texts


def test_pictures_and_links_of_the_story_are_kept() -> None:
    figure = (
        '<figure><img src="/harbour.jpg"><figcaption>The harbour (B. Marsh)</figcaption></figure>'
    )
    teaser = '<aside class="related"><figure><img src="/other.jpg"></figure></aside>'
    story = f'<p>{ONE} <a href="/ferry?utm_source=x">Ferries</a></p>{figure}{teaser}<p>{TWO}</p>'
    got = read(page(story, DATA | {"image": "https://gazette.example/lead.jpg"}))
    assert got["links"] == ["https://www.gazette.example/ferry"]
    assert got["images"] == [
        {"url": "https://gazette.example/lead.jpg", "caption": None, "credit": None},
        {
            "url": "https://www.gazette.example/harbour.jpg",
            "caption": "The harbour",
            "credit": "B. Marsh",
        },
    ]


# Fields: the chains of their sources.

SITE = '<meta property="og:site_name" content="The Gazette">'
NO_HEADLINE = {key: value for key, value in DATA.items() if key != "headline"}


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (DATA | {"headline": f"{TITLE} | The Gazette"}, SITE),
        (
            DATA | {"headline": f"{TITLE} | Weather"},
            f'<meta property="og:title" content="{TITLE}">',
        ),
        (NO_HEADLINE, f'{SITE}<meta property="og:title" content="{TITLE} - The Gazette">'),
        (NO_HEADLINE, SITE),
    ],
)
def test_the_headline_is_without_the_outlets_name(data: Any, head: str) -> None:
    assert read(page(data=data, head=head))["headline"] == TITLE


def test_a_headline_keeps_what_is_not_the_outlets_name() -> None:
    data = DATA | {"headline": "Storm - a diary"}
    assert read(page(data=data, head=SITE))["headline"] == "Storm - a diary"


def authors(author: Any = None, head: str = "", around: str = "{}") -> list[str]:
    publisher = {"@type": "Organization", "name": "The Gazette"}
    data = DATA | {"author": author, "publisher": publisher}
    names: list[str] = read(page(data=data, head=head, around=around))["authors"]
    return names


@pytest.mark.parametrize(
    ("stated", "names"),
    [
        ("Ada Quill und Bo Marsh", ["Ada Quill", "Bo Marsh"]),
        ("Ada Quill, Bo Marsh y Cy Lund", ["Ada Quill", "Bo Marsh", "Cy Lund"]),
        ("Ada Quill; Bo Marsh", ["Ada Quill", "Bo Marsh"]),
        ("桐谷太郎、森花子", ["桐谷太郎", "森花子"]),
        ("Parks and Rivers", ["Parks and Rivers"]),
        ("Ada Quill, MD", ["Ada Quill, MD"]),
        ("Ada Quill (aq)", ["Ada Quill"]),
    ],
)
def test_names_are_divided_in_several_languages(stated: str, names: list[str]) -> None:
    assert authors({"name": stated}) == names


def test_authors_are_of_the_first_source_that_names_more_than_the_outlet() -> None:
    meta = '<meta name="author" content="Ada Quill">'
    house = {"@type": "Organization", "name": "The Gazette"}
    assert authors(house, meta) == ["Ada Quill"]
    assert authors(None, '<meta name="author" content="105092">') == []
    marked = '<p itemprop="author">Ada Quill</p>{}'
    assert authors(house, around=marked) == ["Ada Quill"]
    assert authors(around='<a rel="author" href="/x">Ada Quill</a>{}') == ["Ada Quill"]
    assert authors(around='<a href="/autor/quill">Ada Quill</a>{}') == ["Ada Quill"]
    assert authors(house) == ["The Gazette"]


UNDATED = {key: value for key, value in DATA.items() if key != "datePublished"}
MOMENT = "2026-11-20T19:04:00+01:00"


@pytest.mark.parametrize(
    ("data", "head", "around"),
    [
        # A time with an offset before one without.
        (
            DATA | {"datePublished": "2026-11-20T07:04:00"},
            "",
            f'<time datetime="{MOMENT}"></time>{{}}',
        ),
        (UNDATED, f'<meta property="article:published_time" content="{MOMENT}">', "{}"),
        ([UNDATED, {"@type": "WebPage", "datePublished": MOMENT}], "", "{}"),
        (UNDATED, "", f'<meta itemprop="datePublished" content="{MOMENT}">{{}}'),
        (UNDATED, "", f'<div><time datetime="{MOMENT}">Friday</time>{{}}</div>'),
        # A time far from the story is another article's.
        (
            UNDATED,
            "",
            f'<div><time datetime="2020-01-01T00:00:00Z"></time></div>'
            f'<div><time datetime="{MOMENT}"></time>{{}}</div>',
        ),
    ],
)
def test_the_time_of_publication(data: Any, head: str, around: str) -> None:
    got = read(page(data=data, head=head, around=around))
    assert (got["date_published"], got["date_precision"]) == ("2026-11-20T18:04:00Z", "second")


@pytest.mark.parametrize(
    ("data", "around"),
    [
        (DATA | {"datePublished": "2026-11-20T19:04:00"}, "{}"),
        (DATA | {"datePublished": "2026-11-20"}, "{}"),
        (UNDATED, "<span>Halvern, 20.11.2026</span>{}"),
        (UNDATED, "<span>2026年11月20日 19:04</span>{}"),
    ],
)
def test_a_time_without_an_offset_states_a_day(data: Any, around: str) -> None:
    got = read(page(data=data, around=around))
    assert (got["date_published"], got["date_precision"]) == ("2026-11-20T00:00:00Z", "day")


@pytest.mark.parametrize(
    ("data", "head"),
    [
        (DATA | {"keywords": "Storm, coast,storm"}, ""),
        (
            DATA,
            '<meta property="article:tag" content="Storm">'
            '<meta property="article:tag" content="coast">',
        ),
        (DATA, '<meta name="news_keywords" content="Storm, coast">'),
    ],
)
def test_tags(data: Any, head: str) -> None:
    assert read(page(data=data, head=head))["tags"] == ["Storm", "coast"]


def test_kind_section_and_access_are_what_the_page_declares() -> None:
    data = DATA | {
        "@type": "OpinionNewsArticle",
        "articleSection": ["Sea", "News"],
        "isAccessibleForFree": "False",
    }
    got = read(page(data=data))
    assert (got["kind"], got["section"], got["sections"]) == ("opinion", "Sea", ["Sea", "News"])
    assert got["accessible"] is False
    head = '<meta property="article:section" content="Sea">'
    assert read(page(head=head))["section"] == "Sea"


@pytest.mark.parametrize(
    "script",
    [
        '<script type="application/ld+json; charset=utf-8">//<![CDATA[\n{}\n//]]></script>',
        '<script type="application/ld+json">{{"@type": "WebPage", "mainEntity": {}}}</script>',
        '<script type="application/ld+json">{{"@type": "WebSite", "name": "x"}}</script></head>'
        '<body><script type="application/ld+json">{}</script>',
    ],
)
def test_json_ld_is_found_wherever_it_is(script: str) -> None:
    data = DATA | {"author": {"@id": "#quill"}}
    person = {"@type": "Person", "@id": "#quill", "name": "Ada Quill"}
    other = f'<script type="application/ld+json">{json.dumps(person)}</script>'
    head = script.format(json.dumps(data)) + other
    assert read(page(data=None, head=head))["authors"] == ["Ada Quill"]


@pytest.mark.parametrize(
    ("slug", "authors"),
    [("storm-nears-the-coast-of-halvern", ["Ada Quill"]), ("storm-index", [])],
)
def test_the_only_article_may_have_the_address_of_another_section(slug: str, authors: Any) -> None:
    data = DATA | {"url": f"https://www.gazette.example/sea/{slug}", "headline": "A storm"}
    head = f'<meta property="article:published_time" content="{MOMENT}">'
    got = read(page(data=data, head=head), f"https://www.gazette.example/news/{slug}")
    assert got["authors"] == authors


# Pages that are no articles.


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        (page(data={"@type": "CollectionPage"}), "a list of articles (CollectionPage)"),
        (
            page(data=None, head='<meta property="og:type" content="website">'),
            "not an article (og:type website)",
        ),
        (page("<p>Not found.</p>", data=None), "no article on the page"),
        (page(data=None), "no date_published"),
        (page("", DATA), "no body"),
        (page()[: page().index("Nobody")], "cut short"),
        ("", "empty answer"),
    ],
)
def test_a_page_without_an_article_is_rejected(html: str, reason: str) -> None:
    with pytest.raises(UnreadableError) as error:
        read(html)
    assert str(error.value) == reason


@pytest.mark.parametrize("url", ["https://gazette.example/", "storm", "ftp://gazette.example/a"])
def test_a_front_page_has_no_article(url: str) -> None:
    with pytest.raises(ArgumentError):
        read(page(), url)


def test_a_page_that_declares_an_article_in_microdata_is_one() -> None:
    around = '<div itemscope itemtype="https://schema.org/NewsArticle">{}</div>'
    head = f'<meta property="og:type" content="website"><meta name="date" content="{MOMENT}">'
    assert read(page(data=None, head=head, around=around))["body"]


def test_a_page_may_leave_out_its_own_end_tags() -> None:
    data = f"<script type=application/ld+json>{json.dumps(DATA)}</script>"
    bare = f"<title>{TITLE}</title>{data}<h1>{TITLE}</h1>{STORY}"
    assert blocks(bare) == [ONE, TWO, THREE]
    with pytest.raises(UnreadableError, match="cut short"):
        read(bare.removesuffix(".</p>"))
