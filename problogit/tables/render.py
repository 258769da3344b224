"""Comparisons and plain frames in the shape that was asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis.monte_carlo import term_errors
from problogit.tables.grid import Grid
from problogit.tables.numbers import decimals_for, decimals_known, fixed, interval_text, percent, significant

if TYPE_CHECKING:
    import pandas as pd

    from problogit.analysis.compare import ComparisonResult
    from problogit.estimate import Estimate

__all__ = [
    "WIDTH",
    "comparison",
    "comparison_grid",
    "frame_errors",
    "frame_grid",
    "frame_text",
    "intercepts",
    "simulation_errors",
]


WIDTH = 100


def comparison(result: ComparisonResult, shape: str, odds_ratios: bool = False) -> str:
    """Terms x fits in ``text``, ``markdown``, ``latex`` or ``html``, the interval's kind under each label."""
    grid = comparison_grid(result.coefficients, odds_ratios, intercepts(result), simulation_errors(result))
    return grid.text(WIDTH) if shape == "text" else grid.render(shape)


def intercepts(result: ComparisonResult) -> frozenset[str]:
    """Terms that are the intercept of some fit."""
    found = [
        estimate.terms[at]
        for estimate in result.estimates.values()
        if (at := estimate.problem.intercept) is not None
    ]
    return frozenset(found)


Errors = Mapping[tuple[str, str], Mapping[str, float]]


def simulation_errors(result: ComparisonResult) -> Errors:
    """Monte Carlo errors of the cells of posteriors, by term and label."""
    level = float(result.coefficients["level"].iloc[0])
    return {
        (term, label): errors
        for label, estimate in result.estimates.items()
        for term, errors in _by_term(estimate, level).items()
    }


def frame_errors(estimate: Estimate, prob: float, odds_ratios: bool) -> Mapping[str, Mapping[str, float]]:
    """Monte Carlo errors of the cells of `summary` or `odds_ratios`, by term and column; none but of a posterior."""
    by_term = _by_term(estimate, prob)
    if not odds_ratios:
        return by_term
    ends = {"odds_ratio": "odds_ratio", "lower": "or_lower", "upper": "or_upper"}
    return {term: {new: errors[old] for new, old in ends.items()} for term, errors in by_term.items()}


def _by_term(estimate: Estimate, prob: float) -> dict[str, dict[str, float]]:
    errors = term_errors(estimate, prob) or {}
    return {
        term: {name: float(values[at]) for name, values in errors.items()}
        for at, term in enumerate(estimate.terms)
        if errors
    }


def comparison_grid(
    long: pd.DataFrame,
    odds_ratios: bool = False,
    without: Collection[str] = ("Intercept",),
    errors: Errors | None = None,
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
    errors : mapping of (term, label) to errors, optional
        `simulation_errors`: posteriors then show no more digits than their draws settle.
    """
    labels = list(dict.fromkeys(long["label"]))
    terms = [term for term in dict.fromkeys(long["term"]) if not (odds_ratios and term in without)]
    cells = {
        (key := (str(line["term"]), str(line["label"]))): _cell(
            line, odds_ratios, (errors or {}).get(key, {})
        )
        for line in long.to_dict("records")
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


def _cell(line: Mapping[Any, Any], odds_ratios: bool, errors: Mapping[str, float]) -> str:
    names = ("odds_ratio", "or_lower", "or_upper") if odds_ratios else ("estimate", "lower", "upper")
    values = [float(line[name]) for name in names]
    known = [decimals_known(errors.get(name, math.nan)) for name in names]
    if odds_ratios:
        point, lower, upper = [
            significant(value, known=most) for value, most in zip(values, known, strict=True)
        ]
    else:
        places = decimals_for(float(line["std_error"]))
        point = fixed(values[0], min(places, known[0]))
        lower, upper = [fixed(value, min(places, *known[1:])) for value in values[1:]]
    bounds = interval_text(lower, upper)
    return point if bounds == "—" else f"{point} {bounds}"


def frame_grid(
    frame: pd.DataFrame, digits: int = 4, errors: Mapping[str, Mapping[str, float]] | None = None
) -> Grid:
    """Any frame, numbers to `digits` significant digits, and to what the draws settle where `errors` says so.

    Parameters
    ----------
    frame : DataFrame
    digits : int
    errors : mapping of label to mapping of column to float, optional
        Monte Carlo errors of cells.
    """
    header = (
        "" if frame.index.name is None else str(frame.index.name),
        *[str(column) for column in frame.columns],
    )
    columns = [str(column) for column in frame.columns]
    rows = tuple(
        (
            str(label),
            *[
                _frame_cell(value, digits, (errors or {}).get(str(label), {}).get(column, math.nan))
                for column, value in zip(columns, line, strict=True)
            ],
        )
        for label, line in zip(frame.index, frame.itertuples(index=False, name=None), strict=True)
    )
    return Grid(header, rows)


def _frame_cell(value: Any, digits: int, error: float) -> str:
    if not isinstance(value, float):
        return str(value)
    return significant(value, digits, decimals_known(error))


def frame_text(
    frame: pd.DataFrame, shape: str, errors: Mapping[str, Mapping[str, float]] | None = None
) -> str:
    """A frame as ``table``, ``json``, ``csv`` or ``markdown``.

    JSON and CSV carry full precision; `errors` are those of `frame_grid`. JSON is strict: infinite numbers are the
    strings ``"Infinity"`` and ``"-Infinity"``, missing ones are null.
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
    return frame_grid(frame, errors=errors).render("markdown" if shape == "markdown" else "text")


def _json_value(value: Any) -> str | float | int | bool | None:
    """What strict JSON can hold; numbers of NumPy are taken as those of Python."""
    plain = value.item() if isinstance(value, np.generic) else value
    if isinstance(plain, float) and not math.isfinite(plain):
        return None if math.isnan(plain) else "Infinity" if plain > 0 else "-Infinity"
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    return str(plain)
