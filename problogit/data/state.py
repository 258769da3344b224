"""What a design learned, as plain JSON values and back; data only, never code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from problogit.errors import SavedFitError

__all__ = ["pack", "unpack"]

_NUMBERS = {"Infinity": math.inf, "-Infinity": -math.inf, "NaN": math.nan}


def pack(value: Any) -> Any:
    """A value as JSON: scalars as they are, containers and arrays under a key that says what they were.

    Infinite numbers and NaN, which JSON does not have, become text under the key ``number``.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return {"number": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, np.ndarray):
        return {"array": [pack(item) for item in value.ravel().tolist()], "shape": list(value.shape)}
    if isinstance(value, (list, tuple)):
        return {"list": [pack(item) for item in value]}
    if isinstance(value, Mapping):
        return {"map": [[pack(key), pack(item)] for key, item in value.items()]}
    raise TypeError(f"a {type(value).__name__} has no JSON form")


def unpack(value: Any) -> Any:
    """The value that `pack` wrote.

    Raises
    ------
    SavedFitError
        The text is not something that `pack` writes.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping) and len(value) == (2 if "array" in value else 1):
        kind = next(iter(value))
        if kind == "number":
            return _NUMBERS[value[kind]]
        if kind == "array":
            return np.array([unpack(item) for item in value[kind]], dtype=np.float64).reshape(value["shape"])
        if kind == "list":
            return [unpack(item) for item in value[kind]]
        if kind == "map":
            return {unpack(key): unpack(item) for key, item in value[kind]}
    raise SavedFitError("the saved design holds a value that this version does not write.")
