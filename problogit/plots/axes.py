"""What all plots share: an Axes to draw on, words as they were written, colours that are told apart."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from problogit.tables.numbers import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "GREY", "MARKERS", "clean", "folded", "new_axes", "number", "plain"]

# Okabe & Ito (2008), without yellow, which is too faint for thin lines.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
GREY = "#808080"


def new_axes(ax: Axes | None, width: float = 6.4, height: float = 4.2) -> Axes:
    """The Axes given, or one on a new figure of that size in inches."""
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def clean(axes: Axes) -> None:
    """Take away the two lines that say nothing."""
    axes.spines[["top", "right"]].set_visible(False)


def plain(text: str) -> str:
    """Text as it was written: a dollar starts no formula, and a leading underscore hides nothing from a legend."""
    shown = text.replace("$", r"\$")
    return f" {shown}" if shown.startswith("_") else shown


def folded(text: str, width: int) -> str:
    """The same in lines of at most that many characters."""
    return plain("\n".join(textwrap.wrap(text, width, break_on_hyphens=False)) or text)


def number(value: float) -> str:
    """A number as a label: ``0.001``, ``20``, ``1e+06``."""
    return f"{value:g}" if value == 0 or 1e-3 <= abs(value) < 1e6 else significant(value, 1)
