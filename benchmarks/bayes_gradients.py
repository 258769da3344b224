"""Effective samples per gradient evaluation and per second: problogit's whitened NUTS against plain `pm.sample`.

    python benchmarks/bayes_gradients.py [--draws 500] [--tune 1000] [--chains 4] [--cores 2]

The design is raw: 3 000 rows, 10 columns with correlations up to 0.8 and scales from 0.01 to 100, one of them with mean
20. Both sample the same posterior (`fit.pymc_model()` is the same density, see tests/estimators/test_bayes_density.py),
one after the other, with the same draws. Counted is the smallest bulk effective sample size over all coefficients.

Plain PyMC starts at zero (`init="adapt_diag"`): from its default start, jittered by one in units of the raw
coefficients, every step diverges on this design and no chain moves (`--jitter` shows it).
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
import warnings

import numpy as np
import pymc as pm

import problogit as plg
from problogit.arviz_io import effective_sizes, r_hat


def raw_design(n: int = 3000, p: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    lag = np.abs(np.subtract.outer(np.arange(p - 1), np.arange(p - 1)))
    scales = 10.0 ** rng.uniform(-2, 2, p - 1)
    scales[0] = 1.0
    Z = rng.normal(size=(n, p - 1)) @ np.linalg.cholesky(0.8**lag).T
    X = Z * scales
    X[:, 0] += 20
    eta = Z @ rng.normal(size=p - 1) * 0.4 - 0.5
    return X, (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(int)


def line(
    name: str, chains: np.ndarray, steps: np.ndarray, all_steps: int, seconds: float
) -> tuple[float, float]:
    ess = float(effective_sizes(chains)[0].min())
    per_gradient, per_second = ess / steps.sum(), ess / seconds
    print(
        f"{name:28s} {ess:9.0f} {float(r_hat(chains).max()):7.3f} {steps.mean():10.1f} {steps.sum():12.0f} "
        f"{all_steps:12.0f} {per_gradient:12.5f} {seconds:8.1f} {per_second:9.1f}"
    )
    return per_gradient, per_second


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jitter", action="store_true", help="start plain PyMC as it does by default")
    options = parser.parse_args()
    warnings.simplefilter("ignore")

    X, y = raw_design()
    model = plg.LogitModel.from_arrays(X, y)
    how = {"draws": options.draws, "tune": options.tune, "chains": options.chains, "cores": options.cores}
    began = time.perf_counter()
    fit = model.fit(plg.Bayes(rng=options.seed, **how), progress=False)
    ours_seconds = time.perf_counter() - began

    steps_in_tuning: list[int] = []
    with fit.pymc_model():
        began = time.perf_counter()
        plain = pm.sample(
            **how,
            nuts_sampler="pymc",
            init="jitter+adapt_diag" if options.jitter else "adapt_diag",
            random_seed=options.seed,
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
            mp_ctx=multiprocessing.get_context("fork"),
            callback=lambda draw, **_: steps_in_tuning.append(int(draw.stats[0]["tree_size"])),
        )
        plain_seconds = time.perf_counter() - began

    print(
        f"PyMC {pm.__version__}, {options.chains} chains of {options.tune} + {options.draws}, "
        f"{X.shape[0]} x {len(model.terms)}"
    )
    print(
        f"{'':28s} {'min ESS':>9s} {'r-hat':>7s} {'steps/draw':>10s} {'gradients':>12s} {'with tuning':>12s} "
        f"{'ESS/gradient':>12s} {'seconds':>8s} {'ESS/s':>9s}"
    )
    details = fit.estimate.details
    ours = line(
        "problogit Bayes",
        fit.estimate.coefficients.chains,
        details.statistics["n_steps"],
        details.gradients,
        ours_seconds,
    )
    theirs = line(
        "pm.sample(fit.pymc_model())",
        np.asarray(plain["posterior"]["beta"].values),
        np.asarray(plain["sample_stats"]["n_steps"].values),
        sum(steps_in_tuning),
        plain_seconds,
    )
    print(
        f"ratio: {ours[0] / theirs[0]:.1f} x per gradient evaluation, {ours[1] / theirs[1]:.1f} x per second"
    )


if __name__ == "__main__":
    main()
