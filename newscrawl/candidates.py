"""Candidate: a link to an article, and what the place that listed it says of it."""

from dataclasses import dataclass

from newscrawl.items import Author


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link to an article.

    ``id`` is the outlet's identity of the article and ``url`` the address to ask. ``modified``
    is when the listing says that it changed, and ``published`` when it appeared: UTC as the
    record writes it, or None when the listing does not say; ``headline`` likewise. ``authors``
    are those that the listing names, for articles that come by a way that names none.
    """

    id: str
    url: str
    modified: str | None = None
    published: str | None = None
    authors: tuple[Author, ...] = ()
    headline: str | None = None
