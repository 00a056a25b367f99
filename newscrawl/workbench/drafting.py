"""From the survey of a site to a draft that was tried on its pages."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from newscrawl.base_spiders.article import ArticleSpider
from newscrawl.exceptions import ArgumentError, UnreadableError
from newscrawl.extraction.sources import Sitemap
from newscrawl.items import Article
from newscrawl.workbench.draft import propose_selectors
from newscrawl.workbench.fixtures import read_record
from newscrawl.workbench.pages import SavedPage
from newscrawl.workbench.survey import Survey
from newscrawl.workbench.writing import row, row_outlet, spider, spider_outlet

# Selectors whose body has less than this part of the lines of generic's are of no use.
_LEAST = 0.8


@dataclass(frozen=True)
class Draft:
    """A drafted outlet: its text, and what it reads of each page.

    ``notes`` are sentences for the person who adds the outlet.
    """

    text: str
    outlet: ArticleSpider
    cases: Sequence[tuple[SavedPage, Article, dict[str, Any]]]
    notes: Sequence[str]


def draft(survey: Survey, name: str, *, as_spider: bool, file: str) -> Draft:
    """Return an outlet's draft, which reads all pages. Raises ArgumentError if it does not."""
    notes = list(survey.notes)
    if not survey.sources and not survey.platform:
        survey = replace(survey, sources=(Sitemap("/sitemap.xml"),))
        notes.append(f"No feed or sitemap on {survey.host} is known: /sitemap.xml is a guess.")
    queries = [it for it in survey.urls if "?" in it]
    if queries:
        notes.append(f"Addresses with a query need a spider with canonical_path(): {queries[0]}")
    if not as_spider:
        text = row(survey, name)
        return _tried(text, row_outlet(text, name, file), survey, notes)
    selectors = propose_selectors(survey.reads)
    if selectors:
        text = spider(survey, name, selectors)
        try:
            drafted = _tried(text, spider_outlet(text, name), survey, [*notes, *selectors.notes])
        except ArgumentError as error:
            notes.append(f"With selectors: {error} generic is used.")
        else:
            exact = [article for _, article, _ in drafted.cases]
            if all(map(_alike, (it.article for it in survey.reads), exact)):
                return drafted
            notes.append("Selectors lose text that generic reads, maybe hidden: generic is used.")
    else:
        notes.append("No stable selector matches just the story: generic is used.")
    text = spider(survey, name, None)
    return _tried(text, spider_outlet(text, name), survey, notes)


def _tried(text: str, outlet: ArticleSpider, survey: Survey, notes: Sequence[str]) -> Draft:
    cases = []
    for it in survey.reads:
        try:
            article, expected = read_record(outlet, it.page)
        except UnreadableError as error:
            raise ArgumentError(f"The draft cannot read {it.page.place}: {error}.") from None
        cases.append((it.page, article, expected))
    return Draft(text, outlet, cases, notes)


def _alike(generic: Article, exact: Article) -> bool:
    first, second = ((it.body or "").split("\n") for it in (generic, exact))
    return difflib.SequenceMatcher(None, first, second, autojunk=False).ratio() >= _LEAST
