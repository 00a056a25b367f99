"""The checks of every run when the run has closed, and alerts for what they newly find."""

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from scrapy import Spider, signals
from scrapy.crawler import Crawler

from newscrawl.exceptions import ArgumentError, extra_missing
from newscrawl.extensions.exit_codes import AFTERMATH, ALREADY_RUNNING, ASKED_TO_WAIT
from newscrawl.extensions.run import Run
from newscrawl.monitoring.checks import Finding, findings, runs_before, standing_since

if TYPE_CHECKING:
    from apprise import NotifyBase

logger = logging.getLogger(__name__)

# Another run reports these: the one that is running, or the one that the site asked to wait.
_NO_NEWS = {ALREADY_RUNNING, ASKED_TO_WAIT}
# Lines of these loggers may hold tokens: urllib3 logs every path at DEBUG, apprise what it read.
_LEAKING = ("apprise", "urllib3", "oauthlib", "requests_oauthlib")
# Shorter pieces of a URL are no secrets, and too often a part of some other word.
_SHORTEST_SECRET = 4
# What a sentence may repeat: names such as those that this setting took before, "email,slack".
_NAMES = re.compile(r"[a-z-]{1,12}(,[a-z-]{1,12})*")


class Alerts:
    """Extension: checks each run when it has closed, logs findings and sends the new ones.

    ``NEWSCRAWL_ALERTS`` holds the URLs of apprise, separated by commas or spaces; without one,
    findings are only logged. A finding is sent when it first comes up, and once a day while it
    stays. A crawl that did not begin is a finding, too.
    """

    def __init__(self, crawler: Crawler, urls: Sequence[str]) -> None:
        """Prepare to send to ``urls``. Raises ArgumentError for one that cannot be used."""
        self.crawler = crawler
        self.urls = urls
        self.services = [service_of(url, place) for place, url in enumerate(urls, start=1)]

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises ArgumentError for a wrong address."""
        alerts = cls(crawler, split_urls(crawler.settings["NEWSCRAWL_ALERTS"] or ""))
        crawler.signals.connect(alerts.check, signals.spider_closed)
        return alerts

    def check(self, spider: Spider, reason: str) -> None:
        """Log what the checks find in the run that was just closed, and send what is new."""
        found = self.found(spider, reason)
        for finding, since in found:
            if since is None:
                logger.warning("Check %s: %s", finding.check, finding.says)
            else:
                known = f"Known since {since:%Y-%m-%d %H:%M} UTC."
                logger.info("Check %s: %s %s", finding.check, finding.says, known)
        if new := [finding for finding, since in found if since is None]:
            document = Run.of(self.crawler).document
            title = f"newscrawl: {len(new)} new finding{'s' * (len(new) > 1)} on {spider.name}"
            text = "\n".join(f"{finding.check}: {finding.says}" for finding in new)
            self.send(
                title, f"{text}\n\nRun {document['run']} of {spider.name}" if document else text
            )

    def found(self, spider: Spider, reason: str) -> list[tuple[Finding, datetime | None]]:
        """Return the findings; with each the time since when it is known, None for a new one."""
        run = Run.of(self.crawler)
        document = run.document
        if document is None:
            if reason in _NO_NEWS:
                return []
            return [(Finding("began", "", f"The crawl did not begin: {reason}."), None)]
        # What cannot be read was named when the run was opened.
        past = runs_before(run.folder, lambda error: logger.debug("%s", error))
        return [
            (finding, standing_since(finding, document, past))
            for finding in findings(document, past)
        ]

    def send(self, title: str, text: str) -> None:
        """Send a text to every service; one that does not take it is an error in the log."""
        if not self.services:
            return
        from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415  # an extra

        for service, url in zip(self.services, self.urls, strict=True):
            # Apprise gives up after 60 seconds.
            result = Apprise(service).notify(
                text, title, NotifyType.WARNING, body_format=NotifyFormat.TEXT
            )
            if not result:
                lines = [entry.message for entry in result.logs()]
                reason = redacted(lines[-1] if lines else result.status.name.lower(), url)
                logger.error("The alert by %s was not sent: %s", service.service_name, reason)
                self.crawler.stats.inc_value(f"{AFTERMATH}alert")


def split_urls(text: str) -> list[str]:
    """Return the URLs of a list; a comma inside a URL does not end it.

    >>> split_urls("mailto://desk.example?to=a@b.example,c@d.example, pigeon,json://h/x")
    ['mailto://desk.example?to=a@b.example,c@d.example', 'pigeon', 'json://h/x']
    """
    pieces = (it.strip(",;") for it in re.split(r"\s+|[,;](?=[\w+-]+://)", text))
    return [it for it in pieces if it]


def service_of(url: str, place: int) -> "NotifyBase":
    """Return apprise's service for a URL. Raises ArgumentError, one sentence, without secrets.

    ``place`` counts the URLs of ``NEWSCRAWL_ALERTS``, for the sentence.
    """
    try:
        from apprise import Apprise  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise ArgumentError(extra_missing("NEWSCRAWL_ALERTS", "alerts", error)) from error
    for name in _LEAKING:
        logging.getLogger(name).propagate = False
        logging.getLogger(name).addHandler(logging.NullHandler())
    said = _Lines(logging.WARNING)
    logging.getLogger("apprise").addHandler(said)
    try:
        service = Apprise.instantiate(url)
    finally:
        logging.getLogger("apprise").removeHandler(said)
    # A recipient that apprise leaves out would get no alert.
    if service is None or said.lines:
        scheme, found, _ = url.partition("://")
        name = f" ({scheme}://)" if found else f" ({url})" if _NAMES.fullmatch(url) else ""
        why = redacted(said.lines[0], url).rstrip(".") if said.lines else "unknown service"
        raise ArgumentError(
            f"NEWSCRAWL_ALERTS: number {place}{name} is not a complete apprise URL, "
            f"such as mailto://user:password@host?to=desk@example.org: {why}."
        )
    return service


def redacted(text: str, url: str) -> str:
    """Return a text without the pieces of a URL: any of them may be secret.

    >>> redacted("Cannot reach /bot12345678/send", "tgram://12345678/99")
    'Cannot reach /bot***/send'
    """
    secret = url.partition("://")[2] or url
    pieces = set(re.split(r"[^\w.-]+", f"{secret} {unquote(secret)}"))
    for piece in sorted(pieces, key=len, reverse=True):
        if len(piece) >= _SHORTEST_SECRET:
            text = text.replace(piece, "***")
    return text


class _Lines(logging.Handler):
    """Keeps warnings and errors of a logger; apprise's notes on deprecated URLs rank higher."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno <= logging.ERROR:
            self.lines.append(record.getMessage())
