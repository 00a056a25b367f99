"""The Guardian: https://www.theguardian.com, a British newspaper that is read in all countries."""

from zoneinfo import ZoneInfo

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, NewsSitemap
from newscrawl.extraction.story import Entries

_ARTICLE = Layout(
    name="dcr",
    article="body:has(:is(div.article-body-commercial-selector, div#liveblog-body))",
    headline='div[data-gu-name="headline"] h1',
    description='div[data-gu-name="standfirst"] p',
    byline='[data-component="meta-byline"]',
    section='a[data-component="section"]',
    lead='div[data-gu-name="media"] figure',
    story="div.article-body-commercial-selector, div#liveblog-body",
)
_BEFORE_2020 = Layout(
    name="frontend",
    article="body:has(div.content__article-body)",
    headline="h1.content__headline",
    description="div.content__standfirst p",
    byline="p.byline",
    section="a.content__section-label__link",
    lead="figure.media-primary",
    story="div.content__article-body",
)


class GuardianSpider(ArticleSpider):
    """The Guardian.

    Domain
      theguardian.com
    Identity
      The path: section, date, slug. The Guardian's open interface has the same ids.
      Pages of pictures, video and audio are left out.
    History
      2020: "dotcom rendering" (the layout ``dcr``).
    Caveats
      JSON-LD names "Guardian staff reporter" where the byline links no author.
      Live pages, the layout ``frontend`` and the sources were never seen.
    """

    name, title = "guardian", "The Guardian"
    checked = "a page saved on 2024-02-24, never live"
    host, aliases = "www.theguardian.com", ("amp.theguardian.com", "www.guardian.co.uk")
    language, zone, country = "en-GB", ZoneInfo("Europe/London"), "GB"
    sources = (Feed("/world/rss"), Feed("/uk-news/rss"), NewsSitemap("/sitemaps/news.xml"))
    article = (
        r"/(?P<id>[\w-]+/(?:(?!video|audio|gallery|picture|ng-interactive)[\w-]+/)*"
        r"\d{4}/[a-z]{3}/\d\d/(?!all/?$)[\w-]+)/?"
    )
    kinds = {"opinion": "/commentisfree/.*"}
    reader = Reader(
        zone=zone,
        layouts=(_ARTICLE, _BEFORE_2020),
        noise=Noise(
            selectors=(
                *("aside", "gu-island", "div#sign-in-gate", "div.submeta", "div.ad-slot"),
                *('figure[data-spacefinder-type*="Newsletter"]', 'a[href^="#EmailSignup"]'),
                *('figure[data-spacefinder-role="richLink"]', 'p[role="note"]'),
                *("span.inline-expand-image", "figure.element-video"),
                # Live pages: the copy of an entry at the top, and buttons.
                *('[data-gu-marker="pinned-post"]', "div#liveblog-body article > footer"),
            ),
        ),
        live="div#liveblog-body",
        entries=Entries(entry='article[id^="block-"]', time="header a:has(time)"),
        order=dict.fromkeys(("headline", "authors", "description"), ("printed", "data", "meta"))
        | dict.fromkeys(("section", "tags"), ("meta", "printed")),
    )
