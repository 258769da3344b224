"""A full maximum-likelihood report, side by side with R: standard errors, profile intervals, a test of every term.

    python benchmarks/profile_speed.py [--rows 1000] [--terms 50] [--repeats 3] [--seed 0]

R, where `Rscript` is found, runs glm(), confint() (which interpolates the profile) and drop1(test = "LRT") on the same
numbers, timed inside R without start-up and reading. Printed: median seconds, the ratio to problogit, and the largest
difference of profile ends relative to the width of the interval.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import problogit as plg

R_SCRIPT = """
data <- read.csv("data.csv")
seconds <- c()
for (i in 1:{repeats}) {{
  seconds <- c(seconds, system.time({{
    fit <- glm(y ~ ., binomial, data, control = glm.control(epsilon = 1e-10))
    table <- coef(summary(fit))
    ends <- suppressMessages(confint(fit))
    tests <- drop1(fit, test = "LRT")
  }})[["elapsed"]])
}}
cat(sprintf("%.6f", median(seconds)), "\\n")
write.csv(ends, "ends.csv")
"""


def make_data(rows: int, terms: int, seed: int) -> pd.DataFrame:
    """Standard normal columns, moderate effects."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, terms))
    eta = X @ (rng.normal(size=terms) / np.sqrt(terms)) - 0.5
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(terms)])
    return frame.assign(y=(rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(int))


def ours(data: pd.DataFrame) -> pd.DataFrame:
    fit = plg.fit(f"y ~ {' + '.join(data.columns[:-1])}", data)
    table = fit.summary(interval="profile")
    fit.summary(terms=True)
    return table


def with_r(data: pd.DataFrame, repeats: int) -> tuple[float, np.ndarray]:
    """Median seconds and profile ends (term, 2)."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        data.to_csv(place / "data.csv", index=False, float_format="%.17g")
        (place / "report.R").write_text(R_SCRIPT.format(repeats=repeats))
        done = subprocess.run(["Rscript", "report.R"], cwd=place, capture_output=True, text=True, check=True)
        ends = pd.read_csv(place / "ends.csv", index_col=0).to_numpy()
    return float(json.loads(done.stdout.split()[0])), ends


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--terms", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    data = make_data(chosen.rows, chosen.terms, chosen.seed)
    ours(data.head(300)[["x0", "x1", "y"]])  # imports are not part of the race
    times = []
    for _ in range(chosen.repeats):
        began = time.perf_counter()
        table = ours(data)
        times.append(time.perf_counter() - began)
    reference = statistics.median(times)
    print(f"{chosen.rows:,} rows x {chosen.terms} columns, seed {chosen.seed}, median of {chosen.repeats}")
    print(f"{'problogit':28}{reference:9.3f} s")
    if shutil.which("Rscript") is None:
        print("R: not run (no Rscript)")
        return
    seconds, ends = with_r(data, chosen.repeats)
    found = table[["lower", "upper"]].to_numpy()
    away = np.abs(found - ends) / (found[:, 1] - found[:, 0])[:, None]
    ratio = f"ratio {seconds / reference:.1f}   ends differ by {away.max():.0e} of the width"
    print(f"{'R glm, confint, drop1':28}{seconds:9.3f} s   {ratio}")


if __name__ == "__main__":
    main()
