"""Candidate: a link to an article, and what the place that listed it says of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """A link to an article.

    ``id`` is the outlet's identity of the article and ``url`` the address to ask. ``modified``
    is when the listing says that it changed, and ``published`` when it appeared: UTC as the
    record writes it, or None when the listing does not say.
    """

    id: str
    url: str
    modified: str | None = None
    published: str | None = None
