"""Scrapy's remote control, imported only if it is on."""

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured


class RemoteControl:
    """Extension: Scrapy's own, if the setting ``REMOTE_CONTROL_ENABLED`` is true."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> object:
        """Return Scrapy's extension. Raises NotConfigured when it is off."""
        if not crawler.settings.getbool("REMOTE_CONTROL_ENABLED"):
            raise NotConfigured
        # It imports the server of aiohttp, for a tenth of a second.
        from scrapy.extensions import remote_control  # noqa: PLC0415

        return remote_control.RemoteControl.from_crawler(crawler)
