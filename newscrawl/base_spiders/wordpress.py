"""WordPress: what the outlets share that it publishes."""

import re
from urllib.parse import SplitResult

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.extraction.posts import number_in
from newscrawl.extraction.sources import Feed, Sitemap, Source, WordPress

_POST = re.compile(r"^/wp-json/wp/v2/posts/(\d+)/?$", re.ASCII)
_AMP = re.compile(r"/amp/?$")
_TAG = re.compile(r"^/tag/[\w%.-]+/?$")


class WordPressSpider(ArticleSpider):
    """Base of outlets that WordPress publishes.

    An article is identified by its post's number, which its page, REST and the feed name. Its
    address ends in a slug of three words or more, or has a date.
    """

    sources: tuple[Source, ...] = (Feed("/feed/"), Sitemap("/wp-sitemap.xml"), WordPress())
    article = (
        r"/(?!(?:author|category|comments|feed|page|search|tag)/|wp-)"
        r"(?:[^/]+/)*?(?:\d{4}/\d\d/(?:\d\d/)?[^/]+|[^/-]+-[^/-]*-[^/]+)(?:/amp)?/?"
    )
    identity = "page"

    def article_id(self, parts: SplitResult) -> str | None:
        """Return the identity of an address; the post's number if REST or ``?p=`` names it."""
        if match := _POST.match(parts.path):
            return match[1]
        return number_in(parts.geturl()) or super().article_id(parts)

    def canonical_path(self, parts: SplitResult) -> str:
        """Return the path without ``/amp/``; keep the query only if it contains the number."""
        if parts.path in ("", "/"):
            return f"/?p={self.article_id(parts)}"
        return _AMP.sub("/", parts.path)

    def is_tag(self, path: str) -> bool:
        """Return whether a path is the listing of a tag."""
        return bool(_TAG.match(path))
