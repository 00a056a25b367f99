"""The story: read blocks of text, pictures and links from the elements that hold it.

The outlet declares the noise, HTML the blocks.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree
from lxml.etree import _Element

from newscrawl.extraction.dates import iso_date
from newscrawl.extraction.images import image_address
from newscrawl.extraction.markup import (
    BLOCKS,
    PICTURES,
    SILENT,
    css,
    is_emoji,
    outermost,
    parse,
    text_of,
)
from newscrawl.extraction.noise import Noise
from newscrawl.extraction.processors import caption_and_credit, clean_text
from newscrawl.extraction.tables import is_data_table
from newscrawl.extraction.text import Text
from newscrawl.extraction.urls import clean_url
from newscrawl.items import Image

_LISTS = frozenset({"ul", "ol"})
# WordPress' classes of elements that hold a picture with its caption, and of captions.
_FIGURES = frozenset({"wp-caption", "gallery-item"})
_CAPTIONS = frozenset({"wp-caption-text", "gallery-caption", "wp-caption-dd"})


@dataclass(frozen=True)
class Entries:
    """The dated entries inside the story of a live page.

    ``entry`` and ``time`` are CSS selectors of an entry and, inside it, of the element that
    prints its time. An entry begins with its time as a block: in the record's form if an
    attribute states the moment, else as printed.
    """

    entry: str
    time: str

    def times(self, root: _Element) -> tuple[dict[_Element, str], set[_Element]]:
        """Return the entries below ``root`` with their times, and the elements that print these."""
        times: dict[_Element, str] = {}
        printing: set[_Element] = set()
        for entry in css(self.entry)(root):
            elements = css(self.time)(entry)
            times[entry] = next(filter(None, map(_time_of, elements)), "")
            printing.update(elements)
        return times, printing


def _time_of(element: _Element) -> str:
    """Return the time that an element states or prints, or "".

    >>> from lxml.html import fragment_fromstring
    >>> _time_of(fragment_fromstring('<a><abbr title="2026-11-23T09:05:00-05:00">9:05</abbr></a>'))
    '2026-11-23T14:05:00Z'
    >>> _time_of(fragment_fromstring("<a><span>5 minutes ago</span> <span>9:05 AM</span></a>"))
    '9:05 AM'
    """
    parts = list(element.iter())
    for part in parts:
        for name in ("datetime", "data-entry-time", "title"):
            if moment := iso_date(part.get(name) or ""):
                return moment
    # A relative time ("5 minutes ago") is printed first, if at all, and differs at every reading.
    return next(filter(None, map(text_of, filter(_has_own_text, reversed(parts)))), "")


def _has_own_text(element: _Element) -> bool:
    """Return whether an element has text outside the elements inside it."""
    return any(it and not it.isspace() for it in (element.text, *(part.tail for part in element)))


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Marks of pictures with captions beside ``figure`` and ``figcaption``, as CSS selectors.

    ``figure`` are elements that hold a picture and its caption; they are blocks, such as ``div``.
    ``caption`` and ``credit`` are read inside figures, and left out of the text everywhere.
    ``title`` is no selector: the text between caption and credit in the ``title`` of a picture,
    which is read where the page prints neither.
    """

    figure: str = ""
    caption: str = ""
    credit: str = ""
    title: str = ""

    def marks(self, root: _Element) -> dict[_Element, str]:
        """Return the elements below ``root`` that the selectors name, with what they are."""
        named = (("figure", self.figure), ("caption", self.caption), ("credit", self.credit))
        return {it: mark for mark, rule in named if rule for it in css(rule)(root)}


@dataclass(slots=True)
class Story:
    """The text, pictures and links of a story, in reading order.

    ``noise`` counts the elements and lines that were left out, by rule; ``entries`` counts the
    dated entries.
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
    """A figure that is being read.

    ``begin`` is the number of pictures before it, ``own`` are the places of its own pictures.
    ``has_picture`` is true even if the picture has no address.
    """

    element: _Element
    begin: int
    own: list[int] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    credits: list[str] = field(default_factory=list)
    has_picture: bool = False


class _Pictures:
    """The pictures of a story while its elements are read, with the captions of figures."""

    def __init__(self, base_url: str, text: Text, title: str) -> None:
        self.images: list[Image] = []
        self._title = title
        self._titles: dict[int, str] = {}
        self._base_url = base_url
        self._text = text
        self._figures: list[_Figure] = []
        self._lacks_address = False

    @property
    def in_figure(self) -> bool:
        """Whether the current element is inside a figure."""
        return bool(self._figures)

    def start_figure(self, element: _Element) -> None:
        self._figures.append(_Figure(element, len(self.images)))

    def add_caption(self, text: str) -> None:
        self._figures[-1].captions.append(text)

    def add_credit(self, text: str) -> None:
        """Add a credit, without the parentheses or the label that it may have."""
        self._figures[-1].credits.append(caption_and_credit(text)[1] or text)

    def add(self, element: _Element) -> None:
        """Add a picture of the story; an emoji is text, a picture of the layout is ignored."""
        if is_emoji(element):
            self._text.add(element.get("alt", ""))
            return
        self._text.add(" ")
        if self._figures:
            self._figures[-1].has_picture = True
        elif next(element.iterancestors("td", "th"), None) is not None:
            # E-mail is laid out in tables, with logos, icons and spacers.
            return
        address = image_address(element, self._base_url)
        self._lacks_address = address is None
        if address:
            if self._figures:
                self._figures[-1].own.append(len(self.images))
            if self._title and (title := clean_text(element.get("title") or "")):
                self._titles[len(self.images)] = title
            self.images.append(Image(address))

    def complete(self) -> list[Image]:
        """Return the pictures, with what their titles say where the page prints nothing."""
        for place, title in self._titles.items():
            image = self.images[place]
            caption, separator, credit = title.rpartition(self._title)
            caption, credit = (caption, credit) if separator else (title, "")
            self.images[place] = replace(
                image,
                caption=image.caption or caption or None,
                credit=image.credit or credit or None,
            )
        return self.images

    def add_late(self, noscript: _Element) -> None:
        """Add the pictures of a ``noscript`` if the picture before it has no address."""
        figure = self._figures[-1] if self._figures else None
        if not self._lacks_address and (figure is None or figure.own):
            return
        for element in _pictures_in(noscript):
            self.add(element)

    def end_figure(self, element: _Element, *, in_row: bool) -> None:
        """Give a figure's caption to its pictures. The caption of a table or an embed is text."""
        if not self._figures or self._figures[-1].element is not element:
            return
        figure = self._figures.pop()
        text, printed = (
            " ".join(dict.fromkeys(filter(None, it))) for it in (figure.captions, figure.credits)
        )
        if not (text or printed):
            return
        places = figure.own or range(figure.begin, len(self.images))
        if not places and not figure.has_picture:
            self._text.add(text)
            if not in_row:
                self._text.end_line()
        caption, credit = (text or None, printed) if printed else caption_and_credit(text)
        for place in places:
            image = self.images[place]
            if image.caption is None and image.credit is None:
                self.images[place] = replace(image, caption=caption, credit=credit)


def _pictures_in(noscript: _Element) -> Iterator[_Element]:
    yield from noscript.iter("img")
    # In a page that a browser saved, a noscript holds its markup as text.
    if noscript.text and "<img" in noscript.text:
        yield from parse(noscript.text).root.iter("img")


class _Reader:
    """One walk over the elements of one story."""

    def __init__(
        self,
        base_url: str,
        noise: Noise,
        entries: Entries | None,
        is_here: Callable[[str], bool],
        figures: Figures | None,
    ) -> None:
        self.base_url = base_url
        self.noise = noise
        self.entries = entries
        self.is_here = is_here
        self.figures = figures
        self.skipped: dict[_Element, str] = {}
        self.marks: dict[_Element, str] = {}
        self.text = Text(noise)
        self.pictures = _Pictures(base_url, self.text, figures.title if figures else "")
        self.links: list[str] = []
        self.times: dict[_Element, str] = {}
        self.printing: set[_Element] = set()
        self.dated = 0
        self.rows = 0
        self.tables: dict[_Element, bool] = {}

    def story(self) -> Story:
        """Return the story that was read."""
        return Story(
            self.text.blocks,
            self.pictures.complete(),
            list(dict.fromkeys(self.links)),
            self.text.noise,
            self.dated,
        )

    def read(self, root: _Element) -> None:
        """Read an element and everything below it."""
        skipped = self.skipped = self.noise.elements(root)
        if self.figures:
            self.marks = self.figures.marks(root)
        if self.entries:
            self.times, self.printing = self.entries.times(root)
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "start":
                rule = None if element is root else self.noise.rule(element)
                if rule := rule or skipped.get(element):
                    skipped[element] = rule
                    self.text.count_noise(rule)
                    walk.skip_subtree()
                elif tag in SILENT or element in self.printing or self.start(element):
                    walk.skip_subtree()
                elif element.text:
                    self.text.add(element.text)
            else:
                if element not in skipped and tag not in SILENT:
                    self.end(element)
                elif tag == "noscript":
                    self.pictures.add_late(element)
                elif tag in BLOCKS:
                    self.text.end_line()
                if element.tail and element is not root:
                    self.text.add(element.tail)
        self.text.end_line()

    def start(self, element: _Element) -> bool:
        """Read the start of an element. Return whether its content is skipped."""
        tag = element.tag
        if element in self.times:
            self.start_entry(self.times[element])
        mark = self.marks.get(element)
        if mark in ("caption", "credit"):
            self.caption(element, mark)
            return True
        names = element.get("class")
        if names and not _CAPTIONS.isdisjoint(names.split()) and self.pictures.in_figure:
            self.caption(element)
            return True
        if tag in BLOCKS:
            if tag == "figcaption" and self.pictures.in_figure:
                self.caption(element)
                return True
            self.start_block(element)
            if tag == "figure" or mark or (names and not _FIGURES.isdisjoint(names.split())):
                self.pictures.start_figure(element)
        elif tag == "br":
            self.text.add_break()
        elif tag in PICTURES:
            self.pictures.add(element)
        elif tag == "a":
            self.link(element.get("href") or "")
        return False

    def caption(self, element: _Element, mark: str = "caption") -> None:
        """Read a figure's caption and its links, or its credit."""
        if not self.pictures.in_figure:
            return
        credited = [it for it in element.iter() if self.marks.get(it) == "credit"]
        if mark == "caption":
            self.pictures.add_caption(text_of(element, {*self.skipped, *credited}))
        for part in credited:
            self.pictures.add_credit(text_of(part, self.skipped))
        for link in element.iter("a"):
            self.link(link.get("href") or "")

    def link(self, href: str) -> None:
        """Keep the address of a link, unless it leads to the page itself or nowhere."""
        href = href.strip()
        if not href or href[0] == "#":
            return
        url = clean_url(href, self.base_url)
        if url and not self.is_here(url):
            self.links.append(url)

    def start_block(self, element: _Element) -> None:
        """Read the start of an element that begins a line."""
        tag = element.tag
        if self.rows:
            self.text.add(" ")
            return
        self.text.end_line()
        if tag in _LISTS:
            self.text.start_list()
        elif tag == "li":
            self.text.start_item()
        elif tag == "tr" and self.is_data(element):
            self.rows += 1

    def is_data(self, row: _Element) -> bool:
        """Return whether a table row belongs to a table of data, not of a layout."""
        table = next(row.iterancestors("table"), None)
        if table is None:
            return False
        if table not in self.tables:
            self.tables[table] = is_data_table(table)
        return self.tables[table]

    def start_entry(self, time: str) -> None:
        """Start a dated entry of a live page."""
        self.text.end_line()
        self.dated += 1
        if time:
            self.text.add_block(time)

    def end(self, element: _Element) -> None:
        """Read the end of an element."""
        tag = element.tag
        if tag not in BLOCKS:
            return
        if self.rows and tag != "tr":
            self.pictures.end_figure(element, in_row=True)
            if tag in ("td", "th"):
                self.text.add_cell()
            else:
                self.text.add(" ")
            return
        self.text.end_line()
        if tag in _LISTS:
            self.text.end_list()
        elif tag == "li":
            self.text.end_item()
        elif tag == "tr" and self.rows:
            self.rows -= 1
        self.pictures.end_figure(element, in_row=bool(self.rows))


def read_story(
    roots: Iterable[_Element],
    base_url: str,
    noise: Noise,
    entries: Entries | None = None,
    is_here: Callable[[str], bool] = lambda _: False,
    figures: Figures | None = None,
) -> Story:
    """Read the story in ``roots``, in their order. A root inside another one is read once.

    ``base_url`` resolves the addresses of links and pictures. ``is_here`` returns whether an
    address is the article's own.
    """
    reader = _Reader(base_url, noise, entries, is_here, figures)
    for root in outermost(roots):
        reader.read(root)
    return reader.story()
