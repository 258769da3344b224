"""A probability used as is: a dog that barks on 5% of nights barks on about 18 nights a year.

The expected count is the sum of the probabilities. Its interval holds both what chance does on each night and what we
do not know about the probability itself; the second part is what a plain binomial interval leaves out.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

import problogit as plg

rng = np.random.default_rng(3)
nights = 200  # nights observed so far
windy = rng.random(nights) < 0.3
bark = rng.random(nights) < np.where(windy, 0.11, 0.025)
diary = pd.DataFrame({"bark": bark, "windy": windy.astype(int)})

fit = plg.fit("bark ~ windy", diary, plg.Bayes(plg.Normal(1.5), rng=1))
print(fit)

print("\nP(bark) on a calm and on a windy night:")
print(fit.predict({"windy": [0, 1]}).round(3))

year = pd.DataFrame({"windy": np.repeat([0, 1], [255, 110])})
total = fit.expected_total(year)
print(f"\nNights with barking in a year of 110 windy nights: {total}")

print(fit.expected_totals("windy", year))

cost = fit.expected_total(year, value=12.5)
print(f"At 12.50 a complaint, one complaint a night: {cost}")

constant = plg.fit("bark ~ 1", {"bark": [1] * 18 + [0] * 347})
print("\nAnd the plain case, 18 of 365 nights:")
print(constant.predict({"night": [1]}).round(4))
print(f"Next year: {constant.expected_total(pd.DataFrame({'night': range(365)}))}")
