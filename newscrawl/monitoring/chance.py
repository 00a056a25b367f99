"""Probabilities that decide whether a number is unusual. All are one-sided."""

from math import exp, lgamma, log

Pair = tuple[float, float]
"""Hits and misses."""


def few_hits(hits: float, tries: float, past: Pair) -> float:
    """Return the probability of at most ``hits`` in ``tries``, given ``past`` hits and misses.

    >>> few_hits(0, 3, (200, 0)) < 1e-6 < few_hits(0, 1, (200, 0))
    True
    >>> round(few_hits(1, 2, (0, 0)), 6)
    0.666667
    """
    return _at_least(tries - hits, tries, past[1] + 1, past[0] + 1)


def many_hits(hits: float, tries: float, past: Pair) -> float:
    """Return the probability of at least ``hits`` in ``tries``, given ``past`` hits and misses.

    >>> many_hits(3, 3, (0, 200)) < 1e-6 < many_hits(1, 3, (0, 200))
    True
    """
    return _at_least(hits, tries, past[0] + 1, past[1] + 1)


def _at_least(least: float, tries: float, a: float, b: float) -> float:
    """Return the probability of ``least`` or more of a beta-binomial variable."""
    if least <= 0:
        return 1.0
    norm = lgamma(a) + lgamma(b) - lgamma(a + b) + lgamma(tries + a + b) - lgamma(tries + 1)
    rest = tries - least
    term = exp(lgamma(least + a) + lgamma(rest + b) - lgamma(least + 1) - lgamma(rest + 1) - norm)
    total, n = term, least
    while n + 1 <= tries and term > total * 1e-9:
        term *= (tries - n) / (n + 1) * (n + a) / (tries - n - 1 + b)
        total += term
        n += 1
    return min(total, 1.0)


def few_events(actual: int, expected: float, variance: float) -> float:
    """Return the probability of at most ``actual`` events where ``expected`` are usual.

    ``variance`` is that of the rate, relative to its square: 0.01 if rates differ by a tenth.

    >>> few_events(0, 5, 0.1) > 1e-4 > few_events(0, 20, 0.1), few_events(1, 0, 0.1)
    (True, 1.0)
    """
    return _events(range(actual + 1), expected, variance)


def many_events(actual: int, expected: float, variance: float) -> float:
    """Return the probability of at least ``actual`` events where ``expected`` are usual.

    >>> many_events(0, 5, 0.1), many_events(40, 5, 0.1) < 1e-4
    (1.0, True)
    """
    return max(0.0, 1 - _events(range(actual), expected, variance))


def _events(numbers: range, expected: float, variance: float) -> float:
    """Return the probability of a negative binomial variable to be one of the first numbers."""
    if expected <= 0:
        return 1.0 if numbers else 0.0
    shape = 1 / variance
    share = shape / (shape + expected)
    term = shape * log(share)
    total = 0.0
    for n in numbers:
        total += exp(term)
        term += log((n + shape) / (n + 1) * (1 - share))
    return total
