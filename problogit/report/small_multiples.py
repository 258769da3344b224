"""One small picture for each fit, side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from problogit.plots.svg import svg_element
from problogit.report.parts import Figure, FigureRow

__all__ = ["small_multiples"]

Result = TypeVar("Result")


def small_multiples(
    found: Mapping[str, Result],
    draw: Callable[[Result, Any, str], object],
    name: str,
    alt: Callable[[str, Result], str],
    size: tuple[float, float],
    caption: str,
) -> FigureRow:
    """Draw every result into axes of its own.

    Parameters
    ----------
    found : mapping of str to result
        By label, which is the title where there are several.
    draw : callable
        (result, axes, title) -> anything.
    name : str
        Of the pictures, which are numbered.
    alt : callable
        (label, result) -> what the picture shows, for those who cannot see it.
    size : tuple of float
        Inches.
    caption : str
        Of the row.
    """

    def picture(number: int, label: str, result: Result) -> Figure:
        title, words = label if len(found) > 1 else "", alt(label, result)
        svg = svg_element(lambda axes: draw(result, axes, title), f"{name}{number}", words, *size)
        return Figure(svg, "", words)

    return FigureRow(tuple(picture(k, *item) for k, item in enumerate(found.items())), caption)
