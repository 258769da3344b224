"""LR, Wald and score tests and nested fits, against R's drop-one fits and against one another."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from analysis_cases import point, posterior, problem_of, rare_level, simulated
from reference_cases import glm_cases, options, table
from scipy.stats import chi2

import problogit as plg
from problogit.analysis import tests as term_tests
from problogit.analysis.chi_squared import log_survival
from problogit.analysis.nested import anova
from problogit.errors import InputError, NotAvailableError, SeparationWarning
from problogit.estimators.mle import MLE

CASES = glm_cases()
BETA = [0.2, 0.8, 0.4, -0.1]


@pytest.fixture(scope="module", params=sorted(CASES))
def reference(request):
    case = CASES[request.param]
    return case, plg.LogitModel(case["formula"], table(case), **options(case)).fit().estimate


@pytest.fixture(scope="module")
def mle():
    return MLE().estimate(problem_of(*simulated(), groups={"both": (1, 2)}))


def test_likelihood_ratio_of_every_column_against_r_glm(reference):
    case, estimate = reference
    found = [term_tests.test(estimate, term, "lr").statistic for term in case["terms"]]
    np.testing.assert_allclose(found, case["lr_statistic"], rtol=1e-7, atol=1e-9)


def test_score_statistic_of_every_column_against_r_glm(reference):
    case, estimate = reference
    found = [term_tests.test(estimate, term, "score").statistic for term in case["terms"]]
    np.testing.assert_allclose(found, case["score_statistic"], rtol=1e-6, atol=1e-9)


def test_wald_statistic_of_one_column_is_z_squared_of_r_glm(reference):
    case, estimate = reference
    for term, z, p in zip(case["terms"], case["z"], case["p_value"], strict=True):
        found = term_tests.test(estimate, term, "wald")
        assert found.statistic == pytest.approx(z**2, rel=1e-6)
        assert found.p_value == pytest.approx(p, rel=1e-5)
        assert found.df == 1


def test_a_formula_term_takes_all_its_columns(mle):
    found = term_tests.test(mle, "both")
    assert found.df == 2
    assert found.terms == ("x", "d")
    together = term_tests.test(mle, ["x", "d"])
    assert together.statistic == found.statistic
    frame, y = simulated()
    small = MLE().estimate(problem_of(frame[["z"]], y))
    assert found.statistic == pytest.approx(2 * (mle.stats.loglik - small.stats.loglik), rel=1e-10)
    assert found.p_value == pytest.approx(chi2.sf(found.statistic, 2), rel=1e-12)


def test_wald_of_several_columns_by_hand(mle):
    b, C = mle.coefficients.location[1:3], mle.coefficients.cov[1:3, 1:3]
    assert term_tests.test(mle, "both", "wald").statistic == pytest.approx(
        b @ np.linalg.solve(C, b), rel=1e-9
    )


def test_the_three_tests_agree_near_the_null():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=20_000)})
    y = (rng.random(20_000) < 0.4).astype(float)
    estimate = MLE().estimate(problem_of(frame, y))
    found = [term_tests.test(estimate, "x", kind).statistic for kind in ("lr", "wald", "score")]
    np.testing.assert_allclose(found, found[0], rtol=2e-3)


def test_an_infinite_coefficient_has_a_likelihood_ratio_and_no_wald_test():
    frame, y = rare_level()
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(frame, y))
    found = term_tests.test(estimate, "rare")
    # By hand: the supremum is the fit of the other 198 rows, the two rows of the level having probability 1.
    rest = MLE().estimate(problem_of(frame.iloc[2:, :1], y[2:]))
    without = MLE().estimate(problem_of(frame[["x"]], y))
    assert found.statistic == pytest.approx(2 * (rest.stats.loglik - without.stats.loglik), rel=1e-8)
    assert found.df == 1
    with pytest.raises(NotAvailableError, match="kind='lr'"):
        term_tests.test(estimate, "rare", "wald")


def test_a_restricted_fit_that_is_separated_still_has_a_likelihood_ratio():
    frame, y = rare_level()
    with pytest.warns(SeparationWarning):
        estimate = MLE().estimate(problem_of(frame, y))
    without = MLE().estimate(problem_of(frame.iloc[2:, :1], y[2:]))
    null = without.stats.null_loglik
    assert term_tests.test(estimate, "x").statistic == pytest.approx(
        2 * (without.stats.loglik - null), rel=1e-8
    )
    with pytest.raises(NotAvailableError, match="score test has nowhere to stand"):
        term_tests.test(estimate, "x", "score")


def test_the_only_column_can_be_tested():
    y = np.r_[np.ones(14), np.zeros(6)]
    model = plg.LogitModel("y ~ 1", {"y": y})
    found = term_tests.test(model.fit().estimate, "Intercept")
    expected = 2 * (14 * math.log(0.7) + 6 * math.log(0.3) - 20 * math.log(0.5))
    assert found.statistic == pytest.approx(expected, rel=1e-10)


def test_p_values_far_below_the_smallest_float_keep_their_logarithm():
    rng = np.random.default_rng(0)
    x = rng.normal(size=20_000)
    estimate = MLE().estimate(
        problem_of(pd.DataFrame({"x": x}), (rng.random(20_000) < 1 / (1 + np.exp(-2 * x))))
    )
    found = term_tests.test(estimate, "x")
    assert 0 < found.p_value < 1e-300
    assert found.log_p == pytest.approx(-found.statistic / 2, rel=0.01)
    assert "p = 10^-" in str(found)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 7, 20])
@pytest.mark.parametrize("x", [1e-6, 0.3, 2.0, 15.0, 300.0])
def test_log_survival_against_scipy(x, df):
    assert log_survival(x, df) == pytest.approx(np.log(chi2.sf(x, df)), rel=1e-11, abs=1e-14)


@pytest.mark.parametrize("df", [1, 2, 5])
def test_log_survival_far_out_against_its_asymptotic_series(df):
    x, a = 5000.0, df / 2
    y = x / 2
    series = sum(np.prod([(a - 1 - i) / y for i in range(k)]) for k in range(4))
    expected = (a - 1) * math.log(y) - y - math.lgamma(a) + math.log(series)
    assert log_survival(x, df) == pytest.approx(expected, rel=1e-12)


def test_an_unknown_term_names_the_nearest(mle):
    with pytest.raises(InputError, match=r"received 'bothh'\. Did you mean 'both'\?"):
        term_tests.test(mle, "bothh")
    with pytest.raises(InputError, match="kind must be one of 'lr', 'wald', 'score'"):
        term_tests.test(mle, "x", "LRT")


def test_methods_without_a_likelihood_test_say_what_to_use():
    problem = problem_of(*simulated())
    for estimate in (posterior(problem, BETA), point(problem, BETA)):
        for kind in ("lr", "wald", "score"):
            with pytest.raises(NotAvailableError, match=r"need a fit by maximum likelihood.*MLE\(\)"):
                term_tests.test(estimate, "x", kind)


def test_sampling_weights_have_wald_only():
    frame, y = simulated()
    weights = np.linspace(0.5, 2, len(y))
    estimate = MLE().estimate(problem_of(frame, y, weights=weights, weights_type="sampling"))
    with pytest.raises(NotAvailableError, match="Under sampling weights"):
        term_tests.test(estimate, "x")
    assert term_tests.test(estimate, "x", "wald").df == 1


def test_a_robust_fit_says_that_its_likelihood_ratio_is_not():
    estimate = MLE(covariance="HC3").estimate(problem_of(*simulated()))
    assert "covariance is robust" in str(term_tests.test(estimate, "x"))
    assert term_tests.test(estimate, "x", "wald").notes == ()


def test_a_result_is_a_row(mle):
    frame = term_tests.test(mle, "x").frame
    assert list(frame.columns) == ["hypothesis", "kind", "statistic", "df", "p_value", "log_p"]


# -- nested fits ---------------------------------------------------------------------------------------------------


def fits(*columns, **keywords):
    frame, y = simulated()
    return [MLE().estimate(problem_of(frame[list(names)], y, **keywords)) for names in columns]


def test_anova_is_the_likelihood_ratio_test_of_what_was_added():
    small, big = fits(("x",), ("x", "d", "z"))
    found = anova(small, big)
    assert found.statistic == pytest.approx(term_tests.test(big, ["d", "z"]).statistic, rel=1e-9)
    assert found.df == 2
    assert found.terms == ("d", "z")


def test_nested_by_column_space_not_by_name():
    frame, y = simulated()
    small = MLE().estimate(problem_of(pd.DataFrame({"sum": frame["x"] + frame["d"]}), y))
    big = MLE().estimate(problem_of(frame[["x", "d"]], y))
    assert anova(small, big).df == 1
    other = MLE().estimate(problem_of(pd.DataFrame({"square": frame["x"] ** 2}), y))
    with pytest.raises(InputError, match=r"small must be nested in big; received 'square'"):
        anova(other, big)


def test_anova_of_two_fits_with_a_formula_against_r_drop_one():
    case = CASES["spector"]
    data = table(case)
    small, big = plg.fit("GRADE ~ GPA + TUCE", data), plg.fit(case["formula"], data)
    found = plg.anova(small, big)
    assert found.statistic == pytest.approx(case["lr_statistic"][3], rel=1e-8)
    assert "GRADE ~ GPA + TUCE within GRADE ~ GPA + TUCE + PSI" in str(found)


def test_anova_refuses_the_wrong_order_and_the_same_columns():
    small, big = fits(("x",), ("x", "d"))
    with pytest.raises(InputError, match="Give the smaller fit first"):
        anova(big, small)
    with pytest.raises(InputError, match="They span the same columns"):
        anova(big, big)


def test_anova_refuses_other_rows_and_says_how_many():
    frame, y = simulated()
    holes = frame.copy()
    holes.iloc[[3, 9, 11], 1] = np.nan
    small, big = MLE().estimate(problem_of(frame[["x"]], y)), MLE().estimate(problem_of(holes[["x", "d"]], y))
    with pytest.raises(InputError, match=r"3 row\(s\) are in one of them only"):
        anova(small, big)
    short = MLE().estimate(problem_of(frame[["x"]].iloc[:100], y[:100]))
    with pytest.raises(InputError, match="100 and 120 rows"):
        anova(short, big)


def test_anova_refuses_another_event_other_weights_and_other_methods():
    frame, y = simulated()
    small, big = fits(("x",), ("x", "d"))
    flipped = MLE().estimate(problem_of(frame[["x", "d"]], 1 - y))
    with pytest.raises(InputError, match="the same event"):
        anova(small, flipped)
    weighted = MLE().estimate(problem_of(frame[["x", "d"]], y, weights=np.full(120, 2.0)))
    with pytest.raises(InputError, match="the same weights"):
        anova(small, weighted)
    with pytest.raises(NotAvailableError, match="Likelihood-ratio tests need a fit by maximum likelihood"):
        anova(small, posterior(big.problem, [0, 0, 0]))


@pytest.mark.parametrize("term", [None, 1, [], ["x", 2], {"x": 1}])
def test_what_is_no_term_is_refused_with_the_terms_that_there_are(mle, term):
    with pytest.raises(
        InputError, match="term must be the name of a term.*There are Intercept, z, both, x, d"
    ):
        term_tests.test(mle, term)
