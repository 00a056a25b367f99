"""Addresses from pages: every function accepts any string and raises no error."""

import re
from urllib.parse import quote, urljoin, urlsplit

# Most addresses match this and need no other test.
_PLAIN = re.compile(r"https?://[a-z0-9][a-z0-9.-]*[/?][!$-;=?-Z\[\]^_a-z|~]*", re.ASCII)
# A path that needs no resolving, as in many links.
_PATH = re.compile(
    r"(?:/(?![/.])[!$-.0-:=@-Z\[\]^_a-z|~]*+)++(?:\?[!$-;=?-Z\[\]^_a-z|~]+)?", re.ASCII
)
_ORIGIN = re.compile(r"https?://[a-z0-9][a-z0-9.-]*(?=[/?]|$)", re.ASCII)
# WHATWG, "basic URL parser": white space and controls around an address are removed, and so are
# line breaks and tabs inside it.
_AROUND = "".join(map(chr, range(0x21)))
_INSIDE = str.maketrans("", "", "\t\n\r")
# Characters that a browser sends unchanged; it percent-encodes all others.
_KEPT = "!#$%&'()*+,-./:;=?@[\\]^_|~"
_HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII
)

# Parameters that name the origin of a visit and do not change the page.
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|gclsrc|gad_\w+|[gw]braid|dclid|msclkid|mc_[ce]id|mkt_tok|igshid|igsh"
    r"|tbref|ref_src|ref_url|cmpid|ito|smid|sref|_hs\w+|_ga|_gl|email_hash|nxs\w*|taid|icid|ncid"
    r"|rcid|yclid|twclid|ttclid|srsltid|li_fat_id)(?:=|$)",
    re.I,
)
# Parameters that scale a picture.
_SCALING = re.compile(r"(?:w|h|crop|strip|quality|resize|fit|itok|ssl)(?:=|$)")


def absolute_url(url: str, base: str = "") -> str | None:
    r"""Return the absolute http(s) address as a browser requests it, without fragment.

    Return None for an address that is not on the web, such as ``mailto:``, or has a broken host.

    >>> absolute_url("../x y/\u00e9?q=%2F#top", "https://example.org/a/b/")
    'https://example.org/a/x%20y/%C3%A9?q=%2F'
    >>> absolute_url(" https://Example.ORG:443/a\n\tb\u2028c ")
    'https://example.org/ab%E2%80%A8c'
    >>> [absolute_url(it) for it in ("mailto:desk@example.org", "http://[x", "https:///", "a/b")]
    [None, None, None, None]
    """
    if _PLAIN.fullmatch(url):
        return url
    if _PATH.fullmatch(url) and (origin := _ORIGIN.match(base)):
        return f"{origin[0]}{url}"
    url = url.strip().strip(_AROUND).translate(_INSIDE).partition("#")[0]
    try:
        path, mark, query = url.partition("?")
        # Browsers treat a backslash as a slash.
        parts = urlsplit(urljoin(base, f"{path.replace(chr(92), '/')}{mark}{query}"))
        host, port = parts.hostname or "", parts.port
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or parts.username or not _HOST.fullmatch(host):
        return None
    # hostname lacks the brackets of IPv6.
    authority = f"[{host}]" if ":" in host else host
    if port not in (None, 80 if parts.scheme == "http" else 443):
        authority = f"{authority}:{port}"
    rest = quote(f"{parts.path}{'?' if parts.query else ''}{parts.query}", _KEPT, errors="ignore")
    return f"{parts.scheme}://{authority}{rest}"


def clean_url(url: str, base: str = "") -> str | None:
    """Return the absolute http(s) address without fragment and tracking; None for any other.

    >>> clean_url("/news/?utm_source=x&id=7#top", "https://example.org/a/")
    'https://example.org/news/?id=7'
    >>> clean_url("mailto:desk@example.org"), clean_url("http://[broken")
    (None, None)
    """
    return _without(_TRACKING, absolute_url(url, base))


def image_url(url: str, base: str = "") -> str | None:
    """Return a picture's absolute address without the parameters that scale it; None if not http.

    >>> image_url("/wp-content/dam.jpg?w=900&crop=1", "https://example.org/a/")
    'https://example.org/wp-content/dam.jpg'
    """
    # An empty address means the page itself.
    return _without(_SCALING, absolute_url(url, base)) if url.strip() else None


def _without(parameters: re.Pattern[str], url: str | None) -> str | None:
    """Return an address without the parameters that a pattern matches."""
    if not url or "?" not in url:
        return url
    path, _, query = url.partition("?")
    kept = "&".join(pair for pair in query.split("&") if not parameters.match(pair))
    return f"{path}?{kept}" if kept else path


def page_key(url: str) -> str | None:
    """Return a key that all addresses of one page share; None for a site's front page.

    Scheme, ``www.``, last slash, tracking and fragment are left out of the key.

    >>> page_key("http://www.example.org/a") == page_key("https://example.org/a/?utm_source=x#top")
    True
    >>> page_key("https://example.org/?p=1"), page_key("https://example.org/")
    ('example.org?p=1', None)
    """
    address = (clean_url(url) or "").partition("://")[2].removeprefix("www.")
    path, mark, query = address.partition("?")
    path = path.rstrip("/")
    return f"{path}{mark}{query}" if query or "/" in path else None
