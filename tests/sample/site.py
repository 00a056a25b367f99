"""SampleSite: an invented copy of The Hill that answers any address and knows the true records.

The pages have the layouts, the noise and the faults of the real ones; the news is invented.
The same arguments give the same bytes, always: nothing is random and no clock is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

from tests.sample import live, sitemap
from tests.sample.answer import HTML, TEXT, Page, page, redirect
from tests.sample.body import Image, figures, fill, lead_image
from tests.sample.feed import feed
from tests.sample.news import SITE, Story, build, why_broken
from tests.sample.page import DRUPAL_MENU, Press, drupal_paths
from tests.sample.rest import Rest
from tests.sample.shelf import Shelf

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
MAIN_FEED = f"{SITE}/feed/?feed=partnerfeed-news-feed&format=rss"
MAIN_FEED_ITEMS = 100
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


class NewsSite:
    """The site as crawlers see it: the stories of a shelf, printed when they are asked for.

    `robots` is the text of its robots.txt, and may be set.
    """

    def __init__(self, shelf: Shelf, press: Press, robots: str = ROBOTS) -> None:
        self.robots = robots
        self._shelf = shelf
        self._press = press
        self._rest = Rest(shelf, press)

    def get(self, url: str) -> Page:
        """Answer an absolute address; an unknown one with status 404."""
        parts = urlsplit(url)
        path = parts.path or "/"
        if parts.hostname not in HOSTS:
            return self._missing()
        if parts.hostname == "www.thehill.com":
            return redirect(f"{SITE}{path}{'?' if parts.query else ''}{parts.query}")
        query = parse_qs(parts.query, keep_blank_values=True)
        if path == "/":
            story = self._shelf.story(query.get("p", [""])[0])
            return redirect(story.url) if story else self._home()
        if path.startswith(("/wp-json/", live.SCRIPTS)):
            return self._scripted(path, query)
        found = re.fullmatch(r"/(?!author/)(?:.*/)?(\d{5,8})-[^/]*(?:/amp)?/?", path)
        if found:
            story = self._shelf.story(found.group(1))
            return self._article(story, path) if story else self._missing()
        values = {name: value[-1] for name, value in query.items()}
        return self._machine(path, values) or self._other(path, values)

    def _scripted(self, path: str, query: dict[str, list[str]]) -> Page:
        """Answer what the scripts of pages ask for, and REST clients."""
        if not path.startswith(live.PATHS):
            return self._rest.get(path, query)
        script = live.answer(path, query, {it.id: it for it in self._shelf.valid()})
        return page(200, script[1], ("Content-Type", script[0])) if script else self._missing()

    def _machine(self, path: str, query: dict[str, str]) -> Page | None:
        """Answer what programs ask for: robots.txt, sitemaps and feeds; None if it is neither."""
        if path == "/robots.txt":
            return page(200, self.robots, TEXT)
        if path == "/news-sitemap.xml":
            return sitemap.news(self._shelf)
        if path == "/sitemap.xml" and not query:
            return sitemap.index(self._shelf)
        if path == "/sitemap.xml":
            return sitemap.day(self._shelf, *(query.get(name, "") for name in ("yyyy", "mm", "dd")))
        name, _, last = path.strip("/").rpartition("/")
        return self._feed(name, path, query) if last == "feed" else None

    def _feed(self, name: str, path: str, query: dict[str, str]) -> Page | None:
        """Answer with the feed of the listing `name`, of the whole site if it is empty."""
        if not name and query.get("feed") == "partnerfeed-news-feed":
            number = int(query.get("paged", "1"))
            start = MAIN_FEED_ITEMS * (number - 1)
            stories = self._shelf.valid()[start : start + MAIN_FEED_ITEMS]
            return feed("The Hill News", MAIN_FEED, stories) if stories or number == 1 else None
        if not name:
            return redirect(MAIN_FEED)
        if name not in self._shelf.titles:
            return None
        if not path.endswith("/"):
            return redirect(f"{SITE}{path}/")
        stories = self._shelf.valid(name)[:ITEMS_PER_PAGE]
        return feed(f"{self._shelf.titles[name]} News", f"{SITE}{path}", stories)

    def _pages(self, path: str) -> int:
        return max(1, -(-self._shelf.count(path) // ITEMS_PER_PAGE))

    def _page_url(self, path: str, number: int) -> str:
        base = f"{SITE}/{path}" if path == "news" else f"{SITE}/{path}/"
        if number == 1:
            return base
        if path.startswith(("news", "policy", "people", "homenews/house")):
            return f"{base}?page_num={number}"
        return f"{base}page/{number}/"

    def _home(self) -> Page:
        return page(200, self._press.home(self._shelf.valid()[:HOME_ITEMS]))

    def _article(self, story: Story, path: str) -> Page:
        if path not in {story.path, f"{story.path}amp/"}:
            return redirect(story.url)
        match story.broken:
            case "gone":
                answer = self._missing()
            case "error":
                answer = page(500, fill("error"))
            case "wall":
                answer = page(403, fill("bot-wall"))
            case "empty":
                answer = page(200, b"")
            case "image":
                answer = page(200, JPEG)
            case _:
                changed = format_datetime(story.modified, usegmt=True)
                link = f"<{SITE}/?p={story.id}>; rel=shortlink"
                text = live.animated(self._press.article(story), story)
                answer = page(200, text, HTML, ("Last-Modified", changed), ("Link", link))
        return answer

    def _other(self, path: str, query: dict[str, str]) -> Page:
        if path.strip("/") in PLAIN:
            return page(200, self._press.plain(*PLAIN[path.strip("/")]))
        person = re.fullmatch(r"/(?:author/\d+-|person/)([^/]+)/?", path)
        if person:
            kind = "author" if path.startswith("/author/") else "people"
            return redirect(f"{SITE}/{kind}/{person.group(1)}/")
        base, number = path, query.get("page_num", "1")
        paged = re.fullmatch(r"(/.*)/page/(\d+)/?", path)
        if paged:
            base, number = f"{paged.group(1)}/", paged.group(2)
        name = base.strip("/")
        if name not in self._shelf.titles or not number.isdecimal() or int(number) < 1:
            return self._missing()
        if not base.endswith("/") and name != "news":
            return redirect(f"{SITE}/{name}/")
        return self._list_page(name, int(number))

    def _list_page(self, path: str, number: int) -> Page:
        pages = self._pages(path)
        endless = path == ENDLESS
        if number > pages and not endless:
            return self._missing()
        start = ITEMS_PER_PAGE * (min(number, pages) - 1)
        further = endless or number < pages
        text = self._press.listing(
            self._shelf.titles[path],
            self._page_url(path, number),
            self._shelf.listed(path, start, start + ITEMS_PER_PAGE),
            next_url=self._page_url(path, number + 1) if further else "",
            rel_next=path.startswith(("news", "policy", "homenews/senate")),
            aliases=path != "news",
        )
        return page(200, live.with_button(text, path))

    def _missing(self) -> Page:
        return page(404, self._press.plain("Page not found", "There is nothing at this address."))

    def _expect(self, story: Story) -> Expected:
        """Return the truth about one article."""
        blocks = self._press.body(story)
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


class SampleSite(NewsSite):
    """The whole site, in memory; pages are printed when they are asked for.

    `articles` is the number of valid articles in edition 1, at least 1. Edition 2 is the
    site some hours later: three articles more, and one corrected. Other arguments raise
    ValueError.
    """

    def __init__(self, articles: int = 96, edition: int = 1) -> None:
        if articles < 1 or edition not in {1, 2}:
            msg = f"articles={articles}, edition={edition}: want articles >= 1, edition 1 or 2"
            raise ValueError(msg)
        self._stories = build(articles, edition)
        # Side columns stay those of edition 1, so that unchanged articles keep their bytes.
        first = self._stories if edition == 1 else build(articles, 1)
        press = Press([story for story in first if not story.broken])
        super().__init__(Shelf(self._stories), press)

    def urls(self) -> list[str]:
        """Return every address that people read, that a page links to and that does not answer 404.

        Of the endless pagination only the first pages past its end are among them.
        """
        urls = [f"{SITE}/", f"{SITE}/robots.txt", *(f"{SITE}/{name}/" for name in PLAIN)]
        for path in self._shelf.titles:
            last = self._pages(path) + (ENDLESS_SHOWN if path == ENDLESS else 0)
            urls += [self._page_url(path, number) for number in range(1, last + 1)]
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
        return {story.id: self._expect(story) for story in self._shelf.valid()}

    def expected_live(self) -> dict[str, Expected]:
        """Return the truth about live articles as a browser shows them, entries and all, by id."""
        return {
            story.id: replace(truth, body=[*truth.body, *live.body(story)])
            for story in self._shelf.valid()
            if story.kind == "live"
            for truth in (self._expect(story),)
        }

    def broken(self) -> dict[str, str]:
        """Return, by id, why a page cannot give a record."""
        return {story.id: why_broken(story) for story in self._stories if story.broken}


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
