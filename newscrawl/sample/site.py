"""SampleSite: a made-up copy of The Hill that answers any address, and knows the truth.

The pages have the layouts, the noise and the faults of the real ones; the news is invented.
The same arguments give the same bytes, always: nothing is random and no clock is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from newscrawl.sample.body import Image, figures, fill, lead_image
from newscrawl.sample.news import SECTIONS, SITE, Story, build, why_broken
from newscrawl.sample.page import DRUPAL_MENU, Press, drupal_paths
from newscrawl.spiders.hill import HillSpider

ITEMS_PER_PAGE = 15
LINKED_OTHERWISE = (
    SITE,
    f"{SITE}/news/",
    "http://thehill.com/newsletters/business-economy/",
    "https://digital-stage.thehill.com/news/",
)
ENDLESS = "homenews/state-watch"
ENDLESS_SHOWN = 5
HOME_ITEMS = 30
HTML = ("Content-Type", "text/html; charset=UTF-8")
HOSTS = frozenset(
    ("thehill.com", "www.thehill.com", "digital-stage.thehill.com", "digital-release.thehill.com")
)
ROBOTS = (
    "User-agent: *\nDisallow: /wp-admin/\nDisallow: /search/\nAllow: /wp-admin/admin-ajax.php\n"
)
PLAIN = {
    "submitting-opinion-content": ("Submit opinion content", "Write to the desk in Port Merrow."),
    "contact": ("Contact", "The sample site has no telephone."),
}
# The shortest start of a JPEG file that file(1) recognises, then noise.
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffdb004300") + bytes(range(256)) * 8


@dataclass(frozen=True)
class Page:
    """One HTTP answer; `headers` are names and values in the order sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class Expected:
    """What a correct record of a page says.

    Times are UTC, `2026-11-23T20:14:00Z`. `body` has one block for each paragraph, heading,
    quote, paragraph of a quote, and signature of a tweet; a list is one block, its items on
    lines that start with `- `. Spaces are plain, even where the page has no-break spaces.
    `images` have `url` (without query), `caption` and `credit`; a lead video counts by its
    `og:image`. `section` is None for Drupal pages without JSON-LD, which do not say it.
    """

    url: str
    headline: str
    authors: list[str]
    date_published: str
    date_modified: str
    section: str | None
    sections: list[str]
    tags: list[str]
    kind: str
    layout: str
    body: list[str]
    images: list[dict[str, str | None]]


class _Listing(NamedTuple):
    title: str
    stories: list[Story]
    by_query: bool

    @property
    def pages(self) -> int:
        return max(1, -(-len(self.stories) // ITEMS_PER_PAGE))


class SampleSite:
    """The whole site, in memory; pages are printed when they are asked for.

    `articles` is the number of valid articles in edition 1, at least 1. Edition 2 is the
    site some hours later: three articles more, and one corrected. Other arguments raise
    ValueError.
    """

    def __init__(self, articles: int = 96, edition: int = 1) -> None:
        if articles < 1 or edition not in {1, 2}:
            msg = f"articles={articles}, edition={edition}: want articles >= 1, edition 1 or 2"
            raise ValueError(msg)
        self._edition = edition
        self._stories = build(articles, edition)
        self._by_id = {story.id: story for story in self._stories}
        # Side columns stay those of edition 1, so that unchanged articles keep their bytes.
        first = self._stories if edition == 1 else build(articles, 1)
        self._press = Press([story for story in first if not story.broken])
        self._listings = self._list_stories()

    def get(self, url: str) -> Page:
        """Answer an absolute address; an unknown one with status 404."""
        parts = urlsplit(url)
        path = parts.path or "/"
        if parts.hostname not in HOSTS:
            return self._missing()
        if parts.hostname == "www.thehill.com":
            return _redirect(f"{SITE}{path}{'?' if parts.query else ''}{parts.query}")
        query = parse_qs(parts.query, keep_blank_values=True)
        if path == "/":
            story = self._by_id.get(query.get("p", [""])[0])
            return _redirect(story.url) if story else self._home()
        found = re.fullmatch(r"/(?!author/)(?:.*/)?(\d{5,8})-[^/]*(?:/amp)?/?", path)
        if found:
            story = self._by_id.get(found.group(1))
            return self._article(story, path) if story else self._missing()
        return self._other(path, query)

    def urls(self) -> list[str]:
        """Return every address that a page links to and that answers with another status than 404.

        Of the endless pagination only the first pages past its end are among them.
        """
        urls = [f"{SITE}/", f"{SITE}/robots.txt", *(f"{SITE}/{name}/" for name in PLAIN)]
        for path, listing in self._listings.items():
            extra = ENDLESS_SHOWN if path == ENDLESS else 0
            urls += [self._page_url(path, number) for number in range(1, listing.pages + extra + 1)]
        people = {author for story in self._stories for author in story.authors}
        urls += sorted(f"{SITE}/author/{one.number}-{one.slug}/" for one in people)
        urls += [*LINKED_OTHERWISE, *(f"{SITE}{path}" for path in DRUPAL_MENU)]
        for story in self._stories:
            if story.broken != "gone":
                urls += [story.url, story.alias]
            if story.kind == "newsletter":
                urls.append(self._press.mailed(story))
            if story.layout == "drupal":
                urls += [f"{SITE}{path}" for path in drupal_paths(story)]
        return list(dict.fromkeys(urls))

    def expected(self) -> dict[str, Expected]:
        """Return the truth about every valid article, by id, newest first."""
        return {story.id: self._expect(story) for story in self._valid()}

    def broken(self) -> dict[str, str]:
        """Return, by id, why a page cannot give a record."""
        return {story.id: why_broken(story) for story in self._stories if story.broken}

    def _valid(self) -> list[Story]:
        return [story for story in self._stories if not story.broken]

    def _list_stories(self) -> dict[str, _Listing]:
        listings: dict[str, _Listing] = {}

        def add(path: str, title: str, story: Story) -> None:
            if path not in listings:
                by_query = path.startswith(("news", "policy", "people", "homenews/house"))
                listings[path] = _Listing(title, [], by_query)
            listings[path].stories.append(story)

        for story in self._stories:
            add("news", "News", story)
            path = story.section.path
            add(path, story.section.name, story)
            for parent in story.section.parents:
                path = path.rpartition("/")[0]
                add(path, parent, story)
            if not story.broken:
                for author in story.authors:
                    add(f"author/{author.slug}", author.name, story)
                for tag in story.tags:
                    add(tag.path, tag.name, story)
        # The paper has more sections than news: the others answer, with nothing in them.
        for path in (*SECTIONS, *(section.strip("/") for section in HillSpider.sections)):
            title = path.rpartition("/")[2].replace("-", " ").title()
            listings.setdefault(path, _Listing(title, [], by_query=False))
        return listings

    def _page_url(self, path: str, number: int) -> str:
        base = f"{SITE}/{path}" if path == "news" else f"{SITE}/{path}/"
        if number == 1:
            return base
        if self._listings[path].by_query:
            return f"{base}?page_num={number}"
        return f"{base}page/{number}/"

    def _home(self) -> Page:
        return _page(200, self._press.home(self._valid()[:HOME_ITEMS]))

    def _article(self, story: Story, path: str) -> Page:
        if path not in {story.path, f"{story.path}amp/"}:
            return _redirect(story.url)
        match story.broken:
            case "gone":
                page = self._missing()
            case "error":
                page = _page(500, fill("error"))
            case "wall":
                page = _page(403, fill("bot-wall"))
            case "empty":
                page = _page(200, b"")
            case "image":
                page = _page(200, JPEG)
            case _:
                changed = format_datetime(story.modified, usegmt=True)
                link = f"<{SITE}/?p={story.id}>; rel=shortlink"
                text = self._press.article(story, self._edition)
                page = _page(200, text, HTML, ("Last-Modified", changed), ("Link", link))
        return page

    def _other(self, path: str, query: dict[str, list[str]]) -> Page:
        if path == "/robots.txt":
            return _page(200, ROBOTS, ("Content-Type", "text/plain; charset=utf-8"))
        if path.strip("/") in PLAIN:
            return _page(200, self._press.plain(*PLAIN[path.strip("/")]))
        person = re.fullmatch(r"/(?:author/\d+-|person/)([^/]+)/?", path)
        if person:
            kind = "author" if path.startswith("/author/") else "people"
            return _redirect(f"{SITE}/{kind}/{person.group(1)}/")
        base, number = path, query.get("page_num", ["1"])[0]
        paged = re.fullmatch(r"(/.*)/page/(\d+)/?", path)
        if paged:
            base, number = f"{paged.group(1)}/", paged.group(2)
        name = base.strip("/")
        if name not in self._listings or not number.isdecimal() or int(number) < 1:
            return self._missing()
        if not base.endswith("/") and name != "news":
            return _redirect(f"{SITE}/{name}/")
        return self._list_page(name, int(number))

    def _list_page(self, path: str, number: int) -> Page:
        listing = self._listings[path]
        endless = path == ENDLESS
        if number > listing.pages and not endless:
            return self._missing()
        shown = min(number, listing.pages)
        start = ITEMS_PER_PAGE * (shown - 1)
        further = endless or number < listing.pages
        text = self._press.listing(
            listing.title,
            self._page_url(path, number),
            listing.stories[start : start + ITEMS_PER_PAGE],
            next_url=self._page_url(path, number + 1) if further else "",
            rel_next=path.startswith(("news", "policy", "homenews/senate")),
            aliases=path != "news",
        )
        return _page(200, text)

    def _missing(self) -> Page:
        return _page(404, self._press.plain("Page not found", "There is nothing at this address."))

    def _expect(self, story: Story) -> Expected:
        blocks = self._press.body(story, self._edition)
        drupal = story.layout == "drupal"
        # Before 2022 only JSON-LD names the section, and every second page has none.
        silent = drupal and story.index % 2 == 1
        sections = list(dict.fromkeys(story.genre))
        if drupal:
            sections = [story.section.name, *story.section.parents]
        return Expected(
            url=story.url,
            headline=story.headline,
            authors=[author.name.replace("\xa0", " ") for author in story.authors],
            date_published=_iso(story.published),
            date_modified=_iso(story.modified),
            section=None if silent else story.section.name,
            sections=[] if silent else sections,
            tags=list(_unique(tag.name for tag in story.tags)),
            kind=story.kind,
            layout="drupal" if drupal else "today",
            body=[text for block in blocks for text in block.text],
            images=[_record(image) for image in (lead_image(story), *figures(story))],
        )


def _page(status: int, content: str | bytes, *headers: tuple[str, str]) -> Page:
    data = content.encode() if isinstance(content, str) else content
    etag = f'"{blake2b(data, digest_size=16).hexdigest()}"'
    fixed = (("Server", "nginx"), *(headers or (HTML,)))
    caching = (("Cache-Control", "max-age=300, must-revalidate"), ("ETag", etag))
    return Page(status, (*fixed, *(caching if status == 200 else ())), data)


def _redirect(url: str) -> Page:
    return Page(301, (("Server", "nginx"), HTML, ("Location", url)), b"")


def _iso(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _record(image: Image) -> dict[str, str | None]:
    return {"url": image.url, "caption": image.caption, "credit": image.credit}


def _unique(names: Iterator[str]) -> Iterator[str]:
    seen = set()
    for name in names:
        if name.casefold() not in seen:
            seen.add(name.casefold())
            yield name
