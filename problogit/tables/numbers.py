"""Numbers as a reader should see them: as many digits as their uncertainty allows."""

from __future__ import annotations

import math

__all__ = ["MISSING", "count", "decimals_for", "fixed", "interval_text", "p_value", "percent", "significant"]

MISSING = "—"


def decimals_for(uncertainty: float, digits: int = 2) -> int:
    """Decimals that show `digits` significant digits of a standard error, between 0 and 8."""
    if not math.isfinite(uncertainty) or uncertainty <= 0:
        return 3
    return min(8, max(0, digits - 1 - math.floor(math.log10(uncertainty))))


def fixed(value: float, decimals: int) -> str:
    """A number with that many decimals; ``∞`` and a dash for infinite and missing ones; no minus zero."""
    if math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if abs(value) >= 1e7:
        return f"{value:.3g}"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def significant(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits, as odds ratios are read: 0.0451, 1.32, 16.9, 1 230."""
    if not math.isfinite(value) or value == 0:
        return fixed(value, 0)
    size = math.floor(math.log10(abs(value)))
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


def percent(level: float) -> str:
    """``95%``, ``99.9%``: the level of an interval."""
    return f"{100 * level:.6g}%"


def count(value: float) -> str:
    """A whole number with thin groups; decimals only where the number has them."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
