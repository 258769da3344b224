"""What a prior says before the data: the range of odds ratios that it holds likely, term by term."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.coefficients import exponential
from problogit.core.priors.elementwise import Elementwise
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.used import use_prior
from problogit.data.rows import Array
from problogit.estimate import Estimate
from problogit.validation import check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["half_width", "prior_ranges"]

_SIMULATED = 200_000  # coefficients, over whose absolute values a quantile is taken
_GRID = np.linspace(-20.0, 40.0, 24_001)  # logarithms of distances, in units of the prior's own scale


def prior_ranges(estimate: Estimate, prob: float = 0.95) -> pd.DataFrame:
    """The prior of every term as it was asked for, as it was used, and as central ranges of odds ratios.

    Returns
    -------
    DataFrame
        Index `term`; ``asked_for, used`` (text), ``lower, upper`` (odds ratio of one unit more), ``lower_sd, upper_sd``
        (of one standard deviation more; NaN for the intercept) and ``in_words``. A flat prior holds 0 to infinity; a
        prior of all coefficients together has no ranges (NaN). Of learned scales the range is that of the prior with
        the scales integrated out, by simulation.
    """
    import pandas as pd

    check_probability("prob", prob)
    problem = estimate.problem
    if estimate.method.prior.joint:
        return _of_all_together(estimate, prob)
    resolved = use_prior(estimate.method.prior_used(estimate), problem)
    assert not isinstance(resolved, Jeffreys)  # a joint prior
    half, centre = _halves(resolved, prob)
    table = pd.DataFrame(resolved.table()).set_index("term")
    shown = table[["given", "text"]].rename(columns={"given": "asked_for", "text": "used"})
    unit = np.ones(problem.n_terms)
    deviation = np.array(problem.column_stats.sd, dtype=float)
    if problem.intercept is not None:
        deviation[problem.intercept] = np.nan
    for suffix, step in (("", unit), ("_sd", deviation)):
        shown[f"lower{suffix}"] = exponential(step * (centre - half))
        shown[f"upper{suffix}"] = exponential(step * (centre + half))
    two_valued = problem.column_stats.two_valued
    fixed = resolved.fixed if isinstance(resolved, ResolvedHierarchy) else resolved
    what = [
        f"odds ratio {'of' if two_valued[j] else 'per sd of'} {term}" for j, term in enumerate(problem.terms)
    ]
    if problem.intercept is not None:
        where = "where all predictors are 0" if fixed.anchor is None else "at the predictors' means"
        what[problem.intercept] = f"odds {where}"
    shown["in_words"] = [
        _in_words(str(term), name, line, prob, per_unit=j == problem.intercept or bool(two_valued[j]))
        for j, (name, (term, line)) in enumerate(zip(what, shown.to_dict("index").items(), strict=True))
    ]
    shown.attrs["prob"] = prob
    return shown


def _halves(prior: ResolvedPrior | ResolvedHierarchy, prob: float) -> tuple[Array, Array]:
    """Half-widths and centres of the central ranges; infinite and 0 where the prior is flat."""
    fixed = prior.fixed if isinstance(prior, ResolvedHierarchy) else prior
    half = np.full(fixed.n_terms, np.inf)
    centre = np.where(fixed.flat, 0.0, fixed.loc)
    for index, priors in fixed.blocks:
        half[index] = [half_width(priors.take(i), prob) for i in range(len(index))]
    if isinstance(prior, ResolvedHierarchy):
        rng = np.random.default_rng(0)
        for block in prior.blocks:
            n = _SIMULATED // block.index.size + 1
            scales = np.exp(block.mixture.log_scales(block.mixture.draw(rng, n))) / block.mixture.factor
            # Columns of one block differ by their factors only.
            half[block.index] = block.mixture.factor * np.quantile(
                np.abs(block.unit.draw(rng, n) * scales), prob
            )
            centre[block.index] = block.loc
    return half, centre


def _in_words(term: str, what: str, line: dict[Hashable, object], prob: float, *, per_unit: bool) -> str:
    """``"odds ratio per sd of age: 95% between 0.01 and 135"``."""
    suffix = "" if per_unit else "_sd"
    lower, upper = (float(str(line[f"{end}{suffix}"])) for end in ("lower", "upper"))
    if line["used"] == "Flat()":
        return f"{term}: no prior"
    return f"{what}: {100 * prob:.4g}% between {lower:.3g} and {upper:.3g}"


def _of_all_together(estimate: Estimate, prob: float) -> pd.DataFrame:
    import pandas as pd

    text = {
        "asked_for": estimate.method.prior.describe(),
        "used": "half the log-determinant of the information, all columns together"
        if isinstance(estimate.method.prior, Jeffreys)
        else "not known here",
    }
    ends = dict.fromkeys(("lower", "upper", "lower_sd", "upper_sd"), np.nan)
    text["in_words"] = "one prior of all coefficients together: no range of its own"
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
