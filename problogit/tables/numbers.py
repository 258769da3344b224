"""Numbers as a reader should see them: as many digits as their uncertainty allows."""

from __future__ import annotations

import math

from problogit.analysis.monte_carlo import decimals_known

__all__ = [
    "MISSING",
    "count",
    "decimals_for",
    "decimals_known",
    "fixed",
    "interval_text",
    "p_value",
    "percent",
    "probability_text",
    "significant",
]

MISSING = "—"


def decimals_for(uncertainty: float, digits: int = 2) -> int:
    """Decimals that show `digits` significant digits of a standard error, between 0 and 8."""
    if not math.isfinite(uncertainty) or uncertainty <= 0:
        return 3
    return min(8, max(0, digits - 1 - math.floor(math.log10(uncertainty))))


def fixed(value: float, decimals: int) -> str:
    """A number with that many decimals, rounded to tens, hundreds, ... where `decimals` is negative.

    ``∞`` and a dash for infinite and missing ones; no minus zero.
    """
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1e7:
        return f"{value:.3g}"
    text = f"{round(value, decimals) if decimals < 0 else value:.{max(decimals, 0)}f}"
    return text.lstrip("-") if float(text) == 0 else text


def significant(value: float, digits: int = 3, known: int = 8) -> str:
    """A number with `digits` significant digits, as odds ratios are read: 0.0451, 1.32, 16.9, 1 230.

    At most `known` of its decimals are shown, and one significant digit at least.
    """
    if not math.isfinite(value) or value == 0:
        return fixed(value, 0)
    size = math.floor(math.log10(abs(value)))
    digits = min(digits, max(1, size + 1 + known))
    if size >= 7 or size < -5:
        return f"{value:.{digits - 1}e}"
    return f"{round(value, digits - 1 - size):.{max(0, digits - 1 - size)}f}"


def interval_text(lower: str, upper: str) -> str:
    """``[a, b]``, open at infinity; a dash where there is none."""
    if MISSING in (lower, upper):
        return MISSING
    return f"{'(' if lower == '-∞' else '['}{lower}, {upper}{')' if upper == '∞' else ']'}"


def p_value(value: float) -> str:
    """Three decimals, and ``<0.001`` below; never 0."""
    if math.isnan(value):
        return MISSING
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def probability_text(value: float, error: float = math.nan) -> str:
    """A posterior probability from draws: decimals that its Monte Carlo error allows, at most three; never 0 or 1."""
    if math.isnan(value):
        return MISSING
    if value < 0.001 or value > 0.999:
        return "<0.001" if value < 0.5 else ">0.999"
    return fixed(value, min(3, max(1, decimals_known(error))))


def percent(level: float) -> str:
    """``95%``, ``99.9%``: the level of an interval."""
    return f"{100 * level:.6g}%"


def count(value: float) -> str:
    """A whole number with thin groups; decimals only where the number has them."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
