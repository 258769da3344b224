"""The columns of pandas, polars, pyarrow and NumPy to `Numbers`, `Labels` or `Opaque`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from problogit.data.columns import Bools, Column, Labels, Numbers, Opaque, plain
from problogit.errors import DataError, explain

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["as_column", "as_series", "unmasked"]

_OPAQUE = {
    "datetime": "dates",
    "datetime64": "dates",
    "date": "dates",
    "period": "dates",
    "timedelta": "durations",
    "timedelta64": "durations",
    "time": "times of day",
    "bytes": "bytes",
}
_LARGEST = np.iinfo(np.int64).max
_NUMERIC = {"integer", "floating", "mixed-integer-float", "decimal"}


def as_column(name: str, values: Any) -> Column:
    """Read one column from a Series, array or sequence.

    Parameters
    ----------
    name : str
        Used in messages.
    values : array-like, shape (n,)
        pandas, polars or pyarrow column, NumPy array or plain sequence.

    Raises
    ------
    DataError
        Not one-dimensional, complex, or text mixed with numbers.
    """
    if isinstance(values, (Numbers, Labels, Opaque)):
        return values
    polars: Any = sys.modules.get("polars")  # data of a library that was never imported cannot arrive here
    if polars is not None and isinstance(values, polars.Series):
        return _from_polars(name, values, polars)
    arrow: Any = sys.modules.get("pyarrow")
    if arrow is not None and isinstance(values, (arrow.Array, arrow.ChunkedArray)):
        return _from_arrow(name, values, arrow)
    if isinstance(values, np.ma.MaskedArray):
        return as_column(name, unmasked(values))
    if isinstance(values, np.ndarray) and values.dtype.kind in "biuf":
        return _from_numeric(name, values)
    import pandas as pd

    if isinstance(values, np.ndarray):
        _check_one_dimensional(name, values.ndim)
        values = values.astype(str) if values.dtype.kind == "S" else values
    if not isinstance(values, pd.Series):
        known = isinstance(values, (np.ndarray, pd.api.extensions.ExtensionArray, pd.Index))
        values = pd.Series(values if known else list(values))
    return _from_pandas(name, values)


def unmasked(values: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    """A masked array as Python objects, None where masked."""
    out = np.asarray(values.data).astype(object)
    out[np.ma.getmaskarray(values)] = None
    return out


def as_series(column: Column) -> pd.Series[Any]:
    """The column as a pandas Series, for the user's own functions."""
    import pandas as pd

    return pd.Series(column.text()) if isinstance(column, Labels) else pd.Series(column.values)


def _check_one_dimensional(name: str, ndim: int) -> None:
    if ndim != 1:
        raise DataError(explain(f"column {name!r}", "must be one-dimensional", f"{ndim} dimensions"))


def _from_numeric(name: str, values: NDArray[Any], missing: Bools | None = None) -> Numbers:
    _check_one_dimensional(name, values.ndim)
    kind = values.dtype.kind
    if kind == "b":
        return Numbers(values, missing)
    if kind in "iu" and not (values.dtype == np.uint64 and values.size and values.max() > _LARGEST):
        return Numbers(values.astype(np.int64, copy=False), missing)
    floats = values.astype(np.float64, copy=False)
    gaps = np.isnan(floats)
    if missing is not None:
        gaps |= missing
    return Numbers(floats, gaps if gaps.any() else None)


def _some(mask: Any) -> Bools | None:
    mask = np.asarray(mask, dtype=bool)
    return mask if mask.any() else None


def _from_pandas(name: str, series: pd.Series[Any]) -> Column:
    import pandas as pd

    dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "biuf":
        return _from_numeric(name, series.to_numpy())
    if isinstance(dtype, pd.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.int64)
        return Labels(codes, tuple(plain(level) for level in dtype.categories), declared=True)
    if isinstance(dtype, pd.SparseDtype):
        return _from_pandas(name, pd.Series(np.asarray(series.array)))
    if pd.api.types.is_complex_dtype(dtype):
        raise DataError(explain(f"column {name!r}", "must be real", "complex numbers"))
    gaps = _some(series.isna())
    if pd.api.types.is_bool_dtype(dtype):
        return Numbers(series.to_numpy(dtype=bool, na_value=False), gaps)
    if pd.api.types.is_integer_dtype(dtype):
        width = np.uint64 if pd.api.types.is_unsigned_integer_dtype(dtype) else np.int64
        return _from_numeric(name, series.to_numpy(dtype=width, na_value=0), gaps)
    if pd.api.types.is_numeric_dtype(dtype):
        return _from_numeric(name, series.to_numpy(dtype=np.float64, na_value=np.nan))
    return _from_objects(name, series, gaps)


def _from_objects(name: str, series: pd.Series[Any], gaps: Bools | None) -> Column:
    """Text, dates, or Python objects that pandas did not recognise as numbers."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    missing = np.zeros(len(series), dtype=bool) if gaps is None else gaps
    if kind == "string":
        coded = series.astype("category")
        return Labels(
            coded.cat.codes.to_numpy().astype(np.int64), tuple(str(level) for level in coded.cat.categories)
        )
    if kind == "empty" or missing.all():
        return Numbers(np.full(len(series), np.nan), missing)
    if kind == "boolean":
        return Numbers(np.where(missing, False, series.to_numpy()).astype(bool), gaps)  # noqa: FBT003
    if kind in _NUMERIC:
        return _from_numeric(name, np.where(missing, np.nan, series.to_numpy()).astype(np.float64))
    if kind in {"interval", "categorical"}:
        return _from_pandas(name, series.astype("category"))
    if kind in _OPAQUE:
        return Opaque(series.to_numpy(), missing, _OPAQUE[kind])
    kinds = sorted({type(value).__name__ for value in series[~missing]})
    raise DataError(
        explain(
            f"column {name!r}",
            "must hold one kind of value",
            ", ".join(kinds),
            "Convert it to text or to numbers.",
        )
    )


def _sorted_labels(codes: NDArray[Any], levels: Sequence[Any], *, declared: bool) -> Labels:
    """Labels with levels in the order declared, or else sorted, as pandas and R order text."""
    names = [plain(level) for level in levels]
    order = list(range(len(names))) if declared else sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names) + 1, dtype=np.int64)
    place[order] = np.arange(len(names))
    place[-1] = -1
    return Labels(place[codes], tuple(names[i] for i in order), declared)


def _from_polars(name: str, series: Any, polars: Any) -> Column:
    dtype = series.dtype
    gaps = series.is_null()
    if dtype == polars.Boolean or dtype.is_integer():
        filled = series.fill_null(value=0 if dtype.is_integer() else False)
        return _from_numeric(name, filled.to_numpy(), _some(gaps.to_numpy()))
    if dtype.is_numeric():
        return _from_numeric(name, series.cast(polars.Float64).fill_null(float("nan")).to_numpy())
    if dtype == polars.Null:
        return Numbers(np.full(len(series), np.nan), np.ones(len(series), dtype=bool))
    if dtype in (polars.String, polars.Categorical, polars.Enum):
        declared = dtype == polars.Enum
        levels = dtype.categories if declared else series.cast(polars.String).drop_nulls().unique().sort()
        codes = (
            series.cast(polars.String)
            .cast(polars.Enum(levels))
            .to_physical()
            .cast(polars.Int64)
            .fill_null(-1)
        )
        return _sorted_labels(codes.to_numpy(), levels.to_list(), declared=declared)
    if dtype.is_temporal():
        return Opaque(series.to_numpy(), gaps.to_numpy(), "dates")
    raise DataError(explain(f"column {name!r}", "must hold numbers, truth values or text", str(dtype)))


def _from_arrow(name: str, values: Any, arrow: Any) -> Column:
    array = values.unify_dictionaries().combine_chunks() if isinstance(values, arrow.ChunkedArray) else values
    kind = arrow.types
    gaps = np.asarray(array.is_null().to_numpy(zero_copy_only=False), dtype=bool)
    if str(array.type) in {"string", "large_string", "string_view"}:
        array = array.cast(arrow.string()).dictionary_encode()
        return _sorted_labels(_arrow_codes(array), array.dictionary.to_pylist(), declared=False)
    if kind.is_dictionary(array.type):
        return _sorted_labels(_arrow_codes(array), array.dictionary.to_pylist(), declared=True)
    if kind.is_boolean(array.type):
        filled = array.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
        return Numbers(np.asarray(filled, dtype=bool), _some(gaps))
    if kind.is_integer(array.type):
        return _from_numeric(name, array.fill_null(0).to_numpy(zero_copy_only=False), _some(gaps))
    if kind.is_floating(array.type) or kind.is_decimal(array.type):
        return _from_numeric(name, array.cast(arrow.float64()).to_numpy(zero_copy_only=False))
    if kind.is_null(array.type):
        return Numbers(np.full(len(array), np.nan), np.ones(len(array), dtype=bool))
    if kind.is_temporal(array.type):
        return Opaque(array.to_numpy(zero_copy_only=False), gaps, "dates")
    raise DataError(explain(f"column {name!r}", "must hold numbers, truth values or text", str(array.type)))


def _arrow_codes(array: Any) -> NDArray[np.int64]:
    codes: NDArray[np.int64] = array.indices.cast("int64").fill_null(-1).to_numpy(zero_copy_only=False)
    return codes
