"""The story of a page without selectors: find the element that contains it, leave out the noise.

The rules and the noise words come from a study of the pages of 99 publishers. No rule is of a
single one. ``python -m bench outlets`` measures them.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

from lxml import etree
from lxml.etree import _Element

from newscrawl.extraction.markup import SILENT, hidden, text_of, xpath
from newscrawl.extraction.noise import Noise

# Words in the names of elements that are noise: in class, role, data-component and id.
_WORDS = frozenset(
    "ad admod ads adslot advert advertisement advertising audio author authors banner bild"
    " bildunterschrift bio breadcrumb breadcrumbs btn button byline caption captions carousel"
    " clamp comment comments consent cookie copyright credit credits crosslinking dateline"
    " description disclaimer disqus donate donation donations dropdown embed excerpt facebook"
    " factbox feedback figure footer foto gallery img info infobox instagram keywords kicker"
    " lanking lastchanged legend login menu metatextline modal nav navigation newsletter"
    " newsletters outbrain photo picture placeholder player poll popular popup prev print"
    " privacy promo promobox promotion pullquote ranking rating readmore readtime recirc"
    " recirculation recommend recommendation recommendations recommended related"
    " relatedbroadcast sendungsbezug share sharing sidebar signup skip skiplink slider slideshow"
    " social sponsor sponsored subscribe subscription survey taboola tag tagbox taglist tags"
    " teaser teasers tiktok timestamp toolbar tooltip topics trending twitter whatsapp"
    " widget".split()
)
# Those whose elements contain the pictures of the story.
_FIGURES = frozenset("figure img photo picture foto bild gallery slideshow slider".split())
_TAGS = frozenset("aside nav footer header figure h1 time small address".split())
_FURNITURE = frozenset("nav aside footer form".split())
_PARAGRAPHS = frozenset({"p", "pre", "blockquote"})
_BOXES = frozenset("div section ul ol dl table article".split())
_INLINE = frozenset("a span em strong b i u mark abbr font ins".split())
_HEADINGS = ("h2", "h3", "h4", "h5", "h6")
# Blocks that are an advertisement's label, in many languages.
_LABELS = frozenset(
    "anzeige|werbung|advertisement|publicité|publicidad|advertentie|annonse|annons|annonce|reklama"
    "|reklam|реклама|広告|광고|إعلان|pubblicità|article continues below"
    "|story continues below".split("|")
)
_PARTS = re.compile(r"[\W\d_]+|(?<=[a-z])(?=[A-Z])")
_ID_PARTS = re.compile(r"[\W_]+")
_DENSE = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_END = re.compile(r"[.!?…。！？»”\"'’)\]:]$")

_BODIES = xpath("descendant::*[@itemprop='articleBody']")
# Characters of a real paragraph, of a div's own text, of a small box, of a text that identifies.
_LONG, _LONG_DIV, _SMALL, _TELLING = 60, 100, 800, 40
_LONGEST_LABEL = 40  # characters before a link: "ALSO READ: "
_MOST_STANDFIRST = 8  # elements among which it is searched
_FAINT = 0.1  # what the furniture of a page weighs
_SHARE = 0.7  # of the weight, in one child: descend
_GUARD = 0.35  # of the container's text: too much to be noise
_LINKED = 0.55  # of a box's text: a box of links


def letters(text: str) -> str:
    """Return the letters and digits of a text, by which two spellings are compared."""
    return "".join(filter(str.isalnum, text.casefold()))


def _size(text: str) -> int:
    """Return the length of a text; a character of Chinese, Japanese or Korean counts three."""
    text = text.strip()
    return len(text) if text.isascii() else len(text) + 2 * len(_DENSE.findall(text))


@cache
def _word(*names: str | None) -> str:
    parts = (part.lower() for name in names for part in _PARTS.split(name or ""))
    return next((part for part in parts if part in _WORDS), "")


def _noise_word(element: _Element) -> str:
    """Return the first word by which an element's names call it noise; "" for none."""
    get = element.get
    classes, role, component = get("class"), get("role"), get("data-component")
    if (classes or role or component) and (word := _word(classes, role, component)):
        return word
    # At separators only: ids that are random contain "Ad".
    if name := get("id"):
        return next((it for it in _ID_PARTS.split(name.lower()) if it in _WORDS), "")
    return ""


class Sizes:
    """How many characters of text are below each element: all, in links, and their weight.

    ``weight`` counts the characters of paragraphs; those in a page's furniture count a tenth.
    """

    def __init__(self, root: _Element) -> None:
        """Measure every element below ``root``."""
        # In the page's order: elements, the places of their parents, own text, states.
        elements: list[_Element] = []
        places: dict[_Element, int] = {}
        parents: list[int] = []
        own: list[int] = []
        linked: list[int] = []
        states: list[int] = []
        for element in root.iter(etree.Element):
            parent = places[element.getparent()] if elements else 0
            state, tag = states[parent] if elements else 0, element.tag
            if element.tail and elements and not state & _SILENCE:
                size = _size(element.tail)
                own[parent] += size
                linked[parent] += size if state & _LINK else 0
            if tag in _MEASURED_AS_SILENT:
                state = _SILENCE
            elif tag == "a":
                state |= _LINK
            elif not state and (tag in _FURNITURE or _noise_word(element) or _is_hidden(element)):
                state = _FURNISHED
            places[element] = len(elements)
            elements.append(element)
            parents.append(parent)
            states.append(state)
            size = _size(element.text) if element.text and not state & _SILENCE else 0
            own.append(size)
            linked.append(size if state & _LINK else 0)
        text, weight = own[:], [0.0] * len(elements)
        for place in range(len(elements) - 1, 0, -1):
            parent, tag = parents[place], elements[place].tag
            if 2 * linked[place] < text[place]:
                factor = _FAINT if states[place] & _FURNISHED else 1
                if tag in _PARAGRAPHS and not weight[place] and text[place] >= _LONG:
                    weight[place] = text[place] * factor
                elif tag == "div" and own[place] >= _LONG_DIV:
                    weight[place] += own[place] * factor
            text[parent] += text[place]
            linked[parent] += linked[place]
            weight[parent] += weight[place]
        self.text = dict(zip(elements, text, strict=True))
        self.linked = dict(zip(elements, linked, strict=True))
        self.weight = dict(zip(elements, weight, strict=True))


# States of an element, which all below it have, too.
_SILENCE, _LINK, _FURNISHED = 1, 2, 4
# Some pages are one form.
_MEASURED_AS_SILENT = SILENT - {"form"}


def _is_hidden(element: _Element) -> bool:
    # Few elements have these attributes.
    return (element.get("style") or element.get("hidden")) is not None and bool(hidden(element))


def find_container(root: _Element, sizes: Sizes) -> _Element:
    """Return the element that contains the story and the least beside it."""
    element = _start(root, sizes)
    while element.get("itemprop") != "articleBody":
        heaviest = max(element, key=lambda it: sizes.weight.get(it, 0), default=None)
        if heaviest is None or heaviest.tag in _PARAGRAPHS or not sizes.weight[element]:
            break
        if sizes.weight.get(heaviest, 0) < _SHARE * sizes.weight[element]:
            break
        element = heaviest
    return element


def _start(root: _Element, sizes: Sizes) -> _Element:
    """Return the element from which the search goes down: what the page's markup names, or all."""

    def heaviest(found: Iterable[_Element]) -> _Element:
        return max(found, key=lambda it: sizes.weight.get(it, 0), default=root)

    bodies = heaviest(_BODIES(root))
    if bodies is not root and sizes.weight.get(bodies, 0):
        return bodies
    for title in root.iter("h1"):
        for around in title.iterancestors("article"):
            if sizes.weight.get(around, 0):
                return around
    main = heaviest(root.iter("main"))
    return main if sizes.weight.get(main, 0) >= sizes.weight[root] / 4 else root


class GenericNoise(Noise):
    """What is noise in one container, by the names of its elements, their links and their size.

    ``figures`` are the elements with pictures that were left out of the text.
    """

    def __init__(
        self, container: _Element, sizes: Sizes, descriptions: Collection[str] = ()
    ) -> None:
        """Find out which words are noise here: none that names a large part of the story."""
        super().__init__(())
        self.figures: list[_Element] = []
        self._sizes = sizes
        self._most = _GUARD * sizes.text.get(container, 0)
        held = Counter[str]()
        for element in container.iter():
            if element.attrib and (word := _noise_word(element)):
                held[word] += sizes.text.get(element, 0)
        self._words = {word for word, size in held.items() if size < self._most}
        self._around = dict.fromkeys(_notes(container, sizes), "note")
        for element in _standfirst(container, sizes, descriptions):
            self._around[element] = "standfirst"

    def elements(self, root: _Element) -> dict[_Element, str]:
        """Return the notes at both ends of the story, and its standfirst."""
        return self._around

    def rule(self, element: _Element) -> str | None:
        """Return the rule by which an element is noise, or None."""
        tag, size = element.tag, self._sizes.text.get(element, 0)
        if size and size >= self._most:
            return None
        if tag == "figure" and next(element.iter("blockquote", "table"), None) is not None:
            return None
        word = str(tag) if tag in _TAGS else _noise_word(element)
        is_named = tag in _TAGS or word in self._words
        if is_named and not (tag in _INLINE and _is_amid_text(element)):
            if word in _FIGURES:
                self.figures.append(element)
            return word
        return super().rule(element) or (self._size_rule(element, size) if size else None)

    def _size_rule(self, element: _Element, size: int) -> str | None:
        """Return the rule by which a paragraph or a box is noise."""
        linked = self._sizes.linked[element]
        if element.tag == "p":
            return "link" if linked and size <= _SMALL and _leads_elsewhere(element) else None
        if element.tag not in _BOXES:
            return None
        if linked > _LINKED * size and not _is_sentence(element):
            return "links"
        if size > _SMALL:
            return None
        if element.tag == "article" or (linked and _is_teaser(element)):
            return "teaser"
        return "form" if next(element.iter("form", "input"), None) is not None else None


def _is_amid_text(element: _Element) -> bool:
    """Return whether the text of a paragraph goes on behind an element."""
    parent = element.getparent()
    is_text = parent is not None and (parent.tag in _PARAGRAPHS or parent.tag in _INLINE)
    return is_text and bool((element.tail or "").strip())


def _is_sentence(box: _Element) -> bool:
    """Return whether a box contains one paragraph and that is a sentence, though it is a link."""
    while len(box) == 1 and not (box.text or "").strip():
        box = box[0]
        if box.tag == "p":
            return text_of(box).endswith((".", "!", "?"))
    return False


def _leads_elsewhere(paragraph: _Element) -> bool:
    """Return whether a paragraph is a link in bold, or one behind a label.

    >>> from lxml.html import fragment_fromstring as read
    >>> _leads_elsewhere(read('<p>ALSO READ: <a href="/b">Rain</a></p>'))
    True
    >>> _leads_elsewhere(read('<p>The mayor <a href="/b">said</a></p>'))
    False
    """
    text = text_of(paragraph)
    linked = "".join(map(text_of, paragraph.iter("a")))
    label, _, rest = text.partition(linked) if linked else (text, "", text)
    if rest.strip(" .\xa0") or len(label) > _LONGEST_LABEL:
        return False
    return label.endswith((": ", ":", "| ", "|")) or (
        not label and next(paragraph.iter("strong", "b"), None) is not None
    )


def _is_teaser(box: _Element) -> bool:
    """Return whether a box has a heading that is a link: it leads to another article."""
    for heading in box.iter(*_HEADINGS):
        if next(heading.iterancestors("a"), None) is not None and text_of(heading):
            return True
        if any(text_of(heading) == text_of(link) != "" for link in heading.iter("a")):
            return True
    return False


def _standfirst(
    container: _Element, sizes: Sizes, descriptions: Collection[str]
) -> Iterator[_Element]:
    """Yield the element that prints the page's description, unless it is like the paragraphs."""
    paragraphs = Counter((it.getparent(), it.get("class")) for it in container.iter("p"))
    first = (it for it in container.iter() if _TELLING <= sizes.text.get(it, 0) <= _SMALL)
    for element in islice(first, _MOST_STANDFIRST):
        if letters(text_of(element)) in descriptions:
            key = element.getparent(), element.get("class")
            if element.tag != "p" or paragraphs[key] < 3:
                yield element
            return


def _notes(container: _Element, sizes: Sizes) -> list[_Element]:
    """Return the paragraphs at both ends of a container that are in italics."""
    paragraphs = [it for it in container.iter("p") if sizes.text.get(it, 0)]
    found = []
    for line in (paragraphs, paragraphs[::-1]):
        for element in line:
            if sum(sizes.text.get(it, 0) for it in element.iter("em", "i")) < sizes.text[element]:
                break
            found.append(element)
    return found if len(found) < len(paragraphs) else []


def trimmed(blocks: Sequence[str], headlines: Collection[str]) -> list[str]:
    """Return the blocks of a story without those around it.

    ``headlines`` are the page's, as ``letters`` returns them.
    """
    counts = Counter(blocks)
    kept = [it for it in blocks if counts[it] < 3 and not _is_label(it, headlines)]
    # A list that the story begins with has sentences; one of links or topics has words.
    least = (_LONG_DIV if it.startswith("- ") else _LONG for it in kept)
    first = (n for n, (it, size) in enumerate(zip(kept, least, strict=True)) if _size(it) >= size)
    kept = kept[next(first, 0) :]
    while kept and _size(kept[-1]) < _LONG and not _END.search(kept[-1]):
        kept.pop()
    return kept


def _is_label(block: str, headlines: Collection[str]) -> bool:
    if block.casefold().strip(" :.") in _LABELS:
        return True
    key = letters(block)
    # "World Storm nears the coast": a section before the headline.
    return any(
        key == title or (len(title) > 20 and key.endswith(title) and len(key) < 2 * len(title))
        for title in headlines
    )
