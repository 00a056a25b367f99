"""Scrapy's remote control, imported only if it is enabled."""

from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured


class RemoteControl:
    """Extension: loads Scrapy's remote control if ``REMOTE_CONTROL_ENABLED`` is true."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> object:
        """Return Scrapy's extension. Raises NotConfigured if it is disabled."""
        if not crawler.settings.getbool("REMOTE_CONTROL_ENABLED"):
            raise NotConfigured
        # Scrapy's module imports the server of aiohttp, which takes a tenth of a second.
        from scrapy.extensions import remote_control  # noqa: PLC0415

        return remote_control.RemoteControl.from_crawler(crawler)
