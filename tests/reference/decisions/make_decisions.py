"""Decision curves by dcurves, and Poisson-binomial distributions by fast-poibin.

    python make_decisions.py       writes decisions.json beside this script

Needs dcurves, fast-poibin, statsmodels, pandas. Layout of decisions.json: ../README.md.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import fast_poibin
import numpy as np
import pandas as pd
import statsmodels.api as sm
from dcurves import dca
from scipy.special import expit

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"
CUTS = [0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.9]


def curve(y: np.ndarray, p: np.ndarray, harm: float = 0.0, prevalence: float | None = None) -> dict:
    """What dcurves makes of probabilities p of outcomes y."""
    table = pd.DataFrame({"y": y, "fit": p})
    found = dca(
        data=table,
        outcome="y",
        modelnames=["fit"],
        thresholds=CUTS,
        harm={"fit": harm},
        prevalence=prevalence,
        nper=100,
    )
    lines = {name: found[found["model"] == name].sort_values("threshold") for name in ("fit", "all", "none")}
    assert np.allclose(lines["fit"]["threshold"], CUTS)
    return {
        "harm": harm,
        "prevalence": prevalence,
        "thresholds": CUTS,
        "net_benefit": lines["fit"]["net_benefit"].tolist(),
        "treat_all": lines["all"]["net_benefit"].tolist(),
        "treat_none": lines["none"]["net_benefit"].tolist(),
        "avoided": lines["fit"]["net_intervention_avoided"].tolist(),
    }


def fitted(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return sm.GLM(y, X, family=sm.families.Binomial()).fit(tol=1e-14).params


def left_out(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Probability of each row by a fit to the others."""
    keep = ~np.eye(len(y), dtype=bool)
    return np.array([expit(X[i] @ fitted(X[keep[i]], y[keep[i]])) for i in range(len(y))])


def wells() -> dict:
    data = pd.read_csv(DATA / "wells.csv").head(120)
    X = np.column_stack([np.ones(120), data[["dist100", "arsenic", "educ4"]]])
    y, p = data["switched"].to_numpy(), left_out(X, data["switched"].to_numpy())
    variants = [curve(y, p), curve(y, p, harm=0.01), curve(y, p, prevalence=0.2)]
    return {
        "name": "wells_120",
        "data": "wells",
        "rows": 120,
        "formula": "switched ~ dist100 + arsenic + educ4",
        "how": "every row predicted by a fit to the others",
        "curves": variants,
    }


def german_credit() -> dict:
    data = pd.read_csv(DATA / "german_credit.csv")
    X = np.column_stack([np.ones(len(data)), data[[f"x{k}" for k in range(1, 25)]]])
    y = data["bad"].to_numpy()
    beta = fitted(X[::2], y[::2])
    return {
        "name": "german_credit",
        "data": "german_credit",
        "formula": "bad ~ " + " + ".join(f"x{k}" for k in range(1, 25)),
        "how": "fitted to rows 1, 3, ...; judged on rows 2, 4, ...",
        "curves": [
            curve(y[1::2], expit(X[1::2] @ beta)),
            curve(y[1::2], expit(X[1::2] @ beta), prevalence=0.05),
        ],
    }


def birthwt() -> dict:
    case = json.loads((HERE / "birthwt.json").read_text())["cases"][0]
    y = np.array(case["outcome"])
    return {
        "name": "birthwt",
        "how": "the probabilities of birthwt.json",
        "apparent": curve(y, np.array(case["apparent"])),
        "loo": curve(y, np.array(case["loo"])),
    }


def ties() -> dict:
    """Probabilities that are thresholds themselves, in a formula that any language can follow."""
    i = np.arange(200)
    p, y = np.array(CUTS)[(7 * i) % 10], ((13 * i) % 17 < 3 + 10 * np.array(CUTS)[(7 * i) % 10]).astype(int)
    return {"name": "ties", "probability": p.tolist(), "outcome": y.tolist(), "curves": [curve(y, p)]}


def totals() -> list[dict]:
    """p_i = 0.002 + 0.996 (i / (n - 1))^k, i = 0, ..., n - 1."""
    cases = []
    for n, power in ((50, 1.0), (300, 3.0), (2000, 6.0), (20000, 20.0)):
        p = 0.002 + 0.996 * (np.arange(n) / (n - 1)) ** power
        exact = fast_poibin.PoiBin(p.tolist())
        cdf = np.asarray(exact.cdf)
        marks = [int(np.searchsorted(cdf, q)) for q in (0.001, 0.025, 0.5, 0.975, 0.999)]
        cases.append({"n": n, "power": power, "k": marks, "cdf": [float(cdf[k]) for k in marks]})
    return cases


if __name__ == "__main__":
    made_with = {
        "python": sys.version.split()[0],
        **{name: version(name) for name in ("dcurves", "fast-poibin", "statsmodels", "pandas")},
        "script": Path(__file__).name,
    }
    found = {
        "made_with": made_with,
        "cases": [wells(), german_credit(), birthwt(), ties()],
        "totals": totals(),
    }
    (HERE / "decisions.json").write_text(json.dumps(found, indent=1) + "\n")
