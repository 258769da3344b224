"""Debiased intervals of penalized fits: their formula, their limits, what they are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from penalized_cases import coef, fit, problem, simulated
from scipy.special import expit, ndtri

import problogit as plg
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.debiased_nodes import approximate_inverse
from problogit.core.priors import Cauchy, ElasticNet, Flat, Jeffreys, Laplace, Normal, Priors
from problogit.errors import EstimationError, InputError, NotAvailableError
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized

X, Y = simulated(250, 5, seed=7, shift=8.0)
STRONG = np.random.default_rng(1).normal(size=(250, 3))
STRONG_Y = (np.random.default_rng(2).random(250) < expit(STRONG @ [2.0, -1.0, 0.0])).astype(int)
NAMES = {"names": [f"x{j}" for j in range(5)]}
Z = np.column_stack([np.ones(Y.size), X])


def pieces(Z: np.ndarray, y: np.ndarray, beta: np.ndarray, w: Any = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Score and information."""
    p = expit(Z @ beta)
    return Z.T @ (w * (y - p)), Z.T @ (Z * (w * p * (1 - p))[:, None])


def debiased(found: Any) -> DebiasedCoefficients:
    assert isinstance(found.coefficients, DebiasedCoefficients)
    return found.coefficients


@pytest.mark.parametrize(
    "prior",
    [
        Laplace(0.1),
        ElasticNet(4.0, 3.0),
        Normal(0.3),
        Cauchy(0.5),
        Priors(Normal(0.5), {"x1": Laplace(0.1), "x2": Flat()}),
        Priors(Laplace(0.1), intercept=Normal(2.0)),
    ],
    ids=lambda prior: prior.describe(),
)
def test_the_centre_is_one_newton_step_without_the_penalty(prior: Any) -> None:
    found = fit(X, Y, prior, inference="debiased", data=NAMES)
    score, information = pieces(Z, Y, coef(found))
    inverse = np.linalg.inv(information)
    inner = debiased(found)
    np.testing.assert_allclose(inner.centre, coef(found) + inverse @ score, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(inner.cov, inverse, rtol=1e-6)
    np.testing.assert_array_equal(coef(found), coef(fit(X, Y, prior, inference="none", data=NAMES)))
    assert found.details.inference == "debiased"


def test_sparse_designs_and_trials_have_the_same_intervals() -> None:
    thin = np.where(np.random.default_rng(5).random(X.shape) < 0.6, 0.0, X - 8.0)
    trials = np.random.default_rng(6).integers(1, 4, 250)
    y = np.random.default_rng(7).binomial(trials, expit(0.5 * thin[:, 0] - 0.3))
    one, other = (
        fit(made, y, Laplace(0.1), inference="debiased", data={"trials": trials})
        for made in (thin, sp.csr_array(thin))
    )
    np.testing.assert_allclose(debiased(one).centre, debiased(other).centre, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(debiased(one).cov, debiased(other).cov, rtol=1e-6)
    singles = np.repeat(np.arange(250), trials)
    event = np.concatenate([np.r_[np.ones(s), np.zeros(m - s)] for s, m in zip(y, trials, strict=True)])
    single = fit(thin[singles], event.astype(int), Laplace(0.1), inference="debiased")
    np.testing.assert_allclose(debiased(single).centre, debiased(one).centre, rtol=1e-6, atol=1e-9)


def test_a_penalty_too_weak_to_matter_leaves_maximum_likelihood() -> None:
    found, mle = fit(X, Y, Laplace(1e7), inference="debiased"), MLE().estimate(problem(X, Y))
    np.testing.assert_allclose(debiased(found).centre, coef(mle), rtol=1e-6)
    np.testing.assert_allclose(debiased(found).cov, mle.coefficients.cov, rtol=1e-5)


def test_the_step_undoes_most_of_the_shrinkage() -> None:
    mle = coef(MLE().estimate(problem(X, Y)))
    found = fit(X, Y, Laplace(0.1), inference="debiased")
    shrunk = np.abs(coef(found) - mle)[1:]
    assert np.all(np.abs(debiased(found).centre - mle)[1:] < 0.35 * shrunk)


def test_sampling_weights_make_them_robust() -> None:
    w = np.random.default_rng(3).uniform(0.5, 3.0, Y.size)
    found = fit(X, Y, Laplace(0.1), inference="debiased", data={"weights": w, "weights_type": "sampling"})
    w = w * Y.size / w.sum()
    score, information = pieces(Z, Y, coef(found), w)
    inverse = np.linalg.inv(information)
    residual = w * (Y - expit(Z @ coef(found)))
    meat = (Z * residual[:, None]).T @ (Z * residual[:, None])
    np.testing.assert_allclose(debiased(found).cov, inverse @ meat @ inverse, rtol=1e-6)
    np.testing.assert_allclose(debiased(found).centre, coef(found) + inverse @ score, rtol=1e-6)


# -- about as many columns as rows -------------------------------------------------------------------------------------

WIDE = np.random.default_rng(11).normal(size=(60, 70)) + 1.0
WIDE_Y = (np.random.default_rng(12).random(60) < expit(1.5 * (WIDE[:, 0] - 1))).astype(int)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_array])
def test_with_more_columns_than_rows_a_lasso_of_each_column_takes_the_place_of_the_inverse(make: Any) -> None:
    found = fit(make(WIDE), WIDE_Y, Laplace(0.2), inference="debiased")
    inner, beta = debiased(found), coef(found)
    p = expit(beta[0] + WIDE @ beta[1:])
    w = p * (1 - p)
    centred = WIDE - (w @ WIDE) / w.sum()
    G = centred.T @ (centred * w[:, None])
    near = approximate_inverse(G, 0.5 * np.sqrt(np.log(70) / 60))
    centre = beta[1:] + near @ centred.T @ (WIDE_Y - p)
    # The lassos stop within a thousandth of a standardised coefficient.
    se = np.sqrt(np.diag(near @ G @ near.T))
    assert np.abs(inner.centre[1:] - centre).max() < 0.03 * se.min()
    np.testing.assert_allclose(inner.std_error[1:], se, rtol=0.02)
    assert inner.sparse_only
    assert np.isnan([inner.centre[0], inner.std_error[0]]).all()


def test_with_more_columns_than_rows_sampling_weights_make_them_robust() -> None:
    w = np.random.default_rng(3).uniform(0.5, 3.0, 60)
    data = {"weights": w, "weights_type": "sampling"}
    found = fit(WIDE, WIDE_Y, Laplace(0.2), inference="debiased", data=data)
    plain = fit(WIDE, WIDE_Y, Laplace(0.2), inference="debiased")
    ratio = debiased(found).std_error[1:] / debiased(plain).std_error[1:]
    assert 0.7 < np.median(ratio) < 1.6
    assert not np.allclose(ratio, 1.0, atol=0.02)


def test_what_has_no_interval_there_says_none() -> None:
    found = plg.LogitModel.from_arrays(WIDE, WIDE_Y).fit(
        plg.Penalized(plg.Laplace(0.2), inference="debiased"), progress=False
    )
    table = found.summary()
    assert table.loc["Intercept", "interval"] == "none"
    assert set(table["interval"].iloc[1:]) == {"debiased"}
    predicted = found.predict()
    assert np.isfinite(predicted["probability"]).all()
    assert set(predicted["interval"]) == {"none"}
    assert found.contrast({"x0": 1, "x1": -1})["interval"].item() == "debiased"
    with pytest.raises(NotAvailableError, match="bootstrap"):
        found.draws()
    total = found.expected_total()
    assert np.isnan(total.lower)
    assert "single coefficients" in total.reason
    (finding,) = [f for f in found.estimate.findings if f.code == "debiased"]
    assert finding.severity == "warning"
    assert "71 columns and 60 rows" in finding.message


# -- one way to read it ------------------------------------------------------------------------------------------------


def test_tables_say_what_is_what() -> None:
    model = plg.LogitModel.from_arrays(X, Y, names=NAMES["names"])
    found = model.fit(plg.Penalized(plg.Laplace(0.1), inference="debiased"), progress=False)
    inner = debiased(found.estimate)
    table = found.summary()
    assert list(table.columns) == ["estimate", "std_error", "lower", "upper", "interval", "debiased"]
    np.testing.assert_array_equal(table["estimate"], inner.estimate)
    np.testing.assert_array_equal(table["debiased"], inner.centre)
    np.testing.assert_allclose(table["lower"], inner.centre - ndtri(0.975) * table["std_error"])
    np.testing.assert_allclose((table["lower"] + table["upper"]) / 2, table["debiased"])
    ratios = found.odds_ratios(units={"x0": 2})
    assert ratios.loc["x0", "odds_ratio"] == pytest.approx(np.exp(2 * table.loc["x0", "estimate"]))
    assert ratios.loc["x0", "upper"] == pytest.approx(np.exp(2 * table.loc["x0", "upper"]))
    predicted = found.predict().iloc[:4]
    np.testing.assert_allclose(predicted["probability"], expit(Z[:4] @ inner.estimate))
    sd = np.sqrt(np.einsum("ij,jk,ik->i", Z[:4], inner.covariance, Z[:4]))
    np.testing.assert_allclose(predicted["upper"], expit(Z[:4] @ inner.centre + ndtri(0.975) * sd))
    assert set(predicted["interval"]) == {"debiased"}
    total = found.expected_total()
    assert total.parameters == "debiased"
    assert (total.lower + total.upper) / 2 == pytest.approx(expit(Z @ inner.centre).sum(), abs=1.5)
    assert "debiased" in str(found)
    assert found.df_model == pytest.approx(np.count_nonzero(found.coef))
    assert found.draws(50, rng=1).shape == (50, 6)
    assert found.estimate.method.surrogate() == plg.Penalized(plg.Laplace(0.1), inference="none")


def test_comparisons_reports_and_plots_take_intervals_beside_the_estimate(tmp_path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    model = plg.LogitModel.from_arrays(STRONG, STRONG_Y)
    fits = {
        "L1": model.fit(plg.Penalized(plg.Laplace(0.05), inference="debiased"), progress=False),
        "MLE": model.fit(progress=False),
    }
    outside = fits["L1"].summary().query("estimate < lower or estimate > upper")
    assert len(outside)
    comparison = plg.compare(fits)
    kinds = comparison.coefficients.query("label == 'L1'")["interval"]
    assert set(kinds) == {"debiased"}
    assert len(comparison.disagreements())
    plg.plots.forest(fits["L1"])
    plg.plots.probability_curve(fits["L1"], "x0")
    mpl.pyplot.close("all")
    plg.report(fits, tmp_path / "report.html")
    assert "debiased confidence" in (tmp_path / "report.html").read_text()


def test_a_saved_fit_says_the_same(tmp_path: Path) -> None:
    for number, (x, y) in enumerate(((X, Y), (WIDE, WIDE_Y))):
        found = plg.LogitModel.from_arrays(x, y).fit(
            plg.Penalized(plg.Laplace(0.2), inference="debiased"), progress=False
        )
        found.save(tmp_path / f"{number}.fit")
        loaded = plg.load(tmp_path / f"{number}.fit")
        pd.testing.assert_frame_equal(loaded.summary(), found.summary())
        assert loaded.estimate.method == found.estimate.method


def test_no_p_values() -> None:
    found = fit(X, Y, Laplace(0.1), inference="debiased")
    assert set(found.method.summary_columns(found)) == {"debiased"}


# -- what they assume, and where they are refused ----------------------------------------------------------------------


def test_assumptions_are_said_with_the_rows_for_each_coefficient() -> None:
    (finding,) = [
        f for f in fit(X, Y, Laplace(0.5), inference="debiased").findings if f.code.startswith("debiased")
    ]
    assert finding.severity == "info"
    assert "(41.7 here)" in finding.message
    few = fit(X[:40], Y[:40], Laplace(0.2), inference="debiased")
    (finding,) = [f for f in few.findings if f.code == "debiased"]
    assert finding.severity == "warning"
    assert "need a penalty about as strong as cross-validation chooses" in finding.message


def test_a_penalty_too_strong_for_one_step_is_said_with_the_terms() -> None:
    found = fit(STRONG, STRONG_Y, Laplace(0.03), inference="debiased", data={"names": ["a", "b", "c"]})
    (finding,) = [f for f in found.findings if f.code == "debiased-step"]
    assert finding.severity == "warning"
    assert "too strong for debiased intervals" in finding.message
    assert finding.terms == ("a", "b")
    assert "MLE()" in finding.remedy


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fit(X, Y, Flat(), inference="debiased"), "under a flat prior, which has no shrinkage"),
        (
            lambda: Penalized(Jeffreys(), inference="debiased"),
            r"Jeffreys\(\), whose estimate is debiased by itself",
        ),
        (
            lambda: fit(WIDE, WIDE_Y, Normal(1.0), inference="debiased"),
            "71 columns and 60 rows unless every slope has an L1 penalty.*fewer than 5 rows for each column",
        ),
        (
            lambda: fit(X[:20], Y[:20], Normal(1.0), inference="debiased"),
            "6 columns and 20 rows unless every slope has an L1 penalty",
        ),
        (
            lambda: fit(WIDE, WIDE_Y, Priors(Laplace(0.2), intercept=Normal(2.0)), inference="debiased"),
            "and a prior of the intercept",
        ),
    ],
)
def test_where_they_would_mean_nothing_they_are_refused(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_too_many_columns_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("problogit.estimators.debiased._NODES_UP_TO", 50)
    with pytest.raises(InputError, match="up to 50.*inference='bootstrap'"):
        fit(WIDE, WIDE_Y, Laplace(0.2), inference="debiased")


def test_columns_that_only_the_penalty_tells_apart_are_refused_by_name() -> None:
    twice = np.column_stack([X, 2 * X[:, 0] - X[:, 1]])
    with pytest.raises(EstimationError, match="linear combinations of one another .*x5 = 2 x0"):
        fit(twice, Y, Laplace(0.1), inference="debiased")


def test_a_strength_that_was_chosen_goes_with_them() -> None:
    found = fit(X, Y, Laplace(1.0), select="bic", inference="debiased")
    score, information = pieces(Z, Y, coef(found))
    np.testing.assert_allclose(
        debiased(found).centre, coef(found) + np.linalg.solve(information, score), rtol=1e-6, atol=1e-8
    )
    (finding,) = [f for f in found.findings if f.code == "selection"]
    assert "take the choice as given" in finding.message


def test_what_wide_designs_alias_is_said_in_few_words() -> None:
    fitted = plg.LogitModel.from_arrays(WIDE, WIDE_Y).fit(plg.Penalized(plg.Laplace(0.2)), progress=False)
    (finding,) = [f for f in fitted.diagnostics().findings if f.code == "aliased"]
    assert len(finding.message) < 8000
    assert "more terms" in finding.message


def test_separated_data_are_not_blamed_on_the_penalty() -> None:
    found = fit(STRONG, (STRONG[:, 0] > 0).astype(int), Laplace(0.2), inference="debiased")
    (finding,) = [f for f in found.findings if f.code == "debiased-step"]
    assert "no maximum (separated data)" in finding.message
    assert "Jeffreys()" in finding.remedy
    assert "Weaken" not in finding.remedy
