"""From averages to effects with intervals that stay within their range.

Each kind is a function of one or two averages and has a scale on which its sampling distribution is taken as normal:

==================  =======================  =============================================
kind                value                    scale of the delta method
==================  =======================  =============================================
probability         P1                       log-odds, logit P1
difference          P1 - P0                  Fisher's z, atanh(P1 - P0): within [-1, 1]
ratio               P1 / P0                  log
lift                P1 / P0 - 1              log of the ratio
odds_ratio          odds(P1) / odds(P0)      log
number_needed       1 / (P1 - P0)            that of the difference, turned over
slope               average of dP/dx         itself: its range is not bounded
==================  =======================  =============================================

With g the gradient on that scale and C the covariance of the coefficients, the standard error there is sqrt(g' C g)
(Oehlert 1992, Am. Statist. 46:27). `std_error` is taken back to the scale of the estimate. The rows are held as they
are: their own sampling is not part of it. Draws are averaged over the rows first, then read by their quantiles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri

from problogit.analysis.effects_averages import Cell
from problogit.core.coefficients import (
    CoefficientDistribution,
    DrawnCoefficients,
    DrawnMarginals,
    check_kind,
)
from problogit.core.infinite import AliasedCoefficients, SeparatedCoefficients
from problogit.core.resampled import extended_quantile
from problogit.data.rows import Array

__all__ = ["SCALES", "Effects", "Scale", "effects_of"]

Pair = Callable[[Array, Array], Array]
Map = Callable[[Array], Array]


@dataclass(frozen=True)
class Scale:
    """A kind of effect.

    Attributes
    ----------
    value : callable
        The effect from the averages P1 and P0.
    to, back : callable
        From the effect to the scale of the delta method, and back.
    rates : callable
        Derivatives of `to(value)` in P1 and P0, given P1 and P0: a pair.
    back_rate : callable
        Derivative of `back` where the effect is what it is.
    ends : tuple of float
        Between which it lies.
    skew : bool
        The estimate of a posterior is its median.
    """

    value: Pair
    to: Map
    back: Map
    rates: Callable[[Array, Array], tuple[Array, Array]]
    back_rate: Map
    ends: tuple[float, float]
    skew: bool = False


def _difference_rates(high: Array, low: Array) -> tuple[Array, Array]:
    rate = 1 / (1 - (high - low) ** 2)
    return rate, rate


def _odds_ratio(high: Array, low: Array) -> Array:
    return np.asarray(np.exp(logit(high) - logit(low)))


_DIFFERENCE = Scale(
    value=lambda high, low: high - low,
    to=np.arctanh,
    back=np.tanh,
    rates=_difference_rates,
    back_rate=lambda effect: 1 - effect**2,
    ends=(-1.0, 1.0),
)
SCALES: Mapping[str, Scale] = {
    "difference": _DIFFERENCE,
    "number_needed": _DIFFERENCE,
    "ratio": Scale(
        value=lambda high, low: high / low,
        to=np.log,
        back=np.exp,
        rates=lambda high, low: (1 / high, 1 / low),
        back_rate=lambda effect: effect,
        ends=(0.0, np.inf),
        skew=True,
    ),
    "lift": Scale(
        value=lambda high, low: (high - low) / low,
        to=np.log1p,
        back=np.expm1,
        rates=lambda high, low: (1 / high, 1 / low),
        back_rate=lambda effect: 1 + effect,
        ends=(-1.0, np.inf),
        skew=True,
    ),
    "odds_ratio": Scale(
        value=_odds_ratio,
        to=np.log,
        back=np.exp,
        rates=lambda high, low: (1 / (high * (1 - high)), 1 / (low * (1 - low))),
        back_rate=lambda effect: effect,
        ends=(0.0, np.inf),
        skew=True,
    ),
    "probability": Scale(
        value=lambda high, low: high,  # noqa: ARG005 - one signature for all
        to=lambda p: np.asarray(logit(p)),
        back=lambda z: np.asarray(expit(z)),
        rates=lambda high, low: (1 / (high * (1 - high)), np.zeros_like(low)),
        back_rate=lambda p: p * (1 - p),
        ends=(0.0, 1.0),
    ),
    "slope": Scale(
        value=lambda high, low: high,  # noqa: ARG005 - one signature for all
        to=lambda slope: slope,
        back=lambda slope: slope,
        rates=lambda high, low: (np.ones_like(high), np.zeros_like(low)),
        back_rate=np.ones_like,
        ends=(-np.inf, np.inf),
    ),
}


@dataclass(frozen=True, eq=False)
class Effects:
    """One entry for each group, shape (n_groups,) each.

    Attributes
    ----------
    estimate, std_error, lower, upper : ndarray
    kinds : ndarray of object
        Of the intervals.
    certain : ndarray of bool
        There is no interval because rows have a probability of exactly 0 or 1.
    rough : bool
        There is no estimate because the formula has a step.
    refused : str
        Why the rows cannot be changed so; empty where they can.
    """

    estimate: Array
    std_error: Array
    lower: Array
    upper: Array
    kinds: NDArray[np.object_]
    certain: NDArray[np.bool_]
    rough: bool = False
    refused: str = ""

    @staticmethod
    def none(n_groups: int, reason: str) -> Effects:
        """No effect, and why."""
        nothing = np.full(n_groups, np.nan)
        kinds = np.full(n_groups, "none", dtype=object)
        certain = np.zeros(n_groups, dtype=bool)
        return Effects(nothing, nothing, nothing, nothing, kinds, certain, refused=reason)


def effects_of(
    scale: Scale,
    coefficients: CoefficientDistribution,
    high: Cell,
    low: Cell | None,
    prob: float,
    interval: str | None,
) -> Effects:
    """Effects with their intervals; NaN and ``none`` where there is none.

    Parameters
    ----------
    scale : Scale
    coefficients : CoefficientDistribution
        Of the estimate.
    high, low : Cell
        The averages; `low` is None for probabilities and slopes.
    prob : float
    interval : str or None
    """
    kind = check_kind(interval, coefficients.kinds)
    with np.errstate(all="ignore"):
        if high.gradient is None:
            found = _from_draws(scale, coefficients, high, low, prob, kind)
        else:
            found = _linearised(scale, coefficients, high, low, prob, kind)
    rough = high.rough or (low is not None and low.rough)
    unknown = np.isnan(found.estimate) | rough
    estimate = np.where(rough, np.nan, found.estimate)
    error, lower, upper = (
        np.where(unknown, np.nan, part) for part in (found.std_error, found.lower, found.upper)
    )
    kinds = found.kinds.copy()
    kinds[np.isnan(lower) | np.isnan(upper)] = "none"
    return Effects(estimate, error, lower, upper, kinds, found.certain, rough)


def _linearised(
    scale: Scale,
    coefficients: CoefficientDistribution,
    high: Cell,
    low: Cell | None,
    prob: float,
    kind: str,
) -> Effects:
    base = high if low is None else low
    middle = scale.value(high.values[:, 0], base.values[:, 0])
    up, down = scale.rates(high.values[:, 0], base.values[:, 0])
    assert high.gradient is not None
    gradient = up[:, None] * high.gradient
    if low is not None and low.gradient is not None:
        gradient = gradient - down[:, None] * low.gradient
    certain = np.logical_or(high.certain, base.certain)
    sd = np.where(certain, np.nan, _gradient_sd(coefficients, gradient))
    half = ndtri((1 + prob) / 2) * sd
    centre = scale.to(middle)
    return Effects(
        estimate=scale.value(high.point, base.point),
        std_error=np.asarray(scale.back_rate(middle) * sd),
        lower=np.asarray(scale.back(centre - half)),
        upper=np.asarray(scale.back(centre + half)),
        kinds=np.full(middle.shape, kind, dtype=object),
        certain=certain,
    )


def _gradient_sd(coefficients: CoefficientDistribution, gradient: Array) -> Array:
    """Standard errors of combinations that are sums of rows whose own log-odds are finite.

    Such a sum is finite too, but rounding would hide it from a distribution that looks at the combination alone.
    """
    if isinstance(coefficients, AliasedCoefficients):
        return _gradient_sd(coefficients.inner, gradient[:, coefficients.aliases.kept])
    if isinstance(coefficients, SeparatedCoefficients):
        return _gradient_sd(coefficients.identified, gradient @ coefficients.basis)
    return coefficients.marginals(gradient).sd


def _from_draws(
    scale: Scale,
    coefficients: CoefficientDistribution,
    high: Cell,
    low: Cell | None,
    prob: float,
    kind: str,
) -> Effects:
    base = high if low is None else low
    values = scale.value(high.values, base.values)
    if np.isnan(values).any():  # a resample whose value is unknown stands at both ends
        tail = (1 - prob) / 2
        lower, upper = (
            extended_quantile(np.where(np.isnan(values), end, values).T, at, side)
            for end, at, side in zip(scale.ends, (tail, 1 - tail), (-1.0, 1.0), strict=True)
        )
    else:
        found = DrawnMarginals(values.T, coefficients.kinds).interval(prob, kind)
        lower, upper = found.lower, found.upper
    estimate = scale.value(high.point, base.point)
    if isinstance(coefficients, DrawnCoefficients) and coefficients.estimate is None:  # a posterior
        estimate = np.median(values, axis=1) if scale.skew else values.mean(axis=1)
    finite = np.isfinite(values).all(axis=1)
    sd = np.where(finite, np.where(np.isfinite(values), values, 0.0).std(axis=1, ddof=1), np.nan)
    kinds = np.full(estimate.shape, kind, dtype=object)
    return Effects(estimate, sd, lower, upper, kinds, np.zeros(estimate.shape, dtype=bool))
