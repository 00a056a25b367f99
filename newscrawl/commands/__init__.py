"""The commands of ``newscrawl``, and of ``scrapy`` in a clone.

Scrapy imports this package before it runs a command, so this module makes every command faster.
"""

import atexit
import gc

# The import of Scrapy's TLS module searches all modules for each frame of the call stack. Deep in
# a crawl that takes a third of a second, here very little.
import scrapy.core.downloader.contextfactory  # noqa: F401

# The imported modules have a hundred thousand objects, which are never freed. By default the
# garbage collector scans them many times during the imports, and at the exit for a quarter of a
# second.
gc.set_threshold(10_000)  # default 700
atexit.register(gc.freeze)
