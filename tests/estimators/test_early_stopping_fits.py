"""Fits by early stopping: where they stop, what they are worth, what they refuse."""

from __future__ import annotations

import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import scipy.sparse as sp
from penalized_cases import coef, problem, simulated
from scipy.special import expit

import problogit as plg
from problogit.core.early_stopping import ascend
from problogit.core.priors import Flat, Laplace, Normal
from problogit.errors import EstimationError, InputError, NotAvailableError
from problogit.estimate import Status
from problogit.estimators import early_stopping_course
from problogit.estimators.early_stopping import EarlyStopping, EarlyStoppingDetails
from problogit.estimators.early_stopping_course import Slope
from problogit.estimators.early_stopping_split import hold_out, split_rng
from problogit.estimators.mle import MLE
from problogit.estimators.penalized import Penalized
from problogit.validation import seed_sequence

X, Y = simulated(200, 12, seed=3, shift=2.0, strength=0.4)


def fit(
    X: Any = X, y: Any = Y, rng: int = 1, inference: Any = None, resamples: int = 30, **options: Any
) -> Any:
    data = options.pop("data", {})
    method = Penalized(
        early_stopping=EarlyStopping(**options), inference=inference, rng=rng, resamples=resamples
    )
    return method.estimate(problem(X, y, **data))


@pytest.mark.parametrize("splits", [1, 5])
def test_the_held_out_deviance_is_lowest_where_it_stopped_by_brute_force(splits: int) -> None:
    found = fit(patience=7, splits=splits)
    record = found.details.trajectory
    everything = problem(X, Y)
    rng = split_rng(seed_sequence(1), everything)
    parts = np.array(hold_out(everything, 0.2, splits, rng, whole_rows=False))
    assert parts.shape == (splits, 200)
    assert set(np.unique(parts)) == {0.0, 1.0}
    assert parts.sum(axis=0).max() == 1
    slope = Slope.of(everything, found.details.learning_rate)
    losses = np.zeros((record.n_steps + 1, 2))
    for part in parts > 0:
        alone = problem(X[~part], Y[~part]).likelihood.in_coordinates(
            slope.scaling.center, slope.scaling.scale
        )
        for state in islice(ascend(alone, 0, slope.rate), record.n_steps + 1):
            eta = np.column_stack([np.ones(200), X]) @ slope.scaling.to_original(state.gamma)
            loss = -2 * np.where(Y == 1, np.log(expit(eta)), np.log(expit(-eta)))
            losses[state.step] += loss[part].sum(), loss[~part].sum()
    deviances = losses[:, 0] / parts.sum()
    np.testing.assert_allclose(record.heldout_deviance, deviances, rtol=1e-9)
    np.testing.assert_allclose(record.train_deviance, losses[:, 1] / (1 - parts).sum(), rtol=1e-9)
    assert record.chosen == int(np.argmin(deviances))
    assert record.n_steps == record.chosen + 7
    assert record.reason == "held-out"
    np.testing.assert_allclose(
        coef(found), slope.scaling.to_original(slope.after(record.chosen).gamma), rtol=1e-12
    )


def test_all_rows_then_take_the_same_number_of_steps() -> None:
    found = fit()
    again = fit(steps=found.details.trajectory.chosen, learning_rate=found.details.learning_rate)
    np.testing.assert_array_equal(coef(again), coef(found))
    assert again.details.learning_rate == found.details.learning_rate
    assert again.details.trajectory.reason == "steps"
    assert np.isnan(again.details.trajectory.heldout_deviance).all()


def test_where_few_steps_are_best_they_are_made_shorter() -> None:
    noise = np.random.default_rng(6).normal(size=(200, 30))
    y = (np.random.default_rng(7).random(200) < expit(noise[:, 0])).astype(int)
    found = fit(noise, y)
    best = 1 / found.details.largest_curvature
    coarse = fit(noise, y, learning_rate=best).details.trajectory
    assert coarse.chosen < 5 < 10 < found.details.trajectory.chosen
    factor = -(-20 // (coarse.chosen + 1))
    assert found.details.learning_rate == pytest.approx(best / factor)
    assert found.details.trajectory.heldout_deviance.min() < coarse.heldout_deviance.min()


def test_very_many_steps_are_maximum_likelihood() -> None:
    X4 = X[:, :4]
    found, mle = fit(X4, steps=3000), MLE().estimate(problem(X4, Y))
    np.testing.assert_allclose(coef(found), coef(mle), rtol=1e-6, atol=1e-8)
    assert found.stats.df_model == pytest.approx(5, abs=1e-6)
    assert found.stats.loglik == pytest.approx(mle.stats.loglik, rel=1e-12)


def test_the_ridge_that_it_resembles_has_its_degrees_of_freedom_and_nearly_its_predictions() -> None:
    for steps in (2, 10, 50):
        found = fit(steps=steps)
        prior = found.details.equivalent_prior
        ridge = Penalized(prior).estimate(problem(X, Y))
        assert ridge.stats.df_model == pytest.approx(found.stats.df_model, rel=0.07)  # each at its own W
        Z = np.column_stack([np.ones(200), X])
        assert np.corrcoef(Z @ coef(found), Z @ coef(ridge))[0, 1] > 0.97
        assert np.std(Z @ coef(found)) == pytest.approx(np.std(Z @ coef(ridge)), rel=0.35)


def test_units_of_the_columns_do_not_matter() -> None:
    factors = np.geomspace(1e-4, 1e4, 12)
    one, other = fit(), fit(X * factors)
    np.testing.assert_allclose(coef(other)[1:] * factors, coef(one)[1:], rtol=1e-8)
    assert one.details.trajectory.chosen == other.details.trajectory.chosen


def test_sparse_designs_stay_sparse_and_stop_at_the_same_step(monkeypatch: pytest.MonkeyPatch) -> None:
    thin = np.where(np.random.default_rng(5).random(X.shape) < 0.7, 0.0, X)
    dense = fit(thin)
    for method in ("toarray", "todense"):
        monkeypatch.setattr(sp.csr_array, method, _refuse)
    sparse = fit(sp.csr_array(thin), data={"names": [f"x{j}" for j in range(12)]})
    np.testing.assert_allclose(coef(sparse), coef(dense), rtol=1e-7)
    assert sparse.details.trajectory.chosen == dense.details.trajectory.chosen


def _refuse(*_: Any, **__: Any) -> Any:
    raise AssertionError("a dense copy was made")


def test_wide_sparse_designs_fit() -> None:
    rng = np.random.default_rng(2)
    strong = sp.csr_array(rng.integers(0, 2, (300, 3)).astype(float))
    wide = sp.csr_array(sp.hstack([strong, sp.random_array((300, 2497), density=0.01, rng=rng) != 0]))
    y = (rng.random(300) < expit(strong @ [3.0, -3.0, 2.0])).astype(int)
    found = fit(wide, y, data={"names": [f"w{j}" for j in range(2500)]})
    assert found.status is Status.STOPPED
    assert 1 < found.stats.df_model < 300
    # With too many rows and columns for eigenvalues the strength is the reciprocal of steps times rate.
    details = fit(wide, y, steps=9, data={"names": [f"w{j}" for j in range(2500)]}).details
    assert 0 < details.equivalent_l2 < 1 / (9 * details.learning_rate)


def test_without_eigenvalues_the_strength_is_one_over_rate_times_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("problogit.core.early_stopping._SPECTRUM_UP_TO", 3)
    found = fit(steps=10)
    assert np.isnan(found.stats.df_model)
    assert found.details.equivalent_l2 == pytest.approx(1 / (10 * found.details.learning_rate))


def test_a_frequency_weight_is_that_many_rows_at_a_stated_number_of_steps() -> None:
    w = np.random.default_rng(0).integers(0, 4, 200)
    kept = np.repeat(np.arange(200), w)
    one, other = fit(steps=15, data={"weights": w}), fit(X[kept], Y[kept], steps=15)
    np.testing.assert_allclose(coef(one), coef(other), rtol=1e-9)
    assert one.stats.df_model == pytest.approx(other.stats.df_model, rel=1e-9)
    np.testing.assert_allclose(
        one.details.trajectory.train_deviance, other.details.trajectory.train_deviance, rtol=1e-10
    )


@pytest.mark.parametrize("outcome", ["rows", "weights", "counts"])
def test_the_split_is_stratified_by_outcome(outcome: str) -> None:
    rng = np.random.default_rng(0)
    w = rng.integers(1, 5, 200) if outcome == "weights" else np.ones(200, dtype=int)
    trials = rng.integers(1, 6, 200)
    if outcome == "counts":
        made = problem(X, rng.binomial(trials, 0.3), trials=trials)
    else:
        made = problem(X, Y, weights=w)
    for seed in range(3):
        parts = hold_out(made, 0.25, 3, np.random.default_rng(seed), whole_rows=False)
        assert len(parts) == 3
        assert np.sum(parts, axis=0).max() <= 1
        for share in parts:
            _check_part(share * w, made, w, outcome)


def _check_part(held: np.ndarray, made: Any, w: np.ndarray, outcome: str) -> None:
    np.testing.assert_allclose(held, np.round(held), atol=1e-12)
    assert held.sum() == pytest.approx(0.25 * w.sum(), abs=1.01)
    if outcome == "counts":
        rows = made.rows
        rate = (held @ rows.successes) / (held @ rows.trials)
        assert rate == pytest.approx(rows.successes.sum() / rows.trials.sum(), abs=0.06)
    else:
        assert held @ Y == pytest.approx(0.25 * (w @ Y), abs=1.01)


def test_copies_of_a_row_stay_together_in_a_resample() -> None:
    made = problem(X, Y, weights=np.random.default_rng(0).integers(1, 5, 200))
    parts = hold_out(made, 0.3, 3, np.random.default_rng(1), whole_rows=True)
    assert set(np.unique(parts)) == {0.0, 1.0}


def test_two_of_the_rarer_outcome_are_split_and_said() -> None:
    y = np.zeros(200, dtype=int)
    y[[3, 50]] = 1
    found = fit(y=y)
    assert [f.code for f in found.findings if f.severity == "warning"][-1] == "few-held-out"
    assert "Only 2 held-out outcomes" in found.findings[-1].message
    assert "in 2 parts, each of a run that did not see it" in found.findings[0].message
    assert "Only 1 held-out outcome" in fit(y=y, splits=1).findings[-1].message


def test_one_event_cannot_be_split() -> None:
    y = np.zeros(200, dtype=int)
    y[3] = 1
    with pytest.raises(EstimationError, match=r"of the 200 rows 1 has the event.*EarlyStopping\(steps=20\)"):
        fit(y=y)
    with pytest.raises(EstimationError, match="1 has no event"):
        fit(y=1 - y)
    assert np.isfinite(coef(fit(y=y, steps=20))).all()


def test_counts_that_cannot_be_split_are_refused() -> None:
    y, trials = np.array([0, 3, 0]), np.array([3, 3, 3])
    with pytest.raises(EstimationError, match="3 rows of counts could not be split"):
        fit(X[:3, :1], y, data={"trials": trials})


def test_a_constant_response_is_refused() -> None:
    with pytest.raises(EstimationError, match="every outcome is the same"):
        fit(y=np.ones(200, dtype=int), data={"event": 1})


def test_no_useful_column_stops_at_the_null_model_and_says_so() -> None:
    rng = np.random.default_rng(14)
    noise = rng.normal(size=(60, 30))
    y = np.r_[np.ones(30, dtype=int), np.zeros(30, dtype=int)]
    steps = {seed: fit(noise, y, rng=seed, splits=1) for seed in range(8)}
    null = next(found for found in steps.values() if found.details.trajectory.chosen == 0)
    np.testing.assert_allclose(coef(null), 0.0, atol=1e-12)
    assert null.stats.df_model == 1.0
    assert null.details.equivalent_l2 == np.inf
    assert null.details.equivalent_prior is None
    assert "no-steps" in [f.code for f in null.findings]


def test_the_largest_number_of_steps_is_said() -> None:
    found = fit(max_steps=3, learning_rate=1e-6)
    assert found.details.trajectory.chosen == 3
    assert found.details.trajectory.reason == "max-steps"
    assert "may still fall after 3 steps" in next(f.message for f in found.findings if f.code == "max-steps")


def test_much_data_level_off_near_maximum_likelihood() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(4000, 2))
    y = (rng.random(4000) < expit(0.5 * x[:, 0] - 0.2)).astype(int)
    found, mle = fit(x, y), MLE().estimate(problem(x, y))
    assert found.stats.df_model > 2.5
    np.testing.assert_allclose(coef(found), coef(mle), atol=0.1)


def test_separated_data_have_a_finite_fit_and_are_named() -> None:
    x = np.column_stack([X[:, 0], np.r_[np.ones(5), np.zeros(195)]])
    y = Y.copy()
    y[:5] = 1
    made = plg.LogitModel.from_arrays(x, y, names=["x", "level"]).fit(
        plg.Penalized(early_stopping=plg.EarlyStopping(steps=50)), progress=False
    )
    assert np.isfinite(made.coef).all()
    (finding,) = [f for f in made.diagnostics().findings if f.code == "separation"]
    assert "level (+Inf)" in finding.message
    assert "finite because the steps were stopped" in finding.message


def test_status_findings_and_intervals_say_what_it_is() -> None:
    found = fit()
    assert found.status is Status.STOPPED
    assert found.status.trusted
    (finding,) = [f for f in found.findings if f.code == "early-stopping"]
    chosen = found.details.trajectory.chosen
    assert f"Stopped after {chosen} gradient step" in finding.message
    assert "of 200 held-out rows" in finding.message
    assert "of 40 held-out rows" in fit(splits=1).findings[0].message
    assert f"{found.stats.df_model:.3g} effective degrees of freedom" in finding.message
    assert f"Penalized(Normal({found.details.equivalent_prior.scale:.3g}, autoscale=True))" in finding.message
    assert found.coefficients.kinds == ("none",)
    with pytest.raises(NotAvailableError, match="inference='bootstrap'"):
        found.coefficients.draws(10, np.random.default_rng(0))
    assert found.method.summary_columns(found) == {}
    assert "MLE()" in found.method.refusal("profile", found.problem)
    assert found.raw.nit == chosen
    assert found.stats.aic == pytest.approx(-2 * found.stats.loglik + 2 * found.stats.df_model)


def test_the_bootstrap_splits_and_stops_again_in_every_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    courses = []
    original = early_stopping_course.follow

    def watched(slope: Any, held: Any, *rest: Any) -> Any:
        course = original(slope, held, *rest)
        courses.append((course.chosen, np.array(held)))
        return course

    monkeypatch.setattr("problogit.estimators.early_stopping.follow", watched)
    found = fit(inference="bootstrap", resamples=15)
    assert len({chosen for chosen, _ in courses}) > 3
    assert len({held.tobytes() for _, held in courses}) == 16  # the fit and 15 resamples
    assert all(set(np.unique(held)) == {0.0, 1.0} for _, held in courses)
    assert found.coefficients.kinds == ("bootstrap",)
    assert found.provenance.seed == 1
    draws = found.coefficients.draws(None, np.random.default_rng(0))
    again = fit(inference="bootstrap", resamples=15).coefficients.draws(None, np.random.default_rng(0))
    np.testing.assert_array_equal(draws, again)
    np.testing.assert_array_equal(coef(found), coef(fit()))


def test_the_split_is_chosen_by_rng() -> None:
    one, same, other = fit(rng=5), fit(rng=5), fit(rng=6)
    np.testing.assert_array_equal(coef(one), coef(same))
    first, second = one.details.trajectory.heldout_deviance[0], other.details.trajectory.heldout_deviance[0]
    assert one.provenance.seed == 5
    assert not np.array_equal(one.details.trajectory.train_deviance, other.details.trajectory.train_deviance)
    assert np.isfinite([first, second]).all()
    assert fit(steps=4).provenance.seed is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EarlyStopping(steps=0), "steps must be an integer of at least 1"),
        (lambda: EarlyStopping(steps=2.5), "steps must be an integer"),
        (lambda: EarlyStopping(learning_rate="fast"), "learning_rate must be one of 'auto'"),
        (lambda: EarlyStopping(learning_rate=-1), "learning_rate must be positive"),
        (lambda: EarlyStopping(fraction=1.0), "fraction must lie strictly between 0 and 1"),
        (lambda: EarlyStopping(splits=6), "splits must not exceed 5 with fraction=0.2"),
        (lambda: EarlyStopping(splits=0), "splits must be an integer of at least 1"),
        (lambda: EarlyStopping(patience=0), "patience must be an integer of at least 1"),
        (lambda: EarlyStopping(max_steps=0), "max_steps must be an integer of at least 1"),
        (lambda: Penalized(early_stopping=True), "early_stopping must be an EarlyStopping"),
        (
            lambda: Penalized(Laplace(1.0), early_stopping=EarlyStopping()),
            r"prior must be Flat\(\) with early",
        ),
        (
            lambda: Penalized(Normal(2.5, autoscale=True), early_stopping=EarlyStopping()),
            r"prior must be Flat\(\) with early_stopping; received Normal.*the steps alone regularise",
        ),
        (lambda: Penalized(select="cv", early_stopping=EarlyStopping()), "select must be None with early"),
        (
            lambda: Penalized(inference="curvature", early_stopping=EarlyStopping()),
            "inference must be 'bootstrap' or 'none' with early_stopping",
        ),
        (
            lambda: Penalized(solver="lbfgs", early_stopping=EarlyStopping()),
            "solver must be 'auto' with early",
        ),
    ],
)
def test_bad_options_are_named(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()


def test_early_stopping_implies_a_flat_prior() -> None:
    assert isinstance(Penalized(early_stopping=EarlyStopping()).prior, Flat)
    assert isinstance(Penalized(Flat(), early_stopping=EarlyStopping()).prior, Flat)
    method = Penalized(early_stopping=EarlyStopping(), inference="bootstrap")
    assert method.surrogate().inference == "none"
    assert method.surrogate().early_stopping == method.early_stopping
    assert method.describe() == (
        "maximum likelihood by gradient steps stopped by held-out rows, bootstrap intervals"
    )


def test_a_rate_that_overshoots_is_refused_with_the_limit() -> None:
    best = fit(steps=1).details.learning_rate
    with pytest.raises(InputError, match="learning_rate must not exceed .*Leave it at 'auto'"):
        fit(learning_rate=2.1 * best)
    slow, usual = fit(steps=20, learning_rate=best / 2), fit(steps=10)
    np.testing.assert_allclose(slow.stats.df_model, usual.stats.df_model, rtol=0.1)


def test_frames_and_plots_follow_the_steps() -> None:
    mpl.use("Agg")
    model = plg.LogitModel.from_arrays(X, Y, names=[f"x{j}" for j in range(12)])
    found = model.fit(plg.Penalized(early_stopping=plg.EarlyStopping(), rng=1), progress=False)
    chosen = found.path_values.attrs["step"]
    path = found.path
    assert list(path.columns) == ["step", "term", "estimate"]
    last = path[path["step"] == chosen].set_index("term")["estimate"]
    np.testing.assert_array_equal(last.to_numpy(), found.coef.to_numpy())
    np.testing.assert_allclose(path[path["step"] == 0]["estimate"].to_numpy()[1:], 0.0, atol=1e-14)
    values = found.path_values
    assert list(values.columns) == [
        "step",
        "train_deviance",
        "heldout_deviance",
        "loglik",
        "df",
        "l2_strength",
        "chosen",
    ]
    assert values.loc[values["chosen"], "loglik"].item() == pytest.approx(found.loglik, rel=1e-12)
    assert values.loc[values["chosen"], "df"].item() == pytest.approx(found.df_model)
    assert values["df"].iloc[0] == 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        axes = plg.plots.path(found)
        assert axes.get_xlabel() == "Gradient steps"
        assert len(plg.plots.path_scores(found).lines) == 3
    mpl.pyplot.close("all")


def test_long_courses_keep_few_steps() -> None:
    record = fit(steps=5000).details.trajectory
    assert record.train_deviance.size == 5001
    assert record.kept[-1] == 5000
    assert record.kept.size < 160
    np.testing.assert_array_equal(record.kept[:21], np.arange(21))


def test_a_saved_fit_says_the_same(tmp_path: Path) -> None:
    model = plg.LogitModel.from_arrays(X, Y)
    found = model.fit(plg.Penalized(early_stopping=plg.EarlyStopping(patience=5), rng=1), progress=False)
    found.save(tmp_path / "stopped.fit")
    loaded = plg.load(tmp_path / "stopped.fit")
    assert loaded.summary().equals(found.summary())
    assert loaded.path.equals(found.path)
    assert loaded.path_values.equals(found.path_values)
    assert loaded.estimate.method == found.estimate.method
    assert loaded.status is Status.STOPPED
    details = loaded.estimate.details
    assert isinstance(details, EarlyStoppingDetails)
    assert details.equivalent_l2 == found.estimate.details.equivalent_l2
    assert loaded.raw is None


def test_scores_and_reports_take_it(tmp_path: Path) -> None:
    model = plg.LogitModel.from_arrays(X, Y)
    found = model.fit(plg.Penalized(early_stopping=plg.EarlyStopping(), rng=1), progress=False)
    assert "stopped" in str(found)
    comparison = plg.compare({"stopped": found, "ridge": model.fit(plg.Penalized(), progress=False)})
    assert np.isfinite(comparison.scores.select_dtypes("number").iloc[:, 0]).all()
    plg.report({"stopped": found}, tmp_path / "report.html")
    assert "gradient steps" in (tmp_path / "report.html").read_text()


def test_clusters_of_the_model_are_held_out_whole() -> None:
    school = np.arange(200) % 25
    made = problem(X, Y, groups=school)
    parts = hold_out(made, 0.2, 5, np.random.default_rng(0), whole_rows=False)
    np.testing.assert_array_equal(np.sum(parts, axis=0), 1)
    for part in parts:
        assert 30 <= part.sum() <= 50
        assert all(np.ptp(part[school == k]) == 0 for k in range(25))
    method = plg.Penalized(early_stopping=plg.EarlyStopping(), rng=0)
    assert "in 5 parts of whole clusters of groups, each" in method.estimate(made).findings[0].message
    one_school = (school == 3).astype(int)
    with pytest.raises(EstimationError, match="holds clusters of groups out"):
        method.estimate(problem(X, one_school, groups=school))
