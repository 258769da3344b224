"""Fits of the same rows side by side: coefficients, out-of-sample scores, and where they disagree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from problogit.analysis import coefficients as tables
from problogit.analysis.agreement import disagreement_frame
from problogit.analysis.comparability import offset_notes, require_same_rows
from problogit.analysis.elpd import elpd_frame
from problogit.analysis.fits import estimate_of
from problogit.analysis.loo import LooResult, is_posterior, loo
from problogit.analysis.monte_carlo import decimals_known, term_errors
from problogit.analysis.paired import score_frame
from problogit.errors import InputError, explain
from problogit.estimate import Estimate, HasEstimate
from problogit.validation import check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ComparisonResult",
    "compare_estimates",
    "compare_frames",
    "estimates_frame",
    "label_estimates",
    "long_frame",
]


@dataclass(frozen=True, eq=False)
class ComparisonResult:
    """Several fits of the same rows.

    Attributes
    ----------
    estimates : mapping of str to Estimate
        The fits by label, in the order in which they were given.
    coefficients : DataFrame
        Long and tidy, one row a label and term: ``label, method, term, estimate, std_error, lower, upper,
        odds_ratio, or_lower, or_upper, interval, level``.
        ``attrs["notes"]`` holds `notes`, ``attrs["spreads"]`` the covariance of each label where it is not the
        default (``"HC3"``, ``"CR1 by school"``).
    prob : float
        Level of the intervals.
    notes : tuple of str
        What to keep in mind: offsets that differ.
    """

    estimates: Mapping[str, Estimate]
    coefficients: pd.DataFrame
    prob: float
    notes: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels."""
        return tuple(self.estimates)

    @property
    def terms(self) -> tuple[str, ...]:
        """Every term of any fit, in order of appearance."""
        return tuple(dict.fromkeys(term for estimate in self.estimates.values() for term in estimate.terms))

    @cached_property
    def numbers(self) -> pd.DataFrame:
        """Terms x (label, figure) with figures ``estimate, lower, upper, interval``; NaN where a fit lacks the term."""
        return _spread(self, ("estimate", "lower", "upper"))

    @cached_property
    def odds_ratio_numbers(self) -> pd.DataFrame:
        """The same for odds ratios: ``odds_ratio, or_lower, or_upper, interval``."""
        return _spread(self, ("odds_ratio", "or_lower", "or_upper"))

    @cached_property
    def table(self) -> pd.DataFrame:
        """To be read: terms x labels, cells like ``0.52 [0.11, 0.94]``, the interval named under each label."""
        return _readable(self, self.numbers, ("estimate", "lower", "upper"))

    @cached_property
    def odds_ratio_table(self) -> pd.DataFrame:
        """To be read: odds ratios with their intervals, the intercept left out."""
        intercepts = {
            estimate.terms[at]
            for estimate in self.estimates.values()
            if (at := estimate.problem.intercept) is not None
        }
        slopes = self.odds_ratio_numbers.drop(index=[term for term in self.terms if term in intercepts])
        return _readable(self, slopes, ("odds_ratio", "or_lower", "or_upper"))

    @cached_property
    def scores(self) -> pd.DataFrame:
        """Out-of-sample scores by label; see `problogit.analysis.paired.score_frame`."""
        return score_frame(self.estimates, loos=self.leave_one_out)

    @cached_property
    def leave_one_out(self) -> Mapping[str, LooResult]:
        """Leave-one-out results of the posteriors among the fits, by label."""
        return {label: loo(one) for label, one in self.estimates.items() if is_posterior(one)}

    @cached_property
    def elpd(self) -> pd.DataFrame:
        """Elpd, its differences and stacking weights of the posteriors; see `problogit.analysis.elpd.elpd_frame`."""
        return elpd_frame(
            self.leave_one_out,
            frequency=next(iter(self.estimates.values())).problem.weights_type == "frequency",
            others=tuple(label for label in self.labels if label not in self.leave_one_out),
        )

    @cached_property
    def disagreements(self) -> pd.DataFrame:
        """Where the fits differ and why; see `problogit.analysis.agreement.disagreement_frame`."""
        return disagreement_frame(self.estimates, self.coefficients)


def compare_estimates(
    fits: Mapping[str, HasEstimate] | Sequence[HasEstimate], prob: float = 0.95
) -> ComparisonResult:
    """Compare fits; those of a sequence are labelled by their methods' names, numbered where they repeat."""
    return compare_frames(label_estimates(fits), prob)


def label_estimates(
    fits: HasEstimate | Mapping[str, HasEstimate] | Sequence[HasEstimate],
) -> dict[str, Estimate]:
    """Estimates by label: those of a sequence, or of one fit, are labelled by their methods' names, numbered.

    Raises
    ------
    InputError
        Something among them is no fit.
    """
    if isinstance(fits, Mapping):
        return {label: estimate_of(fit, f"fits[{label!r}]") for label, fit in fits.items()}
    if isinstance(fits, Sequence) and not isinstance(fits, str):
        estimates = [estimate_of(fit, f"fits[{i}]") for i, fit in enumerate(fits)]
    else:
        estimates = [estimate_of(fits, "fits")]
    seen: Counter[str] = Counter()
    labelled = {}
    for estimate in estimates:
        name = estimate.method.name
        seen[name] += 1
        labelled[name if seen[name] == 1 else f"{name} {seen[name]}"] = estimate
    return labelled


def long_frame(
    fits: HasEstimate | Mapping[str, HasEstimate] | Sequence[HasEstimate], prob: float = 0.95
) -> pd.DataFrame:
    """The long tidy frame of one or many fits, which here need not share their rows."""
    return estimates_frame(label_estimates(fits), prob)


def estimates_frame(estimates: Mapping[str, Estimate], prob: float = 0.95) -> pd.DataFrame:
    """The long tidy frame of labelled estimates."""
    import pandas as pd

    check_probability("prob", prob)
    if not estimates:
        raise InputError(explain("fits", "must hold at least one fit", {}))
    long = pd.concat([_long(label, one, prob) for label, one in estimates.items()], ignore_index=True)
    long.attrs["spreads"] = {label: spread for label, one in estimates.items() if (spread := spread_of(one))}
    return long


def spread_of(estimate: Estimate) -> str:
    """The covariance behind the intervals in a few words; empty for a method's default."""
    return estimate.method.spread_label


def compare_frames(estimates: Mapping[str, Estimate], prob: float = 0.95) -> ComparisonResult:
    """Put estimates of the same rows side by side.

    Parameters
    ----------
    estimates : mapping of label to Estimate
        At least two. They may have different terms, but a term that they share must be coded alike.
    prob : float
        Level of the intervals.

    Raises
    ------
    InputError
        Fewer than two fits, or fits of different rows, responses or events: the message names what differs.
    """
    check_probability("prob", prob)
    if len(estimates) < 2:
        raise InputError(explain("fits", "must hold at least two fits to compare", len(estimates)))
    for label in estimates:
        if not isinstance(label, str) or not label:
            raise InputError(explain("fits", "must have labels that are non-empty strings", label))
    require_same_rows(estimates)
    notes = offset_notes(estimates)
    coefficients = estimates_frame(estimates, prob)
    coefficients.attrs["notes"] = notes
    return ComparisonResult(dict(estimates), coefficients, prob, notes)


def _long(label: str, estimate: Estimate, prob: float) -> pd.DataFrame:
    import pandas as pd

    summary = tables.summary(estimate, prob)
    ratios = tables.odds_ratios(estimate, prob, intercept=True)
    return pd.DataFrame(
        {
            "label": label,
            "method": estimate.method.name,
            "term": list(estimate.terms),
            "estimate": summary["estimate"].to_numpy(),
            "std_error": summary["std_error"].to_numpy(),
            "lower": summary["lower"].to_numpy(),
            "upper": summary["upper"].to_numpy(),
            "odds_ratio": ratios["odds_ratio"].to_numpy(),
            "or_lower": ratios["lower"].to_numpy(),
            "or_upper": ratios["upper"].to_numpy(),
            "interval": summary["interval"].to_numpy(),
            "level": prob,
        }
    )


def _spread(result: ComparisonResult, figures: tuple[str, str, str]) -> pd.DataFrame:
    import pandas as pd

    columns: dict[tuple[str, str], Any] = {}
    for label in result.labels:
        own = result.coefficients[result.coefficients["label"] == label].set_index("term")
        for figure in (*figures, "interval"):
            columns[label, figure] = own[figure].reindex(list(result.terms))
    wide = pd.DataFrame(columns, index=pd.Index(list(result.terms), name="term"))
    wide.columns = pd.MultiIndex.from_tuples(list(columns), names=["fit", "figure"])
    wide.attrs["prob"] = result.prob
    return wide


def _readable(result: ComparisonResult, wide: pd.DataFrame, figures: tuple[str, str, str]) -> pd.DataFrame:
    import pandas as pd

    write = _ratio_cell if figures[0] == "odds_ratio" else _cell
    columns: dict[tuple[str, str], list[str]] = {}
    for label, estimate in result.estimates.items():
        rows = wide[label][list(figures)].to_numpy(dtype=float)
        known = _known_decimals(estimate, result.prob, figures)
        columns[label, _kind_of(result, label)] = [
            write(estimated, lower, upper, known.get(str(term), (8, 8, 8))) if term in estimate.terms else ""
            for term, (estimated, lower, upper) in zip(wide.index, rows.tolist(), strict=True)
        ]
    shown = pd.DataFrame(columns, index=wide.index)
    shown.columns = pd.MultiIndex.from_tuples(list(columns), names=["fit", "interval"])
    shown.attrs["prob"] = result.prob
    return shown


def _known_decimals(
    estimate: Estimate, prob: float, figures: tuple[str, str, str]
) -> dict[str, tuple[int, int, int]]:
    """Decimals of estimate and ends that the draws of a posterior settle, by term; empty for other fits."""
    errors = term_errors(estimate, prob)
    if errors is None:
        return {}
    decimals = [[decimals_known(float(error)) for error in errors[name]] for name in figures]
    return dict(zip(estimate.terms, zip(*decimals, strict=True), strict=True))


def _kind_of(result: ComparisonResult, label: str) -> str:
    """The kinds of interval in a fit's column, with the covariance, e.g. ``95% confidence-wald (CR1 by school)``."""
    own = result.coefficients.loc[result.coefficients["label"] == label, "interval"]
    kinds = [kind for kind in dict.fromkeys(own) if kind != "none"]
    spread = result.coefficients.attrs["spreads"].get(label, "")
    of = f" ({spread})" if spread else ""
    return f"{100 * result.prob:g}% {' / '.join(kinds)}{of}" if kinds else "no interval"


def _cell(estimate: float, lower: float, upper: float, known: tuple[int, int, int]) -> str:
    """``0.52 [0.11, 0.94]`` to two digits of a quarter of the interval, which is about its standard error.

    No more than `known` decimals of each.
    """
    ends = [abs(value) for value in (estimate, lower, upper) if np.isfinite(value)]
    size = (upper - lower) / 4 if np.isfinite([lower, upper]).all() else max(ends, default=0.0)
    digits = int(np.clip(1 - np.floor(np.log10(size)), 0, 8)) if size > 0 else 0
    ends_digits = min(digits, known[1], known[2])
    shown = ((estimate, min(digits, known[0])), (lower, ends_digits), (upper, ends_digits))
    return _bracketed(*(_fixed(value, max(0, most)) for value, most in shown))


def _ratio_cell(estimate: float, lower: float, upper: float, known: tuple[int, int, int]) -> str:
    """``1.68 [1.12, 2.56]``, three significant digits each: an odds ratio's interval spans magnitudes.

    No more than `known` decimals of each.
    """
    values = (estimate, lower, upper)
    return _bracketed(*(_significant(value, most) for value, most in zip(values, known, strict=True)))


def _bracketed(estimate: str, lower: str, upper: str) -> str:
    if estimate == "nan":
        return "undetermined"
    return estimate if lower == upper == "nan" else f"{estimate} [{lower}, {upper}]"


def _fixed(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    return _significant(value) if abs(value) >= 1e6 else f"{value:.{digits}f}"


def _significant(value: float, known: int = 8) -> str:
    if value == 0 or not np.isfinite(value):
        return "0" if value == 0 else f"{value:g}"
    size = int(np.floor(np.log10(abs(value))))
    digits = max(1, min(max(3, size + 1), size + 1 + known))
    if not -5 < size < 6:
        return f"{value:#.{min(3, digits)}g}".rstrip(".")
    decimals = digits - 1 - size
    return f"{round(value, decimals):,.{max(0, decimals)}f}"
