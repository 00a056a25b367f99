"""The content of the sample site: sections, people and stories, without markup."""

import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
NEWEST = datetime(2026, 11, 23, 21, 5, tzinfo=UTC)
SITE = "https://thehill.com"


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its path (`policy/defense`), printed name, parents' names and kind of stories."""

    path: str
    name: str
    parents: tuple[str, ...]
    area: str
    number: int

    @property
    def url(self) -> str:
        """Address of the section's listing page."""
        return f"{SITE}/{self.path}/"


def _sections() -> Iterator[Section]:
    rows = (
        ("homenews/senate", "Senate", ("News",), "senate"),
        ("homenews/house", "House", ("News",), "house"),
        ("homenews/administration", "Administration", ("News",), "administration"),
        ("homenews/campaign", "Campaign", ("News",), "campaign"),
        ("homenews/state-watch", "State Watch", ("News",), "states"),
        ("homenews/nexstar_media_wire", "Nexstar Media Wire", ("News",), "wire"),
        ("homenews/ap/ap-u-s-news", "AP U.S. News", ("AP", "News"), "states"),
        ("policy/defense", "Defense", ("Policy",), "defense"),
        ("policy/energy-environment", "Energy & Environment", ("Policy",), "energy"),
        ("policy/healthcare", "Health Care", ("Policy",), "health"),
        ("policy/technology", "Technology", ("Policy",), "technology"),
        ("business", "Business", (), "business"),
        ("business/economy", "Economy", ("Business",), "business"),
        ("regulation/court-battles", "Court Battles", ("Regulation",), "courts"),
        ("opinion/campaign", "Campaign", ("Opinion",), "opinion"),
        ("opinion/energy-environment", "Energy & Environment", ("Opinion",), "opinion"),
        (
            "newsletters/energy-environment",
            "Energy & Environment",
            ("Newsletters",),
            "newsletter",
        ),
        (
            "newsletters/business-economy",
            "Business & Economy",
            ("Newsletters",),
            "newsletter",
        ),
        ("video-clips/in-the-news", "In the News", ("Video Clips",), "video"),
    )
    for number, (path, name, parents, area) in enumerate(rows, 1071):
        yield Section(path, name, parents, area, number)


SECTIONS = {section.path: section for section in _sections()}

# The parts of the paper, as they take turns from the newest article to the oldest.
_TURNS = (
    "homenews/senate",
    "homenews/administration",
    "policy/energy-environment",
    "business",
    "homenews/house",
    "homenews/senate",
    "opinion/campaign",
    "homenews/administration",
    "policy/defense",
    "newsletters/",
    "homenews/state-watch",
    "homenews/senate",
    "homenews/campaign",
    "homenews/administration",
    "policy/healthcare",
    "video-clips/in-the-news",
    "regulation/court-battles",
    "homenews/senate",
    "business/economy",
    "opinion/energy-environment",
    "homenews/house",
    "policy/technology",
    "homenews/nexstar_media_wire",
    "live",
    "homenews/ap/ap-u-s-news",
    "policy/defense",
)
_OLD_TURNS = (
    "homenews/senate",
    "policy/defense",
    "homenews/administration",
    "opinion/campaign",
    "homenews/house",
    "regulation/court-battles",
    "policy/healthcare",
)
_KINDS = {"opinion": "opinion", "newsletter": "newsletter", "video": "video", "live": "live"}
_BROKEN = (
    ("homenews/senate", "empty", "the answer has no content"),
    ("policy/defense", "cut", "the page stops in the middle of a tag, before its body"),
    ("homenews/house", "image", "the answer is a JPEG image that claims to be HTML"),
    ("business", "bare", "the page has neither a headline nor a date"),
    ("homenews/administration", "error", "the server answers 500"),
    ("policy/healthcare", "gone", "the server answers 404"),
    ("regulation/court-battles", "wall", "the bot wall answers 403"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes: name as printed, number of the long author address, biography."""

    name: str
    number: int
    bio: str

    @property
    def slug(self) -> str:
        """The name as it stands in addresses."""
        return slugify(self.name)

    @property
    def url(self) -> str:
        """Address of the author page."""
        return f"{SITE}/author/{self.slug}/"


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: `kind` is `people`, `social-tags` or `tag`; the name as printed."""

    kind: str
    name: str

    @property
    def path(self) -> str:
        """Path of the tag page, without slashes around it."""
        return f"{self.kind}/{slugify(self.name)}"


@dataclass(frozen=True, slots=True)
class Correction:
    """What an editor changed in a story: the paragraph `at` became `text`, if there is one.

    `added` is one more paragraph, `note` the line in italics that says so; empty if there is none.
    """

    at: int = 0
    text: str = ""
    added: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """An article before it is set in type.

    `layout` is `today`, `moved` (today's layout, written before 2022) or `drupal`;
    `kind` is that of the record; `broken` is empty, or how the page is broken;
    `json_ld` is `plain`, `escaped`, `graph`, `list` or `broken`.
    `corrections` are those of its body so far, the oldest first.
    """

    index: int
    id: str
    section: Section
    kind: str
    layout: str
    broken: str
    headline: str
    url: str
    plot: dict[str, Any]
    facts: dict[str, str]
    authors: tuple[Person, ...]
    linked_byline: bool
    published: datetime
    modified: datetime
    tags: tuple[Tag, ...]
    json_ld: str
    corrections: tuple[Correction, ...] = ()

    @property
    def path(self) -> str:
        """The path of its address."""
        return self.url.removeprefix(SITE)

    @property
    def image(self) -> str:
        """Address of its lead image, without a query."""
        stem = f"{SITE}/wp-content/uploads/sites/2/{self.published:%Y/%m}"
        if self.layout == "drupal":
            stem = f"{SITE}/sites/default/files"
        return f"{stem}/sample-{slugify(self.facts['topic'])}-{int(self.id) % 40}.jpg"

    @property
    def genre(self) -> tuple[str, ...]:
        """All its sections as the page lists them, repeats included."""
        names = (self.section.name, *self.section.parents)
        if self.json_ld == "broken":
            return names[:1]
        return (*names, self.section.name) if self.index % 7 == 2 else names

    @property
    def alias(self) -> str:
        """Another address of the same page, that some pages link to; its own for some."""
        if self.broken:
            return self.url
        if self.layout == "drupal":
            return f"{self.url}?amp" if self.index % 2 else self.url
        if self.layout == "moved":
            return f"{SITE}/news-by-subject/{self.section.area}/{self.id}-{self.slug}"
        return {
            0: f"{self.url}amp/",
            1: f"{SITE}/?p={self.id}",
            2: f"{self.url}?tbref=hp",
            3: f"{self.url}?utm_source=sample&utm_medium=social&utm_campaign=evening",
            4: self.url.replace("//", "//www."),
            5: self.url.replace("//", "//digital-stage."),
            6: self.url.rstrip("/"),
        }.get(self.index % 10, self.url)

    @property
    def slug(self) -> str:
        """The words of its address, after the number."""
        return self.url.rstrip("/").rpartition("/")[2].partition("-")[2]


@cache
def material() -> dict[str, Any]:
    """Return the invented text, as `stories.toml` has it."""
    text = resources.files(__package__).joinpath("stories.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def slugify(text: str) -> str:
    """Return the words of a text in lower case, joined by `-`, at most 60 characters.

    >>> slugify("Petra Solhaven’s “no” vote")
    'petra-solhavens-no-vote'
    """
    words = re.findall(r"[a-z0-9]+", re.sub(r"[’'.]", "", text.lower()))
    return "-".join(words)[:60].strip("-")


def eastern(when: datetime) -> datetime:
    """Return the same moment in the time of the newsroom."""
    return when.astimezone(EASTERN)


@dataclass(slots=True)
class _Desk:
    """Hands out plots, topics and authors in turn, so that headlines do not repeat soon."""

    turns: defaultdict[str, int]

    def story(
        self,
        index: int,
        number: int,
        turn: str,
        published: datetime,
        *,
        layout: str = "today",
        broken: str = "",
        corrected: bool = False,
        edition: int = 1,
    ) -> Story:
        """Assign one article to the section whose turn it is."""
        area, section = self._assign(turn)
        count = self.turns[area]
        self.turns[area] += 1
        text = material()["areas"][area]
        lap, step = divmod(count, len(text["plots"]))
        topic = text["topics"][(lap + step) % len(text["topics"])]
        plot = text["plots"][step]
        rng = random.Random(number)
        facts = _facts(area, topic, published, rng)
        headline = plot["headline"].format_map(facts)
        modified = published + timedelta(minutes=rng.choice((0, 0, 7, 42, 188)))
        first = headline
        corrections: tuple[Correction, ...] = ()
        if corrected:
            plot = material()["corrected"]
            first = headline = plot["headline"]
            if edition > 1:
                headline = plot["edition2"]["headline"]
                modified = NEWEST + timedelta(hours=4, minutes=35)
                corrections = (Correction(**plot["edition2"]["correction"]),)
        end = "" if layout == "drupal" else "/"
        plain_json_ld = "escaped" if index % 5 == 2 else "plain"
        return Story(
            index=index,
            id=str(number),
            section=section,
            kind=_KINDS.get(area, "news"),
            layout=layout,
            broken=broken,
            headline=headline,
            url=f"{SITE}/{section.path}/{number}-{slugify(first)}{end}",
            plot=plot,
            facts=facts,
            authors=_authors(index, area),
            linked_byline=index % 11 != 3,
            published=published,
            modified=modified,
            tags=_tags(facts, index),
            json_ld={5: "graph", 8: "list", 13: "broken"}.get(index, plain_json_ld),
            corrections=corrections,
        )

    def _assign(self, turn: str) -> tuple[str, Section]:
        if turn == "live":
            return "live", SECTIONS["homenews/administration"]
        if turn == "newsletters/":
            odd = self.turns["newsletter"] % 2
            name = "business-economy" if odd else "energy-environment"
            return "newsletter", SECTIONS[turn + name]
        return SECTIONS[turn].area, SECTIONS[turn]


def build(articles: int, edition: int) -> list[Story]:
    """Return the stories of an edition, newest first, the broken ones among them.

    `articles` counts the valid ones of edition 1; edition 2 has three more.
    """
    rng = random.Random(20261123)
    ids = iter(rng.sample(range(5_800_000, 6_100_000), articles + len(_BROKEN) + 3))
    old_ids = iter(rng.sample(range(380_000, 590_000), 14))
    drupal = min(10, articles // 4)
    moved = min(4, articles // 8)
    desk = _Desk(defaultdict(int))
    stories = []
    for index in range(articles):
        published = NEWEST - timedelta(minutes=55 * index, seconds=rng.randrange(3000))
        left = articles - index
        if left <= drupal:
            when = datetime(2021, 9, 1, 16, 40, tzinfo=UTC) - timedelta(
                days=71 * (drupal - left), seconds=rng.randrange(40_000)
            )
            turn = _OLD_TURNS[left % len(_OLD_TURNS)]
            stories.append(desk.story(index, next(old_ids), turn, when, layout="drupal"))
        elif left <= drupal + moved:
            when = published.replace(year=2021, month=11, day=4 + left % 20)
            turn = _OLD_TURNS[left % len(_OLD_TURNS)]
            stories.append(desk.story(index, next(old_ids), turn, when, layout="moved"))
        else:
            if index % 19 == 11:
                published -= timedelta(days=200 + 31 * (index % 30))
            turn = _TURNS[index % len(_TURNS)]
            corrected = index == 3
            story = desk.story(
                index, next(ids), turn, published, corrected=corrected, edition=edition
            )
            stories.append(story)
    for place, (turn, how, _) in enumerate(_BROKEN):
        when = NEWEST - timedelta(hours=3 + 5 * place, minutes=17)
        stories.append(desk.story(articles + place, next(ids), turn, when, broken=how))
    for place, turn in enumerate(_TURNS[:3] if edition > 1 else ()):
        when = NEWEST + timedelta(hours=1 + place)
        stories.append(desk.story(articles + 20 + place, next(ids), turn, when))
    return sorted(stories, key=lambda story: (story.published, story.id), reverse=True)


def cover(times: Sequence[datetime], numbers: Sequence[int]) -> list[Story]:
    """Return a story for each time, with these numbers; the parts of the paper take turns.

    Nobody has touched them since they were published.
    """
    desk = _Desk(defaultdict(int))
    stories = []
    for index, (published, number) in enumerate(zip(times, numbers, strict=True)):
        story = desk.story(index, number, _TURNS[index % len(_TURNS)], published)
        stories.append(replace(story, modified=published))
    return stories


def corrected(story: Story, when: datetime, length: int, turn: int) -> Story:
    """Return a story as it reads after a correction: of a paragraph, or else of its headline.

    `length` is the number of its paragraphs; `turn` decides what is changed, and how.
    """
    text = material()["corrections"]
    said = {correction.text for correction in story.corrections}
    offers = [pattern.format_map(story.facts) for pattern in text["paragraphs"]]
    offers = [offer for offer in offers if offer not in said]
    if turn % 3 == 2 or length == 0 or not offers:
        first = story.plot["headline"].format_map(story.facts)
        headlines = [pattern.format(headline=first) for pattern in text["headlines"]]
        # A headline that stays as it is would be no correction.
        headlines = [headline for headline in headlines if headline != story.headline]
        return replace(story, headline=headlines[turn % len(headlines)], modified=when)
    time = f"{eastern(when):%I:%M %p}".lstrip("0")
    note = text["note"].format(time=time) if turn % 2 else ""
    change = Correction(turn % length, offers[turn % len(offers)], note=note)
    return replace(story, corrections=(*story.corrections, change), modified=when)


def why_broken(story: Story) -> str:
    """Return in words why the page of a story gives no record; empty if it does."""
    return next((reason for _, how, reason in _BROKEN if how == story.broken), "")


def _facts(
    area: str, topic: dict[str, str], published: datetime, rng: random.Random
) -> dict[str, str]:
    people = material()["politicians"][:14]
    titles = {"senate": ("Sen.",), "house": ("Rep.",)}.get(area, ("Sen.", "Rep.", "Gov."))
    people = [person for person in people if person["title"] in titles]
    first = rng.choice(people)
    second = rng.choice([one for one in people if one["seat"][0] != first["seat"][0]])
    expert = rng.choice(material()["experts"])
    low = rng.randrange(7, 10)
    return topic | {
        "P": "{title} {name} ({seat})".format_map(first),
        "p": first["name"].split()[-1],
        "Q": "{title} {name} ({seat})".format_map(second),
        "q": second["name"].split()[-1],
        "E": "{name}, {role}".format_map(expert),
        "e": expert["name"].split()[-1],
        "first": first["name"],
        "second": second["name"],
        "place": rng.choice(material()["places"]),
        "province": rng.choice(material()["provinces"]),
        "day": f"{eastern(published):%A}",
        "amount": f"{rng.randrange(12, 96) * 10} million crowns",
        "pct": str(rng.randrange(12, 69)),
        "no": str(low),
        "yes": str(low + rng.randrange(1, 5)),
        "count": str(rng.randrange(110, 980)),
    }


def _authors(index: int, area: str) -> tuple[Person, ...]:
    rows = material()["columnists" if area == "opinion" else "reporters"]
    number = 3 if index % 23 == 6 else 2 if index % 9 == 4 else 1
    chosen = [rows[(index + 5 * step) % len(rows)] for step in range(number)]
    return tuple(Person(row["name"], row["number"], row.get("bio", "")) for row in chosen)


def _tags(facts: dict[str, str], index: int) -> tuple[Tag, ...]:
    topic = facts["topic"].removeprefix("the ")
    return (
        Tag("people", facts["first"]),
        Tag("social-tags", facts["first"]),
        Tag("tag", facts["agency"]),
        Tag("people", facts["second"]),
        Tag("social-tags", topic.capitalize()),
        *((Tag("tag", topic),) if index % 3 == 0 else ()),
    )
