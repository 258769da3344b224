"""Slope and AUC from `validate()` against the truth, in small samples, with Monte Carlo errors.

    python benchmarks/validation_optimism.py --method mle --replicates 500 --resamples 200 --seed 0

150 rows, 8 standard normal predictors, log-odds -0.8 + 0.7 x1 + 0.5 x2 + 0.3 x3 + 0.2 x4 (a third are events). The
truth of a fit is its slope and AUC on 20 000 other rows (4 000 for posteriors), whose probabilities stand for their
outcomes, so that no scatter of outcomes enters it. Set beside it: the figure on the fit's own rows, the one
corrected by the optimism bootstrap, and that of predictions of rows left out; `covered` is the share of replicates in
which the 95% limits of the corrected figure hold the truth of that fit. Methods: maximum likelihood, Normal(0, 0.5)
penalty, the posterior under Normal(0, 0.5) by the Laplace sampler, refitted by its stand-in.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.special import expit

import problogit as plg
from problogit.analysis.judged import judge
from problogit.analysis.recalibration_line import recalibration_line
from problogit.analysis.scores import roc_places
from problogit.errors import ProblogitWarning
from problogit.estimate import Estimator
from problogit.optimism import optimism_bootstrap
from problogit.resampling import predicted_log_odds

BETA = np.array([0.7, 0.5, 0.3, 0.2, 0.0, 0.0, 0.0, 0.0])
LEVEL = -0.8
METHODS = {
    "mle": plg.MLE(),
    "ridge": plg.Penalized(plg.Normal(0.5)),
    "bayes": plg.Bayes(plg.Normal(0.5), sampler="laplace", draws=500, chains=4, rng=0),
}


def figures(
    log_odds: np.ndarray, successes: np.ndarray, trials: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Slope and AUC."""
    hits, _, above, _ = roc_places(log_odds, weights * successes, weights * trials)
    slope = recalibration_line(log_odds, successes, trials, weights).slope
    return np.array([slope, hits @ above / hits.sum()])


def sample(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Predictors and outcomes."""
    X = rng.normal(size=(n, BETA.size))
    return X, (rng.random(n) < expit(LEVEL + X @ BETA)).astype(int)


def replicate(
    method: Estimator,
    resamples: int,
    rng: np.random.Generator,
    new: np.ndarray,
    left_out: bool,
) -> np.ndarray:
    """Slope and AUC: truth, apparent, corrected, left out (NaN where not asked for), lower, upper; shape (6, 2)."""
    X, y = sample(150, rng)
    estimate = plg.LogitModel.from_arrays(X, y, event=1).fit(method, progress=False).estimate
    rows, ones = estimate.problem.rows, np.ones(len(new))
    outside = predicted_log_odds(estimate.predictor, np.column_stack([ones, new]), np.zeros(ones.size))
    found = optimism_bootstrap(
        method,
        estimate.problem,
        figures,
        resamples=resamples,
        rng=int(rng.integers(2**31)),
        log_odds=predicted_log_odds(estimate.predictor, rows.X, rows.offset),
    )
    pooled = np.full(2, np.nan)
    if left_out:
        judged = judge(estimate, resample="loo")
        pooled = figures(judged.log_odds, judged.successes, judged.trials, judged.weights)
    truth = figures(outside, expit(LEVEL + new @ BETA), ones, ones)
    return np.array([truth, found.apparent, found.corrected, pooled, *found.limits(0.95)])


def study(name: str, replicates: int, resamples: int, seed: int, left_out: int | None = None) -> pd.DataFrame:
    """One row a figure: means, with Monte Carlo errors of the differences from the truth.

    Rows are left out in the first `left_out` replicates only, in all without it: that takes most of the time.
    """
    streams = np.random.SeedSequence(seed).spawn(replicates + 1)
    new = sample(20_000 if name != "bayes" else 4_000, np.random.default_rng(streams[-1]))[0]
    values = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProblogitWarning)
        for i, stream in enumerate(streams[:-1]):
            rng = np.random.default_rng(stream)
            method = METHODS[name]
            if name == "bayes":
                method = replace(method, rng=int(rng.integers(2**31)))
            values.append(replicate(method, resamples, rng, new, left_out is None or i < left_out))
    truth, apparent, corrected, pooled, lower, upper = np.moveaxis(np.array(values), 1, 0)
    rows = {}
    for j, figure in enumerate(("slope", "auc")):
        line = {"truth": truth[:, j].mean(), "apparent": apparent[:, j].mean()}
        for label, found in (("bootstrap", corrected), ("left_out", pooled)):
            away = (found - truth)[:, j]
            away = away[~np.isnan(away)]
            error = away.std() / np.sqrt(away.size)
            line |= {label: np.nanmean(found[:, j]), f"{label}_bias": away.mean(), f"{label}_mcse": error}
        line["covered"] = np.mean((lower[:, j] <= truth[:, j]) & (truth[:, j] <= upper[:, j]))
        rows[figure] = line
    return pd.DataFrame(rows).T


def main() -> None:
    """Print the figures of one method."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--method", choices=METHODS, default="mle")
    options.add_argument("--replicates", type=int, default=500)
    options.add_argument("--resamples", type=int, default=200)
    options.add_argument("--left-out", type=int, help="replicates in which rows are left out; all without it")
    options.add_argument("--seed", type=int, default=0)
    chosen = options.parse_args()
    table = study(chosen.method, chosen.replicates, chosen.resamples, chosen.seed, chosen.left_out)
    print(
        f"{chosen.method}: {chosen.replicates} replicates, {chosen.resamples} resamples, seed {chosen.seed}"
    )
    print(table.round(4).to_string())


if __name__ == "__main__":
    main()
