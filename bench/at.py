"""``python -m bench.at TIME …``: run ``scrapy`` by a clock that shows another time at the start."""

import sys

import time_machine
from scrapy.cmdline import execute

if __name__ == "__main__":
    moment = sys.argv.pop(1)
    with time_machine.travel(moment, tick=True):
        execute()
