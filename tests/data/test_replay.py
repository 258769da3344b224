"""New data are coded exactly as the training data were: by name, with their levels, knots and moments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from problogit.data.design import build_from_formula, design_from_state
from problogit.data.formula_design import FormulaDesign
from problogit.errors import DataError, FormulaError, InputError, SavedFitError, UnseenLevelError

RNG = np.random.default_rng(11)
N = 80
FRAME = pd.DataFrame(
    {
        "y": RNG.integers(0, 2, N),
        "x": RNG.normal(size=N),
        "z": RNG.uniform(1, 5, N),
        "a": RNG.choice(list("ABC"), N),
        "b": RNG.choice(["p", "q"], N),
        "k": RNG.integers(0, 4, N),
        "flag": RNG.integers(0, 2, N).astype(bool),
        "a b": RNG.normal(size=N),
        "cat": pd.Categorical(RNG.choice(["lo", "mid", "hi"], N), ["lo", "mid", "hi"]),
        "o": RNG.normal(size=N),
        "m": RNG.integers(1, 4, N),
    },
    index=[f"row{i}" for i in range(N)],
)
RIGHT = [
    "a*b + x",
    "C(k, contr.sum):x + C(flag)",
    "C(a, contr.treatment('B'))*cat",
    "C(cat, contr.poly) + C(a, contr.helmert)",
    "bs(x, df=5, extrapolation='extend'):a",
    "bs(x, df=6, include_intercept=True) - 1",
    "ns(x, df=3)*b",
    "ns(z, knots=[2, 3], lower_bound=0, upper_bound=6)",
    "poly(x, 3) + poly(z, 2, raw=True)",
    "cr(x, df=4, constraints='center') + cc(z, df=4)",
    "scale(x) + center(z) + standardize(`a b`)",
    "scale(log(z))*a",
    "f(x) + f(z):a",
    "C(a, {'d': [1, -1, 0]}) + C(x > 0) + I(x**2)",
    "C(a, levels=['C', 'A', 'B'], spans_intercept=False)",
    "np.where(x > 0, z, 0) + (a == 'A'):x",
]
CONTEXT = {"f": lambda s: s**2}
RIGHT = [right.replace("(a == 'A'):x", "I(a == 'A'):x") for right in RIGHT]


def fitted(right: str, **keywords: Any) -> Any:
    return build_from_formula(f"y ~ {right}", FRAME, context=CONTEXT, **keywords)


@pytest.mark.parametrize("right", RIGHT)
def test_parts_of_the_training_data_replay_to_the_same_columns(right: str) -> None:
    built = fitted(right)
    for part in (slice(0, 10), slice(10, 80), slice(33, 34), slice(79, None, -1)):
        replayed = built.design.replay(FRAME[part])
        # matrix products inside cr() may round the last bit by the number of rows; all else is exact
        np.testing.assert_allclose(
            replayed.X, built.rows.X[part], rtol=0, atol=1e-15 if "cr(" in right else 0
        )
        assert replayed.complete.all()
        assert list(replayed.index) == list(FRAME.index[part])


@pytest.mark.parametrize("right", RIGHT)
def test_state_survives_json_and_replays_identically(right: str) -> None:
    design = fitted(right, offset="o", weights="m").design
    text = json.dumps(design.to_state(), allow_nan=False)
    again = design_from_state(json.loads(text), CONTEXT)
    assert isinstance(again, FormulaDesign)
    assert (again.terms, again.intercept, again.formula) == (design.terms, design.intercept, design.formula)
    assert (again.variables, again.factors) == (design.variables, design.factors)
    assert json.dumps(again.to_state(), allow_nan=False) == text
    first, second = design.replay(FRAME[5:50]), again.replay(FRAME[5:50])
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.offset, second.offset)
    one, two = design.observe(FRAME[5:50]), again.observe(FRAME[5:50])
    for field in ("X", "successes", "trials", "weights", "offset", "kept"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))


def test_columns_are_matched_by_name_whatever_their_order_or_library() -> None:
    built = fitted("a*x + C(k)")
    new = FRAME[["k", "x", "o", "a"]][3:20]
    expected = built.rows.X[3:20]
    kinds = [new, pl.from_pandas(new), {name: new[name].tolist() for name in new}]
    for data in kinds:
        np.testing.assert_array_equal(built.design.replay(data).X, expected)


def test_one_row_as_a_dict_of_single_values() -> None:
    built = fitted("a*x")
    row = FRAME.iloc[7]
    np.testing.assert_array_equal(built.design.replay({"a": row["a"], "x": row["x"]}).X, built.rows.X[7:8])


def test_integer_levels_match_other_numeric_types() -> None:
    built = fitted("C(k)")
    for dtype in (float, "Int64", "int8"):
        np.testing.assert_array_equal(built.design.replay({"k": FRAME["k"].astype(dtype)}).X, built.rows.X)


def test_missing_column_and_other_kind_are_errors() -> None:
    design = fitted("a*x").design
    with pytest.raises(DataError, match="column 'x' is not in the new data; did you mean 'X'"):
        design.replay({"a": ["A"], "X": [1.0]})
    with pytest.raises(
        DataError, match="column 'x' must hold numbers, as when the model was fitted; received 'labels'"
    ):
        design.replay({"a": ["A"], "x": ["1.0"]})
    with pytest.raises(DataError, match="column 'x' at row 1 must be finite"):
        design.replay({"a": ["A", "B"], "x": [1.0, np.inf]})


def test_missing_predictors_are_incomplete_rows_at_their_place() -> None:
    built = fitted("a*x", offset="o")
    new = FRAME[:4].astype({"x": object, "a": object, "o": object})
    new.loc["row1", "x"] = None
    new.loc["row2", "a"] = None
    new.loc["row3", "o"] = None
    replayed = built.design.replay(new)
    np.testing.assert_array_equal(replayed.complete, [True, False, False, False])
    np.testing.assert_array_equal(replayed.X[0], built.rows.X[0])
    np.testing.assert_array_equal(replayed.X[1:3], 0.0)
    assert list(replayed.index) == ["row0", "row1", "row2", "row3"]
    assert replayed.notes == ("Missing values in a (1), x (1).", "Missing values in the offset (1).")


def test_empty_new_data_give_an_empty_matrix() -> None:
    design = fitted("a*x + bs(z, df=4)").design
    assert design.replay(FRAME[:0]).X.shape == (0, len(design.terms))
    all_missing = design.replay({"a": [None, None], "x": [None, None], "z": [None, None]})
    assert not all_missing.complete.any()
    assert all_missing.X.shape == (2, len(design.terms))


def test_a_transform_without_a_value_is_an_incomplete_row() -> None:
    replayed = fitted("log(z)").design.replay({"z": [1.0, -1.0, 0.0]})
    np.testing.assert_array_equal(replayed.complete, [True, False, False])
    assert replayed.notes == ("The formula gives no number at rows 1, 2.",)


def test_splines_outside_the_training_range() -> None:
    far = {"x": [0.0, 99.0]}
    with pytest.raises(
        DataError, match=r"bs\(\) was fitted on values from .* and row 1 lie outside.*extrapolation='clip'"
    ):
        fitted("bs(x, df=5)").design.replay(far)
    replayed = fitted("bs(x, df=5, extrapolation='na')").design.replay(far)
    np.testing.assert_array_equal(replayed.complete, [True, False])
    assert fitted("ns(x, df=5)").design.replay(far).complete.all()


# --- unseen levels ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "new", "column", "levels"),
    [
        ("a", {"a": ["A", "Z", "Y", "Z"]}, "a", ("Z", "Y")),
        ("C(a)", {"a": ["A", "Z", "Y", "Z"]}, "a", ("Z", "Y")),
        ("C(a, contr.treatment('B'))", {"a": ["A", "Z", "Y", "Z"]}, "a", ("Z", "Y")),
        ("C(a, contr.sum)", {"a": ["A", "Z", "Y", "Z"]}, "a", ("Z", "Y")),
        ("a:x", {"a": ["A", "Z", "Y", "Z"], "x": [1.0] * 4}, "a", ("Z", "Y")),
        ("C(k)", {"k": [0, 9, 8, 9]}, "k", (9, 8)),
        ("cat", {"cat": pd.Categorical(["lo", "no", "na", "no"])}, "cat", ("no", "na")),
        ("C(k % 2)", {"k": [0.0, 0.5, 0.25, 0.5]}, "k", (0.5, 0.25)),
    ],
)
def test_unseen_levels_name_column_levels_and_rows(
    right: str, new: Any, column: str, levels: tuple[Any, ...]
) -> None:
    design = fitted(right).design
    frame = pd.DataFrame(new, index=["r0", "r1", "r2", "r3"])
    with pytest.raises(UnseenLevelError) as caught:
        design.replay(frame)
    assert caught.value.column == column
    assert caught.value.levels == levels
    assert caught.value.rows == ("r1", "r2", "r3")
    text = str(caught.value)
    assert (
        f"column {column!r} holds levels that the training data did not have: {levels[0]!r}, {levels[1]!r}"
        in text
    )
    assert "(rows r1, r2, r3)" in text
    assert "unseen='nan'" in text


def test_unseen_boolean_level() -> None:
    data = FRAME.assign(flag=False).assign(flag=lambda d: d["flag"] | (d["x"] > 99))
    design = build_from_formula("y ~ 0 + C(flag)", data).design
    with pytest.raises(UnseenLevelError) as caught:
        design.replay({"flag": [False, True]})
    assert caught.value.levels == (True,)


def test_unseen_nan_marks_the_rows() -> None:
    built = fitted("a*x + b")
    new = FRAME[:3].assign(a=["A", "Z", "B"])
    replayed = built.design.replay(new, unseen="nan")
    np.testing.assert_array_equal(replayed.complete, [True, False, True])
    assert replayed.notes == ("'a' holds levels without training rows at row row1.",)
    again = built.design.replay(new[::2])
    np.testing.assert_array_equal(replayed.X[[0, 2]], again.X)


@pytest.mark.parametrize("right", ["a", "C(a, contr.sum)*x", "a:b", "a*b*x", "C(k, contr.helmert):a"])
def test_unseen_average_is_the_mean_of_the_coded_columns_over_levels(right: str) -> None:
    """Oracle: code the row once under each known level, and average by the levels' shares of the trials."""
    built = build_from_formula(f"y ~ {right}", FRAME, trials="m", event=None)
    mass = FRAME["m"].groupby(FRAME["a"]).sum()
    row = FRAME[4:5]
    parts = [
        built.design.replay(row.assign(a=level)).X * share for level, share in (mass / mass.sum()).items()
    ]
    replayed = built.design.replay(row.assign(a="Z"), unseen="average")
    np.testing.assert_allclose(replayed.X, sum(parts), rtol=1e-13)
    assert replayed.complete.all()


def test_unseen_average_of_the_main_effect_is_the_column_mean() -> None:
    built = fitted("a")
    np.testing.assert_allclose(
        built.design.replay({"a": ["Z"]}, unseen="average").X[0], built.rows.X.mean(axis=0)
    )


def test_unseen_must_be_a_known_word() -> None:
    with pytest.raises(InputError, match="unseen must be one of 'error', 'nan', 'average'"):
        fitted("a").design.replay(FRAME, unseen="ignore")  # type: ignore[arg-type]


def test_a_level_that_was_seen_only_in_dropped_rows_is_unseen() -> None:
    data = {"y": [0, 1, 0, 1], "a": ["p", "q", "p", "r"], "w": [1, 1, 1, 0]}
    design = build_from_formula("y ~ a", data, weights="w").design
    assert design.terms == ("Intercept", "a[T.q]")
    with pytest.raises(UnseenLevelError):
        design.replay({"a": ["r"]})


# --- levels of the training data --------------------------------------------------------------------------------


def test_one_level_factors_are_left_out_by_name() -> None:
    built = build_from_formula("y ~ x + one + one:b", FRAME.assign(one="k"))
    assert built.design.terms == ("Intercept", "x", "one[k]:b[T.q]")  # as formulaic and R write it
    assert any("'one' has the one level 'k'" in note for note in built.report.notes)
    plain = build_from_formula("y ~ x + one", FRAME.assign(one="k"))
    assert plain.design.terms == ("Intercept", "x")
    assert plain.report.notes == (
        "The factor 'one' has the one level 'k' among the rows used and was left out.",
    )
    with pytest.raises(UnseenLevelError):
        plain.design.replay(FRAME.assign(one="other"))
    np.testing.assert_array_equal(plain.design.replay(FRAME.assign(one="k")).X, plain.rows.X)


def test_nothing_but_one_level_factors_without_intercept_keeps_the_first() -> None:
    assert build_from_formula("y ~ 0 + one", FRAME.assign(one="k")).design.terms == ("one[k]",)


def test_unused_categories_are_left_out_by_name() -> None:
    data = FRAME.assign(cat=pd.Categorical(["lo", "hi"] * 40, ["lo", "mid", "hi", "top"]))
    built = build_from_formula("y ~ cat", data)
    assert built.design.terms == ("Intercept", "cat[T.hi]")
    assert built.report.notes == ("The levels 'mid', 'top' of 'cat' have no rows and were left out.",)


def test_levels_only_in_incomplete_rows_are_left_out() -> None:
    data = {"y": [0, 1, 0, 1], "a": pd.Categorical(["p", "q", "p", "r"]), "x": [1.0, 2.0, 3.0, None]}
    built = build_from_formula("y ~ a + x", data)
    assert built.design.terms == ("Intercept", "a[T.q]", "x")
    assert built.report.notes == ("The level 'r' of 'a' has no rows and was left out.",)


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ("C(a, contr.treatment('Z'))", "the reference level 'Z' has no rows"),
        ("C(a, contr.treatment('a'))", "the reference level 'a' has no rows; did you mean 'A'"),
        ("C(a, levels=['A', 'B'])", "the data hold 'C', which levels= does not name"),
        ("C(a, levels=['A', 'A', 'B', 'C'])", "must name each level once"),
        ("C(a, [[1], [2]])", "2 rows for 3 levels|do not fit"),
        ("C(a, 5)", "must be a contrast such as contr.sum"),
        ("C(a, contr.poly(scores=[1, 2]))", "do not fit the levels"),
    ],
)
def test_contrasts_that_do_not_fit(right: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        fitted(right)


def test_two_columns_of_one_name_are_refused() -> None:
    data = FRAME.assign(**{"a[T.B]": FRAME["x"]})
    with pytest.raises(DataError, match="two columns the name 'a.T.B.'"):
        build_from_formula("y ~ a + `a[T.B]`", data)


# --- offset, trials and weights of new data ---------------------------------------------------------------------


def test_replay_takes_the_offset_column() -> None:
    design = fitted("x", offset="o").design
    np.testing.assert_array_equal(design.replay(FRAME[:5]).offset, FRAME["o"][:5])
    with pytest.raises(DataError, match="column 'o' is not in the new data"):
        design.replay(FRAME[["x"]])


def test_an_offset_array_cannot_be_replayed() -> None:
    design = fitted("x", offset=FRAME["o"].to_numpy()).design
    with pytest.raises(DataError, match="offset was given as an array.*offset='its column'"):
        design.replay(FRAME)


def test_observe_reads_response_trials_weights_and_offset() -> None:
    built = fitted("x + a", trials="m", offset="o")
    new = FRAME[10:20].astype({"x": object})
    new.loc["row12", "x"] = None
    seen = built.design.observe(new)
    kept = [i for i in range(10) if i != 2]
    np.testing.assert_array_equal(seen.kept, kept)
    np.testing.assert_array_equal(seen.X, built.rows.X[10:20][kept])
    np.testing.assert_array_equal(seen.trials, FRAME["m"].to_numpy()[10:20][kept])
    np.testing.assert_array_equal(seen.offset, FRAME["o"].to_numpy()[10:20][kept])
    assert len(seen.index) == 10
    with pytest.raises(DataError, match="weights was given as an array"):
        fitted("x", weights=FRAME["m"].to_numpy()).design.observe(FRAME)


def test_observe_uses_what_the_left_side_learned() -> None:
    built = build_from_formula("center(z) > 0 ~ x", FRAME)
    np.testing.assert_array_equal(built.design.observe(FRAME[:20]).successes, built.rows.successes[:20])


# --- files, memory and hostile states ----------------------------------------------------------------------------


def test_replay_from_a_file(tmp_path: Path) -> None:
    built = fitted("a*x")
    FRAME[:9].to_parquet(tmp_path / "new.parquet")
    np.testing.assert_array_equal(built.design.replay(tmp_path / "new.parquet").X, built.rows.X[:9])


def test_state_needs_the_users_functions() -> None:
    state = fitted("f(x)").design.to_state()
    with pytest.raises(InputError, match="functions of your own; load it with context={'f': f}"):
        design_from_state(state)


def damage(state: dict[str, Any], path: list[Any], value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(state))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["factors", 1, "text"], "x.__class__"),
        (["factors", 1, "text"], "__import__('os').system('true')"),
        (["factors", 0, "text"], "nothing"),
        (["factors", 0, "kind"], "other"),
        (["factors", 0, "levels"], ["A"]),
        (["factors", 0, "shares"], ["many"]),
        (["factors", 0, "full"], {}),
        (["factors", 0, "full", "rows"], [99, 0, 1]),
        (["factors", 0, "full", "names"], ["one"]),
        (["terms", 1, "products"], [[[7, True]]]),
        (["terms", 1, "products"], [[[-1, True]]]),
        (["terms", 1, "products"], 5),
        (["columns"], {"x": "code"}),
        (["transforms"], [["scale(x)", {"code": 1}]]),
        (["version"], 99),
        (["kind"], "pickle"),
        (["response"], None),
        (["roles"], {"columns": {"other": "x"}, "arrays": [], "weights_type": "frequency"}),
        (["functions"], 5),
    ],
)
def test_a_damaged_or_hostile_state_says_so_and_runs_nothing(path: list[Any], value: Any) -> None:
    state = fitted("a + scale(x)").design.to_state()
    assert state["factors"][0]["text"] == "a"
    with pytest.raises(SavedFitError):
        design_from_state(damage(state, path, value))
    with pytest.raises(SavedFitError):
        design_from_state({key: item for key, item in state.items() if key != path[0]})


def test_a_hostile_left_side_is_refused_when_it_is_read() -> None:
    state = fitted("x").design.to_state() | {"left": "__import__('os').system('true')"}
    design = design_from_state(state)
    design.replay(FRAME)
    with pytest.raises(FormulaError):
        design.observe(FRAME)


LEVELS = st.one_of(st.integers(-5, 5), st.booleans(), st.sampled_from(["", "a", "b", " a", "é", "1", "[x]"]))


@given(st.lists(LEVELS, min_size=2, max_size=12), st.data())
def test_any_levels_replay_through_json(levels: list[Any], data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([int, bool, str]))
    values = [
        kind(level) if isinstance(level, int) else level
        for level in levels
        if kind is str or isinstance(level, int)
    ]
    if len(values) < 2:
        return
    frame = pd.DataFrame({"y": [i % 2 for i in range(len(values))], "g": values})
    built = build_from_formula("y ~ 0 + C(g)", frame)
    again = design_from_state(json.loads(json.dumps(built.design.to_state(), allow_nan=False)))
    order = data.draw(st.permutations(range(len(values))))
    np.testing.assert_array_equal(again.replay(frame.iloc[order]).X, built.rows.X[order])
