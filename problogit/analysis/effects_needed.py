"""How many rows it takes for one event more or less: the reciprocal of a difference of probabilities.

Where the interval of the difference holds 0, that of its reciprocal passes through infinity: from 1 / upper, one event
more in so many rows, over no effect at all, to 1 / lower, one event fewer in so many (Altman 1998, BMJ 317:1309).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["NEEDED", "needed_columns"]

NEEDED = ("through_infinity", "in_words")


def needed_columns(frame: pd.DataFrame, prob: float) -> pd.DataFrame:
    """A table of differences turned into one of numbers needed.

    Returns
    -------
    DataFrame
        `estimate` is 1 / difference, negative where events get fewer; `lower` is 1 / upper and `upper` is 1 / lower, so
        that ``lower > upper`` where ``through_infinity``; `std_error` is NaN, because a reciprocal of what may be 0 has
        none; ``in_words`` says it.
    """
    difference, low, high = (frame[name].to_numpy(dtype=float) for name in ("estimate", "lower", "upper"))
    with np.errstate(divide="ignore"):
        needed = 1 / difference
        lower = np.where(high == 0, -np.inf, 1 / high)
        upper = np.where(low == 0, np.inf, 1 / low)
    through = (low < 0) & (high > 0)
    words = [
        _in_words(*figures, prob)
        for figures in zip(needed.tolist(), lower.tolist(), upper.tolist(), through.tolist(), strict=True)
    ]
    return frame.assign(
        estimate=needed, std_error=np.nan, lower=lower, upper=upper, through_infinity=through, in_words=words
    )


def _in_words(needed: float, lower: float, upper: float, through: bool, prob: float) -> str:
    if np.isnan(needed):
        return "unknown"
    level = f"{100 * prob:g}%"
    if np.isnan(lower) or np.isnan(upper):
        return _rate(needed)
    if through:
        return (
            f"{_rate(needed)}; does not exclude no effect ({level}: from {_rate(lower)} through none at all to "
            f"{_rate(upper)})"
        )
    near, far = sorted((abs(lower), abs(upper)))
    return f"{_rate(needed)} ({level}: {near:.3g} to {far:.3g})"


def _rate(needed: float) -> str:
    if np.isinf(needed):
        return "no event more or less"
    return f"one event {'more' if needed > 0 else 'fewer'} in every {abs(needed):.3g} rows"
