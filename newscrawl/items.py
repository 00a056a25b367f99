"""The record: what newscrawl publishes of an article.

Names are those of schema.org's NewsArticle, in snake_case. The docstring of each field is its
description in the JSON Schema and in docs/reference/record.md.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SCHEMA_VERSION = 2
"""Incremented with every change of the record that a reader could notice."""

KINDS = ("news", "opinion", "newsletter", "live", "video", "audio", "gallery", "sponsored")
PRECISIONS = ("second", "day")
SOURCES = ("page", "api", "browser", "archive")

_UTC = {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ADDRESS = {"pattern": "^https?://"}


def _extra(**keywords: Any) -> dict[str, Any]:
    return {"json_schema_extra": keywords}


@dataclass(slots=True)
class Author:
    """An author of the article."""

    __json_schema_extra__ = {"required": ["name", "url"]}

    name: str = field(metadata=_extra(minLength=1))
    """The name as printed, without "by" and role suffixes such as ", opinion contributor"."""

    url: str | None = None
    """The author's page, or null."""


@dataclass(slots=True)
class Image:
    """A picture of the story."""

    __json_schema_extra__ = {"required": ["url", "caption", "credit"]}

    url: str = field(metadata=_extra(**_ADDRESS))
    """The address of the original, without the parameters that scale it."""

    caption: str | None = None
    """The printed caption without the credit, or null."""

    credit: str | None = None
    """Photographer or agency, from the parenthesis that ends the caption, or null."""


@dataclass(slots=True)
class Article:
    """One version of one article: one line of a part.

    The order of the fields is the order of the keys in the line. A missing value is null, or an
    empty list. Times are UTC, ISO 8601, to the second, with ``Z``.
    """

    __json_schema_extra__ = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "newscrawl article",
    }

    outlet: str = field(default="", metadata=_extra(minLength=1))
    """The outlet's name, such as ``hill``, or ``generic``.

    ``outlet``, ``id`` and ``revision`` are the key.
    """

    id: str = field(default="", metadata=_extra(minLength=1))
    """The outlet's id of the article, as a string; for WordPress the post id, for ``generic`` the
    canonical address without scheme and ``www.``."""

    revision: int = field(default=1, metadata=_extra(minimum=1))
    """1 for the first published version, then one more for each changed version."""

    url: str = field(default="", metadata=_extra(**_ADDRESS))
    """The canonical address, as the page gives it."""

    headline: str = field(default="", metadata=_extra(minLength=1))
    """The headline, without the outlet's name."""

    description: str | None = None
    """The outlet's own summary, or null."""

    authors: list[Author] = field(default_factory=list)
    """The authors, in the printed order."""

    date_published: str = field(default="", metadata=_extra(**_UTC))
    """Time of first publication: from structured data, the page's head, else the printed byline.

    A printed time without a zone is the outlet's. An impossible time is left out.
    """

    date_precision: str = field(default="second", metadata=_extra(enum=list(PRECISIONS)))
    """``second``, or ``day`` if the sources state a day without a time.

    For a ``day``, ``date_published`` is the start of that day in the outlet's zone.
    """

    date_modified: str | None = field(default=None, metadata=_extra(**_UTC))
    """Time of the last change, as the outlet states it; null if it states none, or a day only."""

    section: str | None = None
    """The primary section, by name, or null."""

    sections: list[str] = field(default_factory=list)
    """All sections, by name, in page order, without repeats; the primary one is among them."""

    tags: list[str] = field(default_factory=list)
    """The names of the tags, in page order, without repeats (compared case-insensitively)."""

    kind: str = field(default="news", metadata=_extra(enum=list(KINDS)))
    """The kind of article."""

    accessible: bool | None = None
    """True if the page declares the article free to read, false if a subscription is needed.

    From schema.org's ``isAccessibleForFree`` of the article. Null if the page states neither.
    """

    body: str | None = None
    """The story's text: blocks in order, separated by a blank line.

    A block is a paragraph, a heading, a quotation's paragraph, a row of a table (its cells
    separated by ``|``), the caption of a table or an embed (one line each) or a list (an item
    a line, starting with ``- ``). The page around the story is left out. Null only when a video,
    audio, gallery or live page has no text.
    """

    images: list[Image] = field(default_factory=list)
    """The story's images, the lead image first."""

    links: list[str] = field(default_factory=list)
    """Absolute addresses that the story links to, without tracking parameters and repeats.

    Links to the article itself are left out.
    """

    language: str | None = None
    """The language as a BCP 47 tag (``en-US``), as the page declares it, or null."""

    word_count: int = field(default=0, metadata=_extra(minimum=0))
    """Words of the body, counted as runs of characters between white space.

    Scripts that write no space between words, such as Japanese, Chinese and Thai: letters, because
    programs disagree about where a word ends.
    """

    source: str = field(default="page", metadata=_extra(enum=list(SOURCES)))
    """Where the record was read: the page, REST, the page in a browser, or an archive."""

    source_url: str = field(default="", metadata=_extra(**_ADDRESS))
    """The requested address."""

    date_fetched: str = field(default="", metadata=_extra(**_UTC))
    """Time of the request; for an archive, the time of the capture.

    A further revision with the same time is the same response, read again: the extraction
    changed, not the article.
    """

    extraction: str | None = None
    """The layout that the page was read by, such as ``drupal``.

    It is ``post`` for a post of REST, ``generic`` for a page that was read without selectors.

    Null in records of schema version 1.
    """

    content_hash: str = field(default="", metadata=_extra(pattern="^[0-9a-f]{64}$"))
    """SHA-256 of headline, authors' names and body, in hexadecimal."""

    schema_version: int = field(default=SCHEMA_VERSION, metadata=_extra(const=SCHEMA_VERSION))
    """The version of the record's format."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link to an article.

    ``id`` is the outlet's id of the article and ``url`` the address to request. The listing states
    ``modified`` and ``published``, in the record's form, ``headline`` and ``language``; each may
    be None. ``authors`` are those of the listing, for articles that are read by REST, which names
    no authors. ``credited`` are the authors of the latest revision, if no source names newer ones.
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
    return hashlib.sha256(_JSON.encode(noticed).encode("utf-8", "surrogatepass")).hexdigest()


def record(article: Article) -> Mapping[str, Any]:
    """Return an article as the plain mapping that a line holds, keys in the contract's order."""
    # dataclasses.asdict would copy each value on its way.
    authors, images = list(map(_fields, article.authors)), list(map(_fields, article.images))
    return _fields(article) | {"authors": authors, "images": images}


def _fields(it: Article | Author | Image) -> dict[str, Any]:
    return {name: getattr(it, name) for name in it.__slots__}
