"""Comparisons and plain frames in the shape that was asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.tables.grid import Grid
from problogit.tables.numbers import decimals_for, fixed, interval_text, percent, significant

if TYPE_CHECKING:
    import pandas as pd

    from problogit.analysis.compare import ComparisonResult

__all__ = ["WIDTH", "comparison", "comparison_grid", "frame_grid", "frame_text", "intercepts"]


WIDTH = 100


def comparison(result: ComparisonResult, shape: str, odds_ratios: bool = False) -> str:
    """Terms x fits in ``text``, ``markdown``, ``latex`` or ``html``, the interval's kind under each label."""
    grid = comparison_grid(result.coefficients, odds_ratios, intercepts(result))
    return grid.text(WIDTH) if shape == "text" else grid.render(shape)


def intercepts(result: ComparisonResult) -> frozenset[str]:
    """Terms that are the intercept of some fit."""
    found = [
        estimate.terms[at]
        for estimate in result.estimates.values()
        if (at := estimate.problem.intercept) is not None
    ]
    return frozenset(found)


def comparison_grid(
    long: pd.DataFrame, odds_ratios: bool = False, without: Collection[str] = ("Intercept",)
) -> Grid:
    """One cell a term and fit: estimate and interval.

    Parameters
    ----------
    long : DataFrame
        `Comparison.coefficients`; the notes in its attrs end the caption.
    odds_ratios : bool
        Odds ratios instead of log-odds.
    without : collection of str
        Terms that have no odds ratio: the intercept.
    """
    labels = list(dict.fromkeys(long["label"]))
    terms = [term for term in dict.fromkeys(long["term"]) if not (odds_ratios and term in without)]
    cells = {
        (str(line["term"]), str(line["label"])): _cell(line, odds_ratios) for line in long.to_dict("records")
    }
    kinds = [", ".join(dict.fromkeys(long.loc[long["label"] == label, "interval"])) for label in labels]
    spreads = long.attrs.get("spreads", {})
    kinds = [
        f"{kind} ({spreads[label]})" if label in spreads else kind
        for kind, label in zip(kinds, labels, strict=True)
    ]
    rows = tuple((term, *[cells.get((term, label), "") for label in labels]) for term in terms)
    level = float(long["level"].iloc[0])
    what = "Odds ratios" if odds_ratios else "Log-odds"
    caption = f"{what} with {percent(level)} intervals; their kind stands under each label."
    caption = " ".join([caption, *long.attrs.get("notes", ())])
    return Grid(("", *labels), rows, caption, subheader=("interval", *kinds))


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
    """A frame as ``table``, ``json``, ``csv`` or ``markdown``.

    JSON and CSV carry full precision. JSON is strict: infinite numbers are the strings ``"Infinity"`` and
    ``"-Infinity"``, missing ones are null.
    """
    if shape == "json":
        whole = frame.reset_index()
        records = [
            {str(name): _json_value(value) for name, value in zip(whole.columns, line, strict=True)}
            for line in whole.itertuples(index=False, name=None)
        ]
        return json.dumps(records, allow_nan=False, ensure_ascii=False, indent=1)
    if shape == "csv":
        return frame.to_csv().rstrip("\n")
    return frame_grid(frame).render("markdown" if shape == "markdown" else "text")


def _json_value(value: Any) -> str | float | int | bool | None:
    """What strict JSON can hold; numbers of NumPy are taken as those of Python."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        return None if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    return str(plain)
