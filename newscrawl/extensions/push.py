"""Upload each run to remote storage when the run has closed."""

import logging
import threading
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from newscrawl.dataset.remote import push
from newscrawl.exceptions import RemoteError
from newscrawl.extensions.exit_codes import AFTERMATH
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

        def failed() -> None:
            self.crawler.stats.inc_value(f"{AFTERMATH}push")

        def work() -> None:
            try:
                pushed = push(run.output, self.url, "runs")
                for sentence in pushed.wrong:
                    logger.error("%s", sentence)
                    failed()
                logger.info("Remote storage: %s", pushed)
            except (RemoteError, OSError) as error:
                logger.error("The run was not pushed: %s", error)
                failed()
            except Exception:
                logger.exception("The run was not pushed")
                failed()
            finally:
                reactor.callFromThread(done.callback, None)

        def late(_: Failure) -> None:
            logger.error(
                "The push did not end within %g seconds. The next push uploads the rest",
                self.seconds,
            )
            failed()

        threading.Thread(target=work, name="push", daemon=True).start()
        await maybe_deferred_to_future(done.addTimeout(self.seconds, reactor).addErrback(late))
