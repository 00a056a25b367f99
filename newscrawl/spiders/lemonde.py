"""Le Monde: https://www.lemonde.fr, the French daily, in French and English."""

from zoneinfo import ZoneInfo

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, NewsSitemap, Sitemap
from newscrawl.extraction.story import Entries, Figures

_LAYOUT = Layout(
    name="article",
    article="body:has(:is(.article__content, .post__live-container))",
    headline="h1.article__title, h1.ds-title",
    description="p.article__desc, span.ds-chapo",
    byline=".meta__author",
    dateline=".meta__date",
    section="ul.breadcrumb a",
    lead="figure.article__media",
    story=".article__content, .post__live-container",
    paywall="section.paywall",
)
_NOISE = Noise(
    selectors=(
        *("section.catcher", "section.paywall", "p.reading-mode-only", "div.dfp-slot"),
        *("aside", "section.article__reactions"),
    ),
    texts=("Il vous reste…",),
)


class LemondeSpider(ArticleSpider):
    """Le Monde.

    Domain
      lemonde.fr; img.lemde.fr has the pictures.
    Identity
      The first one of the two numbers that end the path.
    History
      2018: the layout. 2024: other names for headline and summary in it.
    Caveats
      Most articles end after some paragraphs: the rest needs a subscription.
      The names of 2024, live pages and the sources were never seen.
    """

    name, title = "lemonde", "Le Monde"
    checked = "a page saved on 2023-09-01, never live"
    host = "www.lemonde.fr"
    language, zone, country = "fr", ZoneInfo("Europe/Paris"), "FR"
    sources = (
        Feed("/rss/une.xml"),
        NewsSitemap("/sitemap_news.xml"),
        Sitemap("/sitemap_index.xml"),
    )
    # /politique/article/2023/08/30/sophie-binet-met-en-garde-…_6187099_823448.html
    article = r"/(?:[\w-]+/)+\d{4}/\d\d/\d\d/[^/]*_(?P<id>\d{5,8})_\d+\.html"
    kinds = {"opinion": "/(?:en/opinion|idees)/.*", "audio": "/podcasts/.*", "live": ".*/live/.*"}
    kinds |= {"video": r".*/video/\d.*", "gallery": ".*/portfolio/.*"}
    reader = Reader(
        zone=zone,
        language=language,
        layouts=(_LAYOUT,),
        noise=_NOISE,
        order={"section": ("data", "printed")},
        figures=Figures(credit="span.article__credit"),
        live=".post__live-container",
        entries=Entries(entry=".post__live-container", time="span.date"),
    )
