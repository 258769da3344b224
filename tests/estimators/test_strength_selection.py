"""Strengths that are chosen: against glmnet's folds, against the criteria written out, inside every resampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from path_cases import path_data, path_figures
from penalized_cases import coef, problem, simulated
from scipy.integrate import quad
from scipy.special import log_expit
from scipy.stats import norm

import problogit as plg
from problogit.core.priors.strengthened import Strengthened
from problogit.errors import EstimationError, InputError, NotAvailableError
from problogit.estimators import path_cv, penalized
from problogit.estimators.path import Stop, open_path
from problogit.estimators.path_evidence import MarginalLikelihood
from problogit.folds import Folds
from problogit.progress import SILENT


def model(n: int = 300, p: int = 8, seed: int = 0, **keywords: Any) -> plg.LogitModel:
    X, y = simulated(n, p, seed)
    return plg.LogitModel.from_arrays(X, y, **keywords)


def chosen(fit: plg.Fit) -> Any:
    """The row of the path that was chosen."""
    values = fit.path_values
    return values[values["chosen"]].iloc[0]


# -- cross-validation


def test_scores_and_standard_errors_against_glmnet_on_its_folds() -> None:
    case = path_figures()["dense_50"]
    X, y = path_data("dense_50")
    made = problem(X, y)
    path = open_path(made, plg.Laplace(1.0).resolve(made))
    n = y.size
    folds = Folds(np.arange(n), np.arange(n) % 5, np.ones(n), 5)
    found = path_cv.cross_validate(path, np.array(case["strength"]), folds, SILENT)
    np.testing.assert_allclose(found.score, case["cv_score"], rtol=1e-5)
    np.testing.assert_allclose(found.std_error, case["cv_error"], rtol=1e-3)


def test_scores_are_those_of_refits_by_hand() -> None:
    values = (30.0, 10.0, 3.0, 1.0)
    fit = model().fit(plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(5, values=values, rng=3)))
    again = model()
    rng = np.random.default_rng(np.random.SeedSequence(3))
    folds = path_cv.deal_for_selection(again.problem, 5, rng, whole_rows=False)
    scores = np.zeros(4)
    for fold in range(5):
        out = folds.rows[folds.fold == fold]
        train = np.setdiff1d(np.arange(again.nobs), out)
        for k, value in enumerate(values):
            refit = plg.Penalized(plg.Laplace.from_l1(value)).estimate(again.problem.subset(train))
            eta = again.X[out] @ coef(refit)
            scores[k] -= log_expit(np.where(again.y[out] == 1, eta, -eta)).sum()
    np.testing.assert_allclose(fit.path_values["score"], scores / again.nobs, rtol=1e-6)


def test_minimum_and_one_standard_error() -> None:
    small = model().fit(plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(5, n_values=40, rng=1)))
    large = model().fit(
        plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(5, "1se", n_values=40, rng=1))
    )
    values = small.path_values
    best = int(values["score"].argmin())
    assert chosen(small)["factor"] == values["factor"][best]
    bound = values["score"][best] + values["std_error"][best]
    assert chosen(large)["factor"] == values["factor"][np.flatnonzero(values["score"] <= bound)[0]]
    assert chosen(large)["factor"] > chosen(small)["factor"]
    assert np.count_nonzero(large.coef) <= np.count_nonzero(small.coef)


def test_the_fit_is_the_fit_at_the_chosen_strength() -> None:
    fit = model().fit(plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(5, n_values=40), rng=0))
    strength = fit.path.attrs["l1_strength"]
    single = model().fit(plg.Penalized(plg.Laplace.from_l1(strength)))
    np.testing.assert_allclose(fit.coef, single.coef, atol=1e-7)
    assert fit.loglik == pytest.approx(single.loglik, abs=1e-8)
    assert fit.df_model == pytest.approx(single.df_model)
    assert fit.estimate.details.violation < 1e-8
    line = chosen(fit)
    assert line["loglik"] == pytest.approx(fit.loglik, abs=1e-3)
    assert line["n_nonzero"] == np.count_nonzero(fit.coef.iloc[1:])


def test_the_choice_is_said_everywhere() -> None:
    fit = model().fit(plg.Penalized(plg.Laplace(2.0), select=plg.CrossValidation(5, n_values=20, rng=0)))
    attrs = fit.path.attrs
    assert attrs["criterion"] == "cv"
    assert attrs["rule"] == "min"
    assert attrs["l1_strength"] == pytest.approx(attrs["factor"] / 2)
    assert attrs["score"] == pytest.approx(fit.path_values["score"].min())
    text = str(fit)
    assert f"L1 strength {attrs['l1_strength']:.4g} chosen by 5-fold cross-validation" in text
    assert f"log score {attrs['score']:.6g}" in text
    assert "strength chosen by 5-fold cross-validation" in fit.estimate.method.describe()
    finding = next(f for f in fit.diagnostics().findings if f.code == "selection")
    assert "take the choice as given" in finding.message


def test_one_seed_one_choice() -> None:
    def run(**options: Any) -> np.ndarray:
        return model().fit(plg.Penalized(plg.Laplace(1.0), **options)).path_values["score"].to_numpy()

    cv = plg.CrossValidation(3, n_values=8)
    first = run(select=cv, rng=5)
    np.testing.assert_array_equal(first, run(select=cv, rng=5))
    np.testing.assert_array_equal(first, run(select=plg.CrossValidation(3, n_values=8, rng=5)))
    assert not np.array_equal(first, run(select=cv, rng=6))
    fresh = model().fit(plg.Penalized(plg.Laplace(1.0), select=cv))
    np.testing.assert_array_equal(
        fresh.path_values["score"], run(select=cv, rng=fresh.estimate.provenance.seed)
    )


def test_ratios_of_priors_by_term_are_kept() -> None:
    prior = plg.Priors(plg.Laplace(1.0), {"x1": plg.Laplace(0.25), "x2": plg.Normal(2.0), "x3": plg.Flat()})
    fit = model().fit(plg.Penalized(prior, select="bic"))
    factor = fit.path.attrs["factor"]
    used = fit.estimate.details.prior
    assert used.l1[[1, 2]].tolist() == pytest.approx([factor, 4 * factor])
    assert used.curvature(np.zeros(9))[3] == pytest.approx(factor / 4)
    assert used.flat[[0, 4]].all()
    assert math.isnan(fit.path.attrs["l1_strength"])
    assert f"prior strengths times {factor:.4g}" in str(fit)
    assert fit.estimate.method.prior_used(fit.estimate) == Strengthened(prior, factor)


def test_fewer_folds_with_few_events_are_said() -> None:
    X, y = simulated(200, 4, 1)
    y[np.flatnonzero(y)[4:]] = 0
    fit = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Laplace(1.0), select="cv", rng=0))
    found = [f.message for f in fit.diagnostics().findings if f.code == "folds"]
    assert found[0].startswith("4 folds instead of 10, because only 4 rows hold an event")
    assert "4-fold cross-validation" in str(fit)
    assert "4 folds instead of 10" in str(fit)


@pytest.mark.parametrize("events", [1])
def test_too_few_events_to_hold_one_out_are_an_error(events: int) -> None:
    X, y = simulated(60, 3, 1)
    y[np.flatnonzero(y)[events:]] = 0
    with pytest.raises(
        EstimationError, match=r"two rows with an event.*60 rows hold 1 event\..*'bic' or 'evidence'"
    ):
        plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Laplace(1.0), select="cv"))


def test_training_sets_that_cannot_be_fitted_are_counted() -> None:
    X, y = simulated(60, 3, 1)
    rare = np.zeros(60)
    rare[np.flatnonzero(y)[:2]] = rare[np.flatnonzero(y == 0)[0]] = 1.0
    prior = plg.Priors(plg.Laplace(1.0), {"x0": plg.Flat()})
    built = plg.LogitModel.from_arrays(np.column_stack([rare, X]), y)
    fit = built.fit(plg.Penalized(prior, select=plg.CrossValidation(30, n_values=5, rng=0)))
    messages = [f.message for f in fit.diagnostics().findings if f.code == "folds"]
    assert any("training sets of the selection could not be fitted" in message for message in messages)


def test_grids_that_do_not_hold_the_optimum_are_said() -> None:
    fit = model().fit(plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(values=[40, 30, 20], rng=0)))
    grid = [f.message for f in fit.diagnostics().findings if f.code == "grid"]
    assert any("smallest strength of the grid scores best" in message for message in grid)
    fit = model().fit(
        plg.Penalized(plg.Laplace(1.0), select=plg.CrossValidation(values=[2.0, 1.0, 0.5], rng=0))
    )
    grid = [f.message for f in fit.diagnostics().findings if f.code == "grid"]
    assert any(
        "largest value of the grid leaves 7 penalized coefficients different from zero" in m for m in grid
    )
    for prior in (plg.Laplace(1.0), plg.Normal(1.0)):
        fit = model().fit(plg.Penalized(prior, select=plg.CrossValidation(values=[0.02, 0.01], rng=0)))
        (grid,) = [f for f in fit.diagnostics().findings if f.code == "grid"]
        assert grid.severity == "warning"
        assert "and scores best: still stronger ones might score better" in grid.message
    mixed = plg.Priors(plg.Laplace(1.0), {"x0": plg.Normal(1.0)})  # smooth terms are never exactly zero
    fit = model().fit(plg.Penalized(mixed, select="bic"))
    assert not [f for f in fit.diagnostics().findings if f.code == "grid"]


def test_frequency_weights_are_repeated_rows() -> None:
    X, y = simulated(120, 4, 2)
    weights = np.random.default_rng(0).integers(1, 4, 120)
    rows = np.repeat(np.arange(120), weights)
    options = {"select": plg.InformationCriterion("bic")}
    weighted = plg.LogitModel.from_arrays(X, y, weights=weights).fit(
        plg.Penalized(plg.Laplace(1.0), **options)
    )
    repeated = plg.LogitModel.from_arrays(X[rows], y[rows]).fit(plg.Penalized(plg.Laplace(1.0), **options))
    np.testing.assert_allclose(weighted.coef, repeated.coef, atol=1e-6)
    np.testing.assert_allclose(weighted.path_values["score"], repeated.path_values["score"], rtol=1e-7)


# -- information criteria


@pytest.mark.parametrize("prior", [plg.Laplace(1.0), plg.ElasticNet(1.0, 1.0), plg.Normal(1.0)])
@pytest.mark.parametrize("criterion", ["aic", "bic"])
def test_criteria_are_those_of_the_fits_along_the_path(prior: Any, criterion: Any) -> None:
    fit = model().fit(plg.Penalized(prior, select=criterion))
    values = fit.path_values
    assert getattr(fit, criterion) == pytest.approx(values["score"].min(), abs=0.02)
    price = 2.0 if criterion == "aic" else math.log(300)
    np.testing.assert_allclose(values["score"], -2 * values["loglik"] + price * values["df"])


# -- evidence


def written_out(made: plg.LogitModel, prior: Any, beta: np.ndarray) -> float:
    """The Laplace approximation from its definition, in original units."""
    X, y = np.asarray(made.X), made.y
    eta = X @ beta
    p = 1 / (1 + np.exp(-eta))
    resolved = prior.resolve(made.problem)
    H = X.T @ ((p * (1 - p))[:, None] * X) + resolved.hessian(beta)
    loglik = log_expit(np.where(y == 1, eta, -eta)).sum()
    return loglik + resolved.value(beta) + beta.size / 2 * math.log(2 * math.pi) - np.linalg.slogdet(H)[1] / 2


@pytest.mark.parametrize("prior", [plg.Normal(1.0), plg.Normal(2.0, autoscale=True), plg.StudentT(5.0, 1.0)])
def test_evidence_against_its_definition(prior: Any) -> None:
    made = model()
    fit = made.fit(plg.Penalized(prior, select=plg.Evidence(values=np.geomspace(1e4, 0.1, 6))))
    values = fit.path_values
    for k in range(6):
        factor = float(values["factor"][k])
        single = made.fit(plg.Penalized(Strengthened(prior, factor)))
        expected = written_out(made, Strengthened(prior, factor), single.coef.to_numpy())
        assert values["score"][k] == pytest.approx(expected, abs=1e-4)


def test_the_chosen_evidence_is_a_maximum_between_the_values() -> None:
    made = model()
    fit = made.fit(plg.Penalized(plg.Normal(1.0), select="evidence"))
    factor = fit.path.attrs["factor"]

    def evidence(factor: float) -> float:
        prior = Strengthened(plg.Normal(1.0), factor)
        return written_out(made, prior, made.fit(plg.Penalized(prior)).coef.to_numpy())

    slope = (evidence(factor * 1.01) - evidence(factor / 1.01)) / (2 * math.log(1.01))
    assert abs(slope) < 1e-3
    assert evidence(factor) == pytest.approx(fit.path_values["score"].max(), abs=1e-6)
    assert fit.path.attrs["rule"] == "max"


def test_evidence_against_quadrature_for_one_coefficient() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=400)
    y = (rng.random(400) < 1 / (1 + np.exp(-0.8 * x))).astype(int)
    made = plg.LogitModel.from_arrays(x[:, None], y, intercept=False)
    fit = made.fit(plg.Penalized(plg.Normal(1.0), select=plg.Evidence(values=[0.5, 1.0, 4.0])))
    for factor, score in zip(fit.path_values["factor"], fit.path_values["score"], strict=True):
        peak = float(fit.coef.iloc[0])

        def density(b: float, factor: float = factor, peak: float = peak) -> float:
            def log_joint(b: float) -> float:
                eta = b * x
                return float(
                    log_expit(np.where(y == 1, eta, -eta)).sum() + norm.logpdf(b, scale=factor**-0.5)
                )

            return math.exp(log_joint(b) - log_joint(peak))

        eta = peak * x
        base = float(log_expit(np.where(y == 1, eta, -eta)).sum() + norm.logpdf(peak, scale=factor**-0.5))
        exact = base + math.log(quad(density, peak - 2, peak + 2, epsabs=1e-10)[0])
        assert score == pytest.approx(exact, abs=0.005)  # what Laplace's method leaves out at n = 400


def test_evidence_with_more_columns_than_rows_is_the_same_number() -> None:
    X, y = simulated(40, 70, 3)
    for design in (X, sp.csr_array(np.where(np.abs(X) < 1, 0.0, X))):
        made = plg.LogitModel.from_arrays(design, y)
        path = open_path(made.problem, plg.Normal(1.0).resolve(made.problem))
        meter = MarginalLikelihood(path)
        single = made.fit(plg.Penalized(plg.Normal(1 / math.sqrt(7.0))))
        beta = single.coef.to_numpy()
        kernel = path.problem.likelihood.value(beta)
        stop = Stop(7.0, path.scaled.scaling.to_scaled(beta), beta, kernel, converged=True)
        dense = plg.LogitModel.from_arrays(design if isinstance(design, np.ndarray) else design.toarray(), y)
        expected = written_out(dense, plg.Normal(1 / math.sqrt(7.0)), beta)
        assert meter.at(stop) == pytest.approx(expected, abs=1e-6)


def test_evidence_is_the_empirical_bayes_twin_of_the_true_scale() -> None:
    rng = np.random.default_rng(8)
    X = rng.normal(size=(2000, 60))
    y = (rng.random(2000) < 1 / (1 + np.exp(-X @ rng.normal(scale=0.5, size=60)))).astype(int)
    fit = plg.LogitModel.from_arrays(X, y).fit(plg.Penalized(plg.Normal(1.0), select="evidence"))
    scale = 1 / math.sqrt(fit.path.attrs["factor"])
    assert scale == pytest.approx(0.5, rel=0.25)  # the sd of 60 draws is known to 9%


@pytest.mark.parametrize("select", ["evidence", "aic", "bic"])
def test_what_has_no_criterion_is_refused(select: str) -> None:
    weights = np.random.default_rng(0).uniform(0.5, 2, 300)
    sampled = model(weights=weights, weights_type="sampling")
    with pytest.raises(InputError, match="sampling weights.*select='cv'"):
        sampled.fit(plg.Penalized(plg.Normal(1.0), select=select))
    assert (
        sampled.fit(plg.Penalized(plg.Normal(1.0), select=_few("cv"), rng=0)).path.attrs["criterion"] == "cv"
    )


def test_evidence_of_a_prior_with_a_kink_is_refused() -> None:
    with pytest.raises(InputError, match="'evidence' where the prior has an L1 part"):
        model().fit(plg.Penalized(plg.Laplace(1.0), select="evidence"))


# -- selection inside resampling


class _Spy:
    """Counts selections and remembers what they arrived at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[float, bool]] = []
        inner = penalized.choose_strength

        def choose(*args: Any, **options: Any) -> Any:
            found = inner(*args, **options)
            self.seen.append((found.factor, options.get("whole_rows", False)))
            return found

        monkeypatch.setattr(penalized, "choose_strength", choose)


def test_the_bootstrap_chooses_again_in_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    spy = _Spy(monkeypatch)
    criterion = plg.InformationCriterion("bic", n_values=25)
    method = plg.Penalized(plg.Laplace(1.0), select=criterion, inference="bootstrap", resamples=8, rng=0)
    fit = model(n=150, p=5).fit(method)
    assert len(spy.seen) == 9
    assert len({factor for factor, _ in spy.seen}) > 4
    assert not spy.seen[0][1]
    assert all(whole for _, whole in spy.seen[1:])
    assert set(fit.summary()["interval"]) == {"bootstrap"}


def test_out_of_fold_predictions_choose_again(monkeypatch: pytest.MonkeyPatch) -> None:
    criterion = plg.InformationCriterion("bic", n_values=25)
    fit = model(n=150, p=5).fit(plg.Penalized(plg.Laplace(1.0), select=criterion))
    spy = _Spy(monkeypatch)
    fit.calibration()
    assert len(spy.seen) >= 10
    assert len({factor for factor, _ in spy.seen}) > 5


def test_copies_of_a_row_stay_in_one_fold_of_a_resample() -> None:
    made = model(n=80, p=3)
    sample = made.problem.reweighted(
        np.random.default_rng(0).multinomial(80, np.full(80, 1 / 80)).astype(float)
    )
    rng = np.random.default_rng(1)
    whole = path_cv.deal_for_selection(sample, 5, rng, whole_rows=True)
    assert np.bincount(whole.rows).max() == 1
    apart = path_cv.deal_for_selection(sample, 5, rng, whole_rows=False)
    assert np.bincount(apart.rows).max() > 1


# -- members


def test_a_fit_without_a_path_names_the_remedy() -> None:
    for method in (plg.MLE(), plg.Penalized()):
        fit = model().fit(method)
        for question in (lambda fit=fit: fit.path, lambda fit=fit: fit.path_values):
            with pytest.raises(NotAvailableError, match=r"select='cv'.*model\.path"):
                question()


def test_a_saved_fit_keeps_its_path(tmp_path: Any) -> None:
    for select in (
        plg.CrossValidation(3, n_values=10, rng=0),
        "bic",
        plg.InformationCriterion(values=[30, 3]),
    ):
        fit = model(n=120, p=4).fit(plg.Penalized(plg.Laplace(1.0), select=select, rng=1))
        fit.save(tmp_path / "a.fit")
        back = plg.load(tmp_path / "a.fit")
        assert back.summary().equals(fit.summary())
        assert back.path.equals(fit.path)
        assert back.path_values.equals(fit.path_values)
        assert back.path.attrs["choice"] == fit.path.attrs["choice"]
        assert back.estimate.method.describe() == fit.estimate.method.describe()


def test_the_prior_that_was_used_is_the_chosen_one() -> None:
    from problogit.analysis.prior_ranges import prior_ranges

    fit = model().fit(plg.Penalized(plg.Normal(1.0), select="evidence"))
    scale = 1 / math.sqrt(fit.path.attrs["factor"])
    upper = prior_ranges(fit.estimate).loc["x0", "upper"]
    assert upper == pytest.approx(math.exp(1.96 * scale), rel=1e-3)


@pytest.mark.parametrize("select", ["cv", "aic", "evidence"])
def test_heavy_tails_and_odd_priors_are_chosen_too(select: str) -> None:
    fit = model(n=150, p=3).fit(plg.Penalized(plg.StudentT(4.0, 1.0), select=_few(select), rng=0))
    assert fit.converged
    assert fit.path.attrs["factor"] > 0


def _few(select: str) -> Any:
    values = (100.0, 10.0, 1.0, 0.1)
    if select == "cv":
        return plg.CrossValidation(5, values=values)
    return (
        plg.Evidence(values=values)
        if select == "evidence"
        else plg.InformationCriterion("aic", values=values)
    )
