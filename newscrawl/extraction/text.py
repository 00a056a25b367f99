"""The text of a story: pieces of text become lines, and lines become blocks."""

import re
from collections.abc import Iterable, Iterator
from itertools import filterfalse

from newscrawl.extraction.noise import Noise
from newscrawl.extraction.processors import clean_text

# Letters of scripts that write no space between words: Thai, Lao, Burmese, Khmer, Japanese,
# Chinese.
_UNSPACED = re.compile(
    "[\u0e01-\u0e30\u0e40-\u0e46\u0e81-\u0eb0\u0ec0-\u0ec6\u1000-\u102a\u1780-\u17b3"
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Marks between pieces of a line. Unicode guarantees that no text contains these characters.
_BREAK = "\ufdd0"
_CELL = "\ufdd1"


class Text:
    """The blocks of a story while its elements are read, without lines that are noise.

    A line is a block of its own. All items of a list, with the lists inside it, are one block.
    """

    def __init__(self, noise: Noise) -> None:
        """Start without any text."""
        self.blocks: list[str] = []
        self.noise: dict[str, int] = {}
        self._rules = noise
        self._pieces: list[str] = []
        self._items: list[list[str]] = []
        self._lists = 0
        self._begins_item = False

    def add(self, piece: str) -> None:
        """Add a piece of text to the current line. Drop a blank piece at the start of a line."""
        if self._pieces or not piece.isspace():
            self._pieces.append(piece)

    def add_break(self) -> None:
        """Add a ``<br>``: one continues the paragraph, two end it."""
        self._pieces.append(_BREAK)

    def add_cell(self) -> None:
        """Add the end of a table cell."""
        self._pieces.append(_CELL)

    def add_block(self, text: str) -> None:
        """Add a block that is no text of the page."""
        self.blocks.append(text)

    def count_noise(self, rule: str) -> None:
        """Count an element or line that is left out, by the rule that names it."""
        self.noise[rule] = self.noise.get(rule, 0) + 1

    def end_line(self) -> None:
        """End the current line, if there is one."""
        if not self._pieces:
            return
        text = "".join(self._pieces)
        self._pieces.clear()
        for line in _lines(text):
            if self._rules.is_noise(line):
                self.count_noise(line)
            elif not self._lists:
                self.blocks.append(line)
            elif self._begins_item or not self._items:
                self._items.append(["-", line])
                self._begins_item = False
            else:
                self._items[-1].append(line)

    def start_list(self) -> None:
        """Start a list, which may be inside another one."""
        self._lists += 1

    def end_list(self) -> None:
        """End a list. The end of the outermost list completes the block."""
        self._lists = max(0, self._lists - 1)
        if not self._lists and self._items:
            self.blocks.append("\n".join(map(" ".join, self._items)))
            self._items.clear()

    def start_item(self) -> None:
        """Start a list item: the next line begins with a dash."""
        self._begins_item = True

    def end_item(self) -> None:
        """End a list item, which may have been empty."""
        self._begins_item = False


def _lines(text: str) -> Iterable[str]:
    """Return the clean lines of the text between two blocks."""
    if _BREAK not in text and _CELL not in text:
        return filter(None, (clean_text(text),))
    return _divided(text)


def _divided(text: str) -> Iterator[str]:
    """Yield a table row as one line, other text as its paragraphs."""
    if _CELL in text:
        cells = [clean_text(cell.replace(_BREAK, " ")) for cell in text.split(_CELL)]
        # An empty cell keeps its column, except at the end of the row.
        row = " ".join(" | ".join(cells).rstrip(" |").split())
        if row:
            yield row
        return
    line: list[str] = []
    for part in map(clean_text, text.split(_BREAK)):
        if part:
            line.append(part)
        elif line:
            yield " ".join(line)
            line = []
    if line:
        yield " ".join(line)


def count_words(text: str) -> int:
    """Return the number of words: runs of characters between white space.

    In a text that is mostly of a script without spaces between words, such as Japanese, Chinese or
    Thai, each letter of that script counts as a word.

    >>> count_words("The mayor of 東京 said: no."), count_words("市長は「3月 NHK」と語った。")
    (6, 10)
    """
    words = text.split()
    letters = len(_UNSPACED.findall("".join(filterfalse(str.isascii, words))))
    if not letters:
        return len(words)
    others = [it for it in _UNSPACED.sub(" ", text).split() if any(map(str.isalnum, it))]
    if letters < sum(map(len, others)):
        return len(words)
    return letters + len(others)
