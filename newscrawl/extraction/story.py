"""The story: from the element that holds it to blocks of text, pictures and links.

What is noise is the outlet's knowledge and comes from outside; what is a block is HTML's.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from lxml import etree
from lxml.etree import _Element

from newscrawl.extraction.dates import iso_date
from newscrawl.extraction.images import image_address
from newscrawl.extraction.markup import BLOCKS, SILENT, css, is_emoji, outermost, parse, text_of
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.processors import caption_and_credit, clean_text
from newscrawl.extraction.urls import clean_url
from newscrawl.items import Image

_LISTS = frozenset({"ul", "ol"})
_PICTURES = frozenset({"img", "amp-img"})
# What holds a picture and its caption, beside <figure>, and what a caption is: WordPress' classes.
_FIGURES = frozenset({"wp-caption", "gallery-item"})
_CAPTIONS = frozenset({"wp-caption-text", "gallery-caption", "wp-caption-dd"})
# Marks in the text that is being read; Unicode has promised that no text holds these.
_BREAK = "\ufdd0"
_CELL = "\ufdd1"


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
    return next(filter(None, map(text_of, filter(_has_own_text, reversed(parts)))), "")


def _has_own_text(element: _Element) -> bool:
    """Say whether there is text in an element that is in no element inside it."""
    return any(it and not it.isspace() for it in (element.text, *(part.tail for part in element)))


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


@dataclass(slots=True)
class _Figure:
    """A figure that is being read: where its pictures begin, which are its own, its captions."""

    element: _Element
    begin: int
    own: list[int] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    pictured: bool = False


class _Reader:
    """One walk over one story. A class only because its steps share the state of the walk."""

    def __init__(
        self, base_url: str, noise: Noise, entries: Entries | None, is_here: Callable[[str], bool]
    ) -> None:
        self.story = Story()
        self.base_url = base_url
        self.noise = noise
        self.entries = entries
        self.is_here = is_here
        self.times: dict[_Element, str] = {}
        self.printing: set[_Element] = set()
        self.pending: list[str] = []
        self.items: list[list[str]] = []
        self.lists = 0
        self.in_item = False
        self.rows = 0
        self.tables: dict[_Element, bool] = {}
        self.figures: list[_Figure] = []
        self.lost_picture = False

    def flush(self) -> None:
        """End the line that is being read, if there is one."""
        if not self.pending:
            return
        text = "".join(self.pending)
        self.pending.clear()
        for line in _lines(text):
            if self.noise.is_noise(line):
                self._count(line)
            elif not self.lists:
                self.story.blocks.append(line)
            elif self.in_item or not self.items:
                self.items.append(["-", line])
                self.in_item = False
            else:
                self.items[-1].append(line)

    def _count(self, rule: str) -> None:
        self.story.noise[rule] = self.story.noise.get(rule, 0) + 1

    def read(self, root: _Element) -> None:
        skipped = self.noise.elements(root)
        if self.entries:
            self.times, self.printing = self.entries.times(root)
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "start":
                rule = None if element is root else self.noise.rule(element)
                if rule := rule or skipped.get(element):
                    skipped[element] = rule
                    self._count(rule)
                    walk.skip_subtree()
                elif tag in SILENT or element in self.printing or self.start(element):
                    walk.skip_subtree()
                elif element.text:
                    self.pending.append(element.text)
            else:
                if element not in skipped and tag not in SILENT:
                    self.end(element)
                elif tag == "noscript":
                    self.late_pictures(element)
                elif tag in BLOCKS:
                    self.flush()
                if element.tail and element is not root:
                    self.pending.append(element.tail)
        self.flush()

    def start(self, element: _Element) -> bool:
        """Take up an element; True when what it holds is not for the text."""
        tag = element.tag
        if element in self.times:
            self.start_entry(self.times[element])
        names = element.get("class")
        if names and not _CAPTIONS.isdisjoint(names.split()) and self.figures:
            self.caption(element)
            return True
        if tag in BLOCKS:
            if tag == "figcaption" and self.figures:
                self.caption(element)
                return True
            self.start_block(element)
            if tag == "figure" or (names and not _FIGURES.isdisjoint(names.split())):
                self.figures.append(_Figure(element, len(self.story.images)))
        elif tag == "br":
            self.pending.append(_BREAK)
        elif tag in _PICTURES:
            self.picture(element)
        elif tag == "a":
            self.link(element.get("href") or "")
        return False

    def caption(self, element: _Element) -> None:
        """Take up a figure's caption, and its links."""
        self.figures[-1].captions.append(text_of(element))
        for link in element.iter("a"):
            self.link(link.get("href") or "")

    def link(self, href: str) -> None:
        """Keep the address of a link, unless it leads to the page itself or nowhere."""
        href = href.strip()
        if not href or href[0] == "#":
            return
        url = clean_url(href, self.base_url)
        if url and not self.is_here(url):
            self.story.links.append(url)

    def picture(self, element: _Element) -> None:
        """Take up a picture: a character, a picture of the story, or one of the page's layout."""
        if is_emoji(element):
            self.pending.append(element.get("alt", ""))
            return
        self.pending.append(" ")
        if self.figures:
            self.figures[-1].pictured = True
        elif next(element.iterancestors("td", "th"), None) is not None:
            # E-mail is laid out in tables, with logos, icons and spacers.
            return
        address = image_address(element, self.base_url)
        self.lost_picture = address is None
        if address:
            if self.figures:
                self.figures[-1].own.append(len(self.story.images))
            self.story.images.append(Image(address))

    def late_pictures(self, noscript: _Element) -> None:
        """Take what a page shows without JavaScript in place of a picture without an address."""
        figure = self.figures[-1] if self.figures else None
        if not self.lost_picture and (figure is None or figure.own):
            return
        for element in _pictures(noscript):
            self.picture(element)

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
        elif tag == "tr" and self.is_data(element):
            self.rows += 1

    def is_data(self, row: _Element) -> bool:
        """Say whether a table row is of a table of data, not of a layout."""
        table = next(row.iterancestors("table"), None)
        if table is None:
            return False
        if table not in self.tables:
            self.tables[table] = _is_data(table)
        return self.tables[table]

    def start_entry(self, time: str) -> None:
        """Take up a dated entry."""
        self.flush()
        self.story.entries += 1
        if time:
            self.story.blocks.append(time)

    def end(self, element: _Element) -> None:
        tag = element.tag
        if tag not in BLOCKS:
            return
        if self.rows and tag != "tr":
            self.end_figure(element)
            self.pending.append(_CELL if tag in ("td", "th") else " ")
            return
        self.flush()
        if tag in _LISTS:
            self.lists = max(0, self.lists - 1)
            if not self.lists and self.items:
                self.story.blocks.append("\n".join(map(" ".join, self.items)))
                self.items.clear()
        elif tag == "li":
            self.in_item = False
        elif tag == "tr" and self.rows:
            self.rows -= 1
        self.end_figure(element)

    def end_figure(self, element: _Element) -> None:
        """Give a figure's caption to its pictures; that of a table or an embed is text."""
        if not self.figures or self.figures[-1].element is not element:
            return
        figure = self.figures.pop()
        text = " ".join(dict.fromkeys(filter(None, figure.captions)))
        if not text:
            return
        images = self.story.images
        above = figure.own or range(figure.begin, len(images))
        if not above and not figure.pictured:
            self.pending.append(text)
            if not self.rows:
                self.flush()
        caption, credit = caption_and_credit(text)
        for number in above:
            if images[number].caption is None and images[number].credit is None:
                images[number] = replace(images[number], caption=caption, credit=credit)


def _pictures(noscript: _Element) -> Iterator[_Element]:
    yield from noscript.iter("img")
    # A page that a browser saved has the markup in it as text.
    if noscript.text and "<img" in noscript.text:
        yield from parse(noscript.text).root.iter("img")


def _lines(text: str) -> Iterable[str]:
    """Return the lines of what was read between two blocks."""
    if text.isspace():
        return ()
    if _BREAK not in text and _CELL not in text:
        return filter(None, (clean_text(text),))
    return _divided(text)


def _divided(text: str) -> Iterator[str]:
    if _CELL in text:
        cells = [clean_text(cell.replace(_BREAK, " ")) for cell in text.split(_CELL)]
        # An empty cell keeps its column; one at the end says nothing.
        row = " ".join(" | ".join(cells).rstrip(" |").split())
        if row:
            yield row
        return
    # One <br> goes on with the paragraph, an empty line between two ends it.
    line: list[str] = []
    for part in map(clean_text, text.split(_BREAK)):
        if part:
            line.append(part)
        elif line:
            yield " ".join(line)
            line = []
    if line:
        yield " ".join(line)


def _is_data(table: _Element) -> bool:
    if table.find(".//table") is not None or table.get("role") in ("presentation", "none"):
        return False
    around = (table, *islice(table.iterancestors(), 1))
    if any("wp-block-table" in it.get("class", "") for it in around):
        return True
    return table.find(".//th") is not None or _is_grid(table)


def _is_grid(table: _Element) -> bool:
    """Say whether a table is rows of the same number of cells, with nothing in them but text.

    E-mail is laid out in tables; those are in other tables, or hold pictures and blocks.
    """
    if next(table.iterancestors("table"), None) is not None:
        return False
    rows = list(table.iter("tr"))
    sizes = {sum(1 for _ in row.iterchildren("td")) for row in rows}
    if len(rows) < 2 or len(sizes) != 1 or max(sizes) < 2:
        return False
    return all(
        it.tag == "td" or not (it.tag in BLOCKS or it.tag in _PICTURES)
        for row in rows
        for cell in row
        for it in cell.iter(etree.Element)
    )


def read_story(
    roots: Iterable[_Element],
    base_url: str,
    noise: Noise,
    entries: Entries | None = None,
    is_here: Callable[[str], bool] = lambda _: False,
) -> Story:
    """Read the story that stands in ``roots``, one after the other; one inside another once.

    ``base_url`` resolves the addresses of links and pictures; ``is_here`` says of an address
    whether it is the article's own.
    """
    reader = _Reader(base_url, noise, entries, is_here)
    for root in outermost(roots):
        reader.read(root)
    reader.story.links = list(dict.fromkeys(reader.story.links))
    return reader.story
