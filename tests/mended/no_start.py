"""A spider whose own code breaks before its first request."""

from collections.abc import AsyncIterator
from typing import Any

from newscrawl.spiders.hill import HillSpider


class NoStartSpider(HillSpider):
    """The Hill, with a slip in ``start``."""

    async def start(self) -> AsyncIterator[Any]:
        for _ in ():
            yield
        raise KeyError("front")
