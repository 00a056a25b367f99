"""The story: from the element that holds it to blocks of text, pictures and links.

What is noise is the outlet's knowledge and comes from outside; what is a block is HTML's.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

from lxml import etree
from lxml.etree import _Element
from parsel.csstranslator import HTMLTranslator

from newscrawl.extraction.processors import caption_and_credit, clean_text, iso_date
from newscrawl.extraction.urls import clean_url, image_url
from newscrawl.items import Image

# Never part of a text, on any page.
_SILENT = frozenset(
    "audio button canvas dialog embed form head iframe input link map meta noscript object"
    " option progress script select style svg template textarea title video".split()
)
# What starts a new line on a page.
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset"
    " figure footer h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary"
    " table tbody td tfoot th thead tr ul".split()
)
_LISTS = frozenset({"ul", "ol"})
_BREAK = "\0"
_CELL = "\1"


def xpath(path: str) -> etree.XPath:
    """Return a compiled XPath, without the EXSLT functions, which cost time at every lookup."""
    return etree.XPath(path, regexp=False, smart_strings=False)


@cache
def css(selector: str) -> etree.XPath:
    """Return a CSS selector compiled for lookups below an element, the element included.

    Name the tag where it is known (``div.story``, not ``.story``): that is five times quicker.
    Raises cssselect's ``SelectorError`` for what is not CSS.
    """
    return xpath(HTMLTranslator().css_to_xpath(selector))


_SIMPLE = re.compile(r"^([a-z0-9]*)([.#][\w-]+)$", re.ASCII)
_STRING = xpath("string()")
_HIDDEN = "descendant::*[@hidden or @style[contains(translate(., ' ', ''), 'display:none')]]"


class Noise:
    """What inside a story is not of the story: CSS selectors, and whole blocks of text.

    ``selectors`` name elements that go with all they hold. ``texts`` are blocks that go when
    they are the whole block. ``boxes`` are titles of link boxes: the title goes, and the links
    with it, whether they stand in one element or follow each other. Elements that a page hides
    (``hidden``, ``display:none``) always go.

    Raises cssselect's ``SelectorError`` for a selector that is not CSS. Titles hold no ``"``.
    """

    def __init__(
        self, selectors: Iterable[str], texts: Iterable[str] = (), boxes: Sequence[str] = ()
    ) -> None:
        """Compile the rules once; they are used for every page."""
        # Most rules are a tag with one class or id: one look at an element tells them all.
        self._simple: dict[str, list[tuple[str, str]]] = {}
        self._rules = {"hidden": xpath(_HIDDEN)}
        for rule in selectors:
            if found := _SIMPLE.match(rule):
                self._simple.setdefault(found[2], []).append((found[1], rule))
            else:
                self._rules[rule] = css(rule)
        self._texts = frozenset(texts)
        self._titles = tuple(boxes)
        # "contains" is the quick half of the test; few texts come to the exact one.
        near, exact = (
            " or ".join(test.format(title) for title in boxes) or "false()"
            for test in ('contains(., "{}")', 'normalize-space() = "{}"')
        )
        self._boxes = xpath(f"descendant::text()[{near}][{exact}]/..")

    def rule(self, element: _Element) -> str | None:
        """Return the first rule that an element's own class or id tells to be noise."""
        marks = [f".{name}" for name in element.get("class", "").split()]
        if name := element.get("id"):
            marks.append(f"#{name}")
        for mark in marks:
            for tag, rule in self._simple.get(mark, ()):
                if tag in ("", element.tag):
                    return rule
        return None

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


def _link_box(title: _Element, root: _Element) -> list[_Element]:
    """Return the elements of the link box that ``title`` names; none when no links follow."""
    # The title may be wrapped (<p><strong>Related Articles</strong></p>): take its whole block.
    while (parent := title.getparent()) is not None and parent is not root:
        if text_of(parent) != text_of(title):
            break
        title = parent
    rest = []
    for sibling in title.itersiblings():
        if isinstance(sibling.tag, str):
            if not _is_links(sibling):
                break
            rest.append(sibling)
            if sibling.tag in _LISTS:
                break
    return [title, *rest] if rest else []


@dataclass(frozen=True)
class Entries:
    """The dated entries inside a story, as live pages have them.

    ``entry`` and ``time`` are CSS selectors of an entry and, inside it, of the element that
    prints its time. An entry begins with its time as a block: in the record's form when an
    attribute tells the moment, else as printed.
    """

    entry: str
    time: str

    def times(self, root: _Element) -> tuple[dict[_Element, str], set[_Element]]:
        """Return the entries below ``root`` with their times, and the elements that print these."""
        told: dict[_Element, str] = {}
        printing: set[_Element] = set()
        for entry in css(self.entry)(root):
            found = css(self.time)(entry)
            told[entry] = next(filter(None, map(_moment, found)), "")
            printing.update(found)
        return told, printing


def _moment(element: _Element) -> str:
    """Return the time that an element tells.

    >>> from lxml.html import fragment_fromstring
    >>> _moment(fragment_fromstring('<a><abbr title="2026-11-23T09:05:00-05:00">9:05</abbr></a>'))
    '2026-11-23T14:05:00Z'
    >>> _moment(fragment_fromstring("<a><span>5 minutes ago</span> <span>9:05 AM</span></a>"))
    '9:05 AM'
    """
    parts = list(element.iter())
    for part in parts:
        for name in ("datetime", "data-entry-time", "title"):
            if moment := iso_date(part.get(name) or ""):
                return moment
    # What is relative to now stands first, if at all, and changes from one look to the next.
    return next(filter(None, map(text_of, reversed(parts))), "")


@dataclass(slots=True)
class Story:
    """What a story holds, in reading order.

    ``noise`` counts what was left out, by rule; ``entries`` counts the dated ones.
    """

    blocks: list[str] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    noise: dict[str, int] = field(default_factory=dict)
    entries: int = 0

    @property
    def text(self) -> str | None:
        """The blocks, separated by a blank line; None when there are none."""
        return "\n\n".join(self.blocks) or None


class _Reader:
    """One walk over one story. A class only because its steps share the state of the walk."""

    def __init__(self, base_url: str, noise: Noise, entries: Entries | None) -> None:
        self.story = Story()
        self.base_url = base_url
        self.noise = noise
        self.entries = entries
        self.times: dict[_Element, str] = {}
        self.printing: set[_Element] = set()
        self.pending: list[str] = []
        self.items: list[str] = []
        self.lists = 0
        self.in_item = False
        self.rows = 0
        self.figures: list[list[_Element]] = []

    def flush(self) -> None:
        """End the line that is being read, if there is one."""
        if not self.pending:
            return
        text = "".join(self.pending)
        self.pending.clear()
        for line in self._lines(text):
            if self.noise.is_noise(line):
                self._count(line)
            elif not self.lists:
                self.story.blocks.append(line)
            elif self.in_item:
                self.items.append(f"- {line}")
                self.in_item = False
            elif self.items:
                self.items[-1] += f" {line}"
            else:
                self.items.append(f"- {line}")

    @staticmethod
    def _lines(text: str) -> list[str]:
        if _CELL in text:
            cells = (clean_text(cell.replace(_BREAK, " ")) for cell in text.split(_CELL))
            return [" | ".join(cells).strip(" |")]
        if _BREAK not in text:
            lines = [clean_text(text)]
        else:
            # One <br> goes on with the paragraph, an empty line between two ends it.
            lines, line = [], ""
            for part in map(clean_text, text.split(_BREAK)):
                if part:
                    line = f"{line} {part}" if line else part
                else:
                    lines.append(line)
                    line = ""
            lines.append(line)
        return [line for line in lines if line]

    def _count(self, rule: str) -> None:
        self.story.noise[rule] = self.story.noise.get(rule, 0) + 1

    def read(self, root: _Element) -> None:
        # Text after a comment hangs on the comment; walking comments takes quadratic time.
        etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
        skipped = self.noise.elements(root)
        if self.entries:
            self.times, self.printing = self.entries.times(root)
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "start":
                rule = None if element is root else self.noise.rule(element)
                if rule := rule or skipped.get(element):
                    skipped[element] = rule
                    self._count(rule)
                    walk.skip_subtree()
                elif element.tag in _SILENT or element in self.printing or self.start(element):
                    walk.skip_subtree()
                elif element.text:
                    self.pending.append(element.text)
            else:
                if element not in skipped and element.tag not in _SILENT:
                    self.end(element)
                elif element.tag in _BLOCKS:
                    self.flush()
                if element.tail and element is not root:
                    self.pending.append(element.tail)
        self.flush()

    def start(self, element: _Element) -> bool:
        """Take up an element; True when what it holds is not for the text."""
        tag = element.tag
        if element in self.times:
            self.start_entry(self.times[element])
        if tag in _BLOCKS:
            self.start_block(element)
        elif tag == "br":
            self.pending.append(_BREAK)
        elif tag == "img":
            self.pending.append(" ")
            if self.figures:
                self.figures[-1].append(element)
        elif tag == "a" and (url := clean_url(element.get("href") or "", self.base_url)):
            self.story.links.append(url)
        elif tag == "figcaption":
            if self.figures:
                self.figures[-1].append(element)
            return True
        return False

    def start_block(self, element: _Element) -> None:
        """Take up an element that begins a line."""
        tag = element.tag
        if self.rows:
            self.pending.append(" ")
            return
        self.flush()
        if tag in _LISTS:
            self.lists += 1
        elif tag == "li":
            self.in_item = True
        elif tag == "figure":
            self.figures.append([])
        elif tag == "tr" and _is_data(element):
            self.rows += 1

    def start_entry(self, time: str) -> None:
        """Take up a dated entry."""
        self.flush()
        self.story.entries += 1
        if time:
            self.story.blocks.append(time)

    def end(self, element: _Element) -> None:
        tag = element.tag
        if tag not in _BLOCKS:
            return
        if self.rows and tag != "tr":
            self.pending.append(_CELL if tag in ("td", "th") else " ")
            return
        self.flush()
        if tag in _LISTS:
            self.lists = max(0, self.lists - 1)
            if not self.lists and self.items:
                self.story.blocks.append("\n".join(self.items))
                self.items.clear()
        elif tag == "li":
            self.in_item = False
        elif tag == "tr" and self.rows:
            self.rows -= 1
        elif tag == "figure" and self.figures:
            self._figure(self.figures.pop())

    def _figure(self, parts: Sequence[_Element]) -> None:
        captions = (part for part in parts if part.tag == "figcaption")
        printed = next(map(text_of, captions), None)
        for part in parts:
            if part.tag == "img":
                image = read_image(part, printed, self.base_url)
                if image:
                    self.story.images.append(image)


def _is_data(row: _Element) -> bool:
    """Say whether a table row is of a table of data, not of a layout."""
    table = next(row.iterancestors("table"), None)
    if table is None or table.find(".//table") is not None:
        return False
    figure = next(table.iterancestors("figure"), None)
    return table.find(".//th") is not None or (
        figure is not None and "wp-block-table" in figure.get("class", "")
    )


def text_of(element: _Element) -> str:
    """Return all text in an element, clean.

    >>> from lxml.html import fragment_fromstring
    >>> text_of(fragment_fromstring("<h1> Senate <em>votes</em> &amp; leaves </h1>"))
    'Senate votes & leaves'
    """
    return clean_text("".join(element.itertext()))


def read_image(element: _Element, printed: str | None, base_url: str) -> Image | None:
    """Return the picture of an ``img`` element and its printed caption; None without an address."""
    address = image_url(element.get("data-src") or element.get("src") or "", base_url)
    if not address:
        return None
    caption, credit = caption_and_credit(printed)
    return Image(address, caption, credit)


def read_story(
    roots: Iterable[_Element], base_url: str, noise: Noise, entries: Entries | None = None
) -> Story:
    """Read the story that stands in ``roots``, one after the other.

    ``base_url`` resolves the addresses of links and pictures. Comments below the roots go.
    """
    reader = _Reader(base_url, noise, entries)
    for root in roots:
        reader.read(root)
    reader.story.links = list(dict.fromkeys(reader.story.links))
    return reader.story
