"""Decision curves: where acting on the predictions is better than acting on everybody or on nobody.

Net benefit, its band and its rivals over a range of thresholds, judged out of sample unless asked otherwise; see
`problogit.analysis.net_benefit` for what they are.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.comparability import require_same_rows
from problogit.analysis.compare import label_estimates
from problogit.analysis.decision_frames import (
    ALL,
    EQUAL,
    INTERVAL,
    NONE,
    benefits,
    best_frame,
    curve_frame,
    ranges,
)
from problogit.analysis.decision_judged import Together, judge_together
from problogit.analysis.decisions import threshold_of
from problogit.analysis.net_benefit import Calls, calls_of, drawn_calls
from problogit.data.rows import Array
from problogit.errors import InputError, explain
from problogit.estimate import Estimate, HasEstimate
from problogit.progress import SILENT, Progress
from problogit.validation import check_number, check_probability, seed_sequence

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL", "NONE", "DecisionCurveResult", "decision_curve"]

DRAWS = 2000
_LIKELY = 0.95
_FEWEST = 10  # trials called, and not called, at thresholds that words are said about


@dataclass(frozen=True, eq=False)
class DecisionCurveResult:
    """Net benefit of acting on the predictions of one or several fits, over thresholds.

    Attributes
    ----------
    frame : DataFrame
        Long and tidy, one row a strategy and threshold: ``strategy, threshold, net_benefit, lower, upper, interval,
        level, standardized`` (net benefit over prevalence), ``avoided`` (net interventions avoided per 100 trials,
        against treating all), ``gain`` (over the better of treating all and treating none) with ``gain_lower,
        gain_upper``, ``p_best`` (among all strategies), ``p_useful`` (that the gain is positive), ``true_positives,
        false_positives`` (shares of all trials), ``n_called`` (trials, of ``n_trials``).
    best : DataFrame
        One row a threshold: ``threshold, best, net_benefit, runner_up, ahead, p_best, evpi``; `evpi` is what knowing
        the best strategy for sure would add to net benefit (Sadatsafavi et al. 2023, Med Decis Making 43:564).
    labels : tuple of str
        The fits.
    modelled : str
    method : str
        How they were judged, in words.
    kind : str
        ``"optimism"``, or as in `Judged`.
    n, n_trials, n_events : int
        Units, trials and events that were judged.
    prevalence : float
        Share of events that net benefit stands on: the one given, else that of the data.
    harm : mapping of str to float
        Net benefit taken off for making the prediction at all, by label.
    prob : float
    notes : tuple of str
    """

    frame: pd.DataFrame
    best: pd.DataFrame
    labels: tuple[str, ...]
    modelled: str
    method: str
    kind: str
    n: int
    n_trials: int
    n_events: int
    prevalence: float
    harm: Mapping[str, float]
    prob: float
    notes: tuple[str, ...]

    def of(self, strategy: str) -> pd.DataFrame:
        """The rows of one strategy, in order of the threshold."""
        return self.frame[self.frame["strategy"] == strategy]

    def __str__(self) -> str:
        """How it was judged, and for each fit where it is worth using and by how much."""
        head = f"Decision curve of {self.modelled}: {self.n_events:,} events of {self.n_trials:,}; {self.method}."
        lines = [_useful_line(label, self.of(label), self.n_trials) for label in self.labels]
        if len(self.labels) > 1:
            lines.append(_between_fits(self))
        kind = (
            f"Said of thresholds at which at least {_FEWEST} are called and as many are not. Brackets: {self.prob:.0%} "
            f"{INTERVAL} intervals."
        )
        return "\n".join(textwrap.fill(line, 100) for line in (head, *lines, kind, *self.notes))


def decision_curve(  # noqa: PLR0913 - the keywords of a curve are a contract
    fits: HasEstimate | Mapping[str, HasEstimate] | Sequence[HasEstimate],
    thresholds: Any = None,
    data: Any = None,
    resample: str = "auto",
    *,
    harm: float | Mapping[str, float] = 0.0,
    prevalence: float | None = None,
    prob: float = 0.95,
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> DecisionCurveResult:
    """Net benefit of one or several fits, of treating all and of treating none.

    Parameters
    ----------
    fits : Fit, mapping of label to Fit, or sequence of Fit
        Of the same rows, unless `data` is given.
    thresholds : float, Costs or sequence of them, optional
        Strictly between 0 and 1; 0.01, 0.02, ... 0.99 without them.
    data : table, optional
        New data with predictors and response.
    resample : str
        ``"optimism"`` (apparent net benefit less its bootstrapped optimism), ``"loo"``, ``"exact"``, ``"folds"`` or
        ``"apparent"``; ``"auto"`` is ``"optimism"`` while rows x columns x 300 resamples of all fits together are at
        most 12 million (0.5 million under L1) and no fit is itself made of many, else leave-one-out, or folds where a
        fit needs them. A posterior's optimism is that of its mode.
    harm : float or mapping of label to float
        What predicting costs, in net benefit: not negative.
    prevalence : float, optional
        Share of events in the population, where that of the data is not (case-control data).
    prob : float
        Level of the bounds, which are quantiles of the Bayesian bootstrap of the units (of clusters, where rows belong
        to clusters); a correction for optimism shifts them.
    rng : int, Generator or None
        Resamples, folds and the weights of the bootstrap.
    progress : Progress

    Raises
    ------
    InputError
        Thresholds or a prevalence outside (0, 1), a negative harm, outcomes that are all equal, fits of other rows.
    """
    estimates = label_estimates(fits)
    _check_fits(estimates, data)
    cuts, harms = _thresholds(thresholds), _harms(harm, estimates)
    check_probability("prob", prob)
    if prevalence is not None:
        check_probability("prevalence", prevalence)

    def shares(log_odds: Array, successes: Array, trials: Array, weights: Array) -> Array:
        """What net benefit is a linear function of."""
        calls = calls_of(log_odds, successes, trials, weights, cuts).at_prevalence(prevalence)
        return np.concatenate([calls.true_positives, calls.false_positives])

    together = judge_together(estimates, shares, data, resample, rng=rng, progress=progress)
    point, drawn = _calls(together, cuts, prevalence, rng)
    first = next(iter(together.judged.values()))
    taken = np.array(list(harms.values()))
    values, uncertain = benefits(point, cuts, taken), benefits(drawn, cuts, taken)
    frame = curve_frame(tuple(estimates), point, values, uncertain, cuts, prob)
    return DecisionCurveResult(
        frame=frame.assign(n_called=_counts(together, cuts)),
        best=best_frame(tuple(estimates), values, uncertain, cuts),
        labels=tuple(estimates),
        modelled=next(iter(estimates.values())).problem.response.describe(),
        method=together.how,
        kind="optimism" if together.optimism else first.kind,
        n=first.n,
        n_trials=first.n_trials,
        n_events=first.n_events,
        prevalence=float(point.prevalence),
        harm=harms,
        prob=prob,
        notes=together.notes,
    )


def _thresholds(given: Any) -> Array:
    """Rising thresholds, each once."""
    if given is None:
        return np.arange(1, 100) / 100
    several = isinstance(given, Iterable) and not isinstance(given, str) and getattr(given, "ndim", 1) > 0
    listed = list(given) if several else [given]
    if not listed:
        raise InputError(explain("thresholds", "must hold at least one threshold", given))
    return np.unique([threshold_of(one, "thresholds") for one in listed])


def _harms(harm: float | Mapping[str, float], estimates: Mapping[str, Estimate]) -> dict[str, float]:
    """The harm of each fit."""
    if isinstance(harm, Mapping):
        unknown = [label for label in harm if label not in estimates]
        if unknown:
            rule = f"must name fits: {', '.join(map(repr, estimates))}"
            raise InputError(explain("harm", rule, unknown[0]))
        found = {label: check_number("harm", harm.get(label, 0.0)) for label in estimates}
    else:
        found = dict.fromkeys(estimates, check_number("harm", harm))
    for value in found.values():
        if value < 0:
            raise InputError(explain("harm", "must not be negative", value))
    return found


def _check_fits(estimates: Mapping[str, Estimate], data: Any) -> None:
    """Refuse fits that cannot share one curve, and labels that would hide one."""
    if not estimates:
        raise InputError(explain("fits", "must hold at least one fit", {}))
    for label in estimates:
        if not isinstance(label, str) or not label or label in (ALL, NONE):
            rule = f"must have labels that are non-empty strings other than {ALL!r} and {NONE!r}"
            raise InputError(explain("fits", rule, label))
    if len(estimates) > 1 and data is None:
        require_same_rows(estimates)
    modelled = {one.problem.response.describe(): label for label, one in estimates.items()}
    if len(modelled) > 1:
        raise InputError(explain("fits", "must model the same event of the same response", list(modelled)))


def _calls(
    together: Together, thresholds: Array, prevalence: float | None, rng: int | np.random.Generator | None
) -> tuple[Calls, Calls]:
    """What each fit calls, in the data (n_fits, n_thresholds) and in draws (n_fits, n_draws, n_thresholds)."""
    outcomes, judged = together.outcomes, list(together.judged.values())
    every = [
        calls_of(one.log_odds, outcomes.successes, outcomes.trials, outcomes.weights, thresholds)
        for one in judged
    ]
    point = Calls(
        np.array([one.true_positives for one in every]),
        np.array([one.false_positives for one in every]),
        every[0].prevalence,
    ).at_prevalence(prevalence)
    random = np.random.Generator(np.random.PCG64(seed_sequence(rng)))
    log_odds = np.array([one.log_odds for one in judged])
    drawn = drawn_calls(log_odds, outcomes, thresholds, DRAWS, random).at_prevalence(prevalence)
    if not together.optimism:
        return point, drawn
    too_much = np.array([together.optimism[label] for label in together.judged])
    return point.less(too_much), drawn.less(too_much[:, :, None])


def _counts(together: Together, thresholds: Array) -> Array:
    """Trials that each strategy calls at each threshold, one after the other."""
    outcomes = together.outcomes
    whole = float(outcomes.units @ outcomes.trials)
    counts = [
        whole
        * calls_of(one.log_odds, outcomes.trials, outcomes.trials, outcomes.units, thresholds).true_positives
        for one in together.judged.values()
    ]
    nobody = np.zeros(thresholds.size)
    return np.round(np.concatenate([*counts, nobody + whole, nobody]))


def _enough(curve: pd.DataFrame, n_trials: int) -> NDArray[np.bool_]:
    """Thresholds at which enough is called, and not called, to speak of."""
    n_called = curve["n_called"].to_numpy()
    return np.asarray((n_called >= _FEWEST) & (n_trials - n_called >= _FEWEST))


def _useful_line(label: str, curve: pd.DataFrame, n_trials: int) -> str:
    """Where acting on a fit is better than acting on all or none, and by how much."""
    gain, cuts, enough = curve["gain"].to_numpy(), curve["threshold"].to_numpy(), _enough(curve, n_trials)
    where = ranges(cuts, enough & (gain > EQUAL))
    if not where:
        return f"{label}: at none of the thresholds better than treating all or none."
    likely = ranges(cuts, enough & (curve["p_useful"].to_numpy() >= _LIKELY))
    most = curve.iloc[int(np.argmax(np.where(enough, gain, -np.inf)))]
    bounds = f"[{most['gain_lower']:.3f}, {most['gain_upper']:.3f}]"
    return (
        f"{label}: better than treating all or none at thresholds {where}"
        + (f" (with probability {_LIKELY:.0%} or more at {likely})" if likely else "")
        + f"; most at {most['threshold']:.3g}, where net benefit is {most['net_benefit']:.3f}, {most['gain']:.3f} "
        f"{bounds} more: as good as {100 * most['gain']:.1f} more true positives per 100 at no more false ones."
    )


def _between_fits(result: DecisionCurveResult) -> str:
    """How far the fits differ."""
    curves = [result.of(label) for label in result.labels]
    enough = np.any([_enough(curve, result.n_trials) for curve in curves], axis=0)
    if not enough.any():
        return "At no threshold are enough called, and not called, to compare the fits."
    apart = np.where(enough, np.ptp([curve["net_benefit"] for curve in curves], axis=0), -np.inf)
    most = int(np.argmax(apart))
    cut = float(curves[0]["threshold"].iloc[most])
    return f"Between the fits net benefit differs by at most {apart[most]:.3f} (at {cut:.3g})."
