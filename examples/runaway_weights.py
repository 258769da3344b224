"""Runaway weights: a unique id per row as its own feature.

Each id column is 1 in one row only, so its coefficient can fit that row perfectly: the likelihood rises for ever and
the maximum-likelihood weights run to +-infinity. L2, L1 and a prior do not let them.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

import problogit as plg

rng = np.random.default_rng(7)
n = 60
dose = rng.normal(size=n)
ill = rng.random(n) < 1 / (1 + np.exp(-(0.2 + dose)))
data = pd.DataFrame({"ill": ill, "dose": dose, "id": [f"p{i:02d}" for i in range(n)]})

# The first twenty patients get a column of their own; the others share the reference level.
data["id"] = data["id"].where(data.index < 20, "others")
model = plg.LogitModel('ill ~ dose + C(id, contr.treatment("others"))', data)

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    mle = model.fit(plg.MLE())
print("Maximum likelihood says:")
print(" ", caught[0].message)
print(f"  {np.isinf(mle.coef).sum()} of {len(mle.coef)} weights are infinite; dose: {mle.coef['dose']:.2f}")

for label, method in {
    "L2, Normal(1)": plg.Penalized(plg.Normal(1.0)),
    "L1, Laplace(0.5)": plg.Penalized(plg.Laplace(0.5)),
    "Bayes, Normal(1)": plg.Bayes(plg.Normal(1.0), rng=1),
}.items():
    fit = model.fit(method)
    ids = fit.coef.drop(["Intercept", "dose"])
    score = fit.scores().set_index("score").loc["log_score", "value"]
    print(
        f"{label:18} dose {fit.coef['dose']:5.2f}; id weights between {ids.min():5.2f} and {ids.max():4.2f}, "
        f"{(ids == 0).sum():2d} exactly zero; log score out of sample {score:.3f}"
    )
score = mle.scores().set_index("score").loc["log_score", "value"]
print(f"{'MLE':18} log score out of sample {score:.3f} (lower is better)")
