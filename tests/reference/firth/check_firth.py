"""Check firth.json against firthmodels, which shares no code with R or with problogit.

    pip install firthmodels formulaic pandas
    python check_firth.py

Its estimates, profile ends (Venzon-Moolgavkar) and penalized likelihood-ratio p-values are taken at tight tolerances.
Counts of trials are given to it row by row, and frequency weights as repeated rows.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import formulaic
import numpy as np
import pandas as pd
from firthmodels import FirthLogisticRegression
from scipy.stats import chi2

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"


def table(case: dict) -> pd.DataFrame:
    kind, _, local = case["data"].partition(":")
    return pd.read_csv(DATA / "local" / f"{local}.csv" if local else DATA / f"{kind}.csv")


def arrays(case: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X with its intercept, y of 0 and 1, offset."""
    frame = table(case)
    left, right = case["formula"].split("~")
    if case["weights"]:
        frame = frame.loc[frame.index.repeat(frame[case["weights"]])].reset_index(drop=True)
    y = frame[left.strip()]
    y = (y == case["event"]).astype(int) if case["event"] else y
    if case["trials"]:
        trials = frame[case["trials"]]
        y = np.concatenate([np.repeat([1, 0], [s, m - s]) for s, m in zip(y, trials, strict=True)])
        frame = frame.loc[frame.index.repeat(trials)].reset_index(drop=True)
    X = formulaic.model_matrix(right.strip(), frame)
    assert list(X.columns) == case["terms"], (list(X.columns), case["terms"])
    offset = frame[case["offset"]].to_numpy() if case["offset"] else np.zeros(len(frame))
    return X.to_numpy(dtype=float), np.asarray(y, dtype=int), offset


def main() -> None:
    for case in json.loads((HERE / "firth.json").read_text())["cases"]:
        X, y, offset = arrays(case)
        if len(np.unique(y)) == 1:
            print(f"{case['name']:24} not taken by firthmodels (constant response)")
            continue
        size = X.std(axis=0) + (X.std(axis=0) == 0)
        model = FirthLogisticRegression(
            backend="numpy",
            gtol=1e-8,
            xtol=1e-8,
            max_iter=500,
            max_step=2.0,
            max_halfstep=60,
            fit_intercept=False,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X / size, y, offset=offset)
            model.lrt()
            ends = model.conf_int(method="pl", tol=1e-10, max_iter=500) / size[:, None]
        reference = np.array(case["profile"])
        width = np.ptp(reference, axis=1)
        p = chi2.sf(np.array(case["lr_statistic"]), 1)
        print(
            f"{case['name']:24}"
            f"{np.abs((model.coef_.ravel() / size - case['coef']) / case['se']).max():10.1e}"
            f"{np.nanmax(np.abs(ends - reference) / width[:, None]):10.1e}"
            f"{np.nanmax(np.abs(model.lrt_pvalues_ / p - 1)):10.1e}"
            f"{' ' + str(len(caught)) + ' warnings' if caught else ''}"
        )


if __name__ == "__main__":
    print(f"{'case':24}{'coef/se':>10}{'ends/width':>10}{'LR p':>10}")
    main()
