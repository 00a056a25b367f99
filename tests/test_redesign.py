"""A site changes its layout: the checks notice it at once, and no article is lost."""

import json
import shutil
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.day import crawling
from newscrawl.dataset.verify import Verifier
from newscrawl.storage.ledger import Ledger, sqlite_url
from newscrawl.storage.rereading import runs_to_reread
from tests.conftest import command, records_of, runs_of
from tests.sample.day import DaySite
from tests.sample.redesign import Redesigned

START = datetime(2026, 11, 9, 5, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
REDESIGN, MENDED = START + 2 * DAY + 5 * HOUR, START + 3 * DAY + HOUR
EVERY, DAYS = 4 * HOUR, 4
MENDED_SPIDER = "tests.mended.hill.MendedSpider"
# Fields of the extraction, which differ for one and the same article.
EXTRACTION = ("extraction", "date_fetched")


@dataclass
class Days:
    """The output of some days of crawls, and the times of the runs with a finding."""

    output: Path
    noticed: list[datetime] = field(default_factory=list)
    """The runs after which a finding stood."""

    @property
    def records(self) -> dict[tuple[str, int], dict[str, Any]]:
        return {(it["id"], it["revision"]): it for it in records_of(self.output)}


def standing(output: Path) -> set[str]:
    findings = json.loads((output / "hill/findings.json").read_text())["standing"]
    return {it["check"] for it in findings if not it["over"]}


def crawl_on(left: Days, times: list[datetime], *, redesigned: bool) -> None:
    """Crawl the site at some times. Reread the rejected responses once the spider is mended."""
    site = DaySite(START, articles=30 * DAYS, corrections=6 * DAYS, older=20, days=DAYS)
    shown = Redesigned(site, REDESIGN if redesigned else START + 99 * DAY)
    with crawling(left.output, shown, NEWSCRAWL_REVISIT_HOURS="") as (crawler, _):
        for now in times:
            site.now = now
            is_mended = redesigned and now >= MENDED
            spider = MENDED_SPIDER if is_mended else ""
            if is_mended and now - EVERY < MENDED:
                runs = runs_to_reread(left.output, "hill", damaged=lambda _: None)
                at = now - HOUR
                assert crawler.crawl(at, spider=spider, reread=",".join(runs)) == "finished"
            assert crawler.crawl(now, spider=spider, discover="feeds") == "finished"
            if standing(left.output):
                left.noticed.append(now)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Days, Days]:
    """Crawl a site without and a site with a redesign; both share the runs before the redesign."""
    folder = tmp_path_factory.mktemp("days")
    plain, redesigned = Days(folder / "plain"), Days(folder / "redesigned")
    times = [START + turn * EVERY for turn in range(DAYS * DAY // EVERY + 1)]
    crawl_on(plain, [it for it in times if it < REDESIGN], redesigned=False)
    shutil.copytree(plain.output, redesigned.output)
    redesigned.noticed += plain.noticed
    rest = [it for it in times if it >= REDESIGN]
    crawl_on(plain, rest, redesigned=False)
    crawl_on(redesigned, rest, redesigned=True)
    return plain, redesigned


def test_the_first_run_after_the_redesign_notices_it(both: tuple[Days, Days]) -> None:
    plain, redesigned = both
    assert plain.noticed == []
    first = START + ((REDESIGN - START) // EVERY + 1) * EVERY
    assert redesigned.noticed[0] == first
    assert not standing(redesigned.output)


def test_nothing_is_lost_and_the_dataset_is_what_it_would_have_been(
    both: tuple[Days, Days],
) -> None:
    plain, redesigned = (it.records for it in both)
    lost = plain.keys() - redesigned.keys()
    differing = [
        (key, name)
        for key in plain.keys() & redesigned.keys()
        for name, value in plain[key].items()
        if name not in EXTRACTION and redesigned[key][name] != value
    ]
    assert not lost
    assert not redesigned.keys() - plain.keys()
    assert not differing
    for key, it in plain.items():
        fetched, other = (datetime.fromisoformat(r["date_fetched"]) for r in (it, redesigned[key]))
        assert abs(fetched - other) < HOUR


def test_every_article_is_published_and_none_is_abandoned(
    both: tuple[Days, Days],
) -> None:
    for it in both:
        ledger = Ledger(sqlite_url(it.output / "ledger.sqlite3"))
        assert {row[1] for row in ledger.counts()} == {"published"}
        assert ledger.count_waiting("hill") == 0
        assert list(Verifier(it.output).faults(ledger)) == []
        ledger.close()
    runs = runs_of(both[1].output)
    assert runs[-1]["complete"]
    kept = [it for it in runs if "rejected_file" in it]
    assert len(kept) >= (MENDED - REDESIGN) // EVERY
    assert runs_to_reread(both[1].output, "hill", damaged=lambda _: None) == []


def test_the_finding_ends_in_the_hour_of_the_reread(tmp_path: Path) -> None:
    site = DaySite(START, articles=96, corrections=0, older=60)
    shown = Redesigned(site, START + HOUR)
    with crawling(tmp_path, shown, NEWSCRAWL_REVISIT_HOURS="") as (crawler, _):
        for hours in (0, 8, 9):
            site.now = START + hours * HOUR
            assert crawler.crawl(site.now, discover="feeds") == "finished"
        assert "rejected" in standing(tmp_path)
        *_, first, last = runs_of(tmp_path)
        assert first["books"]["rejected"]["no article on the page"] > 10
        # The finding stays until the responses of both runs have been read again.
        for minutes, runs in ((10, [first["run"]]), (20, [first["run"], last["run"]])):
            now = site.now + timedelta(minutes=minutes)
            arguments = {"reread": ",".join(runs)}
            assert crawler.crawl(now, spider=MENDED_SPIDER, **arguments) == "finished"
            check = command(tmp_path, "check-run", "hill").stdout
            assert ("attempts to read an article were rejected" in check) == (len(runs) == 1)
            # The site has nothing new.
            now += timedelta(minutes=5)
            assert crawler.crawl(now, spider=MENDED_SPIDER, discover="feeds") == "finished"
            assert runs_of(tmp_path)[-1]["books"]["new"] == 0
            assert ("rejected" in standing(tmp_path)) == (len(runs) == 1)
