"""What all plots share: an Axes to draw on, and colours that are told apart in print and by the colour-blind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["COLOURS", "GREY", "MARKERS", "new_axes"]

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
