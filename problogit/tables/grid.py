"""A grid of strings and its four renderings. What stands in the cells is decided elsewhere."""

from __future__ import annotations

import html
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
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    def render(self, shape: str) -> str:
        """``"text"``, ``"markdown"``, ``"latex"`` or ``"html"``."""
        return {"text": self.text, "markdown": self.markdown, "latex": self.latex, "html": self.html}[shape]()

    def text(self) -> str:
        """Aligned columns, two spaces apart, the caption below."""
        widths = [max(len(row[j]) for row in (self.header, *self.rows)) for j in range(len(self.header))]
        lines = [_aligned(row, widths) for row in (self.header, *self.rows)]
        return "\n".join([*lines, *([self.caption] if self.caption else [])])

    def markdown(self) -> str:
        """A pipe table."""
        escaped = [[cell.replace("|", r"\|") for cell in row] for row in (self.header, *self.rows)]
        rule = [":--", *["--:"] * (len(self.header) - 1)]
        lines = ["| " + " | ".join(row) + " |" for row in (escaped[0], rule, *escaped[1:])]
        return "\n".join([*lines, *(["", self.caption] if self.caption else [])])

    def latex(self) -> str:
        """A booktabs table."""
        body = [" & ".join(map(_latex, row)) + r" \\" for row in self.rows]
        head = " & ".join(map(_latex, self.header)) + r" \\"
        columns = "l" + "r" * (len(self.header) - 1)
        table = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule"]
        caption = [rf"\caption{{{_latex(self.caption)}}}"] if self.caption else []
        return "\n".join(
            [r"\begin{table}", r"\centering", *caption, *table, r"\end{tabular}", r"\end{table}"]
        )

    def html(self) -> str:
        """A plain table that any style sheet can dress."""
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in self.header)
        body = "".join(
            f'<tr><th scope="row">{html.escape(row[0])}</th>'
            + "".join(f"<td>{html.escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows
        )
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    return "  ".join(
        [first, *[cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]]
    ).rstrip()


def _latex(text: str) -> str:
    return "".join(_LATEX.get(character, character) for character in text)
