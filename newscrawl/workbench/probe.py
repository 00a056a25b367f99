"""Probe a site: robots.txt, sitemaps, feeds and REST, with few requests."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from urllib.parse import urlsplit

from newscrawl.discovery.feed_files import FEEDS, items
from newscrawl.discovery.sitemap_files import Entry, read_sitemap
from newscrawl.discovery.xml_document import Document
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.json_text import read_json
from newscrawl.extraction.sources import Feed, NewsSitemap, Sitemap, Source, WordPress
from newscrawl.workbench.addresses import propose
from newscrawl.workbench.fetching import Fetch
from newscrawl.workbench.survey import Survey, feeds, is_of_site, short

_SITEMAP = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.I | re.M)
_MOST_SITEMAPS = 5
_MOST_ENTRIES = 200


@dataclass
class Probe:
    """What a site answered: its sources, addresses of articles that they list, and a report.

    ``report`` has a word and a sentence for each thing that was requested.
    """

    sources: list[Source] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    report: list[tuple[str, str]] = field(default_factory=list)

    def say(self, word: str, sentence: str) -> None:
        """Add a line to the report."""
        self.report.append((word, sentence))


async def probe(fetch: Fetch, survey: Survey) -> tuple[Survey, list[tuple[str, str]]]:
    """Return the survey with the sources that the site answers, and a report for people."""
    root = f"{survey.scheme}://{survey.host}"
    found = Probe()
    robots = ""
    try:
        robots = (await fetch(f"{root}/robots.txt")).text
        found.say("robots.txt", "read")
    except (UnreadableError, AttributeError) as error:
        found.say("robots.txt", f"not read: {error}")
    listed = [it for it in dict.fromkeys(_SITEMAP.findall(robots)) if is_of_site(it, survey.host)]
    guess = "/wp-sitemap.xml" if survey.platform else "/sitemap.xml"
    for it in feeds(survey.reads, survey.host):
        await _feed(fetch, it, root, found)
    for url in listed[:_MOST_SITEMAPS] or [f"{root}{guess}"]:
        await _sitemap(fetch, url, survey.host, found)
    if survey.rest or survey.platform:
        await _rest(fetch, root, found)
    own = [it for it in found.addresses if urlsplit(it).hostname == survey.host]
    article = _with_addresses(survey, own, found)
    sources = tuple(dict.fromkeys(found.sources))
    return replace(survey, sources=sources, article=article), found.report


def _with_addresses(survey: Survey, listed: list[str], found: Probe) -> str:
    """Return the expression of the articles' addresses, checked on those that sources list."""
    if not listed:
        return survey.article
    article = survey.article
    if "(?P<id>" in article:
        matching = [it for it in listed if re.fullmatch(article, urlsplit(it).path)]
        article = propose([*survey.urls, *matching]) if matching else article
    count = sum(bool(re.fullmatch(article, urlsplit(it).path)) for it in listed)
    found.say("addresses", f"`article` matches {count} of {len(listed)} that the sources list")
    missed = (it for it in listed if not re.fullmatch(article, urlsplit(it).path))
    if example := next(missed, ""):
        found.say("", f"not {example}")
    return article


async def _feed(fetch: Fetch, feed: Feed, root: str, found: Probe) -> None:
    url = feed.url if "://" in feed.url else f"{root}{feed.url}"
    try:
        response = await fetch(url)
        links = [it.links[0] for it in items(Document(response.body, FEEDS), url) if it.links]
    except UnreadableError as error:
        found.say("feed", f"{feed.url}: not read: {error}")
        return
    found.say("feed", f"{feed.url}: {len(links)} items")
    found.sources.append(feed)
    found.addresses += links


async def _sitemap(fetch: Fetch, url: str, host: str, found: Probe) -> None:
    """Read a sitemap; of an index, also the inner sitemap whose name suggests news."""
    if (entries := await _entries(fetch, url, found)) is None:
        return
    path = short(url, host)
    inner = [it.url for it in entries if it.is_sitemap]
    if inner:
        found.say("sitemap", f"{path}: an index of {len(inner)} sitemaps")
        found.sources.append(Sitemap(path))
        news = next((it for it in inner if "news" in urlsplit(it).path.lower()), "")
        if news and is_of_site(news, host) and (listed := await _entries(fetch, news, found)):
            _add_news(short(news, host), listed, found)
    elif not _add_news(path, entries, found):
        found.say("sitemap", f"{path}: {_count(entries)} addresses")
        found.sources.append(Sitemap(path))


def _add_news(path: str, entries: list[Entry], found: Probe) -> bool:
    if not any(it.headline and it.published for it in entries):
        return False
    found.say("sitemap", f"{path}: {_count(entries)} addresses of news")
    found.sources.append(NewsSitemap(path))
    found.addresses += [it.url for it in entries]
    return True


def _count(entries: list[Entry]) -> str:
    return f"{_MOST_ENTRIES} or more" if len(entries) == _MOST_ENTRIES else str(len(entries))


async def _entries(fetch: Fetch, url: str, found: Probe) -> list[Entry] | None:
    try:
        body = (await fetch(url)).body
        return list(islice(_readable(read_sitemap(body, url)), _MOST_ENTRIES))
    except UnreadableError as error:
        found.say("sitemap", f"{url}: not read: {error}")
        return None


def _readable(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the entries of a sitemap up to a place that is damaged, if there are some."""
    count = 0
    try:
        for it in entries:
            count += 1
            yield it
    except UnreadableError:
        if not count:
            raise


async def _rest(fetch: Fetch, root: str, found: Probe) -> None:
    url = f"{root}{WordPress().path}/posts?per_page=1"
    try:
        posts = read_json((await fetch(url)).body)
    except (UnreadableError, ValueError) as error:
        found.say("REST", f"not read: {error}")
        return
    if isinstance(posts, list) and posts and isinstance(posts[0], dict) and "id" in posts[0]:
        found.say("REST", f"{WordPress().path} lists posts")
        found.sources.append(WordPress())
    else:
        found.say("REST", f"{WordPress().path} lists no posts")
