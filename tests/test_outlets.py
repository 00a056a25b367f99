"""The outlet ``generic`` on the real pages of ``../shared/outlets``. A floor may only rise."""

from pathlib import Path
from statistics import mean

from bench import outlets

# Of 99 pages: measured on 26 November 2026 as 0.9751, 0.9786, 0.909, 0.899 and 1.
BODY, WITH_STANDFIRST = 0.975, 0.978
FIELDS = {"headline": 0.90, "authors": 0.89, "instant": 0.99}


def test_pages_without_selectors_are_read(shared: Path) -> None:
    rows = outlets.cases()
    articles = [outlets.read(row, outlets.page_of(row))[0] for row in rows]
    assert len(articles) == 99
    assert all(articles), [row["name"] for row, it in zip(rows, articles, strict=True) if not it]
    assert {article.extraction for article in articles if article} == {"generic"}
    texts = [(article and article.body) or "" for article in articles]
    body, with_standfirst = map(mean, outlets.bodies(texts, rows))
    assert body >= BODY
    assert with_standfirst >= WITH_STANDFIRST
    found = [outlets.exact(it, row["expected"]) for it, row in zip(articles, rows, strict=True)]
    for name, floor in FIELDS.items():
        assert mean(it[name] for it in found if name in it) >= floor, name
