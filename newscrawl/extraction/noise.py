"""Noise: content inside a story that is not part of the article."""

import re
from collections.abc import Iterable, Sequence
from itertools import islice

from lxml.etree import _Element

from newscrawl.extraction.markup import HIDING, css, hidden, text_of, xpath

_SIMPLE = re.compile(r"^([a-z0-9]*)([.#][\w-]+)$", re.ASCII)
_STRING = xpath("string()")
_LISTS = frozenset({"ul", "ol"})
_NAMING = HIDING | {"id"}
_LONGEST_BOX = 50  # blocks of links behind a title
# WordPress' links to the other pages of an article.
_PAGES = ("page-links", "post-page-numbers")


class Noise:
    """Rules that remove content from a story: CSS selectors, and whole blocks of text.

    ``selectors`` name elements that are removed with their content. ``texts`` are whole blocks of
    text; one that ends with "…" is the beginning of blocks. ``boxes`` are titles of link boxes: the
    title is removed with its links, which are one element or several in a row. Three kinds are
    always removed: elements that a page hides (``hidden``, ``display:none``), those for screen
    readers only, and links to the other pages of an article.

    Raises cssselect's ``SelectorError`` for a selector that is not CSS. Titles hold no ``"``.
    """

    def __init__(
        self, selectors: Iterable[str], texts: Iterable[str] = (), boxes: Sequence[str] = ()
    ) -> None:
        """Compile the rules once; they are used for every page."""
        selectors = tuple(selectors)
        self._given = (selectors, (*texts,), (*boxes,))
        # Most rules are a tag with one class or id: one look-up per element tests them all.
        self._simple: dict[str, list[tuple[str, str]]] = {
            f".{name}": [("", f".{name}")] for name in _PAGES
        }
        self._rules = {}
        for rule in selectors:
            if simple := _SIMPLE.match(rule):
                self._simple.setdefault(simple[2], []).append((simple[1], rule))
            else:
                self._rules[rule] = css(rule)
        self._texts = frozenset(self._given[1])
        self._beginnings = tuple(it[:-1] for it in self._given[1] if it.endswith("…"))
        # A text without "Related" is without "Related Articles", too.
        self._titles = [it for it in boxes if not any(it != part and part in it for part in boxes)]
        # contains() is quick and rules out most texts, so the exact comparison runs rarely.
        near, exact = (
            " or ".join(test.format(title) for title in boxes) or "false()"
            for test in ('contains(., "{}")', 'normalize-space() = "{}"')
        )
        self._boxes = xpath(f"descendant::*[text()[{near}][{exact}]]")

    @property
    def selectors(self) -> tuple[str, ...]:
        """The CSS selectors of the rules."""
        return self._given[0]

    def more(
        self, selectors: Iterable[str], texts: Iterable[str] = (), boxes: Iterable[str] = ()
    ) -> "Noise":
        """Return these rules and further ones."""
        further = (selectors, texts, boxes)
        return Noise(*((*own, *new) for own, new in zip(self._given, further, strict=True)))

    def rule(self, element: _Element) -> str | None:
        """Return the first rule that makes an element noise by its own attributes, or None."""
        if _NAMING.isdisjoint(element.keys()):
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
        """Return the noise below ``root`` that ``rule`` does not find, each with its rule."""
        noise: dict[_Element, str] = {}
        for name, compiled in self._rules.items():
            for element in compiled(root):
                noise.setdefault(element, name)
        text = _STRING(root)
        # Few stories contain a title of a box, and a search in each text is slow.
        if any(title in text for title in self._titles):
            for title in self._boxes(root):
                for part in _link_box(title, root):
                    noise.setdefault(part, text_of(title))
        return noise

    def is_noise(self, text: str) -> bool:
        """Return whether a whole block of text is noise.

        >>> [Noise((), ["Radio:…"]).is_noise(it) for it in ("Radio: 20 November", "The radio:")]
        [True, False]
        """
        return text in self._texts or text.startswith(self._beginnings)


def _is_links(element: _Element) -> bool:
    """Return whether an element has text, and all of it is in links."""
    linked = "".join(text for link in element.iter("a") for text in link.itertext())
    return bool(linked.strip()) and "".join(linked.split()) == "".join(
        "".join(element.itertext()).split()
    )


def _is_alone(element: _Element, parent: _Element) -> bool:
    """Return whether an element's parent has no other text."""
    around = (parent.text, *(part.tail for part in parent))
    if any(text and not text.isspace() for text in around):
        return False
    return not any(text_of(it) for it in parent if it is not element and isinstance(it.tag, str))


def _link_box(title: _Element, root: _Element) -> list[_Element]:
    """Return the elements of the link box that ``title`` heads; none when no links follow."""
    # The title may be nested (<p><strong>Related Articles</strong></p>): use its whole block.
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
