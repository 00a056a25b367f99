"""The Hill's spider after its selectors were mended: ``-s SPIDER_MODULES=tests.mended.hill``."""
