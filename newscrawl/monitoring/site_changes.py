"""Changes of a whole site, each recognised by the numbers of a run, and named."""

from collections import Counter
from collections.abc import Iterator
from statistics import median

from newscrawl.monitoring.history import History, stats_under
from newscrawl.storage.document import ADDRESSES_CHANGED, RunDocument

_FEW = 3
# A feed is compared with so many runs that read it, and found short in so many in a row.
_FEEDS, _SHORT_RUNS, _LONG_FEED = 5, 3, 20


def site(history: History) -> Iterator[tuple[str, str]]:
    """Report a change of the whole site: host, addresses, robots.txt, JavaScript, or one page."""
    run = history.run
    stats = run.get("stats", {})
    if "reread" in run.get("arguments", {}):
        return
    if of := _most(run, "offsite"):
        hosts = stats_under(run, "newscrawl/offsite/")
        host = max(hosts, key=lambda it: hosts[it], default="another host")
        yield "moved", f"The site leads to {host}: {of} were redirected."
    if of := _most(run, "robots.txt"):
        yield "robots", f"robots.txt forbids {of}."
    if of := _most(run, "page needs JavaScript"):
        says = f"The pages of {of} are empty without JavaScript"
        yield "javascript", f"{says}: they need a browser (fetch=browser)."
    if run["reason"] == ADDRESSES_CHANGED:
        yield (
            "addresses",
            (
                "The addresses of articles have changed: articles of earlier runs appeared again as"
                " new ones. The run was stopped."
            ),
        )
    elif of := _most(run, "no articles in the listing", "only links to other sites"):
        yield (
            "addresses",
            (
                f"{of} have no link to an article: the addresses of articles, or the layout of"
                " listings, have changed."
            ),
        )
    count, total = stats.get("newscrawl/same_page", 0), _articles(run).total()
    if count >= _FEW and 2 * count > total:
        title = stats.get("newscrawl/same_page_title", "")
        yield "same-page", f"{count} of {total} articles gave one and the same page: {title!r}."


def _articles(run: RunDocument) -> Counter[str]:
    """Return the articles that were requested, by reason; those that were read without one."""
    books = run["books"]
    read = Counter({"": books["new"] + books["revised"] + books["unchanged"]})
    return read + Counter(books["rejected"]) + Counter(books["failed"])


def _most(run: RunDocument, *reasons: str) -> str:
    """Return how many articles or listings have a reason, if most have: ``9 of 12 articles``."""
    articles, listings = _articles(run), run.get("listings")
    count, total = sum(articles[it] for it in reasons), articles.total()
    if count >= _FEW and 2 * count > total:
        return f"{count} of {total} articles"
    # An outlet may have one listing only.
    asked = listings.get("asked", 0) if listings else 0
    count = sum(listings["failed"].get(it, 0) for it in reasons) if listings and asked else 0
    if 2 * count > asked and (count >= _FEW or count == asked):
        return f"{count} of {asked} listings"
    return ""


def shorter(history: History) -> Iterator[tuple[str, str]]:
    """Report a feed that lists far fewer articles than usual."""
    prefix = "newscrawl/listed/"
    for url in stats_under(history.run, prefix):
        sizes = [_size(it, prefix + url) for it in history.runs]
        known = [it for it in sizes if it is not None]
        now, before = known[-_SHORT_RUNS:], known[:-_SHORT_RUNS]
        if len(before) < _FEEDS or (usual := median(before)) < _LONG_FEED:
            continue
        if all(2 * it < usual for it in now):
            says = f"The feed {url} lists {now[-1]} articles, usually {usual:.0f}"
            yield url, f"{says}: articles between two runs may be missed."


def _size(run: RunDocument, name: str) -> int | None:
    size: int | None = run.get("stats", {}).get(name)
    return size
