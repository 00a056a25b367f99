"""HTML: parse it, and read the visible text of elements."""

import codecs
import re
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from functools import cache
from itertools import islice

from lxml import etree
from lxml.etree import _Element
from parsel import Selector
from parsel.csstranslator import HTMLTranslator

from newscrawl.extraction.processors import clean_text

SILENT = frozenset(
    "annotation audio button canvas dialog embed form head iframe input link map meta noscript"
    " object option progress script select style svg template textarea title video".split()
)
"""Elements that are never part of a text, on any page."""
BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details dir div dl dt fieldset"
    " figcaption figure footer h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p"
    " pre search section summary table tbody td tfoot th thead tr ul".split()
)
"""Elements that start a new line on a page."""
PICTURES = frozenset({"img", "amp-img"})
"""Elements that show a picture."""
# Classes that the style sheets of WordPress, Drupal, Bootstrap and Foundation hide from sight.
_FOR_SCREEN_READERS = frozenset(
    "screen-reader-text sr-only visually-hidden visuallyhidden element-invisible show-for-sr"
    " assistive-text u-visually-hidden screenreader-only screen-reader-only elementor-screen-only"
    " is-sr-only usa-sr-only u-sr-only govuk-visually-hidden cdk-visually-hidden a11y-hidden"
    " ui-helper-hidden-accessible visually-hidden-focusable".split()
)
HIDING = frozenset({"hidden", "style", "class", "aria-hidden"})
"""The attributes that can hide an element."""
_HIDDEN = re.compile(
    r"(?:display:none|visibility:hidden|mso-hide:all)(?![\w-])|(?:left|indent):-\d{4}"
)
_WORD = re.compile(r"\w")
_EMPTY = b"<html/>"


def xpath(path: str) -> etree.XPath:
    """Return a compiled XPath, without the EXSLT functions, which slow down every lookup."""
    return etree.XPath(path, regexp=False, smart_strings=False)


# An element with classes, as in most layouts.
_CLASSES = re.compile(r"[a-z][a-z\d]*(?:\.[A-Za-z_][\w-]*)+", re.ASCII)


@cache
def css(selector: str) -> Callable[[_Element], list[_Element]]:
    """Return a CSS selector compiled for lookups below an element, the element included.

    A selector with a tag (``div.story``) is five times quicker than one without (``.story``).
    Raises cssselect's ``SelectorError`` for a selector that is not CSS.
    """
    if not _CLASSES.fullmatch(selector):
        compiled: Callable[[_Element], list[_Element]]
        compiled = xpath(HTMLTranslator().css_to_xpath(selector))
        return compiled
    tag, *names = selector.split(".")
    # XPath needs longer: it copies the attribute of each element.
    return lambda root: [
        it
        for it in root.iter(tag)
        if names[0] in (given := it.get("class", "")) and {*names} <= {*given.split()}
    ]


def parse(markup: str | bytes) -> Selector:
    r"""Return a page or fragment, parsed; bytes are UTF-8.

    Lone surrogates and comments are removed. The text inside CDATA stays. Raises UnicodeDecodeError
    for bytes that are not UTF-8.

    >>> parse("<p>It <![CDATA[rained\ud83d]]>.</p>").xpath("string()").get()
    'It rained.'
    """
    if isinstance(markup, str):
        markup = _encoded(markup)
    if _has_cdata(markup):
        # The HTML parser treats CDATA as a comment, so its text would be lost.
        markup = markup.replace(b"<![CDATA[", b"").replace(b"]]>", b"")
    # lxml.html creates each element in Python, which is slow. The table of all ids is not used
    # and takes a tenth of the parsing. Text after a comment would be the tail of the comment.
    parser = etree.HTMLParser(
        encoding="utf-8", huge_tree=True, collect_ids=False, remove_comments=True, remove_pis=True
    )
    root = etree.fromstring(markup.replace(b"\0", b"").strip() or _EMPTY, parser)
    # The parser logs bytes that are not UTF-8, but only the first hundred errors of all kinds.
    if parser.error_log:
        markup.decode()
    return Selector(root=etree.fromstring(_EMPTY, parser) if root is None else root, type="html")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Two surrogates may be one character; a lone one is dropped.
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "ignore").encode()


def recoded(markup: bytes, declared: Callable[[], str]) -> bytes | str:
    r"""Return a page in UTF-8 unchanged, any other page decoded.

    ``declared`` searches the encoding that the page declares; it is slow, and few pages need it.
    A page that is valid UTF-8 is UTF-8, even if it declares another encoding. So is a page that
    declares UTF-16 in ASCII (HTML §13.2.3.3).

    >>> recoded("é".encode(), lambda: "cp1252"), recoded("é”".encode("cp1252"), lambda: "utf-8")
    (b'\xc3\xa9', 'é”')
    """
    has_zeros, is_valid = b"\0" in markup[:64], _is_utf8(markup)
    if is_valid and _is_plain(markup):
        return markup.removeprefix(codecs.BOM_UTF8)
    if wide_without_mark := _WIDE.get(markup[:2]):
        return markup.decode(wide_without_mark, "replace")
    encoding = declared()
    wide = encoding.startswith(("utf-16", "utf-32"))
    if not (wide and has_zeros) and not encoding.startswith("iso2022"):
        if is_valid:
            return markup.removeprefix(codecs.BOM_UTF8)
        if wide or encoding in ("utf-8", "cp1252"):
            return mostly_utf8(markup)
    try:
        return markup.decode(encoding, "replace").removeprefix("\ufeff")
    except (LookupError, ValueError):
        # Some of Python's codecs are not encodings of text, such as "hex" and "idna".
        return mostly_utf8(markup)


_WIDE = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}


def _is_utf8(markup: bytes) -> bool:
    # Pieces fit into the processor's cache: six times as quick as the whole text at once.
    at, size = 0, len(markup)
    try:
        while at < size:
            at += codecs.utf_8_decode(markup[at : at + _PIECE], "strict", at + _PIECE >= size)[1]
    except UnicodeDecodeError:
        return False
    return True


_PIECE = 8192


def _is_plain(markup: bytes) -> bool:
    """Return whether a page that is valid UTF-8 cannot be in another encoding.

    UTF-16 of plain letters is valid UTF-8, too, and so is ISO 2022 (ASCII with escapes).
    """
    return b"\0" not in markup[:64] and b"\x1b" not in markup


def mostly_utf8(markup: bytes) -> str:
    r"""Return text with some invalid bytes, as UTF-8 if most characters are valid, else as cp1252.

    >>> mostly_utf8(b"caf\xc3\xa9\xff"), mostly_utf8(b"caf\xe9")
    ('café\ufffd', 'café')
    """
    rest, right = _SEQUENCE.subn(b"", markup)
    encoding = "utf-8" if len(_HIGH.findall(rest)) <= right else "cp1252"
    return markup.decode(encoding, "replace")


# Includes lone surrogates, which some programs write.
_SEQUENCE = re.compile(
    b"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(b"[\x80-\xff]")
# Closes everything that may be open where a page is cut: attribute, tag, comment, script.
_MARK = b"x\"'>--></script></style></title></textarea><newscrawl-end></newscrawl-end>"
# What of the mark is text, unless something was open; and what lxml does not take as text.
_MARK_TEXT = re.compile("(?:x\"'>)?-->$|[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_END_TAG = re.compile(rb"</(?:html|body)\b[^<>]*>", re.I)
_STORY_TAG = re.compile(rb"</?(?:p|div|article|section|main|h\d|ul|ol|li|table|td|blockquote)\b")


def parse_page(markup: str | bytes, declared: Callable[[], str] = lambda: "utf-8") -> Selector:
    """Return a page, parsed. The end of a page without end tag is marked for ``is_cut``.

    Bytes may be in any encoding; ``declared`` returns the declared one, as for ``recoded``.
    """
    if isinstance(markup, bytes):
        if _is_plain(markup):
            # Most pages are UTF-8, and the parser itself detects the others.
            with suppress(UnicodeDecodeError):
                return _marked_page(markup.removeprefix(codecs.BOM_UTF8))
        markup = recoded(markup, declared)
    return _marked_page(_encoded(markup) if isinstance(markup, str) else markup)


def _marked_page(markup: bytes) -> Selector:
    if _has_end(markup):
        page = parse(markup)
        # A story may contain the end tags of an e-mail. Browsers ignore them, but the parser puts
        # the rest of the page into a second tree.
        is_divided = page.root.getnext() is not None
        if is_divided and markup.count(b"</html") > max(1, markup.count(b"<html")):
            page = parse(_END_TAG.sub(b"", markup))
        return page
    page = parse(_END_TAG.sub(b"", markup) + _MARK)
    for mark in page.root.iter("newscrawl-end"):
        before = mark.getprevious()
        if before is not None:
            before.tail = _MARK_TEXT.sub("", before.tail or "")
        elif (around := mark.getparent()) is not None:
            around.text = _MARK_TEXT.sub("", around.text or "")
    return page


def _has_end(markup: bytes) -> bool:
    """Return whether a page ends with an end tag, and no tag of a story follows."""
    # On most pages nothing follows; on others comments or scripts do.
    for size in (64, 65536):
        tail = markup[-size:].lower()
        at = max(tail.rfind(b"</html"), tail.rfind(b"</body"))
        if at >= 0:
            return not _STORY_TAG.search(tail, at)
    return False


def is_cut(element: _Element) -> bool:
    """Return whether a page of ``parse_page`` ends inside an element, without any end tag.

    In HTML the end tags of body and html are optional, those of elements with a story are not.

    >>> page = parse_page("<article><p>It rained.</p></article><p>More")
    >>> [is_cut(it) for it in page.root.iter("article", "p")]
    [False, False, True]
    """
    mark = next(element.iter("newscrawl-end"), None)
    return mark is not None and not (element.tag in _WHOLE and mark.getparent().tag in _WHOLE)


_WHOLE = frozenset({"html", "body"})


def is_too_deep(element: _Element) -> bool:
    """Return whether elements nest too deep below this one, so that the parser lost the rest."""
    depth = sum(1 for _ in element.iterancestors())
    while len(element):
        element = element[-1]
        depth += 1
    return depth > _DEEPEST


# libxml2 stops at 2048.
_DEEPEST = 2000


def _has_cdata(markup: bytes) -> bool:
    """Return whether there is CDATA outside the comments of scripts."""
    # A search from the end is twice as quick in CPython.
    at = markup.rfind(b"<![CDATA[")
    while at >= 0:
        if markup[max(at - 4, 0) : at].rstrip()[-1:] not in (b"/", b"*"):
            return True
        at = markup.rfind(b"<![CDATA[", 0, at)
    return False


def outermost(elements: Iterable[_Element]) -> list[_Element]:
    """Return elements without those that are inside another one of them, in the same order.

    Every ancestor is visited once, because a page may nest thousands of elements.
    """
    given = dict.fromkeys(elements)
    if len(given) < 2 or not any(map(len, given)):
        return list(given)
    # Whether an ancestor is one of the elements, or inside one.
    known: dict[_Element, bool] = {}
    kept = []
    for element in given:
        passed = []
        is_inside = False
        for parent in element.iterancestors():
            is_inside = parent in given or known.get(parent, False)
            if is_inside or parent in known:
                break
            passed.append(parent)
        known.update(dict.fromkeys(passed, is_inside))
        if not is_inside:
            kept.append(element)
    return kept


def hidden(element: _Element) -> str | None:
    """Return why an element is hidden by its own attributes; None if it is visible."""
    attributes = element.attrib
    if not attributes:
        return None
    if "hidden" in attributes:
        return "hidden"
    style = attributes.get("style")
    if style and _HIDDEN.search("".join(style.split()).lower()):
        return "hidden"
    names = attributes.get("class")
    if names and not _FOR_SCREEN_READERS.isdisjoint(names.split()):
        return "screen reader"
    # An icon or a sign. Words that are hidden from screen readers only are visible.
    if attributes.get("aria-hidden") == "true" and _is_decoration(element):
        return "decoration"
    return None


# An element with so many elements inside is not a decoration.
_MOST_DECORATION = 50


def _is_decoration(element: _Element) -> bool:
    """Return whether an element contains neither words nor pictures."""
    parts = list(islice(element.iter(etree.Element), _MOST_DECORATION))
    if len(parts) == _MOST_DECORATION or any(part.tag == "img" for part in parts):
        return False
    return not _WORD.search("".join(element.itertext()))


_EMOJI = re.compile(r"emoji|smil(?:ey|ies)", re.I)


def is_emoji(image: _Element) -> bool:
    """Return whether a picture is a character (its ``alt``), as WordPress' emoji are."""
    alt = image.get("alt", "")
    if not 0 < len(alt) <= 12:
        return False
    # Symbols alone, no letters of any script.
    if all(it >= "\u2100" or it == "\u200d" for it in alt) and not any(map(str.isalnum, alt)):
        return True
    return bool(_EMOJI.search(f"{image.get('class', '')} {image.get('src', '')}"))


def lines_of(element: _Element, without: Container[_Element] = ()) -> str:
    """Return the visible text of an element, with a line break between its lines.

    The elements in ``without`` are left out.
    """
    if not len(element):
        return (element.text or "").replace("\n", " ")
    parts: list[str] = []
    walk = etree.iterwalk(element, events=("start", "end"))
    for event, part in walk:
        if event == "start":
            if part is not element and (part.tag in SILENT or part in without or hidden(part)):
                walk.skip_subtree()
                continue
            if part.tag in BLOCKS or part.tag == "br":
                parts.append("\n")
            elif part.tag == "img" and is_emoji(part):
                parts.append(part.get("alt", ""))
            if part.text:
                parts.append(part.text.replace("\n", " "))
        else:
            if part.tag in BLOCKS:
                parts.append("\n")
            if part.tail and part is not element:
                parts.append(part.tail.replace("\n", " "))
    return "".join(parts)


def text_of(element: _Element, without: Container[_Element] = ()) -> str:
    """Return the visible text of an element, clean and on one line, as ``lines_of`` does.

    >>> from lxml.html import fragment_fromstring
    >>> text_of(fragment_fromstring("<h1> Senate <em>votes</em><br>&amp; leaves </h1>"))
    'Senate votes & leaves'
    """
    return clean_text(lines_of(element, without))
