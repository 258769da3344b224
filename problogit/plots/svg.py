"""Drawings as SVG elements that can stand in one HTML page: unique ids, no header, no metadata, the page's colour."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from problogit.plots.axes import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["svg_element"]

_HEAD = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^)"]+)')


def svg_element(
    draw: Callable[[Axes], object], key: str, alt: str, width: float = 6.8, height: float = 4.2
) -> str:
    """Draw on a figure of its own and return the ``<svg>`` element.

    Its colours are custom properties (``--series-1`` to ``--series-6``, `currentColor` for black) with the usual
    colours as fallback, so that a page can lighten them on a dark ground.

    Parameters
    ----------
    draw : callable
        Draws on the Axes that it is given.
    key : str
        Prefix of all ids, unique in the page.
    alt : str
        Title for those who cannot see the drawing.
    width, height : float
        Size in inches.
    """
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    settings = {"svg.fonttype": "none", "svg.hashsalt": key, "font.family": "sans-serif", "font.size": 10}
    with style.context(["default", settings]):  # whatever the reader's own style is
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes)
        axes.set_facecolor("none")
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue(), key, alt)


def _inline(text: str, key: str, alt: str) -> str:
    text = _METADATA.sub("", _HEAD.sub("", text, count=1))
    text = _ID.sub(lambda found: f'id="{key}-{found.group(1)}"', text)
    text = _REFERENCE.sub(lambda found: f"{found.group(1)}{key}-{found.group(2)}", text)
    shades = {c: f"var(--series-{k}, {c.lower()})" for k, c in enumerate(COLOURS, start=1)}
    for colour, shade in (shades | {"#000000": "currentColor"}).items():
        text = re.sub(f"(: ){colour}", rf"\g<1>{shade}", text, flags=re.IGNORECASE)
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt, quote=True)}" ', 1).strip()
