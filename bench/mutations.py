"""Mutations of pages, feeds, sitemaps, REST answers and WARC files, as the world makes them.

Every function takes a random generator and a body, and returns a body. Most keep the structure,
so that the damage reaches the code behind the parser.
"""

import gzip
import json
import random
import re
from collections.abc import Callable
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]

MOST_BYTES = 1_500_000

ADDRESSES = (
    "http://[x",
    "//[",
    "https://thehill.com:99999/news/61009-no/",
    "https://thehill.com:x/",
    "https://\ud800.example/",
    "https://xn--a\u20ac.example/",
    "https://a..b/",
    f"https://{'a' * 70}.example/",
    f"https://thehill.com/news/{'7' * 9000}-x/",
    "https://thehill.com/news/61009-\u2026\u202e/",
    "https://thehill.com/\x00",
    "https://user:pass@thehill.com/",
    " \n\thttps://thehill.com/news/61009-no/\n",
    "\\\\thehill.com\\news\\61009-no",
    "javascript:alert(1)",
    "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
    "mailto:desk@example.org?subject=[",
    "https://[::1]/",
    "https://[fe80::1%25eth0]/",
    "?",
    "#",
    "",
    "%",
    "https:///",
    "https:thehill.com",
    "HTTP://THEHILL.COM/news/61009-NO/",
    "/" + "x/" * 5000,
)
DATES = (
    "0001-01-01T00:00:00Z",
    "0000-00-00T00:00:00",
    "9999-12-31T23:59:59-23:59",
    "2026-13-45T25:61:61Z",
    "2026-11-20",
    "2026-11-20T19:04:00",
    "20261120T190400Z",
    "2026-W47-5",
    "2026-11-20T19:04:00+99:99",
    "Fri, 31 Feb 2026 25:00:00 GMT",
    "Fri, 20 Nov 0000 10:00:00 +0000",
    "20 Nov 99999 10:00:00 +9999",
    "November 20, 2026 7:04 PM PT",
    "1795201440",
    "-1",
    "99999999999999999999",
    "١٢/٢٢/٢٣ ١١:٣٥ AM",
    "12/22/23 99:99 AM ET",
    "yesterday",
    "",
)
CHARACTERS = (
    "\x00",
    "\x0b",
    "\x1b",
    "\x85",
    "\u200b",
    "\u2028",
    "\u202e",
    "\ufeff",
    "\ufffe",
    "\ufffc",
    "\U0001f600",
    "\ud800",
    "\udfff",
    "İ",
    "ß",
    "\u0301" * 300,
    "<",
    ">",
    "&",
    '"',
    "'",
    "]]>",
    "-->",
    "<!--",
    "<![CDATA[",
    "<?",
    "<!",
    "</",
    "{",
    "}",
    "\\",
)
ENTITIES = (
    "&#0;",
    "&#xD800;",
    "&#x110000;",
    "&#99999999999999999999;",
    "&nosuch;",
    "&",
    "&&amp;amp;",
    "&nbsp;",
    "&lt;script&gt;",
    "&#x202E;",
    "&NotEqualTilde;",
    "&" + "a" * 5000 + ";",
    "&amp;" * 2000,
)
CHARSETS = (
    "utf-16",
    "utf-32",
    "utf-7",
    "shift_jis",
    "gb18030",
    "iso-2022-jp",
    "big5",
    "latin-1",
    "windows-1251",
    "x-user-defined",
    "idna",
    "punycode",
    "unicode_escape",
    "raw_unicode_escape",
    "undefined",
    "hex",
    "base64",
    "rot13",
    "utf-8-sig",
    "nosuch",
    "",
    "\x00",
)
# In place of a value of JSON.
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    float("nan"),
    float("inf"),
    "",
    " ",
    "\ud800",
    "a\udfffb",
    "\x00",
    [],
    {},
    [None],
    [[]],
    [[[["x"]]]],
    {"": ""},
    {"rendered": None},
    {"rendered": {"rendered": "x"}},
    {"@type": "NewsArticle"},
    {"@type": ["NewsArticle", 7, None], "url": ["https://thehill.com/"]},
    {"@graph": {"@graph": [{"@graph": None}]}},
    {"name": ["Ada Quill", {"name": "Bo Marsh"}]},
    {"name": {"@value": "Ada Quill"}},
    {"url": {"@id": "http://[x"}},
    ["https://thehill.com/a.jpg", {"url": "//["}, None, 7],
    "x" * 100_000,
    "<p>" * 3000,
)
_ADDRESS = re.compile(rb"https?://[^\s\"'<>\\]+|(?<=href=\")[^\"]*|(?<=src=\")[^\"]*")
_DATE = re.compile(
    rb"\d{4}-\d\d-\d\d(?:T[\d:.]+)?(?:Z|[+-]\d\d:?\d\d)?|\d{1,2}/\d{1,2}/\d\d [\d:]+ [AP]M"
)
_FEED_DATE = re.compile(rb"\w{3}, \d{1,2} \w{3} \d{4} [\d:]+ [+-]\d{4}")
_TAG = re.compile(rb"<[^<>]{1,300}>")
_LD = re.compile(rb"(<script[^>]*ld\+json[^>]*>)(.*?)(</script>)", re.S | re.I)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def replaced(chance: random.Random, body: bytes, pattern: re.Pattern[bytes], new: bytes) -> bytes:
    """Replace one of a pattern's matches, chosen by chance; now and then all of them."""
    found = list(pattern.finditer(body))
    if not found:
        return body
    if chance.random() < 0.1:
        return pattern.sub(lambda _: new, body)
    one = chance.choice(found)
    return body[: one.start()] + new + body[one.end() :]


def _insert(chance: random.Random, body: bytes, new: bytes) -> bytes:
    """Insert at a random place, most often behind a tag."""
    places = [it.end() for it in _TAG.finditer(body)] if chance.random() < 0.7 else []
    place = chance.choice(places) if places else chance.randrange(len(body) + 1)
    return body[:place] + new + body[place:]


def address(chance: random.Random, body: bytes) -> bytes:
    return replaced(chance, body, _ADDRESS, _bytes(chance.choice(ADDRESSES)))


def time(chance: random.Random, body: bytes) -> bytes:
    pattern = _FEED_DATE if _FEED_DATE.search(body) and chance.random() < 0.7 else _DATE
    return replaced(chance, body, pattern, _bytes(chance.choice(DATES)))


def character(chance: random.Random, body: bytes) -> bytes:
    return _insert(chance, body, _bytes(chance.choice(CHARACTERS)))


def entity(chance: random.Random, body: bytes) -> bytes:
    return _insert(chance, body, _bytes(chance.choice(ENTITIES)))


def lost_tag(chance: random.Random, body: bytes) -> bytes:
    return replaced(chance, body, _TAG, b"")


def other_tag(chance: random.Random, body: bytes) -> bytes:
    """Put a tag of the page in another's place."""
    tags = _TAG.findall(body)
    return replaced(chance, body, _TAG, chance.choice(tags)) if tags else body


def cut_tag(chance: random.Random, body: bytes) -> bytes:
    tags = list(_TAG.finditer(body))
    if not tags:
        return body
    one = chance.choice(tags)
    place = chance.randrange(one.start(), one.end())
    return body[:place] + body[one.end() :]


def cut(chance: random.Random, body: bytes) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def hole(chance: random.Random, body: bytes) -> bytes:
    start = chance.randrange(len(body) + 1)
    return body[:start] + body[start + chance.randrange(5000) :]


def flipped(chance: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(chance.choice((1, 3, 30)) if changed else 0):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def again(chance: random.Random, body: bytes) -> bytes:
    """Repeat a piece many times."""
    start = chance.randrange(len(body) + 1)
    piece = body[start : start + chance.choice((1, 20, 300, 3000))]
    times = min(chance.choice((2, 50, 2000)), 400_000 // (len(piece) or 1))
    return body[:start] + piece * times + body[start:]


def deep(chance: random.Random, body: bytes) -> bytes:
    tag = chance.choice(("div", "b", "p", "ul><li", "blockquote", "table><tr><td", "span", "item"))
    levels = chance.choice((10, 300, 5000))
    end = b"</%b>" % tag.partition(">")[0].encode() if chance.random() < 0.5 else b""
    return _insert(chance, body, b"<%b>" % tag.encode() * levels + b"x" + end * levels)


def table(chance: random.Random, body: bytes) -> bytes:
    span = chance.choice((b"", b' colspan="100000"', b' rowspan="-1"', b' colspan="x"'))
    row = b"<tr>" + b"<td%b>x</td>" % span * chance.choice((1, 8, 60)) + b"</tr>"
    rows = min(chance.choice((3, 300, 8000)), 500_000 // len(row))
    return _insert(chance, body, b"<table>" + row * rows + b"</table>")


def siblings(chance: random.Random, body: bytes) -> bytes:
    """Insert thousands of the same small thing."""
    piece = chance.choice(
        (
            b"<!-- x -->",
            b"<br>",
            b"<p></p>",
            b"<p>x</p>",
            b"<a href='/news/61009-x/'>x</a>",
            b"<img src='/a.jpg'>",
            b"<li>x",
            b"<meta property='og:title' content='x'>",
            b"<script type='application/ld+json'>{}</script>",
            b"<figure><img src='a.jpg'><figcaption>x</figcaption></figure>",
            b" ",
            b"\n",
            b"&amp;",
            b"x, ",
            b"and ",
            b"(",
            b"<",
        )
    )
    return _insert(chance, body, piece * chance.choice((5, 500, 10_000)))


def charset(chance: random.Random, body: bytes) -> bytes:
    """Declare another encoding, and now and then use it."""
    name = chance.choice(CHARSETS)
    pattern = re.compile(rb"(?<=charset=)[\"']?[\w-]+|(?<=encoding=\")[^\"]*", re.I)
    body = replaced(chance, body, pattern, _bytes(name))
    if chance.random() < 0.4:
        try:
            return body.decode("utf-8", "replace").encode(name, "replace")
        except (LookupError, ValueError, AssertionError):
            return body
    return body


def structured(chance: random.Random, body: bytes) -> bytes:
    """Change the JSON-LD: one of its values, or its text."""

    def changed(found: re.Match[bytes]) -> bytes:
        try:
            text = json_value(chance, found[2])
        except ValueError:
            text = found[2]
        if chance.random() < 0.3:
            text = chance.choice((cut, flipped, character, hole, deep_json))(chance, text)
        return found[1] + text + found[3]

    return _LD.sub(changed, body)


def deep_json(chance: random.Random, body: bytes) -> bytes:
    opening, closing = chance.choice(((b"[", b"]"), (b'{"a":', b"}")))
    levels = chance.choice((50, 900, 200_000))
    new = opening * levels + (b"1" + closing * levels if chance.random() < 0.5 else b"")
    return chance.choice((new, b'{"@graph":' + new + b"}", b"9" * 5000, body + new))


def json_value(chance: random.Random, body: bytes) -> bytes:
    """Put another value in the place of one, or leave it away. Raises ValueError, if not JSON."""
    try:
        whole = json.loads(body)
    except RecursionError:
        return body
    for _ in range(chance.choice((1, 1, 2, 5))):
        where = whole
        while isinstance(where, dict | list) and where:
            key = (
                chance.choice(list(where))
                if isinstance(where, dict)
                else chance.randrange(len(where))
            )
            inner = where[key]
            if not isinstance(inner, dict | list) or not inner or chance.random() < 0.3:
                if chance.random() < 0.15:
                    del where[key]
                else:
                    where[key] = chance.choice(VALUES)
                break
            where = inner
        else:
            whole = chance.choice(VALUES)
    return json.dumps(whole).encode()


def json_mutation(chance: random.Random, body: bytes) -> bytes:
    try:
        return json_value(chance, body)
    except ValueError:
        return body


def json_text(chance: random.Random, body: bytes) -> bytes:
    """Change the markup in one of JSON's texts, as it would be changed on a page."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError):
        return body
    texts: list[tuple[Any, Any]] = []
    todo = [whole]
    while todo:
        where = todo.pop()
        pairs = (
            where.items()
            if isinstance(where, dict)
            else enumerate(where)
            if isinstance(where, list)
            else ()
        )
        for key, value in pairs:
            if isinstance(value, str) and len(value) > 15:
                texts.append((where, key))
            todo.append(value)
    if texts:
        where, key = (
            max(texts, key=lambda it: len(it[0][it[1]]))
            if chance.random() < 0.5
            else chance.choice(texts)
        )
        changed = chance.choice(MARKUP)(chance, _bytes(where[key]))
        where[key] = (
            changed.decode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")
            if _decodes(changed)
            else changed.decode("latin-1")
        )
    return json.dumps(whole).encode()


def _decodes(body: bytes) -> bool:
    try:
        body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def packed(chance: random.Random, body: bytes) -> bytes:
    """Pack with gzip, and damage the packed file."""
    size = chance.choice((len(body) + 1, 1000, 7))
    size = max(size, len(body) // 2000 + 1)
    members = [gzip.compress(body[at : at + size], 1, mtime=0) for at in range(0, len(body), size)]
    whole = b"".join(members)
    damage = chance.choice((None, None, flipped, cut, hole, again))
    return damage(chance, whole) if damage else whole


# What may come to any text with tags.
MARKUP: tuple[Mutation, ...] = (
    *(address, address, time, time, character, character, entity),
    *(lost_tag, other_tag, cut_tag, cut, hole, flipped, again, deep, table, siblings, charset),
)


def mutated(chance: random.Random, body: bytes, mutations: tuple[Mutation, ...]) -> bytes:
    """Return a body after one to four mutations."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        body = chance.choice(mutations)(chance, body)[:MOST_BYTES]
    return body
