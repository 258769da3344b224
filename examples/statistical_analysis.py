"""Statistical analysis: who has affairs? Fair's survey (1978), 6 366 women, with a feature cross.

The question of the script is the usual one of a paper: odds ratios with intervals, a test of the cross, and whether
the probabilities may be trusted.
"""

from __future__ import annotations

from pathlib import Path

import statsmodels.api as sm

import problogit as plg

data = sm.datasets.fair.load_pandas().data

# The response is an expression: any affair at all. `age * yrs_married` is age + yrs_married + their product.
model = plg.LogitModel("I(affairs > 0) ~ rate_marriage + religious + age * yrs_married", data)
print(model)

fit = model.fit()
print(fit)

# An odds ratio is read for a change that means something: ten years, not one.
print("\nOdds ratios for ten years of age and five of marriage (where the other is 0, because of the cross):")
print(fit.odds_ratios(units={"age": 10, "yrs_married": 5}).round(3))

# Is the cross needed? A likelihood-ratio test, and the same question on the probability scale.
print("\n", fit.test("age:yrs_married"), sep="")
couples = {
    "rate_marriage": [4, 4, 4],
    "religious": [2, 2, 2],
    "age": [25, 35, 45],
    "yrs_married": [5, 15, 25],
}
print("\nP(affair) along a life, with 95% intervals:")
print(fit.predict(couples).round(3))

# Judged out of sample: every row is predicted as a fit without it would predict it (leave-one-out from the leverages).
calibration = fit.calibration()
print("\n", calibration, sep="")

total = fit.expected_total()
print(f"\nExpected number among the 6 366: {total}")

axes = plg.plots.forest({"MLE": fit})
axes.figure.savefig(Path("affairs_forest.png"), dpi=150)
print("\nWrote affairs_forest.png")
