"""The record: what newscrawl publishes of an article.

Names are those of schema.org's NewsArticle, in snake_case. Every field is documented at its
place; ``scrapy schema`` prints the JSON Schema that is generated from this file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA_VERSION = 1
"""Raised with every change of the record that a reader could notice."""

KINDS = ("news", "opinion", "newsletter", "live", "video")
SOURCES = ("page", "api", "browser", "archive")

_UTC = {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_ADDRESS = {"pattern": "^https?://"}


def _extra(**keywords: Any) -> dict[str, Any]:
    return {"json_schema_extra": keywords}


@dataclass(slots=True)
class Author:
    """Somebody who wrote the article."""

    __json_schema_extra__ = {"required": ["name", "url"]}

    name: str = field(metadata=_extra(minLength=1))
    """The name as printed, without "by", ", opinion contributor" and the like."""

    url: str | None = None
    """The author's page, without the numeric prefix that structured data gives it, or null."""


@dataclass(slots=True)
class Image:
    """A picture of the story."""

    __json_schema_extra__ = {"required": ["url", "caption", "credit"]}

    url: str = field(metadata=_extra(**_ADDRESS))
    """The address of the original, without the parameters that scale it."""

    caption: str | None = None
    """What the page prints below it, without the credit, or null."""

    credit: str | None = None
    """Who made it: the parenthesis that ends the caption, or null."""


@dataclass(slots=True)
class Article:
    """One version of one article, as it stands on one line of a part.

    The order of the fields is the order of the keys in the line. A missing value is null, or an
    empty list; it is never made up. Times are UTC, ISO 8601, to the second, with ``Z``.
    """

    __json_schema_extra__ = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "newscrawl article",
    }

    outlet: str = field(default="", metadata=_extra(minLength=1))
    """The outlet, which is the spider's name: ``hill``. With ``id`` and ``revision`` the key."""

    id: str = field(default="", metadata=_extra(minLength=1))
    """The outlet's own identity of the article; for WordPress the post id, as a string."""

    revision: int = field(default=1, metadata=_extra(minimum=1))
    """1 for the first version that we published, then one more for each changed one."""

    url: str = field(default="", metadata=_extra(**_ADDRESS))
    """The canonical address, as the page gives it."""

    headline: str = field(default="", metadata=_extra(minLength=1))
    """The headline, without the outlet's name behind it."""

    description: str | None = None
    """The outlet's own summary, or null."""

    authors: list[Author] = field(default_factory=list)
    """Who wrote it, in the printed order."""

    date_published: str = field(default="", metadata=_extra(**_UTC))
    """When it was first published: structured data, else the printed byline (Eastern Time)."""

    date_modified: str | None = field(default=None, metadata=_extra(**_UTC))
    """When the outlet says that it was last changed, or null."""

    section: str | None = None
    """The primary section, by name, or null."""

    sections: list[str] = field(default_factory=list)
    """All sections, by name, in page order, without repeats; the primary one is among them."""

    tags: list[str] = field(default_factory=list)
    """The names of the tags, in page order, without repeats (compared case-insensitively)."""

    kind: str = field(default="news", metadata=_extra(enum=list(KINDS)))
    """What sort of article it is."""

    body: str | None = None
    """The story's text: blocks in order, separated by a blank line.

    A block is a paragraph, a heading, a quotation's paragraph (one line each) or a list (an item
    a line, starting with ``- ``). Nothing of the page around it. Null only when a video or a
    live page has no text.
    """

    images: list[Image] = field(default_factory=list)
    """The story's pictures, the lead image first."""

    links: list[str] = field(default_factory=list)
    """Addresses that the story links to, absolute, without tracking, without repeats."""

    language: str | None = None
    """The language as a BCP 47 tag (``en-US``), as the page declares it, or null."""

    word_count: int = field(default=0, metadata=_extra(minimum=0))
    """Words of the body, counted as runs of characters between white space."""

    source: str = field(default="page", metadata=_extra(enum=list(SOURCES)))
    """How we read it: from its page, the site's API, a browser or an archive."""

    source_url: str = field(default="", metadata=_extra(**_ADDRESS))
    """The address that was asked."""

    date_fetched: str = field(default="", metadata=_extra(**_UTC))
    """When it was asked; for an archive, when the archived answer was recorded."""

    content_hash: str = field(default="", metadata=_extra(pattern="^[0-9a-f]{64}$"))
    """SHA-256 of what a reader would notice: headline, authors' names and body."""

    schema_version: int = field(default=SCHEMA_VERSION, metadata=_extra(const=SCHEMA_VERSION))
    """The version of this description that the line follows."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link to an article.

    ``id`` is the outlet's identity of the article and ``url`` the address to ask. ``modified``
    is when the listing says that it changed, and ``published`` when it appeared: UTC as the
    record writes it, or None when the listing does not say; ``headline`` and ``language``
    likewise. ``authors`` are those that the listing names, for articles that come by a way that
    names none, and ``credited`` those of the latest revision, where nothing names newer ones.
    """

    id: str
    url: str
    modified: str | None = None
    published: str | None = None
    authors: tuple[Author, ...] = ()
    headline: str | None = None
    language: str | None = None
    credited: tuple[Author, ...] = ()


def content_hash(article: Article) -> str:
    """Return the SHA-256, in hexadecimal, of an article's headline, authors' names and body.

    >>> a = Article(headline="Storm nears", authors=[Author("Ada Quill")], body="Rain.")
    >>> content_hash(a)[:12]
    '98d4b3aa2d6a'
    >>> a.description, a.tags = "Changed", ["weather"]
    >>> content_hash(a)[:12]
    '98d4b3aa2d6a'
    """
    noticed = [article.headline, [author.name for author in article.authors], article.body]
    text = json.dumps(noticed, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def record(article: Article) -> Mapping[str, Any]:
    """Return an article as the plain mapping that a line holds, keys in the contract's order."""
    return asdict(article)
