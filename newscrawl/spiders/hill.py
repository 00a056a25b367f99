"""The Hill: https://thehill.com, politics of the United States, about a hundred articles a day."""

import re
from dataclasses import replace
from urllib.parse import SplitResult

from newscrawl.base_spiders.nexstar import NexstarSpider
from newscrawl.extraction.dates import EASTERN
from newscrawl.extraction.loaders import Layout
from newscrawl.extraction.processors import without_suffix
from newscrawl.extraction.sources import Feed, Listings
from newscrawl.extraction.structured_data import StructuredData
from newscrawl.items import Article

# /node/471033 is the short address of the years before 2022.
_NODE = re.compile(r"^/node/(\d{5,8})/?$", re.ASCII)
_AUTHOR_NUMBER = re.compile(r"(?<=/author/)\d+-")

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


class HillSpider(NexstarSpider):
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
        *NexstarSpider.sources[1:],
    )
    # /homenews/senate/5671027-trump-…/  /business/5199…-…/amp/  /homenews/ap/ap-u-s-news/4371…-…
    # but not /author/361406-brett-samuels/
    article = (
        r"(?a)/(?!author/|people/|person/|social-tags/|tag/|search/|wp-)"
        r"(?:[\w-]+/){1,3}(?P<id>\d{5,8})-[^/]*(?:/amp)?/?"
    )
    identity = "address"
    zone = EASTERN

    load_more = "main button.load-more, main a.load-more"

    reader = replace(
        NexstarSpider.reader,
        zone=zone,
        layouts=(
            *NexstarSpider.reader.layouts,
            # Articles, blog posts, press releases: every page with the field of the body.
            replace(_DRUPAL, article="article.node:has(div.field-name-body)"),
            replace(_DRUPAL, article="div.node:has(div.field-name-body)"),
            _DRUPAL,
        ),
        noise=NexstarSpider.reader.noise.more(
            selectors=(
                'figure:has(a[href*="/submitting-opinion-content"])',
                # Newsletters: the phone version repeats the desktop version.
                "table.desktop_hide",
                "a.button",
                "table.button_block",
                # Before 2022: pop-ups about people, inside the paragraphs.
                "span.rollover-people-block",
                "div.dfp-tag-wrapper",
            ),
            texts=("{beacon}", "Full Story"),
        ),
        headline=without_suffix(r"(?:\s*\||\s[-–—])\s*The ?Hill"),
        # /author/361406-brett-samuels/ is /author/brett-samuels/ on the page.
        author_url=lambda url: _AUTHOR_NUMBER.sub("", url),
    )

    def article_id(self, parts: SplitResult) -> str | None:
        """Return the post's number from an address, those of before 2022 among them."""
        match = _NODE.match(parts.path)
        return match[1] if match else super().article_id(parts)

    def kind_of(self, path: str, article: Article, data: StructuredData) -> str:
        """Return the kind; newsletters have sections of their own."""
        is_newsletter = path.startswith("/newsletters/") or "1230-report" in path
        return "newsletter" if is_newsletter else super().kind_of(path, article, data)
