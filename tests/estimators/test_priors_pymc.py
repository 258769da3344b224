"""The PyMC variable of each prior has the log density of the prior, for arrays of parameters."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from problogit.core.priors import Cauchy, ElasticNet, Flat, Laplace, Normal, Prior, StudentT

SCALE, LOC = np.array([0.5, 2.0, 7.0]), np.array([0.0, -1.0, 0.3])
POINTS = np.array([[0.2, -3.0, 10.0], [0.0, -1.0, 0.3], [-40.0, 25.0, -1.0]])
PRIORS = [
    Flat(),
    Normal(SCALE, LOC),
    Laplace(SCALE, LOC),
    ElasticNet(1 / SCALE, np.array([0.0, 0.5, 3.0]), LOC),
    ElasticNet(0.7, 0.2),
    StudentT(np.array([1.0, 3.0, 8.0]), SCALE, LOC),
    Cauchy(SCALE, LOC),
]


@pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.family)
def test_pymc_log_density_equals_ours(prior: Prior) -> None:
    with pm.Model(coords={"term": ["a", "b", "c"]}) as model:
        prior.pymc(pm, "beta", dims="term")
    logp = model.compile_logp(mode="FAST_COMPILE")
    theirs = [float(logp({"beta": point})) for point in POINTS]
    np.testing.assert_allclose(theirs, prior.log_density(POINTS).sum(axis=1), rtol=1e-10, atol=1e-10)


# PyMC 6 compiles with Numba, which runs any random function written in NumPy in object mode and says so.
@pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")
def test_elastic_net_can_be_drawn_from_for_prior_predictive_checks() -> None:
    prior = ElasticNet(np.array([0.0, 1.0, 2.0]), np.array([4.0, 0.0, 1.5]), LOC)
    with pm.Model():
        beta = prior.pymc(pm, "beta", shape=3)
        draw = pm.draw(beta, draws=2, random_seed=5, mode="FAST_COMPILE")
    assert draw.shape == (2, 3)
    assert np.isfinite(draw).all()
