"""The Hill's spider with a layout for the redesigned pages of the tests."""

from dataclasses import replace

from newscrawl.extraction.loaders import Layout
from newscrawl.spiders.hill import HillSpider

REDESIGN = Layout(
    name="redesign",
    article="article.story",
    headline="h1.page-title",
    byline="section.submitted-by.mobile-only",
    section="a.article__header__category",
    lead="figure.article__featured-image",
    story="div.prose",
    tags="a.tags__item",
)


class MendedSpider(HillSpider):
    """The Hill, with the layout of today in front of the others."""

    reader = replace(HillSpider.reader, layouts=(REDESIGN, *HillSpider.reader.layouts))
