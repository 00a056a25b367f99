"""The commands of ``newscrawl``, and of ``scrapy`` in a clone."""

# Scrapy's TLS module looks at every frame below its import, and for each at every module: a third
# of a second in the depths of a crawl, little at the start.
import scrapy.core.downloader.contextfactory  # noqa: F401
