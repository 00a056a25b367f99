"""Sitemaps of the sample site: an index of days, the days, and the last two days' news."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from html import escape

from tests.sample.answer import Page, page
from tests.sample.news import SITE, Story, eastern
from tests.sample.shelf import Shelf

_XML = ("Content-Type", "application/xml; charset=UTF-8")
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
_NEWS = "http://www.google.com/schemas/sitemap-news/0.9"


def index(shelf: Shelf) -> Page:
    """Answer with the index: the days of this month and the one before that have articles."""
    today = eastern(shelf.moment).date()
    oldest = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    changed: dict[date, datetime] = {}
    for story in shelf.valid():
        day = _day(story)
        if day >= oldest:
            changed[day] = max(changed.get(day, story.modified), story.modified)
    entries = (
        f"<sitemap><loc>{SITE}/sitemap.xml?yyyy={day:%Y}&amp;mm={day:%m}&amp;dd={day:%d}</loc>"
        f"<lastmod>{_iso(when)}</lastmod></sitemap>"
        for day, when in sorted(changed.items(), reverse=True)
    )
    return _xml(f'<sitemapindex xmlns="{_SCHEMA}">', entries, "</sitemapindex>")


def day(shelf: Shelf, year: str, month: str, number: str) -> Page | None:
    """Answer with the articles of one day, maybe none; None if there is no such day."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", f"{year}-{month}-{number}", re.ASCII):
        return None
    try:
        asked = date(int(year), int(month), int(number))
    except ValueError:
        return None
    entries = (
        f"<url><loc>{story.url}</loc><lastmod>{_iso(story.modified)}</lastmod>"
        "<changefreq>monthly</changefreq><priority>0.7</priority></url>"
        for story in shelf.valid()
        if _day(story) == asked
    )
    return _xml(f'<urlset xmlns="{_SCHEMA}">', entries, "</urlset>")


def news(shelf: Shelf) -> Page:
    """Answer with the articles of the last two days, in Google's form."""
    since = shelf.moment - timedelta(days=2)
    entries = (
        f"<url><loc>{story.url}</loc><lastmod>{_iso(story.modified)}</lastmod>"
        "<news:news><news:publication><news:name>The Hill</news:name>"
        "<news:language>en</news:language></news:publication>"
        f"<news:publication_date>{_iso(story.published)}</news:publication_date>"
        f"<news:title>{escape(story.headline)}</news:title></news:news></url>"
        for story in shelf.valid()
        if story.published >= since
    )
    return _xml(f'<urlset xmlns="{_SCHEMA}" xmlns:news="{_NEWS}">', entries, "</urlset>")


def _xml(start: str, entries: Iterable[str], end: str) -> Page:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', start, *entries, end, ""]
    return page(200, "\n".join(lines), _XML)


def _day(story: Story) -> date:
    return eastern(story.published).date()


def _iso(when: datetime) -> str:
    """Return a time as the platform prints it there: in Eastern time, with its offset."""
    return eastern(when).isoformat()
