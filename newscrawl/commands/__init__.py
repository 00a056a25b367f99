"""The commands of ``newscrawl``, and of ``scrapy`` in a clone.

Scrapy imports this package first, whatever the command: what makes every command faster is here.
"""

import atexit
import gc

# Scrapy's TLS module looks at every frame below its import, and for each at every module: a third
# of a second in the depths of a crawl, little at the start.
import scrapy.core.downloader.contextfactory  # noqa: F401

# What is imported, a hundred thousand objects, stays: the garbage collector looks at them again
# and again while they are made, and at the exit for a quarter of a second.
gc.set_threshold(10_000)  # default 700
atexit.register(gc.freeze)
