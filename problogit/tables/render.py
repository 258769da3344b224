"""Comparisons and plain frames in the shape that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from problogit.tables.grid import Grid
from problogit.tables.numbers import decimals_for, fixed, interval_text, percent, significant

if TYPE_CHECKING:
    import pandas as pd

    from problogit.analysis.compare import ComparisonResult

__all__ = ["comparison", "comparison_grid", "frame_grid", "frame_text"]


def comparison(result: ComparisonResult, shape: str, odds_ratios: bool = False) -> str:
    """Terms x fits in ``text``, ``markdown``, ``latex`` or ``html``, the interval's kind under each label."""
    return comparison_grid(result.coefficients, odds_ratios).render(shape)


def comparison_grid(long: pd.DataFrame, odds_ratios: bool = False) -> Grid:
    """One cell a term and fit: estimate and interval.

    Parameters
    ----------
    long : DataFrame
        `Comparison.coefficients`.
    odds_ratios : bool
        Odds ratios instead of log-odds; the intercept is then left out.
    """
    labels = list(dict.fromkeys(long["label"]))
    terms = list(dict.fromkeys(long["term"]))
    if odds_ratios:
        terms = [term for term in terms if term != "Intercept"]
    cells = {
        (str(line["term"]), str(line["label"])): _cell(line, odds_ratios) for line in long.to_dict("records")
    }
    kinds = [", ".join(dict.fromkeys(long.loc[long["label"] == label, "interval"])) for label in labels]
    rows = (
        ("interval", *kinds),
        *[(term, *[cells.get((term, label), "") for label in labels]) for term in terms],
    )
    level = float(long["level"].iloc[0])
    what = "Odds ratios" if odds_ratios else "Log-odds"
    return Grid(
        ("", *labels), rows, f"{what} with {percent(level)} intervals; their kind stands under each label."
    )


def _cell(line: Mapping[Any, Any], odds_ratios: bool) -> str:
    names = ("odds_ratio", "or_lower", "or_upper") if odds_ratios else ("estimate", "lower", "upper")
    values = [float(line[name]) for name in names]
    if odds_ratios:
        point, lower, upper = [significant(value) for value in values]
    else:
        places = decimals_for(float(line["std_error"]))
        point, lower, upper = [fixed(value, places) for value in values]
    bounds = interval_text(lower, upper)
    return point if bounds == "—" else f"{point} {bounds}"


def frame_grid(frame: pd.DataFrame, digits: int = 4) -> Grid:
    """Any frame, numbers to `digits` significant digits."""
    header = (
        "" if frame.index.name is None else str(frame.index.name),
        *[str(column) for column in frame.columns],
    )
    rows = tuple(
        (str(label), *[significant(float(v), digits) if isinstance(v, float) else str(v) for v in line])
        for label, line in zip(frame.index, frame.itertuples(index=False), strict=True)
    )
    return Grid(header, rows)


def frame_text(frame: pd.DataFrame, shape: str) -> str:
    """A frame as ``table``, ``json``, ``csv`` or ``markdown``; JSON and CSV carry full precision."""
    if shape == "json":
        return str(frame.reset_index().to_json(orient="records", double_precision=15, indent=1))
    if shape == "csv":
        return frame.to_csv().rstrip("\n")
    return frame_grid(frame).render("markdown" if shape == "markdown" else "text")
