"""The options of a selection, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import problogit as plg
from problogit.errors import InputError
from problogit.estimators.select import SELECTIONS, selection_of


def test_the_short_names() -> None:
    assert selection_of("cv") == plg.CrossValidation()
    assert selection_of("aic") == plg.InformationCriterion("aic")
    assert selection_of("bic") == plg.InformationCriterion("bic")
    assert selection_of("evidence") == plg.Evidence()
    assert {selection_of(name).kind for name in SELECTIONS} == set(SELECTIONS)


def test_options_are_plain_values() -> None:
    given = plg.CrossValidation(values=np.array([1.0, 3.0, 2.0, 3.0]))
    assert given.values == (3.0, 2.0, 1.0)
    assert given == plg.CrossValidation(values=[3, 2, 1])
    assert hash(given) == hash(plg.CrossValidation(values=[3, 2, 1]))
    assert given.describe() == "10-fold cross-validation"
    assert plg.CrossValidation(5, "1se").describe() == "5-fold cross-validation, one-standard-error rule"
    assert plg.InformationCriterion("bic").describe() == "BIC"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plg.Penalized(plg.Laplace(1), select="cross"), "select must be one of 'cv', 'aic'"),
        (lambda: plg.Penalized(plg.Laplace(1), select="evidenc"), "Did you mean 'evidence'"),
        (lambda: plg.Penalized(plg.Laplace(1), select=5), "select must be one of .* or an object"),
        (lambda: plg.CrossValidation(folds=1), "folds must be an integer of at least 2"),
        (lambda: plg.CrossValidation(rule="one"), "rule must be one of 'min', '1se'"),
        (lambda: plg.CrossValidation(n_values=1), "n_values must be an integer of at least 2"),
        (lambda: plg.CrossValidation(ratio=2.0), "ratio must lie strictly between 0 and 1"),
        (lambda: plg.CrossValidation(rng="x"), "rng must be"),
        (lambda: plg.CrossValidation(values="1 2"), "values must be a sequence"),
        (lambda: plg.CrossValidation(values=[1.0]), "at least two distinct positive"),
        (lambda: plg.Evidence(values=[1.0, -1.0]), "at least two distinct positive"),
        (lambda: plg.Evidence(values=[1.0, np.nan]), "values must be a finite number"),
        (lambda: plg.InformationCriterion("hqc"), "criterion must be one of"),
    ],
)
def test_bad_options_are_named(make, message) -> None:
    with pytest.raises(InputError, match=message):
        make()
