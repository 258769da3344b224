"""Tables in the library that the user works with."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from problogit.errors import MissingDependencyError
from problogit.validation import check_choice

__all__ = ["Output", "check_output", "labelled"]

Output = Literal["pandas", "polars"]


def check_output(output: str | None, like: Any = None) -> str:
    """``"pandas"`` or ``"polars"``: as asked for, else polars where `like` is a polars frame."""
    if output is not None:
        return check_choice("output", output, ("pandas", "polars"))
    polars = sys.modules.get("polars")
    return (
        "polars"
        if polars is not None and isinstance(like, (polars.DataFrame, polars.LazyFrame))
        else "pandas"
    )


def labelled(columns: Mapping[str, Any], index: Any, output: str, attrs: Mapping[str, Any]) -> Any:
    """A table of these columns: pandas with the labels and `attrs`, or polars in row order.

    Parameters
    ----------
    columns : mapping of str to array
    index : array or pandas Index
        Labels of the rows; polars has none.
    output : str
        ``"pandas"`` or ``"polars"``.
    attrs : mapping
    """
    if output == "polars":
        try:
            import polars as pl
        except ImportError as error:
            raise MissingDependencyError(
                "output='polars' needs polars; install it with `pip install 'problogit[polars]'`."
            ) from error
        return pl.DataFrame({name: _plain(values) for name, values in columns.items()})
    import pandas as pd

    frame = pd.DataFrame(dict(columns), index=pd.Index(index))
    frame.attrs.update(attrs)
    return frame


def _plain(values: Any) -> Any:
    # polars reads an object array as opaque Python objects; a list of str becomes text.
    return values.tolist() if isinstance(values, np.ndarray) and values.dtype == object else values
