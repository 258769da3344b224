"""Questions to a posterior: how probable it is that a quantity lies where it matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.coefficients import exponential
from problogit.analysis.contrasts import contrast_rows
from problogit.analysis.loo import is_posterior
from problogit.core.coefficients import DrawnCoefficients
from problogit.data.rows import Array
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate
from problogit.validation import check_number

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["posterior_probability"]


def posterior_probability(
    estimate: Estimate,
    weights: Any = None,
    low: float | None = None,
    high: float | None = None,
    odds_ratio: bool = False,
) -> pd.DataFrame:
    """P(low < quantity < high | data), for coefficients, odds ratios and linear contrasts.

    Parameters
    ----------
    estimate : Estimate
        A posterior.
    weights : as in `contrast`, optional
        The quantities: ``"x1"``, ``"10 * age"``, ``"x1 - x2"``, several of them, or weights by term. Without it every
        coefficient but the intercept.
    low, high : float, optional
        The range in question; a side that is not given is open. Without both the question is the direction: greater
        than 0, or for odds ratios greater than 1. A region of practical equivalence has both.
    odds_ratio : bool
        The range is meant for exp(quantity).

    Returns
    -------
    DataFrame
        Index `quantity`; ``probability`` of the range, ``below`` and ``above`` it (the three add up to one), and
        ``mcse``, the Monte Carlo standard error of `probability`: sqrt(p (1 - p) / ESS) with the effective sample size
        of the event itself, and 1 / (ESS + 2) where the draws are all on one side. The range is in ``attrs``.

    Raises
    ------
    NotAvailableError
        The fit is no posterior: what it knows is how estimates scatter over samples, given the coefficients.
    InputError
        A bound that is no number, or out of order.
    """
    import pandas as pd

    _require_posterior(estimate)
    lower, upper = _range(low, high, odds_ratio)
    rows, names = _quantities(estimate, weights)
    coefficients = cast(DrawnCoefficients, estimate.coefficients)
    values = coefficients.linear(rows).chains
    if odds_ratio:
        values = exponential(values)
    inside = (values > lower) & (values < upper)
    below, above = (values <= lower).mean(axis=(0, 1)), (values >= upper).mean(axis=(0, 1))
    table = pd.DataFrame(
        {
            "below": below,
            "probability": inside.mean(axis=(0, 1)),
            "above": above,
            "mcse": _errors(inside, values),
        },
        index=pd.Index(names, name="quantity"),
    )
    table.attrs.update(
        low=lower,
        high=upper,
        scale="odds ratio" if odds_ratio else "log-odds",
        event=estimate.problem.response.describe(),
        method=estimate.method.describe(),
    )
    return table


def _require_posterior(estimate: Estimate) -> None:
    if is_posterior(estimate):
        return
    kind = estimate.coefficients.kinds[0]
    raise NotAvailableError(
        "The probability that a coefficient lies in a range, given the data, needs a posterior, and this fit is "
        f"{estimate.method.describe()} ({kind}). Its distribution says how the estimate scatters over repeated samples "
        "if the coefficient is what it is, so that a share of it is no probability of the coefficient. Fit the same "
        "model with Bayes(prior), or ask this fit what it can answer: `contrast(...)` for an interval, `test(...)` "
        "for a p-value."
    )


def _range(low: float | None, high: float | None, odds_ratio: bool) -> tuple[float, float]:
    if low is None and high is None:
        low = 1.0 if odds_ratio else 0.0
    lower = -np.inf if low is None else check_number("low", low)
    upper = np.inf if high is None else check_number("high", high)
    for name, bound in (("low", low), ("high", high)):
        if odds_ratio and bound is not None and bound < 0:
            remedy = "For a range of log-odds leave out odds_ratio=True."
            raise InputError(explain(name, "must be an odds ratio, which is positive", bound, remedy))
    if not lower < upper:
        raise InputError(explain("low", f"must lie below high = {upper:g}", low))
    return lower, upper


def _quantities(estimate: Estimate, weights: Any) -> tuple[Array, list[str]]:
    if weights is not None:
        return contrast_rows(estimate.terms, weights)
    slopes = [j for j in range(len(estimate.terms)) if j != estimate.problem.intercept]
    if not slopes:
        remedy = f"Name it: posterior_probability({estimate.terms[0]!r})."
        raise InputError(explain("weights", "must be given where the model is an intercept", weights, remedy))
    return np.eye(len(estimate.terms))[slopes], [estimate.terms[j] for j in slopes]


def _errors(inside: NDArray[np.bool_], values: Array) -> Array:
    """Monte Carlo standard errors of the share of draws inside, shape (k,)."""
    from problogit.arviz_io import effective_sizes, monte_carlo_error

    p = inside.mean(axis=(0, 1))
    errors = np.empty(p.shape)
    mixed = (p > 0) & (p < 1)
    if mixed.any():
        errors[mixed] = monte_carlo_error(inside[..., mixed].astype(np.float64))
    if not mixed.all():
        bulk, _ = effective_sizes(values[..., ~mixed])
        most = values.shape[0] * values.shape[1]
        errors[~mixed] = 1 / (np.minimum(np.nan_to_num(bulk, nan=1.0), most) + 2)
    return errors
