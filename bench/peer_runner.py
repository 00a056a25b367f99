"""Run by the peers' own Python: extract pages with every peer, print a JSON line for each.

    .venv-bench/bin/python -m bench.peer_runner [--once] [LABEL …] < pages.json

Standard input is a JSON object of paths and addresses. A line has the key ``tool``, and ``page``,
``text``, ``seconds`` and ``floor``, or ``error``. ``--once`` times every page once, by CPU time.
"""

import json
import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any

from bench import timing
from bench.timing import Extract, timed

BLOCKS = "p div li ul ol blockquote br tr h1 h2 h3 h4 h5 h6".split()


def trafilatura(**options: Any) -> Extract:
    extract = import_module("trafilatura").extract
    return lambda raw, url: extract(raw, url=url, include_comments=False, **options) or ""


def newspaper4k() -> Extract:
    newspaper = import_module("newspaper")

    def extract(raw: bytes, url: str) -> str:
        article = newspaper.Article(url, fetch_images=False)
        article.download(input_html=raw.decode())
        article.parse()
        return str(article.text)

    return extract


def news_please() -> Extract:
    from_html = import_module("newsplease").NewsPlease.from_html
    return lambda raw, url: from_html(raw.decode(), url=url, fetch_images=False).maintext or ""


def readability() -> Extract:
    document = import_module("readability").Document
    html = import_module("lxml.html")

    def extract(raw: bytes, url: str) -> str:
        story = html.fromstring(document(raw.decode(), url=url).summary())
        for element in story.iter(*BLOCKS):
            element.tail = f"\n{element.tail or ''}"
        return str(story.text_content())

    return extract


TOOLS: dict[str, tuple[str, Callable[[], Extract]]] = {
    "trafilatura {}": ("trafilatura", trafilatura),
    "trafilatura {}, fast": ("trafilatura", partial(trafilatura, fast=True)),
    "trafilatura {}, precision": ("trafilatura", partial(trafilatura, favor_precision=True)),
    "newspaper4k {}": ("newspaper4k", newspaper4k),
    "news-please {}": ("news-please", news_please),
    "readability-lxml {}": ("readability-lxml", readability),
}


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def main() -> None:
    """Print the lines, and nothing else, on standard output."""
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a peer prints goes elsewhere
    logging.disable()
    pages: dict[str, str] = json.load(sys.stdin)
    wanted = [it for it in sys.argv[1:] if it != "--once"]
    if "--once" in sys.argv:
        timing.ROUNDS, timing.SECONDS, timing.CLOCK = 1, 0.0, process_time
    for label in wanted or TOOLS:
        package, load = TOOLS[label]
        tool = package
        try:
            tool = label.format(version(package))
            extract = load()
        except Exception as error:
            # A peer that fails is a result.
            print(json.dumps({"tool": tool, "error": _reason(error)}), file=lines, flush=True)
            continue
        for path, url in pages.items():
            line: dict[str, Any] = {"tool": tool, "page": path}
            try:
                line |= timed(extract, Path(path).read_bytes(), url)._asdict()
            except Exception as error:
                line["error"] = _reason(error)
            print(json.dumps(line), file=lines, flush=True)


if __name__ == "__main__":
    main()
