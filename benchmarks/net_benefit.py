"""Net benefit out of sample by simulation: its bias and the coverage of its band, against what is true.

    python benchmarks/net_benefit.py [--replicates 100] [--seed 0] [--method mle|ridge]

Each replicate is a study of 150 rows and 8 normal predictors, about a third of them events. The truth is the net
benefit of that very fit in a population of 20 000 others, whose probabilities are known. Compared are the apparent net
benefit, the one corrected for optimism by 300 bootstrap refits, and the one of rows left out. The Monte Carlo standard
error of a bias is printed; that of a coverage c is sqrt(c (1 - c) / R).
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.special import expit

import problogit as plg
from problogit.analysis.net_benefit import calls_of, net_benefit

CUTS = np.array([0.15, 0.3, 0.5, 0.6])
BETA = np.array([-0.9, 0.8, -0.6, 0.5, 0.3, 0.0, 0.0, 0.0, 0.0])
ROWS, POPULATION = 150, 20_000
METHODS = {"mle": plg.MLE(), "ridge": plg.Penalized(plg.Normal(0.5))}
WAYS = ("apparent", "optimism", "loo")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--method", choices=METHODS, default="mle")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    one = np.ones(POPULATION)
    others = np.column_stack([one, rng.normal(size=(POPULATION, BETA.size - 1))])
    chance = expit(others @ BETA)
    truths, found, inside = [], {way: [] for way in WAYS}, {way: [] for way in WAYS}
    for replicate in range(asked.replicates):
        X = rng.normal(size=(ROWS, BETA.size - 1))
        y = (rng.random(ROWS) < expit(BETA[0] + X @ BETA[1:])).astype(int)
        fit = plg.LogitModel.from_arrays(X, y).fit(METHODS[asked.method])
        calls = calls_of(others @ fit.coef.to_numpy(), chance, one, one, CUTS)
        truth = net_benefit(calls.true_positives, calls.false_positives, CUTS)
        truths.append(truth)
        for way in WAYS:
            own = fit.decision_curve(CUTS, resample=way, rng=replicate).frame.iloc[: CUTS.size]
            found[way].append(own["net_benefit"].to_numpy())
            inside[way].append(((own["lower"] <= truth) & (truth <= own["upper"])).to_numpy())
    print(f"{asked.method}, {asked.replicates} replicates, thresholds {CUTS.tolist()}")
    print("truth   ", np.mean(truths, axis=0).round(4))
    for way in WAYS:
        off = np.array(found[way]) - np.array(truths)
        error = off.std(axis=0, ddof=1) / np.sqrt(asked.replicates)
        print(f"{way:9}bias {off.mean(axis=0).round(4)} +- {error.round(4)}, root mean square", end=" ")
        print(f"{np.sqrt((off**2).mean(axis=0)).round(4)}, covers {np.mean(inside[way], axis=0).round(3)}")


if __name__ == "__main__":
    main()
