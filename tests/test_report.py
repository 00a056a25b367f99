"""The report of a run: its numbers are the run's, it loads nothing, and it fits a phone."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from playwright.sync_api import sync_playwright

from newscrawl.downloader.browser.installed import find_browser
from newscrawl.storage.parts import read_part
from newscrawl.storage.runs import run_name
from tests.conftest import ROOT, Crawl, command, crawl
from tests.kill import FAST
from tests.made_up import close_run
from tests.recordings import site
from tests.sample.answer import Page
from tests.sample.server import running
from tests.sample.site import SampleSite
from tests.test_checks import run_document

BROWSER = find_browser(os.environ.get("NEWSCRAWL_BROWSER", ""))
NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
LIMITED = ("-a", "sections=homenews/senate", "-a", "limit=3", *FAST)
HOSTILE = "</title><script>alert(1)</script>\u202e\n$\\frac{1}$ & 中文 🎉 عربى 'onload=\"x\"'"


def report(output: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run ``scrapy report`` as a user does."""
    return command(output, "report", *arguments, **settings)


class Report:
    """A written report, as it is read by those who do not see."""

    def __init__(self, path: Path) -> None:
        self.text = path.read_text("utf-8")
        self.root = html.document_fromstring(self.text)
        self.figures = {it.find(".//h3").text: it for it in self.root.iter("figure")}

    def table(self, table: Any) -> dict[str, list[str]]:
        rows = [[it.text_content() for it in row.iter("th", "td")] for row in table.iter("tr")]
        return {name: cells for name, *cells in rows if name}

    def numbers(self, title: str) -> dict[str, list[str]]:
        """Return the table below a chart."""
        return self.table(self.figures[title].find(".//table"))

    @property
    def books(self) -> dict[str, list[str]]:
        return self.table(self.root.get_element_by_id("books"))

    @property
    def said(self) -> str:
        return str(self.root.text_content())


def latest(output: Path, *arguments: str) -> Report:
    """Write the report of a run, the latest if none is named, and read it."""
    done = report(output, "hill", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return Report(Path(done.stdout.strip()))


def write_run(output: Path, began: datetime, *records: dict[str, Any], **more: Any) -> Path:
    """Write a closed run by hand."""
    return close_run(output, run_document(began, len(records), **more), records)


def record(**more: Any) -> dict[str, Any]:
    plain = {"revision": 1, "section": "Senate", "kind": "news", "word_count": 120}
    return {**plain, "date_published": "2026-11-23T13:05:00Z", **more}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    """Two crawls of the sample site, the first of which was asked for its report."""
    output = tmp_path_factory.mktemp("report") / "output"
    with running(SampleSite(45)) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        first = crawl(output, *FAST, https_proxy=proxy, NEWSCRAWL_REPORT="1")
        assert first.code == 0, first.log
        assert "The report is in " in first.log
        second = crawl(output, *FAST, https_proxy=proxy, NEWSCRAWL_REPORT="0")
    assert "The report" not in second.log
    return second


@pytest.fixture(scope="module")
def left(crawled: Crawl) -> Path:
    """The report that the first of the two crawls left."""
    return crawled.output / "hill" / f"run={crawled.runs[0]['run']}" / "report.html"


def test_the_numbers_are_those_of_the_run(crawled: Crawl, left: Path) -> None:
    page = Report(left)
    run = crawled.runs[0]
    records = [it for part in left.parent.glob("part-*.jsonl") for it in read_part(part)]
    assert len(records) == run["books"]["new"] > 30
    books = run["books"]
    assert books["rejected"]
    assert page.books["discovered"] == [str(books["discovered"])]
    for place in ("rejected", "failed"):
        assert page.books[place] == [str(sum(books[place].values()))]
        for reason, count in books[place].items():
            assert page.books[reason] == [str(count)]
            assert reason in page.said
    for title, field in (
        ("By kind", "kind"),
        ("By extraction", "extraction"),
        ("By section", "section"),
    ):
        counts = Counter(it[field] or "(no section)" for it in records)
        shown = page.numbers(title)
        others = [name for name in shown if name not in counts]
        assert sum(int(new) for new, _ in shown.values()) == len(records)
        assert len(others) <= 1
        for name in shown.keys() - set(others):
            assert shown[name] == [str(counts[name]), "0"]
    hours = Counter(it["date_published"][11:13] for it in records)
    assert page.numbers("By hour of the day") == {
        f"{hour:02d}:00": [str(hours[f"{hour:02d}"]), "0"] for hour in range(24)
    }
    stats = run["stats"]
    source = stats["newscrawl/published/page"]
    filled = page.numbers("Fields filled, from page")
    assert {"headline", "tags", "images"} <= filled.keys()
    for name, (share,) in filled.items():
        assert share == f"{stats[f'newscrawl/filled/page/{name}'] / source:.0%}"
    prefix = "newscrawl/noise/"
    noise = {it.removeprefix(prefix): n for it, n in stats.items() if it.startswith(prefix)}
    assert noise
    assert page.numbers("Noise removed") == {it: [str(n)] for it, n in noise.items()}
    ok = stats["downloader/response_status_count/200"]
    assert page.numbers("By status")["200 OK"] == [str(ok)]
    latency = page.numbers("By latency")
    assert sum(int(it) for (it,) in latency.values()) == stats["newscrawl/latency/count"]
    assert latency["0 – 0.1 s"] == [str(stats["newscrawl/latency/le/0.1"])]
    assert "no trend yet" in page.said


def test_a_crawl_leaves_the_same_report_as_the_command(
    crawled: Crawl, left: Path, tmp_path: Path
) -> None:
    done = report(crawled.output, "hill", left.parent.name[4:], "--to", str(tmp_path / "a.html"))
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'a.html'}\n")
    assert (tmp_path / "a.html").read_bytes() == left.read_bytes()
    # No reader of the data takes it for some, and nothing half-written stays.
    assert not left.match("part-*.jsonl")
    assert not list(crawled.output.rglob("*.tmp"))


def check_alone(page: Report) -> None:
    """Fail when a page refers to anything but itself, or to what it has not, or has twice."""
    assert not list(page.root.iter("script", "link", "img", "iframe", "object", "form", "base"))
    assert not page.root.xpath("//@src")
    references = page.root.xpath("//@href | //@*[name() = 'xlink:href']")
    references += re.findall(r"url\(([^)]*)", page.text)
    assert {it[:1] for it in references} == {"#"}
    names = page.root.xpath("//@id")
    assert len(names) == len(set(names))
    assert {it[1:] for it in references} <= set(names)
    colours = set(re.findall(r"var\(--(\w+)\)", page.text))
    assert {"new", "plain", "ink"} <= colours <= set(re.findall(r"--(\w+):", page.text))
    assert "#0000" not in page.text


def test_it_needs_nothing_else_and_runs_nothing(left: Path) -> None:
    page = Report(left)
    policy = page.root.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]
    check_alone(page)


def test_the_trend_is_that_of_the_runs(crawled: Crawl) -> None:
    page = latest(crawled.output)
    check_alone(page)
    assert "This run and 1 earlier" in page.said
    for title, places in (
        ("Published", ("new", "revised")),
        ("Rejected and failed", ("rejected", "failed")),
    ):
        columns = zip(*page.numbers(title).values(), strict=True)
        for place, shown in zip(places, columns, strict=True):
            counts = [run["books"][place] for run in crawled.runs]
            every = [sum(it.values()) if isinstance(it, dict) else it for it in counts]
            assert sum(map(int, shown)) == sum(every), place
    longest = max(run["stats"]["elapsed_time_seconds"] for run in crawled.runs)
    assert [f"{longest:.3g} s"] in page.numbers("Duration").values()


def test_what_a_site_says_stays_text(tmp_path: Path) -> None:
    long = HOSTILE + "x" * 500
    books = {"discovered": 5, "known": 0, "new": 2, "revised": 0, "unchanged": 0, "pending": 1}
    write_run(
        tmp_path,
        NOW,
        record(section=HOSTILE),
        record(section=long, kind=HOSTILE),
        books={**books, "rejected": {HOSTILE: 1}, "failed": {long: 1}},
        arguments={"sections": HOSTILE},
        stats={
            f"newscrawl/noise/{HOSTILE}": 3,
            "newscrawl/published/page": 2,
            "downloader/response_status_count/799": 4,
            f"downloader/exception_type_count/{HOSTILE}": 1,
        },
    )
    page = latest(tmp_path)
    shown = HOSTILE.replace("\u202e\n", " ")
    assert not list(page.root.iter("script"))
    assert not [it for element in page.root.iter() for it in element.attrib if it[:2] == "on"]
    assert page.books[shown] == ["1"]
    assert page.numbers("By section")[shown] == ["1", "0"]
    assert page.numbers("By status")["799"] == ["4"]
    assert "x" * 121 not in page.text
    # In a chart, too, nothing is formatted as mathematics.
    charts = page.figures["Noise removed"].xpath(".//*[local-name() = 'text']/text()")
    assert shown[:23] + "…" in charts
    assert "\u202e" not in page.text
    section = Report(Path(write_section(tmp_path, "$\\frac{1}{2}$ 中文 🎉")))
    drawn = section.figures["By section"].xpath(".//*[local-name() = 'text']/text()")
    assert "$\\frac{1}{2}$ 中文 🎉" in drawn


def write_section(output: Path, name: str) -> str:
    write_run(output, NOW + timedelta(hours=1), record(section=name))
    return report(output, "hill").stdout.strip()


def test_many_sections_and_many_runs_are_put_together(tmp_path: Path) -> None:
    for day in range(50, 0, -1):
        write_run(tmp_path, NOW - timedelta(days=day), *[record()] * (day % 5), stats={})
    sections = [record(section=f"Section {n}") for n in range(30) for _ in range(n + 1)]
    write_run(tmp_path, NOW, *sections, stats={"elapsed_time_seconds": 9000})
    page = latest(tmp_path)
    shown = page.numbers("By section")
    assert len(shown) == 16
    assert shown["Section 29"] == ["30", "0"]
    assert shown["(15 others)"] == [str(sum(range(1, 16))), "0"]
    days = page.numbers("Published")
    assert len(days) == 6 * 7 + 1
    assert days["2026-11-22"] == ["1", "0"]
    assert days["2026-11-23"] == [str(len(sections)), "0"]
    assert page.numbers("Duration") == {"2026-11-23": ["2.5 h"]}


def test_a_killed_run_has_a_report(crawled: Crawl, tmp_path: Path) -> None:
    folder = tmp_path / "output" / "hill" / f"run={run_name(NOW)}"
    folder.mkdir(parents=True)
    lines = "".join(json.dumps(it) + "\n" for it in crawled.records[:5])
    (folder / "part-00000.jsonl.tmp").write_text(lines + '{"outlet": "hi')
    empty = str(site(tmp_path / "site.warc.gz", {}))
    crawl(tmp_path / "output", NEWSCRAWL_REPLAY=empty)
    assert json.loads((folder / "run.json").read_text())["reason"] == "crashed"
    page = latest(tmp_path / "output", run_name(NOW))
    assert "The run was killed. 5 records that it had published were kept;" in page.said
    assert sum(int(new) for new, _ in page.numbers("By section").values()) == 5
    assert "The run was killed before it wrote its numbers." in page.said
    # The run that found it published nothing.
    page = latest(tmp_path / "output")
    assert "The run published no article." in page.said
    assert f"Run {run_name(NOW)} was killed" in page.said


def test_a_missing_run_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "hill" / "run=20261123T140000Z").mkdir(parents=True)
    for arguments in (["hill"], ["hill", "20261123T140000Z"]):
        done = report(tmp_path, *arguments)
        what = " ".join(["closed run", *arguments[1:]])
        assert done.returncode == 3
        assert done.stderr == f"There is no {what} of hill in {tmp_path}.\n"
    write_run(tmp_path, NOW, record())
    done = report(tmp_path, "hill", "--to", str(tmp_path / "nowhere" / "report.html"))
    assert done.returncode == 3
    assert "nowhere" in done.stderr


def test_without_the_extra_one_sentence_says_so(tmp_path: Path) -> None:
    (tmp_path / "matplotlib.py").write_text("raise ImportError('no matplotlib here')")
    write_run(tmp_path, NOW, record())
    done = report(tmp_path, "hill", PYTHONPATH=str(tmp_path))
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "pip install 'newscrawl[report]'" in done.stderr
    # Nor does a crawl that was not asked for a report pay for one.
    code = "import sys, newscrawl.monitoring.report, newscrawl.commands.report; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert "newscrawl.monitoring.report" in loaded
    assert not {"matplotlib", "jinja2", "numpy"} & set(loaded)


class InTheWay:
    """The sample site; while it is crawled, something takes the place of the report."""

    def __init__(self, output: Path) -> None:
        self.site = SampleSite(20)
        self.output = output

    def get(self, url: str) -> Page:
        for folder in self.output.glob("hill/run=*"):
            (folder / "report.html.tmp").mkdir(exist_ok=True)
        return self.site.get(url)


def test_a_report_that_cannot_be_written_does_not_end_the_run(tmp_path: Path) -> None:
    with running(InTheWay(tmp_path)) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        done = crawl(tmp_path, *LIMITED, https_proxy=proxy, NEWSCRAWL_REPORT="1")
    assert done.code == 6
    assert "ERROR: The report cannot be written: " in done.log
    assert "Traceback" not in done.log
    (run,) = done.runs
    assert run["books"]["new"] == len(done.records) == 3


def test_a_wrong_setting_is_reported(tmp_path: Path) -> None:
    done = crawl(tmp_path, NEWSCRAWL_REPORT="always")
    assert done.code != 0
    assert "NEWSCRAWL_REPORT='always' is not allowed: it must be 0 or 1." in done.log
    assert not done.runs


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")
def test_it_fits_on_a_phone_and_a_desk_and_asks_nobody(left: Path) -> None:
    fits = "document.documentElement.scrollWidth <= innerWidth"
    with sync_playwright() as playwright:
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=BROWSER, args=root)
        for width, height in ((390, 844), (1280, 800)):
            tab = browser.new_page(
                viewport={"width": width, "height": height}, is_mobile=width < 500
            )
            asked: list[str] = []
            said: list[str] = []
            tab.on("request", lambda it, asked=asked: asked.append(it.url))
            tab.on("console", lambda it, said=said: said.append(it.text))
            tab.goto(left.as_uri())
            assert asked == [left.as_uri()]
            assert tab.evaluate(fits)
            assert tab.evaluate("innerWidth") == width
            charts = tab.locator("svg")
            assert charts.count() == tab.locator("figure").count() >= 8
            for chart in charts.all():
                box = chart.bounding_box()
                assert box is not None
                assert 300 < box["width"] < 600
                assert box["height"] > 20
            sizes = tab.eval_on_selector_all(
                "svg text", "all => all.map(it => it.getBoundingClientRect().height)"
            )
            assert min(sizes) >= 10
            # With every table open it still fits.
            tab.evaluate("document.querySelectorAll('details').forEach(it => { it.open = true })")
            assert tab.locator("td:visible").count() > 50
            assert tab.evaluate(fits)
            assert said == []
        browser.close()
