"""Numbers as a reader sees them."""

from __future__ import annotations

import math

import pytest

from problogit.tables.numbers import (
    count,
    decimals_for,
    decimals_known,
    fixed,
    interval_text,
    p_value,
    percent,
    probability_text,
    significant,
)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.04512, "0.0451"),
        (1.316, "1.32"),
        (1234.5, "1230"),
        (0.0, "0"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (math.nan, "—"),
        (2.2e-6, "2.20e-06"),
        (9.995, "9.99"),
    ],
)
def test_three_significant_digits(value: float, shown: str) -> None:
    assert significant(value) == shown


def test_decimals_show_two_digits_of_the_standard_error() -> None:
    assert [decimals_for(se) for se in (0.123, 1.23, 12.3, 0.00123, math.nan, 0.0)] == [2, 1, 0, 4, 3, 3]


def test_no_minus_zero_and_no_long_tail() -> None:
    assert fixed(-0.0001, 2) == "0.00"
    assert fixed(12345678.0, 2) == "1.23e+07"


def test_intervals_are_open_at_infinity() -> None:
    assert interval_text("1", "∞") == "[1, ∞)"
    assert interval_text("-∞", "2") == "(-∞, 2]"
    assert interval_text("—", "—") == "—"


def test_p_values_levels_and_counts() -> None:
    assert (p_value(0.00004), p_value(0.0412), p_value(math.nan)) == ("<0.001", "0.041", "—")
    assert (percent(0.95), percent(0.999)) == ("95%", "99.9%")
    assert (count(1234567), count(2.5)) == ("1,234,567", "2.5")


def test_the_monte_carlo_error_is_below_one_unit_of_the_last_digit() -> None:
    errors = (0.0099, 0.01, 0.011, 0.4, 3.0, 120.0)
    assert [decimals_known(error) for error in errors] == [2, 2, 1, 0, -1, -3]
    assert [decimals_known(error) for error in (math.nan, 0.0, math.inf)] == [8, 8, -8]
    assert (fixed(1234.5, -2), fixed(-4.0, -1), fixed(1.25, 1)) == ("1200", "0", "1.2")


def test_significant_digits_stop_where_the_error_begins_and_one_is_always_shown() -> None:
    assert [significant(2.9812, known=known) for known in (8, 2, 1, 0, -1)] == [
        "2.98",
        "2.98",
        "3.0",
        "3",
        "3",
    ]
    assert significant(0.04512, known=1) == "0.05"
    assert significant(1234.5, known=-2) == "1200"


def test_probabilities_from_draws_are_never_zero_or_one() -> None:
    assert (probability_text(1.0), probability_text(0.0), probability_text(math.nan)) == (
        ">0.999",
        "<0.001",
        "—",
    )
    assert (probability_text(0.93412, 0.004), probability_text(0.93412, 0.0008)) == ("0.93", "0.934")
    assert probability_text(0.93412, 0.3) == "0.9"
