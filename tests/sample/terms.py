"""The categories and tags of the sample site, as WordPress numbers them."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple
from zlib import crc32

from newscrawl.spiders.hill import HillSpider
from tests.sample.news import SECTIONS, SITE, Story, slugify


class Term(NamedTuple):
    """A category (`taxonomy` is `category`) or a tag (`post_tag`); `parent` is 0 at the top.

    Categories may share a slug, as in `homenews/campaign` and `opinion/campaign`.
    """

    id: int
    taxonomy: str
    name: str
    slug: str
    path: str
    parent: int = 0

    @property
    def url(self) -> str:
        """Address of its listing."""
        return f"{SITE}/{self.path}/"


@cache
def categories() -> dict[str, Term]:
    """Return every category, by path; the ones that never have stories, too."""
    names = {section.strip("/"): "" for section in HillSpider().listings.paths}
    for section in SECTIONS.values():
        path = section.path
        names[path] = section.name
        for parent in section.parents:
            path = path.rpartition("/")[0]
            names[path] = parent
    found: dict[str, Term] = {}
    for path in sorted(names):
        slug = path.rpartition("/")[2]
        name = names[path] or slug.replace("-", " ").title()
        number = SECTIONS[path].number if path in SECTIONS else 2001 + len(found)
        above = found.get(path.rpartition("/")[0])
        found[path] = Term(number, "category", name, slug, path, above.id if above else 0)
    return found


def categories_of(story: Story) -> list[Term]:
    """Return the categories of a story, its primary section first, then upwards."""
    path = story.section.path
    found = []
    for _ in dict.fromkeys(story.genre):
        found.append(categories()[path])
        path = path.rpartition("/")[0]
    return found


def tags_of(story: Story) -> list[Term]:
    """Return the tags of a story in the order of its page; one for all tags of the same name."""
    terms = {}
    for tag in story.tags:
        slug = slugify(tag.name)
        if slug not in terms:
            # A number that does not depend on what other stories there are.
            number = 10_000 + crc32(slug.encode()) % 1_000_000_000
            terms[slug] = Term(number, "post_tag", tag.name, slug, tag.path)
    return list(terms.values())


def by_name(terms: Iterable[Term]) -> list[Term]:
    """Return terms in the order of their names, as WordPress lists them."""
    return sorted(terms, key=lambda term: (term.name.casefold(), term.id))
