"""The Gazette: an invented site, its pages, and how it answers."""

import json
from typing import Any

from tests.sample.answer import TEXT, Page, page

SITE = "https://www.gazette.example"
URL = f"{SITE}/news/2026/11/bridge-opens-in-halvern-7001.html"
SECOND = f"{SITE}/sport/2026/11/harbour-wins-the-cup-7002.html"
ONE = "The bridge over the river Hal opened on Friday after three years of work, the mayor said."
TWO = "About four hundred people crossed the bridge in the first hour, most of them on bicycles."
THREE = "The old ferry, which has crossed the river since 1911, makes its last trip on Sunday."
TITLE = "Bridge opens in Halvern"


def html(
    title: str = TITLE,
    story: tuple[str, ...] = (ONE, TWO, THREE),
    section: str = "News",
    url: str = URL,
    head: str = "",
    tags: str = "Bridges",
    published: str = "2026-11-20T18:04:00Z",
) -> str:
    """Return an article's page."""
    data: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": title,
        "datePublished": published,
        "author": {"@type": "Person", "name": "Ada Quill"},
        "publisher": {"@type": "Organization", "name": "The Gazette"},
    }
    text = "".join(f"<p>{it}</p>" for it in story)
    return f"""<!DOCTYPE html><html lang="en-GB"><head><meta charset="utf-8">
<title>{title} | The Gazette</title><link rel="canonical" href="{url}">
<meta property="og:site_name" content="The Gazette"><meta property="og:type" content="article">
<link rel="alternate" type="application/rss+xml" href="/feed.xml" title="The Gazette">{head}
<script type="application/ld+json">{json.dumps(data)}</script></head>
<body><header class="site-head"><a href="/">The Gazette</a><nav><a href="/news/">News</a>
<a href="/sport/">Sport</a></nav></header>
<main class="page"><article class="story-page"><a class="kicker" href="/x/">{section}</a>
<h1 class="headline">{title}</h1><p class="byline">By Ada Quill</p>
<div class="story-text css-1x9k2">{text}<aside class="newsletter"><p>Get our letter every
morning, with all that matters in Halvern and around it, in your mailbox.</p></aside></div>
<ul class="topics"><li><a href="/t/1">{tags}</a></li></ul></article></main>
<footer><p>Copyright The Gazette, Halvern. All that is printed here is invented, each word.</p>
</footer></body></html>"""


NEWS = f"""<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>{URL}</loc><news:news>
<news:publication_date>2026-11-20T19:04:00+01:00</news:publication_date>
<news:title>{TITLE}</news:title></news:news></url></urlset>"""
INDEX = f"""<?xml version="1.0"?><sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<sitemap><loc>{SITE}/sitemaps/2026-11.xml</loc></sitemap></sitemapindex>"""
FEED = f"""<?xml version="1.0"?><rss version="2.0"><channel><item><title>{TITLE}</title>
<link>{URL}</link></item></channel></rss>"""
ROBOTS = f"""User-agent: *
Disallow: /private/
Sitemap: {SITE}/sitemap-news.xml
Sitemap: {SITE}/sitemap.xml
"""
XML = ("Content-Type", "application/xml")


class Gazette:
    """The site. ``more`` are further answers by path, or others in place of its own."""

    def __init__(self, **more: Page) -> None:
        self.pages = {
            "/robots.txt": page(200, ROBOTS, TEXT),
            "/sitemap-news.xml": page(200, NEWS, XML),
            "/sitemap.xml": page(200, INDEX, XML),
            "/feed.xml": page(200, FEED, XML),
            URL.removeprefix(SITE): page(200, html()),
            SECOND.removeprefix(SITE): page(
                200, html("Harbour wins the cup", (THREE, ONE, TWO), "Sport", SECOND)
            ),
            **more,
        }
        self.asked: list[str] = []

    def get(self, url: str) -> Page:
        """Answer an address, and note it."""
        self.asked.append(url)
        return self.pages.get(url.removeprefix(SITE)) or page(404, "<p>Not found</p>")
