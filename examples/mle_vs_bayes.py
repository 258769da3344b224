"""MLE versus Bayes where it matters: breast-cancer data, 569 tumours, 30 measurements, completely separated.

Maximum likelihood does not exist here: every coefficient can run away. A prior brings all of them back, as a penalty
(its mode) or as a posterior (the whole distribution). On ten measurements the likelihood has a maximum, and the
comparison shows what the prior moves and what it leaves alone.
"""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.datasets import load_breast_cancer

import problogit as plg

raw = load_breast_cancer(as_frame=True)
columns = [name.replace(" ", "_") for name in raw.data.columns]
features = raw.data.set_axis(columns, axis=1)
malignant = raw.target.map({0: "malignant", 1: "benign"})

print("== All 30 measurements ==")
full = plg.LogitModel.from_arrays(features, malignant, event="malignant")
with warnings.catch_warnings():
    warnings.simplefilter("ignore", plg.errors.SeparationWarning)  # said below, by the fit itself
    runaway = full.fit(plg.MLE())
print(runaway.diagnostics())
print(
    f"\nCoefficients that are infinite or of undetermined sign: {np.count_nonzero(~np.isfinite(runaway.coef))} of 31"
)

ridge = full.fit(plg.Penalized(plg.Normal(1.0, autoscale=True)))
lasso = full.fit(plg.Penalized(plg.Laplace(1.0, autoscale=True)))
bayes = full.fit(plg.Bayes(plg.Normal(1.0, autoscale=True), rng=1))
print(f"\nL1 keeps {np.count_nonzero(lasso.coef) - 1} of the 30 measurements.")
print("Largest |log-odds| per standard deviation:")
spread = np.append(1.0, features.std(ddof=0))
for label, fit in {"L2": ridge, "L1": lasso, "Bayes": bayes}.items():
    print(f"  {label:6} {np.abs(fit.coef.to_numpy() * spread)[1:].max():6.2f}")

scores = plg.compare({"L2": ridge, "L1": lasso, "Bayes": bayes}).scores
print("\nOut of sample:")
print(scores.round(4).to_string())

print("\n== Three measurements, where the likelihood has a maximum ==")
few = plg.LogitModel.from_arrays(
    features[["mean_radius", "mean_texture", "mean_smoothness"]], malignant, event="malignant"
)
prior = plg.Normal(1.0, autoscale=True)
comparison = plg.compare(
    {
        "MLE": few.fit(plg.MLE()),
        "L2": few.fit(plg.Penalized(prior)),
        "Bayes": few.fit(plg.Bayes(prior, rng=2)),
    }
)
print(comparison)
print("\nWhere the fits disagree, and why:")
print(comparison.disagreements().to_string())
