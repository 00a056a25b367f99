"""The pages of the sample site: articles in both layouts, listings, errors."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import quote

from tests.sample import body
from tests.sample.body import Block, fill
from tests.sample.news import SITE, Person, Section, Story, eastern

DRUPAL_MENU = {
    "/homenews/senate": "Senate",
    "/homenews/house": "House",
    "/homenews/administration": "Administration",
    "/policy/defense": "Defense",
}


def printed_date(when: datetime) -> str:
    """Return a time as bylines print it, without zone: `11/23/26 11:35 AM`."""
    return f"{eastern(when):%m/%d/%y %I:%M %p}"


def names(authors: Iterable[Person], *, linked: bool) -> str:
    """Return authors as a byline lists them: `A`, `A and B`, `A, B and C`."""
    parts = [
        f'<a href="{author.url}">{author.name}</a>' if linked else author.name for author in authors
    ]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def opinion_suffix(story: Story) -> str:
    """Return what stands behind the names of an opinion piece's authors."""
    if story.kind != "opinion":
        return ""
    return ", opinion contributors" if story.authors[1:] else ", opinion contributor"


def drupal_paths(story: Story) -> list[str]:
    """Return the paths of the author, people and tag pages that a Drupal page links to."""
    paths = [f"/author/{author.slug}" for author in story.authors]
    for tag in story.tags:
        slug = tag.path.rpartition("/")[2]
        if tag.kind == "people":
            paths += [f"/person/{slug}", f"/people/{slug}"]
        else:
            paths.append(f"/{tag.path}")
    return paths


class Press:
    """Prints pages; what all pages share is set once and kept.

    `stories` are the valid stories that side columns and boxes link to, newest first.
    """

    def __init__(self, stories: Sequence[Story]) -> None:
        self._stories = stories
        self._place = {story.id: place for place, story in enumerate(stories)}
        self._top = list(stories[:18])
        self._videos = [story for story in stories if story.kind == "video"][:2]
        self._by_section: dict[str, list[Story]] = {}
        for story in stories:
            self._by_section.setdefault(story.section.path, []).append(story)
        self._scrolls: dict[str, bytes] = {}
        just_in = "".join(_teaser("just-in-item", *one) for one in enumerate(self._top[:8], 1))
        popular = "".join(_teaser("popular-item", *one) for one in enumerate(self._top, 1))
        fixed = {
            "head": fill("head"),
            "nav": fill("nav"),
            "just_in": fill("sidebars", just_in=just_in),
            "popular": fill("popular", popular=popular),
            "footer": fill("footer"),
        }
        self._fixed = {
            f"<!-- sample:{name} -->".encode(): text.encode() for name, text in fixed.items()
        }

    def body(self, story: Story) -> list[Block]:
        """Return the body of a story."""
        if story.layout == "drupal":
            return body.drupal(story, self._others(story))
        return body.today(story, self._others(story))

    def mailed(self, story: Story) -> str:
        """Return the address with tracking that a newsletter links to."""
        return body.mailed(self._others(story)[0])

    def article(self, story: Story) -> bytes:
        """Return the page of a story."""
        if story.layout == "drupal":
            return self._drupal(story).encode()
        bare = story.broken == "bare"
        image = story.image
        title = escape(story.headline)
        quoted = {
            "url": quote(story.url, safe=""),
            "title": quote(story.headline, safe=""),
            "image": quote(image, safe=""),
        }
        blocks = self.body(story)
        byline = f"by {names(story.authors, linked=story.linked_byline)}{opinion_suffix(story)}"
        if not bare:
            byline += f" - {printed_date(story.published)} ET"
        page = fill(
            "article",
            id=story.id,
            json_ld="" if bare else _json_ld_today(story),
            meta=_bare_meta(story) if bare else _meta(story),
            nxst="{}" if bare else _nxst(story, blocks),
            section_url=story.section.url,
            section=escape(story.section.name),
            disclaimer=_disclaimer(story),
            heading="" if bare else f'<h1 class="page-title">\n\t\t{title}\t</h1>',
            byline=byline,
            share1=fill("share", number=1, **quoted),
            share2=fill("share", number=2, **quoted),
            share3=fill("share", number=3, **quoted),
            popup=fill("share-popup", **quoted),
            lead=_lead(story),
            body="\n".join(block.html for block in blocks),
            tags="\n".join(
                '\t\t\t<a class="tags__item color-light-gray weight-semibold" href="\n'
                f'\t\t{SITE}/{tag.path}/\t\t">\n\t\t{escape(tag.name)}\t\t</a>'
                for tag in story.tags
            ),
        )
        if story.broken == "cut":
            start = '<div class="article__text | body-copy | flow">'
            page = page[: page.index(start) + len(start)] + "\n<p cla"
        return self._bind(page).replace(b"<!-- sample:scroll -->", self._scroll(story.section))

    def listing(
        self,
        title: str,
        url: str,
        stories: Sequence[Story],
        *,
        next_url: str = "",
        rel_next: bool = False,
        aliases: bool = True,
    ) -> bytes:
        """Return a page that lists stories.

        `next_url` is empty on the last page; `rel_next` repeats it in the head;
        with `aliases`, thumbnails link to another address of a story than headlines.
        """
        items = (
            fill(
                "item",
                position=position,
                url=escape(story.url),
                thumb_url=escape(story.alias if aliases else story.url),
                image=story.image,
                section_url=story.section.url,
                section=escape(story.section.name),
                title=escape(story.headline),
                description=escape(body.description(story)),
                author=names(story.authors, linked=True),
                date=f"{eastern(story.published):%m/%d/%y}",
            )
            for position, story in enumerate(stories, 1)
        )
        pagination = ""
        if next_url:
            pagination = (
                '<nav class="navigation pagination" aria-label="Posts"><div class="nav-links">'
                f'<a class="next page-numbers" href="{escape(next_url)}">Next</a></div></nav>'
            )
        text = fill(
            "listing",
            title=escape(title),
            url=url,
            rel_next=f'<link rel="next" href="{escape(next_url)}">'
            if next_url and rel_next
            else "",
            items="".join(items),
            pagination=pagination,
        )
        return self._bind(text)

    def plain(self, title: str, text: str) -> bytes:
        """Return a page with a title and one paragraph."""
        return self._bind(fill("plain", title=title, text=text))

    def home(self, stories: Sequence[Story]) -> bytes:
        """Return the home page: cards instead of a list."""
        cards = (_card(place, story, story.alias) for place, story in enumerate(stories, 1))
        text = fill(
            "listing",
            title="Home",
            url=f"{SITE}/",
            rel_next="",
            items="".join(cards),
            pagination="",
        )
        return self._bind(text)

    def _others(self, story: Story) -> list[Story]:
        place = self._place.get(story.id, 0)
        return [self._stories[(place + step) % len(self._stories)] for step in (1, 4, 9)]

    def _bind(self, text: str) -> bytes:
        # Encoding the parts that all pages share would take longer than all the rest.
        page = text.encode()
        for mark, part in self._fixed.items():
            page = page.replace(mark, part, 1)
        return page

    def _scroll(self, section: Section) -> bytes:
        if section.path not in self._scrolls:
            more = [*self._by_section.get(section.path, [])[:3], *self._top][:3]
            self._scrolls[section.path] = fill(
                "extended-scroll",
                section=escape(section.name),
                section_url=section.url,
                more="".join(_card(*one) for one in enumerate(more, 1)),
                video="".join(_card(*one) for one in enumerate(self._videos, 1)),
                top="".join(_card(*one) for one in enumerate(self._top[:3], 1)),
            ).encode()
        return self._scrolls[section.path]

    def _drupal(self, story: Story) -> str:
        linked = story.index % 2 == 1
        dates = ""
        if story.index % 2:
            dates = "\n".join(
                f'    <meta property="article:{name}_time" content="{_local(when)}" />'
                for name, when in (("published", story.published), ("modified", story.modified))
            )
        byline = names(story.authors, linked=linked).replace(SITE, "") + opinion_suffix(story)
        zone = eastern(story.published).tzname()
        videos = "\n".join(
            '<div class="views-row"><div class="views-field views-field-title">'
            f'<span class="field-content"><a href="{video.path}">{escape(video.headline)}</a>'
            "</span></div></div>"
            for video in self._videos
        )
        menu = "\n".join(
            f'<li class="menu__item"><a href="{path}" class="menu__link">{name}</a></li>'
            for path, name in DRUPAL_MENU.items()
        )
        return fill(
            "drupal",
            menu=menu,
            id=story.id,
            url=story.url,
            path=story.path,
            title=escape(story.headline),
            authors=names(story.authors, linked=False),
            description=escape(body.description(story)),
            keywords=f"{story.facts['first']}, {story.facts['second']}",
            image=story.image,
            dates=dates,
            json_ld="" if story.index % 2 else _json_ld_drupal(story),
            byline=byline.replace('/">', '">'),
            printed=f"{printed_date(story.published)} {zone}",
            body="\n".join(block.html for block in self.body(story)),
            tags=" ".join(
                f'<a href="/person/{tag.path.rpartition("/")[2]}" title="{tag.name}">{tag.name}</a>'
                if tag.kind == "people"
                else f'<a href="/{tag.path}" title="{escape(tag.name)}">{escape(tag.name)}</a>'
                for tag in story.tags
            ),
            videos=videos,
        )


def _teaser(name: str, position: int, story: Story, url: str = "") -> str:
    return fill(
        name,
        position=position,
        url=escape(url or story.url),
        title=escape(story.headline),
        section=escape(story.section.name),
        section_url=story.section.url,
        author=names(story.authors, linked=True),
        image=story.image,
    )


def _card(position: int, story: Story, url: str = "") -> str:
    return _teaser("card", position, story, url)


def _local(when: datetime) -> str:
    return eastern(when).isoformat()


def _utc(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%S}+00:00"


def _disclaimer(story: Story) -> str:
    return "The views expressed are the author’s own" if story.kind == "opinion" else ""


def _lead(story: Story) -> str:
    if body.has_lead_video(story):
        return fill("lead-video", id=story.id)
    image = body.lead_image(story)
    return fill("lead-image", src=image.url, caption=escape(image.printed), alt="")


def _bare_meta(story: Story) -> str:
    return f'\t\t<title>The Hill</title>\n<link rel="canonical" href="{story.url}">'


def _meta(story: Story) -> str:
    return fill(
        "meta",
        id=story.id,
        title=escape(story.headline),
        description=escape(body.description(story)),
        authors=names(story.authors, linked=False),
        url=story.url,
        url_q=quote(story.url, safe=""),
        published=_utc(story.published),
        modified=_utc(story.modified),
        published_local=_local(story.published),
        published_bare=f"{eastern(story.published):%Y-%m-%d %H:%M:%S}",
        image=story.image,
        opinion="true" if story.kind == "opinion" else "false",
    )


def _escaped(text: str) -> str:
    return escape(text).replace("’", "&#8217;").replace("‘", "&#8216;").replace("—", "&#8212;")


def _json_ld_today(story: Story) -> str:
    text = _escaped if story.json_ld == "escaped" else str
    suffix = opinion_suffix(story) if story.index % 2 else ""
    image = body.lead_image(story)
    picture: dict[str, str] = {"@type": "ImageObject", "url": image.url}
    if image.caption:
        picture["name"] = _escaped(image.printed)
    article: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "publisher": {"@type": "Organization", "name": "The Hill"},
        "name": "The Hill",
        "description": text(body.description(story)),
        "potentialAction": {
            "@type": "SearchAction",
            "target": f"{SITE}/search/{{search_term_string}}/",
            "query-input": "required name=search_term_string",
        },
        "url": story.url,
        "author": [
            {
                "@type": "Person",
                "name": author.name + suffix,
                "url": f"{SITE}/author/{author.number}-{author.slug}/",
            }
            for author in story.authors
        ],
        "headline": text(story.headline),
        "datePublished": _utc(story.published),
        "dateModified": _utc(story.modified),
        "mainEntityOfPage": {"@type": "WebPage", "@id": story.url},
        "image": picture,
        "articleSection": text(story.section.name),
        "genre": [text(name) for name in story.genre],
    }
    if body.has_lead_video(story):
        article["associatedMedia"] = [
            {
                "@context": "https://schema.org",
                "@type": "VideoObject",
                "name": "Sample clip",
                "description": "Sample clip",
                "thumbnailUrl": f"{story.image}?w=160",
                "contentUrl": f"https://video.sample.example/{story.id}/master.m3u8",
                "uploadDate": _local(story.published),
                "duration": "P0DT0H1M19S",
            }
        ]
    whole: Any = article
    if story.json_ld == "graph":
        site = {"@type": "WebSite", "@id": f"{SITE}/#website", "name": "The Hill", "url": SITE}
        del article["@context"]
        whole = {"@context": "https://schema.org", "@graph": [site, article]}
    elif story.json_ld == "list":
        whole = [{"@context": "https://schema.org", "@type": "Organization", "url": SITE}, article]
    dumped = json.dumps(whole, separators=(",", ":")).replace("/", "\\/")
    if story.json_ld == "broken":
        dumped = dumped.replace('"headline":', '"alternativeHeadline":"the "big" one","headline":')
    return f'<script type="application/ld+json">\n\t{dumped}</script>'


def _json_ld_drupal(story: Story) -> str:
    article = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": {"@type": "WebPage", "@id": story.url},
        "headline": f"{story.headline} | TheHill",
        "image": story.image,
        "datePublished": _local(story.published),
        "dateModified": _local(story.modified),
        "author": {"@type": "Person", "name": names(story.authors, linked=False)},
        "publisher": {
            "@type": "Organization",
            "name": "The Hill",
            "logo": {"@type": "ImageObject", "url": f"{SITE}/sites/all/themes/sample/logo.png"},
        },
        "articleSection": " - ".join((*reversed(story.section.parents), story.section.name)),
        "description": f"{body.description(story)[:97]}...",
    }
    dumped = json.dumps(article, indent=2, ensure_ascii=False)
    return f'    <script type="application/ld+json">\n    {dumped}\n  </script>'


def _nxst(story: Story, blocks: Sequence[Block]) -> str:
    texts = [text for block in blocks for text in block.text]
    content = {
        "title": story.headline.replace("’", "'"),
        "pageType": "article",
        "authorName": names(story.authors, linked=False),
        "description": _escaped(body.description(story)),
        "publicationDate": _local(story.published),
        "lastModifiedDate": _local(story.modified),
        "publicationDayOfWeek": f"{eastern(story.published):%A}",
        "categoryList": list(dict.fromkeys(story.genre)),
        "primaryCategory": story.section.name,
        "tagList": [],
        "wordCount": sum(len(text.split()) for text in texts),
        "paragraphCount": len(texts),
        "videoCount": int(body.has_lead_video(story)),
        "pageId": int(story.id),
        "providerName": "TheHill",
        "localId": f"thehill-2-article-{story.id}",
        "primaryCategoryId": story.section.number,
    }
    return json.dumps(content).replace("/", "\\/")
