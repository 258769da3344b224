"""Log scores of held-out units along a path: every training set walks the path again, at the same strengths."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, replace

import numpy as np

from problogit.core.likelihood import kernel, log_binomial_constant
from problogit.data.rows import Array, Rows
from problogit.errors import EstimationError, NotAvailableError, ProblogitError, ProblogitWarning
from problogit.estimators.path import Path, open_path
from problogit.estimators.path_grid import plan_course
from problogit.estimators.select import Grid
from problogit.folds import Folds, clusters_of, deal_folds
from problogit.problem import Problem
from problogit.progress import Progress

__all__ = ["HeldOut", "cross_validate", "deal_for_selection"]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Cross-validated scores of a path.

    Attributes
    ----------
    score, std_error : ndarray, shape (n_values,)
        Mean negative log-likelihood of a held-out unit, and its standard error over folds (as glmnet's).
    n_folds : int
        Folds that were used.
    notes : tuple of str
        What did not go as asked.
    together : str
        The column whose clusters were kept whole, if any.
    """

    score: Array
    std_error: Array
    n_folds: int
    notes: tuple[str, ...]
    together: str = ""


def deal_for_selection(problem: Problem, folds: int, rng: np.random.Generator, *, whole_rows: bool) -> Folds:
    """Deal units to folds; with `whole_rows` the copies of a row stay together, and so do clusters of the model.

    A bootstrap sample holds copies of one unit: dealt apart, they would be judged by fits that have seen them.

    Raises
    ------
    EstimationError
        With fewer than two units of either outcome.
    """
    dealt = replace(problem, weights_type="importance") if whole_rows else problem
    try:
        return deal_folds(dealt, folds, rng, clusters_of(problem))
    except NotAvailableError as error:
        size, clusters = problem.sample, clusters_of(problem)
        unit = "rows" if clusters is None else f"clusters of {clusters.name}"
        plural = "" if size.n_events == 1 else "s"
        raise EstimationError(
            f"select='cv' needs two {unit} with an event and two without, to hold one of each out; the {size.nobs} "
            f"rows hold {size.n_events:g} event{plural}. Use select='bic' or 'evidence', or a fixed strength."
        ) from error


def cross_validate(path: Path, factors: Array, folds: Folds, progress: Progress) -> HeldOut:
    """Walk the path without each fold in turn, and score the fold.

    Parameters
    ----------
    path : Path
        Of all rows.
    factors : ndarray, shape (n_values,)
        Falling; at least two.
    folds : Folds
    progress : Progress
    """
    rows = path.problem.rows
    copies = np.bincount(folds.rows, folds.units, rows.n_obs)
    means: list[Array] = []
    sizes: list[float] = []
    failures: Counter[str] = Counter()
    progress.start("Cross-validation of the strength", folds.n_folds)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ProblogitWarning)
            for fold in range(folds.n_folds):
                out = np.flatnonzero(folds.fold == fold)
                gone = np.bincount(folds.rows[out], folds.units[out], rows.n_obs)
                weights = folds.units[out] / copies[folds.rows[out]] * rows.weights[folds.rows[out]]
                try:
                    train = path.problem.reweighted(1.0 - gone / copies)
                    losses = _losses(open_path(train, path.prior), factors, rows.take(folds.rows[out]))
                except ProblogitError as error:
                    failures[str(error).splitlines()[0]] += 1
                else:
                    means.append(losses @ weights / weights.sum())
                    sizes.append(float(weights.sum()))
                progress.advance()
    finally:
        progress.finish()
    return _summary(np.array(means), np.array(sizes), folds, failures)


def _losses(path: Path, factors: Array, rows: Rows) -> Array:
    """Negative log-likelihood of each row at each factor, shape (n_values, n_rows); log C(m, s) included."""
    constant = np.zeros(rows.n_obs)
    if path.problem.response.counts:
        constant = log_binomial_constant(rows.successes, rows.trials)
    course = plan_course(path.scaled, Grid(factors.size, None, tuple(factors)))
    out = np.empty((factors.size, rows.n_obs))
    for place, stop in enumerate(path.walk(course)):
        there = np.flatnonzero(stop.beta)
        few = there.size < stop.beta.size // 4 and isinstance(rows.X, np.ndarray)
        eta = rows.X[:, there] @ stop.beta[there] if few else rows.X @ stop.beta
        out[place] = -(kernel(eta + rows.offset, rows.successes, rows.trials) + constant)
    return out


def _summary(means: Array, sizes: Array, folds: Folds, failures: Counter[str]) -> HeldOut:
    used = len(sizes)
    if used < 2:
        reason = failures.most_common(1)[0][0] if failures else "no fold holds a row"
        raise EstimationError(
            f"select='cv' has no result: {used} of {folds.n_folds} training sets could be fitted. {reason}"
        )
    share = sizes / sizes.sum()
    score = share @ means
    error = np.sqrt(share @ (means - score) ** 2 / (used - 1))
    lost = tuple(
        f"{count} of {folds.n_folds} training sets of the selection could not be fitted ({reason})"
        for reason, count in failures.items()
    )
    return HeldOut(score, error, used, folds.notes + lost, folds.together)
