"""Measure how well and how fast newscrawl and other tools extract the text of real pages."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import mean
from typing import Any

from scrapy.http import HtmlResponse

from bench import peers
from bench.table import markdown
from bench.timing import ROUNDS, timed
from newscrawl.extraction.loaders import parsed
from newscrawl.spiders.hill import HillSpider

PAGES = Path(__file__).parents[2] / "shared" / "hill" / "pages"
SHINGLE = 4
WITH_PEERS = True

Line = Mapping[str, Any]
"""What one tool did with one page; see ``peer_runner``."""


@dataclass(frozen=True, slots=True)
class Score:
    """Recall is the share of the true text that was found.

    Precision is the share of the found text that is true.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Return every four-word sequence with the number of its occurrences."""
    words = text.split()
    return Counter(zip(*(words[start:] for start in range(SHINGLE)), strict=False))


def score(found: str, truth: str) -> Score:
    """Compare two texts by their shingles."""
    ours, true = shingles(found), shingles(truth)
    common = (ours & true).total()
    return Score(common / max(ours.total(), 1), common / max(true.total(), 1))


@dataclass(frozen=True, slots=True)
class Tool:
    """The results of a tool for all pages."""

    name: str
    scores: list[Score]
    seconds: float
    ratio: float
    """Its time in units of the parser's, both measured in one process."""


def newscrawl(raw: bytes, url: str) -> str:
    """Return the body of the record."""
    page = HillSpider.reader.read_page(parsed(HtmlResponse(url, body=raw)), url)
    return (page and page.article.body) or ""


def read(lines: Iterable[Line], bodies: Mapping[str, str]) -> list[Tool]:
    """Score the lines of one process. Leave out a tool that did not read every page."""
    by_tool: dict[str, list[Line]] = {}
    floors: dict[str, float] = {}
    for line in lines:
        by_tool.setdefault(line["tool"], []).append(line)
        floors[line["page"]] = min(line["floor"], floors.get(line["page"], line["floor"]))
    tools = []
    for name, read_pages in by_tool.items():
        if len(read_pages) == len(bodies):
            scores = [score(line["text"], bodies[line["page"]]) for line in read_pages]
            seconds = sum(line["seconds"] for line in read_pages)
            tools.append(Tool(name, scores, seconds, seconds / sum(floors.values())))
    return tools


def run() -> str:
    """Return the report."""
    if not PAGES.is_dir():
        return f"Quality: skipped, the real pages are not there ({PAGES})."
    truth: dict[str, Any] = json.loads((PAGES / "truth.json").read_text(encoding="utf-8"))
    bodies = {str(PAGES / name): "\n\n".join(true["body"]) for name, true in truth.items()}
    pages = {str(PAGES / name): true["url"] for name, true in truth.items()}
    name = f"newscrawl {version('newscrawl')}"
    ours = [
        {"tool": name, "page": path, **timed(newscrawl, Path(path).read_bytes(), url)._asdict()}
        for path, url in pages.items()
    ]
    if WITH_PEERS:
        peers.PEERS.install()
    theirs = peers.run(pages) if WITH_PEERS else []
    missing = [f"{it['tool']} is missing: {it['error']}." for it in theirs if "error" in it]
    [own] = read(ours, bodies)
    tools = [own, *read((it for it in theirs if "error" not in it), bodies)]
    table = markdown(
        [
            "tool",
            "F1",
            *(f"F1, page {number}" for number in range(1, len(pages) + 1)),
            "precision",
            "recall",
            "ms a page",
            "time / lxml",
            "newscrawl is faster by",
        ],
        [
            [
                tool.name,
                f"**{mean(it.f1 for it in tool.scores):.3f}**",
                *(f"{it.f1:.3f}" for it in tool.scores),
                f"{mean(it.precision for it in tool.scores):.3f}",
                f"{mean(it.recall for it in tool.scores):.3f}",
                f"{1000 * tool.seconds / len(pages):.1f}",
                f"{tool.ratio:.1f}",
                "" if tool is own else f"{tool.ratio / own.ratio:.1f}×",
            ]
            for tool in tools
        ],
    )
    names = ", ".join(f"{number} {name}" for number, name in enumerate(truth, 1))
    return "\n".join(
        [
            "### Extraction from real pages",
            "",
            table,
            "",
            f"F1 of the body's {SHINGLE}-word shingles against the true text. Pages: {names}.",
            f"Times are the best of {ROUNDS} or more, decoding and parsing included; lxml is"
            " `lxml.html.fromstring` of the same bytes in the same process. newscrawl's time is"
            " for the whole record, the others' for what they do to give the text.",
            *dict.fromkeys(missing),
        ]
    )
