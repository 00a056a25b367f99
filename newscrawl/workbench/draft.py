"""Draft an outlet: selectors from where ``generic`` found the story, and the code of a spider."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from lxml import etree
from lxml.etree import _Element
from parsel import Selector

from newscrawl.extraction.generic import Sizes, find_container, letters
from newscrawl.extraction.loaders import Layout, Reader, base_of
from newscrawl.extraction.markup import BLOCKS, css, lines_of, text_of
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.story import read_story
from newscrawl.items import Article
from newscrawl.workbench.selectors import Targets, covering, propose
from newscrawl.workbench.survey import Read

_LONGEST_BYLINE, _LONGEST_NAME = 300, 100  # characters
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Selectors:
    """Proposed selectors of one layout, and notes on what no selector was found for."""

    layout: Layout
    noise: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def reader(self) -> Reader:
        """Return the reader that has these selectors."""
        return Reader(layouts=(self.layout,), noise=Noise(self.noise))


@dataclass(frozen=True)
class _Places:
    """Where ``generic`` found the parts of one page."""

    read: Read
    container: _Element
    scope: _Element
    title: _Element | None

    @property
    def root(self) -> _Element:
        return self.read.root


def _places(read: Read) -> _Places:
    sizes = Sizes(read.root)
    container = find_container(read.root, sizes)
    key = letters(read.article.headline)
    titles = [it for it in read.root.iter("h1") if text_of(it)]
    same = [it for it in titles if letters(text_of(it)) == key]
    title = max(same or titles, key=lambda it: len(text_of(it)), default=None)
    around = (container, *container.iterancestors())
    inside = {*title.iterancestors()} if title is not None else set()
    scope = next((it for it in around if it in inside), container)
    return _Places(read, container, scope, title)


def propose_selectors(reads: Sequence[Read]) -> Selectors | None:
    """Return selectors that read all pages; None if no selector matches just their stories."""
    found_places = _named(list(map(_places, reads)))
    if found_places is None:
        return None
    story, places = found_places
    article, scopes = _article(places, story)
    notes = []
    titles = [it.title for it in places if it.title is not None]
    headline = ""
    if len(titles) == len(places):
        headline = propose([(it.root, [it.title]) for it in places if it.title is not None])
    if not headline:
        headline, note = "h1", "No selector matches just the headline: h1 is used."
        notes.append(note)
    below = list(zip(places, scopes, strict=True))
    layout = Layout(
        name="selectors",
        article=article,
        headline=headline,
        story=propose([(scope, [it.container]) for it, scope in below]) or story,
    )
    noise, left = _noise(places)
    notes += [f"No selector removes: {text}" for text in left]
    found = Selectors(layout, tuple(noise), tuple(notes))
    optional: tuple[tuple[str, Callable[[_Places, _Element], list[_Element]]], ...] = (
        ("author", _authors),
        ("byline", _byline),
        ("byline", _dated),
        ("section", _section),
        ("tags", _tags),
    )
    for name, find in optional:
        if getattr(found.layout, name):
            continue
        targets: Targets = [
            (it.root if name in ("author", "byline") else scope, find(it, scope))
            for it, scope in below
        ]
        if any(elements for _, elements in targets) and (selector := propose(targets)):
            tried = replace(found, layout=replace(found.layout, **{name: selector}))
            if _same_fields(tried, reads):
                found = tried
    return found


def _named(places: list[_Places]) -> tuple[str, list[_Places]] | None:
    """Return the selector of the stories' elements; wider elements where these have no name."""
    while all(it.container.tag not in ("html", "body") for it in places):
        if story := propose([(it.root, [it.container]) for it in places]):
            return story, places
        wider = [(it, it.container.getparent()) for it in places]
        places = [replace(it, container=around) for it, around in wider if around is not None]
    return None


def _article(places: Sequence[_Places], story: str) -> tuple[str, list[_Element]]:
    """Return the selector of the articles' elements, and these."""
    # The story's element may have become wider than that around story and headline.
    starts = [it.container if it.scope in {*it.container.iter()} else it.scope for it in places]
    around = [[it, *it.iterancestors()] for it in starts]
    for level in range(min(map(len, around))):
        scopes = [it[level] for it in around]
        if any(it.tag in ("body", "html") for it in scopes):
            break
        if selector := propose([(it.root, [s]) for it, s in zip(places, scopes, strict=True)]):
            return selector, scopes
    bodies = [next(it.root.iter("body"), it.root) for it in places]
    return f"body:has({story})", bodies


def _noise(places: Sequence[_Places]) -> tuple[list[str], list[str]]:
    """Return selectors of what is in the stories but not in the bodies, and texts without one."""
    drop: list[_Element] = []
    keep: list[tuple[_Element, set[_Element]]] = []
    for it in places:
        body = set(_keys(it.read.article.body or ""))
        shown = read_story([it.container], base_of(it.root, it.read.page.url), Noise(()))
        extra = set(_keys(shown.text or "")) - body
        kept = _kept(it.container, body)
        drop += _dropped(it.container, kept, extra)
        keep.append((it.container, {*kept, it.container}))
    selectors = covering(drop, keep)
    removed = {
        part
        for scope, _ in keep
        for selector in selectors
        for element in css(selector)(scope)
        for part in element.iter()
    }
    left = [text_of(it) for it in drop if it not in removed]
    return sorted(selectors), list(dict.fromkeys(filter(None, left)))


def _keys(text: str) -> Iterator[str]:
    """Yield the letters of each line of a text."""
    return (key for line in text.split("\n") if (key := letters(line)))


def _kept(container: _Element, body: set[str]) -> set[_Element]:
    """Return the elements below a container that no rule may remove: they print the body."""
    text = "\n".join(body)
    kept: set[_Element] = set()
    for element in container.iterdescendants(etree.Element):
        keys = set(_keys(lines_of(element)))
        is_amid = element.tag not in BLOCKS and letters(text_of(element)) in text
        if not keys.isdisjoint(body) or (keys and is_amid):
            kept.add(element)
    return kept


def _dropped(container: _Element, kept: set[_Element], extra: set[str]) -> Iterator[_Element]:
    """Yield the outermost elements with lines that the body lacks and without lines of it."""
    waiting = list(reversed(container))
    while waiting:
        element = waiting.pop()
        if not isinstance(element.tag, str) or extra.isdisjoint(_keys(lines_of(element))):
            continue
        if element in kept:
            waiting.extend(reversed(element))
        else:
            yield element


def _authors(it: _Places, scope: _Element) -> list[_Element]:
    """Return for each author the first small element that prints just the name."""
    names = {letters(author.name) for author in it.read.article.authors}
    found = [e for e in _small(scope, it.container) if letters(text_of(e)) in names]
    links = [e for e in found if e.tag == "a"]
    chosen = links or found
    printed = [letters(text_of(e)) for e in chosen]
    # A name that is printed twice is in the byline and in a note about the author.
    return chosen if sorted(printed) == sorted(names) else []


def _byline(it: _Places, scope: _Element) -> list[_Element]:
    """Return the smallest element with all authors; the one around it if that has a date, too."""
    names = [letters(author.name) for author in it.read.article.authors]
    found = [
        e
        for e in _small(scope, it.container)
        if len(text_of(e)) <= _LONGEST_BYLINE and all(n in letters(text_of(e)) for n in names)
    ]
    if not names or not found:
        return []
    smallest = min(found, key=lambda e: (len(text_of(e)), -len(list(e.iterancestors()))))
    for around in (smallest, *smallest.iterancestors()):
        if len(text_of(around)) > _LONGEST_BYLINE or around in (scope, it.container):
            break
        if _DIGIT.search(text_of(around)):
            return [around]
    return [smallest]


def _dated(it: _Places, scope: _Element) -> list[_Element]:
    """Return the first element around the story that states or prints the day of publication."""
    day = it.read.article.date_published[:10].split("-")
    for element in _small(scope, it.container):
        text = f"{element.get('datetime', '')} {text_of(element)}"
        if len(text) <= _LONGEST_NAME and all(int(part) in _numbers(text) for part in day):
            return [element]
    return []


def _numbers(text: str) -> set[int]:
    return set(map(int, re.findall(r"\d+", text)))


def _section(it: _Places, scope: _Element) -> list[_Element]:
    """Return the first small element that prints the section; a link before others.

    If structured data has no section, the last link that is named so before the headline.
    """
    small = list(_small(scope, it.container))
    if section := it.read.article.section:
        found = [e for e in small if letters(text_of(e)) == letters(section)]
        links = [e for e in found if e.tag == "a"]
        return (links or found)[:1]
    before = small[: small.index(it.title)] if it.title in small else []
    return [e for e in before if e.tag == "a" and _is_named(e, scope, _SECTIONS)][-1:]


def _tags(it: _Places, scope: _Element) -> list[_Element]:
    """Return the links that print the tags, if they print all of them and no other.

    If structured data has no tags, the links that are named so.
    """
    names = {letters(tag) for tag in it.read.article.tags}
    links = [e for e in scope.iter("a") if text_of(e)]
    if names:
        found = [e for e in links if letters(text_of(e)) in names]
        return found if {letters(text_of(e)) for e in found} == names else []
    return [e for e in links if _is_named(e, scope, _TAGS)]


_SECTIONS = frozenset(
    "kicker category section rubric rubrik ressort breadcrumb breadcrumbs".split()
)
_TAGS = frozenset("tag tags taglist topics keywords themen schlagworte".split())
_PARTS = re.compile(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])")


def _is_named(element: _Element, scope: _Element, words: frozenset[str]) -> bool:
    """Return whether one of the three elements around a link, or itself, has such a name."""
    for around in islice((element, *element.iterancestors()), 4):
        if around is scope:
            return False
        names = f"{around.get('class', '')} {around.get('id', '')} {around.get('rel', '')}"
        if not words.isdisjoint(it.lower() for it in _PARTS.split(names)):
            return True
    return False


def _small(scope: _Element, container: _Element) -> Iterator[_Element]:
    """Yield the elements with a short text around a story, or in it, in their order."""
    for element in scope.iter():
        if isinstance(element.tag, str) and element is not container:
            yield from [element] if 0 < len(text_of(element)) <= _LONGEST_BYLINE else []


def _same_fields(found: Selectors, reads: Sequence[Read]) -> bool:
    """Return whether selectors give what ``generic`` reads of the fields around the story."""
    for it in reads:
        page = found.reader().read_page(Selector(root=it.root, type="html"), it.page.url)
        if page is None or not _agree(it.article, page.article):
            return False
    return True


def _agree(generic: Article, exact: Article) -> bool:
    names = [[letters(it.name) for it in article.authors] for article in (generic, exact)]
    tags = [set(map(letters, article.tags)) for article in (generic, exact)]
    return (
        names[0] in ([], names[1])
        and generic.section in (None, exact.section)
        and exact.date_published in ("", generic.date_published)
        and tags[0] in (set(), tags[1])
    )
