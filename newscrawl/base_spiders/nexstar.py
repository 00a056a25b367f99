"""Nexstar: the platform of The Hill, of NewsNation and of some 200 local stations."""

import re

from newscrawl.base_spiders.wordpress import WordPressSpider
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.sources import Feed, Sitemap, Source, WordPress
from newscrawl.extraction.story import Entries
from newscrawl.extraction.structured_data import StructuredData
from newscrawl.items import Article

_TAG = re.compile(r"^/(?:people|person|social-tags|tag)/[\w%.-]+/?$")
_LIVE = re.compile(r"^(?:live(?: updates| coverage|:)|watch live updates)\b", re.IGNORECASE)


class NexstarSpider(WordPressSpider):
    """Base of Nexstar's outlets: WordPress, with one theme for The Hill and one for the stations.

    The Hill has the post's number in its addresses, the stations have it on their pages only.
    """

    sources: tuple[Source, ...] = (
        Feed("/feed/"),
        Sitemap("/sitemap.xml", day="/sitemap.xml?yyyy={0:%Y}&mm={0:%m}&dd={0:%d}"),
        WordPress(),
    )
    language = "en-US"
    country = "US"
    older_entries = "div#wpcom-liveblog-container button.liveblog-pagination-next"

    reader = Reader(
        layouts=(
            Layout(
                name="lakana",
                article="article.article__content",
                headline="h1.page-title",
                byline="section.submitted-by.mobile-only",
                section="a.article__header__category",
                lead="figure.article__featured-image",
                story="div.article__text",
                tags="a.tags__item",
            ),
            # Headline and lead picture are in the article (2020) or above it (2023).
            Layout(
                name="station",
                article="body.single:has(article.hentry)",
                headline="h1.article-title",
                byline="div.article-meta",
                section="div.article-eyebrow a",
                lead="figure.article-featured-media",
                lead_caption="div.image-caption-container figcaption",
                story="article.hentry div.article-content",
            ),
        ),
        noise=Noise(
            selectors=(
                "aside.ad-unit",
                "div.hardwall",
                "div.nlp-ignore-block",
                "aside.promo-link",
                "div.article-content-cta-group",
                "div.instaread-audio-player",
                "div#s2n-player",
                "div.civic-science-article-container",
                "div.civic-science-container",
                "div.sailthru_shortcode",
                "div.sailthru-emco-preheader",
                "div.sailthru-signup-widget",
                "div.wp-block-nexstar-video",
                "div.nxs-player-wrapper",
                "figure.ns-block-embed-anvato",
                'div[class*="related-articles"]',
                # Live pages: portraits beside the entries, buttons below them.
                "div.liveblog-meta-avatars",
                "div.liveblog-meta-author-avatar",
                "div.liveblog-pagination",
                "div.liveblog-empty-message",
                "div.liveblog-share",
                "footer.liveblog-entry-tools",
            ),
            texts=("ADVERTISEMENT", "Advertisement"),
            boxes=("Related Articles", "Related Article", "Related:", "Related"),
        ),
        # Automattic's Liveblog, in the markup of its React version and the server's before it.
        live="div#wpcom-liveblog-container",
        entries=Entries(
            entry="div#wpcom-liveblog-container :is(article.liveblog-entry, article[id^=id_])",
            time="a.liveblog-meta-time, time.liveblog-timestamp",
        ),
    )

    def is_tag(self, path: str) -> bool:
        """Return whether a path is the listing of a person or a tag."""
        return bool(_TAG.match(path))

    def kind_of(self, path: str, article: Article, data: StructuredData) -> str:
        """Return the kind, from the section in the address, the page's metadata or the headline."""
        root = path.strip("/").split("/")[0]
        if root in ("video-clips", "hilltv", "video"):
            return "video"
        if article.kind == "live":
            return "live"
        if root == "opinion" or data.meta.get("article:opinion") == "true":
            return "opinion"
        return "live" if _LIVE.match(article.headline) else super().kind_of(path, article, data)
