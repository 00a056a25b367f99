"""RSS feeds of the sample site, in the form that WordPress prints."""

from collections.abc import Sequence
from email.utils import format_datetime
from html import escape

from tests.sample.answer import Page, page
from tests.sample.body import description, lead_image, rendered
from tests.sample.news import SITE, Story
from tests.sample.terms import by_name, categories_of, tags_of

_HEAD = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
\txmlns:content="http://purl.org/rss/1.0/modules/content/"
\txmlns:wfw="http://wellformedweb.org/CommentAPI/"
\txmlns:dc="http://purl.org/dc/elements/1.1/"
\txmlns:atom="http://www.w3.org/2005/Atom"
\txmlns:sy="http://purl.org/rss/1.0/modules/syndication/"
\txmlns:slash="http://purl.org/rss/1.0/modules/slash/"
\t
\txmlns:georss="http://www.georss.org/georss"
\txmlns:geo="http://www.w3.org/2003/01/geo/wgs84_pos#"
\txmlns:dcterms="http://purl.org/dc/terms/"
>

<channel>
"""


def feed(title: str, url: str, stories: Sequence[Story]) -> Page:
    """Answer with a feed of `stories`, the newest first; `url` is its own address."""
    lines = [
        f"<title>{rendered(title)}</title>",
        f'<atom:link href="{escape(url)}" rel="self" type="application/rss+xml" />',
        f"<link>{SITE}</link>",
        "<description>Invented news of Calderra</description>",
    ]
    headers = [("Content-Type", "application/rss+xml; charset=UTF-8")]
    if stories:
        changed = max(story.modified for story in stories)
        lines.append(f"<lastBuildDate>{format_datetime(changed)}</lastBuildDate>")
        headers.append(("Last-Modified", format_datetime(changed, usegmt=True)))
    lines += [
        "<language>en-US</language>",
        "<sy:updatePeriod>\n\thourly\t</sy:updatePeriod>",
        "<sy:updateFrequency>\n\t1\t</sy:updateFrequency>",
        "<generator>https://wordpress.org/?v=6.9</generator>",
    ]
    channel = "".join(f"\t{line}\n" for line in lines)
    items = "".join(_item(story) for story in stories)
    return page(200, f"{_HEAD}{channel}{items}</channel>\n</rss>\n", *headers)


def _item(story: Story) -> str:
    first, *others = categories_of(story)
    names = [term.name for term in (first, *by_name(others), *by_name(tags_of(story)))]
    creators = [f"<dc:creator><![CDATA[{author.name}]]></dc:creator>" for author in story.authors]
    sorts = "\n\t\t".join(f"<category><![CDATA[{name}]]></category>" for name in names)
    # The platform prints only the first author where readers look for authors.
    more = "".join(f"      {creator}\n" for creator in creators[1:])
    return f"""\t<item>
\t\t<title>{rendered(story.headline)}</title>
\t\t<link>{story.url}</link>
\t\t
\t\t{creators[0]}
\t\t<pubDate>{format_datetime(story.published)}</pubDate>
\t\t{sorts}
\t\t<guid isPermaLink="false">{SITE}/?p={story.id}</guid>

\t\t\t\t\t<description><![CDATA[{rendered(description(story))}]]></description>
\t\t
\t\t
\t\t
\t\t{more}<enclosure url="{lead_image(story).url}?w=900" type="image/jpeg" length="2077" />
<dcterms:modified>{story.modified:%Y-%m-%dT%H:%M:%S}+00:00</dcterms:modified>
\t</item>
"""
