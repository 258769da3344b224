"""Average slopes and comparisons by the Python package marginaleffects, on fits by statsmodels.

Writes marginaleffects.json beside this script. Needs ``pip install marginaleffects statsmodels``; layout: ../README.md.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import marginaleffects as me
import numpy as np  # noqa: F401 - the formula calls np.log
import pandas as pd
import statsmodels.formula.api as smf

HERE = Path(__file__).parent


def table(name: str) -> pd.DataFrame:
    frame = pd.read_csv(HERE.parent / "data" / f"{name}.csv")
    return frame.assign(arm=frame["arm"].astype("category"))


def fitted(formula: str, data: pd.DataFrame):
    fit = smf.logit(formula, data).fit(disp=False, method="newton")
    return smf.logit(formula, data).fit(disp=False, method="newton", start_params=fit.params)


def lines(frame) -> list[dict]:
    """The rows of a result: variable, contrast, group, estimate, std_error, in the order of the package."""
    frame = frame.to_pandas()
    keep = [name for name in ("term", "contrast", "arm", "smoker", "age") if name in frame.columns]
    found = []
    for _, row in frame.iterrows():
        keys = {name: str(row[name]) for name in keep}
        found.append(keys | {"estimate": float(row["estimate"]), "std_error": float(row["std_error"])})
    return found


def main() -> None:
    clinic = table("clinic")
    clinic["y"] = (clinic["outcome"] == "relapse").astype(int)
    one = fitted("y ~ arm * age + smoker", clinic)
    pupils = table("pupils")
    two = fitted("passed ~ dose * prep + I(dose ** 2) + np.log(hours + 1) + arm", pupils)
    cases = {
        "slopes": lines(me.avg_slopes(one, variables="age", eps_vcov=1e-6)),
        "slopes_by_arm": lines(me.avg_slopes(one, variables="age", by="arm", eps_vcov=1e-6)),
        "slope_at_mean": lines(me.slopes(one, variables="age", newdata="mean", eps_vcov=1e-6)),
        "arms": lines(me.avg_comparisons(one, variables="arm")),
        "pairwise": lines(me.avg_comparisons(one, variables={"arm": "pairwise"})),
        "ratio": lines(me.avg_comparisons(one, variables="arm", comparison="ratioavg")),
        "pair": lines(me.avg_comparisons(one, variables={"age": [30, 50]}, by="smoker")),
        "probability": lines(me.avg_predictions(one, variables="arm", by="arm")),
        "log_slope": lines(me.avg_slopes(two, variables="hours", eps_vcov=1e-6)),
        "square_prep": lines(me.avg_comparisons(two, variables="prep")),
    }
    packages = ("statsmodels", "numpy", "marginaleffects")
    versions = {name: version(name) for name in packages}
    text = json.dumps({"made_with": versions, "cases": cases}, indent=1)
    (HERE / "marginaleffects.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
