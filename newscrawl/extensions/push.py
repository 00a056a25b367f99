"""Upload each run to remote storage when the run has closed."""

import logging
import threading
from pathlib import Path
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from newscrawl.dataset.remote import push
from newscrawl.exceptions import LeaseLostError, LedgerError, RemoteError
from newscrawl.extensions.exit_codes import AFTERMATH, UNPUBLISHED
from newscrawl.extensions.run import Run

logger = logging.getLogger(__name__)


class Remote:
    """Extension: uploads closed runs to ``NEWSCRAWL_REMOTE`` after each run.

    A failure is logged and does not change the run. The next push uploads the rest.
    """

    def __init__(self, crawler: Crawler, url: str) -> None:
        """Push to ``url``."""
        self.crawler = crawler
        self.url = url
        self.seconds = crawler.settings.getfloat("NEWSCRAWL_REMOTE_SECONDS")

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Connect to the crawl's signals. Raises NotConfigured without a URL."""
        if not (url := crawler.settings["NEWSCRAWL_REMOTE"]):
            raise NotConfigured
        remote = cls(crawler, url)
        crawler.signals.connect(remote.push, signals.spider_closed)
        return remote

    async def push(self) -> None:
        """Push in a daemon thread, so that a hanging driver does not keep the crawl from ending."""
        run = Run.of(self.crawler)
        if run.document is None:
            return
        from twisted.internet import reactor  # noqa: PLC0415  # installed by now

        done: Deferred[None] = Deferred()

        def note(*, failed: bool) -> None:
            self.crawler.stats.set_value(f"{AFTERMATH}push", int(failed))

        # A signal may end the process at any moment; until the push is done, it has failed.
        note(failed=True)

        def work() -> None:
            try:
                wrong = _publish(run) if run.outlet.shared else _push(run.output, self.url)
                for sentence in wrong:
                    logger.error("%s", sentence)
                note(failed=bool(wrong))
            except LeaseLostError as error:
                logger.error("%s", error)
                self.crawler.stats.set_value(UNPUBLISHED, 1)
            except (RemoteError, LedgerError, OSError) as error:
                logger.error("The run was not pushed: %s", error)
            except Exception:
                logger.exception("The run was not pushed")
            finally:
                reactor.callFromThread(done.callback, None)

        def late(_: Failure) -> None:
            logger.error(
                "The push did not end within %g seconds. The next push uploads the rest",
                self.seconds,
            )

        threading.Thread(target=work, name="push", daemon=True).start()
        await maybe_deferred_to_future(done.addTimeout(self.seconds, reactor).addErrback(late))


def _push(output: Path, url: str) -> list[str]:
    """Upload the closed runs; return what is wrong with some."""
    pushed = push(output, url, "runs")
    logger.info("Remote storage: %s", pushed)
    return pushed.wrong


def _publish(run: Run) -> list[str]:
    """Publish a run in the output that several nodes share; return why it cannot be."""
    shared = run.outlet.shared
    assert shared is not None
    wrong = shared.publish(run.folder)
    if not wrong:
        shared.put_state()
        run.outlet.is_published = True
        logger.info("Published run %s in %s", run.name, shared.target.url)
    return wrong
