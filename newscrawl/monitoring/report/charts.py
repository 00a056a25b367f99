"""Charts for an HTML page: static SVG with the colours and fonts of the page."""

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lxml import etree
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

Rows = Sequence[tuple[str, Sequence[float | None]]]
"""Rows of a chart: a name, and a number for every series; None means unknown."""

# Inches. Narrow charts keep letters large enough on a phone.
_WIDTH = 3.9
_COLUMNS = 1.9
_BAR = 0.22
_LONGEST_NAME = 24
# CSS variables of the page; each colour here is a placeholder that _inline() replaces.
_NAMES = ("new", "revised", "rejected", "failed", "plain", "ink", "soft", "line")
_COLOURS = {name: f"#0000{n:02x}" for n, name in enumerate(_NAMES, 1)}
_STYLE: "dict[RcKeyType, Any]" = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.color": _COLOURS["ink"],
    "xtick.color": _COLOURS["line"],
    "xtick.labelcolor": _COLOURS["soft"],
    "ytick.labelcolor": _COLOURS["soft"],
    "ytick.major.size": 0,
    "grid.color": _COLOURS["line"],
    "grid.linewidth": 0.6,
    "axes.edgecolor": _COLOURS["line"],
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.02,
    "figure.constrained_layout.h_pad": 0.02,
}


def shown(text: object, longest: int = 120) -> str:
    r"""Return untrusted text for display: on one line, without invisible characters, shortened.

    >>> shown("A\nB\u202eC"), shown("Campaign", 5)
    ('A B C', 'Camp…')
    """
    visible = "".join(it if it.isprintable() else " " for it in str(text))
    line = " ".join(visible.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar chart and its numbers.

    ``series`` maps colours of the bars to labels. With ``ticks`` the rows are columns in order of
    time, labelled where ``ticks`` says; without, they are horizontal bars. ``usual`` marks the
    usual length of each bar, ``most`` is the length that the axis ends at.
    """

    title: str
    note: str
    series: Mapping[str, str]
    rows: Rows
    form: str = "{:,.0f}"
    ticks: Mapping[int, str] | None = None
    usual: Sequence[float] = ()
    most: float = 0

    @property
    def empty(self) -> bool:
        """Whether all numbers are zero or unknown."""
        return not any(number for _, numbers in self.rows for number in numbers)

    def printed(self, number: float | None) -> str:
        """Return a number formatted for display."""
        return "–" if number is None else self.form.format(number)

    @property
    def svg(self) -> str:
        """The chart as an SVG element."""
        height = _BAR * len(self.rows) + 0.05 if self.ticks is None else _COLUMNS
        stream = io.StringIO()
        with rc_context(), warnings.catch_warnings():
            # The font measures the text only; the browser has the missing letters.
            warnings.filterwarnings("ignore", "Glyph")
            rcdefaults()
            rcParams.update({**_STYLE, "svg.hashsalt": self.title})
            figure = Figure(figsize=(_WIDTH, height))
            if self.ticks is None:
                self._bars(figure.subplots())
            else:
                self._columns(figure.subplots(), self.ticks)
            nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(stream, format="svg", metadata=nothing)
        return self._inline(stream.getvalue())

    def _stack(self, draw: Callable[..., Any], start: str) -> list[float]:
        """Draw the series as a stack; return the end of each bar."""
        ends = [0.0 for _ in self.rows]
        for n, name in enumerate(self.series):
            lengths = [numbers[n] or 0 for _, numbers in self.rows]
            draw(range(len(ends)), lengths, color=_COLOURS[name], **{start: ends})
            ends = [sum(it) for it in zip(ends, lengths, strict=True)]
        return ends

    def _bars(self, axes: Axes) -> None:
        ends = self._stack(partial(axes.barh, height=0.72), "left")
        for place, usual in enumerate(self.usual):
            axes.vlines(usual, place - 0.46, place + 0.46, color=_COLOURS["ink"], linewidth=1.2)
        most = self.most or max(ends)
        for place, reach in enumerate(map(max, ends, self.usual or ends)):
            axes.text(reach + most * 0.015, place, self.printed(ends[place]), va="center")
        axes.set_xlim(0, most * 1.16)
        axes.set_ylim(len(self.rows) - 0.5, -0.5)
        axes.set_yticks(range(len(ends)), [shown(name, _LONGEST_NAME) for name, _ in self.rows])
        axes.tick_params(axis="y", labelcolor=_COLOURS["ink"])
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)

    def _columns(self, axes: Axes, ticks: Mapping[int, str]) -> None:
        ends = self._stack(partial(axes.bar, width=0.8), "bottom")
        axes.set_xlim(-0.7, len(self.rows) - 0.3)
        axes.set_ylim(0, max(ends) * 1.05)
        whole = self.form.endswith(".0f}")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=whole, steps=[1, 2, 4, 5, 10]))
        axes.yaxis.set_major_formatter(lambda value, _: self.printed(value))
        axes.grid(axis="y")
        axes.set_xticks(list(ticks), list(ticks.values()))
        axes.spines["left"].set_visible(False)

    def _inline(self, svg: str) -> str:
        """Return the SVG for use inside the page, whose style sets size, colours and fonts."""
        root = etree.fromstring(svg.encode())
        for style in root.findall(".//{*}style"):
            style.getparent().remove(style)
        for name in ("width", "height", "version"):
            root.attrib.pop(name, None)
        root.set("role", "img")
        root.set("aria-label", f"{self.title}: {self.note}")
        for element in root.iter("{*}*"):
            # All figures use the same ids for their groups; other ids are unique.
            if element.tag.endswith("}g"):
                element.attrib.pop("id", None)
            style = element.get("style", "")
            for name, colour in _COLOURS.items():
                style = style.replace(colour, f"var(--{name})")
            if style:
                element.set("style", style)
        text: str = etree.tostring(root, encoding="unicode")
        return text
