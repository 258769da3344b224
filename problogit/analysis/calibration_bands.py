"""Bands for calibration curves, pointwise, each with its question.

Consistency band: where would the curve lie if every prediction were right? A curve outside it speaks of miscalibration.
Confidence band: where is the true curve? For the smooth curve by its covariance. For the isotonic curve by a bootstrap
of outcomes drawn from the smooth curve, r - (r* - m): drawn from the isotonic fit itself it would be inconsistent (Sen,
Banerjee & Woodroofe 2010, Ann. Statist. 38:1953).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.calibration_figures import isotonic_curves
from problogit.analysis.calibration_null import JOINED_CELLS, Reference, shown
from problogit.analysis.cells import Cells
from problogit.analysis.smooth_curve import Smoother
from problogit.data.rows import Array
from problogit.validation import seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BAND_COLUMNS", "bands", "corp_confidence", "smooth_frame"]

BAND_COLUMNS = ("curve", "band", "level", "x", "lower", "upper", "interval")
_SIMULATIONS = 250
_ROW_VALUES = 10_000_000


def bands(
    cells: Cells,
    smooth: pd.DataFrame,
    reference: Reference,
    levels: tuple[float, ...],
    prob: float,
    rng: int | np.random.Generator | None = 0,
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
        Of the confidence bands.
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
    x, lower, upper = corp_confidence(cells, smooth["y"].to_numpy(dtype=float), prob, rng)
    parts.append(_part(("corp", "confidence", prob, "bootstrap"), x, lower, upper))
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


def corp_confidence(
    cells: Cells, smooth: Array, prob: float, rng: int | np.random.Generator | None = 0
) -> tuple[Array, Array, Array]:
    """Pointwise confidence limits of the isotonic curve at some predictions: ``x, lower, upper``.

    Parameters
    ----------
    cells : Cells
    smooth : ndarray, shape (n_cells,)
        The smooth curve; where it is NaN, the isotonic fit stands in.
    """
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    joined = cells.joined(JOINED_CELLS)
    fitted = isotonic_curves(joined.events[None, :], joined.total)[0]
    truth = np.interp(joined.p, cells.p, smooth) if not np.isnan(smooth).any() else fitted.copy()
    if np.isnan(smooth).any() and not np.isnan(smooth).all():
        known = ~np.isnan(smooth)
        truth = np.where(joined.finite, np.interp(joined.p, cells.p[known], smooth[known]), fitted)
    n = _SIMULATIONS
    if joined.weighted is not None:
        n = int(np.clip(_ROW_VALUES // joined.weighted.trials.size, 100, n))
    at = shown(joined)
    away = isotonic_curves(joined.draw(truth, n, random), joined.total)[:, at] - truth[at]
    low, high = np.quantile(away, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
    middle = fitted[at]
    lower, upper = np.minimum(middle, middle - high), np.maximum(middle, middle - low)
    return joined.p[at], np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)
