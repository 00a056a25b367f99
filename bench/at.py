"""Run ``scrapy`` by a clock that shows another time at the start."""

import sys

import time_machine
from scrapy.cmdline import execute

# Without pytest, which time_machine imports where it is installed: that costs as much as a command.
AT = "import sys; sys.modules['pytest'] = None; from bench.at import main; main()"
"""Code whose arguments are that time and those of ``scrapy``."""


def main() -> None:
    moment = sys.argv.pop(1)
    with time_machine.travel(moment, tick=True):
        execute()
