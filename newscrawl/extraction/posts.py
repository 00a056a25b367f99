"""Fields of a post as WordPress' REST interface sends it.

https://developer.wordpress.org/rest-api/reference/posts/
"""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from newscrawl.extraction.dates import iso_date


def post_date(post: Mapping[str, Any], key: str, zone: tzinfo) -> str | None:
    """Return a post's ``date`` or ``modified`` in the record's form; None for no valid one.

    Where the time in UTC is not set, it is that of the newsroom's clock, which is of ``zone``.
    """
    times = ((post.get(f"{key}_gmt"), UTC), (post.get(key), zone))
    read = (iso_date(text, zone) for text, zone in times if isinstance(text, str))
    return next(filter(None, read), None)


def embedded(post: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the linked objects that the site sent with a post; none if it sent none."""
    objects = post.get("_embedded")
    return objects if isinstance(objects, dict) else {}


def embedded_list(post: Mapping[str, Any], key: str) -> list[Any]:
    """Return the linked objects of one kind, as ``wp:term``; none if that is no list."""
    objects = embedded(post).get(key)
    return objects if isinstance(objects, list) else []
