"""Measure the time of a tool for a page, beside the time of parsing alone."""

from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

from lxml import html

Extract = Callable[[bytes, str], str]
"""A function from a page's bytes and address to the text of its article."""

# The best of many: other work on the machine only adds time.
ROUNDS = 7
SECONDS = 1.0
CLOCK = perf_counter


class Timed(NamedTuple):
    """The text of a page's article, and the best of several times, in seconds."""

    text: str
    seconds: float
    floor: float


def timed(extract: Extract, raw: bytes, url: str) -> Timed:
    """Take the time of ``extract`` and of the floor, ``lxml.html.fromstring``, in turns."""
    text = extract(raw, url)  # not timed: the first call loads tables and compiles patterns
    seconds = floor = float("inf")
    end = begin = CLOCK()
    rounds = 0
    while rounds < ROUNDS or end - begin < SECONDS:
        start = CLOCK()
        html.fromstring(raw)
        middle = CLOCK()
        extract(raw, url)
        end = CLOCK()
        floor = min(floor, middle - start)
        seconds = min(seconds, end - middle)
        rounds += 1
    return Timed(text, seconds, floor)
