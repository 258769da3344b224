"""What a prior says before the data: the range of odds ratios that it holds likely, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.coefficients import exponential
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.jeffreys import Jeffreys
from problogit.estimate import Estimate
from problogit.validation import check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["half_width", "prior_ranges"]

_GRID = np.linspace(-20.0, 40.0, 24_001)  # logarithms of distances, in units of the prior's own scale


def prior_ranges(estimate: Estimate, prob: float = 0.95) -> pd.DataFrame:
    """The prior of every term as it was asked for, as it was used, and as central ranges of odds ratios.

    Returns
    -------
    DataFrame
        Index `term`; ``asked_for, used`` (text), ``lower, upper`` (odds ratio of one unit more) and ``lower_sd,
        upper_sd`` (of one standard deviation more; NaN for the intercept). A flat prior holds 0 to infinity; a prior of
        all coefficients together has no ranges (NaN).
    """
    import pandas as pd

    check_probability("prob", prob)
    problem = estimate.problem
    if estimate.method.prior.joint:
        return _of_all_together(estimate, prob)
    resolved = estimate.method.prior_used(estimate).resolve(problem)
    half = np.full(problem.n_terms, np.inf)
    for index, priors in resolved.blocks:
        half[index] = [half_width(priors.take(i), prob) for i in range(len(index))]
    table = pd.DataFrame(resolved.table()).set_index("term")
    shown = table[["given", "text"]].rename(columns={"given": "asked_for", "text": "used"})
    unit = np.ones(problem.n_terms)
    deviation = np.array(problem.column_stats.sd, dtype=float)
    if problem.intercept is not None:
        deviation[problem.intercept] = np.nan
    centre = np.where(resolved.flat, 0.0, resolved.loc)
    for suffix, step in (("", unit), ("_sd", deviation)):
        shown[f"lower{suffix}"] = exponential(step * (centre - half))
        shown[f"upper{suffix}"] = exponential(step * (centre + half))
    shown.attrs["prob"] = prob
    return shown


def _of_all_together(estimate: Estimate, prob: float) -> pd.DataFrame:
    import pandas as pd

    text = {
        "asked_for": estimate.method.prior.describe(),
        "used": "half the log-determinant of the information, all columns together"
        if isinstance(estimate.method.prior, Jeffreys)
        else "not known here",
    }
    ends = dict.fromkeys(("lower", "upper", "lower_sd", "upper_sd"), np.nan)
    shown = pd.DataFrame([text | ends] * len(estimate.terms), index=pd.Index(estimate.terms, name="term"))
    shown.attrs["prob"] = prob
    return shown


def half_width(prior: Elementwise, prob: float) -> float:
    """The w with P(|beta - location| < w) = prob, for one coefficient whose prior is symmetric about its location.

    By the trapezoidal rule over the logarithm of the distance, which kinks and heavy tails do not trouble.
    """
    scale = float(np.ravel(prior.stand_in().spread)[0])
    location = float(np.ravel(prior.location)[0])
    distance = scale * np.exp(_GRID)
    density = 2 * np.exp([float(v) for v in np.ravel(prior.log_density(location + distance))]) * distance
    mass = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(_GRID))])
    return float(np.interp(prob, mass, distance))
