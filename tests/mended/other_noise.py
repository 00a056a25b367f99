"""The Hill's spider with another extraction of the story: without quotations and headings."""

from dataclasses import replace

from newscrawl.extraction.noise import Noise
from newscrawl.spiders.hill import HillSpider


class OtherNoiseSpider(HillSpider):
    """The Hill, with other noise."""

    reader = replace(HillSpider.reader, noise=Noise(selectors=("blockquote", "h2", "h3")))
