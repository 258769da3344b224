"""What is recorded of a penalty path, and when it has gone far enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import xlogy

from problogit.core.path_record import PathRecord
from problogit.core.priors.resolved import ResolvedPrior
from problogit.data.rows import Array
from problogit.estimators.path import Path, Stop
from problogit.estimators.penalized_inference import effective_df
from problogit.estimators.select import Grid
from problogit.problem import Problem
from problogit.progress import SILENT, Progress

__all__ = ["compute_path", "insert_stop"]

_SATURATED = 0.999  # share of the null deviance (as glmnet)
_IDLE = 1e-5  # gain from one value to the next, as a share of what is explained (as glmnet)
_LEAST = 5  # values before the path may end
_TO_COME = 1e-2  # of what is explained: with more than that still held back by the penalty, the path goes on
_DF_WORK = 5e8  # products for the effective degrees of freedom of one value, above which they are left out
_KEPT = 2e7  # coefficients that a record holds

Judge = Callable[[Stop, float], float]


def compute_path(
    path: Path, grid: Grid, progress: Progress = SILENT, judge: Judge | None = None
) -> tuple[PathRecord, Array]:
    """Walk down a path until its fits no longer change, or nothing is left to explain.

    Parameters
    ----------
    path : Path
    grid : Grid
    progress : Progress
    judge : callable, optional
        Maps a `Stop` and its effective degrees of freedom to a score. Without one the degrees of freedom are computed
        where that costs little.

    Returns
    -------
    PathRecord
    ndarray, shape (n_values,)
        The scores; NaN without `judge`.
    """
    course = path.course(grid)
    meter = _Deviance(path.problem)
    lines: list[_Line] = []
    ended = ""
    progress.start("Penalty path", course.factors.size)
    try:
        for stop in path.walk(course):
            df = _df(path, stop, wanted=judge is not None)
            score = float("nan") if judge is None else judge(stop, df)
            lines.append(_line(path, stop, meter, df, score))
            progress.advance()
            ended = "" if grid.values is not None else _why_end(path, stop, lines, meter)
            if ended:
                break
    finally:
        progress.finish()
    return _record(path, lines, meter, ended), np.array([line.score for line in lines])


def insert_stop(path: Path, record: PathRecord, stop: Stop) -> tuple[PathRecord, NDArray[np.intp]]:
    """One more value in its place; also where each of the values, the new one last, has gone."""
    meter = _Deviance(path.problem)
    line = _line(path, stop, meter, _df(path, stop, wanted=True), float("nan"))
    more = _record(path, [line], meter, "")
    order = np.argsort(-np.append(record.factors, more.factors), kind="stable")

    def joined(name: str) -> Any:
        return np.concatenate([getattr(record, name), getattr(more, name)])[order]

    both = None
    if record.coefficients is not None and more.coefficients is not None:
        both = sp.csr_array(sp.vstack([record.coefficients, more.coefficients]))[order]
    longer = PathRecord(
        factors=joined("factors"),
        coefficients=both,
        locations=record.locations,
        loglik=joined("loglik"),
        deviance=joined("deviance"),
        explained=joined("explained"),
        df=joined("df"),
        n_nonzero=joined("n_nonzero"),
        l1=joined("l1"),
        l2=joined("l2"),
        ended=record.ended,
        n_unconverged=record.n_unconverged + more.n_unconverged,
    )
    return longer, order


class _Line(NamedTuple):
    """What is noted of one value."""

    factor: float
    kernel: float
    explained: float
    df: float
    score: float
    away: int
    converged: bool
    beta: sp.csr_array


def _line(path: Path, stop: Stop, meter: _Deviance, df: float, score: float) -> _Line:
    away = int(np.count_nonzero(path.penalized & (stop.beta != path.prior.loc)))
    explained = meter.explained(stop.kernel)
    beta = sp.csr_array(stop.beta[None])
    return _Line(stop.factor, stop.kernel, explained, df, score, away, stop.converged, beta)


def _why_end(path: Path, stop: Stop, lines: list[_Line], meter: _Deviance) -> str:
    """Why the path need not go on; empty where it should.

    Beside glmnet's two rules it asks what the penalty still holds back, coefficient by coefficient: g^2 / (2 h) with
    the gradient and the information of the log-likelihood. Thousands of rare levels may wait behind a few strong terms.
    """
    if len(lines) < _LEAST:
        return ""
    now, before = lines[-1].explained, lines[-2].explained
    if now > _SATURATED:
        return f"more than {_SATURATED:.1%} of the null deviance is explained"
    if not (now > 0 and now - before < _IDLE * now):
        return ""
    likelihood = path.scaled.objective.likelihood
    _, slope = likelihood.gradient(stop.gamma)
    information = likelihood.information_diagonal(stop.gamma)
    held = path.penalized & (information > 0)
    to_come = 2 * float(np.sum(slope[held] ** 2 / (2 * information[held])))
    if to_come > _TO_COME * now * meter.null:
        return ""
    return f"the deviance explained grows by less than {_IDLE:g} of itself from one value to the next"


class _Deviance:
    """Deviances as R's glm has them, with the null model of intercept and offset."""

    def __init__(self, problem: Problem) -> None:
        self.constant = problem.log_constant
        saturated = 0.0
        if problem.response.counts:
            rows = problem.rows
            failures = rows.trials - rows.successes
            best = xlogy(rows.successes, rows.successes / rows.trials) + xlogy(
                failures, failures / rows.trials
            )
            saturated = float(rows.weights @ best)
        self.saturated = saturated
        self.null = self.of(problem.null_loglik - self.constant)

    def of(self, kernel: float) -> float:
        return 2 * (self.saturated - kernel)

    def explained(self, kernel: float) -> float:
        return 1.0 - self.of(kernel) / self.null if self.null > 0 else float("nan")


def _record(path: Path, lines: list[_Line], meter: _Deviance, ended: str) -> PathRecord:
    prior, penalized = path.prior, path.penalized
    kernels = np.array([line.kernel for line in lines])
    factors = np.array([line.factor for line in lines])
    stored = sp.csr_array(sp.vstack([line.beta for line in lines]))
    return PathRecord(
        factors=factors,
        coefficients=stored if stored.nnz <= _KEPT else None,
        locations=prior.loc,
        loglik=kernels + meter.constant,
        deviance=np.array([meter.of(kernel) for kernel in kernels]),
        explained=np.array([line.explained for line in lines]),
        df=np.array([line.df for line in lines]),
        n_nonzero=np.array([line.away for line in lines], dtype=np.int64),
        l1=factors * _common(prior.l1[penalized]),
        l2=factors * _common(_l2(prior)[penalized]),
        ended=ended,
        n_unconverged=sum(not line.converged for line in lines),
    )


def _l2(prior: ResolvedPrior) -> Array:
    return (
        prior.curvature(prior.loc) if prior.quadratic and prior.separable else np.full(prior.n_terms, np.nan)
    )


def _common(strengths: Array) -> float:
    """The one strength that is not 0; 0 where all are, NaN where they differ."""
    there = strengths[strengths != 0]
    if not there.size:
        return 0.0
    return float(there[0]) if np.ptp(there) <= 1e-12 * there.max() else float("nan")


def _df(path: Path, stop: Stop, *, wanted: bool) -> float:
    """Effective degrees of freedom; NaN where they are neither wanted nor cheap."""
    prior = path.scaled.objective.prior
    active = int(np.count_nonzero((prior.l1 == 0) | (stop.gamma != prior.loc)))
    rows = path.scaled.objective.likelihood.n_rows
    if min(rows, active) * float(active) * rows > _DF_WORK:
        if prior.quadratic and prior.separable and not np.any(prior.curvature(prior.loc)):
            return float(active)  # an L1 penalty alone: as many as are not zero
        if not wanted:
            return float("nan")
    return effective_df(path.objective(stop.factor), stop.gamma)
