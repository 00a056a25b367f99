"""Noise: what stands inside a story and is not of the story."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from lxml.etree import _Element

from newscrawl.extraction.markup import HIDING, css, hidden, text_of, xpath

_SIMPLE = re.compile(r"^([a-z0-9]*)([.#][\w-]+)$", re.ASCII)
_STRING = xpath("string()")
_LISTS = frozenset({"ul", "ol"})
_TELLING = HIDING | {"id"}
_LONGEST_BOX = 50  # blocks of links behind a title
# WordPress' links to the other pages of an article.
_PAGES = ("page-links", "post-page-numbers")


class Noise:
    """What inside a story is not of the story: CSS selectors, and whole blocks of text.

    ``selectors`` name elements that go with all they hold. ``texts`` are blocks that go when
    they are the whole block. ``boxes`` are titles of link boxes: the title goes, and the links
    with it, whether they stand in one element or follow each other. Elements that a page hides
    (``hidden``, ``display:none``), or shows to screen readers only, always go; so do links to the
    other pages of an article.

    Raises cssselect's ``SelectorError`` for a selector that is not CSS. Titles hold no ``"``.
    """

    def __init__(
        self, selectors: Iterable[str], texts: Iterable[str] = (), boxes: Sequence[str] = ()
    ) -> None:
        """Compile the rules once; they are used for every page."""
        # Most rules are a tag with one class or id: one look at an element tells them all.
        self._simple: dict[str, list[tuple[str, str]]] = {
            f".{name}": [("", f".{name}")] for name in _PAGES
        }
        self._rules = {}
        for rule in selectors:
            if found := _SIMPLE.match(rule):
                self._simple.setdefault(found[2], []).append((found[1], rule))
            else:
                self._rules[rule] = css(rule)
        self._texts = frozenset(texts)
        # A text without "Related" is without "Related Articles", too.
        self._titles = [it for it in boxes if not any(it != part and part in it for part in boxes)]
        # "contains" is the quick half of the test; few texts come to the exact one.
        near, exact = (
            " or ".join(test.format(title) for title in boxes) or "false()"
            for test in ('contains(., "{}")', 'normalize-space() = "{}"')
        )
        self._boxes = xpath(f"descendant::*[text()[{near}][{exact}]]")

    def rule(self, element: _Element) -> str | None:
        """Return the first rule by which an element's own attributes tell it to be noise."""
        if _TELLING.isdisjoint(element.keys()):
            return None
        marks = [f".{name}" for name in element.get("class", "").split()]
        if name := element.get("id"):
            marks.append(f"#{name}")
        for mark in marks:
            for tag, rule in self._simple.get(mark, ()):
                if tag in ("", element.tag):
                    return rule
        return hidden(element)

    def elements(self, root: _Element) -> dict[_Element, str]:
        """Return the noise below ``root`` that ``rule`` does not tell, each with its rule."""
        found: dict[_Element, str] = {}
        for name, compiled in self._rules.items():
            for element in compiled(root):
                found.setdefault(element, name)
        text = _STRING(root)
        # Few stories name a box at all, and a look at each text takes long.
        if any(title in text for title in self._titles):
            for title in self._boxes(root):
                for part in _link_box(title, root):
                    found.setdefault(part, text_of(title))
        return found

    def is_noise(self, text: str) -> bool:
        """Say whether a whole block of text is noise."""
        return text in self._texts


def _is_links(element: _Element) -> bool:
    """Say whether all text in an element is links' text, and there is some."""
    linked = "".join(text for link in element.iter("a") for text in link.itertext())
    return bool(linked.strip()) and "".join(linked.split()) == "".join(
        "".join(element.itertext()).split()
    )


def _is_alone(element: _Element, parent: _Element) -> bool:
    """Say whether no text is around an element in its parent."""
    around = (parent.text, *(part.tail for part in parent))
    if any(text and not text.isspace() for text in around):
        return False
    return not any(text_of(it) for it in parent if it is not element and isinstance(it.tag, str))


def _link_box(title: _Element, root: _Element) -> list[_Element]:
    """Return the elements of the link box that ``title`` names; none when no links follow."""
    # The title may be wrapped (<p><strong>Related Articles</strong></p>): take its whole block.
    while (parent := title.getparent()) is not None and parent is not root:
        if not _is_alone(title, parent):
            break
        title = parent
    rest = []
    for sibling in islice(title.itersiblings(), _LONGEST_BOX):
        if isinstance(sibling.tag, str):
            if not _is_links(sibling):
                break
            rest.append(sibling)
            if sibling.tag in _LISTS:
                break
    return [title, *rest] if rest else []
