"""Leave-one-out predictions of a posterior by Pareto-smoothed importance sampling (Vehtari, Gelman & Gabry 2017).

The unit is the row that the user gave. A row with frequency weight f is f units, and leaving one out drops *one* copy;
its value counts f times in the sum. A row of trials is one unit, its density includes log C(m, s). Importance and
sampling weights multiply the log-likelihood, so leaving such a row out drops all of its weight.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from problogit.analysis.left_out import LeftOutRows, distinct_rows, left_out_rows
from problogit.analysis.loo_refits import NO_REFITS, Refits, refit_without
from problogit.core.coefficients import DrawnCoefficients
from problogit.core.pareto import good_k
from problogit.core.priors.jeffreys import Jeffreys
from problogit.data.rows import Array
from problogit.errors import NotAvailableError
from problogit.estimate import Estimate
from problogit.problem import Problem
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["REFITS", "LooResult", "is_posterior", "loo", "posterior_draws"]

REFITS = ("auto", "all", "none")
_PRIOR_GOES_TOO = (
    "Jeffreys' prior is made of all rows, and a fit without one has another prior; here it is held "
    "when a row is left out"
)
_LEAST_DRAWS = 100


@dataclass(frozen=True, eq=False)
class LooResult:
    """Leave-one-out values, one entry for each row of the problem.

    Attributes
    ----------
    elpd, se : float
        Expected log pointwise predictive density, summed over units, and its standard error.
    p_loo : float
        Effective number of parameters.
    elpd_i : ndarray, shape (n_rows,)
        Log predictive density of one unit of each row.
    pareto_k : ndarray, shape (n_rows,)
        Reliability of each value; above `good_k` it is not to be trusted.
    log_odds : ndarray, shape (n_rows,)
        Log-odds of the leave-one-out probability.
    below : ndarray, shape (n_rows,)
        Leave-one-out probability of fewer events than were observed.
    weights : ndarray, shape (n_rows,)
        What multiplies each value in the sums.
    refitted : ndarray of bool, shape (n_rows,)
        Rows whose values come from a fit without them, not from importance weights; `pareto_k` is that of the weights.
    good_k : float
        min(1 - 1 / log10(draws), 0.7).
    n : int
        Units.
    n_bad : int
        Units whose `pareto_k` exceeds `good_k` and that were not refitted.
    n_refitted : int
        Units whose value is exact.
    n_draws : int
    notes : tuple of str
    """

    elpd: float
    se: float
    p_loo: float
    elpd_i: Array
    pareto_k: Array
    log_odds: Array
    below: Array
    weights: Array
    refitted: NDArray[np.bool_]
    good_k: float
    n: int
    n_bad: int
    n_refitted: int
    n_draws: int
    notes: tuple[str, ...] = ()

    @property
    def probabilities(self) -> Array:
        """Leave-one-out probability of each row: E[p_i | data without one unit of row i]."""
        return np.asarray(expit(self.log_odds))

    def pit(self, rng: int | np.random.Generator | None = None) -> Array:
        """Randomised leave-one-out probability integral transforms, shape (n_rows,).

        A uniform number between the predictive probabilities of fewer events than observed, and of no more. Uniform
        over the rows if the predictions are right (Czado, Gneiting & Held 2009, Biometrics 65:1254). For 0/1 outcomes
        most of it is the random number itself: judge those by `calibration`.
        """
        random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
        return np.asarray(self.below + random.random(self.below.size) * np.exp(self.elpd_i))

    def to_frame(self) -> pd.DataFrame:
        """One row for each row of the problem: ``elpd, pareto_k, refitted, probability, weight``."""
        import pandas as pd

        return pd.DataFrame(
            {
                "elpd": self.elpd_i,
                "pareto_k": self.pareto_k,
                "refitted": self.refitted,
                "probability": self.probabilities,
                "weight": self.weights,
            }
        )

    def __str__(self) -> str:
        """The sums with their standard error, the state of the k-hats, and the notes."""
        lines = [
            f"Leave-one-out: elpd {self.elpd:.1f} (SE {self.se:.1f}), effective parameters {self.p_loo:.1f}, "
            f"{self.n} units, {self.n_draws} draws.",
            f"Pareto k-hat: largest {float(np.max(self.pareto_k)):.2f}, reliable up to {self.good_k:.2f}.",
        ]
        return "\n".join([*lines, *self.notes])


def is_posterior(estimate: Estimate) -> bool:
    """True where the coefficients are posterior draws; bootstrap draws of an estimate are not."""
    coefficients = estimate.coefficients
    return isinstance(coefficients, DrawnCoefficients) and coefficients.estimate is None


def posterior_draws(estimate: Estimate) -> DrawnCoefficients:
    """The posterior's draws, or an error: leave-one-out of sampling draws is not an elpd."""
    coefficients = estimate.coefficients
    if not isinstance(coefficients, DrawnCoefficients) or coefficients.estimate is not None:
        raise NotAvailableError(
            f"Leave-one-out by importance sampling needs posterior draws, and {estimate.method.name} has none. "
            'Ask for resample="folds", which refits.'
        )
    if estimate.details.row_refusal:
        raise NotAvailableError(estimate.details.row_refusal)
    if coefficients.flat.shape[0] < _LEAST_DRAWS:
        raise NotAvailableError(
            f"Leave-one-out by importance sampling needs at least {_LEAST_DRAWS} draws; this posterior has "
            f"{coefficients.flat.shape[0]}. Sample more: Bayes(draws=1000)."
        )
    return coefficients


def loo(estimate: Estimate, refit: str = "auto", progress: Progress = SILENT) -> LooResult:
    """Leave-one-out density and probability of every row.

    Rows that are equal in everything share one computation.

    Parameters
    ----------
    estimate : Estimate
        A posterior.
    refit : str
        Rows whose k-hat is too high are fitted again without them: ``"auto"`` up to 100 rows, the worst first, of which
        5 by the sampler itself; ``"all"`` without limit; ``"none"``.
    progress : Progress

    Raises
    ------
    NotAvailableError
        For a fit that is not a posterior.
    """
    from problogit.arviz_io import relative_ess

    check_choice("refit", refit, REFITS)
    draws, problem, rows = posterior_draws(estimate), estimate.problem, estimate.problem.rows
    frequency = problem.weights_type == "frequency"
    power = np.ones(rows.n_obs) if frequency else rows.weights
    first, same = distinct_rows(problem.row_likelihood, power)
    r_eff, counts = relative_ess(draws.chains), problem.response.counts
    progress.start("Leave-one-out", first.size)
    try:
        like = problem.row_likelihood.take(first)
        values = left_out_rows(like, power[first], draws.flat, r_eff, counts=counts, progress=progress)
    finally:
        progress.finish()
    limit = good_k(draws.flat.shape[0])
    bad = np.flatnonzero(~(values.pareto_k <= limit))
    bad = bad[np.argsort(-values.pareto_k[bad], kind="stable")]
    refits = None
    if bad.size and refit != "none" and isinstance(estimate.method.prior, Jeffreys):
        refits = replace(NO_REFITS, failures=(_PRIOR_GOES_TOO,))
    elif bad.size and refit != "none":
        refits = refit_without(estimate, first[bad], limited=refit == "auto", progress=progress)
    return _assembled(problem, values, refits, first, same, draws.flat.shape[0])


def _assembled(
    problem: Problem,
    values: LeftOutRows,
    refits: Refits | None,
    first: NDArray[np.int64],
    same: NDArray[np.int64],
    n_draws: int,
) -> LooResult:
    """Values of the distinct rows, refitted ones in their places, spread over all rows and summed."""
    rows, limit = problem.rows, good_k(n_draws)
    elpd, log_odds, below = values.elpd.copy(), values.log_odds.copy(), values.below.copy()
    exact = np.zeros(first.size, dtype=np.bool_)
    if refits is not None:
        place = np.array([np.flatnonzero(first == row)[0] for row in refits.rows], dtype=np.int64)
        elpd[place], log_odds[place], below[place] = refits.elpd, refits.log_odds, refits.below
        exact[place] = True
    density, refitted, k = elpd[same], exact[same], values.pareto_k[same]
    frequency = problem.weights_type == "frequency"
    units = rows.weights if frequency else np.ones(rows.n_obs)
    high = ~(k <= limit)
    n_high, n_bad = (round(float(units[some].sum())) for some in (high, high & ~refitted))
    result = LooResult(
        elpd=float(rows.weights @ density),
        se=_standard_error(density, rows.weights, frequency=frequency),
        p_loo=float(rows.weights @ (values.lppd[same] - density)),
        elpd_i=density,
        pareto_k=k,
        log_odds=log_odds[same],
        below=below[same],
        weights=rows.weights,
        refitted=refitted,
        good_k=limit,
        n=problem.nobs,
        n_bad=n_bad,
        n_refitted=n_high - n_bad,
        n_draws=n_draws,
    )
    return replace(result, notes=_notes(result, refits))


def _notes(result: LooResult, refits: Refits | None) -> tuple[str, ...]:
    notes = []
    if result.n_refitted and refits is not None:
        sampled = f", {refits.n_sampled} of them by the sampler itself" if refits.n_sampled else ""
        notes.append(
            f"{result.n_refitted} of {result.n} leave-one-out values are exact: their Pareto k-hat was above "
            f"{result.good_k:.2f}, and the model was fitted again without those rows "
            f"({refits.rows.size} refits{sampled})."
        )
    if result.n_bad:
        left = ~(result.pareto_k <= result.good_k) & ~result.refitted
        worst = float(np.max(result.pareto_k[left]))
        reasons = "" if refits is None else "; ".join(dict.fromkeys(refits.failures))
        remedy = (
            f"Not refitted: {reasons.rstrip('.')}." if reasons else "Refitting without them would be exact."
        )
        notes.append(
            f"{result.n_bad} of {result.n} leave-one-out values are unreliable: Pareto k-hat up to {worst:.2f}, above "
            f"{result.good_k:.2f}. Those rows are influential. {remedy}"
        )
    return tuple(notes)


def _standard_error(values: Array, weights: Array, *, frequency: bool) -> float:
    """sqrt(n var) of the units' contributions."""
    if frequency:
        n = weights.sum()
        centred = values - weights @ values / n
        return float(np.sqrt(n / (n - 1) * (weights @ centred**2))) if n > 1 else np.nan
    return float(np.sqrt(values.size * np.var(weights * values, ddof=1))) if values.size > 1 else np.nan
