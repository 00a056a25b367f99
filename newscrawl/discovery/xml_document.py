"""Read the XML of feeds and sitemaps, however badly it is written.

Real listings have blank lines and warnings before the declaration, undeclared prefixes, bare
ampersands, HTML entities, control characters and encodings that lie. None of that hides an entry.
"""

import html
import re
import struct
import zlib
from collections.abc import Collection, Iterator
from functools import lru_cache
from gzip import GzipFile
from html.entities import html5
from io import BytesIO

from lxml import etree
from w3lib.encoding import read_bom, resolve_encoding

from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.markup import recoded

_MOST_BYTES = 64 * 1024 * 1024  # of a listing, unpacked; the protocol's limit is 50 MB
_GZIP = b"\x1f\x8b\x08"

_DECLARED = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})[\"']", re.I)
_UNTIDY = re.compile(
    # CDATA stays as it is: an ampersand or comment in it is text.
    r"(?P<cdata><!\[CDATA\[.*?(?:\]\]>|\Z))|<!--.*?(?:-->|\Z)"
    r"|&(?:#(?P<number>[0-9]{1,7}|[xX][0-9a-fA-F]{1,6});|(?P<name>[A-Za-z][A-Za-z0-9]{1,31};))?"
    r"|<(?![A-Za-z_/!?])|[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]",
    re.S,
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_ENTITY = re.compile(r"<!ENTITY\s+([^\s%\"'<>]+)\s")
_TAG = re.compile(r"<((?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*))(?=[\s/>])")
_PREFIX = re.compile(r"<([A-Za-z_][A-Za-z0-9_.-]*):")
_MOST_PREFIXES = 50
# What a page may print before the document that it was to be.
_BEFORE = 20_000
# A bad parser's mistakes that lose no more than a character.
_HARMLESS = ("ERR_NAME_REQUIRED", "ERR_INVALID_CHAR", "ERR_ATTRIBUTE_REDEFINED")


class Document:
    """A listing's XML: its root's name, and its entries one after the other.

    ``is_whole`` says whether it has its end; entries behind a cut are lost. Raises
    UnreadableError for what has no root of one of the names ``roots``.
    """

    def __init__(self, body: bytes, roots: Collection[str]) -> None:
        """Unpack, decode and tidy the text."""
        body, self.is_whole = unzipped(body)
        text = tidy(decoded(body))
        first = _TAG.search(text)
        begin = next(
            (it for it in _TAG.finditer(text, 0, _BEFORE) if it[2].lower() in roots),
            None,
        )
        if first is None or begin is None or first[2].lower() == "html":
            raise UnreadableError("not XML of a listing")
        self.root = begin[2].lower()
        tag = re.escape(begin[1])
        end = text.rfind(f"</{begin[1]}")
        empty = re.match(rf"<{tag}\s[^<>]*/>|<{tag}/>", text[begin.start() :])
        self.is_whole &= end > 0 or empty is not None
        # Entities of its own are never resolved: what they stand for is lost where they are used.
        own = _ENTITY.findall(text, 0, begin.start())
        self.is_whole &= not any(f"{it};" not in html5 and f"&amp;{it};" in text for it in own)
        # Text after the end, such as a warning of the site's program, would be an error.
        self._text = text[begin.start() : end if end > 0 else None]
        if end > 0:
            self._text += f"</{begin[1]}>"

    def mentions(self, name: str) -> bool:
        """Return whether there is an element of this name, in any case and name space."""
        return re.search(rf"<(?:[\w.-]+:)?{name}[\s>]", self._text, re.I) is not None

    def entries(self, names: Collection[str]) -> Iterator[etree._Element]:
        """Yield the elements of these names when they are complete; each is then emptied.

        ``is_whole`` is known when the last one was taken.
        """
        text = self._text
        if not self.is_whole:
            # The entry in which a listing was cut is cut, too.
            ends = re.compile(rf"</(?:[\w.-]+:)?(?:{'|'.join(names)})\s*>", re.I)
            last = max((it.end() for it in ends.finditer(text)), default=0)
            text = text[:last] if last else ""
        # An element around it: there may be several documents, one behind the other; and it
        # declares the prefixes that they forgot to.
        prefixes = set(_PREFIX.findall(text)) - {"xml", "xmlns"}
        declared = "".join(f' xmlns:{it}="{it}"' for it in sorted(prefixes)[:_MOST_PREFIXES])
        body = f"<_{declared}>{text}</_>".encode("utf-8", "replace")
        events = etree.iterparse(
            BytesIO(body),
            tag=[f"{{*}}{it}" for name in names for it in (name, name.upper(), name.title())],
            resolve_entities=False,
            no_network=True,
            recover=True,
        )
        try:
            for _, element in events:
                yield element
                element.clear()
                previous = element.getprevious()
                if previous is not None and space_and_name(previous.tag)[1] in names:
                    element.getparent().remove(previous)
        except etree.XMLSyntaxError:
            self.is_whole = False
        self.is_whole &= all(
            it.domain_name == "NAMESPACE" or it.type_name in _HARMLESS for it in events.error_log
        )


@lru_cache(maxsize=1000)
def space_and_name(tag: object) -> tuple[str, str]:
    """Return the namespace of a tag, or its prefix when that is not declared, and its name."""
    space, _, name = tag.rpartition("}") if isinstance(tag, str) else ("", "", "")
    return space.strip("{"), name.lower()


def text_of(element: etree._Element) -> str:
    """Return the text in an element; in a processing instruction or an entity there is none."""
    return "".join(element.itertext()) if isinstance(element.tag, str) else ""


def unzipped(body: bytes) -> tuple[bytes, bool]:
    """Return a body without gzip, known by its first bytes, and whether it was whole.

    A file may be packed twice: once as a file, once by the server. Raises UnreadableError when
    nothing of it can be unpacked, or when it is too large.
    """
    is_whole = True
    while body[:3] == _GZIP:
        parts, size = [], 0
        stream = GzipFile(fileobj=BytesIO(body))
        try:
            while part := stream.read1(1 << 20):
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise UnreadableError("too large")
        except (EOFError, OSError, zlib.error, struct.error) as error:
            is_whole = False
            if not parts:
                raise UnreadableError("broken gzip") from error
        body = b"".join(parts)
    return body, is_whole


def decoded(body: bytes) -> str:
    """Return a body's text: by its byte order mark, as UTF-8 if it is, else as it declares."""
    encoding, mark = read_bom(body)
    if encoding and mark:
        return body[len(mark) :].decode(encoding, "replace")
    if body[:4] in (b"<\x00?\x00", b"\x00<\x00?"):
        return body.decode("utf-16-le" if body[0] else "utf-16-be", "replace")
    match = _DECLARED.search(body, 0, 1000)
    declared = resolve_encoding(match[1].decode("ascii")) if match else None
    text = recoded(body, lambda: declared or "utf-8")
    return text if isinstance(text, str) else text.decode()


def tidy(text: str) -> str:
    r"""Return XML without what breaks parsers: comments, bare ampersands, control characters.

    >>> tidy("<a>x & y&nbsp;<!-- z -->&#0;&amp;<![CDATA[&]]></a>")
    '<a>x &amp; y\xa0&amp;<![CDATA[&]]></a>'
    """
    return _UNTIDY.sub(_tidied, text)


def _tidied(match: re.Match[str]) -> str:
    whole = match[0]
    if match["cdata"]:
        text = _CONTROL.sub("", whole)
        return text if text.endswith("]]>") else f"{text}]]>"
    if not whole.startswith("&"):
        return "&lt;" if whole == "<" else ""
    if name := match["name"]:
        if name in ("amp;", "lt;", "gt;", "quot;", "apos;"):
            return whole
        return html.escape(html5.get(name, f"&{name}"))
    if number := match["number"]:
        code = int(number[1:], 16) if number[0] in "xX" else int(number)
        return whole if 0 < code < 0x110000 and not _CONTROL.match(chr(code)) else ""
    return "&amp;"
