"""Metrics and JSON log lines, read by the tools that consume them."""

import json
import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from newscrawl.extensions.metrics import RunCollector
from newscrawl.monitoring.checks import CHECKS
from tests.conftest import ROOT, Crawl, crawl
from tests.kill import FAST
from tests.recordings import HTML, address, article, site
from tests.sample.server import running
from tests.sample.site import SampleSite
from tests.test_docs import RUN


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
    assert samples["newscrawl_findings", ("check", "coverage"), outlet] == 0
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


def test_the_metrics_hold_the_findings_that_stand(tmp_path: Path) -> None:
    done = crawl(
        tmp_path / "output",
        NEWSCRAWL_REPLAY=str(site(tmp_path / "site.warc.gz", {})),
        NEWSCRAWL_METRICS_DIR=str(tmp_path),
    )
    text = (tmp_path / "newscrawl_hill.prom").read_text("utf-8")
    assert 'newscrawl_findings{check="complete",outlet="hill"} 1.0' in text
    assert 'newscrawl_findings{check="news",outlet="hill"} 0.0' in text
    (since,) = re.findall(
        r'^newscrawl_finding_since_timestamp_seconds\{check="complete",outlet="hill",'
        r'subject="listings"\} (\S+)$',
        text,
        flags=re.M,
    )
    (run,) = done.runs
    assert float(since) == datetime.fromisoformat(run["started"]).timestamp()


def test_the_alert_rules_fire_and_end(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    for name in ("prometheus-rules.yml", "prometheus-rules-test.yml"):
        shutil.copy(ROOT / "deploy" / name, tmp_path)
    for order in ("check", "test"):
        name = "prometheus-rules-test.yml" if order == "test" else "prometheus-rules.yml"
        done = subprocess.run(
            [promtool, order, "rules", tmp_path / name], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.fast
def test_rules_and_dashboard_know_only_metrics_and_checks_that_exist() -> None:
    known = {it.name for it in RunCollector(RUN, {}).collect()}
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text("utf-8"))
    queries = [it["expr"] for panel in dashboard["panels"] for it in panel["targets"]]
    rules = (ROOT / "deploy/prometheus-rules.yml").read_text("utf-8")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"]) == 9
    named = set(re.findall(r"newscrawl_\w+", "\n".join([*queries, *re.findall("expr: .*", rules)])))
    assert {it.removesuffix("_bucket") for it in named} <= known
    checks = {it for found in re.findall(r'check!?=~?"([^"]+)"', rules) for it in found.split("|")}
    assert checks <= set(CHECKS)
    # A finding is one alert: the last rule leaves out what the others have, and ``refused``.
    (others,) = re.findall(r'check!~"([^"]+)"', rules)
    named = "|".join(re.findall(r'check=~"([^"]+)"', rules))
    assert others.split("|") == [*named.split("|"), "refused"]
