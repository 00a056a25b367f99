"""The Hill: https://thehill.com, politics of the United States, about a hundred articles a day."""

import re
from dataclasses import replace
from urllib.parse import SplitResult, parse_qs

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.dates import EASTERN
from newscrawl.extraction.loaders import Layout, Reader
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.processors import without_suffix
from newscrawl.extraction.sources import Feed, Listings, Sitemap, WordPress
from newscrawl.extraction.story import Entries
from newscrawl.extraction.structured_data import StructuredData
from newscrawl.items import Article

# /homenews/senate/5671027-trump-…/  /business/5199…-…/amp/  /homenews/ap/ap-u-s-news/4371…-…
# but not /author/361406-brett-samuels/
_ARTICLE = re.compile(
    r"^/(?!author/|people/|person/|social-tags/|tag/|search/|wp-)(?:[\w-]+/){1,3}(\d{5,8})-[^/]*"
    r"(?:/amp)?/?$",
    re.ASCII,
)
# /node/471033 is the short address of the years before 2022.
_NODE = re.compile(r"^/node/(\d{5,8})/?$", re.ASCII)
_POST = re.compile(r"^/wp-json/wp/v2/posts/(\d{5,8})/?$", re.ASCII)
_ID = re.compile(r"^\d{5,8}$", re.ASCII)
_TAG = re.compile(r"^/(?:people|person|social-tags|tag)/[\w%.-]+/?$")
_AMP = re.compile(r"/amp/?$")
_AUTHOR_NUMBER = re.compile(r"(?<=/author/)\d+-")
_LIVE = re.compile(r"^(?:live(?: updates| coverage|:)|watch live updates)\b", re.IGNORECASE)

_SECTIONS = (
    "news",
    "homenews/",
    "homenews/1230-report/",
    "homenews/administration/",
    "homenews/campaign/",
    "homenews/coronavirus-report/",
    "homenews/education/",
    "homenews/house/",
    "homenews/lgbtq/",
    "homenews/media/",
    "homenews/nexstar_media_wire/",
    "homenews/race-politics/",
    "homenews/senate/",
    "homenews/space/",
    "homenews/state-watch/",
    "homenews/sunday-talk-shows/",
    "policy/",
    "policy/cybersecurity/",
    "policy/defense/",
    "policy/energy-environment/",
    "policy/equilibrium-sustainability/",
    "policy/healthcare/",
    "policy/international/",
    "policy/national-security/",
    "policy/technology/",
    "policy/transportation/",
    "regulation/",
    "regulation/administration/",
    "regulation/court-battles/",
    "regulation/transportation/",
    "business/",
    "business/budget/",
    "business/domestic-taxes/",
    "business/economy/",
    "business/housing/",
    "business/trade/",
    "opinion/",
    "opinion/campaign/",
    "opinion/civil-rights/",
    "opinion/columnists/",
    "opinion/congress-blog/",
    "opinion/congress-blog/labor/",
    "opinion/criminal-justice/",
    "opinion/cybersecurity/",
    "opinion/education/",
    "opinion/energy-environment/",
    "opinion/finance/",
    "opinion/healthcare/",
    "opinion/immigration/",
    "opinion/international/",
    "opinion/judiciary/",
    "opinion/judiciary/supreme-court/",
    "opinion/lindseys-lens/",
    "opinion/national-security/",
    "opinion/robbys-radar/",
    "opinion/technology/",
    "opinion/white-house/",
    "newsletters/",
    "newsletters/1230-report/",
    "newsletters/business-economy/",
    "newsletters/campaign-report/",
    "newsletters/defense-national-security/",
    "newsletters/energy-environment/",
    "newsletters/health-care/",
    "newsletters/morning-report/",
    "newsletters/sustainability/",
    "newsletters/technology/",
    "newsletters/whole-hog-politics/",
    "blogs/blog-briefing-room/",
    "blogs/floor-action/",
    "blogs/in-the-know/",
    "changing-america/",
    "elections/",
    "immigration/",
    "latino/",
    "lobbying/",
    "hilltv/",
    "hilltv/rising/",
    "video-clips/",
    "video-clips/cybersecurity/",
    "video-clips/defense/",
    "video-clips/energy-environment/",
    "video-clips/events/",
    "video-clips/healthcare/",
    "video-clips/in-the-news/",
    "video-clips/international/",
    "video-clips/national-security/",
    "video-clips/sunday-shows/",
    "video-clips/technology/",
    "video-clips/transportation/",
)

_DRUPAL = Layout(
    name="drupal",
    article="body:has(h1#page-title):has(div.field-name-body)",
    headline="h1#page-title",
    byline="span.submitted-by",
    story="div.field-name-body",
    tags="div.article-tags a",
    section_separator=" - ",
)


class HillSpider(ArticleSpider):
    """The Hill.

    Domain
      thehill.com
    Identity
      The WordPress post id, 5-8 digits before the slug; ids before 2022 are Drupal's, kept.
    History
      2022: moved from Drupal to WordPress (Nexstar's "lakana" theme); old addresses redirect.
      2024: bodies carry a second document's DOCTYPE, newsletters a whole e-mail.
      2026: a bot wall answers many plain clients 403 on pages; feeds and REST answer.
    Caveats
      Times are printed in Eastern Time without an offset. REST names no authors.
    """

    name = "hill"
    title = "The Hill"
    checked = "3 pages of 2019 and 2023, 54 stories and 2 feeds that others saved, never live"
    host = "thehill.com"
    # The same articles under other names; search engines have indexed the staging hosts.
    aliases = ("digital-release.thehill.com", "digital-stage.thehill.com")
    sources = (
        Listings(
            paths=_SECTIONS,
            front="news",
            # Without the columns beside a listing.
            items="article.archive__item, main article",
            # Without the menus of an article page.
            links="a.article__header__category, a.tags__item, .article-tags a",
            next_page='link[rel="next"], a.next, a[rel="next"], .pagination__next a, a.load-more',
        ),
        Feed("/feed/?feed=partnerfeed-news-feed&format=rss"),
        Sitemap("/sitemap.xml", day="/sitemap.xml?yyyy={0:%Y}&mm={0:%m}&dd={0:%d}"),
        WordPress(),
    )
    article = _ARTICLE.pattern
    language = "en-US"
    zone = EASTERN
    country = "US"

    load_more = "main button.load-more, main a.load-more"
    older_entries = "div#wpcom-liveblog-container button.liveblog-pagination-next"

    reader = Reader(
        zone=zone,
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
            # Articles, blog posts, press releases: every page with the field of the body.
            replace(_DRUPAL, article="article.node:has(div.field-name-body)"),
            replace(_DRUPAL, article="div.node:has(div.field-name-body)"),
            _DRUPAL,
        ),
        noise=Noise(
            selectors=(
                "aside.ad-unit",
                "div.hardwall",
                "div.nlp-ignore-block",
                "aside.promo-link",
                "div.instaread-audio-player",
                "div#s2n-player",
                "div.civic-science-article-container",
                "div.sailthru_shortcode",
                "div.sailthru-emco-preheader",
                'figure:has(a[href*="/submitting-opinion-content"])',
                "div.wp-block-nexstar-video",
                "div.nxs-player-wrapper",
                'div[class*="related-articles"]',
                # Newsletters: the phone version repeats the desktop version.
                "table.desktop_hide",
                "a.button",
                "table.button_block",
                # Live pages: portraits beside the entries, buttons below them.
                "div.liveblog-meta-avatars",
                "div.liveblog-meta-author-avatar",
                "div.liveblog-pagination",
                "div.liveblog-empty-message",
                "div.liveblog-share",
                "footer.liveblog-entry-tools",
                # Before 2022: pop-ups about people, inside the paragraphs.
                "span.rollover-people-block",
                "div.dfp-tag-wrapper",
            ),
            texts=("{beacon}", "ADVERTISEMENT", "Advertisement", "Full Story"),
            boxes=("Related Articles", "Related Article", "Related:", "Related"),
        ),
        # Automattic's Liveblog, in the markup of its React version and the server's before it.
        live="div#wpcom-liveblog-container",
        entries=Entries(
            entry="div#wpcom-liveblog-container :is(article.liveblog-entry, article[id^=id_])",
            time="a.liveblog-meta-time, time.liveblog-timestamp",
        ),
        headline=without_suffix(r"(?:\s*\||\s[-–—])\s*The ?Hill"),
        # /author/361406-brett-samuels/ is /author/brett-samuels/ on the page.
        author_url=lambda url: _AUTHOR_NUMBER.sub("", url),
    )

    def article_id(self, parts: SplitResult) -> str | None:
        """Return the post id from the path of an address, or from ``?p=``."""
        path = parts.path
        if match := _ARTICLE.match(path) or _NODE.match(path) or _POST.match(path):
            return match[1]
        if path in ("", "/") and "p=" in parts.query:
            number = parse_qs(parts.query).get("p", [""])[0]
            return number if _ID.match(number) else None
        return None

    def canonical_path(self, parts: SplitResult) -> str:
        """Return the path without ``/amp/``; keep the query only if it contains the id."""
        if parts.path in ("", "/"):
            return f"/?p={self.article_id(parts)}"
        return _AMP.sub("/", parts.path)

    def is_tag(self, path: str) -> bool:
        """Return whether a path is the listing of a person or a tag."""
        return bool(_TAG.match(path))

    def kind_of(self, path: str, article: Article, data: StructuredData) -> str:
        """Return the kind, from the section in the address, the page's metadata or the headline."""
        root = path.strip("/").split("/")[0]
        if root == "newsletters" or "1230-report" in path:
            return "newsletter"
        if root in ("video-clips", "hilltv", "video"):
            return "video"
        if article.kind == "live":
            return "live"
        if root == "opinion" or data.meta.get("article:opinion") == "true":
            return "opinion"
        return "live" if _LIVE.match(article.headline) else "news"
