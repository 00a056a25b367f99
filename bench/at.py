"""Run ``scrapy`` by a clock that shows another time at the start."""

import sys

import time_machine
from scrapy.cmdline import execute

AT = "from bench.at import main; main()"
"""Code whose arguments are that time and those of ``scrapy``."""


def main() -> None:
    moment = sys.argv.pop(1)
    with time_machine.travel(moment, tick=True):
        execute()
