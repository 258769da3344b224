"""Long reference posteriors by NumPyro under heavy-tailed and hierarchical priors, and with more columns than rows.

    python make_hierarchical.py [NAME ...]       writes hierarchical.json beside this script (all cases, or the named)

Needs what make_posteriors.py needs. The models are written out in NumPyro's own language from the definitions of the
priors, without a line of problogit: y ~ Binomial(m, expit(X beta)), and with independent slopes

    StudentT(df, 0, scale);  Cauchy(0, scale);  Normal(0, s) or Laplace(0, s) with s given, or s ~ HalfNormal(hyper);
    Horseshoe (Piironen & Vehtari 2017): beta_j = z_j tau lt_j, z_j ~ Normal(0, 1),
    lt_j^2 = c^2 l_j^2 / (c^2 + tau^2 l_j^2), l_j ~ HalfCauchy(1), tau ~ HalfCauchy(p0 / (p - p0) 2 / sqrt(sum m)),
    c^2 ~ InverseGamma(df/2, df scale^2/2).

The intercept is flat, or Normal(0, 5) at predictors = 0 where the data are separated. Columns are used as they are.
With a flat intercept the sampler moves its value at the predictors' means, which changes nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from make_posteriors import COUNTS, GERMAN, HERE, SPECTOR, WELLS, figures
from make_posteriors import Case as Data

CHAINS = 8
WIDE = "y ~ " + " + ".join(f"x{j}" for j in range(1, 151))
RARE = "y ~ group + x"
SLAB_SCALE, SLAB_DF = 2.5, 4.0

jax.config.update("jax_enable_x64", True)


@dataclass(frozen=True)
class Case:
    """One model. `scale` is a number or, with `hyper`, the scale of the half-normal that it is drawn from."""

    name: str
    data: str
    formula: str
    family: str
    seed: int
    scale: float = 1.0
    df: float = 4.0
    hyper: bool = False
    expected: float = 1.0
    intercept: float | None = None
    trials: str | None = None
    moments: bool = True
    draws: int = 4_000
    warmup: int = 1_000
    accept: float = 0.9

    def arrays(self) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
        """Terms, X, successes, trials."""
        return Data(self.name, self.data, self.formula, "", 0.0, 0, self.trials).arrays()

    def prior(self) -> dict[str, Any]:
        """What the test builds the prior from."""
        intercept = "flat" if self.intercept is None else self.intercept
        common = {"family": self.family, "intercept": intercept}
        if self.family == "Horseshoe":
            return common | {"expected": self.expected}
        if self.family == "StudentT":
            common |= {"df": self.df}
        return common | {"hyper" if self.hyper else "scale": self.scale}


S, R = "statsmodels:spector", 5.0
LONG = {"draws": 10_000, "warmup": 2_000}
HARD = {"accept": 0.99, "draws": 2_000}
CASES = (
    Case("spector_t", S, SPECTOR, "StudentT", 201, **LONG),
    Case("wells_t", "wells", WELLS, "StudentT", 202, scale=0.5, **LONG),
    Case("german_credit_t", "german_credit", GERMAN, "StudentT", 203, scale=0.5, **LONG),
    Case("counts_t", "glm_binomial", COUNTS, "StudentT", 204, trials="trials", **LONG),
    Case("rare_level_t", "rare_level", RARE, "StudentT", 205, intercept=R, moments=False, **LONG),
    Case("wide_t", "wide", WIDE, "StudentT", 206, scale=0.2, intercept=R, **LONG),
    Case("spector_cauchy", S, SPECTOR, "Cauchy", 211, **LONG),
    Case("wells_cauchy", "wells", WELLS, "Cauchy", 212, scale=0.5, **LONG),
    Case("german_credit_cauchy", "german_credit", GERMAN, "Cauchy", 213, scale=0.2, **LONG),
    Case("counts_cauchy", "glm_binomial", COUNTS, "Cauchy", 214, trials="trials", **LONG),
    Case("rare_level_cauchy", "rare_level", RARE, "Cauchy", 215, intercept=R, moments=False, accept=0.99),
    Case("spector_normal_hyper", S, SPECTOR, "Normal", 221, hyper=True, accept=0.95),
    Case("wells_normal_hyper", "wells", WELLS, "Normal", 222, hyper=True, accept=0.95),
    Case("german_credit_normal_hyper", "german_credit", GERMAN, "Normal", 223, hyper=True, accept=0.95),
    Case(
        "counts_normal_hyper", "glm_binomial", COUNTS, "Normal", 224, hyper=True, trials="trials", accept=0.95
    ),
    Case("rare_level_normal_hyper", "rare_level", RARE, "Normal", 225, hyper=True, intercept=R, accept=0.95),
    Case("wide_normal_hyper", "wide", WIDE, "Normal", 226, hyper=True, intercept=R, accept=0.95),
    Case("spector_laplace_hyper", S, SPECTOR, "Laplace", 231, hyper=True, accept=0.95),
    Case("wells_laplace_hyper", "wells", WELLS, "Laplace", 232, hyper=True, accept=0.95),
    Case(
        "rare_level_laplace_hyper", "rare_level", RARE, "Laplace", 235, hyper=True, intercept=R, accept=0.95
    ),
    Case("wide_normal", "wide", WIDE, "Normal", 241, scale=0.3, intercept=R),
    Case("wide_laplace", "wide", WIDE, "Laplace", 242, scale=0.2, intercept=R),
    Case("spector_horseshoe", S, SPECTOR, "Horseshoe", 251, **HARD),
    Case("wells_horseshoe", "wells", WELLS, "Horseshoe", 252, **HARD),
    Case("german_credit_horseshoe", "german_credit", GERMAN, "Horseshoe", 253, expected=5.0, **HARD),
    Case("rare_level_horseshoe", "rare_level", RARE, "Horseshoe", 255, intercept=R, moments=False, **HARD),
    Case("wide_horseshoe", "wide", WIDE, "Horseshoe", 256, expected=5.0, intercept=R, **HARD),
)


def slopes(case: Case, k: int, n: float) -> Any:
    """The k slopes, as NumPyro samples them."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    def many(distribution: Any) -> Any:
        return distribution.expand([k]).to_event(1)

    if case.family == "Horseshoe":
        tau0 = case.expected / (k - case.expected) * 2 / np.sqrt(n)
        tau = numpyro.sample("tau", dist.HalfCauchy(tau0))
        square = numpyro.sample("square", dist.InverseGamma(SLAB_DF / 2, SLAB_DF * SLAB_SCALE**2 / 2))
        local = numpyro.sample("local", many(dist.HalfCauchy(1.0)))
        z = numpyro.sample("z", many(dist.Normal(0.0, 1.0)))
        return z * tau * local * jnp.sqrt(square / (square + tau**2 * local**2))
    if case.family == "StudentT":
        return numpyro.sample("slopes", many(dist.StudentT(case.df, 0.0, case.scale)))
    unit = {"Normal": dist.Normal, "Laplace": dist.Laplace, "Cauchy": dist.Cauchy}[case.family]
    if not case.hyper:
        return numpyro.sample("slopes", many(unit(0.0, case.scale)))
    return numpyro.sample("scale", dist.HalfNormal(case.scale)) * numpyro.sample("z", many(unit(0.0, 1.0)))


def sample(
    case: Case, X: np.ndarray, y: np.ndarray, m: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Draws of beta (chain, draw, term) and of the shared scale, and what the sampler says of itself."""
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from jax.nn import softplus
    from numpyro.infer import MCMC, NUTS

    means = X[:, 1:].mean(axis=0) if case.intercept is None else np.zeros(X.shape[1] - 1)
    columns = jnp.asarray(X[:, 1:] - means)

    def model() -> None:
        level = (
            numpyro.sample("level", dist.ImproperUniform(dist.constraints.real, (), ()))
            if case.intercept is None
            else numpyro.sample("level", dist.Normal(0.0, case.intercept))
        )
        beta = slopes(case, columns.shape[1], float(m.sum()))
        numpyro.deterministic("beta", jnp.concatenate([jnp.reshape(level - means @ beta, (1,)), beta]))
        eta = level + columns @ beta
        numpyro.factor("loglik", jnp.sum(y * eta - m * softplus(eta)))

    kernel = NUTS(model, target_accept_prob=case.accept, dense_mass=X.shape[1] <= 30)
    mcmc = MCMC(
        kernel,
        num_warmup=case.warmup,
        num_samples=case.draws,
        num_chains=CHAINS,
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(case.seed), extra_fields=("diverging", "num_steps", "accept_prob"))
    extra = mcmc.get_extra_fields(group_by_chain=True)
    found = mcmc.get_samples(group_by_chain=True)
    kept = {"beta": np.asarray(found["beta"])}
    if case.hyper:
        kept["scale"] = np.asarray(found["scale"])[..., None]
    return kept, {
        "divergences": int(np.sum(extra["diverging"])),
        "leapfrog_steps": int(np.sum(extra["num_steps"])),
        "accept_prob": float(np.mean(extra["accept_prob"])),
    }


def run(case: Case) -> dict[str, Any]:
    """All figures of one case."""
    start = time.perf_counter()
    terms, X, y, m = case.arrays()
    draws, sampler = sample(case, X, y, m)
    found = {name: figures(values) for name, values in draws.items()}
    beta = found["beta"]
    sampler |= {
        "max_r_hat": max(beta["r_hat"]),
        "min_ess_bulk": min(beta["ess_bulk"]),
        "min_ess_tail": min(beta["ess_tail"]),
    }
    print(f"{case.name:28s} {time.perf_counter() - start:5.0f} s", sampler, flush=True)
    return {
        "name": case.name,
        "data": case.data,
        "formula": case.formula,
        "trials": case.trials,
        "prior": case.prior(),
        "terms": terms,
        "nobs": len(y),
        "seed": case.seed,
        "moments": case.moments,
        "draws": case.draws,
        "warmup": case.warmup,
        "sampler": sampler,
    } | found


def rounded(value: Any) -> Any:
    """Numbers to seven digits: far below their errors."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def main() -> None:
    """Make the cases that are asked for and keep the others."""
    from importlib.metadata import version

    path = HERE / "hierarchical.json"
    wanted = sys.argv[1:]
    chosen: Callable[[Case], bool] = lambda case: not wanted or case.name in wanted  # noqa: E731
    made_with: dict[str, Any] = {p: version(p) for p in ("numpyro", "jax", "arviz-stats")}
    made_with |= {"chains": CHAINS}
    known = {c["name"]: c for c in json.loads(path.read_text())["cases"]} if path.exists() else {}
    for case in filter(chosen, CASES):
        known[case.name] = rounded(run(case))
        ordered = [known[c.name] for c in CASES if c.name in known]
        path.write_text(json.dumps({"made_with": made_with, "cases": ordered}, indent=1) + "\n")


if __name__ == "__main__":
    main()
