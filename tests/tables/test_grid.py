"""Cells in four renderings: what a user wrote stays text in each of them."""

from __future__ import annotations

from html.parser import HTMLParser

from problogit.tables.grid import Grid

NASTY = r"a_b|c & 50% <b>$x^2$</b> {q} \end~#"


class Cells(HTMLParser):
    """Texts of all cells, and whether tags close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        if tag in ("th", "td", "caption"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data


def test_html_gives_back_the_cells_as_they_were_written() -> None:
    grid = Grid(("", NASTY), ((NASTY, "1"), ("x", NASTY)), NASTY, ("kind", NASTY))
    reader = Cells()
    reader.feed(grid.html())
    assert reader.open == []
    assert reader.cells == [NASTY, "", NASTY, "kind", NASTY, NASTY, "1", "x", NASTY]


def test_latex_escapes_every_character_that_latex_reads() -> None:
    line = Grid(("", "v"), ((NASTY, "[1, 2]"),)).latex().splitlines()[6]
    assert line == (
        r"a\_b|c \& 50\% \textless{}b\textgreater{}\$x\textasciicircum{}2\$\textless{}/b\textgreater{} "
        r"\{q\} \textbackslash{}end\textasciitilde{}\# & {[1, 2]} \\"
    )


def test_latex_writes_the_signs_that_tables_hold() -> None:
    text = Grid(("", "v"), (("a", "(-∞, 2]"), ("b", "—"))).latex()
    assert r"(-$\infty$, 2]" in text
    assert "---" in text
    assert text.isascii()


def test_markdown_keeps_columns_and_text_apart() -> None:
    grid = Grid(("", "fit"), (("a|b", "<b>"), ("*c*", "x_y"), ("_d_", "line\nbreak")), "p < 0.05")
    lines = grid.markdown().splitlines()
    assert lines[0] == "|  | fit |"
    assert lines[2:5] == [r"| a\|b | &lt;b> |", r"| \*c\* | x_y |", r"| \_d\_ | line break |"]
    assert lines[-1] == "p &lt; 0.05"


def test_text_puts_columns_that_do_not_fit_below_under_the_labels_again() -> None:
    header = ("", *[f"fit {k}" for k in range(4)])
    rows = tuple((f"term {i}", *["0.12 [-0.34, 0.56]"] * 4) for i in range(30))
    text = Grid(header, rows, "What it is.").text(60)
    assert max(map(len, text.splitlines())) <= 60
    assert text.count("term 29") == 2
    assert [text.count(label) for label in header[1:]] == [1] * 4
    assert text.endswith("What it is.")


def test_text_without_a_width_is_one_panel() -> None:
    text = Grid(("", "a" * 80, "b" * 80), (("x", "1", "2"),)).text()
    assert len(text.splitlines()) == 2
