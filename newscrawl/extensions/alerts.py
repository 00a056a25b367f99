"""The checks of every run when the run has closed, and alerts for what begins, lasts and ends."""

import logging
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from scrapy import Spider, signals
from scrapy.crawler import Crawler

from newscrawl.exceptions import ArgumentError, OutputError, extra_missing
from newscrawl.extensions.exit_codes import (
    AFTERMATH,
    ALREADY_RUNNING,
    ASKED_TO_WAIT,
    LEASE_LOST,
    UNPUBLISHED,
)
from newscrawl.extensions.run import Run
from newscrawl.monitoring.findings_file import FINDINGS_FILE, load, look_up, save
from newscrawl.monitoring.history import runs_before
from newscrawl.monitoring.messages import text, title
from newscrawl.monitoring.standing import Message, Standings

if TYPE_CHECKING:
    from apprise import NotifyBase

logger = logging.getLogger(__name__)

# Another run reports these: the one that is running, or the one that the site asked to wait.
_NO_NEWS = {ALREADY_RUNNING, ASKED_TO_WAIT, LEASE_LOST}
# Lines of these loggers may hold tokens: urllib3 logs every path at DEBUG, apprise what it read.
_LEAKING = ("apprise", "urllib3", "oauthlib", "requests_oauthlib")
# Shorter pieces of a URL are no secrets, and too often a part of some other word.
_SHORTEST_SECRET = 4
# What a sentence may repeat: names such as those that this setting took before, "email,slack".
_NAMES = re.compile(r"[a-z-]{1,12}(,[a-z-]{1,12})*")


class Alerts:
    """Extension: checks each run when it has closed, logs its findings and sends alerts.

    ``NEWSCRAWL_ALERTS`` holds the URLs of apprise, separated by commas or spaces; without one,
    findings are only logged. A finding is sent when it begins, every day for a week and every
    week after, and when it is over. A crawl that did not begin is a finding, too.
    """

    def __init__(self, crawler: Crawler, urls: Sequence[str]) -> None:
        """Prepare to send to ``urls``. Raises ArgumentError for one that cannot be used."""
        self.crawler = crawler
        self.urls = urls
        self.services = [service_of(url, place) for place, url in enumerate(urls, start=1)]
        self.standings: Standings | None = None
        """The findings that stand, once the run was checked."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises ArgumentError for a wrong address."""
        alerts = cls(crawler, split_urls(crawler.settings["NEWSCRAWL_ALERTS"] or ""))
        crawler.signals.connect(alerts.check, signals.spider_closed)
        return alerts

    def check(self, spider: Spider, reason: str) -> None:
        """Check the run that was just closed, and send the alert that is due."""
        run = Run.of(self.crawler)
        outlet_folder = run.output / spider.name
        if run.document is None:
            if reason in _NO_NEWS or UNPUBLISHED in self.crawler.stats.get_stats():
                return
            says = "was not closed" if run.is_open else "did not begin"
            standings, message = without_run(outlet_folder, f"The crawl {says}: {reason}.")
            about = ""
        else:
            # What cannot be read was named when the run was opened.
            past = runs_before(run.folder, lambda error: logger.debug("%s", error))
            standings = load(outlet_folder, run.document, past)
            if "reread" in run.document.get("arguments", {}):
                # Responses that are read again say nothing of the site today.
                standings.remember(run.document)
                message = Message(datetime.now(UTC))
            else:
                message = standings.step(run.document)
            about = f"\n\nRun {run.document['run']} of {spider.name}"
        self.standings = standings
        log(message)
        if message and not self.send(
            title(message, spider.name), text(message, spider.name) + about
        ):
            # The next run tries again.
            message = Message(message.now)
        standings.mark_sent(message)
        try:
            save(outlet_folder, standings)
        except OSError as error:
            logger.error("%s cannot be written: %s", outlet_folder / FINDINGS_FILE, error)
            self.crawler.stats.inc_value(f"{AFTERMATH}alert")

    def send(self, title: str, text: str) -> bool:
        """Send a text to every service. Return true if one accepted it, or none is configured.

        A service that does not accept it is an error in the log.
        """
        if not self.services:
            return True
        from apprise import Apprise, NotifyFormat, NotifyType  # noqa: PLC0415  # an extra

        taken = False
        for service, url in zip(self.services, self.urls, strict=True):
            # Apprise gives up after 60 seconds.
            result = Apprise(service).notify(
                text, title, NotifyType.WARNING, body_format=NotifyFormat.TEXT
            )
            if result:
                taken = True
            else:
                lines = [entry.message for entry in result.logs()]
                reason = redacted(lines[-1] if lines else result.status.name.lower(), url)
                logger.error("The alert by %s was not sent: %s", service.service_name, reason)
                self.crawler.stats.inc_value(f"{AFTERMATH}alert")
        return taken


def without_run(folder: Path, says: str) -> tuple[Standings, Message]:
    """Return the findings of the outlet in ``folder`` after a crawl that left no closed run."""
    try:
        standings = look_up(folder)
    except (OutputError, OSError) as error:
        # The output folder may be what is wrong.
        logger.warning("The findings of earlier runs are not known: %s", error)
        standings = Standings()
    return standings, standings.fail_to_begin(says, datetime.now(UTC))


def log(message: Message) -> None:
    """Log every finding of a message, and the consequences, which are not sent by themselves."""
    for it in message.begun:
        logger.warning("Check %s: %s", it.name, it.says)
    for it in message.reminded:
        logger.info("Check %s: %s (known)", it.name, it.says)
    for cause, others in message.consequences.items():
        for it in others:
            logger.info("Check %s: %s (with %s)", it.name, it.says, cause)
    for it in message.ended:
        logger.info("Check %s: over", it.name)


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
