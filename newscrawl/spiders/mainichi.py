"""Mainichi Shimbun: https://mainichi.jp, the Japanese daily, in Japanese."""

from zoneinfo import ZoneInfo

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.processors import without_suffix
from newscrawl.extraction.sources import Feed, Listings


class MainichiSpider(ArticleSpider):
    """Mainichi Shimbun.

    Domain
      mainichi.jp; cdn.mainichi.jp has the pictures. The English edition is left out.
    Identity
      The path behind ``articles/``: the day, and the place in the edition.
    History
      2021: the layout.
    Caveats
      Many articles need a subscription. A text often ends with its writers in brackets, behind
      places. The brackets stay in the text; they are the authors if the page links none.
      Pages with a paywall and the sources were never seen.
    """

    name, title = "mainichi", "Mainichi Shimbun"
    checked = "a page saved on 2025-01-14, never live"
    host = "mainichi.jp"
    language, zone, country = "ja", ZoneInfo("Asia/Tokyo"), "JP"
    sources = (
        Feed("/rss/etc/mainichi-flash.rss"),
        Listings(paths=("flash/", "shakai/", "seiji/", "biz/", "world/", "science/", "opinion/")),
    )
    # /articles/20250114/k00/00m/030/335000c
    article = r"/(?:premier/\w+/)?articles/(?P<id>\d{8}/\w+/\w+/\w+/\w+)"
    kinds = {"opinion": "社説|余録|オピニオン|記者の目"}
    reader = Reader(
        zone=zone,
        language=language,
        layouts=(
            Layout(
                name="articledetail",
                article="body:has(#articledetail-body)",
                headline="h1.title-page",
                byline="#articledetail-body > p:last-of-type",
                author="#articledetail-title a.articletag-author",
                dateline="#articledetail-title span.articletag-date",
                section="ul.articledetail-head-category-list a",
                lead="#articledetail-body figure",
                story="#articledetail-body",
                paywall=".is-mustpay",
            ),
        ),
        noise=Noise(
            selectors=("aside", "a.articledetail-image-scale"), texts=("この記事は有料記事です…",)
        ),
        order={"section": ("printed", "data")},
        headline=without_suffix(r"\s*[-|｜]\s*毎日新聞"),
    )
