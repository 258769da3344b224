"""Coefficient uncertainty: 32 students, 11 of whom pass (Spector & Mazzeo 1980).

With so few events the kinds of interval differ visibly. The script puts Wald, profile likelihood, a penalized fit and
two kinds of credible interval side by side, and writes the report.
"""

from __future__ import annotations

import pandas as pd
import statsmodels.api as sm

import problogit as plg

data = sm.datasets.spector.load_pandas().data
model = plg.LogitModel("GRADE ~ GPA + TUCE + PSI", data)

mle = model.fit(plg.MLE())
robust = model.fit(plg.MLE(covariance="HC3"))
ridge = model.fit(plg.Penalized(plg.Normal(2.5, autoscale=True)))
bayes = model.fit(plg.Bayes(plg.Normal(2.5, autoscale=True), rng=1))

wanted = [
    ("MLE, Wald", mle, "wald"),
    ("MLE, profile", mle, "profile"),
    ("MLE, HC3 Wald", robust, None),
    ("L2, curvature", ridge, None),
    ("Bayes, equal-tailed", bayes, "eti"),
    ("Bayes, highest density", bayes, "hdi"),
]
rows = []
for label, fit, kind in wanted:
    row = fit.odds_ratios(interval=kind).loc["PSI"]
    rows.append({"fit": label, **row})
print("Odds ratio of the new way of teaching (PSI), by six kinds of 95% interval:")
print(pd.DataFrame(rows).set_index("fit").round(2))

share = (bayes.draws()[:, bayes.terms.index("PSI")] > 0).mean()
print(f"\nP(the new teaching helps | data, prior) = {share:.3f}")

difference = mle.contrast({"GPA": 0.5, "PSI": -1.0})
print("\nIs half a grade point worth as much as the new teaching? Contrast 0.5 GPA - PSI:")
print(difference.round(3))

fits = {"MLE": mle, "L2": ridge, "Bayes": bayes}
path = plg.report(fits, "coefficients.html", title="Who passes, and how sure are we?")
print(f"\nWrote {path.name}")
