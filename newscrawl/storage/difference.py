"""Differences between two versions of a text, word by word."""

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator

Pieces = list[tuple[str, str]]
"""Sequences of words: in both versions (``""``), deleted (``del``) or inserted (``ins``)."""

# Two blocks are versions of each other if they share at least this part of their words.
_ALIKE = 0.4
# Blocks are not paired if that needs more comparisons: a live page may have changed everywhere.
_MOST = 40_000


def words(old: str, new: str) -> Pieces:
    """Return the words of two texts, marked as equal, deleted or inserted.

    >>> words("Rain on Monday.", "Rain on Tuesday.")
    [('', 'Rain on'), ('del', 'Monday.'), ('ins', 'Tuesday.')]
    """
    return [(tag, _text(run)) for tag, run in _runs(_words(old), _words(new))]


def names(old: list[str], new: list[str]) -> Pieces:
    """Return the names of two lists, marked as equal, deleted or inserted.

    >>> names(["Ada Quill", "Bo Reyes"], ["Ada Quill"])
    [('', 'Ada Quill'), ('del', 'Bo Reyes')]
    """
    return [(tag, ", ".join(run)) for tag, run in _runs(old, new)]


def blocks(before: str | None, after: str | None) -> list[Pieces | int]:
    r"""Return the changed blocks of a body, and between them the number of unchanged ones.

    >>> blocks("Rain.\n\nMore later.\n\nBye.", "Rain.\n\nMore hail later.\n\nBye.\n\nEnd.")
    [1, [('', 'More'), ('ins', 'hail'), ('', 'later.')], 1, [('ins', 'End.')]]
    """
    old, new = (body.split("\n\n") if body else [] for body in (before, after))
    changed: list[Pieces | int] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            changed.append(j - i)
        else:
            changed += _replaced(old[i:j], new[k:m])
    return changed


def lines(before: str | None, after: str | None) -> list[str]:
    r"""Return the changed blocks of a body as lines: deleted (``- ``) or inserted (``+ ``).

    A block with some changed words gives two lines, its old and its new text.

    >>> lines("Rain.\n\nMore later.", "Rain.\n\nMore hail later.\n\nEnd.")
    ['- More later.', '+ More hail later.', '+ End.']
    """
    marked = []
    for pieces in blocks(before, after):
        if isinstance(pieces, int):
            continue
        tags = {tag for tag, _ in pieces}
        for mark, other in (("-", "ins"), ("+", "del")):
            if tags != {other}:
                marked.append(f"{mark} {_text(run for tag, run in pieces if tag != other)}")
    return marked


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[str, list[str]]]:
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            yield "", old[i:j]
            continue
        if i < j:
            yield "del", old[i:j]
        if k < m:
            yield "ins", new[k:m]


def _text(words: Iterable[str]) -> str:
    return re.sub(r" ?\n ?", "\n", " ".join(words))


def _words(text: str) -> list[str]:
    return re.findall(r"\n|\S+", text)


def _replaced(old: list[str], new: list[str]) -> list[Pieces]:
    """Return replaced blocks. Two versions of the same block are compared word by word."""
    changed: list[Pieces] = []
    i = k = 0
    for j, m in [*_pairs(old, new), (len(old), len(new))]:
        changed += [words(it, "") for it in old[i:j]]
        changed += [words("", it) for it in new[k:m]]
        if j < len(old):
            changed.append(words(old[j], new[m]))
        i, k = j + 1, m + 1
    return changed


def _pairs(old: list[str], new: list[str]) -> list[tuple[int, int]]:
    """Return the pairs of blocks, in order, that have the most words in common."""
    if len(old) * len(new) > _MOST:
        return []
    before, after = ([Counter(_words(it)) for it in texts] for texts in (old, new))
    alike = [[_likeness(a, b) for b in after] for a in before]
    # best[i][k] is the most that old[i:] and new[k:] can have in common.
    best = [[0.0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        for k in reversed(range(len(new))):
            best[i][k] = max(best[i + 1][k], best[i][k + 1], alike[i][k] + best[i + 1][k + 1])
    pairs = []
    i = k = 0
    while i < len(old) and k < len(new):
        if best[i][k] == best[i + 1][k]:
            i += 1
        elif best[i][k] == best[i][k + 1]:
            k += 1
        else:
            pairs.append((i, k))
            i, k = i + 1, k + 1
    return pairs


def _likeness(one: Counter[str], other: Counter[str]) -> float:
    same = 2 * (one & other).total() / max(1, one.total() + other.total())
    return same if same >= _ALIKE else 0.0
