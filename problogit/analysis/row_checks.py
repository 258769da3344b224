"""Checks that walk over the rows: those that move the fit, those that surprise it, the link, and dispersion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from problogit.analysis.checked import Check, Checked
from problogit.analysis.fitted import FittedRows, fitted_rows, row_labels
from problogit.analysis.influence import n_effective, units_of
from problogit.analysis.link import link_test
from problogit.analysis.loo import is_posterior, loo
from problogit.analysis.residuals import log_tails
from problogit.core.one_step import Linearised
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate, Finding

__all__ = ["check_dispersion", "check_influence", "check_link", "check_outliers"]

_LARGE = (
    1.0  # Cook's distance (Cook & Weisberg 1982), and shifts in standard errors (Belsley, Kuh & Welsch 1980)
)
_NAMED = 3
_CANDIDATES = 2000
_LEVEL = 0.01
_FAMILY = 0.05
_TRIALS = 5.0  # mean of the trials from which Pearson's statistic says something about dispersion
_DISPERSED = 1.2
_TRIALS_A_COLUMN = 5  # down to which a link test was seen to keep its size, under priors too


def check_influence(estimate: Estimate) -> Checked:
    """Rows without which a coefficient moves by a standard error or more, or the whole estimate far."""
    if is_posterior(estimate):
        return _check_posterior(estimate)
    name = "influence of single rows"
    limit = "Cook's distance 1, or a shift of one standard error"
    try:
        fit = estimate.method.linearised(estimate)
    except NotAvailableError as error:
        return Checked(Check(name, str(error), limit, done=False))
    copies = units_of(estimate, fit)
    found = fit.one_step(copies)
    size = n_effective(estimate, fit, found.leverage)
    cooks = found.distance / size
    known = np.flatnonzero(np.isfinite(cooks))
    if known.size == 0:
        return Checked(Check(name, "every row has a coefficient to itself", limit))
    worst = int(known[np.argmax(cooks[known])])
    labels = row_labels(estimate)
    where = np.arange(labels.size) if fit.rows is None else fit.rows
    result = f"largest Cook's distance {cooks[worst]:.2g} (row {labels[where[worst]]})"
    finding = _moved(estimate, fit, copies, found.distance, size)
    return Checked(Check(name, result, limit), () if finding is None else (finding,))


def _moved(
    estimate: Estimate, fit: Linearised, copies: Array, distance: Array, size: float
) -> Finding | None:
    """The rows that move something. No shift of b_j exceeds sqrt(distance) standard errors: few rows need a look."""
    cooks = distance / size
    candidates = np.flatnonzero(np.nan_to_num(distance) >= _LARGE * min(1.0, size))
    candidates = candidates[np.argsort(-distance[candidates])][:_CANDIDATES]
    everything = np.arange(fit.columns.size)
    if candidates.size == 0 or everything.size == 0:
        return None
    few = fit.take(candidates)
    shifts = few.one_step(copies[candidates], everything).shifts / fit.std_error
    largest = np.abs(shifts).max(axis=1)
    flagged = np.flatnonzero((largest >= _LARGE) | (cooks[candidates] >= _LARGE))
    if flagged.size == 0:
        return None
    labels = row_labels(estimate)
    where = candidates if fit.rows is None else fit.rows[candidates]
    said, terms = [], []
    for k in flagged[:_NAMED]:
        j = int(np.argmax(np.abs(shifts[k])))
        terms.append(estimate.terms[int(fit.columns[j])])
        said.append(
            f"row {labels[where[k]]} moves {terms[-1]} by {abs(shifts[k, j]):.1f} standard errors (Cook's distance "
            f"{cooks[candidates[k]]:.2g})"
        )
    more = f" and {flagged.size - _NAMED} more" if flagged.size > _NAMED else ""
    sentence = "; ".join(said)
    message = f"The estimate leans on single rows: {sentence}{more}."
    remedy = "Check these rows, and fit without them: where a conclusion changes, report both. influence() has all."
    return Finding("influence", "warning", message, remedy, tuple(dict.fromkeys(terms)))


def _check_posterior(estimate: Estimate) -> Checked:
    """Rows whose leave-one-out posterior is far from the posterior."""
    name, limit = "influence of single rows", "Pareto k-hat 0.7 (Vehtari, Gelman & Gabry 2017)"
    try:
        found = loo(estimate, refit="none")
    except NotAvailableError as error:
        return Checked(Check(name, str(error), limit, done=False))
    labels, order = row_labels(estimate), np.argsort(-found.pareto_k)
    check = Check(
        name, f"largest Pareto k-hat {found.pareto_k[order[0]]:.2f} (row {labels[order[0]]})", limit
    )
    bad = order[: int((found.pareto_k > found.good_k).sum())]
    if bad.size == 0:
        return Checked(check)
    named = ", ".join(f"row {labels[i]} ({found.pareto_k[i]:.2f})" for i in bad[:_NAMED])
    more = f" and {bad.size - _NAMED} more" if bad.size > _NAMED else ""
    message = f"The posterior leans on single rows, by their Pareto k-hat: {named}{more}."
    remedy = (
        "Check these rows, and fit again without them. loo() does so for each of them, and its scores say it."
    )
    return Checked(check, (Finding("influence", "warning", message, remedy),))


def check_outliers(estimate: Estimate, fitted: FittedRows | None = None) -> Checked:
    """Rows whose outcome the fit holds all but impossible, the number of rows taken into account (Bonferroni)."""
    fitted = fitted_rows(estimate) if fitted is None else fitted
    below, above = log_tails(fitted)
    tail = np.exp(np.minimum(below, above))
    n = float(fitted.copies.sum())
    known = np.flatnonzero(np.isfinite(tail))
    name, limit = "outcomes against the fit", "probability below 0.05 / rows"
    if known.size == 0:
        return Checked(Check(name, "no row has a fitted probability", limit))
    sides = np.where(fitted.trials > 1, 2.0, 1.0)
    order = known[np.argsort(tail[known])]
    labels = row_labels(estimate)
    first = int(order[0])
    check = Check(name, f"least probable: {tail[first]:.2g} (row {labels[first]})", limit)
    rare = order[(sides * n * tail)[order] < _FAMILY]
    if rare.size == 0:
        return Checked(check)
    named = ", ".join(f"row {labels[i]} ({tail[i]:.1g})" for i in rare[:_NAMED])
    more = f" and {rare.size - _NAMED} more" if rare.size > _NAMED else ""
    message = f"Outcomes that the fit holds all but impossible happened, by their fitted probability: {named}{more}."
    remedy = "Look for recording errors in these rows, or for something that the model leaves out."
    return Checked(check, (Finding("outliers", "warning", message, remedy),))


def check_link(estimate: Estimate) -> Checked:
    """The link test at 1%."""
    name, limit = "link test", "p below 0.01 (Pregibon 1980)"
    problem = estimate.problem
    if problem.n_terms * _TRIALS_A_COLUMN > problem.sample.n_trials:
        why = f"fewer than {_TRIALS_A_COLUMN} outcomes a column, to which the linear predictor adapts"
        return Checked(Check(name, why, limit, done=False))
    try:
        found = link_test(estimate)
    except NotAvailableError as error:
        return Checked(Check(name, str(error), limit, done=False))
    check = Check(name, f"p = {found.p_value:.2g}", limit)
    if found.p_value >= _LEVEL:
        return Checked(check)
    where = "too low at both ends" if found.coefficient > 0 else "too high at both ends"
    message = (
        f"The square of the linear predictor adds to it (link test: p = {found.p_value:.2g}): the fitted probabilities "
        f"are {where}, so that some predictor acts in a curve, or two act together."
    )
    remedy = "Look at binned_residuals(by=...) of each predictor; try bs(x, df=4), log(x) or an interaction."
    return Checked(check, (Finding("link", "warning", message, remedy),))


def check_dispersion(estimate: Estimate, fitted: FittedRows | None = None) -> Checked | None:
    """Whether counts vary as binomial counts do, by Pearson's statistic; None where the response is not counted."""
    problem = estimate.problem
    fitted = fitted_rows(estimate) if fitted is None else fitted
    few = not problem.response.counts or float(np.mean(fitted.trials)) < _TRIALS
    df = float(fitted.copies.sum()) - estimate.stats.df_model
    if few or problem.weights_type == "sampling" or not df > 0:
        return None
    usable: NDArray[np.bool_] = np.isfinite(fitted.pearson)
    statistic = float(fitted.copies[usable] @ fitted.pearson[usable] ** 2)
    ratio, p_value = statistic / df, float(chdtrc(df, statistic))
    check = Check(
        "dispersion of the counts",
        f"{ratio:.2f} (p = {p_value:.2g})",
        "1 if binomial (McCullagh & Nelder 1989)",
    )
    if p_value >= _LEVEL or ratio < _DISPERSED:
        return Checked(check)
    robust = estimate.method.name == "MLE" and bool(estimate.method.refusal("profile", problem))
    message = (
        f"The counts vary {ratio:.1f} times as much as binomial counts would (Pearson's statistic {statistic:.1f} on "
        f"{df:.0f} degrees of freedom)."
    )
    if robust:
        remedy = "The standard errors are robust to it; a missing predictor would still be worth finding."
        return Checked(check, (Finding("overdispersion", "info", message, remedy),))
    message += (
        f" Standard errors that take them for binomial are too short, by a factor of about {ratio**0.5:.1f}."
    )
    remedy = (
        "Use MLE(covariance='HC3'), or 'CR2' where rows come in groups, and look for a missing predictor."
    )
    return Checked(check, (Finding("overdispersion", "warning", message, remedy),))
