"""AP News: https://apnews.com, the site of the Associated Press."""

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.dates import EASTERN
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import NewsSitemap, Sitemap
from newscrawl.extraction.story import Figures

_ARTICLE = Layout(
    name="brightspot",
    article="body:has(div.RichTextStoryBody)",
    headline="h1.Page-headline",
    byline="div.Page-authors",
    lead="div.Page-lead",
    story="div.RichTextStoryBody",
)
_BEFORE_2023 = Layout(
    name="react",
    article='body:has(div[data-key="article"])',
    headline="div.CardHeadline h1",
    byline="div.CardHeadline > span > span:first-child",
    story='div[data-key="article"] > :is(p, h2, h3, ul, ol, blockquote)',
)


class ApnewsSpider(ArticleSpider):
    """AP News.

    Domain
      apnews.com
    Identity
      The 32 hexadecimal digits at the end of an address. Live pages have none; live pages, videos
      and press releases are left out.
    History
      July 2023: moved to Brightspot; the addresses stayed.
    Caveats
      JSON-LD may have an older headline, and lack authors. Keywords contain codes of the wire.
      The layout ``react`` and the sources were never seen.
    """

    name, title = "apnews", "AP News"
    checked = "a page saved on 2024-09-03, never live"
    host = "apnews.com"
    language, zone, country = "en-US", EASTERN, "US"
    sources = (NewsSitemap("/news-sitemap-content.xml"), Sitemap("/sitemap.xml"))
    article = r"/(?:article/)?(?:[\w-]+-)?(?P<id>[0-9a-f]{32})/?"
    reader = Reader(
        zone=zone,
        layouts=(_ARTICLE, _BEFORE_2023),
        noise=Noise(
            selectors=(
                *("div.Advertisement", "div.Infobox", "div.PageListEnhancementGeneric"),
                *("div.HTMLModuleEnhancement", "div.VideoEnhancement"),
                # Who reported from where, and where to read on.
                'div.RichTextStoryBody > h2:contains("___") + p:nth-last-of-type(-n+3)',
            ),
            texts=("___",),
        ),
        figures=Figures(figure="div.CarouselSlide", caption="span.CarouselSlide-infoDescription"),
        order={"headline": ("printed", "data"), "authors": ("printed", "data")},
        tag=r"(?!.*(?i:state wire| news)$|AP Top News$|[a-z\d ]+$).+",
    )
