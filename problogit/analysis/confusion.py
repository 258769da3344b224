"""The confusion table of decisions at a threshold, with intervals, judged out of sample unless asked otherwise."""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtri

from problogit.analysis.decisions import Costs, called, threshold_of
from problogit.analysis.judged import Judged, judge
from problogit.analysis.scores import ratio_error, require_predictions
from problogit.errors import InputError, explain
from problogit.estimate import Estimate
from problogit.progress import SILENT, Progress
from problogit.validation import check_choice, check_probability

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INTERVALS", "Confusion", "Rate", "confusion", "proportion_interval"]

INTERVALS = ("wilson", "clopper-pearson")


@dataclass(frozen=True)
class Rate:
    """A share of trials, or a mean cost of one.

    Attributes
    ----------
    name : str
    value : float
        NaN where no trial is of the kind that it is a share of.
    lower, upper : float
    interval : str
    n : float
        Trials that it is a share of; their effective number under weights that are not copies.
    """

    name: str
    value: float
    lower: float
    upper: float
    interval: str
    n: float


@dataclass(frozen=True, eq=False)
class Confusion:
    """Decisions at one threshold beside what happened.

    Attributes
    ----------
    threshold : float
        An event is called where its probability reaches it.
    true_positives, false_positives, false_negatives, true_negatives : float
        Weighted trials.
    rates : tuple of Rate
        ``sensitivity, specificity, ppv, npv, accuracy, prevalence, called`` (share of trials called), and with costs
        ``expected_cost`` per trial, beside ``cost_of_calling_all`` and ``cost_of_calling_none``.
    costs : Costs or None
    modelled : str
    method : str
        How it was judged, in words.
    kind : str
        As in `Judged`.
    n, n_trials, n_events : int
        Units, trials and events that were judged.
    prob : float
        Level of the bounds.
    notes : tuple of str
    """

    threshold: float
    true_positives: float
    false_positives: float
    false_negatives: float
    true_negatives: float
    rates: tuple[Rate, ...]
    costs: Costs | None
    modelled: str
    method: str
    kind: str
    n: int
    n_trials: int
    n_events: int
    prob: float
    notes: tuple[str, ...]

    def rate(self, name: str) -> Rate:
        """One of the rates, by its name."""
        return next(found for found in self.rates if found.name == name)

    @property
    def table(self) -> pd.DataFrame:
        """What happened (rows) by what was called (columns), in weighted trials."""
        import pandas as pd

        counts = [
            [self.true_positives, self.false_negatives],
            [self.false_positives, self.true_negatives],
        ]
        rows = pd.Index(["event", "non-event"], name="observed")
        return pd.DataFrame(counts, index=rows, columns=pd.Index(["event", "non-event"], name="called"))

    @property
    def frame(self) -> pd.DataFrame:
        """One row a rate: ``value, lower, upper, interval, n``."""
        import pandas as pd

        columns = ("value", "lower", "upper", "interval", "n")
        frame = pd.DataFrame(
            {column: [getattr(rate, column) for rate in self.rates] for column in columns},
            index=pd.Index([rate.name for rate in self.rates], name="rate"),
        )
        frame.attrs.update(prob=self.prob, threshold=self.threshold, method=self.method)
        return frame

    def __str__(self) -> str:
        """How it was judged, the four counts and the rates."""
        head = (
            f"Decisions by {self.modelled} >= {self.threshold:.4g}: {self.n_events:,} events of {self.n_trials:,}; "
            f"{self.method}."
        )
        kinds = " and ".join(dict.fromkeys(r.interval for r in self.rates if r.interval != "none"))
        numbers = self.frame[["value", "lower", "upper"]].round(4)
        return "\n".join(
            [
                textwrap.fill(head, 100),
                f"True positives {self.true_positives:,.6g}, false positives {self.false_positives:,.6g}, "
                f"false negatives {self.false_negatives:,.6g}, true negatives {self.true_negatives:,.6g}.",
                numbers.to_string(na_rep="-"),
                f"{self.prob:.0%} intervals: {kinds}.",
                *(textwrap.fill(note, 100) for note in self.notes),
            ]
        )


def confusion(
    estimate: Estimate,
    threshold: float | Costs = 0.5,
    data: Any = None,
    resample: str = "auto",
    *,
    prob: float = 0.95,
    interval: str = "wilson",
    rng: int | np.random.Generator | None = 0,
    progress: Progress = SILENT,
) -> Confusion:
    """Call events where their probability reaches a threshold, and count what happened.

    Parameters
    ----------
    estimate : Estimate
    threshold : float or Costs
        `Costs` also give the expected cost per trial.
    data : table, optional
        New data with predictors and response.
    resample : str
        As in `judge`: out of sample by default.
    prob : float
    interval : str
        ``"wilson"`` (Wilson 1927; near its level on average) or ``"clopper-pearson"`` (never below its level).
    rng : int, Generator or None
        Deals folds, where there are any.
    progress : Progress

    Returns
    -------
    Confusion
        Every trial is a case. A frequency weight counts copies. Under importance and sampling weights the counts are
        weighted, and the intervals are those of Kish's effective number of trials, (sum w)^2 / sum w^2, of the cases
        that a rate is a share of. The intervals take the trials of a row, and the rows of a cluster, for independent.

    Raises
    ------
    InputError
        A threshold outside (0, 1), or outcomes that are all equal.
    """
    cut = threshold_of(threshold)
    check_probability("prob", prob)
    check_choice("interval", interval, INTERVALS)
    judged = require_predictions(judge(estimate, data, resample, rng=rng, progress=progress))
    require_both(judged)
    cells = _Cells(judged, called(judged.log_odds, cut), prob, interval)
    costs = threshold if isinstance(threshold, Costs) else None
    return Confusion(
        threshold=cut,
        true_positives=float(judged.weights @ cells.hits),
        false_positives=float(judged.weights @ cells.alarms),
        false_negatives=float(judged.weights @ cells.missed),
        true_negatives=float(judged.weights @ cells.calm),
        rates=cells.rates() + (() if costs is None else cells.costs(costs)),
        costs=costs,
        modelled=estimate.problem.response.describe(),
        method=judged.how,
        kind=judged.kind,
        n=judged.n,
        n_trials=judged.n_trials,
        n_events=judged.n_events,
        prob=prob,
        notes=judged.notes,
    )


def require_both(judged: Judged) -> None:
    """Refuse outcomes of which one kind is missing: there is nothing to tell apart."""
    if 0 < judged.n_events < judged.n_trials:
        return
    received = f"{judged.n_events} events in {judged.n_trials} trials"
    raise InputError(explain("data", "must hold events and non-events to judge decisions by", received))


@dataclass(frozen=True, eq=False)
class _Cells:
    """Trials of each entry by outcome and call."""

    judged: Judged
    yes: NDArray[np.bool_]
    prob: float
    interval: str

    @property
    def hits(self) -> NDArray[np.float64]:
        return self.judged.successes * self.yes

    @property
    def alarms(self) -> NDArray[np.float64]:
        return (self.judged.trials - self.judged.successes) * self.yes

    @property
    def missed(self) -> NDArray[np.float64]:
        return self.judged.successes * ~self.yes

    @property
    def calm(self) -> NDArray[np.float64]:
        return (self.judged.trials - self.judged.successes) * ~self.yes

    def rates(self) -> tuple[Rate, ...]:
        """Shares of trials with their intervals."""
        right, events, yes = self.hits + self.calm, self.hits + self.missed, self.hits + self.alarms
        return (
            self._share("sensitivity", self.hits, events),
            self._share("specificity", self.calm, self.alarms + self.calm),
            self._share("ppv", self.hits, yes),
            self._share("npv", self.calm, self.missed + self.calm),
            self._share("accuracy", right, self.judged.trials),
            self._share("prevalence", events, self.judged.trials),
            self._share("called", yes, self.judged.trials),
        )

    def _share(self, name: str, cases: NDArray[np.float64], among: NDArray[np.float64]) -> Rate:
        weights = self.judged.weights
        whole = float(weights @ among)
        if whole == 0:
            return Rate(name, math.nan, math.nan, math.nan, "none", 0.0)
        share = min(1.0, float(weights @ cases) / whole)
        n = self._effective(among)
        lower, upper = proportion_interval(share, n, self.prob, self.interval)
        return Rate(name, share, lower, upper, f"confidence-{self.interval}", n)

    def _effective(self, among: NDArray[np.float64]) -> float:
        """Trials, or Kish's effective number of them under weights that are no copies."""
        weights = self.judged.weights
        whole = float(weights @ among)
        return whole if self.judged.frequency else whole**2 / float(weights**2 @ among)

    def costs(self, costs: Costs) -> tuple[Rate, ...]:
        """Mean costs of a trial: of these decisions, of calling every one, of calling none."""
        wrong, all_wrong = costs.false_positive, costs.false_negative
        others = self.judged.trials - self.judged.successes
        return (
            self._mean("expected_cost", wrong * self.alarms + all_wrong * self.missed),
            self._mean("cost_of_calling_all", wrong * others),
            self._mean("cost_of_calling_none", all_wrong * self.judged.successes),
        )

    def _mean(self, name: str, cost: NDArray[np.float64]) -> Rate:
        judged = self.judged
        whole = float(judged.weights @ judged.trials)
        mean = float(judged.weights @ cost) / whole
        error = ratio_error(cost, mean, judged.trials, judged.weights, frequency=judged.frequency)
        half = float(ndtri((1 + self.prob) / 2)) * error
        known = "none" if math.isnan(half) else "confidence-wald"
        return Rate(name, mean, max(0.0, mean - half), mean + half, known, self._effective(judged.trials))


def proportion_interval(share: float, n: float, prob: float, kind: str = "wilson") -> tuple[float, float]:
    """Interval of a binomial proportion; `n` need not be whole.

    Parameters
    ----------
    share : float
        Cases over trials.
    n : float
        Trials, or their effective number.
    prob : float
    kind : str
        ``"wilson"``: (s + z^2/2n -+ z sqrt(s(1 - s)/n + z^2/4n^2)) / (1 + z^2/n). ``"clopper-pearson"``: quantiles of
        Beta(x, n - x + 1) and Beta(x + 1, n - x) with x = n s.
    """
    if kind == "wilson":
        z2 = float(ndtri((1 + prob) / 2)) ** 2
        centre = share + z2 / (2 * n)
        half = math.sqrt(z2 * share * (1 - share) / n + z2**2 / (4 * n**2))
        lower, upper = (centre - half) / (1 + z2 / n), (centre + half) / (1 + z2 / n)
    else:
        x, tail = n * share, (1 - prob) / 2
        lower = float(betaincinv(x, n - x + 1, tail)) if share > 0 else 0.0
        upper = float(betaincinv(x + 1, n - x, 1 - tail)) if share < 1 else 1.0
    return (0.0 if share == 0 else max(0.0, lower), 1.0 if share == 1 else min(1.0, upper))
