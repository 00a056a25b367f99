"""The Hill's spider before its selectors are mended, with ``generic`` as its fallback."""

from dataclasses import replace

from newscrawl.extraction.generic_outlet import Generic
from newscrawl.spiders.hill import HillSpider


class WithFallbackSpider(HillSpider):
    """The Hill, which goes on without selectors when they match nothing."""

    fallback = replace(Generic.reader, zone=HillSpider.zone)
