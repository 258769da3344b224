"""Validation: how good predictions are on rows that did not make them.

Without new data the figures of the fit on its own rows are corrected for optimism by the bootstrap
(`problogit.optimism`), which is nearly unbiased where pooled left-out predictions are biased low (slope, AUC). Where
that would take too long, figures of left-out predictions stand in, labelled. New data are judged as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from problogit.analysis.corp import corp
from problogit.analysis.group_measures import group_measures, table_groups
from problogit.analysis.judged import Judged, judge
from problogit.analysis.loo import is_posterior
from problogit.analysis.murphy import murphy
from problogit.analysis.performance import INDEXES, external_measures, performance
from problogit.analysis.row_groups import row_groups
from problogit.analysis.sample_size import expected_shrinkage
from problogit.analysis.scores import require_predictions
from problogit.analysis.validation_notes import bootstrap_notes, external_notes, left_out_notes
from problogit.errors import InputError, NotAvailableError, explain
from problogit.estimate import Estimate, Estimator
from problogit.optimism import INTERVAL, Optimism, optimism_bootstrap
from problogit.progress import SILENT, Progress
from problogit.resampling import predicted_log_odds
from problogit.validation import check_choice, check_integer, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BUDGET", "Validation", "bootstrapped_method", "validate"]

BUDGET = 3e8  # rows x columns x resamples: a minute or two
BUDGET_DRAWS = 3e6  # beyond which the mode stands in for draws of a posterior
MOST_COSTLY = 50  # resamples where one refit is itself made of many, whatever the size: 0.2 to 3 s each
RESAMPLE = ("auto", "bootstrap", "loo")


@dataclass(frozen=True, eq=False)
class Validation:
    """Figures about predictions, out of sample.

    Attributes
    ----------
    frame : DataFrame
        One row a figure. Of the data that made the fit: ``apparent, optimism, corrected, lower, upper, interval,
        std_error, target``; of other data: ``value, lower, upper, interval, std_error, target``.
    groups : DataFrame or None
        One row a group and figure: ``group, n, n_events, quantity, value, std_error, lower, upper, interval, target,
        note``.
    kind : str
        ``"bootstrap"``, ``"loo"`` (left-out predictions, of whatever sort) or ``"external"``; ``"apparent"`` where the
        data given are those that made the fit.
    method : str
        How it was judged, in words, with what was refitted.
    modelled : str
        The event, e.g. ``"P(passed = 'yes')"``.
    n, n_trials, n_events : int
        Units, trials and events that were judged.
    shrinkage : float
        (LR - df) / LR of a maximum-likelihood fit, LR its likelihood-ratio statistic against the null model: a guess
        at the slope without resampling (van Houwelingen & le Cessie 1990). NaN for other fits and for new data.
    notes : tuple of str
    prob : float
        Level of the bounds.
    optimism : Optimism or None
        The bootstrap behind it; its figures are in the order of `frame`.
    estimate : Estimate
    data : table or None
        The data given.
    rng : int, Generator or None
        Deals folds, where rows are left out in folds.
    """

    frame: pd.DataFrame
    groups: pd.DataFrame | None
    kind: str
    method: str
    modelled: str
    n: int
    n_trials: int
    n_events: int
    shrinkage: float
    notes: tuple[str, ...]
    prob: float
    optimism: Optimism | None
    estimate: Estimate
    data: Any = None
    rng: int | np.random.Generator | None = 0

    @cached_property
    def judged(self) -> Judged:
        """Predictions beside outcomes: of the data given, else of rows left out. Made when first asked for."""
        return judge(self.estimate, self.data, rng=self.rng)

    def decomposition(
        self, kind: Literal["corp", "murphy"] = "corp", bins: int = 10, by: Literal["width", "size"] = "width"
    ) -> pd.DataFrame:
        """Scores and their parts, from predictions of rows left out (of the data given, where there are some).

        Parameters
        ----------
        kind : str
            ``corp``: score = mcb - dsc + unc of Brier and log score, without bins. ``murphy``: the Brier score over
            bins of the prediction, brier = reliability - resolution + uncertainty + within; it depends on the bins.
        bins, by
            Of ``murphy``: how many, of equal ``width`` or ``size``.

        Returns
        -------
        DataFrame
            One row a score; ``attrs["method"]`` says how it was judged.
        """
        import pandas as pd

        check_choice("kind", kind, ("corp", "murphy"))
        usable = require_predictions(self.judged)
        if kind == "murphy":
            parts = murphy(usable, bins, by)
            murphy_names = ("score", "reliability", "resolution", "uncertainty", "within")
            table = pd.DataFrame([{name: getattr(parts, name) for name in murphy_names}], index=["brier"])
        else:
            curve = corp(usable.log_odds, usable.successes, usable.trials, usable.weights)
            both = {"brier": curve.brier, "log_score": curve.log_score}
            names = ("score", "mcb", "dsc", "unc")
            table = pd.DataFrame({name: [getattr(part, name) for part in both.values()] for name in names})
            table.index = pd.Index(list(both))
        table.index.name = "quantity"
        table.attrs.update(method=self.judged.how, n_events=usable.n_events)
        return table

    def value(self, quantity: str) -> float:
        """One figure: corrected, or that of the data given."""
        check_choice("quantity", quantity, tuple(self.frame.index))
        column = "corrected" if "corrected" in self.frame.columns else "value"
        return float(self.frame[column].to_numpy()[self.frame.index.get_loc(quantity)])

    def __str__(self) -> str:
        """How it was judged, the figures, the notes."""
        others = self.n_trials - self.n_events
        head = f"Validation of {self.modelled}: {self.method}; {self.n_events} events, {others} non-events."
        parts = [head, _printed(self.frame.drop(columns=["std_error", "target"]))]
        if np.isfinite(self.shrinkage):
            parts.append(f"Heuristic shrinkage (LR - df) / LR: {self.shrinkage:.3f}")
        if self.groups is not None:
            wide = self.groups.pivot_table(
                "value", ["group", "n", "n_events"], "quantity", sort=False, dropna=False
            )
            parts.append(_printed(wide.dropna(how="all").reset_index(), index=False))
        return "\n".join([*parts, *self.notes])

    __repr__ = __str__


def validate(
    estimate: Estimate,
    data: Any = None,
    resamples: int = 300,
    by: Any = None,
    prob: float = 0.95,
    *,
    resample: str = "auto",
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> Validation:
    """Figures about predictions, out of sample.

    Parameters
    ----------
    estimate : Estimate
    data : table, optional
        New data with predictors and response, which are judged as they are.
    resamples : int
        Of the bootstrap.
    by : str or array, optional
        A column of the data, or labels of the rows, that divides them into groups; see `row_groups`. Groups are judged
        on rows left out (`problogit.analysis.judged.judge`), or on the data given.
    prob : float
        Level of the bounds.
    resample : str
        Without `data`: ``"bootstrap"``; ``"loo"``, figures of rows left out, which are biased low for slope and AUC;
        or ``"auto"``, the bootstrap while rows x columns x resamples is at most 3e8 (beyond 3e6 by the mode of a
        posterior), and for fits that choose a strength, or when to stop, while resamples are at most 50.
    rng : int, Generator or None
        Draws the resamples.
    progress : Progress

    Returns
    -------
    Validation

    Raises
    ------
    NotAvailableError
        Nothing can be resampled or left out: the response is constant, or one outcome has fewer than two rows.
    """
    check_integer("resamples", resamples, 2)
    check_probability("prob", prob)
    check_choice("resample", resample, RESAMPLE)
    if data is not None and resample != "auto":
        rule = 'must be "auto" where data is given: new data are judged as they are'
        raise InputError(explain("resample", rule, resample))
    if by is not None and data is None:
        row_groups(estimate, by)  # a wrong one is refused before all the refits, not after
    if data is not None:
        made = _external(estimate, data, prob)
    else:
        reason = _no_bootstrap(estimate, resamples) if resample == "auto" else ""
        if resample == "loo" or reason:
            made = _left_out(estimate, judge(estimate, rng=rng, progress=progress), prob, reason)
        else:
            made = replace(_bootstrapped(estimate, resamples, prob, rng, progress), rng=rng)
    return made if by is None else _with_groups(made, by)


def _with_groups(made: Validation, by: Any) -> Validation:
    judged = made.judged
    codes, labels, name = table_groups(made.estimate, made.data, by, len(judged.index))
    groups, notes = group_measures(require_predictions(judged), codes, labels, made.prob)
    groups.attrs.update(prob=made.prob, method=judged.how, by=name)
    how = () if made.kind != "bootstrap" else (f"Groups of {name} are judged by {judged.how}.",)
    return replace(made, groups=groups, notes=(*made.notes, *how, *notes))


def bootstrapped_method(estimate: Estimate, resamples: int) -> Estimator:
    """What the bootstrap refits: the method's surrogate, or the mode of a posterior where draws would take too long.

    Raises
    ------
    NotAvailableError
        The fit cannot be repeated.
    """
    method = estimate.method
    stand_in, mode = method.surrogate(), method.mode_finder()
    if is_posterior(estimate) and mode is not None and _size(estimate, resamples) > BUDGET_DRAWS:
        return mode.surrogate()
    return stand_in


def _size(estimate: Estimate, resamples: int) -> int:
    return estimate.problem.rows.n_obs * estimate.problem.n_terms * resamples


def _no_bootstrap(estimate: Estimate, resamples: int) -> str:
    """Why the bootstrap is not made unasked; empty where it is."""
    try:
        stand_in = bootstrapped_method(estimate, resamples)
    except NotAvailableError as error:
        return str(error)
    instead = "figures of rows left out stand in. Ask for fewer resamples, or for resample='bootstrap' and patience."
    if stand_in.costly and resamples > MOST_COSTLY:
        return (
            f"Each refit chooses its strength, or when to stop, by many fits: more than {MOST_COSTLY} resamples are "
            f"not made unasked, and {instead}"
        )
    if _size(estimate, resamples) <= BUDGET:
        return ""
    problem = estimate.problem
    return (
        f"{problem.rows.n_obs} rows x {problem.n_terms} columns x {resamples} resamples exceed the budget of "
        f"{BUDGET:.0e} for a bootstrap: {instead}"
    )


def _bootstrapped(
    estimate: Estimate,
    resamples: int,
    prob: float,
    rng: int | np.random.Generator | None,
    progress: Progress,
) -> Validation:
    problem, method = estimate.problem, bootstrapped_method(estimate, resamples)
    own = predicted_log_odds(estimate.predictor, problem.rows.X, problem.rows.offset)
    found = optimism_bootstrap(
        method, problem, performance, resamples=resamples, rng=rng, progress=progress, log_odds=own
    )
    same = found.method == estimate.method.describe()
    return Validation(
        frame=_bootstrap_frame(found, prob),
        groups=None,
        kind="bootstrap",
        method=f"optimism bootstrap, {resamples} resamples of {'' if same else 'its stand-in, '}{found.method}",
        modelled=problem.response.describe(),
        n=problem.sample.nobs,
        n_trials=round(problem.sample.n_trials),
        n_events=round(problem.sample.n_events),
        shrinkage=expected_shrinkage(estimate),
        notes=bootstrap_notes(estimate, found),
        prob=prob,
        optimism=found,
        estimate=estimate,
    )


def _bootstrap_frame(found: Optimism, prob: float) -> pd.DataFrame:
    import pandas as pd

    lower, upper = found.limits(prob)
    low, high = np.array([index.low for index in INDEXES]), np.array([index.high for index in INDEXES])
    known = np.isfinite(found.corrected) & np.isfinite(lower) & np.isfinite(upper)
    table = pd.DataFrame(
        {
            "apparent": found.apparent,
            "optimism": found.optimism,
            "corrected": found.corrected,
            "lower": np.where(known, np.clip(lower, low, high), np.nan),
            "upper": np.where(known, np.clip(upper, low, high), np.nan),
            "interval": np.where(known, INTERVAL, "none"),
            "std_error": np.where(known, found.std_error, np.nan),
            "target": [index.target for index in INDEXES],
        },
        index=_names(),
    )
    table.attrs.update(prob=prob, method=found.method)
    return table


def _left_out(estimate: Estimate, judged: Judged, prob: float, reason: str) -> Validation:
    import pandas as pd

    rows = estimate.problem.rows
    usable = require_predictions(judged)
    own = predicted_log_odds(estimate.predictor, rows.X, rows.offset)
    known = ~np.isnan(own)
    apparent = performance(own[known], rows.successes[known], rows.trials[known], rows.weights[known])
    table = _measured(usable, prob)
    values = table.pop("value")
    table = pd.concat(
        [pd.DataFrame({"apparent": apparent, "optimism": apparent - values, "corrected": values}), table],
        axis=1,
    )
    table.attrs.update(prob=prob, method=judged.how)
    made = _of_predictions(estimate, judged, table, left_out_notes(judged, reason), prob)
    return replace(made, kind="loo", shrinkage=expected_shrinkage(estimate))


def _external(estimate: Estimate, data: Any, prob: float) -> Validation:
    judged = judge(estimate, data)
    table = _measured(require_predictions(judged), prob)
    made = _of_predictions(estimate, judged, table, external_notes(judged), prob)
    return replace(made, kind=judged.kind, data=data)


def _of_predictions(
    estimate: Estimate, judged: Judged, table: pd.DataFrame, notes: tuple[str, ...], prob: float
) -> Validation:
    usable = judged.usable
    return Validation(
        frame=table,
        groups=None,
        kind="",
        method=judged.how,
        modelled=estimate.problem.response.describe(),
        n=usable.n,
        n_trials=usable.n_trials,
        n_events=usable.n_events,
        shrinkage=np.nan,
        notes=notes,
        prob=prob,
        optimism=None,
        estimate=estimate,
    )


def _measured(judged: Judged, prob: float) -> pd.DataFrame:
    import pandas as pd

    found = external_measures(judged, prob)
    columns = ("value", "lower", "upper", "interval", "std_error", "target")
    table = pd.DataFrame(
        {column: [getattr(measure, column) for measure in found] for column in columns}, index=_names()
    )
    table.attrs.update(prob=prob, method=judged.how)
    return table


def _names() -> pd.Index:
    import pandas as pd

    return pd.Index([index.name for index in INDEXES], name="quantity")


def _printed(table: pd.DataFrame, *, index: bool = True) -> str:
    return table.to_string(float_format=lambda value: f"{round(value, 4) + 0.0:.4f}", na_rep="-", index=index)
