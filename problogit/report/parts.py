"""What a section of a report is made of: values without a look."""

from __future__ import annotations

from dataclasses import dataclass

from problogit.tables.grid import Grid

__all__ = ["Figure", "Item", "Notice", "Paragraph", "Section", "TableItem"]


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Notice:
    """Something that the reader must see.

    Attributes
    ----------
    severity : str
        ``error``, ``warning`` or ``info``.
    text : str
    """

    severity: str
    text: str


@dataclass(frozen=True)
class TableItem:
    """A table; its caption is the grid's."""

    grid: Grid


@dataclass(frozen=True)
class Figure:
    """A drawing.

    Attributes
    ----------
    svg : str
        The element ``<svg>`` alone, ids made unique.
    caption, alt : str
        What it shows; `alt` for those who cannot see it.
    """

    svg: str
    caption: str
    alt: str


Item = Paragraph | Notice | TableItem | Figure


@dataclass(frozen=True)
class Section:
    """A titled part of a report.

    Attributes
    ----------
    key : str
        Anchor, unique in the report.
    title : str
    items : tuple of Item
    """

    key: str
    title: str
    items: tuple[Item, ...]

    def tables(self) -> tuple[Grid, ...]:
        """The section's tables alone."""
        return tuple(item.grid for item in self.items if isinstance(item, TableItem))
