"""Run ``scrapy`` by a clock that shows another time at the start."""

import sys

# time_machine imports pytest where it is installed. That costs more than a crawl's requests.
sys.modules["pytest"] = None  # type: ignore[assignment]

import time_machine  # noqa: E402
from scrapy.cmdline import execute  # noqa: E402

AT = "from bench.at import main; main()"
"""Code whose arguments are that time and those of ``scrapy``."""


def main() -> None:
    moment = sys.argv.pop(1)
    with time_machine.travel(moment, tick=True):
        execute()
