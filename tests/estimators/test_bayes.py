"""The Bayesian engine: options, refusals, agreement with independent posteriors, reproducibility, diagnostics."""

from __future__ import annotations

import logging
import warnings

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import expit

import problogit as plg
from problogit.errors import ConvergenceWarning, EstimationError, InputError
from problogit.estimate import Status
from problogit.estimators.posterior_checks import Convergence, check_draws, energy_fraction

SHORT = {"draws": 400, "tune": 200, "rng": 20261121}


def model(n: int = 80, seed: int = 3, **keywords):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    y = (rng.random(n) < expit(-0.4 + 0.9 * x)).astype(int)
    return plg.LogitModel.from_arrays(x[:, None], y, names=["x"], **keywords)


def with_rare_level():
    """200 rows of which 2 have a level whose outcomes are all events."""
    rng = np.random.default_rng(0)
    x, level = rng.normal(size=200), np.zeros(200)
    level[:2] = 1
    y = (rng.random(200) < expit(x - 0.5)).astype(int)
    y[:2] = 1
    return plg.LogitModel.from_arrays(np.column_stack([x, level]), y, names=["x", "rare"])


# -- options ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"prior": 2.5}, "prior must be a prior; received 2.5"),
        (
            {"sampler": "nut"},
            "sampler must be one of 'nuts', 'laplace', 'auto'; received 'nut'. Did you mean 'nuts'",
        ),
        ({"draws": 3}, "draws must be an integer of at least 4; received 3"),
        ({"tune": -1}, "tune must be an integer of at least 0"),
        ({"chains": 0}, "chains must be an integer of at least 1"),
        ({"cores": 0}, "cores must be an integer of at least 1"),
        (
            {"target_accept": 80},
            "target_accept must lie strictly between 0 and 1; received 80. For 80% write 0.8",
        ),
        ({"rng": "seed"}, "rng must be a non-negative int"),
    ],
)
def test_bad_options_are_named(option, words):
    with pytest.raises(InputError, match=words):
        plg.Bayes(**option)


def test_unknown_option_is_a_type_error():
    with pytest.raises(TypeError):
        plg.Bayes(thin=2)


def test_defaults_and_words():
    method = plg.Bayes()
    assert (method.draws, method.tune, method.chains, method.cores) == (1000, None, 4, None)
    assert method.prior == plg.Normal(2.5, autoscale=True)
    assert method.name == "Bayes"
    assert "Normal(0, 2.5), autoscaled" in method.describe()
    assert method.mode_finder() == plg.Penalized(method.prior)


# -- posteriors that do not exist --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (plg.Flat(), r"posterior does not exist.*rare \(\+Inf\).*proper prior"),
        (plg.Priors(plg.Normal(1.0), {"rare": plg.Flat()}), "posterior does not exist.*rare"),
    ],
)
def test_flat_priors_on_separated_terms_are_refused(prior, words):
    with pytest.raises(EstimationError, match=words):
        with_rare_level().fit(plg.Bayes(prior))


def test_flat_priors_on_aliased_columns_are_refused():
    rng = np.random.default_rng(1)
    x = rng.normal(size=50)
    y = (rng.random(50) < 0.5).astype(int)
    both = plg.LogitModel.from_arrays(np.column_stack([x, 2 * x]), y, names=["x", "twice"])
    with pytest.raises(EstimationError, match="posterior does not exist.*twice = 2 x"):
        both.fit(plg.Bayes(plg.Flat()))


def test_constant_response_needs_a_proper_intercept():
    x = np.linspace(-1, 1, 20)[:, None]
    flat = plg.LogitModel.from_arrays(x, np.ones(20, dtype=int), event=1)
    with pytest.raises(EstimationError, match="posterior does not exist.*constant.*intercept"):
        flat.fit(plg.Bayes())
    prior = plg.Priors(plg.Normal(1.0), intercept=plg.Normal(2.0))
    assert flat.fit(plg.Bayes(prior, rng=1)).coef["Intercept"] > 1


def test_cauchy_tails_with_a_flat_intercept_are_refused_under_complete_separation():
    x = np.linspace(-1, 1, 20)
    apart = plg.LogitModel.from_arrays(x[:, None], (x > 0).astype(int), names=["x"])
    with pytest.raises(
        EstimationError,
        match=r"separated and the prior of Intercept is flat.*for x .*Give Intercept a proper prior",
    ):
        apart.fit(plg.Bayes(plg.Cauchy(2.5)))


def test_sampling_weights_are_refused():
    weights = np.random.default_rng(2).uniform(0.5, 2, 80)
    with pytest.raises(InputError, match=r"weights_type.*sampling.*MLE\(\)"):
        model(weights=weights, weights_type="sampling").fit(plg.Bayes())


# -- agreement ---------------------------------------------------------------------------------------------------------


def grid_moments(X, y, log_prior):
    """Means, sds and P(slope > 0) of a two-coefficient posterior by quadrature on a grid of 401 x 401 points."""
    grids = [np.linspace(low, high, 401) for low, high in ((-2.5, 1.5), (-1.0, 3.0))]
    first, second = np.meshgrid(*grids, indexing="ij")
    density = log_prior(first, second)
    for row, outcome in zip(X, y, strict=True):
        eta = first + second * row
        density += outcome * eta - np.logaddexp(0, eta)
    weight = np.exp(density - density.max())
    marginals = [trapezoid(weight, grids[1], axis=1), trapezoid(weight, grids[0], axis=0)]
    moments = []
    for grid, marginal in zip(grids, marginals, strict=True):
        total = trapezoid(marginal, grid)
        mean = trapezoid(grid * marginal, grid) / total
        moments.append((mean, np.sqrt(trapezoid((grid - mean) ** 2 * marginal, grid) / total)))
    return moments


@pytest.mark.parametrize(
    ("prior", "log_prior"),
    [
        (plg.Normal(0.5), lambda a, b: -0.5 * (b / 0.5) ** 2),
        (plg.Laplace(0.2), lambda a, b: -np.abs(b) / 0.2),
        (plg.Cauchy(0.3), lambda a, b: -np.log1p((b / 0.3) ** 2)),
        pytest.param(
            plg.Priors(plg.StudentT(3, 0.4, loc=1.0), intercept=plg.Normal(0.3, loc=-1.0)),
            lambda a, b: -2 * np.log1p(((b - 1) / 0.4) ** 2 / 3) - 0.5 * ((a + 1) / 0.3) ** 2,
            marks=pytest.mark.slow,
        ),
    ],
    ids=["normal", "laplace", "cauchy", "shifted"],
)
def test_moments_against_quadrature(prior, log_prior):
    this = model()
    fit = this.fit(plg.Bayes(prior, draws=1000, tune=300, rng=7))
    expected = grid_moments(this.X[:, 1], this.y, log_prior)
    table = fit.summary()
    for j, (mean, sd) in enumerate(expected):
        error = table["std_error"].iloc[j] / np.sqrt(table["ess_bulk"].iloc[j])
        assert abs(table["estimate"].iloc[j] - mean) < 3.5 * error
        # The relative standard error of an sd from draws of a nearly normal quantity is about 1/sqrt(2 ess).
        assert abs(table["std_error"].iloc[j] / sd - 1) < 3.5 / np.sqrt(2 * table["ess_tail"].iloc[j])


def test_offset_weights_and_trials_mean_what_they_say():
    rng = np.random.default_rng(8)
    x, m, shift = rng.normal(size=40), rng.integers(1, 5, 40), rng.normal(size=40)
    s = rng.binomial(m, expit(0.5 * x + shift))
    together = plg.LogitModel.from_arrays(x[:, None], s, trials=m, offset=shift, names=["x"])
    copies = np.repeat(np.arange(40), m)
    outcome = np.concatenate([np.repeat([1, 0], [a, b - a]) for a, b in zip(s, m, strict=True)])
    single = plg.LogitModel.from_arrays(x[copies][:, None], outcome, offset=shift[copies], names=["x"])
    method = plg.Bayes(plg.Normal(1.0), **SHORT)
    one, other = together.fit(method), single.fit(method)
    error = np.hypot(
        *(fit.summary()["std_error"] / np.sqrt(fit.summary()["ess_bulk"]) for fit in (one, other))
    )
    assert np.all(np.abs(one.coef - other.coef) < 4 * error)


def test_intercept_only_model():
    y = np.r_[np.ones(30), np.zeros(70)].astype(int)
    fit = plg.LogitModel.from_arrays(np.empty((100, 0)), y).fit(plg.Bayes(tune=200, rng=1))
    # A flat prior on the log-odds is the improper Beta(0, 0): the posterior of p is Beta(30, 70).
    p = expit(fit.draws()[:, 0])
    assert abs(p.mean() - 0.3) < 4 * p.std() / np.sqrt(fit.summary()["ess_bulk"].iloc[0])
    assert p.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 101), rel=0.1)


# -- what a fit holds --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fit():
    return model().fit(plg.Bayes(**SHORT))


def test_result_holds_draws_statistics_and_provenance(fit):
    estimate = fit.estimate
    details = estimate.details
    assert estimate.coefficients.chains.shape == (4, 400, 2)
    assert set(details.statistics) >= {
        "diverging",
        "energy",
        "n_steps",
        "tree_depth",
        "reached_max_treedepth",
    }
    assert all(values.shape == (4, 400) for values in details.statistics.values())
    assert estimate.provenance.seed == SHORT["rng"]
    assert estimate.provenance.seconds > 0
    assert {"nutpie", "arviz-stats"} <= set(estimate.provenance.versions)
    assert "NUTS" in estimate.provenance.engine
    # Leapfrog steps of the draws, and of tuning on top.
    assert details.gradients > details.statistics["n_steps"].sum()
    np.testing.assert_array_equal(np.asarray(fit.raw["posterior"]["z"].values).shape, (4, 400, 2))
    assert list(details.prior.flat) == [True, False]


def test_log_density_of_the_draws_is_recorded(fit):
    """The statistic `lp` is the log density of the whitened posterior at each draw: it differs by a constant."""
    estimate = fit.estimate
    draws = estimate.coefficients.flat
    direct = estimate.problem.likelihood.batch(draws) + estimate.details.prior.batch(draws)
    assert np.ptp(direct - estimate.details.statistics["lp"].ravel()) < 1e-8


def test_summary_has_the_columns_of_a_posterior(fit):
    table = fit.summary()
    assert list(table.columns) == [
        *("estimate", "std_error", "lower", "upper", "interval"),
        *("r_hat", "ess_bulk", "ess_tail", "prob_positive"),
    ]
    assert (table["interval"] == "credible-eti").all()
    assert (table["r_hat"] < 1.02).all()
    assert table.loc["x", "prob_positive"] == np.mean(fit.draws()[:, 1] > 0)
    assert fit.status is Status.CONVERGED


def test_likelihood_figures_are_those_at_the_posterior_mean(fit):
    problem = fit.estimate.problem
    assert fit.loglik == pytest.approx(problem.row_likelihood.value(fit.coef.to_numpy()))
    assert np.isnan(fit.aic)
    assert np.isnan(fit.df_model)


# -- the same again ----------------------------------------------------------------------------------------------------


def test_same_rng_same_draws_on_any_number_of_cores(fit):
    chains = fit.estimate.coefficients.chains
    for cores in (1, 2):
        again = model().fit(plg.Bayes(cores=cores, **SHORT))
        np.testing.assert_array_equal(again.estimate.coefficients.chains, chains)


def test_other_rng_other_draws_and_chains_differ(fit):
    chains = fit.estimate.coefficients.chains
    other = model().fit(plg.Bayes(**(SHORT | {"rng": 4}))).estimate.coefficients.chains
    assert not np.array_equal(other, chains)
    assert not np.array_equal(chains[0], chains[1])


@pytest.mark.filterwarnings("ignore::problogit.errors.ConvergenceWarning")  # too short to be judged well
def test_generator_advances_and_its_entropy_is_kept():
    rng = np.random.default_rng(9)
    first = model().fit(plg.Bayes(draws=100, tune=50, rng=rng, chains=2, target_accept=0.7), progress=False)
    seed = first.estimate.provenance.seed
    again = model().fit(plg.Bayes(draws=100, tune=50, rng=seed, chains=2, target_accept=0.7), progress=False)
    np.testing.assert_array_equal(first.estimate.coefficients.chains, again.estimate.coefficients.chains)


def test_nothing_of_the_callers_is_touched(capfd, caplog):
    levels = {name: logging.getLogger(name).level for name in ("pymc", "pytensor", "root")}
    np.random.seed(1)  # noqa: NPY002  # the global state is what is tested
    expected = np.random.RandomState(1).rand()
    handlers = list(logging.getLogger("pymc").handlers)
    with caplog.at_level(logging.INFO):
        model().fit(plg.Bayes(**SHORT), progress=False)
    out, _ = capfd.readouterr()
    assert out == ""
    assert [record for record in caplog.records if record.name.startswith("pymc")] == []
    assert np.random.rand() == expected  # noqa: NPY002  # as above
    assert {name: logging.getLogger(name).level for name in levels} == levels
    assert logging.getLogger("pymc").handlers == handlers


class Recorder:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.said: list[tuple] = []

    def start(self, label: str, total: int) -> None:
        self.said.append(("start", label, total))

    def advance(self, amount: int = 1, note: str = "") -> None:
        self.said.append(("advance", amount, note))

    def finish(self) -> None:
        self.said.append(("finish",))


@pytest.mark.filterwarnings("ignore::problogit.errors.ConvergenceWarning")  # too short to be judged well
@pytest.mark.parametrize(("backend", "cores"), [("pymc", 1), ("pymc", 2), ("nutpie", 1)])
def test_progress_counts_every_step_of_every_chain(backend, cores):
    recorder = Recorder()
    sampler = plg.Bayes(draws=60, tune=45, chains=3, rng=1, cores=cores, backend=backend)
    model().fit(sampler, progress=recorder)
    assert recorder.said[0] == ("start", "Sampling", 3 * 105)
    assert sum(said[1] for said in recorder.said if said[0] == "advance") == 3 * 105
    assert recorder.said[-1] == ("finish",)


# -- diagnostics -------------------------------------------------------------------------------------------------------


def healthy(n_terms: int = 2, n_chains: int = 4) -> tuple[Convergence, dict]:
    good = np.full(n_terms, 1.0)
    convergence = Convergence(good, 1000 * good, 1000 * good, 0.01 * good)
    energy = np.random.default_rng(0).normal(size=(n_chains, 500))
    none = np.zeros((n_chains, 500), dtype=bool)
    return convergence, {"diverging": none, "energy": energy, "reached_max_treedepth": none}


TERMS = ("Intercept", "x")


def test_a_healthy_run_has_no_findings():
    assert check_draws(*healthy(), TERMS) == ()


@pytest.mark.parametrize(
    ("code", "change", "words"),
    [
        ("divergences", {"diverging": 3}, "3 of 2000 draws ended in a divergence"),
        ("tree-depth", {"reached_max_treedepth": 5}, "5 of 2000 draws used the longest path"),
        ("r-hat", {"r_hat": 1.02}, "r-hat reaches 1.020, above 1.01 .* for x"),
        ("r-hat", {"r_hat": np.nan}, "r-hat reaches nan"),
        ("ess", {"ess_bulk": 399}, "falls to 399, below 400"),
        ("ess", {"ess_tail": 120}, "falls to 120, below 400"),
    ],
)
def test_each_threshold_makes_its_finding(code, change, words):
    convergence, statistics = healthy()
    for name, value in change.items():
        if name in statistics:
            statistics[name] = np.arange(2000).reshape(4, 500) < value
        else:
            figures = {
                key: getattr(convergence, key).copy()
                for key in ("r_hat", "ess_bulk", "ess_tail", "mcse_mean")
            }
            figures[name][1] = value
            convergence = Convergence(**figures)
    (finding,) = check_draws(convergence, statistics, TERMS)
    assert finding.code == code
    assert finding.remedy
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(finding.message)


def test_energy_fraction_is_small_for_a_random_walk():
    convergence, statistics = healthy()
    statistics["energy"] = np.cumsum(statistics["energy"], axis=1)
    assert energy_fraction(statistics["energy"]).max() < 0.3
    (finding,) = check_draws(convergence, statistics, TERMS)
    assert finding.code == "energy"


def test_one_chain_is_allowed_and_said():
    with pytest.warns(ConvergenceWarning, match="One chain was sampled"):
        fit = model().fit(plg.Bayes(chains=1, **SHORT))
    assert np.isnan(fit.summary()["r_hat"]).all()
    assert "single-chain" in [finding.code for finding in fit.estimate.findings]


def test_a_run_that_is_too_short_warns_once_and_says_so():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = model().fit(plg.Bayes(draws=30, tune=50, rng=1))
    (warning,) = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    assert "below 400" in str(warning.message)
    assert warning.filename == __file__
    assert fit.status is Status.DIAGNOSTICS_FAILED
    assert not fit.converged


def test_heavy_tails_without_a_mean_are_said():
    x = np.linspace(-1, 1, 20)
    apart = plg.LogitModel.from_arrays(x[:, None], (x > 0).astype(int), names=["x"])
    prior = plg.Priors(plg.StudentT(1.5, 1.0), intercept=plg.Normal(1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = apart.fit(plg.Bayes(prior, **SHORT))
    (finding,) = [f for f in fit.estimate.findings if f.code == "moments"]
    assert finding.terms == ("x",)
    assert "df = 1.5" in finding.message
    assert "standard deviation" in finding.message
    assert "median" in finding.remedy


def test_separated_terms_are_named_in_diagnostics():
    fit = with_rare_level().fit(plg.Bayes(plg.Normal(2.5), **SHORT))
    (finding,) = [f for f in fit.diagnostics().findings if f.code == "separation"]
    assert finding.terms == ("rare",)
    assert fit.coef["rare"] > 0
