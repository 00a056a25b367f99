"""Metrics and JSON log lines, read by the tools that consume them."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Crawl, crawl
from tests.kill import FAST
from tests.recordings import HTML, address, article, site
from tests.sample.server import running
from tests.sample.site import SampleSite


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Crawl:
    """A crawl of some articles that was asked for all of it."""
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "metrics").mkdir()
    with running(SampleSite()) as server:
        proxy = f"http://127.0.0.1:{server.port}"
        return crawl(
            folder / "output",
            *("-a", "sections=homenews/senate", "-a", "limit=12", *FAST),
            https_proxy=proxy,
            NEWSCRAWL_METRICS_DIR=str(folder / "metrics"),
            NEWSCRAWL_LOG_JSON=str(folder / "logs" / "hill.jsonl"),
        )


def test_the_metrics_are_those_of_the_run(crawled: Crawl) -> None:
    folder = crawled.output.parent / "metrics"
    assert [path.name for path in folder.iterdir()] == ["newscrawl_hill.prom"]
    text = (folder / "newscrawl_hill.prom").read_text("utf-8")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    (run,) = crawled.runs
    outlet = ("outlet", "hill")
    new = ("newscrawl_run_articles", ("fate", "new"), outlet, ("reason", ""))
    assert samples[new] == run["books"]["new"] == 12
    assert samples["newscrawl_run_complete", outlet] == run["complete"]
    ended = datetime.fromisoformat(run["finished"]).timestamp()
    assert samples["newscrawl_run_ended_timestamp_seconds", outlet] == ended
    count = samples["newscrawl_run_latency_seconds_count", outlet]
    assert count == run["stats"]["newscrawl/latency/count"] > 12
    assert samples["newscrawl_run_latency_seconds_bucket", ("le", "+Inf"), outlet] == count
    status = ("name", "downloader/response_status_count/200")
    assert samples["newscrawl_run_stat", status, outlet] > 12


def test_every_log_line_is_an_object(crawled: Crawl) -> None:
    text = (crawled.output.parent / "logs" / "hill.jsonl").read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    (run,) = crawled.runs
    assert {line["outlet"] for line in lines} == {"hill"}
    assert {line["run"] for line in lines} == {None, run["run"]}
    (said,) = [line for line in lines if line["logger"] == "newscrawl.extensions.progress"]
    assert said["message"].startswith(f"Run {run['run']} of hill: limit")
    assert said["level"] == "INFO"
    assert datetime.fromisoformat(said["time"]).utcoffset() is not None


def test_a_log_of_warnings_counts_alike_ones_and_ends_with_the_result(tmp_path: Path) -> None:
    pages = {address(number): (410, HTML, b"") for number in range(6000001, 6000006)}
    pages[address(6000006)] = (200, HTML, article(6000006, body=""))
    pages[address(6000007)] = (200, HTML, article(6000007))
    done = crawl(
        tmp_path / "output",
        *("-a", "sections=news"),
        NEWSCRAWL_REPLAY=str(site(tmp_path / "site.warc.gz", pages)),
        NEWSCRAWL_LOG_LEVEL="WARNING",
        NEWSCRAWL_LOG_JSON=str(tmp_path / "log.jsonl"),
    )
    alike = [line for line in done.log.splitlines() if "http 410" in line and "://" in line]
    first, last = alike
    message = first.partition("WARNING: ")[2]
    assert last.endswith(f"WARNING: 5 messages like this one: {message}")
    lines = map(json.loads, (tmp_path / "log.jsonl").read_text("utf-8").splitlines())
    messages = [it["message"] for it in lines if it["message"].endswith("http 410")]
    assert [sum(url in it for it in messages) for url in list(pages)[1:5]] == [1] * 4
    (run,) = done.runs
    folder = done.output / "hill" / f"run={run['run']}"
    assert done.log.endswith(
        f"Run {run['run']} of hill: finished, incomplete\n"
        "  discovered      7 articles\n"
        "    new           1    revised 0    unchanged 0    known 0 (not requested)\n"
        "    rejected      1    no body 1\n"
        "    failed        5    http 410 5 (retried in a later run)\n"
        f"  output     {folder}\n"
        f"  details    scrapy check-run hill {run['run']} -s NEWSCRAWL_OUTPUT_DIR={done.output}\n"
    )


def test_metrics_that_cannot_be_written_do_not_end_the_run(tmp_path: Path) -> None:
    done = crawl(
        tmp_path / "output",
        NEWSCRAWL_REPLAY=str(site(tmp_path / "site.warc.gz", {})),
        NEWSCRAWL_METRICS_DIR=str(tmp_path / "nowhere"),
    )
    assert "The metrics cannot be written" in done.log
    assert len(done.runs) == 1
