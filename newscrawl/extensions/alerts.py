"""Spidermon: the checks as monitors of every crawl, and the alerts that tell of what they find."""

import logging
from datetime import UTC, datetime
from typing import Any, ClassVar

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.utils.misc import load_object
from spidermon import Monitor, MonitorSuite
from spidermon.contrib.scrapy.extensions import Spidermon
from spidermon.results.monitor import MonitorResult
from spidermon.runners import MonitorRunner

from newscrawl.exceptions import ArgumentError
from newscrawl.extensions.run import ALREADY_RUNNING, ASKED_TO_WAIT, Run
from newscrawl.monitoring.checks import CHECKS, HISTORY, findings, standing_since
from newscrawl.storage.runs import closed_runs

logger = logging.getLogger(__name__)

ALERTS = {
    "email": "spidermon.contrib.actions.email.smtp.SendSmtpEmail",
    "email-ses": "spidermon.contrib.actions.email.ses.SendSESEmail",
    "slack": "spidermon.contrib.actions.slack.notifiers.SendSlackMessageSpiderFinished",
    "telegram": "spidermon.contrib.actions.telegram.notifiers.SendTelegramMessageSpiderFinished",
    "sentry": "spidermon.contrib.actions.sentry.SendSentryMessage",
    "file": "spidermon.contrib.actions.reports.files.CreateFileReport",
}
"""What ``NEWSCRAWL_ALERTS`` may name: Spidermon's own actions, set up by its own settings."""

# These are told by the run that is on, or by the one that was asked.
_NO_NEWS = {ALREADY_RUNNING, ASKED_TO_WAIT}


class RunMonitor(Monitor):  # type: ignore[misc]
    """One test for each check of ``newscrawl.monitoring.checks``.

    One more test is for a crawl that never began. A test fails when there is something to tell,
    and is skipped when it was told already.
    """

    def test_began(self) -> None:
        """Tell that the crawl did not begin."""
        reason = self.data.stats.get("finish_reason")
        if not self.data.run and reason not in _NO_NEWS:
            self.fail(f"The crawl did not begin: {reason}.")

    def tell(self, check: str) -> None:
        """Fail with what a check finds and did not tell before; skip what it did."""
        run, past = self.data.run, self.data.past
        found = [it for it in findings(run, past) if it.check == check] if run else []
        since = {it: standing_since(it, run, past) for it in found}
        if fresh := [it.says for it in found if since[it] is None]:
            self.fail(" ".join(fresh))
        if known := [f"{it.says} Known since {since[it]:%Y-%m-%d %H:%M} UTC." for it in found]:
            self.skipTest(" ".join(known))


for _name, _check in CHECKS.items():

    def _test(self: RunMonitor, name: str = _name) -> None:
        self.tell(name)

    _test.__doc__ = _check.__doc__
    setattr(RunMonitor, f"test_{_name}", _test)


class RunSuite(MonitorSuite):  # type: ignore[misc]
    """The checks of a run that has just closed; ``NEWSCRAWL_ALERTS`` names the alerts."""

    monitors: ClassVar = [RunMonitor]

    def __init__(self, *args: Any, crawler: Crawler | None = None, **kwargs: Any) -> None:
        """Set the alerts up. Raises ArgumentError for one that does not exist."""
        super().__init__(*args, crawler=crawler, **kwargs)
        names = crawler.settings.getlist("NEWSCRAWL_ALERTS") if crawler else []
        if unknown := set(names) - set(ALERTS):
            raise ArgumentError(
                f"NEWSCRAWL_ALERTS={','.join(sorted(unknown))}: allowed are {', '.join(ALERTS)}."
            )
        try:
            self.add_monitors_failed_actions([load_object(ALERTS[name]) for name in names])
        except ImportError as error:
            raise ArgumentError(
                f"NEWSCRAWL_ALERTS={','.join(names)} needs newscrawl[alerts]: {error}."
            ) from error


class _Runner(MonitorRunner):  # type: ignore[misc]
    def create_result(self) -> MonitorResult:
        return MonitorResult()


class Monitors(Spidermon):  # type: ignore[misc]
    """Extension: Spidermon, with the closed run and those before it as the monitors' data.

    ``data.run`` is the ``run.json`` of the run, empty when it did not begin; ``data.past`` holds
    those of the last six weeks. Only what is wrong is logged.
    """

    def _run_suites(self, spider: Spider, suites: list[MonitorSuite]) -> None:
        data = self._generate_data_for_spider(spider)
        for suite in suites:
            # A suite lets go of its tests once they have run.
            monitors = suite.all_monitors
            result = _Runner().run(suite, **data)
            for monitor in monitors:
                item = result._step_monitors[monitor]
                if item.status == "FAIL":
                    logger.warning("Check %s: %s", monitor.method_name[5:], item.reason)
                elif item.status == "ERROR":
                    logger.error("Check %s is broken: %s", monitor.method_name[5:], item.error)
                elif item.status == "SKIPPED":
                    logger.info("Check %s: %s", monitor.method_name[5:], item.reason)
            for action in result.monitors_failed_action_results:
                if action.error:
                    logger.error("The alert %s was not sent: %s", action.item.name, action.error)

    def _generate_data_for_spider(self, spider: Spider) -> dict[str, Any]:
        run = Run.of(self.crawler)
        document = run.document if "books" in run.document else {}
        past = closed_runs(run.output, spider.name, datetime.now(UTC) - HISTORY)
        return {
            **super()._generate_data_for_spider(spider),
            "run": document,
            "past": [it for it in past if it["run"] != document.get("run")] if document else [],
        }
