"""Outlets with selectors on a real page of ``../shared/outlets``: every field of the record.

Each file of ``tests/exact`` is the record of one page. Headline, description, captions and each
block of the body are hashes in it; names, dates and addresses are as they are. A missing file is
written, and the test fails: compare the record with the page before you commit the file.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from bench import outlets
from newscrawl import extract
from newscrawl.items import record

pytestmark = pytest.mark.fast

PAGES = {
    "apnews": "us-APNews_2024_09_03",
    "bbc": "uk-BBC_2026_04_25",
    "guardian": "uk-TheGuardian_2024_02_24",
    "intercept": "us-TheIntercept_2024_02_28",
    "lbc": "lb-LBCGroup_2026_01_08",
    "lemonde": "fr-LeMonde_2023_09_01",
    "mainichi": "jp-MainichiShimbun_2025_01_14",
    "tagesschau": "de-Tagesschau_2023_04_28",
}


def digest(text: str | None) -> str | None:
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else None


def without_texts(values: dict[str, Any]) -> dict[str, Any]:
    """Return a record with hashes in place of the sentences of the page."""
    images = [it | {"caption": digest(it["caption"])} for it in values["images"]]
    return values | {
        "headline": digest(values["headline"]),
        "description": digest(values["description"]),
        "body": list(map(digest, (values["body"] or "").split("\n\n"))),
        "images": images,
    }


@pytest.mark.parametrize("outlet", PAGES)
def test_every_field_of_a_real_page(shared: Path, outlet: str) -> None:
    row = next(it for it in outlets.cases() if it["name"] == PAGES[outlet])
    article = extract(outlets.page_of(row), row["url"], outlet=outlet)
    values = {key: it for key, it in record(article).items() if key != "date_fetched"}
    got = without_texts(json.loads(json.dumps(values)))
    expected = Path(__file__).parent / "exact" / f"{outlet}.json"
    if not expected.exists():
        expected.write_text(json.dumps(got, indent=2, ensure_ascii=False) + "\n", "utf-8")
        pytest.fail(f"{expected} was missing; it is written now: compare it with the page")
    assert got == json.loads(expected.read_text("utf-8"))
