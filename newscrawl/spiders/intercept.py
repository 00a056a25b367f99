"""The Intercept: https://theintercept.com, investigations from the United States."""

from newscrawl.base_spiders.wordpress import WordPressSpider
from newscrawl.extraction.dates import EASTERN
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, Sitemap, WordPress
from newscrawl.extraction.story import Figures

_ARTICLE = Layout(
    name="2024",
    article="body:has(div.entry-content__content)",
    headline="h1.post__title",
    description="p.post__excerpt, h1.post__title ~ h2",
    byline="div.article-byline__info",
    section="ul.offcanvas__menu li.current-post-ancestor > a",
    lead="article.hentry > img",
    lead_caption="div.image__caption",
    story="div.entry-content__content",
)
_BEFORE_2024 = Layout(
    name="react",
    article="body:has(div.PostContent)",
    headline="h1.Post-title",
    description="h2.Post-excerpt",
    byline="div.PostByline",
    story="div.PostContent > div > :is(p, h2, h3, ul, ol, blockquote, div.img-wrap)",
)


class InterceptSpider(WordPressSpider):
    """The Intercept.

    Domain
      theintercept.com
    Identity
      The post id of WordPress, which the page names, but not the address.
    History
      2023: a theme of WordPress in place of React.
    Caveats
      The section in JSON-LD is the kind of post. Sections are those that the menu marks; keywords
      with "Subject:" are the tags. The layout ``react`` and the sources were never seen.
    """

    name, title = "intercept", "The Intercept"
    checked = "a page saved on 2024-02-28, never live"
    host = "theintercept.com"
    language, zone, country = "en-US", EASTERN, "US"
    sources = (Feed("/feed/?lang=en"), Sitemap("/sitemap_index.xml"), WordPress())
    article = r"/\d{4}/\d\d/\d\d/[\w%-]+/?"
    kinds = {"opinion": "Voices"}
    reader = Reader(
        zone=zone,
        layouts=(_ARTICLE, _BEFORE_2024),
        noise=Noise(
            selectors=(
                *('[id^="third-party"]', '[class*="newsletter"]', '[class*="donat"]'),
                *('[class^="promote-"]', "div.most-read", 'blockquote[class*="stylized"]'),
            ),
        ),
        figures=Figures(
            figure="div.img-wrap",
            caption="p.caption, p.PhotoGrid-description",
            credit="span.photo__credit",
        ),
        order={"description": ("printed", "meta"), "section": ("printed",), "tags": ("data",)},
        tag="Subject: (.+)",
    )
