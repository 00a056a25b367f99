"""Run by a peer's own Python: read the articles of a WARC file, print one line of JSON.

    .venv-bench/bin/python -m bench.archive_runner news-please site.warc.gz thehill.com "div.body"

The arguments are the tool, the file, the outlet's host, and a CSS selector of its stories, with
commas between several. The line has the keys ``tool``, ``articles``, ``seconds`` of CPU and
``words`` of all bodies. The time is the best of several rounds.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import process_time
from types import SimpleNamespace
from typing import Any


def fundus(path: str, host: str, story: str) -> Iterator[str]:
    """Yield the bodies of articles, read by fundus' own classes.

    The parser is of the kind that fundus has for its publishers: JSON-LD first, HTML for the body.
    """
    parser: Any = import_module("fundus.parser")
    utility: Any = import_module("fundus.parser.utility")
    html: Any = import_module("fundus.scraping.html")
    paragraphs = import_module("lxml.cssselect").CSSSelector(
        ", ".join(f"{it.strip()} p" for it in story.split(","))
    )
    whole = import_module("lxml.etree").XPath("//body")

    def attribute(name: str, kind: object, read: Callable[[Any], Any]) -> Any:
        def value(self: Any) -> Any:
            return read(self.precomputed)

        value.__name__, value.__annotations__["return"] = name, kind
        return parser.attribute(value)

    paragraphs_of = partial(
        utility.extract_article_body_with_selector, paragraph_selector=paragraphs
    )
    images_of = partial(
        utility.image_extraction, paragraph_selector=paragraphs, upper_boundary_selector=whole
    )
    authors, date = utility.generic_author_parsing, utility.generic_date_parsing
    topics = utility.generic_topic_parsing
    attributes: dict[str, tuple[object, Callable[[Any], Any]]] = {
        "body": (str | None, lambda it: paragraphs_of(it.doc)),
        "title": (str | None, lambda it: it.meta.get("og:title")),
        "authors": (list[str], lambda it: authors(it.ld.bf_search("author"))),
        "publishing_date": (datetime | None, lambda it: date(it.ld.bf_search("datePublished"))),
        "topics": (list[str], lambda it: topics(it.ld.bf_search("keywords"))),
        "images": (list[str], lambda it: images_of(it.doc)),
    }
    members = {name: attribute(name, *it) for name, it in attributes.items()}
    proxy = type("Parser", (parser.ParserProxy,), {"V1": type("V1", (parser.BaseParser,), members)})

    # fundus downloads archives; here it reads a file, without a server's or a network's time.
    file = Path(path).open("rb")  # noqa: SIM115
    answer = SimpleNamespace(raw=file, raise_for_status=lambda: None)
    session = SimpleNamespace(get=lambda *_, **__: answer)
    html.requests = SimpleNamespace(Session=lambda: nullcontext(session))
    publisher = import_module("fundus.publishers.base_objects").Publisher(
        "Outlet", f"https://{host}/", proxy, [import_module("fundus").RSSFeed(f"https://{host}/f")]
    )
    source = html.CCNewsSource(publisher, warc_path=path)
    scraper = import_module("fundus.scraping.scraper").CCNewsScraper(source)
    for article in scraper.scrape("suppress"):
        yield str(article.body or "")


def news_please(path: str, host: str, _story: str) -> Iterator[str]:
    """Yield the bodies of articles, read as news-please's extractor of Common Crawl does it."""
    read = import_module("newsplease").NewsPlease.from_warc
    with Path(path).open("rb") as file:
        for record in import_module("warcio.archiveiterator").ArchiveIterator(file):
            is_response = record.rec_type == "response"
            if is_response and host in record.rec_headers.get_header("WARC-Target-URI"):
                yield read(record, decode_errors="strict", fetch_images=False).maintext or ""


SECONDS = 5.0  # of CPU: in these the file is read again and again, and the best time counts

TOOLS: dict[str, Callable[[str, str, str], Iterator[str]]] = {
    "fundus": fundus,
    "news-please": news_please,
}


def main() -> None:
    """Print the line, and nothing else, on standard output."""
    line = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a peer prints goes elsewhere
    logging.disable()
    name, *arguments = sys.argv[1:]
    best, spent = float("inf"), 0.0
    while spent < SECONDS:
        bodies = TOOLS[name](*arguments)
        # Imports and tables that are built once do not count.
        next(bodies)
        begun, articles, words = process_time(), 0, 0
        for body in bodies:
            articles += 1
            words += len(body.split())
        seconds = process_time() - begun
        best, spent = min(best, seconds), spent + seconds
    found = {"tool": f"{name} {version(name)}", "articles": articles, "words": words}
    print(json.dumps({**found, "seconds": best}), file=line, flush=True)


if __name__ == "__main__":
    main()
