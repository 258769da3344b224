"""The frames of a decision curve, from what is called at each threshold: in the data, and in draws of the bootstrap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from problogit.analysis.net_benefit import Calls, net_benefit
from problogit.data.rows import Array

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ALL", "EQUAL", "INTERVAL", "NONE", "benefits", "best_frame", "curve_frame", "ranges"]

ALL, NONE = "treat all", "treat none"
INTERVAL = "bayesian-bootstrap"
EQUAL = 1e-12  # net benefits nearer than this are one: sums in another order


def benefits(calls: Calls, thresholds: Array, harms: Array) -> Array:
    """Net benefit of every strategy: the fits, treating all, treating none.

    Parameters
    ----------
    calls : Calls
        Of shape (n_fits, ..., n_thresholds).
    thresholds : ndarray, shape (n_thresholds,)
    harms : ndarray, shape (n_fits,)

    Returns
    -------
    ndarray, shape (n_fits + 2, ..., n_thresholds)
    """
    share = np.broadcast_to(calls.prevalence[..., None], calls.true_positives.shape[1:])
    everybody = net_benefit(share, 1 - share, thresholds)
    taken = harms.reshape(-1, *[1] * share.ndim)
    fits = net_benefit(calls.true_positives, calls.false_positives, thresholds, taken)
    return np.concatenate([fits, everybody[None], np.zeros_like(everybody)[None]])


def curve_frame(
    labels: Sequence[str], point: Calls, values: Array, drawn: Array, thresholds: Array, prob: float
) -> pd.DataFrame:
    """One row a strategy and threshold.

    Parameters
    ----------
    labels : sequence of str
        The fits.
    point : Calls
    values : ndarray, shape (n_fits + 2, n_thresholds)
        Net benefits of the data.
    drawn : ndarray, shape (n_fits + 2, n_draws, n_thresholds)
    thresholds : ndarray, shape (n_thresholds,)
    prob : float
    """
    import pandas as pd

    rate, nothing = float(point.prevalence), np.zeros((1, thresholds.size))
    hits = np.concatenate([point.true_positives, nothing + rate, nothing])
    needless = np.concatenate([point.false_positives, nothing + 1 - rate, nothing])
    ends = [(1 - prob) / 2, (1 + prob) / 2]
    share_best = _share_best(drawn).mean(axis=1)
    rival = np.maximum(drawn[-2], drawn[-1])
    odds, own = thresholds / (1 - thresholds), np.maximum(values[-2], values[-1])
    parts = []
    for k, strategy in enumerate([*labels, ALL, NONE]):
        lower, upper = np.quantile(drawn[k], ends, axis=0)
        gains = drawn[k] - rival
        gain_lower, gain_upper = np.quantile(gains, ends, axis=0)
        useful = (gains > EQUAL).mean(axis=0) if k < len(labels) else np.full(thresholds.size, np.nan)
        parts.append(
            pd.DataFrame(
                {
                    "strategy": strategy,
                    "threshold": thresholds,
                    "net_benefit": values[k],
                    "lower": lower,
                    "upper": upper,
                    "interval": INTERVAL,
                    "level": prob,
                    "standardized": values[k] / rate,
                    "avoided": 100 * (values[k] - values[-2]) / odds,
                    "gain": values[k] - own,
                    "gain_lower": gain_lower,
                    "gain_upper": gain_upper,
                    "p_best": share_best[k],
                    "p_useful": useful,
                    "true_positives": hits[k],
                    "false_positives": needless[k],
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame.attrs.update(prob=prob, interval=INTERVAL)
    return frame


def best_frame(labels: Sequence[str], values: Array, drawn: Array, thresholds: Array) -> pd.DataFrame:
    """One row a threshold: the best strategy, by how much it leads, and what is not known of that."""
    import pandas as pd

    strategies = np.array([*labels, ALL, NONE], dtype=object)
    # A fit that only equals treating all or none is not worth its data: ties go to the simpler strategy.
    order = np.argsort(-np.round(values, 12)[::-1], axis=0, kind="stable")
    first, second = (values.shape[0] - 1 - order[i] for i in (0, 1))
    at = np.arange(thresholds.size)
    leads = drawn.max(axis=0).mean(axis=0) - drawn.mean(axis=1).max(axis=0)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "best": strategies[first],
            "net_benefit": values[first, at],
            "runner_up": strategies[second],
            "ahead": values[first, at] - values[second, at],
            "p_best": _share_best(drawn).mean(axis=1)[first, at],
            "evpi": np.maximum(leads, 0.0),
        }
    )


def _share_best(drawn: Array) -> Array:
    """1 where a strategy is the best of a draw; equal ones share it."""
    leading = drawn >= drawn.max(axis=0) - EQUAL
    return np.asarray(leading / leading.sum(axis=0))


def ranges(thresholds: Array, holds: NDArray[np.bool_]) -> str:
    """Where something holds, in words: ``0.12 to 0.64, 0.7``; empty where nowhere."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], holds.astype(np.int64), [0]])))
    spans = [(thresholds[a], thresholds[b - 1]) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return ", ".join(f"{a:.3g}" if a == b else f"{a:.3g} to {b:.3g}" for a, b in spans)
