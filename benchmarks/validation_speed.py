"""Seconds of 300 bootstrap refits with twelve figures each, judged on the resample and on the data.

    OMP_NUM_THREADS=1 python benchmarks/validation_speed.py [--rows 2000] [--columns 10] [--resamples 300]

R's `rms::validate` on the same table, where R and rms are installed: write the table by `--csv FILE`, then

    Rscript -e 'library(rms); d <- read.csv("FILE"); f <- lrm(y ~ ., data = d, x = TRUE, y = TRUE);
                print(system.time(validate(f, B = 300)))'
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from scipy.special import expit

import problogit as plg


def main() -> None:
    """Print the best of three runs of each method."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=2000)
    options.add_argument("--columns", type=int, default=10)
    options.add_argument("--resamples", type=int, default=300)
    options.add_argument("--csv")
    chosen = options.parse_args()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(chosen.rows, chosen.columns))
    y = (rng.random(chosen.rows) < expit(X[:, :4].sum(axis=1) / 2 - 1)).astype(int)
    if chosen.csv:
        pd.DataFrame(X, columns=[f"x{j}" for j in range(chosen.columns)]).assign(y=y).to_csv(
            chosen.csv, index=False
        )
    model = plg.LogitModel.from_arrays(X, y, event=1)
    for method in (plg.MLE(), plg.Penalized(plg.Normal(1.0))):
        fit, seconds = model.fit(method), []
        for _ in range(3):
            started = time.perf_counter(), time.process_time()
            fit.validate(resamples=chosen.resamples, resample="bootstrap", progress=False)
            seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        wall, processor = np.min(seconds, axis=0)
        print(f"{method.describe()}: {wall:.2f} s, of the processor {processor:.2f} s")


if __name__ == "__main__":
    main()
