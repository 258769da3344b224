"""What a model says before the outcomes are seen: event rates and probabilities drawn from the prior.

Predictors, offset and numbers of trials are used, the outcomes are not. (Gabry, Simpson, Vehtari, Betancourt & Gelman
2019, J. R. Stat. Soc. A 182:389, section 3.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from problogit.analysis.replicates import drawn_events
from problogit.core.blocks import Array
from problogit.core.coefficients import as_dense
from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.hierarchy import ResolvedHierarchy
from problogit.core.priors.jeffreys import Jeffreys
from problogit.core.priors.resolved import ResolvedPrior
from problogit.core.priors.used import use_prior
from problogit.errors import InputError, explain, listed
from problogit.problem import Problem
from problogit.validation import check_integer, seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PriorPredictiveResult", "prior_predictive"]

_MOST_ROWS = 20_000  # a random choice of rows stands for more: their distribution is what is asked for
_BLOCK_VALUES = 1_000_000
_REACH, _STEP = 40.0, 0.02  # of the log-odds, whose distribution is kept in cells
_LIMIT = logit(0.99)
_MUCH = 0.25
_QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)
_REMEDY = (
    "Give every term, and the intercept, a proper prior, for instance Priors(Normal(2.5, autoscale=True), "
    'intercept=Normal(2.5), intercept_at="mean").'
)


@dataclass(frozen=True, eq=False)
class PriorPredictiveResult:
    """Event rates and probabilities under the prior.

    Attributes
    ----------
    modelled : str
        The event, e.g. ``"P(passed = 'yes')"``.
    prior : str
    event_rate : ndarray, shape (n_draws,)
        Share of events in data sets drawn from prior and model.
    log_odds, mass : ndarray, shape (n_cells,)
        Middles of cells of the log-odds of single rows, and the prior probability in each.
    below, above : float
        Prior probability that a row's probability of the event is below 0.01, and above 0.99.
    notes : tuple of str
    """

    modelled: str
    prior: str
    event_rate: Array
    log_odds: Array
    mass: Array
    below: float
    above: float
    notes: tuple[str, ...] = ()

    @cached_property
    def frame(self) -> pd.DataFrame:
        """Rows ``event rate`` and ``probability`` (of single rows); columns ``mean`` and ``q2.5`` to ``q97.5``."""
        import pandas as pd

        names = [f"q{100 * q:.4g}" for q in _QUANTILES]
        p = expit(self.log_odds)
        at = np.searchsorted(np.cumsum(self.mass), np.array(_QUANTILES) * self.mass.sum())
        rows = {
            "event rate": [self.event_rate.mean(), *np.quantile(self.event_rate, _QUANTILES)],
            "probability": [self.mass @ p / self.mass.sum(), *p[np.minimum(at, p.size - 1)]],
        }
        frame = pd.DataFrame.from_dict(rows, orient="index", columns=["mean", *names])
        return frame.rename_axis("quantity")

    @cached_property
    def density(self) -> pd.DataFrame:
        """Prior probability of cells of the probability of single rows: ``lower, upper, share``."""
        import pandas as pd

        edges = np.linspace(0.0, 1.0, 41)
        share, _ = np.histogram(expit(self.log_odds), edges, weights=self.mass)
        return pd.DataFrame({"lower": edges[:-1], "upper": edges[1:], "share": share})

    @property
    def verdict(self) -> str:
        """One sentence about probabilities near 0 and 1."""
        extreme = self.below + self.above
        text = f"Before the data, {self.below:.0%} of the probabilities are below 0.01 and {self.above:.0%} above 0.99."
        if extreme <= _MUCH:
            return text
        return (
            f"{text} The prior holds the outcome of many rows all but certain before it is seen: a smaller scale, such "
            "as half of it, would say less."
        )

    def __str__(self) -> str:
        """The verdict and the range of the event rate."""
        low, high = np.quantile(self.event_rate, [0.025, 0.975])
        lines = [
            f"Prior predictive of {self.modelled} under {self.prior}, {self.event_rate.size} draws",
            f"Event rate: 95% between {low:.3g} and {high:.3g}.",
            self.verdict,
            *self.notes,
        ]
        return "\n".join(lines)


def prior_predictive(
    problem: Problem,
    prior: ResolvablePrior,
    draws: int = 1000,
    rng: int | np.random.Generator | None = None,
) -> PriorPredictiveResult:
    """Draw coefficients from the prior, and data sets from them.

    Parameters
    ----------
    problem : Problem
        Its outcomes are not used.
    prior : Prior or Priors
        Proper for every column.
    draws : int
        Number of data sets.
    rng : int, Generator or None

    Raises
    ------
    InputError
        The prior is flat for some column, or one of all coefficients together: nothing can be drawn from it.
    """
    if not isinstance(prior, ResolvablePrior):
        raise InputError(explain("prior", "must be a prior", prior, "As in Normal(2.5)."))
    check_integer("draws", draws, 2)
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    betas = _resolved(problem, prior).draw(random, draws)
    chosen, notes = _chosen_rows(problem, random)
    rate, cells, tails = _simulated(problem, betas, chosen, random)
    middles = np.arange(cells.size, dtype=np.float64) * _STEP + (_STEP / 2 - _REACH)
    whole = cells.sum()
    return PriorPredictiveResult(
        modelled=problem.response.describe(),
        prior=prior.describe(),
        event_rate=rate,
        log_odds=middles,
        mass=cells / whole,
        below=float(tails[0] / whole),
        above=float(tails[1] / whole),
        notes=notes,
    )


def _resolved(problem: Problem, prior: ResolvablePrior) -> ResolvedPrior | ResolvedHierarchy:
    """The prior by column, or an error that names what has none."""
    used = use_prior(prior, problem)
    if prior.joint or isinstance(used, Jeffreys):
        rule = "must be a prior of single coefficients to be drawn from"
        raise InputError(explain("prior", rule, prior.describe(), _REMEDY))
    if isinstance(used, ResolvedHierarchy):
        flat = used.fixed.flat & ~np.isin(np.arange(problem.n_terms), used.columns)
    else:
        flat = used.flat
    if flat.any():
        named = listed([term for term, is_flat in zip(problem.terms, flat, strict=True) if is_flat])
        rule = f"must be proper to be drawn from, and is flat for {named}"
        raise InputError(explain("prior", rule, prior.describe(), _REMEDY))
    return used


def _chosen_rows(problem: Problem, random: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
    n = problem.rows.n_obs
    if n <= _MOST_ROWS:
        return np.arange(n), ()
    note = f"{_MOST_ROWS} rows chosen at random stand for all {n}."
    return np.sort(random.choice(n, _MOST_ROWS, replace=False)), (note,)


def _simulated(
    problem: Problem, betas: Array, chosen: np.ndarray, random: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Event rate of each draw, mass in cells of the log-odds, and mass below 0.01 and above 0.99."""
    rows = problem.rows.take(chosen)
    frequency = problem.weights_type == "frequency"
    trials = rows.trials * rows.weights if frequency else rows.trials
    weight = np.ones(rows.n_obs) if frequency else rows.weights
    events, n_cells = np.zeros(betas.shape[0]), round(2 * _REACH / _STEP)
    cells, tails = np.zeros(n_cells), np.zeros(2)
    step = max(1, _BLOCK_VALUES // betas.shape[0])
    for start in range(0, rows.n_obs, step):
        block = slice(start, start + step)
        eta = as_dense(rows.X[block] @ betas.T) + rows.offset[block, None]
        count = np.rint(trials[block]).astype(np.int64)
        events += weight[block] @ drawn_events(count, np.asarray(expit(eta)), random)
        mass = np.broadcast_to((trials * weight)[block, None], eta.shape)
        place = np.clip((eta + _REACH) / _STEP, 0, n_cells - 1).astype(np.int64)
        cells += np.bincount(place.ravel(), mass.ravel(), n_cells)
        tails += [mass[eta < -_LIMIT].sum(), mass[eta > _LIMIT].sum()]
    return events / float(weight @ trials), cells, tails
