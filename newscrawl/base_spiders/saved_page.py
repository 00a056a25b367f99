"""Read one saved page, without a crawl: the code of ``newscrawl.extract``."""

import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from w3lib.encoding import html_body_declared_encoding, read_bom

from newscrawl.base_spiders.spider_loader import environments_outlet
from newscrawl.exceptions import ArgumentError, NotWholeWarning, UnreadableError
from newscrawl.extraction.dates import utc
from newscrawl.extraction.loaders import Page, Stats, joined
from newscrawl.extraction.markup import parse_page, recoded
from newscrawl.extraction.outlet import Outlet, post_of
from newscrawl.extraction.urls import absolute_url
from newscrawl.items import Article, Candidate
from newscrawl.storage.schema import fault


def extract(
    html: str | bytes,
    url: str,
    outlet: Outlet | str,
    *,
    further: Sequence[str | bytes] = (),
    fetched: datetime | None = None,
    stats: Stats | None = None,
) -> Article:
    """Return the article of one page; see ``newscrawl.extract``.

    An outlet that is a name is found with the settings of the environment. ``stats`` counts which
    selectors matched, and where structured data and page disagree.
    """
    if isinstance(outlet, str):
        outlet = environments_outlet(outlet)
    candidate = outlet.find_candidate(url)
    if candidate is None:
        raise ArgumentError(f"{url!r} is not the address of an article of {outlet.name}.")
    if html[:64].lstrip()[:1] in ("{", b"{"):
        body = html.encode("utf-8", "surrogatepass") if isinstance(html, str) else html
        article, source = outlet.read_article_post(post_of(body), candidate, stats), "api"
    else:
        texts = (html, *further)
        page, *rest = pages = [_read(outlet, it, url, candidate, stats) for it in texts]
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


def _read(
    outlet: Outlet, html: str | bytes, url: str, candidate: Candidate, stats: Stats | None
) -> Page:
    if not html.strip():
        raise UnreadableError("empty answer")
    page = parse_page(html) if isinstance(html, str) else parse_page(html, partial(_declared, html))
    return outlet.read_article(page, url, candidate, stats)


def decoded(body: bytes) -> str | bytes:
    """Return a page as text, by its byte order mark or what it declares; UTF-8 as it is."""
    return recoded(body, partial(_declared, body))


def _declared(body: bytes) -> str:
    return read_bom(body)[0] or html_body_declared_encoding(body) or "utf-8"
