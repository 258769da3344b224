"""Linear contrasts of coefficients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.coefficients import exponential
from problogit.analysis.combinations import parse_combination
from problogit.analysis.intervals import bounds
from problogit.core.coefficients import DrawnCoefficients
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_number, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["contrast", "contrast_rows"]


def contrast(
    estimate: Estimate, weights: Any, prob: float = 0.95, interval: str | None = None
) -> pd.DataFrame:
    """Linear combinations of the coefficients, with intervals, also as odds ratios.

    Parameters
    ----------
    estimate : Estimate
    weights : str, mapping, Series, DataFrame, array or sequence of str
        A combination as text, ``"2 * x1 - x2"`` (names of terms, numbers, ``+ - * /`` and parentheses; backquotes
        around names that could be misread); weights by term, ``{"race[T.black]": 1, "race[T.other]": -1}`` (terms
        that are not named have weight 0); several contrasts as a sequence of texts, a mapping of names to texts or
        mappings, or a DataFrame (columns are terms); or an array of shape (n_terms,) or (k, n_terms).
    prob, interval
        As in `summary`.

    Returns
    -------
    DataFrame
        Index `contrast`; columns ``estimate, std_error, lower, upper, interval`` on the log-odds scale and
        ``odds_ratio, odds_ratio_lower, odds_ratio_upper``.
    """
    import pandas as pd

    rows, names = contrast_rows(estimate.terms, weights)
    found = bounds(estimate, rows, prob, interval)
    # Only intervals made from draws depend on the scale; a profile is too dear to be computed twice.
    drawn = isinstance(estimate.coefficients, DrawnCoefficients)
    ratios = bounds(estimate, rows, prob, interval, exponential) if drawn else found.mapped(exponential)
    marginals = estimate.coefficients.marginals(rows)
    table = pd.DataFrame(
        {
            "estimate": marginals.location,
            "std_error": marginals.sd,
            "lower": found.lower,
            "upper": found.upper,
            "interval": found.kinds,
            "odds_ratio": marginals.point(exponential, statistic="median"),
            "odds_ratio_lower": ratios.lower,
            "odds_ratio_upper": ratios.upper,
        },
        index=pd.Index(names, name="contrast"),
    )
    table.attrs.update(prob=float(prob), event=estimate.problem.response.describe())
    return table


def contrast_rows(terms: tuple[str, ...], weights: Any) -> tuple[Array, list[str]]:
    """Weights as rows of shape (k, n_terms), with a name for each contrast."""
    import pandas as pd

    if isinstance(weights, str):
        weights = [weights]
    if isinstance(weights, (list, tuple)) and weights and all(isinstance(text, str) for text in weights):
        rows = np.array([parse_combination(text, terms) for text in weights])
        return rows, [" ".join(text.split()) for text in weights]
    if isinstance(weights, pd.DataFrame):
        named = {str(label): row.to_dict() for label, row in weights.iterrows()}
        return _stacked(terms, named)
    if isinstance(weights, pd.Series):
        weights = weights.to_dict()
    if isinstance(weights, Mapping):
        if not weights:
            raise InputError(explain("weights", "must name at least one term", weights))
        if all(isinstance(value, (str, Mapping, pd.Series)) for value in weights.values()):
            return _stacked(terms, {str(name): value for name, value in weights.items()})
        row = _row(terms, weights)
        return row[None], [_describe(terms, row)]
    return _from_array(terms, weights)


def _from_array(terms: tuple[str, ...], weights: Any) -> tuple[Array, list[str]]:
    try:
        rows = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    except (TypeError, ValueError):
        rows = np.empty((0, 0, 0))
    if rows.ndim != 2 or rows.shape[1] != len(terms) or rows.shape[0] == 0:
        shape = "(n_terms,) or (k, n_terms)"
        rule = f"must be text, weights by term or an array of shape {shape} with n_terms = {len(terms)}"
        raise InputError(explain("weights", rule, weights))
    if not np.isfinite(rows).all():
        raise InputError(explain("weights", "must be finite numbers", weights))
    return rows, [_describe(terms, row) for row in rows]


def _stacked(terms: tuple[str, ...], named: Mapping[str, Any]) -> tuple[Array, list[str]]:
    rows = [
        parse_combination(weights, terms) if isinstance(weights, str) else _row(terms, dict(weights))
        for weights in named.values()
    ]
    return np.array(rows), list(named)


def _row(terms: tuple[str, ...], weights: Mapping[Any, Any]) -> Array:
    row = np.zeros(len(terms))
    for term, weight in weights.items():
        if term not in terms:
            close = nearest(term, terms)
            remedy = f"Did you mean {close!r}?" if close else f"The terms are {', '.join(terms)}."
            raise InputError(explain("weights", "must name terms of this fit", term, remedy))
        row[terms.index(term)] = check_number(f"weights[{term!r}]", weight)
    return row


def _describe(terms: tuple[str, ...], row: Array) -> str:
    """The combination in words: ``a - b``, ``2 a + 0.5 b``."""
    parts: list[str] = []
    for term, weight in zip(terms, row, strict=True):
        if weight == 0:
            continue
        size = "" if abs(weight) == 1 else f"{abs(weight):g} "
        sign = ("- " if weight < 0 else "+ ") if parts else ("-" if weight < 0 else "")
        parts.append(f"{sign}{size}{term}")
    return " ".join(parts) or "0"
