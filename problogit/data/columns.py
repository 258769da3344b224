"""One column of a table as plain arrays, whatever library held it.

A column is `Numbers` (float64, int64 or bool, with a mask of missing places), `Labels` (integer codes into levels,
-1 where missing) or `Opaque` (dates and the like: kept for the user's own functions, refused elsewhere). Everything
after this module works on these three, so that the data layer does not depend on the versions of pandas, polars
and pyarrow that hold the user's data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Column", "Labels", "Numbers", "Opaque", "plain"]

Bools = NDArray[np.bool_]
Positions = NDArray[np.int64] | Bools | slice


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers or truth values.

    Attributes
    ----------
    values : ndarray of float64, int64 or bool, shape (n,)
        Missing places hold NaN or 0.
    missing : ndarray of bool or None
        None where nothing is missing.
    """

    values: NDArray[Any]
    missing: Bools | None = None

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def take(self, rows: Positions) -> Numbers:
        """The column at these rows."""
        return Numbers(self.values[rows], None if self.missing is None else self.missing[rows])

    def is_missing(self) -> Bools:
        """Mask of missing places, shape (n,)."""
        return np.zeros(len(self), dtype=bool) if self.missing is None else self.missing

    def floats(self) -> NDArray[np.float64]:
        """The values as float64, NaN where missing."""
        out = self.values.astype(np.float64, copy=False)
        if self.missing is not None and out is not self.values and self.values.dtype != np.float64:
            out[self.missing] = np.nan
        return out


@dataclass(frozen=True, eq=False)
class Labels:
    """Text or categories.

    Attributes
    ----------
    codes : ndarray of int64, shape (n,)
        Positions in `levels`; -1 where missing.
    levels : tuple
        str, int, float or bool; anything else was turned into its `str`.
    declared : bool
        True where the user's column names its levels itself (a categorical), also those without rows.
    """

    codes: NDArray[np.int64]
    levels: tuple[Any, ...]
    declared: bool = False

    def __len__(self) -> int:
        return int(self.codes.shape[0])

    def take(self, rows: Positions) -> Labels:
        """The column at these rows, all levels kept."""
        return Labels(self.codes[rows], self.levels, self.declared)

    def is_missing(self) -> Bools:
        """Mask of missing places, shape (n,)."""
        return np.asarray(self.codes < 0, dtype=bool)

    def text(self) -> NDArray[Any]:
        """The labels themselves, an object array with None where missing."""
        lookup = np.empty(len(self.levels) + 1, dtype=object)
        lookup[: len(self.levels)] = self.levels
        return np.asarray(lookup[self.codes])


@dataclass(frozen=True, eq=False)
class Opaque:
    """Values that are neither numbers nor labels; only the user's own functions can read them."""

    values: NDArray[Any]
    missing: Bools
    what: str

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def take(self, rows: Positions) -> Opaque:
        """The column at these rows."""
        return Opaque(self.values[rows], self.missing[rows], self.what)

    def is_missing(self) -> Bools:
        """Mask of missing places, shape (n,)."""
        return self.missing


Column = Numbers | Labels | Opaque


def plain(value: Any) -> Any:
    """A level as str, int, float or bool, so that it can be written to JSON and matched after loading."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, (str, int, float)) else str(value)
