"""Effective samples per second and per gradient: problogit against plain PyMC, nutpie, bambi and NumPyro.

    python benchmarks/bayes_speed.py [--data spector fair ...] [--engine problogit pymc ...] [--budget 300] [--seed 1]

Every engine samples the same posterior, Normal(0, 2.5 / sd) on every slope and a flat intercept, with 4 chains of
1000 + 1000 steps (problogit's own number of tuning steps) on 2 cores, each in a process of its own. The time runs from
the arrays to the draws: compilation counts, imports do not. Counted is the smallest bulk effective sample size over
all coefficients; a run is void (and said to be) where its largest r-hat exceeds 1.05. Gradients are those of the
kept draws. A run over its budget of seconds is stopped; its rate is then reported as 0.

Data: three real sets and four simulated ones, from 32 to 100 000 rows and 3 to 100 columns, each standardised and raw
(columns with means and scales as they come, or between 0.01 and 100 where simulated).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

CHAINS, DRAWS, TUNE = 4, 1000, 1000
Sampled = tuple[
    np.ndarray, float
]  # draws (chain, draw, coefficient) and gradients; NaN where nothing counts them


def spector() -> tuple[np.ndarray, np.ndarray]:
    from statsmodels.datasets import spector as data

    frame = data.load_pandas()
    return frame.exog.to_numpy(float), frame.endog.to_numpy(float)


def fair() -> tuple[np.ndarray, np.ndarray]:
    from statsmodels.datasets import fair as data

    frame = data.load_pandas().data
    return frame.drop(columns="affairs").to_numpy(float), (frame["affairs"] > 0).to_numpy(float)


def breast_cancer() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    return data.data[:, :10], data.target.astype(float)


def simulated(n: int, p: int, correlation: float) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
    def make() -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(n + p)
        apart = np.abs(np.subtract.outer(np.arange(p), np.arange(p)))
        Z = rng.normal(size=(n, p)) @ np.linalg.cholesky(correlation**apart).T
        eta = Z @ (rng.normal(size=p) / np.sqrt(p)) - 0.5
        scales = 10.0 ** rng.uniform(-2, 2, p)
        y = (rng.random(n) < 1 / (1 + np.exp(-eta))).astype(float)
        return Z * scales + 5 * scales, y

    return make


DATA: dict[str, Callable[[], tuple[np.ndarray, np.ndarray]]] = {
    "spector": spector,
    "fair": fair,
    "breast_cancer": breast_cancer,
    "3000x5": simulated(3000, 5, 0.3),
    "3000x10": simulated(3000, 10, 0.8),
    "1000x100": simulated(1000, 100, 0.5),
    "100000x20": simulated(100_000, 20, 0.5),
}


def problogit(
    sampler: str, backend: str = "pymc"
) -> Callable[[np.ndarray, np.ndarray, np.ndarray, int], Sampled]:
    def run(X: np.ndarray, y: np.ndarray, scales: np.ndarray, seed: int) -> Sampled:
        import problogit as plg

        names = [f"x{j}" for j in range(X.shape[1])]
        terms = {name: plg.Normal(float(scale)) for name, scale in zip(names, scales, strict=True)}
        method = plg.Bayes(
            plg.Priors(plg.Normal(1.0), terms),
            sampler=sampler,
            backend=backend,
            draws=DRAWS,
            chains=CHAINS,
            rng=seed,
        )
        fit = plg.LogitModel.from_arrays(X, y, names=names).fit(method)
        tree = fit.to_datatree(log_likelihood=False)
        stats = tree["sample_stats"] if "sample_stats" in tree.children else {}
        steps = float(stats["n_steps"].values.sum()) if "n_steps" in stats else float("nan")
        return tree["posterior"]["beta"].values, steps

    return run


def plain_model(X: np.ndarray, y: np.ndarray, scales: np.ndarray) -> Any:
    import pymc as pm

    with pm.Model() as model:
        intercept = pm.Flat("intercept")
        slopes = pm.Normal("slopes", 0.0, scales, shape=X.shape[1])
        pm.Bernoulli("y", logit_p=intercept + pm.math.dot(X, slopes), observed=y)
    return model


def pymc(nuts_sampler: str) -> Callable[[np.ndarray, np.ndarray, np.ndarray, int], Sampled]:
    def run(X: np.ndarray, y: np.ndarray, scales: np.ndarray, seed: int) -> Sampled:
        import pymc as pm

        with plain_model(X, y, scales):
            found = pm.sample(
                DRAWS,
                tune=TUNE,
                chains=CHAINS,
                cores=2,
                random_seed=seed,
                nuts_sampler=nuts_sampler,
                progressbar=False,
                compute_convergence_checks=False,
            )
        level = np.asarray(found["posterior"]["intercept"].values)[..., None]
        draws = np.concatenate([level, np.asarray(found["posterior"]["slopes"].values)], axis=-1)
        return draws, float(found["sample_stats"]["n_steps"].values.sum())

    return run


def bambi(X: np.ndarray, y: np.ndarray, scales: np.ndarray, seed: int) -> Sampled:
    import bambi as bmb
    import pandas as pd

    names = [f"x{j}" for j in range(X.shape[1])]
    priors: dict[str, Any] = {
        name: bmb.Prior("Normal", mu=0, sigma=scale) for name, scale in zip(names, scales, strict=True)
    }
    priors["Intercept"] = bmb.Prior("Flat")
    frame = pd.DataFrame(X, columns=names).assign(y=y.astype(int))
    model = bmb.Model(f"y ~ {' + '.join(names)}", frame, family="bernoulli", priors=priors)
    found = model.fit(draws=DRAWS, tune=TUNE, chains=CHAINS, cores=2, random_seed=seed, progressbar=False)
    posterior = found["posterior"]
    draws = np.stack([np.asarray(posterior[name].values) for name in ("Intercept", *names)], axis=-1)
    return draws, float(found["sample_stats"]["n_steps"].values.sum())


def numpyro(X: np.ndarray, y: np.ndarray, scales: np.ndarray, seed: int) -> Sampled:
    import jax
    import numpyro as npy
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS

    def model() -> None:
        level = npy.sample("intercept", dist.ImproperUniform(dist.constraints.real, (), ()))
        slopes = npy.sample("slopes", dist.Normal(0.0, scales).to_event(1))
        npy.sample("y", dist.Bernoulli(logits=level + X @ slopes), obs=y)

    sampler = MCMC(
        NUTS(model),
        num_warmup=TUNE,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method="parallel",
        progress_bar=False,
    )
    sampler.run(jax.random.PRNGKey(seed), extra_fields=("num_steps",))
    found = sampler.get_samples(group_by_chain=True)
    draws = np.concatenate([np.asarray(found["intercept"])[..., None], np.asarray(found["slopes"])], axis=-1)
    return draws, float(np.sum(sampler.get_extra_fields()["num_steps"]))


ENGINES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, int], Sampled]] = {
    "problogit": problogit("nuts"),
    "problogit-nutpie": problogit("nuts", "nutpie"),
    "problogit-laplace": problogit("laplace"),
    "pymc": pymc("pymc"),
    "nutpie": pymc("nutpie"),
    "bambi": bambi,
    "numpyro": numpyro,
}


def import_engine(engine: str) -> None:
    """Imports are not part of the race."""
    if engine == "numpyro":
        import numpyro

        numpyro.set_host_device_count(CHAINS)
        numpyro.enable_x64()
    elif engine == "bambi":
        import bambi  # noqa: F401
    elif engine != "problogit-laplace":
        import pymc  # noqa: F401
    import problogit.arviz_io  # noqa: F401


def run_one(engine: str, name: str, layout: str, seed: int) -> dict[str, float]:
    """Time one engine on one data set."""
    from problogit.arviz_io import effective_sizes, r_hat

    X, y = DATA[name]()
    if layout == "standardised":
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    # As problogit's autoscaling: sd of a column with more than two values, range of one with two.
    two = np.array([np.unique(column).size == 2 for column in X.T])
    scales = 2.5 / np.where(two, np.ptp(X, axis=0), X.std(axis=0))
    import_engine(engine)
    began = time.perf_counter()
    draws, gradients = ENGINES[engine](X, y, scales, seed)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "ess": float(effective_sizes(draws)[0].min()),
        "r_hat": float(r_hat(draws).max()),
        "gradients": gradients,
    }


def in_own_process(engine: str, name: str, layout: str, seed: int, budget: float) -> dict[str, float] | str:
    """The figures of one run, or why there are none."""
    command = [sys.executable, __file__, "--one", engine, name, layout, "--seed", str(seed)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=budget, check=False)
    except subprocess.TimeoutExpired:
        return f"over {budget:.0f} s"
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1][:90] if done.stderr.strip() else "failed"
    return json.loads(done.stdout.strip().splitlines()[-1])


def race(names: list[str], engines: list[str], seed: int, budget: float) -> None:
    """Run all engines on all data and print rates and ratios."""
    ratios: dict[tuple[str, str], list[float]] = {}
    print(
        f"{'data':28}{'engine':20}{'seconds':>9}{'min ESS':>9}{'r-hat':>7}{'ESS/s':>9}{'ESS/gradient':>14}{'ratio':>8}"
    )
    for name in names:
        for layout in ("standardised", "raw"):
            reference = float("nan")
            for engine in engines:
                found = in_own_process(engine, name, layout, seed, budget)
                head = f"{name + ', ' + layout:28}{engine:20}"
                if isinstance(found, str):
                    print(f"{head}{found}", flush=True)
                    continue
                void = found["r_hat"] > 1.05  # NaN: independent draws have none
                rate = 0.0 if void else found["ess"] / found["seconds"]
                reference = rate if engine == "problogit" else reference
                ratio = reference / rate if rate else float("inf")
                ratios.setdefault((engine, layout), []).append(ratio)
                print(
                    f"{head}{found['seconds']:9.2f}{found['ess']:9.0f}{found['r_hat']:7.3f}{rate:9.0f}"
                    f"{found['ess'] / found['gradients']:14.4f}{ratio:8.1f}{'  void' if void else ''}",
                    flush=True,
                )
    print("\nmedian of (ESS per second of problogit's NUTS / that of the engine)")
    for (engine, layout), values in ratios.items():
        print(f"{engine:20}{layout:14}{statistics.median(values):8.1f}   least {min(values):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--engine", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--budget", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--one", nargs=3, metavar=("ENGINE", "DATA", "LAYOUT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    if chosen.one:
        print(json.dumps(run_one(*chosen.one, chosen.seed)))
    else:
        race(chosen.data, chosen.engine, chosen.seed, chosen.budget)


if __name__ == "__main__":
    main()
