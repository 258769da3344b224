"""The errors and warnings of problogit, all in one place.

Every message names the argument, the rule, the value received and what to do; `explain` writes that sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "AliasingWarning",
    "ApproximationError",
    "CalibrationWarning",
    "ConvergenceWarning",
    "DataError",
    "DataNotSavedError",
    "EstimationError",
    "FormulaError",
    "InputError",
    "MissingDependencyError",
    "NotAvailableError",
    "ProblogitError",
    "ProblogitWarning",
    "SavedFitError",
    "SeparationWarning",
    "UnseenLevelError",
    "explain",
    "listed",
]


class ProblogitError(Exception):
    """Base class of every error that problogit raises on purpose."""


class InputError(ProblogitError, ValueError):
    """An argument or a table breaks a rule that its message names."""


class FormulaError(InputError):
    """The formula is malformed, asks for something out of scope, or would run code."""


class DataError(InputError):
    """The data cannot be used as they are."""


class UnseenLevelError(DataError):
    """New data hold a level of a factor that the training data did not have.

    Attributes
    ----------
    column : str
        The factor.
    levels : tuple
        The levels that were not seen in training.
    rows : tuple
        Labels of the rows that hold them.
    """

    def __init__(self, message: str, column: str, levels: Sequence[object], rows: Sequence[object]) -> None:
        super().__init__(message)
        self.column = column
        self.levels = tuple(levels)
        self.rows = tuple(rows)


class SavedFitError(InputError):
    """A file is not a fit that this version can load."""


class EstimationError(ProblogitError, RuntimeError):
    """The estimate that was asked for does not exist or was not reached."""


class ApproximationError(EstimationError):
    """An approximation of the posterior is too poor to be called one; the message says by how much."""


class NotAvailableError(ProblogitError, RuntimeError):
    """This fit does not have what was asked of it; the message names the remedy."""


class DataNotSavedError(NotAvailableError):
    """The fit was loaded without its data, and this question needs them."""


class MissingDependencyError(ProblogitError, ImportError):
    """An optional package is missing; the message holds the command that installs it."""


class ProblogitWarning(UserWarning):
    """Base class of the warnings of problogit."""


class SeparationWarning(ProblogitWarning):
    """Some maximum-likelihood coefficients are infinite."""


class AliasingWarning(ProblogitWarning):
    """Some columns are linear combinations of others."""


class CalibrationWarning(ProblogitWarning):
    """A recalibration may make probabilities worse, or cannot mend them."""


class ConvergenceWarning(ProblogitWarning):
    """An optimiser or a sampler did not reach what it should have."""


def explain(argument: str, rule: str, received: object, remedy: str = "") -> str:
    """Write the one-line message of a broken rule.

    Parameters
    ----------
    argument, rule : str
        What was given and what it must be, e.g. ``"prob"`` and ``"must lie strictly between 0 and 1"``.
    received : object
        The value; shown by `repr`, shortened to 80 characters.
    remedy : str, optional
        What to do, a full sentence.
    """
    shown = repr(received)
    if len(shown) > 80:
        shown = shown[:77] + "..."
    text = f"{argument} {rule}; received {shown}."
    return f"{text} {remedy}" if remedy else text


def listed(names: Sequence[str], limit: int = 8) -> str:
    """Names for a sentence, and how many were left out: ``"a, b and 3 more"``."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
