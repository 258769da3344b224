"""A grid of strings and its four renderings. What stands in the cells is decided elsewhere."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Grid"]

_LATEX = {
    "\\": r"\textbackslash{}",
    "_": r"\_",
    "%": r"\%",
    "&": r"\&",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "∞": r"$\infty$",
    "—": "---",
    "−": r"$-$",
    "∓": r"$\mp$",
    "×": r"$\times$",
    "β": r"$\beta$",
}


@dataclass(frozen=True)
class Grid:
    """Cells of text with a header.

    Attributes
    ----------
    header : tuple of str
    rows : tuple of tuple of str
        The first cell of a row is its label and stands left; the others stand right.
    caption : str
        What the numbers are; for intervals their kind and level.
    subheader : tuple of str
        A second line of the header, e.g. the kind of interval under each label; empty for none.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    subheader: tuple[str, ...] = ()

    @property
    def head(self) -> tuple[tuple[str, ...], ...]:
        """The lines of the header."""
        return (self.header, self.subheader) if self.subheader else (self.header,)

    def render(self, shape: str) -> str:
        """``"text"``, ``"markdown"``, ``"latex"`` or ``"html"``."""
        return {"text": self.text, "markdown": self.markdown, "latex": self.latex, "html": self.html}[shape]()

    def text(self, width: int | None = None) -> str:
        """Aligned columns, two spaces apart, the caption below.

        Parameters
        ----------
        width : int, optional
            Columns that do not fit stand below, under the labels once more; without it lines are as long as need be.
        """
        lines = [_flat(row) for row in (*self.head, *self.rows)]
        widths = [max(len(row[j]) for row in lines) for j in range(len(self.header))]
        panels = [
            "\n".join(_aligned(row, widths, shown) for row in lines) for shown in _panels(widths, width)
        ]
        caption = [_wrapped(self.caption, width)] if self.caption else []
        return "\n".join(["\n\n".join(panels), *caption])

    def markdown(self) -> str:
        """A pipe table."""
        header, *rows = [[_markdown(cell) for cell in row] for row in (*self.head, *self.rows)]
        rule = [":--", *["--:"] * (len(self.header) - 1)]
        lines = ["| " + " | ".join(row) + " |" for row in (header, rule, *rows)]
        return "\n".join([*lines, *(["", _markdown(self.caption)] if self.caption else [])])

    def latex(self) -> str:
        """A table for the LaTeX package booktabs."""
        head, body = ([_latex_line(row) for row in rows] for rows in (self.head, self.rows))
        columns = "l" + "r" * (len(self.header) - 1)
        table = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *head, r"\midrule", *body, r"\bottomrule"]
        caption = [rf"\caption{{{_latex(self.caption)}}}"] if self.caption else []
        return "\n".join(
            [r"\begin{table}", r"\centering", *caption, *table, r"\end{tabular}", r"\end{table}"]
        )

    def html(self) -> str:
        """A plain table that any style sheet can dress."""
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        head = "".join(
            "<tr>" + "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in line) + "</tr>"
            for line in self.head
        )
        body = "".join(
            f'<tr><th scope="row">{html.escape(row[0])}</th>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"


def _panels(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Positions of the columns beside the first, in groups that fit into `width` together with it."""
    panels: list[list[int]] = [[]]
    used = widths[0]
    for j in range(1, len(widths)):
        if width is not None and panels[-1] and used + 2 + widths[j] > width:
            panels.append([])
            used = widths[0]
        panels[-1].append(j)
        used += 2 + widths[j]
    return panels


def _aligned(row: Sequence[str], widths: Sequence[int], shown: Sequence[int]) -> str:
    return "  ".join([row[0].ljust(widths[0]), *[row[j].rjust(widths[j]) for j in shown]]).rstrip()


def _wrapped(text: str, width: int | None) -> str:
    return text if width is None else textwrap.fill(text, width, break_long_words=False)


def _flat(row: Sequence[str]) -> list[str]:
    """Cells on one line: labels and terms may hold line breaks."""
    return [" ".join(cell.split()) if "\n" in cell or "\r" in cell else cell for cell in row]


def _markdown(cell: str) -> str:
    """Characters that Markdown, or HTML inside it, would read as its own."""
    plain = " ".join(cell.split()).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*|~]|(?<!\w)_|_(?!\w))", r"\\\1", plain)


def _latex_line(row: Sequence[str]) -> str:
    # A line that begins with a bracket would be read as the argument of the line break before it.
    cells = ["{" + cell + "}" if cell.startswith("[") else cell for cell in map(_latex, _flat(row))]
    return " & ".join(cells) + r" \\"


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
