"""Effects on the probability scale: what changes in P(event) when a variable of the user's table changes.

Marginal standardisation (Lane and Nelder 1982, Biometrics 38:613): every row keeps its own other variables, the
variable in question is set or moved for all, and the probabilities are averaged. Average marginal effects are the same
with a derivative in place of a change.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from problogit.analysis.effects_averages import Cell, Scene, Shares, View, average, view_of
from problogit.analysis.effects_contrasts import KINDS, Contrast, Request, contrasts_of, read_request
from problogit.analysis.effects_needed import NEEDED, needed_columns
from problogit.analysis.effects_notes import effect_notes
from problogit.analysis.effects_rows import EffectRows, Set
from problogit.analysis.effects_scales import SCALES, Effects, effects_of
from problogit.analysis.effects_sources import Groups, open_groups, open_rows, uncounted_roles
from problogit.analysis.effects_variables import Variable, at_combinations, known_variables, profile
from problogit.core.coefficients import CoefficientDistribution, check_kind
from problogit.data.rows import Array
from problogit.errors import DataError, InputError, explain
from problogit.estimate import Estimate
from problogit.validation import check_choice, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EffectKind", "effects"]

EffectKind = Literal["difference", "ratio", "lift", "odds_ratio", "number_needed", "slope", "probability"]
_CELLS = 500_000_000  # rows x draws x scenes: several seconds
_FEWEST = 500
_OWN = ("variable", "contrast", "estimate", "std_error", "lower", "upper", "interval", "n", *NEEDED)


def effects(  # noqa: PLR0913 - the keywords of `Fit.effects` are a contract
    estimate: Estimate,
    variables: Any = None,
    kind: EffectKind = "difference",
    at: Any = None,
    by: Any = None,
    prob: float = 0.95,
    *,
    interval: str | None = None,
    data: Any = None,
    extrapolate: bool = False,
) -> pd.DataFrame:
    """Effects of variables on the probability of the event; the parameters are those of `Fit.effects`.

    Raises
    ------
    InputError
        An unknown variable, level or kind, a value outside the training data, a response or an offset as a variable.
    DataNotSavedError
        The fit holds no table and none is given.
    """
    check_choice("kind", kind, KINDS)
    if not isinstance(extrapolate, bool):
        raise InputError(explain("extrapolate", "must be True or False", extrapolate))
    prob = check_probability("prob", prob)
    check_kind(interval, estimate.predictor.kinds)
    rows = open_rows(estimate, data)
    known = known_variables(estimate, rows)
    requests = read_request(estimate, known, variables)
    where = _where(estimate, known, rows, at, by, extrapolate)
    contrasts = [_contrasts(kind, request, rows, where, extrapolate) for request in requests]
    n_scenes = len(where.places) * sum(len(listed) + 1 for listed in contrasts)
    view = view_of(estimate.predictor, max(_FEWEST, _CELLS // max(1, where.rows.n_rows * n_scenes)))
    groups = _groups(estimate, where, data, by)
    named = frozenset(request.variable.name for request in requests if request.named)
    question = _Question(kind, estimate.predictor, view, where, groups, known, named, prob, interval)
    base: dict[Scene, Cell] = {}
    lines = [line for listed in contrasts for line in question.lines(listed, base)]
    frame = _frame(kind, lines, question)
    notes = effect_notes(
        estimate, rows, uncounted_roles(estimate, data), question.view, [line.found for line in lines]
    )
    frame.attrs.update(prob=prob, kind=kind, event=estimate.problem.response.describe(), notes=notes)
    if where.held is not None:
        frame.attrs["at"] = where.held
    return frame


@dataclass(frozen=True, eq=False)
class _Where:
    """Where effects are looked at.

    Attributes
    ----------
    rows : EffectRows
        Averaged over: all rows, or one made up.
    places : list of dict
        Combinations of values that variables are set to in all rows.
    held : dict or None
        The values of the one row.
    """

    rows: EffectRows
    places: list[dict[str, Any]]
    held: dict[str, Any] | None


def _where(
    estimate: Estimate,
    known: Mapping[str, Variable],
    rows: EffectRows,
    at: Any,
    by: Any,
    extrapolate: bool,
) -> _Where:
    if at is None:
        return _Where(rows, [{}], None)
    if isinstance(at, Mapping):
        return _Where(rows, at_combinations(estimate, known, at, extrapolate), None)
    if not isinstance(at, str):
        rule = "must be a mapping of variables to values, or 'mean', 'typical' or 'reference'"
        raise InputError(explain("at", rule, at, 'As in at={"age": [30, 50]}.'))
    held = profile(estimate, known, rows, at)
    if by is not None:
        rule = f"must be left out with at={at!r}, which makes one row of all"
        raise InputError(explain("by", rule, by))
    return _Where(rows.one(held), [{}], held)


def _groups(estimate: Estimate, where: _Where, data: Any, by: Any) -> Groups:
    groups = open_groups(estimate, where.rows, data, by)
    if groups.name in where.places[0]:
        rule = "must divide the rows by another variable than those that `at` sets"
        raise InputError(explain("by", rule, groups.name))
    return groups


def _contrasts(
    kind: str, request: Request, rows: EffectRows, where: _Where, extrapolate: bool
) -> list[Contrast]:
    """The contrasts of a variable that `at` leaves free."""
    found = contrasts_of(kind, request, rows, extrapolate)
    name = request.variable.name
    if name not in where.places[0] or not any(contrast.sets for contrast in found):
        return found
    if not request.named:
        return []
    rule = f"must leave {name!r} free, whose own effect is asked for"
    raise InputError(explain("at", rule, {name: where.places[0][name]}))


@dataclass(frozen=True, eq=False)
class _Line:
    """One contrast at one combination of values, for all groups."""

    contrast: Contrast
    place: Mapping[str, Any]
    found: Effects


@dataclass(frozen=True, eq=False)
class _Question:
    """Everything but the variable."""

    kind: str
    coefficients: CoefficientDistribution
    view: View
    where: _Where
    groups: Groups
    known: Mapping[str, Variable]
    named: frozenset[str]
    prob: float
    interval: str | None

    def lines(self, contrasts: list[Contrast], base: dict[Scene, Cell]) -> list[_Line]:
        """The lines of one variable; `base` keeps the averages of the rows as they are for the next one."""
        rows = self.where.rows
        shares = Shares.of(rows, self.groups)
        own: dict[Scene, Cell] = {}

        def cell(kept: dict[Scene, Cell], scene: Scene) -> Cell:
            if scene not in kept:
                kept[scene] = average(self.view, rows, shares, scene)
            return kept[scene]

        def found(contrast: Contrast, place: Mapping[str, Any]) -> Effects:
            slope = self.known[contrast.variable] if contrast.slope else None
            scale = SCALES["difference" if self.kind == "slope" and slope is None else self.kind]
            start = tuple(Set(name, value) for name, value in place.items())
            high, low = cell(own, Scene((*start, *contrast.high), slope)), None
            if contrast.low is not None:
                low = cell(own if contrast.low else base, Scene((*start, *contrast.low)))
            return effects_of(scale, self.coefficients, high, low, self.prob, self.interval)

        lines = []
        for contrast, place in itertools.product(contrasts, self.where.places):
            try:
                lines.append(_Line(contrast, place, found(contrast, place)))
            except DataError as error:
                if contrast.variable in self.named:
                    raise
                lines.append(_Line(contrast, place, Effects.none(len(self.groups.labels), str(error))))
        return lines

    @property
    def n(self) -> Array:
        """Units averaged over, by group."""
        counts = np.bincount(
            self.groups.codes, weights=self.where.rows.copies, minlength=len(self.groups.labels)
        )
        return counts.astype(np.float64)


def _frame(kind: str, lines: list[_Line], question: _Question) -> pd.DataFrame:
    import pandas as pd

    groups, n_groups = question.groups, len(question.groups.labels)

    def repeated(values: list[Any]) -> list[Any]:
        return [value for value in values for _ in range(n_groups)]

    def joined(name: str) -> Any:
        return np.concatenate([getattr(line.found, name) for line in lines]) if lines else np.empty(0)

    columns: dict[str, Any] = {
        "variable": repeated([line.contrast.variable for line in lines]),
        "contrast": repeated([line.contrast.text for line in lines]),
    }
    for name in question.where.places[0]:
        columns[_free(name)] = repeated([line.place[name] for line in lines])
    if groups.name:
        columns[_free(groups.name)] = list(groups.labels) * len(lines)
    columns |= {name: joined(name) for name in ("estimate", "std_error", "lower", "upper")}
    columns["interval"] = joined("kinds")
    columns["n"] = np.tile(question.n, len(lines))
    frame = pd.DataFrame(columns)
    if (frame["n"] == np.round(frame["n"])).all():
        frame["n"] = frame["n"].astype(np.int64)
    return needed_columns(frame, question.prob) if kind == "number_needed" else frame


def _free(name: str) -> str:
    """A column of the user's under a name that this table does not use itself."""
    return f"{name} (data)" if name in _OWN else name
