"""Invented outlets, each with what The Hill does not have."""

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.base_spiders.nexstar import NexstarSpider
from newscrawl.extraction.dates import EASTERN
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, Listings, NewsSitemap, Sitemap

# Arguments with which a command knows these outlets.
OUTLETS = ("-s", "SPIDER_MODULES=newscrawl.spiders,tests.outlets")


class _Invented(ArticleSpider):
    host = "gazette.example"
    article = r"/\w+/[\w-]+-(?P<id>\d+)\.html"
    language = "en"
    reader = Reader(
        layouts=(
            Layout(
                name="plain", article="article", headline="h1", byline="p.by", story="div.story"
            ),
        ),
        noise=Noise(()),
    )


class GazetteSpider(_Invented):
    """Its only source is a news sitemap."""

    name = "gazette"
    sources = (NewsSitemap("/news.xml"),)


class CourierSpider(_Invented):
    """Several feeds and sitemaps, on two hosts that keep their own addresses."""

    name = "courier"
    host = "www.courier.example"
    hosts = ("sport.courier.example",)
    sources = (
        Feed("/rss.xml"),
        Feed("https://sport.courier.example/rss.xml"),
        Sitemap("/index.xml"),
        Sitemap("https://sport.courier.example/months.xml", day="/{0:%Y-%m}.xml"),
    )


class MonitorSpider(_Invented):
    """Listings and a feed; no WordPress."""

    name = "monitor"
    host = "monitor.example"
    scheme = "http"
    sources = (Feed("/rss.xml"), Listings(paths=("world/",)))


class FerrySpider(_Invented):
    """Two hosts, and no https."""

    name = "ferry"
    scheme = "http"
    host = "ferry.example"
    hosts = ("harbour.ferry.example",)
    sources = (Feed("/rss.xml"), Feed("http://harbour.ferry.example/rss.xml"))


class HarborSpider(NexstarSpider):
    """The WordPress of the tests, if its addresses are slugs."""

    name = "harbor"
    host = "thehill.com"
    zone = EASTERN
    sources = (*NexstarSpider.sources, Listings(paths=("news",), front="news"))


class InletSpider(NexstarSpider):
    """Slugs, and no REST."""

    name = "inlet"
    host = "inlet.example"
    sources = (Listings(paths=("news/",), front="news/"),)


class TribuneSpider(_Invented):
    """An article is its canonical address."""

    name = "tribune"
    host = "www.tribune.example"
    article = r"/news/[\w-]+"
    sources = (Listings(paths=("news/",), front="news/"),)


class HeraldSpider(_Invented):
    """Declares no sources."""

    name = "herald"


def page(
    url: str, body: str = "It rained all night.", published: str = "2026-11-20T14:00:00Z"
) -> bytes:
    """Return a page of these outlets' layout."""
    return f"""<!DOCTYPE html><html lang="en"><head><link rel="canonical" href="{url}">
<meta property="article:published_time" content="{published}"></head><body><article>
<h1>Storm nears</h1><p class="by">By Ada Quill</p><div class="story"><p>{body}</p></div>
</article></body></html>""".encode()
