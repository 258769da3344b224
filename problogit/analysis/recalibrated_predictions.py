"""Probabilities after recalibration, with intervals that hold the uncertainty of coefficients and of the maps.

The map g has parameters theta, which follow the coefficients where it was estimated from new data (`coupling`): a fit
whose level is off is moved further. With r = g'(eta) x + J'q the derivative of the recalibrated log-odds in the
coefficients, theirs lie in [l, u] about r'beta, and s is the standard error that theta brings by itself:

    g(eta) - sqrt((r'beta - l)^2 + z^2 s^2)   to   g(eta) + sqrt((u - r'beta)^2 + z^2 s^2),

the delta method where [l, u] is normal (squared distances to the ends add up: Zou & Donner 2008, Stat Med 27:1693).
Posteriors and bootstraps: the same draw by draw, and quantiles are taken; where maps do not follow the coefficients
each draw goes through its own draw of the map. So do draws from normal intervals where the map is isotonic and has no
derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from problogit.analysis.classify import labels_of
from problogit.analysis.decisions import Costs
from problogit.analysis.frames import Output, check_output, labelled
from problogit.analysis.judged import judge_external
from problogit.analysis.predict import coded_rows, row_blocks, say_gaps
from problogit.analysis.predictions import Judged
from problogit.analysis.recalibration import Recalibration
from problogit.analysis.recalibration_maps import DrawnMap
from problogit.analysis.recalibration_steps import Step, coupled, followed, moved, noise
from problogit.analysis.training_rows import same_rows
from problogit.core.coefficients import CoefficientDistribution, DrawnMarginals, check_kind
from problogit.core.resampled import ResampledMarginals
from problogit.data.rows import Array, Matrix, Unseen
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.resampling import predicted_log_odds
from problogit.validation import check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RECALIBRATED",
    "SEED",
    "drawn_maps",
    "interval_kind",
    "judged_again",
    "recalibrated_classes",
    "recalibrated_coefficients",
    "recalibrated_predictions",
    "recalibrated_proba",
]

RECALIBRATED = "+recalibration"  # after the kind of the fit's interval
SEED = 20_205  # of the draws of maps: the same call, the same interval
_DRAWS = 500  # of a normal distribution, where the map has no derivative


@dataclass(frozen=True, eq=False)
class Ends:
    """Bounds of recalibrated probabilities, NaN where there are none."""

    lower: Array
    upper: Array


def recalibrated_predictions(
    recalibration: Recalibration,
    data: Any = None,
    prob: float = 0.95,
    interval: str | None = None,
    unseen: Unseen = "error",
    output: Output | None = None,
) -> Any:
    """Recalibrated probabilities with intervals; arguments and columns of `problogit.analysis.predict.predict`.

    `interval` is a kind that the fit has itself, profile intervals excepted; in the table its name is followed by
    ``+recalibration`` where something about the recalibration was estimated.
    """
    estimate, steps = recalibration.estimate, recalibration.steps
    prob = check_probability("prob", prob)
    form = check_output(output, data)
    kind = check_kind(interval, estimate.coefficients.kinds)
    coded = coded_rows(estimate, data, unseen)
    n = coded.offset.size
    point, lower, upper = np.empty(n), np.empty(n), np.empty(n)
    for block in row_blocks(estimate, n):
        X, offset = coded.X[block], coded.offset[block]
        log_odds = predicted_log_odds(estimate.predictor, X, offset)
        point[block] = expit(moved(steps, log_odds))
        ends = _ends(steps, estimate, X, offset, prob, kind)
        known = np.isfinite(log_odds)
        lower[block], upper[block] = np.where(known, ends.lower, np.nan), np.where(known, ends.upper, np.nan)
    every_kind = np.full(coded.n_table, "none", dtype=object)
    every_kind[coded.position[~np.isnan(lower) & ~np.isnan(upper)]] = interval_kind(steps, kind)
    columns = {
        "probability": coded.spread(point),
        "lower": coded.spread(lower),
        "upper": coded.spread(upper),
        "interval": every_kind,
    }
    notes = coded.notes + say_gaps(estimate, coded, point)
    attrs = {
        "prob": prob,
        "event": estimate.problem.response.describe(),
        "recalibration": recalibration.method,
        "notes": notes,
    }
    return labelled(columns, coded.index, form, attrs)


def interval_kind(steps: Sequence[Step], kind: str) -> str:
    """What the intervals are."""
    return kind + RECALIBRATED if any(step.map.estimated for step in steps) else kind


def _ends(
    steps: Sequence[Step], estimate: Estimate, X: Matrix, offset: Array, prob: float, kind: str
) -> Ends:
    predictor = estimate.predictor
    marginals = predictor.marginals(X)
    if isinstance(marginals, (DrawnMarginals, ResampledMarginals)):
        values = _drawn_values(steps, predictor, marginals, X, offset)
        found = replace(marginals, values=values).interval(prob, kind, expit)
        return Ends(found.lower, found.upper)
    z = float(ndtri((1 + prob) / 2))
    if not all(step.map.smooth for step in steps):
        inner = marginals.interval(prob, kind, lambda values: np.asarray(values + offset))
        return _by_draws(steps, inner.lower, inner.upper, prob)
    rows, centre, error = followed(steps, X, marginals.location + offset)
    marginals = predictor.marginals(rows)
    inner, middle = marginals.interval(prob, kind), marginals.location
    # A debiased interval need not hold the estimate.
    held = (inner.lower <= middle) & (middle <= inner.upper)
    away = np.where(held, 0.0, (inner.lower + inner.upper) / 2 - middle)
    low = centre + away - np.hypot(middle + away - inner.lower, z * error)
    high = centre + away + np.hypot(inner.upper - middle - away, z * error)
    return Ends(expit(low), expit(high))


def _drawn_values(
    steps: Sequence[Step],
    predictor: CoefficientDistribution,
    marginals: DrawnMarginals | ResampledMarginals,
    X: Matrix,
    offset: Array,
) -> Array:
    """Recalibrated log-odds of every draw, shape (n_draws, n_rows); to first order where maps follow coefficients."""
    values, n = marginals.values + offset, marginals.values.shape[0]
    if not coupled(steps):
        for draw in drawn_maps(steps, n):
            values = draw(values)
        return values
    middle = marginals.location + offset
    rows, centre, _ = followed(steps, X, middle)
    along = predictor.marginals(rows)
    if not isinstance(
        along, (DrawnMarginals, ResampledMarginals)
    ):  # pragma: no cover - the same distribution
        raise TypeError(type(along))
    return np.asarray(centre + (along.values - along.location) + noise(steps, middle, n, SEED))


def _by_draws(steps: Sequence[Step], low: Array, high: Array, prob: float) -> Ends:
    """Quantiles over draws of each row's log-odds, normal between its ends, and of the maps."""
    z = float(ndtri((1 + prob) / 2))
    scores = np.random.default_rng(SEED).permutation(ndtri((np.arange(_DRAWS) + 0.5) / _DRAWS))
    known = np.isfinite(low) & np.isfinite(high)
    values = (low + high)[known] / 2 + scores[:, None] * ((high - low)[known] / (2 * z))
    for draw in drawn_maps(steps, _DRAWS):
        values = draw(values)
    lower, upper = np.full(low.shape, np.nan), np.full(low.shape, np.nan)
    if known.any():
        tails = [(1 - prob) / 2, (1 + prob) / 2]
        lower[known], upper[known] = np.quantile(expit(values), tails, axis=0)
    return Ends(lower, upper)


def drawn_maps(steps: Sequence[Step], n: int) -> list[DrawnMap]:
    """n draws of each map, the same in every call."""
    rng = np.random.default_rng(SEED)
    return [step.map.drawn(n, rng) for step in steps]


def recalibrated_proba(recalibration: Recalibration, data: Any = None, unseen: Unseen = "error") -> Array:
    """Recalibrated P(event) of every row of `data` (the training table without), NaN where there is none."""
    estimate = recalibration.estimate
    coded = coded_rows(estimate, data, unseen)
    p = expit(moved(recalibration.steps, predicted_log_odds(estimate.predictor, coded.X, coded.offset)))
    say_gaps(estimate, coded, p)
    return coded.spread(p)


def recalibrated_classes(
    recalibration: Recalibration,
    data: Any = None,
    threshold: float | Costs = 0.5,
    unseen: Unseen = "error",
    *,
    uncertain: bool = False,
    prob: float = 0.95,
) -> NDArray[Any]:
    """Labels by recalibrated probabilities; arguments of `problogit.analysis.classify.classify`."""
    return labels_of(
        recalibration.estimate,
        threshold,
        lambda: recalibrated_proba(recalibration, data, unseen),
        lambda: recalibrated_predictions(recalibration, data, prob, None, unseen, "pandas"),
        uncertain=uncertain,
    )


def judged_again(recalibration: Recalibration, data: Any) -> Judged:
    """Recalibrated predictions beside the outcomes of new data; apparent where these made fit or recalibration.

    Raises
    ------
    NotAvailableError
        No data: training rows that were left out for the recalibration have judged it already.
    """
    if data is None:
        raise NotAvailableError(
            "A recalibrated fit is judged on new data: pass `data=`. What its own rows say is in the fit: "
            "`.fit.calibration()`, `.fit.validate()`."
        )
    estimate = recalibration.estimate
    judged = judge_external(estimate, data)
    again = replace(judged, log_odds=moved(recalibration.steps, judged.log_odds))
    if judged.kind == "apparent":
        return replace(again, notes=("Apparent: these are the rows that the model was fitted to.",))
    rows = estimate.problem.design.observe(data)
    for step in recalibration.steps:
        if step.rows is not None and same_rows(replace(estimate.problem, data=step.rows), rows):
            return replace(
                again,
                kind="apparent",
                how="apparent (the data of the recalibration)",
                notes=("Apparent: these are the rows that the recalibration was made from.",),
            )
    return again


def recalibrated_coefficients(recalibration: Recalibration) -> pd.Series[float]:
    """Coefficients after a recalibration that is a line: a + b times the intercept, b times the others.

    An offset counts b times as much. A model without an intercept gets one.

    Raises
    ------
    NotAvailableError
        The map is no line, or the fit is a posterior, whose predictions are means that no one vector gives.
    """
    import pandas as pd

    estimate: Estimate = recalibration.estimate
    line = recalibration.line
    if line is None:
        raise NotAvailableError(
            f"Recalibrated log-odds are no longer linear in the predictors ({recalibration.method}), so there are no "
            "coefficients. Those of the original fit are in `.fit.coef`."
        )
    if estimate.method.mode_finder() is not None or estimate.coefficients.kinds[0].startswith("credible"):
        raise NotAvailableError(
            "Predictions of a posterior are means over its draws, which no one vector of coefficients gives. Those of "
            "the original fit are in `.fit.coef`, the line of recalibration in `.parameters`."
        )
    intercept, slope = line
    values = slope * np.array(estimate.predictor.location)
    terms = list(estimate.terms)
    place = estimate.problem.intercept
    if place is None:
        return pd.Series(
            [intercept, *values], index=pd.Index(["Intercept", *terms], name="term"), name="estimate"
        )
    values[place] += intercept
    return pd.Series(values, index=pd.Index(terms, name="term"), name="estimate")
