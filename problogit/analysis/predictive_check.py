"""Predictive checks for binary data: what was observed beside outcomes that the fit itself would produce.

A single 0/1 outcome tells nothing of a model, shares of events do: in bins of the fitted probability, in groups, and
along the calibration curve without bins (Säilynoja, Johnson, Martin & Vehtari 2025, arXiv:2503.01509). The same rows
made the fit, so that a check that passes says that the model reproduces them, not that it predicts new ones: that is
asked of `calibration`, out of sample. For the same reason predictive p-values gather about 1/2 when the model is right
(Gelman, Meng & Stern 1996); one near 0 or 1 is a misfit, one near 1/2 no proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from problogit.analysis.binned import bin_starts
from problogit.analysis.corp import Pooled, pool
from problogit.analysis.replicates import (
    coefficient_draws,
    distribution_label,
    replicated_blocks,
    unit_trials,
)
from problogit.analysis.row_groups import row_groups
from problogit.core.blocks import Array
from problogit.estimate import Estimate
from problogit.resampling import predicted_log_odds
from problogit.validation import check_integer, check_probability, seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PredictiveCheckResult", "predictive_check"]

_MOST_CELLS = 4000
_GRID = 100
_SURPRISING = 0.005  # of either tail


@dataclass(frozen=True, eq=False)
class PredictiveCheckResult:
    """Observed shares of events beside replicated ones.

    Attributes
    ----------
    modelled : str
    distribution : str
        Where the coefficients behind the replications come from: ``"posterior"``, or the sampling distribution of an
        estimate.
    n_replications : int
    statistics : DataFrame
        ``statistic, group, n`` (trials), ``observed``, and of the replications ``mean, lower, upper`` and ``p_value``:
        the probability of a larger value, half of that of an equal one added.
    bins : DataFrame
        Bins of the fitted probability: ``low, high, mean, n, observed``, replicated ``expected, lower, upper``,
        ``p_value``.
    curve : DataFrame
        Calibration curve of the observed outcomes against the fitted probability (isotonic): ``x_min, x_max, y``.
    band : DataFrame
        Pointwise range of that curve over the replications: ``x, lower, upper``.
    notes : tuple of str
    prob : float
        Level of the ranges.
    """

    modelled: str
    distribution: str
    n_replications: int
    statistics: pd.DataFrame
    bins: pd.DataFrame
    curve: pd.DataFrame
    band: pd.DataFrame
    notes: tuple[str, ...]
    prob: float

    @property
    def surprising(self) -> pd.DataFrame:
        """The statistics that the fit reproduces in fewer than one in a hundred replications."""
        p = self.statistics["p_value"]
        return self.statistics[(p < _SURPRISING) | (p > 1 - _SURPRISING)]

    @property
    def verdict(self) -> str:
        """One sentence."""
        outside = int(
            (
                (self.bins["observed"] < self.bins["lower"]) | (self.bins["observed"] > self.bins["upper"])
            ).sum()
        )
        expected = (1 - self.prob) * len(self.bins)
        text = (
            f"{outside} of {len(self.bins)} bins of the fitted probability lie outside their {self.prob:.0%} "
            f"predictive range; at most about {expected:.1f} would by chance."
        )
        named = [f"{line.statistic} {line.group}".strip() for line in self.surprising.itertuples(index=False)]
        return f"{text} The fit does not reproduce: {', '.join(named)}." if named else text

    def __str__(self) -> str:
        """The verdict, the statistics and the notes."""
        head = f"Predictive check of {self.modelled}: {self.n_replications} replications from the {self.distribution}"
        table = self.statistics.round(4).to_string(index=False)
        return "\n".join([head, self.verdict, table, *self.notes])


def predictive_check(
    estimate: Estimate,
    by: Any = None,
    bins: int | None = None,
    draws: int = 500,
    prob: float = 0.95,
    rng: int | np.random.Generator | None = None,
) -> PredictiveCheckResult:
    """Replicate the outcomes of the rows in use and compare.

    Parameters
    ----------
    estimate : Estimate
        A posterior; or any estimate with a sampling distribution, which the result then says.
    by : str or array, optional
        What divides the rows into groups; see `row_groups`. Best a variable that the model does not have.
    bins : int, optional
        Bins of the fitted probability; 10 without it, fewer for fewer than 40 units.
    draws : int
        Number of replications.
    prob : float
        Level of the predictive ranges.
    rng : int, Generator or None

    Raises
    ------
    NotAvailableError
        The estimate has no distribution to draw from; the message names the remedy.
    """
    check_probability("prob", prob)
    check_integer("draws", draws, 20)
    problem, random = estimate.problem, np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    betas = coefficient_draws(estimate, draws, random)
    cells = _cells(estimate)
    group, labels, name = (None, [], "") if by is None else row_groups(estimate, by)
    sums = _replicated(estimate, betas, cells, group, len(labels), random)
    n_bins = _default_bins(problem.nobs) if bins is None else check_integer("bins", bins, 1)
    curve, band = _curve(cells, sums.by_cell, prob)
    notes: tuple[str, ...] = (
        () if estimate.status.trusted else (f"The fit ended so: {estimate.status.value}",)
    )
    if betas.shape[0] < draws:
        notes += (f"{draws - betas.shape[0]} draws with infinite coefficients were left out.",)
    return PredictiveCheckResult(
        modelled=problem.response.describe(),
        distribution=distribution_label(estimate),
        n_replications=betas.shape[0],
        statistics=_statistics(sums, labels, name, prob),
        bins=_binned(cells, sums.by_cell, n_bins, prob),
        curve=curve,
        band=band,
        notes=notes,
        prob=prob,
    )


@dataclass(frozen=True, eq=False)
class _Sums:
    """Weighted events: of the whole, of cells and of groups; observed, and (n, n_draws) replicated."""

    by_cell: Array
    observed: Array
    total: Array
    by_group: Array
    group_observed: Array
    group_total: Array
    dispersion: tuple[Array, Array] | None


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rows in order of the fitted probability, neighbours joined where there are more than 4000 values."""

    pooled: Pooled
    of_row: NDArray[np.int64]

    @property
    def size(self) -> int:
        return int(self.pooled.p.size)


def _cells(estimate: Estimate) -> _Cells:
    rows = estimate.problem.rows
    log_odds = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    found = pool(log_odds, rows.weights * rows.successes, rows.weights * rows.trials)
    if found.p.size > _MOST_CELLS:
        first = np.linspace(0, found.p.size, _MOST_CELLS, endpoint=False).astype(np.int64)
        events, total = (np.add.reduceat(values, first) for values in (found.events, found.total))
        p = np.clip(np.add.reduceat(found.p * found.total, first) / total, 0.0, 1.0)
        found = Pooled(found.order, found.starts[first], p, events, total)
    of_row = np.empty(rows.n_obs, dtype=np.int64)
    of_row[found.order] = np.searchsorted(found.starts, np.arange(rows.n_obs), side="right") - 1
    return _Cells(found, of_row)


def _replicated(
    estimate: Estimate,
    betas: Array,
    cells: _Cells,
    group: NDArray[np.int64] | None,
    n_groups: int,
    random: np.random.Generator,
) -> _Sums:
    """One pass over blocks of rows."""
    rows, n_draws = estimate.problem.rows, betas.shape[0]
    frequency = estimate.problem.weights_type == "frequency"
    weight = np.ones(rows.n_obs) if frequency else rows.weights
    by_cell, by_group = np.zeros((cells.size, n_draws)), np.zeros((n_groups, n_draws))
    dispersed = estimate.problem.response.counts and bool(np.all(rows.weights == 1.0))
    seen, drawn = np.zeros(n_draws), np.zeros(n_draws)
    trials = unit_trials(estimate)
    for block, events, p in replicated_blocks(estimate, betas, random):
        by_cell += _indicator(cells.of_row[block], cells.size, weight[block]) @ events
        if group is not None:
            by_group += _indicator(group[block], n_groups, weight[block]) @ events
        if dispersed:
            m, s = trials[block, None], rows.successes[block, None]
            spread = np.maximum(m * p * (1 - p), 1e-12)
            seen += ((s - m * p) ** 2 / spread).sum(axis=0)
            drawn += ((events - m * p) ** 2 / spread).sum(axis=0)
    index = np.zeros(rows.n_obs, dtype=np.int64) if group is None else group
    return _Sums(
        by_cell,
        cells.pooled.events,
        cells.pooled.total,
        by_group,
        np.asarray(np.bincount(index, rows.weights * rows.successes, n_groups)[:n_groups], dtype=np.float64),
        np.asarray(np.bincount(index, rows.weights * rows.trials, n_groups)[:n_groups], dtype=np.float64),
        (seen / rows.n_obs, drawn / rows.n_obs) if dispersed else None,
    )


def _indicator(codes: NDArray[np.int64], size: int, weight: Array) -> sp.csr_array:
    """Weights at (code, row), shape (size, n_rows)."""
    return sp.csr_array((weight, (codes, np.arange(codes.size))), shape=(size, codes.size))


def _statistics(sums: _Sums, labels: list[str], name: str, prob: float) -> pd.DataFrame:
    import pandas as pd

    whole = float(sums.total.sum())
    lines = [
        _line(
            "event rate",
            "",
            whole,
            float(sums.observed.sum()) / whole,
            sums.by_cell.sum(axis=0) / whole,
            prob,
        )
    ]
    for k, label in enumerate(labels):
        total = float(sums.group_total[k])
        observed = float(sums.group_observed[k]) / total
        lines.append(
            _line("event rate", f"{name} = {label}", total, observed, sums.by_group[k] / total, prob)
        )
    if sums.dispersion is not None:
        seen, drawn = sums.dispersion
        line = _line("dispersion", "", whole, float(seen.mean()), drawn, prob)
        # A discrepancy of data and coefficients: compared draw by draw (Gelman, Meng & Stern 1996).
        lines.append(line | {"p_value": float(np.mean(drawn > seen) + 0.5 * np.mean(drawn == seen))})
    return pd.DataFrame(lines)


def _line(
    statistic: str, group: str, n: float, observed: float, drawn: Array, prob: float
) -> dict[str, object]:
    lower, upper = np.quantile(drawn, [(1 - prob) / 2, (1 + prob) / 2])
    return {
        "statistic": statistic,
        "group": group,
        "n": n,
        "observed": observed,
        "mean": float(drawn.mean()),
        "lower": float(lower),
        "upper": float(upper),
        "p_value": _tail(observed, drawn[None])[0],
    }


def _tail(observed: float | Array, drawn: Array) -> Array:
    """Share of the replications above what was observed, half of those equal to it added, (k, n_draws) -> (k,)."""
    here = np.reshape(np.asarray(observed, dtype=np.float64), (-1, 1))
    near = np.isclose(drawn, here, rtol=1e-9, atol=1e-12)
    return np.asarray(((drawn > here) & ~near).mean(axis=1) + 0.5 * near.mean(axis=1))


def _default_bins(n_units: int) -> int:
    return max(1, min(10, n_units // 4))


def _binned(cells: _Cells, by_cell: Array, n_bins: int, prob: float) -> pd.DataFrame:
    """Cells of neighbouring probabilities joined to bins of about equal numbers of trials."""
    import pandas as pd

    found = cells.pooled
    starts = bin_starts(found.p, found.total, n_bins)
    total, events = np.add.reduceat(found.total, starts), np.add.reduceat(found.events, starts)
    rates = np.add.reduceat(by_cell, starts, axis=0) / total[:, None]
    lower, upper = np.quantile(rates, [(1 - prob) / 2, (1 + prob) / 2], axis=1)
    ends = np.append(starts[1:], found.p.size) - 1
    return pd.DataFrame(
        {
            "low": found.p[starts],
            "high": found.p[ends],
            "mean": np.add.reduceat(found.p * found.total, starts) / total,
            "n": total,
            "observed": events / total,
            "expected": rates.mean(axis=1),
            "lower": lower,
            "upper": upper,
            "p_value": _tail(events / total, rates),
        }
    )


def _curve(cells: _Cells, by_cell: Array, prob: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The isotonic fit of the observed outcomes, and its range over the replications."""
    import pandas as pd

    found = cells.pooled
    fit = isotonic_regression(found.events / found.total, weights=found.total)
    first, last = fit.blocks[:-1], fit.blocks[1:] - 1
    curve = pd.DataFrame({"x_min": found.p[first], "x_max": found.p[last], "y": fit.x[first]})
    grid = np.unique(np.linspace(0, cells.size - 1, min(_GRID, cells.size)).round().astype(int))
    replicated = np.array(
        [isotonic_regression(events / found.total, weights=found.total).x[grid] for events in by_cell.T]
    )
    lower, upper = np.quantile(replicated, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
    return curve, pd.DataFrame({"x": found.p[grid], "lower": lower, "upper": upper})
