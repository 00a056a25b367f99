"""Sources: the places where an outlet lists its articles. ``Outlet.sources`` declares them.

The address of a source is absolute, or a path on the outlet's ``host``. Its host is one of the
outlet's.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Source:
    """A place where an outlet lists its articles."""

    method: ClassVar[str]
    """The discovery method that reads it: its name in ``discover``."""


@dataclass(frozen=True)
class Feed(Source):
    """A feed, RSS or Atom."""

    method = "feeds"

    url: str


@dataclass(frozen=True)
class Sitemap(Source):
    """An index of sitemaps, or one file."""

    method = "sitemap"

    url: str
    day: str = ""
    """The address of one day's file: a format string with a date, such as ``/s-{0:%Y-%m}.xml``."""


@dataclass(frozen=True)
class NewsSitemap(Source):
    """The sitemap of the news of two days, with headlines and times of publication."""

    method = "sitemap"

    url: str


@dataclass(frozen=True)
class WordPress(Source):
    """The REST interface of WordPress, version 2. An outlet has one at most."""

    method = "api"

    path: str = "/wp-json/wp/v2"


@dataclass(frozen=True)
class Listings(Source):
    """Pages that link to articles, such as those of sections. An outlet has one of these at most.

    All but ``paths`` and ``front`` are CSS selectors.
    """

    method = "links"

    paths: tuple[str, ...]
    """Paths of the listings that a crawl starts at, as the site writes them, without first slash.
    """
    front: str = ""
    """The one of the paths that lists all articles; every crawl requests it."""
    items: str = ""
    """Elements of a listing's own articles, each with its link. Empty: all links are its own."""
    links: str = ""
    """Links to an article's own sections and tags, on its page."""
    next_page: str = 'link[rel="next"], a[rel="next"], a.next'
    """Links to the next page of a listing. The first link that stays in the listing is followed."""


METHODS = tuple(it.method for it in (Listings, Feed, Sitemap, WordPress))
"""The discovery methods. A crawl uses the first one that the outlet has a source for."""
