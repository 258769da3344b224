"""Where fits of the same model disagree by more than their uncertainty suggests, and what explains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from problogit.analysis.causes import OTHER, Cause, Side, cause_of, skewness_sentences
from problogit.analysis.diagnostics import FEW_EVENTS, events_per_slope
from problogit.estimate import Estimate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SHIFT", "WIDTH_RATIO", "disagreement_frame"]

SHIFT = 0.25  # of a standard error of the reference
WIDTH_RATIO = 0.8
_COLUMNS = (
    "term", "label", "reference", "estimate", "reference_estimate", "shift", "width_ratio", "signs", "flag",
    "prior_part", "skewness_part", "cause",
)  # fmt: skip


def disagreement_frame(estimates: Mapping[str, Estimate], coefficients: pd.DataFrame) -> pd.DataFrame:
    """Compare every fit with a reference, term by term.

    The reference is the first maximum-likelihood fit, or else the first fit.

    Parameters
    ----------
    estimates : mapping of label to Estimate
    coefficients : DataFrame
        Long frame of `ComparisonResult`.

    Returns
    -------
    DataFrame
        One row a term and label: ``term, label, reference, estimate, reference_estimate, shift`` (in standard errors
        of the reference), ``width_ratio`` (of the intervals), ``signs`` (``agree``, ``differ``, ``zero`` or
        ``unknown``), ``flag``, ``prior_part, skewness_part`` (log-odds), ``cause`` and ``reason``. A row is flagged
        where the shift exceeds 0.25, the interval is narrower than 0.8 of the reference's, or only one of the two is
        finite. The flag names the cause (see `problogit.analysis.causes`): ``prior moved this``, ``prior narrowed
        this``, ``mean against mode`` (a posterior's mean against the mode that the other fit reports, under the same
        prior or none), ``prior, and mean against mode``, or ``differs``. `cause` says it with its parts, `reason`
        why the data left room for a prior or for skewness. ``attrs["skewness"]`` holds a sentence for each posterior.
    """
    import pandas as pd

    reference = next(
        (label for label, estimate in estimates.items() if estimate.method.name == "MLE"),
        next(iter(estimates)),
    )
    by_label = {str(label): own.set_index("term") for label, own in coefficients.groupby("label", sort=False)}
    base = by_label[reference]
    separated = {
        term
        for estimate in estimates.values()
        for finding in estimate.findings
        if finding.code == "separation"
        for term in finding.terms
    }
    rarity = events_per_slope(estimates[reference].problem)
    sides = {label: Side(label, estimate) for label, estimate in estimates.items()}
    rows = [
        {"term": str(term), "label": label, "reference": reference}
        | _compare(sides[label], sides[reference], str(term), own.loc[term], base.loc[term])
        for label, own in by_label.items()
        if label != reference
        for term in own.index
        if term in base.index
    ]
    table = pd.DataFrame(rows, columns=list(_COLUMNS))  # named also where no term is shared
    table["reason"] = [
        _reason(term in separated, rarity) if flag not in ("", OTHER) else ""
        for term, flag in zip(table["term"], table["flag"], strict=True)
    ]
    table.attrs.update(
        reference=reference, events_per_coefficient=rarity, skewness=skewness_sentences(sides.values())
    )
    return table


def _compare(
    fit: Side, reference: Side, term: str, own: pd.Series[float], base: pd.Series[float]
) -> dict[str, object]:
    here, there = float(own["estimate"]), float(base["estimate"])
    error = float(base["std_error"])
    shift = (here - there) / error if np.isfinite([here, there]).all() and error > 0 else np.nan
    widths = [float(one["upper"]) - float(one["lower"]) for one in (own, base)]
    ratio = widths[0] / widths[1] if np.isfinite(widths).all() and widths[1] > 0 else np.nan
    one_runs_away = np.isfinite(here) != np.isfinite(there)
    figures = {"estimate": here, "reference_estimate": there, "shift": shift, "width_ratio": ratio}
    cause = Cause("", "")
    if one_runs_away or abs(shift) > SHIFT or ratio < WIDTH_RATIO:
        j, limit = fit.estimate.terms.index(term), SHIFT * error
        cause = cause_of(fit, reference, j, figures, limit, _kinds(fit, reference, own, base))
    return {
        **figures,
        "signs": _signs(here, there),
        "flag": cause.flag,
        "prior_part": cause.prior_part,
        "skewness_part": cause.skewness_part,
        "cause": cause.text,
    }


def _kinds(fit: Side, reference: Side, own: pd.Series[float], base: pd.Series[float]) -> str:
    """How the intervals differ in kind where the prior cannot be the reason: another covariance, or another sort."""
    named = [one.estimate.method.spread_label or "the default" for one in (fit, reference)]
    if named[0] != named[1]:
        return f"the standard errors are of another kind ({named[0]} against {named[1]})"
    if fit.priors == reference.priors and own["interval"] != base["interval"]:
        return f"the intervals are of another kind ({own['interval']} against {base['interval']})"
    return ""


def _signs(here: float, there: float) -> str:
    if np.isnan(here) or np.isnan(there):
        return "unknown"
    if here == 0 or there == 0:
        return "zero"
    return "agree" if (here > 0) == (there > 0) else "differ"


def _reason(separated: bool, rarity: float) -> str:
    parts = []
    if separated:
        parts.append("separation: the likelihood alone has no finite estimate")
    if rarity < FEW_EVENTS:
        parts.append(f"few events: {rarity:.1f} of the rarer outcome per coefficient")
    return "; ".join(parts)
