"""Bands for calibration curves, pointwise, each with its question.

Consistency band: where would the curve lie if every prediction were right? A curve outside it speaks of miscalibration.
Confidence band: where is the true curve? That is answered for the smooth curve, by its covariance. For the isotonic
curve the bootstrap is inconsistent (Sen, Banerjee & Woodroofe 2010, Ann. Statist. 38:1953) and covers the truth far too
seldom near the smallest and the largest prediction: it has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.calibration_null import Reference, shown
from problogit.analysis.cells import Cells
from problogit.analysis.smooth_curve import Smoother
from problogit.data.rows import Array

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BAND_COLUMNS", "bands", "smooth_frame"]

BAND_COLUMNS = ("curve", "band", "level", "x", "lower", "upper", "interval")


def bands(
    cells: Cells,
    smooth: pd.DataFrame,
    reference: Reference,
    levels: tuple[float, ...],
    prob: float,
) -> pd.DataFrame:
    """All bands in one long frame: ``curve, band, level, x, lower, upper, interval``.

    Parameters
    ----------
    cells : Cells
    smooth : DataFrame
        Of `smooth_frame`, at all predictions.
    reference : Reference
    levels : tuple of float
        Of the consistency bands.
    prob : float
        Of the confidence band.
    """
    import pandas as pd

    parts = [
        _part((curve, "consistency", level, "consistency"), reference.x, *_between(values, level))
        for curve, values in (("corp", reference.corp), ("smooth", reference.smooth))
        for level in levels
    ]
    at = shown(cells)
    limits = (smooth[name].to_numpy(dtype=float)[at] for name in ("lower", "upper"))
    parts.append(_part(("smooth", "confidence", prob, "confidence-wald"), cells.p[at], *limits))
    return pd.concat(parts, ignore_index=True)


def _part(name: tuple[str, str, float, str], x: Array, lower: Array, upper: Array) -> pd.DataFrame:
    """One band; `name` is curve, band, level and kind of interval."""
    import pandas as pd

    curve, band, level, interval = name
    known = ~(np.isnan(lower) | np.isnan(upper))
    values = (curve, band, level, x[known], lower[known], upper[known], interval)
    return pd.DataFrame(dict(zip(BAND_COLUMNS, values, strict=True)))


def _between(curves: Array, level: float) -> tuple[Array, Array]:
    """Pointwise quantiles over the simulations."""
    if np.isnan(curves).all():
        nothing = np.full(curves.shape[1], np.nan)
        return nothing, nothing
    lower, upper = np.quantile(curves, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return lower, upper


def smooth_frame(cells: Cells, smoother: Smoother, prob: float) -> pd.DataFrame:
    """The smooth curve at every prediction with pointwise limits: ``x, y, lower, upper, interval``."""
    import pandas as pd

    curve, lower, upper = smoother.limits(cells.events, prob)
    frame = pd.DataFrame({"x": cells.p, "y": curve, "lower": lower, "upper": upper})
    frame["interval"] = "confidence-wald"
    frame.attrs.update(prob=prob, smoother=smoother.how)
    return frame
