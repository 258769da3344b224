"""Long reference posteriors by NumPyro's NUTS, and an independent check of them by importance sampling.

    python make_posteriors.py [NAME ...]       writes posteriors.json beside this script (all cases, or only the named)

Needs numpyro, jax, arviz-stats, formulaic, pandas, statsmodels. The model: y ~ Binomial(m, expit(X beta)), a flat
intercept, every slope independent Normal(0, scale) or Laplace(0, scale) in original units. NUTS moves in coordinates
whitened by the curvature of a smooth stand-in at its mode; the density is the exact one.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
from formulaic import model_matrix
from scipy import special, stats

HERE = Path(__file__).resolve().parent
CHAINS, DRAWS, WARMUP = 8, 25_000, 2_000
QUANTILES = (0.025, 0.05, 0.25, 0.5, 0.75, 0.95, 0.975)
IMPORTANCE_TERMS = 600_000_000  # rows x draws of the check, which has at most 2 000 000 draws
HEAD = 5

jax.config.update("jax_enable_x64", True)


@dataclass(frozen=True)
class Case:
    name: str
    data: str
    formula: str
    family: str
    scale: float
    seed: int
    trials: str | None = None

    def arrays(self) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
        """Terms, X, successes, trials."""
        source, _, name = self.data.partition(":")
        if name:
            from statsmodels import datasets

            frame = getattr(datasets, name).load_pandas().data
        else:
            frame = pd.read_csv(HERE.parent / "data" / f"{source}.csv")
        left, right = self.formula.split(" ~ ", 1)
        matrix = model_matrix(right, frame)
        y = frame[left].to_numpy(float)
        m = frame[self.trials].to_numpy(float) if self.trials else np.ones(len(y))
        return list(matrix.columns), np.asarray(matrix, float), y, m


GERMAN = "bad ~ " + " + ".join(f"x{j}" for j in range(1, 25))
WELLS = "switched ~ dist100 + arsenic + assoc + educ4"
SPECTOR = "GRADE ~ GPA + TUCE + PSI"
COUNTS = "successes ~ year + I(year ** 2)"
CASES = (
    Case("spector_normal", "statsmodels:spector", SPECTOR, "Normal", 2.5, 101),
    Case("spector_laplace", "statsmodels:spector", SPECTOR, "Laplace", 1.0, 102),
    Case("wells_normal", "wells", WELLS, "Normal", 2.5, 103),
    Case("wells_laplace", "wells", WELLS, "Laplace", 1.0, 104),
    Case("german_credit_normal", "german_credit", GERMAN, "Normal", 1.0, 105),
    Case("german_credit_laplace", "german_credit", GERMAN, "Laplace", 0.2, 106),
    Case("rare_level_normal", "rare_level", "y ~ group + x", "Normal", 2.5, 107),
    Case("rare_level_laplace", "rare_level", "y ~ group + x", "Laplace", 1.0, 108),
    Case("counts_normal", "glm_binomial", COUNTS, "Normal", 2.5, 109, trials="trials"),
    Case("counts_laplace", "glm_binomial", COUNTS, "Laplace", 0.5, 110, trials="trials"),
)


# ---- the posterior, twice: NumPy for the mode and the check, JAX for NUTS -----------------------------------------
def stand_in(case: Case, X: np.ndarray, y: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mode and covariance with a Normal prior of the same variance: only a choice of coordinates."""
    sd = case.scale * (np.sqrt(2.0) if case.family == "Laplace" else 1.0)
    precision = np.concatenate([[0.0], np.full(X.shape[1] - 1, 1 / sd**2)])
    b = np.zeros(X.shape[1])
    for _ in range(100):
        p = special.expit(X @ b)
        H = (X * (m * p * (1 - p))[:, None]).T @ X + np.diag(precision)
        step = np.linalg.solve(H, X.T @ (y - m * p) - precision * b)
        b = b + step
    assert np.max(np.abs(step) * np.sqrt(np.diag(H))) < 1e-8
    return b, np.linalg.inv(H)


def log_density(case: Case, X: np.ndarray, y: np.ndarray, m: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Log posterior of every row of B, up to a constant."""
    out = np.empty(len(B))
    for part in np.array_split(np.arange(len(B)), max(1, len(B) * len(y) // 4_000_000)):
        eta = X @ B[part].T
        slopes = B[part, 1:] / case.scale
        prior = -0.5 * slopes**2 if case.family == "Normal" else -np.abs(slopes)
        out[part] = y @ eta - m @ np.logaddexp(0, eta) + prior.sum(axis=1)
    return out


def sample(case: Case, X: np.ndarray, y: np.ndarray, m: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Draws (chain, draw, term) of NumPyro's NUTS, and what the sampler says of itself."""
    import jax.numpy as jnp
    from jax.nn import softplus
    from numpyro.infer import MCMC, NUTS

    centre, cov = stand_in(case, X, y, m)
    L = np.linalg.cholesky(cov)

    def potential(z: jax.Array) -> jax.Array:
        beta = centre + L @ z
        eta = jnp.asarray(X) @ beta
        loglik = jnp.sum(y * eta - m * softplus(eta))  # softplus is logaddexp(eta, 0)
        slopes = beta[1:] / case.scale
        prior = -0.5 * jnp.sum(slopes**2) if case.family == "Normal" else -jnp.sum(jnp.abs(slopes))
        return -(loglik + prior)

    kernel = NUTS(potential_fn=potential, target_accept_prob=0.9, dense_mass=True)
    mcmc = MCMC(
        kernel,
        num_warmup=WARMUP,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    start = np.random.default_rng(case.seed).normal(size=(CHAINS, X.shape[1])) * 2
    mcmc.run(
        jax.random.PRNGKey(case.seed),
        init_params=jnp.asarray(start),
        extra_fields=("diverging", "num_steps", "accept_prob"),
    )
    extra = mcmc.get_extra_fields(group_by_chain=True)
    z = np.asarray(mcmc.get_samples(group_by_chain=True))
    return centre + z @ L.T, {
        "divergences": int(np.sum(extra["diverging"])),
        "leapfrog_steps": int(np.sum(extra["num_steps"])),
        "accept_prob": float(np.mean(extra["accept_prob"])),
    }


def error_of_sd(x: np.ndarray) -> float:
    """Monte Carlo error of an sd, from that of the mean squared deviation (arviz-stats 0.8 takes that of the draws)."""
    from arviz_stats.base import array_stats

    squares = (x - x.mean()) ** 2
    return float(array_stats.mcse(squares, method="mean") / (2 * np.sqrt(squares.mean())))


# ---- figures ----------------------------------------------------------------------------------------------------
def figures(draws: np.ndarray) -> dict[str, list[float]]:
    """Moments, quantiles, their Monte Carlo errors and diagnostics of draws (chain, draw, quantity), by arviz-stats."""
    from arviz_stats.base import array_stats

    a = np.ascontiguousarray(np.moveaxis(draws, -1, 0))  # (quantity, chain, draw)

    def each(function: Callable[..., Any], *of: Any, **options: Any) -> list[float]:
        return [float(function(x, *of, **options)) for x in a]

    out = {
        "mean": each(np.mean),
        "mean_mcse": each(array_stats.mcse, method="mean"),
        "sd": each(np.std, ddof=1),
        "sd_mcse": each(error_of_sd),
    }
    for q in QUANTILES:
        key = f"q{100 * q:g}"
        out[key] = each(np.quantile, q)
        out[f"{key}_mcse"] = each(array_stats.mcse, method="quantile", prob=q)
    out["r_hat"] = each(array_stats.rhat, method="rank")
    out["ess_bulk"] = each(array_stats.ess, method="bulk")
    out["ess_tail"] = each(array_stats.ess, method="tail", prob=(0.05, 0.95))
    return out


def importance_sample(
    case: Case, X: np.ndarray, y: np.ndarray, m: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Draws, normalised weights and k-hat: a multivariate t with 7 degrees of freedom, located twice."""
    from arviz_stats.base import array_stats

    rng = np.random.default_rng(1000 + case.seed)
    centre, cov = stand_in(case, X, y, m)
    draws = min(2_000_000, IMPORTANCE_TERMS // len(y))
    for n in (draws // 10, draws):
        proposal = stats.multivariate_t(centre, cov, df=7, seed=rng)
        B = proposal.rvs(n)
        log_ratio = log_density(case, X, y, m, B) - proposal.logpdf(B)
        w = np.exp(log_ratio - log_ratio.max())
        w = w / w.sum()
        centre = w @ B
        cov = (B - centre).T @ ((B - centre) * w[:, None]) * (5 / 7)
    return B, w, float(array_stats.psislw(-log_ratio)[1])  # its argument is minus the log weight


def agreement(found: dict[str, list[float]], B: np.ndarray, w: np.ndarray) -> dict[str, float]:
    """Largest |difference| over its Monte Carlo error (both sides) for means, standard deviations and quantiles."""
    z: dict[str, list[float]] = {"mean": [], "sd": [], "quantile": []}
    for j in range(B.shape[1]):
        b = B[:, j]
        mean = w @ b
        deviation = b - mean
        variance = w @ deviation**2
        sd = np.sqrt(variance)
        mean_error = np.sqrt(np.sum((w * deviation) ** 2))
        sd_error = np.sqrt(np.sum((w * (deviation**2 - variance)) ** 2)) / (2 * sd)
        z["mean"].append((found["mean"][j] - mean) / np.hypot(found["mean_mcse"][j], mean_error))
        z["sd"].append((found["sd"][j] - sd) / np.hypot(found["sd_mcse"][j], sd_error))
        for q in QUANTILES:
            at, error = found[f"q{100 * q:g}"][j], found[f"q{100 * q:g}_mcse"][j]
            below = b <= at
            h = 0.05 * sd
            density = w @ (np.abs(b - at) < h) / (2 * h)
            z["quantile"].append(
                (w @ below - q) / np.hypot(np.sqrt(np.sum((w * (below - q)) ** 2)), density * error)
            )
    return {f"max_abs_z_{k}": float(np.max(np.abs(v))) for k, v in z.items()}


def run(case: Case) -> dict[str, Any]:
    start = time.perf_counter()
    terms, X, y, m = case.arrays()
    draws, sampler = sample(case, X, y, m)
    seconds = time.perf_counter() - start
    beta = figures(draws)
    flat = draws.reshape(-1, len(terms))
    probability = figures(special.expit(draws @ X[:HEAD].T))
    keep = ("mean", "mean_mcse", "q2.5", "q2.5_mcse", "q97.5", "q97.5_mcse")
    B, w, k_hat = importance_sample(case, X, y, m)
    sampler |= {
        "max_r_hat": max(beta["r_hat"]),
        "min_ess_bulk": min(beta["ess_bulk"]),
        "min_ess_tail": min(beta["ess_tail"]),
    }
    check = {"draws": len(w), "ess": float(1 / np.sum(w**2)), "k_hat": k_hat, **agreement(beta, B, w)}
    print(f"{case.name:22s} {seconds:5.0f} s", sampler, check, flush=True)
    return {
        "name": case.name,
        "data": case.data,
        "formula": case.formula,
        "event": None,
        "trials": case.trials,
        "weights": None,
        "weights_type": None,
        "offset": None,
        "prior": {"family": case.family, "scale": case.scale, "loc": 0.0, "intercept": "flat"},
        "terms": terms,
        "nobs": len(y),
        "seed": case.seed,
        "sampler": sampler,
        "check": check,
        "beta": beta,
        "cov": np.cov(flat, rowvar=False).tolist(),
        "rows": {"position": list(range(HEAD)), "probability": {k: probability[k] for k in keep}},
    }


def main() -> None:
    from importlib.metadata import version

    path = HERE / "posteriors.json"
    wanted = sys.argv[1:]
    made_with = {
        **{p: version(p) for p in ("numpyro", "jax", "arviz-stats")},
        "chains": CHAINS,
        "draws": DRAWS,
        "warmup": WARMUP,
    }
    known = {c["name"]: c for c in json.loads(path.read_text())["cases"]} if path.exists() else {}
    for case in CASES:
        if wanted and case.name not in wanted:
            continue
        known[case.name] = run(case)
        ordered = [known[c.name] for c in CASES if c.name in known]
        path.write_text(json.dumps({"made_with": made_with, "cases": ordered}, indent=1) + "\n")


if __name__ == "__main__":
    main()
