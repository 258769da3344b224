"""Numbers as a reader sees them."""

from __future__ import annotations

import math

import pytest

from problogit.tables.numbers import count, decimals_for, fixed, interval_text, p_value, percent, significant


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
