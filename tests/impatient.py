"""``scrapy``, but it waits for a server that is away for a second, not for minutes."""

from scrapy.cmdline import execute as scrapy

from newscrawl.archives import cluster
from newscrawl.storage.ledger import database


def execute() -> None:
    """Run ``scrapy``: it says in its log that it waits, and gives up, as after minutes."""
    database._WAIT = 1.0
    cluster._AWAY, cluster._LOOK = 1.0, 0.1
    scrapy()
