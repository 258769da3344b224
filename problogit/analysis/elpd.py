"""Posteriors of the same rows compared by their expected log predictive density, leaving out one row at a time.

Differences are paired by row (Vehtari, Gelman & Gabry 2017). Stacking weights maximise the leave-one-out log score of
the mixture of the predictive distributions (Yao, Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13:917): they say
how to average the predictions, not how probable a model is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import LinearConstraint, minimize

from problogit.analysis.loo import LooResult
from problogit.data.rows import Array
from problogit.errors import NotAvailableError, listed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["elpd_frame", "stacking_weights"]

_SMALL = 4.0
_FEW = 100
_MANY = 11


def elpd_frame(
    loos: Mapping[str, LooResult], *, frequency: bool, others: tuple[str, ...] = ()
) -> pd.DataFrame:
    """Elpd by label, differences to the best, and stacking weights.

    Parameters
    ----------
    loos : mapping of label to LooResult
        Of posteriors of the same rows; at least two.
    frequency : bool
        Whether the rows' weights count copies.
    others : tuple of str
        Labels of fits that are no posteriors, to be named.

    Returns
    -------
    DataFrame
        Index `label`, the best first: ``elpd, elpd_se, p_loo, difference`` (to the best, never positive),
        ``difference_se, weight`` (stacking), ``n, n_refitted, n_unreliable``. ``attrs["best"]``, ``attrs["notes"]``.

    Raises
    ------
    NotAvailableError
        Fewer than two posteriors.
    """
    import pandas as pd

    if len(loos) < 2:
        raise NotAvailableError(
            f"A comparison by elpd needs two posteriors or more; here are {len(loos)}. Fit with Bayes(); `scores` "
            "compares fits of any method by their out-of-sample log score."
        )
    ranked = sorted(loos, key=lambda label: -loos[label].elpd)
    best = loos[ranked[0]]
    pairs = [_difference(loos[label], best, frequency=frequency) for label in ranked]
    weights = stacking_weights(np.column_stack([loos[label].elpd_i for label in ranked]), best.weights)
    table = pd.DataFrame(
        {
            "elpd": [loos[label].elpd for label in ranked],
            "elpd_se": [loos[label].se for label in ranked],
            "p_loo": [loos[label].p_loo for label in ranked],
            "difference": [difference for difference, _ in pairs],
            "difference_se": [error for _, error in pairs],
            "weight": weights,
            "n": [loos[label].n for label in ranked],
            "n_refitted": [loos[label].n_refitted for label in ranked],
            "n_unreliable": [loos[label].n_bad for label in ranked],
        },
        index=pd.Index(ranked, name="label"),
    )
    table.attrs.update(best=ranked[0], notes=_notes(table, others))
    return table


def _difference(one: LooResult, best: LooResult, *, frequency: bool) -> tuple[float, float]:
    """Sum over the units of elpd_i - elpd_i of the best, and sqrt(n var)."""
    if one is best:
        return 0.0, 0.0
    gap, weights = one.elpd_i - best.elpd_i, one.weights
    if frequency:
        n = float(weights.sum())
        centred = gap - weights @ gap / n
        error = float(np.sqrt(n / (n - 1) * (weights @ centred**2))) if n > 1 else np.nan
        return float(weights @ gap), error
    contributions = weights * gap
    n = contributions.size
    return float(contributions.sum()), float(np.sqrt(n * contributions.var(ddof=1))) if n > 1 else np.nan


def stacking_weights(log_density: Array, weights: Array) -> Array:
    """Weights of K predictive distributions that maximise the log score of their mixture.

    Parameters
    ----------
    log_density : ndarray, shape (n_rows, K)
        Leave-one-out log density of each row.
    weights : ndarray, shape (n_rows,)
        Of the rows in the sum.

    Returns
    -------
    ndarray, shape (K,)
        Not negative, sum 1.
    """
    n_fits = log_density.shape[1]
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    share = weights / weights.sum()

    def loss(mixture: Array) -> tuple[float, Array]:
        mixed = density @ mixture
        return -float(share @ np.log(mixed)), -(share / mixed) @ density

    found = minimize(
        loss,
        np.full(n_fits, 1.0 / n_fits),
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * n_fits,
        constraints=[LinearConstraint(np.ones(n_fits), 1.0, 1.0)],
        options={"ftol": 1e-12, "maxiter": 500},
    )
    mixture = np.clip(found.x, 0.0, 1.0)
    return np.asarray(mixture / mixture.sum())


def _notes(table: pd.DataFrame, others: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    best, rest = str(table.index[0]), table.iloc[1:]
    small = [str(label) for label, gap in rest["difference"].items() if abs(gap) < _SMALL]
    if small:
        notes.append(
            f"{listed(small)}: less than 4 below {best}. So small a difference says little, and its standard error is "
            "too optimistic where the models predict alike (Sivula, Magnusson, Matamoros & Vehtari, arXiv:2008.10296)."
        )
    n = int(table["n"].min())
    if n < _FEW:
        notes.append(
            f"With {n} units, fewer than 100, standard errors of differences may be far too small (the same source)."
        )
    bad = table.index[table["n_unreliable"] > 0]
    if len(bad):
        notes.append(
            f"Some leave-one-out values of {listed([str(label) for label in bad])} are unreliable (Pareto k-hat), and "
            "with them its elpd."
        )
    if len(table) > _MANY:
        notes.append(
            f"The best of {len(table)} fits looks better than it is: it was chosen for its score (McLatchie & Vehtari "
            "2024, Statistics and Computing 34:132)."
        )
    if others:
        notes.append(f"Not posteriors, and left out: {listed(list(others))}. `scores` compares them too.")
    return tuple(notes)
