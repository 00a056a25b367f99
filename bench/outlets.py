"""Measure ``generic`` and other tools on the pages of 99 publishers, for which nobody wrote rules.

The expected values are those that the parsers of a peer saved. Most are right.
"""

import gzip
import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median
from time import process_time
from typing import Any

from bench import peers
from bench.quality import SHINGLE, score
from bench.table import markdown
from newscrawl.base_spiders.saved_page import decoded
from newscrawl.exceptions import UnreadableError
from newscrawl.extraction.generic_outlet import Generic
from newscrawl.extraction.markup import parse_page
from newscrawl.extraction.processors import clean_text
from newscrawl.items import Article

CASES = Path(__file__).parents[2] / "shared" / "outlets"
TOOLS = ("trafilatura {}", "trafilatura {}, precision", "newspaper4k {}", "readability-lxml {}")
WITH_PEERS = True
PAGES = 99
ROUNDS = 5

Case = Mapping[str, Any]
"""A page's name and address, and its expected values."""

# Chinese and Japanese have no spaces: each of their characters is a word.
_CHARSET = re.compile(r"(charset=[\"']?)[\w-]+")
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Result:
    """How a tool did: for every page the F1 of its body, and time in milliseconds a page.

    ``with_standfirst`` is the F1 against the better of two truths, with and without the
    standfirst. ``fields`` are the shares of pages with exactly the expected value.
    """

    tool: str
    body: Sequence[float]
    with_standfirst: Sequence[float]
    milliseconds: float
    parsing: float = 0.0
    fields: Mapping[str, float] | None = None


def cases() -> list[Case]:
    """Return the cases, without their pages."""
    lines = (CASES / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines][:PAGES]


def page_of(case: Case) -> bytes:
    """Return the saved page."""
    return gzip.decompress((CASES / "pages" / f"{case['name']}.html.gz").read_bytes())


def f1(found: str, blocks: Sequence[str]) -> float:
    """Return the F1 of a text's shingles of words; punctuation makes no difference."""
    texts = (" ".join(_WORD.findall(clean_text(text))) for text in (found, "\n\n".join(blocks)))
    return score(*texts).f1


def bodies(texts: Sequence[str], rows: Sequence[Case]) -> tuple[list[float], list[float]]:
    """Return the F1 of every page's text: of the body alone, and of the better truth."""
    alone, better = [], []
    for text, row in zip(texts, rows, strict=True):
        expected = row["expected"]
        alone.append(f1(text, expected["body"]))
        better.append(max(alone[-1], f1(text, [*expected["standfirst"], *expected["body"]])))
    return alone, better


def read(case: Case, raw: bytes) -> tuple[Article | None, float, float]:
    """Return the article, the seconds of its reading and those of the parsing."""
    site = Generic()
    candidate = site.find_candidate(case["url"])
    assert candidate
    start = process_time()
    page = parse_page(decoded(raw))
    parsed = process_time()
    try:
        article = site.read_article(page, case["url"], candidate).article
    except UnreadableError:
        article = None
    return article, process_time() - parsed, parsed - start


def exact(article: Article | None, expected: Mapping[str, Any]) -> dict[str, bool]:
    """Return for each field with an expected value whether the article has just that.

    Times are compared where the expected one has an offset, to the minute.
    """
    article = article or Article()
    found = {"headline": article.headline == clean_text(expected["headline"])}
    names = [clean_text(name) for name in expected["authors"] or []]
    found["authors"] = [author.name for author in article.authors] == names
    text = expected["date_published"]
    if text and (moment := datetime.fromisoformat(text)).tzinfo:
        told = article.date_published if article.date_precision == "second" else ""
        apart = datetime.fromisoformat(told) - moment if told else None
        found["instant"] = apart is not None and abs(apart.total_seconds()) < 60
    return found


def own(rows: Sequence[Case]) -> Result:
    """Return the result of newscrawl."""
    texts: list[str] = []
    fields: list[dict[str, bool]] = []
    reading = parsing = 0.0
    for row in rows:
        raw = page_of(row)
        rounds = [read(row, raw) for _ in range(ROUNDS)]
        article = rounds[0][0]
        reading += min(it[1] for it in rounds)
        parsing += min(it[2] for it in rounds)
        texts.append((article and article.body) or "")
        fields.append(exact(article, row["expected"]))
    shares = {
        name: mean(it[name] for it in fields if name in it)
        for name in ("headline", "authors", "instant")
    }
    name = f"newscrawl {version('newscrawl')}, generic"
    read_in, parsed_in = (1000 * time / len(rows) for time in (reading, parsing))
    return Result(name, *bodies(texts, rows), read_in, parsed_in, shares)


def theirs(rows: Sequence[Case]) -> tuple[list[Result], list[str]]:
    """Return the results of the peers, and a sentence for each that is missing."""
    peers.PEERS.install()
    with tempfile.TemporaryDirectory() as folder:
        pages = {}
        for row in rows:
            path = Path(folder) / f"{row['name']}.html"
            text = decoded(page_of(row))
            # What is in UTF-8 now must not declare another encoding.
            if isinstance(text, str):
                text = _CHARSET.sub(r"\1utf-8", text).encode()
            path.write_bytes(text)
            pages[str(path)] = row["url"]
        lines = peers.run(pages, TOOLS, once=True)
    failed = Counter(it["tool"] for it in lines if "error" in it)
    missing = [f"{tool} failed on {count} pages." for tool, count in failed.items()]
    by_tool: dict[str, dict[str, Mapping[str, Any]]] = {}
    for line in lines:
        if "error" not in line:
            by_tool.setdefault(line["tool"], {})[line["page"]] = line
    results = []
    for tool, found in by_tool.items():
        read_pages = [found.get(path, {"text": "", "seconds": 0.0}) for path in pages]
        texts = [str(it["text"]) for it in read_pages]
        time = 1000 * sum(it["seconds"] for it in read_pages) / len(rows)
        results.append(Result(tool, *bodies(texts, rows), time))
    return results, missing


def run() -> str:
    """Return the report."""
    if not CASES.is_dir():
        return f"Outlets: skipped, the real pages are not there ({CASES})."
    rows = cases()
    ours = own(rows)
    others, missing = theirs(rows) if WITH_PEERS else ([], [])

    def share(values: Sequence[float], of: Callable[[Sequence[float]], float]) -> str:
        return f"{of(values):.3f}"

    table = markdown(
        [
            *("tool", "F1 mean", "median", "F1 ≥ 0.95", "mean, with standfirst", "ms a page"),
            *("headline", "authors", "instant"),
        ],
        [
            [
                it.tool,
                share(it.body, mean),
                share(it.body, median),
                share([value >= 0.95 for value in it.body], mean),
                share(it.with_standfirst, mean),
                f"{it.milliseconds + it.parsing:.1f}",
                *(f"{value:.3f}" for value in (it.fields or {}).values()),
                *(() if it.fields else ("", "", "")),
            ]
            for it in (ours, *others)
        ],
    )
    return "\n".join(
        [
            "### Pages without selectors",
            "",
            table,
            "",
            f"{len(rows)} pages of as many publishers. F1 of the body's {SHINGLE}-word shingles;"
            " with standfirst: against the better of two truths. Times are CPU time, with parsing;"
            f" newscrawl's is for the whole record, {ours.parsing:.1f} ms of it parsing.",
            *missing,
        ]
    )
