"""What a section of a report is made of: values without a look."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from problogit.tables.grid import Grid

__all__ = [
    "Figure",
    "FigureRow",
    "Item",
    "Listing",
    "Notice",
    "Paragraph",
    "Section",
    "TableItem",
    "said_once",
]


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
class Listing:
    """Names and what is said about each.

    Attributes
    ----------
    entries : tuple of (str, str)
        The name may be empty.
    """

    entries: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class TableItem:
    """A table; its caption is the grid's.

    Attributes
    ----------
    grid : Grid
    style : str
        ``numbers`` (cells stand right), ``prose`` (cells are sentences) or ``facts`` (names and values, no header).
    """

    grid: Grid
    style: Literal["numbers", "prose", "facts"] = "numbers"


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


@dataclass(frozen=True)
class FigureRow:
    """Drawings of one kind, side by side under one caption; their own captions are left out."""

    figures: tuple[Figure, ...]
    caption: str


Item = Paragraph | Notice | Listing | TableItem | Figure | FigureRow


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


def said_once(said: Iterable[tuple[str, str]], everyone: int) -> tuple[tuple[str, str], ...]:
    """Sentences with the labels that say them: each once, without labels where all `everyone` say it.

    Parameters
    ----------
    said : iterable of (label, sentence)
    everyone : int
        Number of labels there are.
    """
    by_text: dict[str, list[str]] = {}
    for label, text in said:
        labels = by_text.setdefault(text, [])
        if label not in labels:
            labels.append(label)
    return tuple(
        ("" if len(labels) == everyone else ", ".join(labels), text) for text, labels in by_text.items()
    )
