"""LBC Group: https://www.lbcgroup.tv, the news of the Lebanese station LBCI."""

from zoneinfo import ZoneInfo

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, NewsSitemap


class LbcSpider(ArticleSpider):
    """LBC Group, in Arabic and English.

    Domain
      lbcgroup.tv
    Identity
      The number in the path.
    History
      2022: the layout.
    Caveats
      In the zone of Beirut, the printed time is one hour behind structured data, which is taken.
      The description in the page's head is the outlet's name. The tags are the headline's words.
      The sources and pages in English were never seen.
    """

    name, title = "lbc", "LBC Group"
    checked = "a page saved on 2026-01-08, never live"
    host = "www.lbcgroup.tv"
    language, zone, country = "ar", ZoneInfo("Asia/Beirut"), "LB"
    sources = (
        Feed("/Rss/latest-news/ar"),
        Feed("/Rss/latest-news/en"),
        NewsSitemap("/newssitemap.xml"),
    )
    # /news/lifestyle/898682/…/ar
    article = r"/(?!watch/|schedule/)(?:[\w-]+/){1,3}(?P<id>\d{5,8})/[^/]+/(?:ar|en)/?"
    reader = Reader(
        zone=zone,
        layouts=(
            Layout(
                name="article_details",
                article="body:has(div.LongDesc)",
                headline=".article_details_title",
                description="div.ShortDesc",
                dateline="div.article_details_date",
                section="a.article_details_category",
                lead="div.article_details_picture",
                story="div.LongDesc",
                tags="div.article_details_tag:not(.cat-color)",
            ),
        ),
        noise=Noise(selectors=("div.my-gallery",)),
        # og:title lacks the headline's quotation marks.
        order={"headline": ("data", "printed"), "description": ("data", "printed")},
    )
