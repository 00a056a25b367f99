"""BBC: https://www.bbc.com, the news of the British Broadcasting Corporation."""

from zoneinfo import ZoneInfo

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, NewsSitemap, Sitemap
from newscrawl.extraction.story import Figures

_ARTICLE = Layout(
    name="blocks",
    article='body:has(article [data-component="text-block"])',
    headline="article h1",
    byline='[data-component="byline-block"]',
    author='[data-testid^="byline-contributors-contributor"] > div > span:first-child,'
    ' [class*="TextContributorName"]',
    tags='[data-component^="tag-list"] a',
    lead='article [data-component="image-block"] figure',
    story='article [data-component$="-block"]',
)
_BEFORE_2020 = Layout(
    name="story-body",
    article="div.story-body",
    headline="h1.story-body__h1",
    byline="div.byline",
    author="span.byline__name",
    lead="div.story-body__inner > figure",
    story="div.story-body__inner",
)
_FURNITURE = (
    *("headline", "byline", "contributor", "timestamp", "metadata", "links", "tag-list"),
    *("video", "media", "embed", "include", "social-media", "advertisement"),
)


class BbcSpider(ArticleSpider):
    """BBC.

    Domain
      bbc.com, bbc.co.uk
    Identity
      The code at the end of an address, such as c0123456789o; the eight digits before 2023; date
      and slug of features. Live pages and videos are left out.
    History
      2020: blocks; before that ``story-body``. 2023: codes in place of numbers.
    Caveats
      The time of the byline is that of the last change, the lead picture of JSON-LD carries a logo.
      The layout ``story-body``, older forms of ``blocks``, and the sources were never seen.
    """

    name, title = "bbc", "BBC"
    checked = "a page saved on 2026-04-25, never live"
    host, aliases, hosts = "www.bbc.com", ("www.bbc.co.uk",), ("feeds.bbci.co.uk",)
    language, zone, country = "en-GB", ZoneInfo("Europe/London"), "GB"
    sources = (
        Feed("https://feeds.bbci.co.uk/news/rss.xml"),
        NewsSitemap("/sitemaps/https-index-com-news.xml"),
        Sitemap("/sitemaps/https-index-com-archive.xml"),
    )
    article = (
        r"/(?:(?!topics|live|videos|av)[\w-]+/)+(?:[\w-]+-)?"
        r"(?P<id>\d{8}(?:-[\w-]+)?|c[\da-z]{10}o)/?"
    )
    reader = Reader(
        zone=zone,
        layouts=(_ARTICLE, _BEFORE_2020),
        noise=Noise(
            selectors=(
                *(f'[data-component="{it}-block"]' for it in _FURNITURE),
                *('span[class*="VisuallyHidden"]', 'span[class*="off-screen"]'),
                *("figure.media-with-caption", "div.bbccom_advert"),
            ),
        ),
        figures=Figures(credit='figure img ~ span, figure span[role="text"]'),
        order={
            "date_published": ("data", "meta"),
            "section": ("meta:page.subsection", "meta:page.section", "meta"),
        },
    )
