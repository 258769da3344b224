"""Small problems and fits for the tests of problogit.analysis: a table as its own design, given distributions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from problogit.core.coefficients import CoefficientDistribution, DrawnCoefficients, PointCoefficients
from problogit.core.priors.base import ResolvablePrior
from problogit.core.priors.flat import Flat
from problogit.core.priors.normal import Normal
from problogit.data.rows import DataReport, Design, Replay, Response, Rows, Unseen
from problogit.estimate import Details, Estimate, Estimator, FitStats, Provenance, Status
from problogit.problem import Problem, make_problem
from problogit.progress import SILENT, Progress


@dataclass(frozen=True, eq=False)
class ColumnsDesign(Design):
    """Columns of a pandas DataFrame as they are, after an intercept; rows with NaN are not complete."""

    names: tuple[str, ...]
    groups: dict[str, tuple[int, ...]] = field(default_factory=dict)
    offset_column: str | None = None

    @property
    def terms(self) -> tuple[str, ...]:
        return ("Intercept", *self.names)

    @property
    def intercept(self) -> int | None:
        return 0

    @property
    def formula(self) -> str | None:
        return None

    @property
    def variables(self) -> tuple[str, ...]:
        return self.names

    @property
    def factors(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        grouped = {j for columns in self.groups.values() for j in columns}
        single = [(name, (j,)) for j, name in enumerate(self.terms) if j not in grouped]
        return tuple(single + list(self.groups.items()))

    def replay(self, data: Any, unseen: Unseen = "error") -> Replay:
        X = np.column_stack([np.ones(len(data)), *(np.asarray(data[name], float) for name in self.names)])
        offset = (
            np.zeros(len(data)) if self.offset_column is None else np.asarray(data[self.offset_column], float)
        )
        complete = ~(np.isnan(X).any(axis=1) | np.isnan(offset))
        X[~complete] = 0
        index = data.index if isinstance(data, pd.DataFrame) else np.arange(len(data))
        return Replay(X, offset, complete, index)

    def observe(self, data: Any, unseen: Unseen = "error") -> Rows:
        raise AssertionError("not asked for in these tests")

    def to_state(self) -> dict[str, Any]:
        return {}


def problem_of(
    frame: pd.DataFrame,
    y: Any,
    trials: Any = None,
    weights: Any = None,
    weights_type: str = "frequency",
    groups: dict[str, tuple[int, ...]] | None = None,
    labels: tuple[Any, Any] = ("no", "yes"),
    offset: str | None = None,
) -> Problem:
    """A problem of the columns of `frame`; rows with a missing predictor or a missing outcome are dropped."""
    names = tuple(c for c in frame.columns if c != offset)
    design = ColumnsDesign(names, groups or {}, offset)
    coded = design.replay(frame)
    y = np.asarray(y, float)
    kept = np.flatnonzero(coded.complete & ~np.isnan(y))
    n = len(frame)
    m = np.ones(n) if trials is None else np.asarray(trials, float)
    w = np.ones(n) if weights is None else np.asarray(weights, float)
    rows = Rows(coded.X[kept], y[kept], m[kept], w[kept], coded.offset[kept], kept, frame.index)
    report = DataReport(n, n - kept.size, {"missing": n - kept.size} if kept.size < n else {})
    counts = trials is not None
    response = Response("y", None if counts else labels[1], None if counts else labels[0], counts)
    return make_problem(design, response, rows, report, weights_type)


@dataclass(frozen=True)
class Given(Estimator):
    """A method that returns a distribution it was given; `likelihood_based` answers likelihood questions."""

    distribution: CoefficientDistribution
    label: str = "Bayes"

    @property
    def name(self) -> str:
        return self.label

    @property
    def prior(self) -> ResolvablePrior:
        return Flat() if self.label == "MLE" else Normal(2.5)

    def estimate(self, problem: Problem, progress: Progress = SILENT) -> Estimate:
        loglik = float(problem.likelihood.value(self.distribution.location)) + problem.log_constant
        return Estimate(
            problem=problem,
            method=self,
            coefficients=self.distribution,
            status=Status.CONVERGED,
            findings=(),
            stats=FitStats.of(loglik, float("nan"), problem),
            provenance=Provenance("given", None, 0.0, {}),
            details=Details(),
        )

    def summary_columns(self, estimate: Estimate) -> dict[str, Any]:
        return {"prob_positive": np.zeros(len(estimate.terms))}

    def raw(self, estimate: Estimate) -> Any:
        return None

    def surrogate(self) -> Given:
        return self

    def describe(self) -> str:
        return f"a given {self.label} distribution"


def posterior(problem: Problem, mean: Any, sd: float = 0.3, n: int = 2000, seed: int = 0) -> Estimate:
    """Independent normal draws about `mean`, in four chains."""
    rng = np.random.default_rng(seed)
    mean = np.asarray(mean, float)
    return Given(DrawnCoefficients(rng.normal(mean, sd, size=(4, n // 4, mean.size)))).estimate(problem)


def point(problem: Problem, beta: Any) -> Estimate:
    """An estimate without a distribution, as an L1 fit is."""
    reason = "An L1 fit has no standard errors; use inference='bootstrap' or 'debiased'."
    return Given(PointCoefficients(np.asarray(beta, float), reason), "Penalized").estimate(problem)


def simulated(n: int = 120, seed: int = 1) -> tuple[pd.DataFrame, np.ndarray]:
    """Three numeric columns and a 0/1 outcome, with string labels on the rows."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {"x": rng.normal(size=n), "d": rng.integers(0, 2, n).astype(float), "z": rng.normal(5, 2, size=n)},
        index=[f"row{i}" for i in range(n)],
    )
    eta = -1 + frame["x"] + 0.5 * frame["d"] + 0.1 * frame["z"]
    y = (rng.random(n) < 1 / (1 + np.exp(-eta.to_numpy()))).astype(float)
    return frame, y


def rare_level(n: int = 200, seed: int = 3) -> tuple[pd.DataFrame, np.ndarray]:
    """A level with 2 of n rows, both events."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n), "rare": np.r_[np.ones(2), np.zeros(n - 2)]})
    y = (rng.random(n) < 1 / (1 + np.exp(-0.7 * frame["x"].to_numpy()))).astype(float)
    y[:2] = 1
    return frame, y
