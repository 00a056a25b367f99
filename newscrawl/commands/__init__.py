"""The commands of ``newscrawl``, and of ``scrapy`` in a clone."""
