"""Read one saved page, without a crawl: the code of ``newscrawl.extract``."""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from w3lib.encoding import html_body_declared_encoding, read_bom

from newscrawl.exceptions import ArgumentError, NotWholeWarning, UnreadableError
from newscrawl.extensions.options import unknown
from newscrawl.extraction.dates import utc
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.extraction.loaders import Page, joined
from newscrawl.extraction.markup import parse_page, recoded
from newscrawl.extraction.outlet import Outlet, post_of
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Article, Candidate
from newscrawl.storage.schema import fault

_SPIDERS = "newscrawl.spiders"


@cache
def find_outlet(name: str) -> Outlet:
    """Return an outlet by the name of its spider, or ``generic``.

    Raises ArgumentError for an unknown one.
    """
    if name == Generic.name:
        return Generic()
    names = sorted(it.name for it in iter_modules(import_module(_SPIDERS).__path__))
    if name not in names:
        raise unknown("outlet", name, [*names, Generic.name])
    module = import_module(f"{_SPIDERS}.{name}")
    classes = (it for it in vars(module).values() if isinstance(it, type))
    return next(it() for it in classes if issubclass(it, Outlet) and vars(it).get("name") == name)


def extract(
    html: str | bytes,
    url: str,
    outlet: str,
    *,
    further: Sequence[str | bytes] = (),
    fetched: datetime | None = None,
) -> Article:
    """Return the article of one page; see ``newscrawl.extract``."""
    site = find_outlet(outlet)
    candidate = site.find_candidate(url)
    if candidate is None:
        raise ArgumentError(f"{url!r} is not the address of an article of {outlet}.")
    if html[:64].lstrip()[:1] in ("{", b"{"):
        body = html.encode("utf-8", "surrogatepass") if isinstance(html, str) else html
        article, source = site.read_article_post(post_of(body), candidate), "api"
    else:
        page, *rest = pages = [_read(site, it, url, candidate) for it in (html, *further)]
        addresses = dict.fromkeys(address for it in pages for address in it.further)
        if missing := list(addresses)[len(rest) :]:
            text = f"{candidate.url} goes on at {', '.join(missing)}"
            warnings.warn(text, NotWholeWarning, stacklevel=3)
        article, source = joined(page.article, [it.article for it in rest]), "page"
    article.source, article.source_url = source, absolute_url(url) or url
    article.date_fetched = utc(fetched or datetime.now(UTC))
    if reason := fault(article):
        raise UnreadableError(reason)
    return article


def _read(site: Outlet, html: str | bytes, url: str, candidate: Candidate) -> Page:
    if not html.strip():
        raise UnreadableError("empty answer")
    text = html if isinstance(html, str) else decoded(html)
    return site.read_article(parse_page(text), url, candidate)


def decoded(body: bytes) -> str | bytes:
    """Return a page as text, by its byte order mark or what it declares; UTF-8 as it is."""
    return recoded(body, lambda: read_bom(body)[0] or html_body_declared_encoding(body) or "utf-8")
