"""What to keep in mind about a table of effects: why something is missing, and what to do."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from problogit.analysis.effects_averages import View
from problogit.analysis.effects_rows import EffectRows
from problogit.analysis.effects_scales import Effects
from problogit.core.coefficients import PointCoefficients
from problogit.core.debiased import DebiasedCoefficients
from problogit.core.infinite import AliasedCoefficients
from problogit.errors import AliasingWarning, ProblogitWarning, SeparationWarning
from problogit.estimate import Estimate

__all__ = ["effect_notes"]

_PRIOR = "Fit the same model with Penalized(Jeffreys()), another proper prior, or Bayes()."


def effect_notes(
    estimate: Estimate,
    rows: EffectRows,
    uncounted: Sequence[str],
    view: View,
    found: Sequence[Effects],
) -> tuple[str, ...]:
    """Full sentences; a warning too where an effect itself is missing."""
    notes = []
    if uncounted:
        notes.append(f"Each of these rows counts once: the data do not give their {' and '.join(uncounted)}.")
    if rows.n_missing:
        notes.append(f"{rows.n_missing} rows with missing values or without weight are left out.")
    if view.thinned > 1:
        notes.append(f"One of every {view.thinned} draws was used, to keep the time short.")
    notes += _without_interval(estimate, found)
    return (*notes, *_without_estimate(estimate, found))


def _without_interval(estimate: Estimate, found: Sequence[Effects]) -> list[str]:
    coefficients = estimate.predictor
    if isinstance(coefficients, PointCoefficients):
        return [f"No intervals: {coefficients.reason}"]
    if any(part.certain.any() for part in found):
        return [
            "No interval where the average holds rows with a probability of exactly 0 or 1: the data are separated, "
            f"and such probabilities have no sampling distribution. {_PRIOR}"
        ]
    if isinstance(coefficients, DebiasedCoefficients) and any((part.kinds == "none").any() for part in found):
        return [
            "No interval where an effect rests on more coefficients than the debiased estimate has a joint "
            "distribution of. Use inference='bootstrap', or Bayes with the same prior."
        ]
    return []


def _without_estimate(estimate: Estimate, found: Sequence[Effects]) -> list[str]:
    notes = list(dict.fromkeys(part.refused for part in found if part.refused))
    for note in notes:
        warnings.warn(note, ProblogitWarning, stacklevel=5)
    if any(part.rough for part in found):
        notes.append(
            "No derivative where the formula has a step in the variable: ask for kind='difference' between two values."
        )
        warnings.warn(notes[-1], ProblogitWarning, stacklevel=5)
    if any(np.isnan(part.estimate).any() and not (part.rough or part.refused) for part in found):
        coefficients = estimate.coefficients
        if isinstance(coefficients, AliasedCoefficients):
            equations = coefficients.aliases.equations(estimate.terms)
            notes.append(
                f"Some effects are unknown: training could not tell columns apart ({equations}), and changed rows "
                "break that relation."
            )
            warnings.warn(notes[-1], AliasingWarning, stacklevel=5)
        else:
            notes.append(
                "Some effects are unknown: the data are separated, and the infinite coefficients pull changed rows "
                f"both ways, or make an average that is divided by zero. {_PRIOR}"
            )
            warnings.warn(notes[-1], SeparationWarning, stacklevel=5)
    return notes
