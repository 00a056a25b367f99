"""``scrapy``, but it waits for a server that is away for a second, not for minutes."""

from scrapy.cmdline import execute as scrapy

from newscrawl.archives import cluster
from newscrawl.storage.ledger import database


def execute() -> None:
    """Run ``scrapy``: it logs that it waits, and gives up, but after a second."""
    database._WAIT = 1.0
    cluster._AWAY, cluster._LOOK = 1.0, 0.1
    scrapy()
