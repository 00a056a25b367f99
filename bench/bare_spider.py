"""A minimal Scrapy crawl: download a list of addresses and extract the links of each page."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from scrapy import Request, Spider
from scrapy.http import HtmlResponse, Response
from scrapy.linkextractors import LinkExtractor


class BareSpider(Spider):
    """The minimal spider. Run it outside the project, with Scrapy's default settings."""

    name = "bare"

    def __init__(self, addresses: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.addresses = Path(addresses)
        self.links = LinkExtractor()

    async def start(self) -> AsyncIterator[Request]:
        for url in self.addresses.read_text(encoding="utf-8").splitlines():
            yield Request(url)

    def parse(self, response: Response) -> None:
        if isinstance(response, HtmlResponse):
            self.crawler.stats.inc_value("bare/links", len(self.links.extract_links(response)))
