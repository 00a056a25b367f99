"""Pictures: choose the address of the picture among those that an element names."""

import re
from collections.abc import Iterator

from lxml.etree import _Element

from newscrawl.extraction.urls import image_url

# Attributes in which scripts that load pictures late keep the address.
_LAZY = (
    *("data-src", "data-lazy-src", "data-original", "data-lazy", "data-original-src"),
    "data-flickity-lazyload",
)
_LAZY_SETS = (
    *("data-srcset", "data-lazy-srcset", "data-original-set", "data-flickity-lazyload-srcset"),
    "srcset",
)
# Whole file names, because a picture may show a gray-wolf or a transparent-ballot-box. Addresses
# with braces are templates of scripts.
_PLACEHOLDER = re.compile(
    r"/(?:[\w-]*(?:placeholder|spacer)[\w-]*|1x1[\w-]*"
    r"|(?:blank|transparent|pixel|lazy|loading|loader|gr[ae]y)"
    r"(?:blank|transparent|pixel|load|image|img|[x\d_-])*)\.(?:gif|png|svg|jpe?g|webp)(?:\?|$)|%7B|\{",
    re.I,
)
_PICTURE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)(?:\?|$)", re.I)
_POINT = re.compile(r"(?:^|;)(?:width|height):[01](?:px)?(?:;|$)")
_POINTS = frozenset({"0", "1", "2", "0px", "1px", "2px"})


def srcset(text: str) -> Iterator[tuple[float, str]]:
    """Yield size and address of each candidate of a ``srcset`` (HTML §4.8.4.2.1).

    >>> list(srcset("a,b.jpg 400w, c.jpg 1.5x,d.jpg, e.jpg 2x"))
    [(400.0, 'a,b.jpg'), (1.5, 'c.jpg'), (1.0, 'd.jpg'), (2.0, 'e.jpg')]
    """
    at = 0
    while candidate := _CANDIDATE.match(text, at):
        url, at = candidate[1], candidate.end()
        size = ""
        if url.endswith(","):
            url = url.rstrip(",")
        else:
            end = text.find(",", at)
            size, at = (text[at:end], end + 1) if end >= 0 else (text[at:], len(text))
        number = _SIZE.search(size)
        yield float(number[1]) if number else 1.0, url


_CANDIDATE = re.compile(r"[\s,]*(\S+)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)[wx]\b")


def image_address(image: _Element, base_url: str) -> str | None:
    """Return the address of the largest picture that an ``img`` element names.

    None means that the element has no address, is a placeholder, or is a single point.
    """
    if image.get("width") in _POINTS or image.get("height") in _POINTS:
        return None
    style = image.get("style")
    if style and _POINT.search("".join(style.split())):
        return None
    sources = (image.get(name) for name in (*_LAZY, "src"))
    addresses = (image_url(url, base_url) for url in sources if url)
    own = next((url for url in addresses if url and not _PLACEHOLDER.search(url)), None)
    largest, offered = _best(image, base_url)
    if own and own not in offered:
        return own
    if largest:
        return largest
    # The parser may put the image into the source before it.
    sets = (it for picture in image.iterancestors("picture") for it in picture.iter("source"))
    if picture := next((url for it in sets if (url := _best(it, base_url)[0])), None):
        return picture
    # Other scripts use other names of attributes.
    late = (text for name, text in image.items() if name.startswith("data-"))
    urls = (image_url(text, base_url) for text in late if _PICTURE.search(text))
    return next((url for url in urls if url and not _PLACEHOLDER.search(url)), None)


def _best(element: _Element, base_url: str) -> tuple[str | None, set[str]]:
    """Return the largest picture of an element's ``srcset``, and all of them."""
    for name in _LAZY_SETS:
        text = element.get(name)
        if not text:
            continue
        offers = [(size, url) for size, it in srcset(text) if (url := image_url(it, base_url))]
        if offers:
            # The first one of equal size wins.
            largest = max(offers, key=lambda offer: offer[0])[1]
            return largest, {url for _, url in offers}
    return None, set()
