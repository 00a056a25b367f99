"""Try an outlet on a page: the record beside the page, and which source gave each field."""

import copy
import difflib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lxml.etree import _Element
from parsel import Selector

from newscrawl.base_spiders.saved_page import decoded, extract
from newscrawl.exceptions import NotWholeWarning, UnreadableError
from newscrawl.extraction.authors import META, structured_authors
from newscrawl.extraction.fields import ORDER, stated, stated_tags
from newscrawl.extraction.generic import GenericNoise, Sizes, find_container, letters
from newscrawl.extraction.generic_outlet import Generic, GenericReader
from newscrawl.extraction.loaders import ArticleLoader, PageStats, Reader, base_of
from newscrawl.extraction.markup import css, hidden, parse_page, text_of
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.outlet import Outlet
from newscrawl.extraction.story import read_story
from newscrawl.extraction.structured_data import StructuredData, read_structured_data
from newscrawl.items import Article, record
from newscrawl.workbench.pages import SavedPage

_UNMATCHED, _NOISE = "newscrawl/unmatched/", "newscrawl/noise/"
_FURNITURE = ("nav", "footer", "header", "form", "aside", "figure")
NOTHING = "matches nothing"
_WORD = re.compile(r"\w+|[^\w\s]")
# Characters of a paragraph outside the story that may be of the story.
_LONG = 60
# Fields that have no source on the page of their own.
_DERIVED = frozenset(
    "outlet revision source source_url date_fetched content_hash schema_version body images links"
    " date_precision word_count".split()
)

# All sections come from several sources.
_SOURCED = ORDER.keys() - {"sections"}


@dataclass(frozen=True, slots=True)
class Value:
    """A field of the record as text; ``source`` gave it, if the field has several sources.

    ``others`` are the sources that have another value, with that value.
    """

    field: str
    text: str
    source: str = ""
    others: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the page or the body.

    ``mark`` is ``-`` for a line of the page, or words of one, that the body lacks, ``+`` for one
    that the page does not show in the story, and empty for a line of both. ``why`` is the cause.
    """

    mark: str
    text: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """What an outlet reads of a page. ``reason`` says why there is no record, then without values.

    ``matched`` are the selectors that found something where they are looked up, those of noise
    among them; ``unmatched`` has the others, each with what it matches, in words.
    """

    page: SavedPage
    values: Sequence[Value] = ()
    lines: Sequence[Line] = ()
    matched: frozenset[str] = frozenset()
    unmatched: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    note: str = ""
    """The addresses of further pages that the article has."""


def attempt(outlet: Outlet, page: SavedPage) -> Trial:
    """Return what an outlet reads of a page. Raises ArgumentError for an address of no article."""
    stats = PageStats()
    reason, article = "", None
    with warnings.catch_warnings(record=True, action="always", category=NotWholeWarning) as missing:
        try:
            article = extract(page.body, page.url, outlet, stats=stats)
        except UnreadableError as error:
            reason = str(error)
    note = str(missing[0].message) if missing else ""
    parsed = parse_page(decoded(page.body))
    selectors = {it.removeprefix(_UNMATCHED): not stats[it] for it in stats if _UNMATCHED in it}
    selectors |= {it: bool(stats[f"{_NOISE}{it}"]) for it in outlet.reader.noise.selectors}
    if not page.is_post:
        rules = (it.article for it in outlet.reader.layouts)
        selectors |= {it: bool(css(it)(parsed.root)) for it in rules}
    matched = frozenset(name for name, is_there in selectors.items() if is_there)
    missed = selectors.keys() - matched
    unmatched = {it: NOTHING if page.is_post else _where(it, outlet, parsed) for it in missed}
    if article is None:
        return Trial(page, matched=matched, unmatched=unmatched, reason=reason)
    by_source = {} if page.is_post else _by_source(outlet, page, parsed, article)
    lines = _lines(article) if page.is_post else _compared(outlet, article, parsed, page.url)
    values = list(_values(outlet.reader, article, by_source))
    return Trial(page, values, lines, matched, unmatched, note=note)


def _where(selector: str, outlet: Outlet, page: Selector) -> str:
    """Return what a selector matches on a page, though nothing where it is looked up."""
    found: list[_Element] = css(selector)(page.root)
    if not found:
        return NOTHING
    scope, roots, noise = _places(outlet.reader, page.root)
    if selector not in outlet.reader.noise.selectors:
        return "matches only outside the article"
    for root in roots:
        named = noise.elements(root)
        inside = {*root.iterdescendants()}
        if (element := next((it for it in found if it in inside), None)) is not None:
            around = (it for it in (element, *element.iterancestors()) if it in inside)
            rules = (noise.rule(it) or named.get(it) for it in around)
            if rule := next((it for it in rules if it and it != selector), None):
                return f"matches only inside other noise: {rule}"
            return "matches only what is not read"
    inside = {*scope.iterdescendants()}
    return f"matches only outside the {'story' if inside.intersection(found) else 'article'}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(it["name"] if isinstance(it, dict) else str(it) for it in value)
    return "" if value is None else str(value)


def _values(
    reader: Reader, article: Article, by_source: Mapping[str, Mapping[str, str]]
) -> Iterator[Value]:
    rest = "post" if article.source == "api" else "printed"
    for name, value in record(article).items():
        if name in _DERIVED or not (text := _text(value)):
            continue
        found = {source: it[name] for source, it in by_source.items() if it.get(name)}
        declared = reader.order.get(name, ORDER.get(name, ()))
        order = [it for it in dict.fromkeys((*declared, *found)) if it in found]
        same = [it for it in order if letters(found[it]) == letters(text)]
        source = same[0] if same else (rest if name in _SOURCED else "")
        others = ((it, found[it]) for it in order if letters(found[it]) != letters(text))
        yield Value(name, text, source, tuple(others))
    body = _split(article.body or "")
    yield Value("body", f"{len(body)} lines, {article.word_count} words")
    for image in article.images:
        yield Value("image", " ".join(filter(None, (image.url, image.caption, image.credit))))
    yield Value("links", str(len(article.links)))


def _by_source(
    outlet: Outlet, page: SavedPage, parsed: Selector, article: Article
) -> dict[str, dict[str, str]]:
    """Return the fields that each source alone gives, as texts, by source."""
    if isinstance(outlet.reader, GenericReader):
        base_url = base_of(parsed.root, page.url)
        data = read_structured_data(parsed.root, page.url, outlet.key, article.headline)
        sources = ("data", "meta")
        return {it: _stated(outlet.reader, article, data, it, base_url) for it in sources}
    orders = {**ORDER, **outlet.reader.order}
    found = {}
    for source in dict.fromkeys(it for order in orders.values() for it in order):
        alone = {name: (source,) for name, order in orders.items() if source in order}
        single = copy.copy(outlet)
        single.reader = replace(outlet.reader, order=alone)
        candidate = outlet.find_candidate(page.url)
        assert candidate
        fields = record(single.read_article(parsed, page.url, candidate).article)
        found[source] = {name: _text(fields[name]) for name in alone}
    return found


def _stated(
    reader: Reader, article: Article, data: StructuredData, source: str, base_url: str
) -> dict[str, str]:
    """Return the fields that ``data`` or ``meta`` states, for a reader without layouts."""
    loader = ArticleLoader(reader=reader, base_url=base_url)
    for name in ORDER:
        if name == "tags":
            loader.add_value(name, stated_tags(data, source))
        elif name != "authors":
            loader.add_value(name, stated(data, name, source))
    names = data.metas(*META)
    if source == "data":
        names = (it.name for it in structured_authors(data, base_url))
    text = ", ".join(names)
    # One text may state several names.
    is_same = all(letters(it.name) in letters(text) for it in article.authors)
    authors = _text(record(article)["authors"]) if text and is_same else text
    fields = record(loader.load_item())
    return {name: _text(fields[name]) for name in ORDER} | {"authors": authors}


def _lines(article: Article) -> list[Line]:
    return [Line("", it) for it in _split(article.body or "")]


def _split(text: str) -> list[str]:
    return [line for block in text.split("\n\n") for line in block.split("\n") if line]


def _compared(outlet: Outlet, article: Article, page: Selector, url: str) -> list[Line]:
    """Return the lines of the page's story and of the body, in their order."""
    base_url = base_of(page.root, url)
    scope, roots, noise = _places(outlet.reader, page.root)
    shown = _split(read_story(roots, base_url, Noise(())).text or "")
    body = _split(article.body or "")
    causes = list(_causes(roots, noise))
    generic = _generic_lines(page, url) if outlet.reader.layouts else None
    visible = letters(text_of(scope))
    lines = []
    matcher = difflib.SequenceMatcher(None, shown, body, autojunk=False)
    for tag, i, j, k, m in matcher.get_opcodes():
        parted = {} if tag == "equal" else _parted(shown[i:j], body[k:m])
        whole = {it for it, _ in parted.values()}
        left = (it for it in shown[i:j] if tag != "equal" and it not in body and it not in whole)
        lines += [Line("-", it, _cause(it, causes)) for it in left]
        for line in body[k:m]:
            judged = _judged(line, visible, generic)
            if line in parted:
                around, words = parted[line]
                lines += [Line("-", it, f"{_cause(it, causes)}; in the next line") for it in words]
                judged = (
                    replace(_judged(around, visible, generic), text=line) if judged.mark else judged
                )
            lines.append(judged)
    known = {letters(it) for it in (*shown, *body, article.headline, article.description or "")}
    captions = {letters(it.caption) for it in article.images if it.caption}
    for text in _outside(scope, roots):
        if letters(text) not in known | captions:
            lines.append(Line("-", text, "outside the story"))
    return lines


def _parted(shown: Sequence[str], body: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Return the body's lines that are lines of the page without some words: these two, by line."""
    left, found = list(shown), {}
    for line in body:
        for it in left:
            if (words := _removed(it, line)) is not None:
                found[line] = it, words
                left.remove(it)
                break
    return found


def _removed(shown: str, line: str) -> list[str] | None:
    """Return the runs of words that a line lacks; None if it is not most of what is shown."""
    before, after = (list(_WORD.finditer(it)) for it in (shown, line))
    if 2 * len(after) < len(before):
        return None
    words, kept = ([it[0] for it in line] for line in (before, after))
    opcodes = difflib.SequenceMatcher(None, words, kept, autojunk=False).get_opcodes()
    if any(tag not in ("equal", "delete") for tag, *_ in opcodes):
        return None
    gone = ((i, j) for tag, i, j, *_ in opcodes if tag == "delete")
    return [shown[before[i].start() : before[j - 1].end()] for i, j in gone]


def _judged(line: str, visible: str, generic: frozenset[str] | None) -> Line:
    """Return a line of the body, marked if the page does not show it as one of the story."""
    if letters(line) not in visible:
        return Line("+", line, "not visible on the page")
    if generic is not None and letters(line) not in generic:
        return Line("+", line, "generic leaves it out")
    return Line("", line)


def _generic_lines(page: Selector, url: str) -> frozenset[str] | None:
    """Return the lines that ``generic`` reads, by their letters; None if it reads nothing."""
    try:
        read = Generic.reader.read_page(page, url)
    except UnreadableError:
        return None
    return frozenset(map(letters, _split(read.article.body or ""))) if read else None


def _places(reader: Reader, root: _Element) -> tuple[_Element, list[_Element], Noise]:
    """Return the element of the article, those of the story, and what is noise in them."""
    for layout in reader.layouts:
        for article in css(layout.article)(root):
            return article, css(layout.story)(article), reader.noise
    sizes = Sizes(root)
    container = find_container(root, sizes)
    elements = (container, *container.iterancestors())
    scope = next((it for it in elements if next(it.iter("h1"), None) is not None), container)
    return scope, [container], GenericNoise(container, sizes)


def _causes(roots: Iterable[_Element], noise: Noise) -> Iterator[tuple[str, str]]:
    """Yield the letters of each element that is noise, with the rule."""
    for root in roots:
        named = noise.elements(root)
        for element in root.iterdescendants():
            if rule := named.get(element) or noise.rule(element):
                yield letters(text_of(element)), rule


def _cause(line: str, causes: Sequence[tuple[str, str]]) -> str:
    key = letters(line)
    same = (rule for text, rule in causes if key and key == text)
    within = (rule for text, rule in causes if key and key in text)
    rule = next(same, "") or next(within, "")
    return f"noise: {rule}" if rule else "left out"


def _outside(scope: _Element, roots: Sequence[_Element]) -> Iterator[str]:
    """Yield the long paragraphs around a story that are not mostly links."""
    inside = set(roots)
    for element in scope.iter("p", "pre", "blockquote"):
        around = (element, *element.iterancestors())
        if not inside.isdisjoint(around) or any(it.tag in _FURNITURE for it in around):
            continue
        text = text_of(element)
        linked = sum(len(text_of(it)) for it in element.iter("a"))
        if len(text) >= _LONG and 2 * linked < len(text) and not any(map(hidden, around)):
            yield text
