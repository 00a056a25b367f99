"""Findings that last: when they are told, what ends them, what an operator accepts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from newscrawl.monitoring import shares
from newscrawl.monitoring.checks import findings
from newscrawl.monitoring.findings_file import FINDINGS_FILE, load, save
from newscrawl.monitoring.history import in_time, runs_before
from newscrawl.monitoring.messages import text, title
from newscrawl.monitoring.standing import Message, Standings
from newscrawl.storage import runs as runs_module
from newscrawl.storage.document import RunDocument
from newscrawl.storage.runs import run_name
from tests.conftest import command, crawl
from tests.made_up import close_run
from tests.recordings import HTML, address, article, site
from tests.test_checks import check_run, run_document

START = datetime(2026, 9, 1, 14, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def hourly(
    hours: int, start: datetime = START, tags: float = 1.0, new: int = 5, **more: Any
) -> Iterator[RunDocument]:
    """Yield hourly runs whose articles have tags so often."""
    for hour in range(hours):
        began = start + hour * HOUR
        published = {"newscrawl/published/page": new, "elapsed_time_seconds": 300.0}
        published["newscrawl/filled/page/tags"] = round(new * tags)
        run = run_document(began, new, stats=published)
        listings = {"asked": 9, "read": 9, "failed": {}}
        yield cast("RunDocument", run | {"listings": listings} | more)


def watched(standings: Standings, runs: Iterator[RunDocument]) -> list[Message]:
    """Return what was told after each run of which something was told."""
    told = []
    for run in runs:
        if message := standings.step(run):
            told.append(message)
        standings.mark_sent(message)
    return told


def at(hours: int) -> datetime:
    return START + hours * HOUR


@pytest.mark.fast
def test_a_field_that_falls_is_told_once_then_daily_then_weekly_and_when_it_is_over() -> None:
    standings = Standings()
    assert watched(standings, hourly(100)) == []
    told = watched(standings, hourly(24 * 24, at(100), tags=0))
    first, *more = told
    assert [it.name for it in first.begun] == ["coverage:page/tags"]
    assert "tags is filled in 0 of 5 records from page, usually 100%" in first.begun[0].says
    assert [title(it, "hill") for it in more] == ["newscrawl hill: 1 still there (coverage)"] * 9
    days = [(it.now - first.now) / DAY for it in more]
    assert days == [1, 2, 3, 4, 5, 6, 7, 14, 21]
    over = watched(standings, hourly(48, at(100 + 24 * 24)))
    assert [title(it, "hill") for it in over] == ["newscrawl hill: 1 over (coverage)"]
    # More than one good run, of five articles.
    assert over[0].now >= at(100 + 24 * 24 + 1)
    # What was wrong is not the usual now: the same fault is found as soon.
    again = watched(standings, hourly(5, at(148 + 24 * 24), tags=0))
    assert [it.name for it in again[0].begun] == ["coverage:page/tags"]
    assert again[0].now == at(148 + 24 * 24)


@pytest.mark.fast
def test_one_lucky_run_ends_nothing() -> None:
    standings = Standings()
    watched(standings, hourly(100))
    assert len(watched(standings, hourly(20, at(100), tags=0.6))) == 1
    assert watched(standings, hourly(1, at(120))) == []
    assert watched(standings, hourly(3, at(121), tags=0.6)) == []


@pytest.mark.fast
def test_an_outage_is_one_message() -> None:
    standings = Standings()
    watched(standings, hourly(24 * 21))
    dead = {"listings": {"asked": 9, "read": 0, "failed": {"http 503": 9}}}
    stats = {"stats": {"log_count/ERROR": 4, "elapsed_time_seconds": 3000.0}}
    told = watched(standings, hourly(20, at(24 * 21), new=0, **dead, **stats))
    assert [title(it, "hill") for it in told] == ["newscrawl hill: 1 new (complete)"]
    assert "With it: errors, duration." in text(told[0], "hill")
    assert {it.finding.check for it in standings.all.values()} >= {"complete", "errors", "news"}
    over = watched(standings, hourly(48, at(24 * 21 + 20)))
    assert [title(it, "hill") for it in over] == ["newscrawl hill: 1 over (complete)"]
    assert not [it for it in standings.all.values() if not it.over]


@pytest.mark.fast
def test_refused_pages_that_rest_replaces_are_told_when_they_begin_and_end() -> None:
    standings = Standings()
    refused = {"reason": "http 403", "since": "then", "probe": "soon"}
    told = watched(standings, hourly(24 * 10, refused=refused))
    assert [title(it, "hill") for it in told] == ["newscrawl hill: 1 new (refused)"]
    over = watched(standings, hourly(1, at(24 * 10)))
    assert [title(it, "hill") for it in over] == ["newscrawl hill: 1 over (refused)"]


@pytest.mark.fast
def test_a_closed_section_is_told_by_its_address_and_when_it_is_open_again() -> None:
    standings = Standings()
    watched(standings, hourly(10))
    gone = {"asked": 9, "read": 8, "failed": {"http 404": 1}, "gone": {"http 404": 1}}
    gone["gone_at"] = ["https://thehill.com/latino/"]
    told = watched(standings, hourly(24, at(10), listings=gone))
    assert [it.name for it in told[0].begun] == ["closed:https://thehill.com/latino/"]
    assert told[0].now == at(12)
    assert len(told) == 1
    over = watched(standings, hourly(3, at(34)))
    assert [it.check for it in over[0].ended] == ["closed"]


def test_a_crawl_names_the_sections_that_are_closed(tmp_path: Path) -> None:
    pages = {
        address(6000001): (200, HTML, article(6000001)),
        "https://thehill.com/latino/": (404, HTML, b"gone"),
    }
    recording = site(tmp_path / "site.warc.gz", pages)
    done = crawl(tmp_path / "output", "-a", "sections=news,latino", NEWSCRAWL_REPLAY=str(recording))
    (run,) = done.runs
    assert run["listings"]["gone_at"] == ["https://thehill.com/latino/"]
    assert (run["country"], run["zone"]) == ("US", "America/New_York")


@pytest.mark.fast
@pytest.mark.parametrize("country", ["US", ""])
def test_few_articles_on_a_holiday_are_told_only_where_it_is_none(country: str) -> None:
    standings = Standings()
    start = datetime(2026, 10, 14, 5, tzinfo=UTC)
    more = {"country": country, "zone": "America/New_York"}
    watched(standings, hourly(24 * 43, start, **more))
    told = watched(standings, hourly(24, start + 43 * DAY, new=2, **more))
    assert [it.check for message in told for it in message.begun] == ([] if country else ["news"])


@pytest.mark.fast
def test_a_finding_is_the_same_after_every_run_is_read_from_its_files(tmp_path: Path) -> None:
    """What a process keeps in mind and what the file keeps are one thing."""
    runs = [*hourly(60), *hourly(30, at(60), tags=0), *hourly(10, at(90))]
    one = Standings()
    expected = [title(it, "hill") for it in watched(one, iter(runs))]
    told = []
    for place in range(50, len(runs)):
        standings = load(tmp_path, runs[place], runs[:place])
        message = standings.step(runs[place])
        standings.mark_sent(message)
        save(tmp_path, standings)
        if message:
            told.append(title(message, "hill"))
    assert told == expected


@pytest.mark.fast
@pytest.mark.parametrize("left", [None, "", '{"standing": [{}], "periods": {}}', "[]"])
def test_a_lost_or_damaged_file_is_made_again(
    tmp_path: Path, left: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    runs = [*hourly(60), *hourly(30, at(60), tags=0)]
    if left is not None:
        (tmp_path / FINDINGS_FILE).write_text(left)
    standings = load(tmp_path, runs[-1], runs[:-1])
    assert str(tmp_path / FINDINGS_FILE) in caplog.text
    # It was told 29 hours ago, and is not told again as new.
    assert standings.all["coverage:page/tags"].told == at(60)
    assert not standings.step(runs[-1]).begun


@pytest.mark.fast
def test_a_finding_that_stands_costs_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact tests and the runs that a check reads do not grow with what stands."""
    counted = {"tests": 0}
    few_hits = shares.few_hits

    def counting(*values: Any) -> float:
        counted["tests"] += 1
        return few_hits(*values)

    monkeypatch.setattr(shares, "few_hits", counting)
    work = []
    standings = Standings()
    watched(standings, hourly(24 * 42))
    for day in range(35):
        counted["tests"] = 0
        watched(standings, hourly(24, at(24 * (42 + day)), tags=0))
        work.append(counted["tests"])
    assert max(work[1:]) <= max(work[0], 24)


@pytest.mark.fast
def test_each_run_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path, [*hourly(30), *hourly(30, at(30), tags=0)])
    read: list[Path] = []
    read_run = runs_module.read_run

    def counting(folder: Path) -> RunDocument | None:
        read.append(folder)
        return read_run(folder)

    monkeypatch.setattr(runs_module, "read_run", counting)
    past = runs_before(tmp_path / "hill" / f"run={run_name(at(59))}", pytest.fail)
    assert len(past) == 59
    assert len(read) == len(set(read)) == 60


def written(output: Path, runs: list[RunDocument]) -> None:
    for run in runs:
        close_run(output, cast("dict[str, Any]", run))


def test_a_change_is_accepted_and_is_the_new_usual(tmp_path: Path) -> None:
    runs = [*hourly(60), *hourly(40, at(60), tags=0)]
    code, found, _ = check_run(tmp_path, cast("list[dict[str, Any]]", runs))
    assert (code, list(found)) == (1, ["coverage"])
    folder = tmp_path / "hill"
    standings = load(folder, runs[-1], runs[:-1])
    standings.mark_sent(standings.step(runs[-1]))
    save(folder, standings)

    done = command(tmp_path, "check-run", "hill", "--accept", "coverage:page/tag")
    assert done.returncode == 3
    assert "There is no finding 'coverage:page/tag'. Findings now: coverage:page/tags." in (
        done.stderr
    )
    done = command(tmp_path, "check-run", "hill", "--accept", "coverage")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Accepted coverage:page/tags: this is the new usual.")
    assert command(tmp_path, "check-run", "hill").returncode == 0

    # No reminder, no end; and tags that come again, and fall again, are a finding.
    later = [*hourly(72, at(100), tags=0), *hourly(72, at(172)), *hourly(3, at(244), tags=0)]
    titles = []
    for place, run in enumerate(later):
        standings = load(folder, run, [*runs, *later[:place]])
        message = standings.step(run)
        standings.mark_sent(message)
        save(folder, standings)
        titles += [title(message, "hill")] if message else []
    assert titles == []


def test_a_finding_that_is_accepted_until_a_day_comes_back_then(tmp_path: Path) -> None:
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    runs = [*hourly(60, now - 70 * HOUR), *hourly(9, now - 10 * HOUR, tags=0)]
    written(tmp_path, runs)
    tomorrow = f"{now + DAY:%Y-%m-%dT%H:%M:%SZ}"
    done = command(tmp_path, "check-run", "hill", "--accept", "coverage", "--until", "tomorrow")
    assert (done.returncode, done.stderr.split(":")[0]) == (3, "--until tomorrow is no date")
    done = command(tmp_path, "check-run", "hill", "--accept", "coverage", "--until", tomorrow)
    assert done.stdout.startswith(f"Accepted coverage:page/tags until {tomorrow}.")
    done = command(tmp_path, "check-run", "hill")
    assert (done.returncode, done.stdout.count("(accepted)")) == (0, 1)

    folder = tmp_path / "hill"
    standings = load(folder, runs[-1], runs[:-1])
    messages = watched(standings, hourly(40, now, tags=0))
    assert next(it.now for it in messages if it.begun or it.reminded) >= now + DAY


def test_a_damaged_run_costs_that_run_only(tmp_path: Path) -> None:
    runs = [*hourly(60), *hourly(10, at(60), tags=0)]
    written(tmp_path, runs)
    damaged = [tmp_path / "hill" / f"run={runs[place]['run']}" / "run.json" for place in (30, -1)]
    for path, left in zip(damaged, ("", "{}"), strict=True):
        path.write_text(left)
        code, found, said = check_run(tmp_path, [])
        assert (code, list(found)) == (1, ["coverage"])
        assert str(path) in said


def test_age_goes_by_the_runs_clock_and_not_by_its_name(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    ahead = run_document(now + 365 * DAY, started=f"{now - 9 * HOUR:%Y-%m-%dT%H:%M:%SZ}")
    code, found, _ = check_run(tmp_path / "name", [ahead], "--max-age", "3")
    assert (code, list(found)) == (1, ["age"])
    assert "ended 9.0 hours ago" in found["age"]
    ahead["started"] = f"{now + 365 * DAY:%Y-%m-%dT%H:%M:%SZ}"
    code, found, _ = check_run(tmp_path / "clock", [ahead], "--max-age", "3")
    assert (code, list(found)) == (1, ["age"])
    assert "hours from now by a wrong clock" in found["age"]


@pytest.mark.fast
def test_runs_with_a_wrong_clock_are_left_out() -> None:
    def run(name: int, started: int) -> RunDocument:
        run = run_document(at(name), started=f"{at(started):%Y-%m-%dT%H:%M:%SZ}")
        return cast("RunDocument", run)

    # A year ahead, five hours back, and right again; their names grow all the time.
    runs = [run(0, 0), run(1, 1), run(8760, 8760), run(8761, 3), run(8762, -2), run(8763, 5)]
    assert in_time(runs) == [runs[0], runs[1], runs[3], runs[5]]
    assert findings(runs[-1], runs[:-1]) == []
