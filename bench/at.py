"""Run ``scrapy`` with a clock that starts at another time."""

import sys

import time_machine
from scrapy.cmdline import execute

# time_machine imports pytest if it is installed, which takes as long as a command. Hide pytest.
AT = "import sys; sys.modules['pytest'] = None; from bench.at import main; main()"
"""Python code to run; its arguments are the time, then those of ``scrapy``."""


def main() -> None:
    moment = sys.argv.pop(1)
    with time_machine.travel(moment, tick=True):
        execute()
