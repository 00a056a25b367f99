"""Propose CSS selectors: the shortest stable ones that match just the given elements."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from cssselect import SelectorError
from lxml.etree import _Element

from newscrawl.extraction.markup import css

_NAME = re.compile(r"[A-Za-z][A-Za-z_-]*", re.ASCII)
# Names that a build makes: css-1x9k2, Story_root__wu_cm, BaseWrap-sc-gjQpdd, Rubric-LmpbT, bJjAgi,
# Haq, sdhgyov.
_HASH = re.compile(
    r"^(?:css|jsx|svelte|emotion|styled)-|(?:^|-)sc-|_[A-Za-z-]+__[\w-]{5}$"
    r"|-(?=[a-z]*[A-Z])[A-Za-z]{5,6}$|^(?=.*[A-Z]).{1,4}$"
    r"|^[^aeiouyAEIOUY_-]{4}|[^aeiouyAEIOUY_-]{6}"
)
_VOWEL = re.compile("[aeiouy]", re.I)
_CAMEL = re.compile(r"[a-z]+(?:[A-Z]+[a-z]*)+")
# Names of a state or of a grid: they say where an element is now, not what it is.
_STATES = frozenset(
    "true false active clearfix col collapsed container current first hidden hide is-active js"
    " last loaded no-js open row show visible w-full wp-block-group wrapper flex grid relative"
    " absolute".split()
)
# Tags that say by themselves what an element is.
_TELLING = frozenset("address article aside figure footer form h1 header main nav time".split())
_ATTRIBUTES = ("itemprop", "role", "rel")
_MOST_ANCESTORS = 6
_LONGEST_VALUE = 30

Targets = Sequence[tuple[_Element, Sequence[_Element]]]
"""For each page the element below which a selector looks, and the elements that it must match."""


def is_stable(name: str) -> bool:
    """Return whether a class or id is likely to be the same on all pages of a site.

    >>> [is_stable(it) for it in ("story-text", "article__body", "css-1x9k2", "post-7001", "row")]
    [True, True, False, False, False]
    >>> [is_stable(it) for it in ("sc-bdVaJa", "Story_root__wu_cm", "xkqzw", "bJjAgi", "tags")]
    [False, False, False, False, True]
    """
    return bool(
        _NAME.fullmatch(name)
        and name not in _STATES
        and not _HASH.search(name)
        and not (len(name) <= 7 and _CAMEL.fullmatch(name))
        and (len(name) < 4 or _VOWEL.search(name))
    )


def propose(targets: Targets) -> str:
    """Return the shortest stable selector that matches just the targets; "" if there is none."""
    first = next((found[0] for _, found in targets if found), None)
    if first is None:
        return ""
    return next((it for it in candidates(first) if _is_exact(it, targets)), "")


def _is_exact(selector: str, targets: Targets) -> bool:
    return all(matches(selector, scope) == list(found) for scope, found in targets)


def matches(selector: str, scope: _Element) -> list[_Element]:
    """Return what a selector matches below an element; nothing for one that is not CSS."""
    try:
        found: list[_Element] = css(selector)(scope)
    except SelectorError:
        return []
    return found


def candidates(element: _Element) -> Iterator[str]:
    """Yield selectors that match an element, the best first."""
    own = list(dict.fromkeys(_simple(element)))
    tag = str(element.tag)
    yield from (it for it in own if it != tag or tag in _TELLING)
    if len(classes := _classes(element)) > 1:
        yield from (f"{tag}.{one}.{two}" for one in classes for two in classes if one < two)
    ancestors = islice(element.iterancestors(), _MOST_ANCESTORS)
    for at, around in enumerate(ancestors):
        if around.tag in ("html", "body"):
            break
        for outer in _simple(around):
            if outer != around.tag or outer in _TELLING:
                yield from (f"{outer}{' > ' if at == 0 else ' '}{it}" for it in own)


def _simple(element: _Element) -> Iterator[str]:
    """Yield selectors of an element by itself: tag with id, class or attribute, then the tag."""
    tag = str(element.tag)
    yield from (f"{tag}.{it}" for it in _classes(element))
    if is_stable(name := element.get("id", "")):
        yield f"{tag}#{name}"
    for attribute in _ATTRIBUTES:
        value = element.get(attribute, "")
        if _NAME.fullmatch(value):
            yield f'{tag}[{attribute}="{value}"]'
    for attribute in element.keys():  # noqa: SIM118  # an element is no mapping
        if attribute.startswith("data-") and re.fullmatch(r"[a-z-]+", attribute):
            value = element.get(attribute, "")
            if is_stable(value) and len(value) <= _LONGEST_VALUE:
                yield f'{tag}[{attribute}="{value}"]'
    yield tag


def _classes(element: _Element) -> list[str]:
    """Return the stable classes of an element, the most specific first."""
    found = [it for it in element.get("class", "").split() if is_stable(it)]
    return sorted(found, key=lambda it: -min(len(it), 12))


def covering(drop: Iterable[_Element], keep: Sequence[tuple[_Element, set[_Element]]]) -> list[str]:
    """Return selectors that match as many elements of ``drop`` as stable selectors can.

    ``keep`` has for each page the element below which a selector looks, and the elements that no
    selector may match.
    """
    chosen: list[str] = []
    done: set[_Element] = set()
    for element in drop:
        if element in done or not done.isdisjoint(element.iterancestors()):
            continue
        for selector in candidates(element):
            found = [it for scope, _ in keep for it in matches(selector, scope)]
            if element in found and not any(kept.intersection(found) for _, kept in keep):
                chosen.append(selector)
                done.update(found)
                break
    return chosen
