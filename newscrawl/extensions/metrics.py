"""Metrics of the latest run of an outlet, in Prometheus' text format for its textfile collector."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.metrics_core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured

from newscrawl.extensions.alerts import Alerts
from newscrawl.extensions.exit_codes import AFTERMATH
from newscrawl.extensions.run import Run
from newscrawl.monitoring.checks import CHECKS, Finding
from newscrawl.storage.document import RunDocument
from newscrawl.storage.stats import LATENCY_BOUNDS

logger = logging.getLogger(__name__)

_BY_CHECK = ("outlet", "check", "subject")
# Every subject is a time series: at most so many, and none longer than this.
_MOST_FINDINGS, _LONGEST_SUBJECT = 50, 100


class RunCollector(Collector):
    """The metrics of one closed run, as gauges: they describe this run and are not sums.

    ``newscrawl_run_articles`` by outcome (label ``fate``) and reason, ``…_complete``,
    ``…_ended_timestamp_seconds``, ``…_duration_seconds``, ``…_latency_seconds`` (a histogram), and
    every other stat that is a number as ``newscrawl_run_stat`` by its name. ``newscrawl_findings``
    counts the findings that stand, by check, and ``newscrawl_finding_since_timestamp_seconds``
    says since when each does.
    """

    def __init__(self, run: RunDocument, findings: Mapping[Finding, datetime]) -> None:
        """Collect from a ``run.json``, and from the findings with the times when they began."""
        self.run = run
        self.findings = findings

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics."""
        outlet, stats = self.run["spider"], self.run["stats"]
        labels = ["outlet", "fate", "reason"]
        articles = GaugeMetricFamily("newscrawl_run_articles", "Articles by outcome", labels=labels)
        for outcome, count in self.run["books"].items():
            reasons: Mapping[str, Any] = count if isinstance(count, Mapping) else {"": count}
            for reason, number in reasons.items():
                articles.add_metric([outlet, outcome, reason], number)
        yield articles
        ended = datetime.fromisoformat(self.run["finished"]).timestamp()
        for name, text, value in (
            ("complete", "1 when the run is complete, otherwise 0", self.run["complete"]),
            ("ended_timestamp_seconds", "When the run was closed", ended),
            ("duration_seconds", "Duration of the run", stats.get("elapsed_time_seconds", 0.0)),
        ):
            gauge = GaugeMetricFamily(f"newscrawl_run_{name}", text, labels=["outlet"])
            gauge.add_metric([outlet], float(value))
            yield gauge
        prefix = "newscrawl/latency/"
        if count := stats.get(f"{prefix}count"):
            histogram = HistogramMetricFamily(
                "newscrawl_run_latency_seconds", "Time from request to response", labels=["outlet"]
            )
            buckets = [(str(bound), stats[f"{prefix}le/{bound:g}"]) for bound in LATENCY_BOUNDS]
            histogram.add_metric([outlet], [*buckets, ("+Inf", count)], stats[f"{prefix}sum"])
            yield histogram
        other = GaugeMetricFamily("newscrawl_run_stat", "Scrapy's stats", labels=["outlet", "name"])
        for name, value in stats.items():
            if isinstance(value, int | float) and not name.startswith(prefix):
                other.add_metric([outlet, name], value)
        yield other
        yield from self._findings()

    def _findings(self) -> Iterator[Metric]:
        outlet = self.run["spider"]
        counts = GaugeMetricFamily(
            "newscrawl_findings", "Findings that stand and were not accepted", labels=_BY_CHECK[:2]
        )
        found = Counter(it.check for it in self.findings)
        for check in sorted({*CHECKS, *found}):
            counts.add_metric([outlet, check], found[check])
        yield counts
        since = GaugeMetricFamily(
            "newscrawl_finding_since_timestamp_seconds", "When a finding began", labels=_BY_CHECK
        )
        oldest = sorted(self.findings.items(), key=lambda it: (it[1], it[0].name))
        for finding, began in oldest[:_MOST_FINDINGS]:
            subject = finding.subject[:_LONGEST_SUBJECT]
            since.add_metric([outlet, finding.check, subject], began.timestamp())
        yield since


class Metrics:
    """Extension: writes ``newscrawl_<outlet>.prom`` into ``NEWSCRAWL_METRICS_DIR``, atomically.

    A run that did not begin leaves the metrics of the run before, with their timestamp.
    """

    def __init__(self, crawler: Crawler, folder: Path) -> None:
        """Write into ``folder``, which has to exist."""
        self.crawler = crawler
        self.folder = folder

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises NotConfigured without a folder."""
        if not (folder := crawler.settings["NEWSCRAWL_METRICS_DIR"]):
            raise NotConfigured
        metrics = cls(crawler, Path(folder))
        crawler.signals.connect(metrics.write, signals.spider_closed)
        return metrics

    def write(self) -> None:
        """Write the metrics of the run that was just closed."""
        document = Run.of(self.crawler).document
        if document is None:
            return
        registry = CollectorRegistry()
        alerts = self.crawler.get_extension(Alerts)
        standings = alerts.standings if alerts else None
        registry.register(RunCollector(document, standings.now_standing() if standings else {}))
        try:
            write_to_textfile(str(self.folder / f"newscrawl_{document['spider']}.prom"), registry)
        except OSError as error:
            logger.error("The metrics cannot be written: %s", error)
            self.crawler.stats.inc_value(f"{AFTERMATH}metrics")
