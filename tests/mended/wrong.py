"""The mended spider with a selector that is not CSS."""

from dataclasses import replace

from newscrawl.spiders.hill import HillSpider
from tests.mended.hill import REDESIGN


class WrongSpider(HillSpider):
    """The Hill, with a slip in the layout of today."""

    reader = replace(HillSpider.reader, layouts=(replace(REDESIGN, story="div..prose"),))
